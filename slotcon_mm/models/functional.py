"""The mathematics of SlotCon and SlotMIM as pure functions: no parameters, no registry, no communication.

Shape suffixes: B images, K prototypes, D channels, H W grid, C slots packed per image, R rows (B * C), N keys.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import roi_align

__all__ = [
    "align_to_overlap",
    "assign_pixels",
    "contrast_slots",
    "counted_slots",
    "dense_cross_entropy",
    "feature_distance",
    "feature_rank",
    "full_precision",
    "pack_counted",
    "perplexity",
    "pool_slots",
    "score_pixels",
    "shares_region",
    "similarity_distance",
    "teacher_momentum",
    "teacher_temperature",
    "upsampled_argmax",
]


def full_precision(x: Tensor) -> Tensor:
    """At least float32: half precision is promoted, float64 stays."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def score_pixels(features_BDHW: Tensor, prototypes_KD: Tensor) -> Tensor:
    """Cosine of every pixel with every prototype, (B, K, H, W) in [-1, 1] (paper section 3.1)."""
    return torch.einsum("bdhw,kd->bkhw", F.normalize(features_BDHW, dim=1), F.normalize(prototypes_KD, dim=1))


def assign_pixels(scores_BKHW: Tensor, temperature: float, epsilon: float = 1e-6) -> Tensor:
    """Soft assignment of pixels to prototypes: softmax over K, plus ``epsilon`` so that no slot's mass is zero."""
    return (scores_BKHW / temperature).softmax(dim=1) + epsilon


def pool_slots(features_BDHW: Tensor, assignment_BKHW: Tensor) -> Tensor:
    """Slots (B, K, D): pixels (not normalized) averaged with their share of the assignment (paper section 3.2)."""
    share = assignment_BKHW / assignment_BKHW.sum(dim=(2, 3), keepdim=True)
    return torch.einsum("bdhw,bkhw->bkd", features_BDHW, share)


def shares_region(overlap_boxes_B24: Tensor) -> Tensor:
    """(B,) bool: whether the two views of a pair share a region, that is, both of its boxes have an area."""
    return (overlap_boxes_B24[..., 2:] > overlap_boxes_B24[..., :2]).flatten(1).all(dim=1)


def align_to_overlap(scores_BKHW: Tensor, boxes_B4: Tensor, flipped_B: Tensor) -> Tensor:
    """Inverse augmentation: the scores of the shared region, un-flipped, at the same H x W (paper section 3.1).

    ``boxes_B4`` are xyxy in [0, 1] of the view after its flip. The box's edges are those of the pixels, so that
    ``aligned=True`` (half-pixel centers) is right.
    """
    B, _, H, W = scores_BKHW.shape
    index_B1 = torch.arange(B, device=scores_BKHW.device, dtype=scores_BKHW.dtype)[:, None]
    size_4 = torch.tensor([W, H, W, H], dtype=scores_BKHW.dtype).to(scores_BKHW.device, non_blocking=True)
    rois_B5 = torch.cat([index_B1, boxes_B4.to(scores_BKHW.dtype) * size_4], dim=1)
    aligned = roi_align(scores_BKHW, rois_B5, (H, W), spatial_scale=1.0, sampling_ratio=-1, aligned=True)
    return torch.where(flipped_B[:, None, None, None], aligned.flip(-1), aligned)


def dense_cross_entropy(
    student_BKHW: Tensor,
    teacher_BKHW: Tensor,
    center_1K: Tensor,
    *,
    student_temperature: float,
    teacher_temperature: float,
) -> Tensor:
    """Cross entropy of the student's assignment with the teacher's centered one, (B, H, W) (paper section 3.1)."""
    target = ((teacher_BKHW - center_1K[:, :, None, None]) / teacher_temperature).softmax(dim=1)
    return -(target * (student_BKHW / student_temperature).log_softmax(dim=1)).sum(dim=1)


def counted_slots(scores_BKHW: Tensor) -> Tensor:
    """(B, K) bool: slots that win the argmax over prototypes in at least one pixel."""
    B, K = scores_BKHW.shape[:2]
    winners_BP = scores_BKHW.argmax(dim=1).flatten(1)
    return torch.zeros(B, K, dtype=torch.bool, device=scores_BKHW.device).scatter(1, winners_BP, True)


