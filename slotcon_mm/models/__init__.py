"""The algorithm and its parts; ``functional`` holds the mathematics."""

from slotcon_mm.models.group_head import GroupLossHead
from slotcon_mm.models.grouping import Grouping, GroupingNeck
from slotcon_mm.models.linear_probe import LinearProbe
from slotcon_mm.models.slot_head import SlotLossHead
from slotcon_mm.models.slotcon import SlotCon
from slotcon_mm.models.teacher import Teacher
from slotcon_mm.models.view_preprocessor import ViewPreprocessor

__all__ = [
    "GroupLossHead",
    "Grouping",
    "GroupingNeck",
    "LinearProbe",
    "SlotCon",
    "SlotLossHead",
    "Teacher",
    "ViewPreprocessor",
]
