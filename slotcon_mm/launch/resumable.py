"""What any config needs so that a run can be resumed exactly, and ends rather than hangs."""

from __future__ import annotations

from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.registry import OPTIMIZERS

from slotcon_mm.config_nodes import short_type
from slotcon_mm.launch.configs import is_pretraining
from slotcon_mm.launch.leftovers import found_in
from slotcon_mm.visualization.tolerant_vis_backend import tolerate_failing_backends

__all__ = ["LOADER_WAIT_SECONDS", "PROCESSES_WAIT_SECONDS", "make_resumable"]

LOADER_WAIT_SECONDS = 600  # for a batch of a worker
PROCESSES_WAIT_SECONDS = 900  # for one another: longer, so that a loader's message comes first where it is the cause

EPOCH_LOOP, ITER_LOOP = "slotcon_mm.PlacedEpochTrainLoop", "slotcon_mm.PlacedIterTrainLoop"
LOOPS = {
    "EpochBasedTrainLoop": EPOCH_LOOP,
    "IterBasedTrainLoop": ITER_LOOP,
    "PlacedEpochTrainLoop": EPOCH_LOOP,
    "PlacedIterTrainLoop": ITER_LOOP,
}
DEVICE_GUARD = "FiniteGuardHook"
SAMPLERS = ("DefaultSampler", "InfiniteSampler")
BATCH_SAMPLERS = ("AspectRatioBatchSampler", "NumberedBatchSampler")
OWN_HOOKS = ("StepSeedHook", "RankAgreementHook")


def make_resumable(config: Config, *, resumed_iteration: int = 0, minutes: float | None = None) -> list[str]:
    """Changes a training config in place; returns lines for the log.

    In all configs: a signal, or ``minutes`` of the clock, bring an interim checkpoint; loops count optimizer steps and
    begin at their place; batches can be left out unread; loaders and processes do not wait for ever; and a visualizer's
    backend that fails does not end the run. Pretraining configs have the rest written out. Of mmdet's and mmseg's:
    checkpoints become plain and atomic, samples and steps are seeded by their place in the run, and a step with
    gradients that are not finite is refused.

    Raises:
        ValueError: A pretraining goes by iterations.
    """
    tolerate_failing_backends(config.get("visualizer"))
    loader = config.get("train_dataloader")
    if not loader:
        return []
    loop = config.get("train_cfg") or {}
    if is_pretraining(config) and (not loop.get("by_epoch", True) or "Iter" in str(loop.get("type"))):
        raise ValueError(
            "expected train_cfg.by_epoch=True for pretraining, got a loop by iterations: the draws of a sample depend "
            "on the epoch. Set its length by train_cfg.max_epochs"
        )
    if loader.get("num_workers", 0) > 0:
        loader.setdefault("timeout", LOADER_WAIT_SECONDS)
    environment = config.get("env_cfg") or {}
    processes = {"backend": "nccl", "timeout": PROCESSES_WAIT_SECONDS, **environment.get("dist_cfg", {})}
    config.env_cfg = {**environment, "dist_cfg": processes}
    notes = [*place_loop(config), *accumulate_in_steps(config)]
    interim = ConfigDict(type="slotcon_mm.InterimCheckpointHook", minutes=minutes)
    others = [hook for hook in config.get("custom_hooks") or [] if short_type(hook) != short_type(interim)]
    config.custom_hooks = [*others, interim]
    if is_pretraining(config):
        place_batches(loader)
        optimizer = found_in(OPTIMIZERS, config.optim_wrapper.optimizer.type, config.get("default_scope"))
        if not getattr(optimizer, "stands_still_on_device", False):
            for hook in config.get("custom_hooks") or []:
                # other optimizers cannot stand still by a flag on the device
                hook.type = "slotcon_mm.BlockingFiniteGuardHook" if short_type(hook) == DEVICE_GUARD else hook.type
        return notes
    checkpoint_hook = config.get("default_hooks", {}).get("checkpoint", {})
    if short_type(checkpoint_hook) == "CheckpointHook":
        checkpoint_hook["type"] = "slotcon_mm.PlainCheckpointHook"
    if strange := samplers_of_others(loader):
        notes.append(
            f"{strange}: its batches are not numbered, so that a resumed run will draw other samples than one at once"
        )
    else:
        endless = short_type(loader.get("sampler", {})).endswith("InfiniteSampler")
        by_iterations = config.train_cfg.get("type") == ITER_LOOP
        number_samples(loader, start=resumed_iteration if by_iterations and endless else 0)
    hooks = config.get("custom_hooks") or []
    known = {short_type(hook) for hook in hooks}
    added = [name for name in (*OWN_HOOKS, "BlockingFiniteGuardHook") if name not in known]
    config.custom_hooks = [*hooks, *(dict(type=f"slotcon_mm.{name}") for name in added)]
    return notes


