"""Pictures of groups."""

from slotcon_mm.visualization.overlay import colour_of, colour_table, overlay_groups

__all__ = ["colour_of", "colour_table", "overlay_groups"]
