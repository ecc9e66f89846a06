"""Section by section, what SlotMIM computes beyond SlotCon: float64, one token, one tensor at a time.

Written from the method's equations for reading, with torch only for gradients; what SlotCon has as well is
``reference.slotcon``'s. Nothing here is imported from the package.
"""

from __future__ import annotations

import math

import torch
from reference import slotcon
from torch import Tensor

EPS_ASSIGNMENT = 1e-12


def mlp(rows: Tensor, params: dict[str, Tensor]) -> Tensor:
    """Affine layers with GELU between, on rows (R, D). ``params`` are those of a Sequential 0, 2, 4."""
    layers = sorted({name.split(".")[0] for name in params})
    for layer in layers:
        rows = rows @ params[f"{layer}.weight"].flatten(1).T + params[f"{layer}.bias"]
        if layer != layers[-1]:
            rows = slotcon.gelu(rows)
    return rows


def within_view_loss(student: Tensor, teacher: Tensor, center: Tensor, mask: Tensor, temperature: float) -> Tensor:
    """Mean over the masked tokens of a batch; scores (B, K, H, W), mask (B, H, W). 0 if nothing is masked."""
    places = mask.nonzero().tolist()
    total = student.sum() * 0
    for b, y, x in places:
        total = total + slotcon.cross_entropy(student[b, :, y, x], teacher[b, :, y, x], center, temperature)
    return total / max(len(places), 1)


def cross_view_loss(
    student: list[Tensor], teacher: list[Tensor], center: Tensor, boxes: Tensor, flipped: Tensor, temperature: float
) -> Tensor:
    """Mean of the two directions."""
    return student[0].sum() * 0 + slotcon.group_loss(student, teacher, center, boxes, flipped, temperature) / 2


def slot_loss(
    student: list[tuple[Tensor, Tensor]], teacher: list[tuple[Tensor, Tensor]], predictor: dict[str, Tensor]
) -> Tensor:
    """Mean of the two directions, of (scores, slots) of both views. A direction without a query is 0."""
    directions = [
        slotcon.one_direction(student[i], teacher[1 - i], lambda rows: mlp(rows, predictor), fewest_queries=1)
        for i in (0, 1)
    ]
    return sum(directions) / 2


def teacher_temperature(epoch: int, warmup_epochs: int) -> float:
    if epoch >= warmup_epochs:
        return 0.07
    return 0.04 + 0.03 * epoch / max(warmup_epochs - 1, 1)


def learning_rate(step: int, peak: float, warmup: int, total: int) -> float:
    """In steps. A warm-up of one step is at 0."""
    if step < warmup:
        return peak * step / max(warmup - 1, 1)
    return 2e-6 + (peak - 2e-6) * (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) / 2


def weight_decay(step: int, total: int) -> float:
    return 0.4 - 0.36 * (1 + math.cos(math.pi * step / total)) / 2


def is_decayed(name: str, value: Tensor) -> bool:
    return value.ndim > 1 and not name.endswith(".bias")


def clipped(gradient: Tensor, limit: float = 0.3) -> Tensor:
    """One tensor's gradient by its own norm."""
    return gradient * min(1.0, limit / (float(gradient.norm()) + 1e-6))


def adamw_step(
    params: dict[str, Tensor],
    grads: dict[str, Tensor],
    moments: dict[str, tuple[int, Tensor, Tensor]],
    lr: float,
    decay: float,
) -> None:
    """In place, one tensor at a time. What has no entry in ``grads`` stays as it is, and its steps are not counted."""
    for name, g in grads.items():
        p = params[name]
        count, first, second = moments.get(name, (0, torch.zeros_like(p), torch.zeros_like(p)))
        count, first, second = count + 1, 0.9 * first + 0.1 * g, 0.999 * second + 0.001 * g * g
        moments[name] = count, first, second
        if is_decayed(name, p):
            p = p - lr * decay * p
        params[name] = p - lr * (first / (1 - 0.9**count)) / ((second / (1 - 0.999**count)).sqrt() + 1e-8)
