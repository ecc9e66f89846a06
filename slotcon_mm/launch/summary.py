"""What is about to run, a line each: config, data, model, device, batch, where it goes."""

from __future__ import annotations

import os
from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.optim import OptimWrapperDict
from mmengine.runner import EpochBasedTrainLoop, Runner

from slotcon_mm.checkpoints.run_facts import batch_size_of
from slotcon_mm.checks import printable
from slotcon_mm.engine.model_of import model_of
from slotcon_mm.launch.machine.device import has_accelerator

__all__ = ["summary_of_test", "summary_of_training"]


def summary_of_training(runner: Runner) -> list[str]:
    loader: Any = runner.train_dataloader
    trained = sum(p.numel() for p in model_of(runner).parameters() if p.requires_grad)
    parts = getattr(runner.train_loop, "micro_batches", 1)
    return [
        *first_lines(runner, loader.dataset, f", {trained / 1e6:.1f} million parameters to train"),
        f"device: {describe_device()}, {describe_precision(runner)}",
        f"batch: {describe_batch(loader, parts)}; {describe_length(runner)}",
        f"learning rate: {describe_learning_rate(runner)}",
        describe_work_dir(runner),
    ]


def summary_of_test(runner: Runner) -> list[str]:
    loader: Any = runner.test_dataloader
    return [
        *first_lines(runner, loader.dataset),
        f"weights: {printable(str(runner.cfg.get('load_from') or 'as they are'))}",
        f"device: {describe_device()}",
        describe_work_dir(runner),
    ]


def first_lines(runner: Runner, dataset: Any, parameters: str = "") -> list[str]:
    return [
        f"config: {printable(str(runner.cfg.filename or 'made in memory'))}",
        f"data: {describe_data(dataset)}",
        f"model: {describe_model(runner)}{parameters}",
    ]


def describe_data(dataset: Any) -> str:
    """How many images, and where; a list of images where one was given."""
    images, place = count(len(dataset), "image"), dataset
    while not getattr(place, "data_root", None) and hasattr(place, "dataset"):  # seeded, repeated
        place = place.dataset
    root, listed = (getattr(place, name, None) for name in ("data_root", "ann_file"))
    if listed:
        return f"{images} of the list {printable(str(listed))}"
    folders = ", ".join(filter(None, getattr(place, "folders", [])))
    return images + (f" in {printable(str(root))}" if root else "") + (f" ({printable(folders)})" if folders else "")


def describe_model(runner: Runner) -> str:
    model = model_of(runner)
    backbone = getattr(model, "backbone", None)
    name = type(model).__name__ + (f" with {type(backbone).__name__}" if backbone is not None else "")
    depth = getattr(backbone, "depth", None)
    prototypes = getattr(getattr(model, "neck", None), "num_prototypes", None)
    return name + (f"-{depth}" if isinstance(depth, int) else "") + (f", {prototypes} prototypes" if prototypes else "")


def describe_device() -> str:
    processes = get_world_size()
    name = torch.cuda.get_device_name() if has_accelerator() else f"CPU, {count(torch.get_num_threads(), 'thread')}"
    return name if processes == 1 else f"{processes} processes, each on {name}"


def count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" + ("" if number == 1 else "s")


def wrappers_of(runner: Runner) -> list[Any]:
    wrapper: Any = runner.optim_wrapper
    return list(wrapper.values()) if isinstance(wrapper, OptimWrapperDict) else [wrapper]


def describe_precision(runner: Runner) -> str:
    # MMEngine's AmpOptimWrapper has the attribute
    types = {str(w.cast_dtype or torch.float16) if hasattr(w, "cast_dtype") else "" for w in wrappers_of(runner)}
    mixed = ", ".join(sorted(name.removeprefix("torch.") for name in types if name))
    return f"automatic mixed precision ({mixed})" if mixed else "fp32"


def describe_batch(loader: Any, micro_batches: int) -> str:
    processes, each = get_world_size(), batch_size_of(loader)
    if not each:
        return "as its sampler makes it"
    factors = [f"{processes} processes"] if processes > 1 else []
    factors += [f"{micro_batches} micro-batches"] if micro_batches > 1 else []
    product = " x ".join([*factors, str(each // micro_batches)])
    return count(processes * each, "image") + (f" ({product})" if factors else "")


def describe_length(runner: Runner) -> str:
    if not isinstance(runner.train_loop, EpochBasedTrainLoop):
        return count(runner.max_iters, "step") + (f", continued after step {runner.iter}" if runner.iter else "")
    length = f"{count(runner.max_epochs, 'epoch')} of {count(len(runner.train_dataloader), 'step')}"
    return length + (f", continued after epoch {runner.epoch}, step {runner.iter}" if runner.iter else "")


def describe_learning_rate(runner: Runner) -> str:
    optimizers = [wrapper.optimizer for wrapper in wrappers_of(runner)]
    highest = [max(group.get("initial_lr", group["lr"]) for group in optim.param_groups) for optim in optimizers]
    rates = ", ".join(f"{lr:g} ({type(optim).__name__})" for lr, optim in zip(highest, optimizers, strict=True))
    scaling = runner.cfg.get("auto_scale_lr") or {}
    base = scaling.get("base_batch_size")
    if not scaling.get("enable") or base == batch_size_of(runner.train_dataloader) * get_world_size():
        return rates
    return f"{rates}, scaled from the config's for a batch of {base}"


def describe_work_dir(runner: Runner) -> str:
    return f"work dir: {printable(str(runner.work_dir))}; the whole log is {printable(log_file_of(runner))}"


def log_file_of(runner: Runner) -> str:
    return os.path.join(runner.log_dir, f"{runner.timestamp}.log")
