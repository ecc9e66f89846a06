"""Scalars that tell whether a run is healthy. Their names do not contain "loss": MMEngine sums those that do."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.dist import all_reduce, get_world_size
from torch import Tensor

from slotcon_mm.models.functional import counted_slots, perplexity

__all__ = ["health_scalars"]


@torch.no_grad()
def health_scalars(teacher_scores: Sequence[Tensor], center_1K: Tensor) -> dict[str, Tensor]:
    """Of the teacher's un-aligned scores (B, K, H, W) of both views, over all ranks.

    Returns:
        ``slots_per_view``: mean number of slots that count in a view, 1 to min(K, H * W);
        ``prototype_perplexity``: of the batch's pixels over prototypes, 1 (collapsed) to K;
        ``center_norm``: Euclidean norm of the center; cosines of 1 everywhere would make it sqrt(K).
    """
    slots = torch.stack([counted_slots(scores).sum(dim=1).float().mean() for scores in teacher_scores]).mean()
    winners = torch.cat([scores.argmax(dim=1).flatten() for scores in teacher_scores])
    # bincount would wait for the device
    pixels_K = slots.new_zeros(teacher_scores[0].shape[1]).scatter_add_(0, winners, slots.new_ones(len(winners)))
    packed = torch.cat([slots[None], pixels_K])
    all_reduce(packed)
    return dict(
        slots_per_view=packed[0] / get_world_size(),
        prototype_perplexity=perplexity(packed[1:]),
        center_norm=center_1K.norm(),
    )
