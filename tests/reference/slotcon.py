"""Section by section, what SlotCon computes: float64, one image, one pixel, one tensor at a time.

Written from the method's equations for reading, with torch only for gradients. Nothing here is imported from the
package, and none of its vectorization is used, so that both agree only if both are right.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

EPS_BN = 1e-5


def cosine(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum() / (a.norm() * b.norm())


def scores(features: Tensor, prototypes: Tensor) -> Tensor:
    """(B, D, H, W), (K, D) -> (B, K, H, W)."""
    B, _, H, W = features.shape
    rows = [
        torch.stack(
            [torch.stack([cosine(p, features[b, :, y, x]) for y in range(H) for x in range(W)]) for p in prototypes]
        )
        for b in range(B)
    ]
    return torch.stack(rows).view(B, len(prototypes), H, W)


def slots(features: Tensor, score: Tensor, temperature: float = 0.07, eps: float = 1e-6) -> Tensor:
    """(B, K, D): weighted means of an image's pixels."""
    pooled = []
    for z, s in zip(features.flatten(2), score.flatten(2), strict=True):  # (D, P), (K, P)
        weights = (s / temperature).exp()
        weights = weights / weights.sum(dim=0) + eps
        pooled.append(torch.stack([sum(w[p] * z[:, p] for p in range(z.shape[1])) / w.sum() for w in weights]))
    return torch.stack(pooled)


def bilinear(channel: Tensor, y: float, x: float) -> Tensor:
    """Value of (H, W) at a point in pixel-center coordinates, as RoIAlign defines it outside the map."""
    H, W = channel.shape
    if y < -1 or y > H or x < -1 or x > W:
        return channel.new_zeros(())
    y, x = max(y, 0.0), max(x, 0.0)
    y0, x0 = min(int(y), H - 1), min(int(x), W - 1)
    if y0 == H - 1:
        y = float(y0)
    if x0 == W - 1:
        x = float(x0)
    y1, x1 = min(y0 + 1, H - 1), min(x0 + 1, W - 1)
    wy, wx = y - y0, x - x0
    top = (1 - wx) * channel[y0, x0] + wx * channel[y0, x1]
    bottom = (1 - wx) * channel[y1, x0] + wx * channel[y1, x1]
    return (1 - wy) * top + wy * bottom


def align(score: Tensor, box: list[float], flipped: bool) -> Tensor:
    """(K, H, W) of one image: the box's region at H x W, un-flipped. RoIAlign: a bin is the mean of its samples."""
    K, H, W = score.shape
    x0, y0, x1, y1 = box[0] * W - 0.5, box[1] * H - 0.5, box[2] * W - 0.5, box[3] * H - 0.5
    bin_h, bin_w = (y1 - y0) / H, (x1 - x0) / W
    grid_h, grid_w = math.ceil((y1 - y0) / H), math.ceil((x1 - x0) / W)
    out = []
    for channel in score:
        for i in range(H):
            for j in range(W):
                samples = [
                    bilinear(channel, y0 + (i + (a + 0.5) / grid_h) * bin_h, x0 + (j + (b + 0.5) / grid_w) * bin_w)
                    for a in range(grid_h)
                    for b in range(grid_w)
                ]
                out.append(sum(samples) / max(len(samples), 1) if samples else channel.new_zeros(()))
    aligned = torch.stack(out).view(K, H, W)
    return aligned[:, :, torch.arange(W - 1, -1, -1)] if flipped else aligned


def cross_entropy(student: Tensor, teacher: Tensor, center: Tensor, temperature: float = 0.07) -> Tensor:
    """Of one pixel's K scores; ``temperature`` is the teacher's."""
    target = ((teacher - center) / temperature).exp()
    target = (target / target.sum()).detach()
    logits = student / 0.1
    return -(target * (logits - logits.exp().sum().log())).sum()


def group_loss(
    student: list[Tensor],
    teacher: list[Tensor],
    center: Tensor,
    boxes: Tensor,
    flipped: Tensor,
    temperature: float = 0.07,
) -> Tensor:
    """CE(1, 2) + CE(2, 1) of un-aligned scores (B, K, H, W): a mean over B * H * W, pairs without overlap adding 0."""
    B, _, H, W = student[0].shape
    total = student[0].new_zeros(())
    for b in range(B):
        if not all(x1 > x0 and y1 > y0 for x0, y0, x1, y1 in boxes[b].tolist()):
            continue
        s = [align(student[i][b], boxes[b, i].tolist(), bool(flipped[b, i])) for i in (0, 1)]
        t = [align(teacher[i][b], boxes[b, i].tolist(), bool(flipped[b, i])) for i in (0, 1)]
        for i, j in ((0, 1), (1, 0)):
            for y in range(H):
                for x in range(W):
                    total = total + cross_entropy(s[i][:, y, x], t[j][:, y, x], center, temperature)
    return total / (B * H * W)


