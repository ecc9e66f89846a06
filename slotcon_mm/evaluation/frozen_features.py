"""What frozen features of labeled images are worth: clusters, a linear probe, and neighbors' votes.

Shape suffixes: N images, D channels, H W grid of the feature map, P pixels, C classes.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from scipy.cluster.vq import vq
from torch import Tensor, nn

from slotcon_mm.evaluation import confusion_matrix, match_one_to_one, score_matched
from slotcon_mm.evaluation.clustering import kmeans
from slotcon_mm.models.preprocessing.view_preprocessor import ViewPreprocessor

__all__ = ["cluster_score", "extract", "knn_score", "labels_on_grid", "probe_score", "to_input"]

AT_ONCE = 20
INPUT_SCALE = 0.5  # the scale at which views show an image on average: 64 pixels for a crop of half its area
IGNORED = 255
SAMPLED_PIXELS = 20_000
NEIGHBORS, SHARPNESS = 20, 0.07  # Wu et al. (CVPR 2018): votes weighted by exp(cosine / 0.07)


@torch.no_grad()
def extract(backbone: nn.Module, images_NHW3: np.ndarray) -> Tensor:
    """Unit features (N, D, H, W) of the last feature map, images at the scale at which views show them."""
    backbone.eval()
    found = []
    for start in range(0, len(images_NHW3), AT_ONCE):
        inputs = to_input(images_NHW3[start : start + AT_ONCE])
        small = F.interpolate(inputs, scale_factor=INPUT_SCALE, mode="bicubic", antialias=True)
        found.append(F.normalize(backbone(small)[-1], dim=1))
    return torch.cat(found)


def cluster_score(features_NDHW: Tensor, labels: np.ndarray, num_classes: int, *, seed: int) -> float:
    """mIoU of k-means with a cluster a class, matched one to one."""
    pixels_PD = rows_of(features_NDHW).numpy()
    sample = np.random.default_rng(seed).permutation(len(pixels_PD))[:SAMPLED_PIXELS]
    centroids = kmeans(pixels_PD[sample], num_classes, seed=seed, restarts=3)
    groups = vq(pixels_PD, centroids)[0].reshape(len(features_NDHW), *features_NDHW.shape[2:])
    maps = enlarged(torch.from_numpy(groups), labels.shape[1:])
    confusion = confusion_matrix(maps, labels, num_classes, num_classes)
    return score_matched(confusion, match_one_to_one(confusion)).mean_iou


def probe_score(
    train: tuple[Tensor, np.ndarray],
    held_out: tuple[Tensor, np.ndarray],
    num_classes: int,
    *,
    seed: int,
    steps: int = 500,
) -> float:
    """mIoU of a 1x1 convolution on standardized features, trained by cross entropy on the feature map's grid."""
    torch.manual_seed(seed)
    features_PD, labels_P = training_pixels(*train)
    mean, std = features_PD.mean(dim=0), features_PD.std(dim=0).clamp(min=1e-6)
    probe = nn.Linear(features_PD.shape[1], num_classes)
    optimizer = torch.optim.AdamW(probe.parameters(), lr=1e-2, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        rows = torch.randint(len(labels_P), (4096,))
        loss = F.cross_entropy(probe((features_PD[rows] - mean) / std), labels_P[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        logits = probe((rows_of(held_out[0]) - mean) / std)
    return grid_score(logits, held_out, num_classes)


def knn_score(
    train: tuple[Tensor, np.ndarray], held_out: tuple[Tensor, np.ndarray], num_classes: int, *, seed: int
) -> float:
    """mIoU of dense retrieval: each pixel takes the weighted vote of its nearest pixels of other, labeled images."""
    features_PD, labels_P = training_pixels(*train)
    sample = torch.from_numpy(np.random.default_rng(seed).permutation(len(labels_P))[:SAMPLED_PIXELS])
    features_PD, votes_PC = features_PD[sample], F.one_hot(labels_P[sample], num_classes).float()
    scores = []
    for queries in rows_of(held_out[0]).split(2048):
        cosine, nearest = (queries @ features_PD.T).topk(min(NEIGHBORS, len(sample)), dim=1)
        scores.append(((cosine / SHARPNESS).exp()[..., None] * votes_PC[nearest]).sum(dim=1))
    return grid_score(torch.cat(scores), held_out, num_classes)


def grid_score(scores_PC: Tensor, held_out: tuple[Tensor, np.ndarray], num_classes: int) -> float:
    """mIoU of the best class of each pixel, scores enlarged bilinearly."""
    features, labels = held_out
    N, _, H, W = features.shape
    scores = scores_PC.view(N, H, W, num_classes).permute(0, 3, 1, 2)
    confusion = np.zeros((num_classes, num_classes), np.int64)
    for image, label in zip(scores, labels, strict=True):
        predicted = F.interpolate(image[None], label.shape, mode="bilinear").argmax(dim=1)[0].numpy()
        confusion += confusion_matrix(predicted, label, num_classes, num_classes)
    return score_matched(confusion, np.arange(num_classes)).mean_iou


def training_pixels(features_NDHW: Tensor, labels: np.ndarray) -> tuple[Tensor, Tensor]:
    """Features and labels of the pixels that have one."""
    labels_P = labels_on_grid(labels, tuple(features_NDHW.shape[2:])).flatten()
    labeled = labels_P != IGNORED
    return rows_of(features_NDHW)[labeled], labels_P[labeled]


def labels_on_grid(labels: np.ndarray, size: tuple[int, ...]) -> Tensor:
    """(N, H, W) long: the label in the middle of each cell."""
    enlarged_labels = torch.from_numpy(labels)[:, None].float()
    return F.interpolate(enlarged_labels, size=size, mode="nearest-exact")[:, 0].long()


def enlarged(groups_NHW: Tensor, size: tuple[int, ...]) -> np.ndarray:
    return F.interpolate(groups_NHW[:, None].float(), size=size, mode="nearest-exact")[:, 0].long().numpy()


def rows_of(features_NDHW: Tensor) -> Tensor:
    return features_NDHW.permute(0, 2, 3, 1).flatten(0, 2)


def to_input(images: np.ndarray) -> Tensor:
    """(B, 3, H, W) floats of RGB images (B, H, W, 3) in 8 bits, normalized as in pretraining."""
    return ViewPreprocessor()(dict(inputs=torch.from_numpy(images).permute(0, 3, 1, 2)))["inputs"]
