"""Optimizer, schedule, hooks, checkpoints and launching."""

from slotcon_mm.engine.checkpoint_hook import PlainCheckpointHook
from slotcon_mm.engine.collapse_monitor_hook import CollapseMonitorHook
from slotcon_mm.engine.final_precise_bn_hook import FinalPreciseBNHook
from slotcon_mm.engine.group_visualization_hook import GroupVisualizationHook
from slotcon_mm.engine.lars import LARS
from slotcon_mm.engine.pixel_clusters_hook import PixelClustersHook
from slotcon_mm.engine.sample_seed_hook import SampleSeedHook
from slotcon_mm.engine.schedule import WarmupCosineLR
from slotcon_mm.engine.teacher_steps_hook import TeacherStepsHook
from slotcon_mm.engine.throughput_hook import ThroughputHook

__all__ = [
    "LARS",
    "CollapseMonitorHook",
    "FinalPreciseBNHook",
    "GroupVisualizationHook",
    "PixelClustersHook",
    "PlainCheckpointHook",
    "SampleSeedHook",
    "TeacherStepsHook",
    "ThroughputHook",
    "WarmupCosineLR",
]
