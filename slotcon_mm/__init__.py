"""SlotCon for MMPretrain and MMEngine: pretraining on images of scenes without labels.

The rooms, from the top floor down; a room imports rooms below it only (README.md beside this file is the map):

adaptation     from existing weights to better ones for your images, and the verdict
quickstart     the ten-minute tour, and what it shows
inference      images in, groups out; the gallery of prototypes
launch         from a config and the command line to a run
engine         hooks, optimizer and schedule, loops
visualization  overlays and pages
evaluation     scores of groups and of frozen features against labels
checkpoints    files of weights, ours and other libraries'
datasets       image files to pairs of views; label maps; generated scenes
models         the algorithm and its parts; models.functional is the mathematics

``SlotInferencer`` groups images: files, folders, arrays or addresses. ``pretrain``, ``adapt``, ``evaluate`` and
``export`` are the commands of these names as functions.

Configs name the parts as ``slotcon_mm.SlotCon`` and so on; the registries import what they need.
"""

from typing import Any

from slotcon_mm.requirements import require

require("mmengine", "mmcv", "mmpretrain", purpose="slotcon_mm")

from slotcon_mm.checkpoints.addresses import register_safe_addresses  # noqa: E402
from slotcon_mm.checkpoints.safe_loading import register_safe_loader  # noqa: E402
from slotcon_mm.checkpoints.timm_weights import register_timm_weights  # noqa: E402
from slotcon_mm.host_fixes import apply_host_fixes  # noqa: E402

apply_host_fixes()
register_safe_loader()
register_safe_addresses()
register_timm_weights()

__all__ = ["SlotInferencer", "__version__", "adapt", "evaluate", "export", "pretrain"]
__version__ = "0.2.0.dev0"

CALLS = ("adapt", "evaluate", "export", "pretrain")


def __getattr__(name: str) -> Any:
    # imported when asked for: they need models and runners, most uses of the package do not
    if name == "SlotInferencer":
        from slotcon_mm.inference.inferencer import SlotInferencer

        return SlotInferencer
    if name in CALLS:
        from slotcon_mm import calls

        return getattr(calls, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