def samplers_of_others(loader: Any) -> str | None:
    """A sampler or batch sampler that is none of those whose order is known to be a function of seed and epoch."""
    for key, known in (("sampler", SAMPLERS), ("batch_sampler", BATCH_SAMPLERS)):
        given = loader.get(key) or {}
        if given.get("type") is not None and short_type(given) not in known:
            return f"{key} {given['type']}"
    return None


def place_loop(config: Config) -> list[str]:
    """Sets the training loop to one that can begin anywhere."""
    train_cfg = config.train_cfg
    usual = "EpochBasedTrainLoop" if train_cfg.get("by_epoch", True) else "IterBasedTrainLoop"
    kind = short_type(train_cfg) if train_cfg.get("type") else usual
    if kind not in LOOPS:
        return [f"train_cfg {train_cfg['type']}: a run that resumes from a checkpoint within an epoch may not be exact"]
    train_cfg.pop("by_epoch", None)
    train_cfg["type"] = LOOPS[kind]
    return []


def accumulate_in_steps(config: Config) -> list[str]:
    """Makes an iteration an optimizer step: the loader's batch becomes that of all its micro-batches.

    Raises:
        ValueError: The number of micro-batches is no whole number of at least 1, or the loop cannot count them.
    """
    parts = (config.get("optim_wrapper") or {}).get("accumulative_counts", 1)
    if type(parts) is not int or parts < 1:
        raise ValueError(f"expected optim_wrapper.accumulative_counts as a whole number above 0, got {parts!r}")
    train_cfg, loader = config.train_cfg, config.train_dataloader
    former = train_cfg.get("micro_batches", 1)  # in the config that a run left in its work dir
    if parts == former:
        return []
    if short_type(train_cfg) not in LOOPS:
        raise ValueError(
            f"expected a training loop by epochs or iterations with accumulative_counts={parts}, got {train_cfg.type}"
        )
    if loader.batch_size % former:
        raise ValueError(
            f"expected train_dataloader.batch_size as a multiple of train_cfg.micro_batches={former}, got "
            f"{loader.batch_size}: in a config that a run left in its work dir it is that of all micro-batches"
        )
    each = loader.batch_size // former
    train_cfg.micro_batches, loader.batch_size = parts, each * parts
    if parts == 1:
        return [f"no accumulation: a step takes {each} images on each process"]
    # the step's batch is cut into equal parts
    batches = loader.get("batch_sampler")
    if not (batches and short_type(batches) == "NumberedBatchSampler"):
        loader.drop_last = True
    while batches:
        batches.drop_last = True
        batches = batches.get("batch_sampler")
    return [
        f"accumulative_counts={parts}: a step takes {parts} micro-batches of {each} images on each process. Steps, "
        "epochs, schedules and intervals count optimizer steps; each micro-batch has its own BN statistics, keys and "
        "means of losses"
    ]


def number_samples(loader: Any, *, start: int) -> None:
    """Puts the dataset into a SeededDataset and the batches into a NumberedBatchSampler."""
    if short_type(loader.get("dataset", {})) == "SeededDataset":
        loader.batch_sampler.start = start  # the config that a run left in its work dir
        return
    loader.dataset = dict(type="slotcon_mm.SeededDataset", dataset=loader.dataset)
    place_batches(loader, start=start)


def place_batches(loader: Any, **arguments: Any) -> None:
    """Puts the batches into a NumberedBatchSampler, which can leave out the first of them unread."""
    given = loader.get("batch_sampler")
    if given and short_type(given) == "NumberedBatchSampler":
        return
    batches = dict(type="slotcon_mm.NumberedBatchSampler", drop_last=loader.pop("drop_last", False))
    if given:
        batches["batch_sampler"] = given
    loader.batch_sampler = {**batches, **(arguments or dict(number_samples=False))}
