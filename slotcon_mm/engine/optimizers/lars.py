"""Layer-wise adaptive rate scaling."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from slotcon_mm.fused_sgd import can_fuse, in_layout_of
from slotcon_mm.registry import OPTIMIZERS

__all__ = ["LARS", "scale_by_trust_ratio"]


@OPTIMIZERS.register_module()
class LARS(Optimizer):
    """SGD with momentum whose matrices and kernels are scaled by a trust ratio (You et al., 2017).

    For tensors of more than one dimension: g = grad + weight_decay p; g = g * eta |p| / |g| (factor 1 where a norm is
    0). For biases and BN weights g = grad: no decay, no ratio. Then mu = momentum mu + g; p = p - lr mu.

    A GradScaler's ``grad_scale`` and ``found_inf`` are heeded on the device, as torch's fused optimizers do: a step
    that overflows changes neither parameters nor momenta, and the host does not wait to learn of it.

    mmpretrain's LARS differs: |grad| + decay |p| instead of |g|, lr inside the momentum, two host syncs a tensor.

    Args:
        params: Parameters or groups of them.
        lr: Learning rate.
        momentum: Of the scaled gradients.
        weight_decay: Decay of tensors of more than one dimension.
        trust_coefficient: eta.
    """

    stands_still_on_device = True  # FiniteGuardHook asks for it
    _step_supports_amp_scaling = True  # torch's GradScaler looks for it

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 1e-5,
        trust_coefficient: float = 0.001,
    ) -> None:
        if lr < 0 or weight_decay < 0 or trust_coefficient <= 0 or not 0 <= momentum < 1:
            raise ValueError(
                "expected lr and weight_decay of 0 or more, trust_coefficient above 0 and momentum in [0, 1), "
                f"got {lr}, {weight_decay}, {trust_coefficient} and {momentum}"
            )
        defaults = dict(lr=lr, momentum=momentum, weight_decay=weight_decay, trust_coefficient=trust_coefficient)
        super().__init__(params, defaults)

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
        matrices = [p for p in params if p.ndim > 1]
        vectors = [p for p in params if p.ndim <= 1]
        updates = self._gradients_of(vectors)
        if matrices:
            scaled = scale_by_trust_ratio(
                matrices, self._gradients_of(matrices), group["weight_decay"], group["trust_coefficient"]
            )
            updates = scaled + updates
        ordered = matrices + vectors
        momenta = [self._momentum_buffer(p) for p in ordered]
        move(ordered, momenta, updates, group["lr"], group["momentum"], getattr(self, "found_inf", None))

    def _gradients_of(self, params: list[Tensor]) -> list[Tensor]:
        """The gradients, without the factor that a GradScaler put in."""
        gradients = [in_layout_of(p, p.grad) for p in params if p.grad is not None]
        scale = getattr(self, "grad_scale", None)
        if scale is None or not gradients:
            return gradients
        return list(torch._foreach_mul(gradients, scale.reciprocal().to(gradients[0].dtype)))

    def _momentum_buffer(self, param: Tensor) -> Tensor:
        state = self.state[param]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(param)
        return state["momentum_buffer"]


def move(
    params: list[Tensor],
    momenta: list[Tensor],
    updates: list[Tensor],
    lr: float,
    momentum: float,
    found_inf: Tensor | None,
) -> None:
    """mu = momentum mu + update; p = p - lr mu, in place; nothing where ``found_inf``, of the device, is 1.

    With decay and ratio in the updates, this last formula of LARS is that of torch's fused SGD, which wants no momenta
    where momentum is 0.
    """
    if can_fuse(params, momenta, updates):
        torch._fused_sgd_(
            params, updates, momenta if momentum else [], weight_decay=0.0, momentum=momentum, lr=lr, dampening=0.0,
            nesterov=False, maximize=False, is_first_step=False, grad_scale=None, found_inf=found_inf,
        )  # fmt: skip
        return
    moved = list(torch._foreach_mul(momenta, momentum))
    torch._foreach_add_(moved, updates)
    moved_params = list(torch._foreach_add(params, moved, alpha=-lr))
    if found_inf is not None:
        stands_still = found_inf.bool()
        moved = [torch.where(stands_still, old, new) for old, new in zip(momenta, moved, strict=True)]
        moved_params = [torch.where(stands_still, old, new) for old, new in zip(params, moved_params, strict=True)]
    torch._foreach_copy_(momenta, moved)
    torch._foreach_copy_(params, moved_params)


def scale_by_trust_ratio(
    params: list[Tensor], gradients: list[Tensor], weight_decay: float, trust_coefficient: float
) -> list[Tensor]:
    """(grad + weight_decay p) * eta |p| / |grad + weight_decay p| for each tensor, without a host sync."""
    decayed = list(torch._foreach_add(gradients, params, alpha=weight_decay))
    param_norm = torch.stack(torch._foreach_norm(params))
    gradient_norm = torch.stack(torch._foreach_norm(decayed))
    both = (param_norm > 0) & (gradient_norm > 0)
    ratio = torch.where(both, trust_coefficient * param_norm / torch.where(both, gradient_norm, 1), 1)
    torch._foreach_mul_(decayed, list(ratio.unbind()))
    return decayed
