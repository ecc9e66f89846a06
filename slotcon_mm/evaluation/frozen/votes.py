"""What neighbors say of a pixel, and what a linear probe says.

Shape suffixes: P pixels, D channels, C classes, N rows of a bank, k neighbors.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.dist import broadcast
from torch import Tensor, nn

from slotcon_mm.evaluation.frozen.memory import Memory
from slotcon_mm.evaluation.frozen.nearest import nearest
from slotcon_mm.evaluation.frozen.sampled_pixels import Pixels

__all__ = ["Votes", "attend", "neighbor_votes", "probe_votes"]

Votes = Callable[[Tensor], Tensor]  # (P, D) features to (P, C) scores

VOTING_PIXELS = 20_000
NEIGHBORS, SHARPNESS = 20, 0.07  # Wu et al. (CVPR 2018): votes weighted by exp(cosine / 0.07)
ATTENDED, TEMPERATURE = 30, 0.02  # Balazevic et al. (NeurIPS 2023), section 4.1
PROBE_STEPS, PROBE_BATCH, PROBE_RATE, PROBE_DECAY = 500, 4096, 1e-2, 1e-4


def neighbor_votes(train: Pixels, num_classes: int, *, seed: int) -> Votes:
    """Dense k-NN: a pixel takes the weighted vote of its 20 nearest among 20,000 labeled pixels."""
    sample = torch.from_numpy(np.random.default_rng(seed).permutation(len(train.labels))[:VOTING_PIXELS])
    sample = sample.to(train.labels.device)
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
    """A linear probe: a 1x1 convolution on standardized features, trained by cross entropy.

    500 steps of AdamW on batches of 4,096 pixels, learning rate 0.01 with a cosine to 0, weight decay 1e-4.
    """
    mean, std = train.features.mean(dim=0), train.features.std(dim=0).clamp(min=1e-6)
    device = train.features.device
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        probe = nn.Linear(train.features.shape[1], num_classes).to(device)
        optimizer = torch.optim.AdamW(probe.parameters(), lr=PROBE_RATE, weight_decay=PROBE_DECAY)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, PROBE_STEPS)
        for _ in range(PROBE_STEPS):
            rows = torch.randint(len(train.labels), (PROBE_BATCH,)).to(device)
            loss = F.cross_entropy(probe((train.features[rows] - mean) / std), train.labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    weight, bias = probe.weight.detach(), probe.bias.detach()
    for tensor in (weight, bias):
        broadcast(tensor)  # every process trained it; the first one's rounding counts
    return lambda queries_PD: F.linear((queries_PD - mean) / std, weight, bias)
