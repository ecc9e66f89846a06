"""The algorithm and its parts; ``functional`` holds the mathematics."""

from slotcon_mm.models.algorithms.linear_probe import LinearProbe
from slotcon_mm.models.algorithms.slotcon import SlotCon
from slotcon_mm.models.algorithms.slotmim import SlotMIM
from slotcon_mm.models.algorithms.teacher import Teacher
from slotcon_mm.models.backbones.masked_vision_transformer import MaskedVisionTransformer
from slotcon_mm.models.backbones.register_vision_transformer import RegisterVisionTransformer
from slotcon_mm.models.backbones.timm_features import TimmFeatures
from slotcon_mm.models.backbones.windowed_vision_transformer import WindowedVisionTransformer
from slotcon_mm.models.heads.group_head import GroupLossHead
from slotcon_mm.models.heads.slot_head import SlotLossHead
from slotcon_mm.models.necks.grouping_neck import Grouping, GroupingNeck
from slotcon_mm.models.necks.simple_feature_pyramid import SimpleFeaturePyramid
from slotcon_mm.models.preprocessing.view_preprocessor import ViewPreprocessor

__all__ = [
    "GroupLossHead",
    "Grouping",
    "GroupingNeck",
    "LinearProbe",
    "MaskedVisionTransformer",
    "RegisterVisionTransformer",
    "SimpleFeaturePyramid",
    "SlotCon",
    "SlotLossHead",
    "SlotMIM",
    "Teacher",
    "TimmFeatures",
    "ViewPreprocessor",
    "WindowedVisionTransformer",
]
