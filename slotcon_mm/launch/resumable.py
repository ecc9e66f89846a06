"""What any config needs so that a run can be resumed exactly, and ends rather than hangs."""

from __future__ import annotations

from typing import Any

from mmengine.config import Config

from slotcon_mm.launch.configs import is_pretraining
from slotcon_mm.visualization.tolerant_vis_backend import tolerate_failing_backends

__all__ = ["WAIT_SECONDS", "make_resumable"]

WAIT_SECONDS = 600  # for a batch of a worker, or for another process

PLACED = "slotcon_mm.PlacedIterTrainLoop"
DEVICE_GUARD = "slotcon_mm.FiniteGuardHook"
SAMPLERS = ("DefaultSampler", "InfiniteSampler")
BATCH_SAMPLERS = ("AspectRatioBatchSampler", "NumberedBatchSampler")
OWN_HOOKS = ("StepSeedHook", "RankAgreementHook")


def make_resumable(config: Config, *, resumed_iteration: int = 0) -> list[str]:
    """Changes a training config in place; returns lines for the log.

    Pretraining configs have it all written out. Of mmdet's and mmseg's: checkpoints become plain and atomic, samples
    and steps are seeded by their place in the run, a loop by iterations goes on at its place, and a step with gradients
    that are not finite is refused. In all: loaders and processes wait for no longer than ``WAIT_SECONDS``, and a
    visualizer's backend that fails does not end the run.
    """
    tolerate_failing_backends(config.get("visualizer"))
    loader = config.get("train_dataloader")
    if not loader:
        return []
    if loader.get("num_workers", 0) > 0:
        loader.setdefault("timeout", WAIT_SECONDS)
    environment = config.get("env_cfg") or {}
    processes = {"backend": "nccl", "timeout": WAIT_SECONDS, **environment.get("dist_cfg", {})}
    config.env_cfg = {**environment, "dist_cfg": processes}
    if is_pretraining(config):
        if config.optim_wrapper.optimizer.type != "slotcon_mm.LARS":
            for hook in config.get("custom_hooks") or []:
                # other optimizers cannot stand still by a flag on the device
                hook.type = "slotcon_mm.BlockingFiniteGuardHook" if hook.type == DEVICE_GUARD else hook.type
        return []
    checkpoint_hook = config.get("default_hooks", {}).get("checkpoint", {})
    if checkpoint_hook.get("type") == "CheckpointHook":
        checkpoint_hook["type"] = "slotcon_mm.PlainCheckpointHook"
    notes = []
    if strange := samplers_of_others(loader):
        notes.append(
            f"{strange}: its batches are not numbered, so that a resumed run will draw other samples than one at once"
        )
    else:
        number_batches(loader, start=resumed_iteration if place_loop(config.train_cfg, loader) else 0)
    hooks = config.get("custom_hooks") or []
    known = {hook["type"] for hook in hooks}
    added = [f"slotcon_mm.{name}" for name in (*OWN_HOOKS, "BlockingFiniteGuardHook")]
    config.custom_hooks = [*hooks, *(dict(type=name) for name in added if name not in known)]
    return notes


def samplers_of_others(loader: Any) -> str | None:
    """A sampler or batch sampler that is none of those whose order is known to be a function of seed and epoch."""
    for key, known in (("sampler", SAMPLERS), ("batch_sampler", BATCH_SAMPLERS)):
        kind = (loader.get(key) or {}).get("type")
        if kind is not None and str(kind).rpartition(".")[2] not in known:
            return f"{key} {kind}"
    return None


def place_loop(train_cfg: Any, loader: Any) -> bool:
    """Whether the run is one of iterations over an endless sampler, whose loop then skips nothing by reading it.

    An iteration loop over a sampler with an end (DefaultSampler) keeps MMEngine's way: exact, but what was read before
    is read again.
    """
    by_iterations = train_cfg.get("type") in ("IterBasedTrainLoop", PLACED) or not train_cfg.get("by_epoch", True)
    if not by_iterations or not str(loader.get("sampler", {}).get("type")).endswith("InfiniteSampler"):
        return False
    train_cfg.pop("by_epoch", None)
    train_cfg["type"] = PLACED
    return True


def number_batches(loader: Any, *, start: int) -> None:
    """Puts the dataset into a SeededDataset and the batches into a NumberedBatchSampler."""
    if loader.get("dataset", {}).get("type") == "slotcon_mm.SeededDataset":
        loader.batch_sampler.start = start  # the config that a run left in its work dir
        return
    loader.dataset = dict(type="slotcon_mm.SeededDataset", dataset=loader.dataset)
    batches = dict(type="slotcon_mm.NumberedBatchSampler", start=start, drop_last=loader.pop("drop_last", False))
    if loader.get("batch_sampler"):
        batches["batch_sampler"] = loader.pop("batch_sampler")
    loader.batch_sampler = batches