def upsampled_argmax(scores_BKHW: Tensor, size: Sequence[int], *, most_values: int = 2**25) -> Tensor:
    """(B, *size) long: the prototype of every pixel, scores upsampled bilinearly (corners not aligned), then argmax.

    Prototypes are taken in parts so that no more than about ``most_values`` upsampled scores are held at once.
    """
    part = max(1, most_values // (len(scores_BKHW) * size[0] * size[1]))
    winner = torch.zeros(len(scores_BKHW), *size, dtype=torch.long, device=scores_BKHW.device)
    best = scores_BKHW.new_full(winner.shape, -math.inf)
    for start in range(0, scores_BKHW.shape[1], part):
        # contiguous: a transposed view takes torch (2.11, CPU) six times as long
        scores = scores_BKHW[:, start : start + part].contiguous()
        upsampled = F.interpolate(scores, size=tuple(size), mode="bilinear", align_corners=False)
        value, index = upsampled.max(dim=1)
        winner = torch.where(value > best, index + start, winner)
        best = torch.maximum(best, value)
    return winner


def pack_counted(counted_BK: Tensor, capacity: int) -> Tensor:
    """(B, C) indices of slots, the counted ones first, C = ``capacity``.

    H * W pixels have at most H * W winners, so a capacity of min(K, H * W) holds every counted slot. A static shape is
    what keeps a training step free of host syncs.
    """
    return counted_BK.to(torch.uint8).argsort(dim=1, descending=True, stable=True)[:, :capacity]


def contrast_slots(
    queries_RD: Tensor, keys_ND: Tensor, key_counts_N: Tensor, target_R: Tensor, *, temperature: float
) -> Tensor:
    """InfoNCE of each query with its key among all keys that count, (R,), times 2 temperature (paper section 3.2).

    Queries and keys are normalized here; keys that do not count take no part in the softmax.
    """
    # a finite floor rather than -inf: rows that do not count may have no key at all, and must not become NaN
    floor_N = queries_RD.new_zeros(len(keys_ND)).masked_fill(~key_counts_N, torch.finfo(queries_RD.dtype).min / 2)
    # temperature and floor go into the product, which is the largest matrix of the step: no pass over it for them
    logits_RN = torch.addmm(floor_N, F.normalize(queries_RD, dim=1) / temperature, F.normalize(keys_ND, dim=1).T)
    return 2 * temperature * F.cross_entropy(logits_RN, target_R, reduction="none")


def teacher_momentum(step: Tensor, total_steps: int, base: float) -> Tensor:
    """m = 1 - (1 - base)(cos(pi step / total) + 1) / 2: from ``base`` at step 0 to 1 at the end (paper section 4.1)."""
    return 1 - (1 - base) * ((math.pi * step.double() / total_steps).cos() + 1) / 2


def teacher_temperature(epoch: int, epochs: int, start: float, end: float) -> float:
    """start + (end - start) e / (E - 1) in the first E = ``epochs`` epochs, e from 0, then ``end`` (SlotMIM)."""
    if epoch >= epochs:
        return end
    return start + (end - start) * epoch / max(epochs - 1, 1)


def feature_distance(student_BDHW: Tensor, start_BDHW: Tensor) -> Tensor:
    """1 - cosine of a pixel's features in two networks, in [0, 2], a mean over pixels and images."""
    cosines = F.cosine_similarity(full_precision(student_BDHW), full_precision(start_BDHW), dim=1)
    return 1 - cosines.mean()


def similarity_distance(student_BDHW: Tensor, start_BDHW: Tensor) -> Tensor:
    """Squared difference of the cosines between an image's pixels in two networks, in [0, 4], a mean over all pairs.

    It is DINOv3's Gram loss (Simeoni et al., 2025, section 4), |X X^T - Y Y^T|^2 of rows of length 1, divided by the
    number of pairs, so that it does not grow with the grid.
    """
    student_BDP, start_BDP = (F.normalize(full_precision(x).flatten(2), dim=1) for x in (student_BDHW, start_BDHW))
    difference_BPP = student_BDP.mT @ student_BDP - start_BDP.mT @ start_BDP
    return difference_BPP.square().mean()


def perplexity(counts_K: Tensor) -> Tensor:
    """exp of the entropy of the shares: 1 if one prototype takes all pixels, K if all are used alike."""
    share = counts_K / counts_K.sum().clamp(min=1)
    return torch.special.entr(share).sum().exp()


def feature_rank(features_ND: Tensor) -> Tensor:
    """exp of the entropy of the shares of the singular values of rows of length 1: 1 if all are alike, D at most.

    It is the effective rank of Roy and Vetterli (2007). RankMe (Garrido et al., 2023) is the same formula for the
    embeddings of whole images as they are, not divided by their length, with 1e-7 added to each share.
    """
    values = torch.linalg.svdvals(F.normalize(features_ND.double(), dim=1))
    return torch.special.entr(values / values.sum()).sum().exp()
