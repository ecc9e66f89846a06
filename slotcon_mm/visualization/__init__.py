"""Drawings of groups."""

from slotcon_mm.visualization.overlay import color_of, color_table, overlay_groups
from slotcon_mm.visualization.tolerant_vis_backend import TolerantVisBackend

__all__ = ["TolerantVisBackend", "color_of", "color_table", "overlay_groups"]
