"""One optimizer step of a training loop, in one forward pass or, with gradient accumulation, in several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from mmengine.runner import Runner
from torch import Tensor

from slotcon_mm.engine.model_of import model_of
from slotcon_mm.models.algorithms.micro_batch import MicroBatch

__all__ = ["count_micro_batches", "optimizer_step", "split_batch"]


def optimizer_step(runner: Runner, batch_idx: int, data_batch: Any, micro_batches: int) -> None:
    """Forward, backward and update, with the hooks around them.

    MMEngine counts every forward pass as an iteration. Here an iteration is an optimizer step, so that schedules,
    teacher, logs and checkpoints count what moves the weights.

    Args:
        runner: Its ``optim_wrapper`` accumulates ``micro_batches`` gradients.
        batch_idx: For the hooks.
        data_batch: All samples of the step on this process.
        micro_batches: Equal parts that the batch is cut into.
    """
    runner.call_hook("before_train_iter", batch_idx=batch_idx, data_batch=data_batch)
    outputs = []
    for index, part in enumerate(split_batch(data_batch, micro_batches)):
        model_of(runner).micro_batch = MicroBatch(index, micro_batches)
        outputs.append(runner.model.train_step(part, optim_wrapper=runner.optim_wrapper))
    runner.call_hook("after_train_iter", batch_idx=batch_idx, data_batch=data_batch, outputs=mean_of(outputs))


def count_micro_batches(runner: Runner, micro_batches: int) -> None:
    """Tells the optimizer wrapper, which counts forward passes, where in the run it is."""
    if micro_batches > 1:
        loop: Any = runner.train_loop
        runner.optim_wrapper.initialize_count_status(
            runner.model, loop.iter * micro_batches, loop.max_iters * micro_batches
        )


def split_batch(data_batch: Any, parts: int) -> Iterator[Any]:
    """A collated batch in ``parts`` equal parts, in its order.

    Tensors of samples are cut along their first dimension, lists of samples by their length, and lists of batched
    views (B, C, H, W) view by view.

    Raises:
        ValueError: The samples cannot be shared out equally.
    """
    if parts == 1:
        yield data_batch
        return
    samples = len(data_batch["data_samples"])
    if samples % parts:
        raise ValueError(
            f"expected a batch that {parts} micro-batches share equally, got {samples} samples: set "
            "train_dataloader.drop_last=True"
        )
    size = samples // parts
    for start in range(0, samples, size):
        yield cut(data_batch, slice(start, start + size))


def cut(node: Any, chosen: slice) -> Any:
    if isinstance(node, Mapping):
        return {name: cut(value, chosen) for name, value in node.items()}
    holds_views = isinstance(node, Sequence) and all(isinstance(item, Tensor) and item.dim() > 3 for item in node)
    return [cut(view, chosen) for view in node] if holds_views else node[chosen]


def mean_of(outputs: list[dict[str, Any]]) -> dict[str, Any]:
    """The mean of each scalar over the micro-batches, whose mean loss the step descends."""
    if len(outputs) == 1:
        return outputs[0]
    return {name: torch.stack([torch.as_tensor(found[name]) for found in outputs]).mean(dim=0) for name in outputs[0]}
