"""Ends a pretraining whose numbers are no longer finite, with the last good state saved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.dist import barrier, get_rank, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor
from torch.optim import Optimizer

from slotcon_mm.checks import RunStoppedError, listing, printable
from slotcon_mm.engine.model_of import model_of
from slotcon_mm.registry import HOOKS

__all__ = ["LAST_GOOD", "MOST_OVERFLOWS", "FiniteGuardHook"]

LAST_GOOD = "last_good.pth"
# in a row: a scale that halves at each would have come from 2^50 down to 1; one that is fixed never gets there
MOST_OVERFLOWS = 50


class Observation(NamedTuple):
    """What a step found, on its way from the device: read when the next step is over."""

    iteration: int
    names: tuple[str, ...]
    finite: Tensor
    ready: Any  # a CUDA event, or None where nothing has to be waited for
    intact: Tensor
    images: list[str]


@HOOKS.register_module()
class FiniteGuardHook(Hook):
    """A non-finite loss or gradient reaches no weight, no optimizer state, no teacher and no center.

    In a step: the model's ``loss`` notes on the device whether scores and losses are finite on all ranks; before the
    optimizer moves, the gradients (which all ranks share) are looked at as well. If anything is not finite, the
    model's ``watch.intact`` becomes false, and with it optimizer, teacher and center stand still. The host reads the
    flags a step later, when they are there without waiting; then BN statistics go back to those before that step, the
    main process saves ``last_good.pth``, and every process stops with the first bad quantity and its images.

    Under AMP, infinite gradients of a finite loss are an overflow that the scaler answers: that step moves neither
    parameters nor optimizer state, teacher and center go on. At a scale of 1 or less, or after ``MOST_OVERFLOWS`` in a
    row, it is no overflow any more.

    The optimizer is one whose class says ``stands_still_on_device = True``: where its attribute ``found_inf``, a float
    tensor, is 1, its step changes nothing, and the host does not wait to learn of it.
    """

    priority = "VERY_HIGH"

    def before_train(self, runner: Runner) -> None:
        self.model = model_of(runner)
        self.optimizer = runner.optim_wrapper.optimizer
        if not getattr(self.optimizer, "stands_still_on_device", False):
            raise ValueError(
                "expected slotcon_mm.LARS or slotcon_mm.ClippedAdamW with FiniteGuardHook, since other optimizers "
                f"cannot stand still without the host's waiting, got {type(self.optimizer).__name__}: take "
                "slotcon_mm.BlockingFiniteGuardHook"
            )
        names = {id(parameter): name for name, parameter in self.model.named_parameters()}
        self.parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        self.gradient_names = [f"gradient of {names.get(id(p), 'a parameter')}" for p in self.parameters]
        watched = {id(buffer) for buffer in self.model.watch.buffers()} | {id(self.model.teacher.steps)}
        by_type = defaultdict(list)  # one launch for each, instead of one for each tensor
        for buffer in self.model.buffers():
            if id(buffer) not in watched:
                by_type[buffer.dtype].append(buffer)
        self.buffers = list(by_type.values())
        # of the latest two steps: flags are read one step later
        self.snapshots = [[[buffer.clone() for buffer in group] for group in self.buffers] for _ in range(2)]
        self.finite_gradients = self.model.watch.intact.new_ones(len(self.parameters))
        self.overflows = self.model.teacher.steps.new_zeros(())  # in a row
        self.pending: Observation | None = None
        self.handle = self.optimizer.register_step_pre_hook(self.before_step)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        copy_groups(self.snapshots[runner.iter % 2], self.buffers)

    @torch.no_grad()
    def before_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        """Called by torch in ``optimizer.step()``."""
        watch = self.model.watch
        gradients = [p.grad if p.grad is not None else p.new_zeros(()) for p in self.parameters]
        # the largest magnitude, unlike a norm, does not overflow in a sum of squares
        self.finite_gradients = torch.stack(torch._foreach_norm(gradients, float("inf"))).isfinite()
        # a GradScaler sets both for the time of the step; without one, found_inf is this hook's of the step before
        scale = getattr(optimizer, "grad_scale", None)
        overflow = getattr(optimizer, "found_inf", None) if hasattr(optimizer, "grad_scale") else None
        good = watch.observed.all()
        overflowed = None if overflow is None else overflow > 0
        if overflowed is None:
            good = good & self.finite_gradients.all()
        else:
            self.overflows = torch.where(overflowed, self.overflows + 1, 0)
            harmless = self.overflows <= MOST_OVERFLOWS
            if scale is not None:
                harmless = harmless & (scale > 1)
            good = good & (~overflowed | harmless)
            # gradients of an overflow are no finding
            self.finite_gradients = self.finite_gradients | (good & overflowed)
        watch.intact &= good
        stands_still = ~watch.intact
        optimizer.found_inf = (stands_still if overflowed is None else stands_still | overflowed).float()  # type: ignore[attr-defined]

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self.settle(runner)
        self.pending = self.observe(runner.iter, images_of(data_batch))

    def after_train_epoch(self, runner: Runner) -> None:
        self.settle(runner)  # before a checkpoint is written

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        self.settle(runner)

    def after_train(self, runner: Runner) -> None:
        self.handle.remove()

    def observe(self, iteration: int, images: list[str]) -> Observation:
        watch = self.model.watch
        flags = torch.cat([watch.intact[None], watch.observed, self.finite_gradients])
        ready = None
        if flags.is_cuda:
            on_host = torch.empty(flags.shape, dtype=flags.dtype, pin_memory=True)
            on_host.copy_(flags, non_blocking=True)
            ready = torch.cuda.Event()
            ready.record()
        else:
            on_host = flags.clone()
        names = (*watch.names, *self.gradient_names)
        return Observation(iteration, names, on_host[1:], ready, on_host[0], images)

    def settle(self, runner: Runner) -> None:
        """Reads the pending flags.

        Raises:
            RunStoppedError: They tell of something that is not finite.
        """
        pending, self.pending = self.pending, None
        if pending is None:
            return
        if pending.ready is not None:
            pending.ready.synchronize()
        if bool(pending.intact):
            return
        copy_groups(self.buffers, self.snapshots[pending.iteration % 2])
        folder = Path(runner.work_dir)
        note = folder / f"not_finite_iter_{pending.iteration + 1}_rank_{get_rank()}.txt"
        with suppress(OSError):  # the message below matters more
            note.write_text("".join(f"{printable(path)}\n" for path in pending.images), encoding="utf-8")
        if is_main_process():
            runner.save_checkpoint(
                runner.work_dir,
                LAST_GOOD,
                meta=dict(epoch=runner.epoch, iter=pending.iteration),
                backend_args=dict(backend="atomic"),
            )
        barrier()  # a launcher ends all processes as soon as one is gone, also one that is still writing
        finite = zip(pending.names, pending.finite.tolist(), strict=True)
        first = next(name for name, is_finite in finite if not is_finite)
        raise RunStoppedError(
            f"expected finite numbers, got infinite or NaN values in iteration {pending.iteration + 1}, first in "
            f"{first}. Weights, optimizer, teacher and center of the step before are saved in {folder / LAST_GOOD}, "
            "for --pretrained; --resume continues from the last checkpoint before that. If it happens again, lower "
            f"the learning rate. On rank {get_rank()} the step saw these images (all are listed in {note}): "
            f"{listing(pending.images, most=8)}"
        )


def copy_groups(targets: list[list[Tensor]], sources: list[list[Tensor]]) -> None:
    for target, source in zip(targets, sources, strict=True):
        torch._foreach_copy_(target, source)


def images_of(data_batch: Any) -> list[str]:
    samples: Sequence[Any] = (data_batch or {}).get("data_samples") or []
    return [str(sample.get("img_path", "(no path)")) for sample in samples]
