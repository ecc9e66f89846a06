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
from slotcon_mm.launch.device import has_accelerator

__all__ = ["summary_of_test", "summary_of_training"]


def summary_of_training(runner: Runner) -> list[str]:
    loader: Any = runner.train_dataloader
    return [
        f"config: {runner.cfg.filename}",
        f"data: {describe_data(loader.dataset)}",
        f"model: {describe_model(runner)}",
        f"device: {describe_device()}, {describe_precision(runner)}",
        f"batch: {describe_batch(loader, getattr(runner.train_loop, 'micro_batches', 1))}; {describe_length(runner)}",
        f"learning rate: {describe_learning_rate(runner)}",
        f"work dir: {printable(str(runner.work_dir))}; the whole log is {printable(log_file_of(runner))}",
    ]


def summary_of_test(runner: Runner) -> list[str]:
    loader: Any = runner.test_dataloader
    return [
        f"config: {runner.cfg.filename}",
        f"data: {describe_data(loader.dataset)}",
        f"model: {describe_model(runner)}",
        f"weights: {printable(str(runner.cfg.load_from))}",
        f"device: {describe_device()}",
        f"work dir: {printable(str(runner.work_dir))}; the whole log is {printable(log_file_of(runner))}",
    ]


def describe_data(dataset: Any) -> str:
    """How many images, and where; a list of images where one was given."""
    places = [dataset.data_root] if getattr(dataset, "data_root", None) else []
    places += [f"list {dataset.ann_file}"] if getattr(dataset, "ann_file", None) else []
    folders = [folder for folder in getattr(dataset, "folders", []) if folder] if len(places) == 1 else []
    where = ", ".join(map(str, places)) + (f" ({', '.join(folders)})" if folders else "")
    return count(len(dataset), "image") + (f" in {printable(where)}" if where else "")


def describe_model(runner: Runner) -> str:
    model = model_of(runner)
    backbone = getattr(model, "backbone", None)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    name = type(model).__name__ + (f" with {type(backbone).__name__}" if backbone is not None else "")
    depth = getattr(backbone, "depth", None)
    prototypes = getattr(getattr(model, "neck", None), "num_prototypes", None)
    return (
        name
        + (f"-{depth}" if isinstance(depth, int) else "")
        + (f", {prototypes} prototypes" if prototypes else "")
        + f", {trained / 1e6:.1f} million parameters to train"
    )


def describe_device() -> str:
    processes = get_world_size()
    name = torch.cuda.get_device_name() if has_accelerator() else f"CPU, {count(torch.get_num_threads(), 'thread')}"
    return name if processes == 1 else f"{processes} processes, each on {name}"


def count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" + ("" if number == 1 else "s")


def describe_precision(runner: Runner) -> str:
    wrapper = runner.optim_wrapper
    if not hasattr(wrapper, "cast_dtype"):  # MMEngine's AmpOptimWrapper has it
        return "fp32"
    return f"automatic mixed precision ({str(wrapper.cast_dtype or torch.float16).removeprefix('torch.')})"


def describe_batch(loader: Any, micro_batches: int) -> str:
    processes, each = get_world_size(), batch_size_of(loader)
    factors = [f"{processes} processes"] if processes > 1 else []
    factors += [f"{micro_batches} micro-batches"] if micro_batches > 1 else []
    product = " x ".join([*factors, str(each // micro_batches)])
    return count(processes * each, "image") + (f" ({product})" if factors else "")


def describe_length(runner: Runner) -> str:
    if isinstance(runner.train_loop, EpochBasedTrainLoop):
        length = f"{count(runner.max_epochs, 'epoch')} of {count(len(runner.train_dataloader), 'step')}"
    else:
        length = count(runner.max_iters, "step")
    return length + (f", continued after epoch {runner.epoch}, step {runner.iter}" if runner.iter else "")


def describe_learning_rate(runner: Runner) -> str:
    wrapper = runner.optim_wrapper
    optimizers = [one.optimizer for one in (wrapper.values() if isinstance(wrapper, OptimWrapperDict) else [wrapper])]
    highest = [max(group.get("initial_lr", group["lr"]) for group in optim.param_groups) for optim in optimizers]
    rates = ", ".join(f"{lr:g} ({type(optim).__name__})" for lr, optim in zip(highest, optimizers, strict=True))
    scaling = runner.cfg.get("auto_scale_lr") or {}
    base = f", scaled from the config's for a batch of {scaling['base_batch_size']}" if scaling.get("enable") else ""
    return rates + base


def log_file_of(runner: Runner) -> str:
    return os.path.join(runner.log_dir, f"{runner.timestamp}.log")
