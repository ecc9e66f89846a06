"""From picture files to pairs of views, and to pictures with label maps."""

from slotcon_mm.datasets.transforms.evaluation_transforms import CentreCrop, LoadLabels, ResizeShortSide
from slotcon_mm.datasets.label_map_dataset import LabelledFolder
from slotcon_mm.datasets.transforms.load_image import LoadPicture
from slotcon_mm.datasets.sampling.numbered_batch_sampler import NumberedBatchSampler
from slotcon_mm.datasets.transforms.paired_views import PairedViews
from slotcon_mm.datasets.unlabeled_image_dataset import PictureFolder
from slotcon_mm.datasets.sampling.seeded_dataset import SeededDataset

__all__ = [
    "CentreCrop",
    "LabelledFolder",
    "LoadLabels",
    "LoadPicture",
    "NumberedBatchSampler",
    "PairedViews",
    "PictureFolder",
    "ResizeShortSide",
    "SeededDataset",
]
