"""Says in words when a run is collapsing."""

from __future__ import annotations

import math
from typing import Any

import torch
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from slotcon_mm.checks import expect_positive
from slotcon_mm.engine.model_of import model_of
from slotcon_mm.models.functional import feature_rank
from slotcon_mm.registry import HOOKS

__all__ = ["CollapseMonitorHook", "signs_of_collapse"]

FEW_SLOTS, FEW_PROTOTYPES, LOW_RANK, LARGE_CENTER = 1.5, 1.5, 2.0, 0.95
IMAGES = 16


@HOOKS.register_module()
class CollapseMonitorHook(Hook):
    """After every ``interval``-th epoch: warns if the run shows signs of collapse twice in a row.

    It reads the scalars that every log line has, and adds ``feature_rank``: of the teacher's pixel features of one
    batch's first images.

    Args:
        interval: In epochs.
    """

    priority = "LOW"

    def __init__(self, interval: int = 1) -> None:
        expect_positive(interval=interval)
        self.interval = interval
        self.signs_before = False
        self.batch: Any = None

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self.batch = data_batch

    @master_only
    def after_train_epoch(self, runner: Runner) -> None:
        if not self.every_n_epochs(runner, self.interval) or self.batch is None:
            return
        model = model_of(runner)
        hub, steps = runner.message_hub, len(runner.train_dataloader)
        means = {
            name: float(hub.get_scalar(f"train/{name}").mean(steps))
            for name in ("slots_per_view", "prototype_perplexity", "center_norm")
        }
        rank = float(feature_rank(pixel_features(model, self.batch)))
        hub.update_scalar("train/feature_rank", rank)
        signs = signs_of_collapse(**means, feature_rank=rank, num_prototypes=model.neck.num_prototypes)
        if signs and self.signs_before:
            runner.logger.warning(
                f"this run seems to be collapsing: {'; '.join(signs)}. Look at the learning rate (too high?), the "
                "warm-up, teacher_momentum and teacher_temperature, and at whether the images differ"
            )
        self.signs_before = bool(signs)


def signs_of_collapse(
    *, slots_per_view: float, prototype_perplexity: float, center_norm: float, feature_rank: float, num_prototypes: int
) -> list[str]:
    """What is wrong, in words; empty for a healthy run.

    The thresholds lie between runs made to collapse (one slot, perplexity 1, rank 1, center norm sqrt(K)) and the
    lowest values that healthy small runs pass through in their first hundreds of steps (3.5 prototypes, rank 5).
    """
    signs = []
    if not all(map(math.isfinite, (slots_per_view, prototype_perplexity, center_norm, feature_rank))):
        return ["a scalar is not finite"]
    if slots_per_view < FEW_SLOTS:
        signs.append(f"views have {slots_per_view:.1f} slots that count: nearly all pixels fall into one group")
    if prototype_perplexity < FEW_PROTOTYPES:
        signs.append(f"{prototype_perplexity:.1f} of {num_prototypes} prototypes are in use")
    if feature_rank < LOW_RANK:
        signs.append(f"pixel features have an effective rank of {feature_rank:.1f}: they are nearly all alike")
    if center_norm > LARGE_CENTER * num_prototypes**0.5:
        signs.append(f"the center's norm is {center_norm:.1f} of at most {num_prototypes**0.5:.1f}: scores are alike")
    return signs


@torch.no_grad()
def pixel_features(model: Any, batch: dict[str, Any]) -> Tensor:
    """(N, D) of the teacher, for the first images of a training batch; no state changes."""
    was_training = model.training
    model.eval()
    views = [view[:IMAGES] for view in batch["inputs"][:1]]
    inputs = model.data_preprocessor(dict(inputs=views))["inputs"][0]
    features = model.teacher.neck.project(model.teacher.backbone(inputs))
    model.train(was_training)
    return features.float().flatten(2).transpose(1, 2).flatten(0, 1)
