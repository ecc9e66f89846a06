"""From picture files to pairs of views, and to pictures with label maps."""

from slotcon_mm.datasets.evaluation_transforms import CentreCrop, LoadLabels, ResizeShortSide
from slotcon_mm.datasets.labelled_folder import LabelledFolder
from slotcon_mm.datasets.load_picture import LoadPicture
from slotcon_mm.datasets.numbered_batches import NumberedBatchSampler
from slotcon_mm.datasets.paired_views import PairedViews
from slotcon_mm.datasets.picture_folder import PictureFolder
from slotcon_mm.datasets.seeded_dataset import SeededDataset

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