def next_center(center: Tensor, teacher: list[Tensor]) -> Tensor:
    pixels = torch.cat([s.movedim(1, -1).reshape(-1, s.shape[1]) for s in teacher])
    return 0.9 * center + 0.1 * pixels.mean(dim=0)


def winners(score: Tensor) -> set[int]:
    """Prototypes that win a pixel of one image (K, H, W)."""
    return set(score.flatten(1).argmax(dim=0).tolist())


def batch_norm(rows: Tensor, weight: Tensor, bias: Tensor, state: dict[str, Tensor]) -> Tensor:
    """(R, C) by its own statistics; ``state`` moves by 0.1, its variance unbiased."""
    mean = rows.mean(dim=0)
    variance = ((rows - mean) ** 2).mean(dim=0)
    n = len(rows)
    state["running_mean"] = 0.9 * state["running_mean"] + 0.1 * mean.detach()
    state["running_var"] = 0.9 * state["running_var"] + 0.1 * variance.detach() * n / (n - 1)
    state["num_batches_tracked"] = state["num_batches_tracked"] + 1
    return weight * (rows - mean) / (variance + EPS_BN).sqrt() + bias


def gelu(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def mlp(rows: Tensor, params: dict[str, Tensor]) -> Tensor:
    """Three affine layers with BN and GELU between, on rows (R, D). ``params`` are those of a Sequential 0-6."""
    for layer, norm in (("0", "1"), ("3", "4")):
        rows = rows @ params[f"{layer}.weight"].flatten(1).T + params[f"{layer}.bias"]
        state = {k: params[f"{norm}.{k}"] for k in ("running_mean", "running_var", "num_batches_tracked")}
        rows = gelu(batch_norm(rows, params[f"{norm}.weight"], params[f"{norm}.bias"], state))
        params.update({f"{norm}.{k}": v for k, v in state.items()})
    return rows @ params["6.weight"].flatten(1).T + params["6.bias"]


def slot_loss(
    student: list[tuple[Tensor, Tensor]], teacher: list[tuple[Tensor, Tensor]], predictor: dict[str, Tensor]
) -> Tensor:
    """NCE(1, 2) + NCE(2, 1) of (scores, slots) of both views."""

    def predict(rows: Tensor) -> Tensor:
        return mlp(rows, predictor)

    return one_direction(student[0], teacher[1], predict) + one_direction(student[1], teacher[0], predict)


def one_direction(
    student: tuple[Tensor, Tensor],
    teacher: tuple[Tensor, Tensor],
    predict: Callable[[Tensor], Tensor],
    fewest_queries: int = 2,
) -> Tensor:
    keys, queries = {}, []
    for b in range(len(student[0])):
        in_teacher, in_student = winners(teacher[0][b]), winners(student[0][b])
        for k in sorted(in_teacher):
            keys[b, k] = (teacher[1][b, k] / teacher[1][b, k].norm()).detach()
        queries += [(b, k) for k in sorted(in_teacher & in_student)]
    if len(queries) < fewest_queries:
        return student[1].sum() * 0
    predicted = predict(torch.stack([student[1][b, k] for b, k in queries]))
    losses = []
    for name, q in zip(queries, predicted, strict=True):
        similarity = {key: (q / q.norm() * value).sum() / 0.2 for key, value in keys.items()}
        losses.append(torch.stack(list(similarity.values())).exp().sum().log() - similarity[name])
    return 2 * 0.2 * torch.stack(losses).mean()


def momentum(step: int, total: int, base: float = 0.99) -> float:
    return 1 - (1 - base) * (math.cos(math.pi * step / total) + 1) / 2


def lars_step(
    params: dict[str, Tensor], grads: dict[str, Tensor], buffers: dict[str, Tensor], lr: float, momentum: float = 0.9
) -> None:
    """In place, one tensor at a time."""
    for name, p in params.items():
        g = grads[name]
        if p.ndim > 1:
            g = g + 1e-5 * p
            if p.norm() > 0 and g.norm() > 0:
                g = g * 0.001 * p.norm() / g.norm()
        buffers[name] = momentum * buffers.get(name, torch.zeros_like(p)) + g
        params[name] = p - lr * buffers[name]


def learning_rate(t: int, lr: float, warmup: int, total: int, eta_min: float = 1e-6) -> float:
    if t <= warmup:
        return lr * (0.01 + 0.99 * t / warmup)
    return eta_min + (lr - eta_min) * (1 + math.cos(math.pi * (t - warmup) / (total - warmup))) / 2
