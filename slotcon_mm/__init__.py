"""SlotCon for MMPretrain and MMEngine: pretraining on unlabelled pictures of scenes.

models      the algorithm and its parts; models.functional is the mathematics
datasets    picture files to pairs of views; generated scenes
engine      optimizer, schedule, hooks, checkpoints, launching
evaluation  scores of groups against labels
quickstart  the ten-minute tour

Configs name the parts as ``slotcon_mm.SlotCon`` and so on; the registries import what they need.
"""

from slotcon_mm.requirements import require

require("mmengine", "mmcv", "mmpretrain", purpose="slotcon_mm")

from slotcon_mm.engine.checkpoint_loading import register_safe_loader  # noqa: E402
from slotcon_mm.host_fixes import apply_host_fixes  # noqa: E402

apply_host_fixes()
register_safe_loader()

__all__ = ["__version__"]
__version__ = "0.1.0"
