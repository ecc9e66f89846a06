"""Precise batch-norm statistics once, at the end of training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner
from mmpretrain.engine.hooks.precise_bn_hook import update_bn_stats
from torch import Tensor, nn
from torch.utils.data import DataLoader

from slotcon_mm.checkpoints.run_facts import batch_size_of
from slotcon_mm.checks import expect_positive
from slotcon_mm.engine.model_of import model_of
from slotcon_mm.registry import HOOKS

__all__ = ["FinalPreciseBNHook"]


@HOOKS.register_module()
class FinalPreciseBNHook(Hook):
    """Replaces running BN statistics by the mean over many training batches, before the last checkpoint is written.

    As Detectron2's PRECISE_BN does for the published detection results: training-mode forwards *with* annotations (so
    that the heads see sampled regions as in training), weights fixed. mmpretrain's ``update_bn_stats`` does the work;
    its own hook reads ``DataLoader.batch_size``, which is None with mmdet's batch sampler.

    Args:
        num_samples: Images to average over, on all processes (Detectron2: 200 batches of 16).
    """

    priority = "ABOVE_NORMAL"

    def __init__(self, num_samples: int = 200 * 16) -> None:
        expect_positive(num_samples=num_samples)
        self.num_samples = num_samples

    def after_train_epoch(self, runner: Runner) -> None:
        if isinstance(runner.train_loop, EpochBasedTrainLoop) and self.is_last_train_epoch(runner):
            self.update(runner, runner.train_loop.dataloader)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        if not isinstance(runner.train_loop, EpochBasedTrainLoop) and self.is_last_train_iter(runner):
            # the loop's own iterator goes on: a second one beside it would fill mmdet's batch sampler for ever
            self.update(runner, runner.train_loop.dataloader_iterator)

    def update(self, runner: Runner, batches: Iterable[Any]) -> None:
        model = model_of(runner)
        loader = LoaderWithBatchSize(runner.train_loop.dataloader, batches)
        # at least a batch on each process: update_bn_stats would set the statistics to 0 after none
        num_samples = max(self.num_samples, loader.batch_size * get_world_size())
        update_bn_stats(TrainingForward(model), loader, num_samples, logger=runner.logger)


class LoaderWithBatchSize:
    """``batches`` of a loader, with its length and, for any batch sampler, its batch size."""

    def __init__(self, loader: DataLoader, batches: Iterable[Any]) -> None:
        self.loader, self.batches = loader, batches
        self.batch_size = batch_size_of(loader)

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.batches)


class TrainingForward(nn.Module):
    """A detector or segmentor whose forward is the one of training."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def data_preprocessor(self, data: Any, training: bool) -> Any:
        return self.model.data_preprocessor(data, training)

    def forward(self, **data: Any) -> dict[str, Tensor]:
        return self.model(**data, mode="loss")
