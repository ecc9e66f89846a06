"""Optimizer, schedule, hooks, checkpoints and launching."""

from slotcon_mm.engine.blocking_finite_guard_hook import BlockingFiniteGuardHook
from slotcon_mm.engine.checkpoint_hook import PlainCheckpointHook
from slotcon_mm.engine.collapse_monitor_hook import CollapseMonitorHook
from slotcon_mm.engine.device_scalars_hook import DeviceScalarsHook
from slotcon_mm.engine.final_precise_bn_hook import FinalPreciseBNHook
from slotcon_mm.engine.finite_guard_hook import FiniteGuardHook
from slotcon_mm.engine.group_visualization_hook import GroupVisualizationHook
from slotcon_mm.engine.lars import LARS
from slotcon_mm.engine.pixel_clusters_hook import PixelClustersHook
from slotcon_mm.engine.placed_train_loop import PlacedIterTrainLoop
from slotcon_mm.engine.rank_agreement_hook import RankAgreementHook
from slotcon_mm.engine.sample_seed_hook import SampleSeedHook
from slotcon_mm.engine.schedule import WarmupCosineLR
from slotcon_mm.engine.step_seed_hook import StepSeedHook
from slotcon_mm.engine.teacher_steps_hook import TeacherStepsHook
from slotcon_mm.engine.throughput_hook import ThroughputHook
from slotcon_mm.engine.unreadable_pictures_hook import UnreadablePicturesHook

__all__ = [
    "LARS",
    "BlockingFiniteGuardHook",
    "CollapseMonitorHook",
    "DeviceScalarsHook",
    "FinalPreciseBNHook",
    "FiniteGuardHook",
    "GroupVisualizationHook",
    "PixelClustersHook",
    "PlacedIterTrainLoop",
    "PlainCheckpointHook",
    "RankAgreementHook",
    "SampleSeedHook",
    "StepSeedHook",
    "TeacherStepsHook",
    "ThroughputHook",
    "UnreadablePicturesHook",
    "WarmupCosineLR",
]
