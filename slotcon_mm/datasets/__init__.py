"""From image files to pairs of views, and to images with label maps."""

from slotcon_mm.datasets.label_map_dataset import LabelMapDataset
from slotcon_mm.datasets.sampling.numbered_batch_sampler import NumberedBatchSampler
from slotcon_mm.datasets.sampling.seeded_dataset import SeededDataset
from slotcon_mm.datasets.transforms.check_label_map import CheckLabelMap
from slotcon_mm.datasets.transforms.evaluation_transforms import (
    CenterCrop,
    LoadInstances,
    LoadLabels,
    ResizeShortSide,
    Squash,
)
from slotcon_mm.datasets.transforms.load_image import LoadImage
from slotcon_mm.datasets.transforms.load_labeled_image import LoadLabeledImage
from slotcon_mm.datasets.transforms.paired_views import PairedViews
from slotcon_mm.datasets.unlabeled_image_dataset import UnlabeledImageDataset

__all__ = [
    "CenterCrop",
    "CheckLabelMap",
    "LabelMapDataset",
    "LoadImage",
    "LoadInstances",
    "LoadLabeledImage",
    "LoadLabels",
    "NumberedBatchSampler",
    "PairedViews",
    "ResizeShortSide",
    "SeededDataset",
    "Squash",
    "UnlabeledImageDataset",
]
