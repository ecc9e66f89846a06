"""A small network trained with labels: the ceiling of unsupervised scores, and a quick test of pretrained weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from slotcon_mm.datasets.labeled_images import LabeledImages
from slotcon_mm.evaluation.matching import SegmentationScores, confusion_matrix, score_matched
from slotcon_mm.models.preprocessing.view_preprocessor import ViewPreprocessor

__all__ = ["supervised_fcn", "train_fcn"]


def supervised_fcn(
    backbone: dict,
    channels: int,
    train: LabeledImages,
    held_out: LabeledImages,
    num_classes: int,
    *,
    steps: int,
    seed: int,
    weights: Mapping[str, Tensor] | None = None,
) -> SegmentationScores:
    """A fully convolutional network, trained with the labels, its backbone from ``weights`` or from random ones."""
    assert held_out.labels is not None
    encoder, head = train_fcn(backbone, channels, train, num_classes, steps=steps, seed=seed, weights=weights)
    confusion = np.zeros((num_classes, num_classes), np.int64)
    with torch.no_grad():
        for image, label in zip(held_out.images, held_out.labels, strict=True):
            logits = head(encoder(to_input(image[None]))[-1])
            predicted = F.interpolate(logits, label.shape, mode="bilinear").argmax(dim=1)[0]
            confusion += confusion_matrix(predicted.numpy(), label, num_classes, num_classes)
    return score_matched(confusion, np.arange(num_classes))


def train_fcn(
    backbone: dict,
    channels: int,
    train: LabeledImages,
    num_classes: int,
    *,
    steps: int,
    seed: int,
    weights: Mapping[str, Tensor] | None = None,
) -> tuple[nn.Module, nn.Module]:
    """Its backbone, which returns feature maps of so many channels last, and its head, in evaluation mode."""
    assert train.labels is not None
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
        rows = rng.choice(len(train.images), min(8, len(train.images)), replace=False)
        inputs, labels = to_input(train.images[rows]), torch.from_numpy(train.labels[rows]).long()
        if rng.random() < 0.5:
            inputs, labels = inputs.flip(-1), labels.flip(-1)
        logits = head(encoder(inputs)[-1])
        loss = F.cross_entropy(F.interpolate(logits, labels.shape[1:], mode="bilinear"), labels, ignore_index=255)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    encoder.eval()  # mmpretrain's backbones return nothing
    head.eval()
    return encoder, head


def to_input(images: np.ndarray) -> Tensor:
    """(B, 3, H, W) floats of RGB images (B, H, W, 3) in 8 bits, normalized as in pretraining."""
    return ViewPreprocessor()(dict(inputs=torch.from_numpy(images).permute(0, 3, 1, 2)))["inputs"]
