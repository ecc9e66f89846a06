"""AdamW whose gradients are clipped tensor by tensor."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import AdamW
from torch.optim.adamw import adamw

from slotcon_mm.fused_sgd import in_layout_of, lie_alike
from slotcon_mm.registry import OPTIMIZERS

__all__ = ["ClippedAdamW", "clip_each_"]


@OPTIMIZERS.register_module()
class ClippedAdamW(AdamW):
    """torch's AdamW (Loshchilov and Hutter, 2019) after a clipping of each tensor's gradient by its own norm.

    g = g * min(1, max_norm / (|g| + 1e-6)), in place. MMEngine's ``clip_grad`` and torch's ``clip_grad_norm_`` take the
    norm of all tensors together, so that one large gradient makes all the others small.

    A GradScaler's ``grad_scale`` and ``found_inf`` are heeded on the device: |g| is that of the gradient without the
    scale; a step that overflows changes neither parameters nor moments nor counts of steps, and the host does not wait
    to learn of it. A parameter without a gradient is left alone: no decay, no state, and its steps count from its first
    gradient.

    The step is written out here, since torch's own cannot clip in between. (Seen in torch 2.11: a subclass whose step
    calls torch's runs the step's hooks twice as soon as any AdamW has been made; on a CPU the fused kernel mixes up the
    values of tensors whose layouts differ.)

    Args:
        params: Parameters or groups of them.
        lr: Learning rate.
        betas: Of the averages of gradients and of their squares.
        eps: Added to the root of the latter.
        weight_decay: Share of a parameter, times lr, that a step takes away.
        max_norm: Largest norm of a tensor's gradient.
    """

    stands_still_on_device = True  # FiniteGuardHook asks for it
    _step_supports_amp_scaling = True  # torch's GradScaler looks for it

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        max_norm: float = 0.3,
    ) -> None:
        if not max_norm > 0:
            raise ValueError(f"expected max_norm above 0, got {max_norm}")
        # torch keeps the steps of a "capturable" optimizer on the device, also when it loads them
        super().__init__(params, lr, betas, eps, weight_decay, capturable=True)
        self.defaults["max_norm"] = max_norm
        for group in self.param_groups:
            group.setdefault("max_norm", max_norm)

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:  # type: ignore[override]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if params:
                self._step_group(params, group)
        return loss

    def _step_group(self, params: list[Tensor], group: dict[str, Any]) -> None:
        gradients = [in_layout_of(p, p.grad) for p in params if p.grad is not None]
        clip_each_(gradients, group["max_norm"], getattr(self, "grad_scale", None))
        states = [self._state_of(p) for p in params]
        averages, squares, steps = ([s[name] for s in states] for name in ("exp_avg", "exp_avg_sq", "step"))
        beta1, beta2 = group["betas"]
        move(
            params, gradients, averages, squares, steps, getattr(self, "found_inf", None), lr=group["lr"], beta1=beta1,
            beta2=beta2, eps=group["eps"], weight_decay=group["weight_decay"],
        )  # fmt: skip

    def _state_of(self, param: Tensor) -> dict[str, Tensor]:
        state = self.state[param]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32, device=param.device)
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(param), torch.zeros_like(param)
        return state


def clip_each_(gradients: list[Tensor], max_norm: float, scale: Tensor | None = None) -> None:
    """g = g / scale, then g * min(1, max_norm / (|g| + 1e-6)), for each tensor in place and without a host sync."""
    norms = torch.stack(torch._foreach_norm(gradients))
    unscaling = torch.ones_like(norms[0]) if scale is None else scale.to(norms.dtype).reciprocal()
    factors = (max_norm / (norms * unscaling + 1e-6)).clamp(max=1) * unscaling
    torch._foreach_mul_(gradients, list(factors.unbind()))


def move(
    params: list[Tensor],
    gradients: list[Tensor],
    averages: list[Tensor],
    squares: list[Tensor],
    steps: list[Tensor],
    found_inf: Tensor | None,
    **numbers: float,
) -> None:
    """AdamW's step in place; nothing changes where ``found_inf``, of the device, is 1."""
    on_cuda = params[0].is_cuda
    fused = lie_alike(params, gradients, averages, squares)
    # None: torch chooses, on a GPU a launch for all tensors
    options: dict[str, Any] = dict(amsgrad=False, maximize=False, capturable=on_cuda, fused=fused or None, **numbers)
    if fused or found_inf is None:
        adamw(params, gradients, averages, squares, [], steps, found_inf=found_inf, **options)
        return
    # only the fused kernel knows of the flag: another moves copies
    present = params, averages, squares, steps
    moved = [[tensor.clone() for tensor in tensors] for tensors in present]
    adamw(moved[0], gradients, moved[1], moved[2], [], moved[3], **options)
    stands_still = found_inf.bool()
    for old, new in zip(present, moved, strict=True):
        torch._foreach_copy_(old, [torch.where(stands_still, a, b) for a, b in zip(old, new, strict=True)])
