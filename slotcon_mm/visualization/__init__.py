"""Pictures of groups."""

from slotcon_mm.visualization.overlay import colour_of, colour_table, overlay_groups
from slotcon_mm.visualization.tolerant_vis_backend import TolerantVisBackend

__all__ = ["TolerantVisBackend", "colour_of", "colour_table", "overlay_groups"]
