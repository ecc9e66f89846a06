"""Checks that all ranks train the same model on the same images."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.dist import all_gather_object, all_reduce, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from slotcon_mm.checkpoints.run_facts import dataset_fingerprint
from slotcon_mm.checks import RunStoppedError, listing
from slotcon_mm.engine.model_of import model_of
from slotcon_mm.models.layers.batch_norm import MaskedBatchNorm1d, SyncBatchNorm
from slotcon_mm.registry import HOOKS

__all__ = ["RankAgreementHook", "checksums", "expect_same_on_all_ranks", "shared_state"]

INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
SHARING_NORMS = (nn.SyncBatchNorm, SyncBatchNorm, MaskedBatchNorm1d)


@HOOKS.register_module()
class RankAgreementHook(Hook):
    """Before training, all ranks must list the same images; after each epoch, hold the same weights.

    Compared are a hash of each list, and a sum of each tensor's bits: parameters, and the buffers that are the same on
    all ranks by construction (BN statistics of a rank's own are not). Two small messages an epoch.
    """

    def before_train(self, runner: Runner) -> None:
        dataset: Any = runner.train_dataloader.dataset
        expect_same_on_all_ranks("list of training images", f"{len(dataset)} ({dataset_fingerprint(dataset)})")

    def after_train_epoch(self, runner: Runner) -> None:
        if get_world_size() == 1:
            return
        model = model_of(runner)
        state = shared_state(model)
        lowest = checksums(state.values())
        highest = lowest.clone()
        all_reduce(lowest, op="min")
        all_reduce(highest, op="max")
        differing = [name for name, differs in zip(state, (lowest != highest).tolist(), strict=True) if differs]
        if differing:
            raise RunStoppedError(
                f"expected the same weights on all {get_world_size()} ranks after epoch {runner.epoch + 1}, got "
                f"different ones in {listing(differing, most=5)}. Do not trust what this epoch computed; --resume "
                "continues from the last checkpoint"
            )


def expect_same_on_all_ranks(what: str, value: str) -> None:
    """RunStoppedError with every rank's value if they differ; a call for all ranks."""
    values = all_gather_object(value)
    if len(set(values)) > 1:
        found = "; ".join(f"rank {rank}: {text}" for rank, text in enumerate(values))
        raise RunStoppedError(f"expected the same {what} on all ranks, got {found}")


def shared_state(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers that must be equal on all ranks, by name."""
    own = {
        id(buffer)
        for layer in model.modules()
        if isinstance(layer, _BatchNorm) and not isinstance(layer, SHARING_NORMS)
        for buffer in layer.buffers(recurse=False)
    }
    buffers = {name: buffer for name, buffer in model.named_buffers() if id(buffer) not in own}
    return {**dict(model.named_parameters()), **buffers}


@torch.no_grad()
def checksums(tensors: Any) -> Tensor:
    """(T,) int64: each tensor's bits, taken as integers and summed, which does not depend on the order."""
    sums = [t.detach().contiguous().view(INTEGERS[t.element_size()]).sum(dtype=torch.int64) for t in tensors]
    return torch.stack(sums)
