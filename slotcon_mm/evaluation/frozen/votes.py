"""What neighbors say of a pixel, and what a linear probe says.

Shape suffixes: P pixels, D channels, C classes, N rows of a bank, k neighbors.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.dist import broadcast
from torch import Tensor

from slotcon_mm.evaluation.frozen.memory import Memory
from slotcon_mm.evaluation.frozen.nearest import nearest
from slotcon_mm.evaluation.frozen.sampled_pixels import Pixels

__all__ = ["Votes", "attend", "fit_probe", "neighbor_votes", "probe_votes"]

Votes = Callable[[Tensor], Tensor]  # (P, D) features to (P, C) scores

VOTING_PIXELS = 20_000
NEIGHBORS, SHARPNESS = 20, 0.07  # Wu et al. (CVPR 2018): votes weighted by exp(cosine / 0.07)
ATTENDED, TEMPERATURE = 30, 0.02  # Balazevic et al. (NeurIPS 2023), section 4.1
PROBED_PIXELS, PROBE_ITERATIONS, PROBE_DECAY = 100_000, 500, 1e-3


def neighbor_votes(train: Pixels, num_classes: int, *, seed: int) -> Votes:
    """Dense k-NN: a pixel takes the weighted vote of its 20 nearest among 20,000 labeled pixels."""
    sample = sampled(train, VOTING_PIXELS, seed)
    bank_ND, labels_N = train.features[sample], train.labels[sample]

    def votes(queries_PD: Tensor) -> Tensor:
        cosine_Pk, rows_Pk = nearest(queries_PD, bank_ND, NEIGHBORS)
        found = queries_PD.new_zeros(len(queries_PD), num_classes)
        return found.scatter_add_(1, labels_N[rows_Pk], (cosine_Pk / SHARPNESS).exp())

    return votes


def attend(memory: Memory) -> Votes:
    """In-context retrieval: the mean of 30 neighbors' label histograms, weighted by softmax(cosine / 0.02)."""

    def votes(queries_PD: Tensor) -> Tensor:
        cosine_Pk, rows_Pk = nearest(queries_PD, memory.features, ATTENDED)
        histograms_PkC = memory.histograms[rows_Pk.to(memory.histograms.device)].to(queries_PD)
        return torch.einsum("pk,pkc->pc", (cosine_Pk / TEMPERATURE).softmax(dim=1), histograms_PkC)

    return votes


def probe_votes(train: Pixels, num_classes: int, *, seed: int) -> Votes:
    """A linear probe: a 1x1 convolution, fitted by ``fit_probe`` to 100,000 labeled pixels, or all if there are fewer.

    Features are centered and divided by one number, their root mean square, so that a rotation of the feature space
    changes nothing.
    """
    rows = sampled(train, PROBED_PIXELS, seed)
    features_PD = train.features[rows]
    mean = features_PD.mean(dim=0)
    scale = (features_PD - mean).square().mean().sqrt().clamp(min=1e-6)
    weight, bias = fit_probe((features_PD - mean) / scale, train.labels[rows], num_classes)
    for tensor in (weight, bias):
        broadcast(tensor)  # every process fitted it; the first one's rounding counts
    return lambda queries_PD: F.linear((queries_PD - mean) / scale, weight, bias)


def fit_probe(features_PD: Tensor, labels_P: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Weight (C, D) and bias (C,) of the multinomial logistic regression with the least

        mean cross entropy + 0.001 / 2 * (sum of squared weights),

    by at most 500 iterations of L-BFGS from zero. It is convex: no seed, batch or learning rate matters.
    """
    weight = features_PD.new_zeros(num_classes, features_PD.shape[1], requires_grad=True)
    bias = features_PD.new_zeros(num_classes, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=PROBE_ITERATIONS, tolerance_grad=1e-6, tolerance_change=1e-10, history_size=10,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def loss() -> Tensor:
        optimizer.zero_grad()
        logits = F.linear(features_PD, weight, bias)
        found = F.cross_entropy(logits, labels_P) + PROBE_DECAY / 2 * weight.square().sum()
        found.backward()
        return found

    with torch.enable_grad():
        optimizer.step(loss)  # type: ignore[arg-type]
    return weight.detach(), bias.detach()


def sampled(train: Pixels, most: int, seed: int) -> Tensor:
    """Rows of at most so many pixels, drawn by the seed, in their order."""
    drawn = np.random.default_rng(seed).permutation(len(train.labels))[:most]
    return torch.from_numpy(np.sort(drawn)).to(train.labels.device)
