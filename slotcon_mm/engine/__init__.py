"""Hooks, optimizers, schedules and loops."""

from slotcon_mm.engine.hooks.blocking_finite_guard_hook import BlockingFiniteGuardHook
from slotcon_mm.engine.hooks.checkpoint_hook import PlainCheckpointHook
from slotcon_mm.engine.hooks.collapse_monitor_hook import CollapseMonitorHook
from slotcon_mm.engine.hooks.device_scalars_hook import DeviceScalarsHook
from slotcon_mm.engine.hooks.final_precise_bn_hook import FinalPreciseBNHook
from slotcon_mm.engine.hooks.finite_guard_hook import FiniteGuardHook
from slotcon_mm.engine.hooks.frozen_prototypes_hook import FrozenPrototypesHook
from slotcon_mm.engine.hooks.group_visualization_hook import GroupVisualizationHook
from slotcon_mm.engine.hooks.heads_first_hook import HeadsFirstHook
from slotcon_mm.engine.hooks.interim_checkpoint_hook import InterimCheckpointHook
from slotcon_mm.engine.hooks.pixel_clusters_hook import PixelClustersHook
from slotcon_mm.engine.hooks.prototype_start_hook import PrototypeStartHook
from slotcon_mm.engine.hooks.rank_agreement_hook import RankAgreementHook
from slotcon_mm.engine.hooks.sample_seed_hook import SampleSeedHook
from slotcon_mm.engine.hooks.start_guard_hook import StartGuardHook
from slotcon_mm.engine.hooks.step_seed_hook import StepSeedHook
from slotcon_mm.engine.hooks.teacher_steps_hook import TeacherStepsHook
from slotcon_mm.engine.hooks.throughput_hook import ThroughputHook
from slotcon_mm.engine.hooks.unreadable_images_hook import UnreadableImagesHook
from slotcon_mm.engine.loops.frozen_feature_loop import FrozenFeatureLoop
from slotcon_mm.engine.loops.placed_epoch_train_loop import PlacedEpochTrainLoop
from slotcon_mm.engine.loops.placed_iter_train_loop import PlacedIterTrainLoop
from slotcon_mm.engine.optimizers.clipped_adamw import ClippedAdamW
from slotcon_mm.engine.optimizers.lars import LARS
from slotcon_mm.engine.optimizers.layer_decay import LayerDecayConstructor
from slotcon_mm.engine.optimizers.schedule import WarmupCosineLR
from slotcon_mm.engine.optimizers.weight_decay_schedule import CosineWeightDecay

__all__ = [
    "LARS",
    "BlockingFiniteGuardHook",
    "ClippedAdamW",
    "CollapseMonitorHook",
    "CosineWeightDecay",
    "DeviceScalarsHook",
    "FinalPreciseBNHook",
    "FiniteGuardHook",
    "FrozenFeatureLoop",
    "FrozenPrototypesHook",
    "GroupVisualizationHook",
    "HeadsFirstHook",
    "InterimCheckpointHook",
    "LayerDecayConstructor",
    "PixelClustersHook",
    "PlacedEpochTrainLoop",
    "PlacedIterTrainLoop",
    "PlainCheckpointHook",
    "PrototypeStartHook",
    "RankAgreementHook",
    "SampleSeedHook",
    "StartGuardHook",
    "StepSeedHook",
    "TeacherStepsHook",
    "ThroughputHook",
    "UnreadableImagesHook",
    "WarmupCosineLR",
]
