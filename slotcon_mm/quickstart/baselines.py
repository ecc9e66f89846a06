"""What the pretrained groups are compared with: colour alone, and a network that is given the labels."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from mmpretrain.registry import MODELS
from scipy.cluster.vq import vq
from torch import Tensor, nn

from slotcon_mm.evaluation import SegmentationScores, confusion_matrix, match_one_to_one, score_matched
from slotcon_mm.evaluation.clustering import kmeans
from slotcon_mm.datasets.labeled_images import LabelledPictures

__all__ = ["best_colour_kmeans", "supervised_fcn"]

SAMPLED_PIXELS = 20000


def best_colour_kmeans(pictures: LabelledPictures, num_classes: int, *, seed: int) -> SegmentationScores:
    """The best of k-means on RGB, on Lab, and on Lab smoothed over a few pixels, one cluster a class."""
    lab = np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2LAB) for image in pictures.images])
    smooth = np.stack([cv2.GaussianBlur(image, (0, 0), 3) for image in lab])
    scores = [colour_kmeans(features, pictures, num_classes, seed) for features in (pictures.images, lab, smooth)]
    return max(scores, key=lambda score: score.mean_iou)


def colour_kmeans(features: np.ndarray, pictures: LabelledPictures, num_classes: int, seed: int) -> SegmentationScores:
    assert pictures.labels is not None
    pixels = features.reshape(-1, 3).astype(np.float32)
    sample = np.random.default_rng(seed).choice(len(pixels), SAMPLED_PIXELS, replace=False)
    groups = vq(pixels, kmeans(pixels[sample], num_classes, seed=seed, restarts=3))[0]
    confusion = confusion_matrix(groups, pictures.labels.reshape(-1), num_classes, num_classes)
    return score_matched(confusion, match_one_to_one(confusion))


def supervised_fcn(
    backbone: dict,
    channels: int,
    train: LabelledPictures,
    held_out: LabelledPictures,
    num_classes: int,
    *,
    steps: int,
    seed: int,
    weights: Mapping[str, Tensor] | None = None,
) -> SegmentationScores:
    """A fully convolutional network, trained with the labels, its backbone from ``weights`` or from random ones."""
    assert train.labels is not None
    assert held_out.labels is not None
    torch.manual_seed(seed)
    encoder = MODELS.build(backbone)
    encoder.init_weights()
    if weights is not None:
        encoder.load_state_dict(weights, strict=True)
    head = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(), nn.Conv2d(channels, num_classes, 1))
    parameters = [*encoder.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-3, total_steps=steps)
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        rows = rng.choice(len(train.images), 8, replace=False)
        inputs, labels = to_input(train.images[rows]), torch.from_numpy(train.labels[rows]).long()
        if rng.random() < 0.5:
            inputs, labels = inputs.flip(-1), labels.flip(-1)
        logits = head(encoder(inputs)[-1])
        loss = F.cross_entropy(F.interpolate(logits, labels.shape[1:], mode="bilinear"), labels, ignore_index=255)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    encoder.eval()
    head.eval()
    confusion = np.zeros((num_classes, num_classes), np.int64)
    with torch.no_grad():
        for image, label in zip(held_out.images, held_out.labels, strict=True):
            logits = head(encoder(to_input(image[None]))[-1])
            predicted = F.interpolate(logits, label.shape, mode="bilinear").argmax(dim=1)[0]
            confusion += confusion_matrix(predicted.numpy(), label, num_classes, num_classes)
    return score_matched(confusion, np.arange(num_classes))


def to_input(images: np.ndarray) -> Tensor:
    """(B, 3, H, W) floats of about unit variance."""
    return (torch.from_numpy(images).permute(0, 3, 1, 2).float() - 115) / 57
