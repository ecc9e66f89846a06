"""SlotCon for MMPretrain and MMEngine: pretraining on unlabelled pictures of scenes.

models         the algorithm and its parts; models.functional is the mathematics
datasets       picture files to pairs of views; label maps; generated scenes
engine         optimizer, schedule, hooks, checkpoints, launching
dataset_check  every picture looked at once
evaluation     scores of groups against labels; the table of transfer results
weights        to and from the authors' code, torchvision, timm, Detectron2
visualization  what the groups are: overlays and the sheet of prototypes
quickstart     the ten-minute tour

``SlotInferencer`` groups pictures: files, folders, arrays or addresses.

Configs name the parts as ``slotcon_mm.SlotCon`` and so on; the registries import what they need.
"""

from typing import Any

from slotcon_mm.requirements import require

require("mmengine", "mmcv", "mmpretrain", purpose="slotcon_mm")

from slotcon_mm.checkpoints.addresses import register_safe_addresses  # noqa: E402
from slotcon_mm.checkpoints.safe_loading import register_safe_loader  # noqa: E402
from slotcon_mm.host_fixes import apply_host_fixes  # noqa: E402

apply_host_fixes()
register_safe_loader()
register_safe_addresses()

__all__ = ["SlotInferencer", "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "SlotInferencer":  # imported when asked for: it needs the models, most uses of the package do not
        from slotcon_mm.inference.inferencer import SlotInferencer

        return SlotInferencer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
