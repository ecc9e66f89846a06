"""From picture files to pairs of views."""

from slotcon_mm.datasets.load_picture import LoadPicture
from slotcon_mm.datasets.paired_views import PairedViews
from slotcon_mm.datasets.picture_folder import PictureFolder

__all__ = ["LoadPicture", "PairedViews", "PictureFolder"]
