"""The model's groups of images, and their scores."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from slotcon_mm.datasets.labeled_images import LabeledImages
from slotcon_mm.evaluation import SegmentationScores, confusion_matrix, match_one_to_one, score_matched
from slotcon_mm.evaluation.clustering import merge_prototypes, merge_rows
from slotcon_mm.models.algorithms.grouping_algorithm import GroupingAlgorithm

__all__ = ["GroupedImages", "group_images"]

IMAGES_AT_ONCE = 20


class GroupedImages(NamedTuple):
    """Prototype ids of images; with labels, the classes they are matched to and the scores.

    Attributes:
        maps: (N, H, W) prototype ids.
        classes: (K,) the class that each prototype is matched to, -1 for none; None without labels.
        scores: Of the matched groups; None without labels.
    """

    maps: np.ndarray
    classes: np.ndarray | None
    scores: SegmentationScores | None


def group_images(model: GroupingAlgorithm, labeled: LabeledImages, num_classes: int, side: int) -> GroupedImages:
    """Segments images by the teacher's prototypes; in the network their shorter side has ``side`` pixels.

    With labels, the prototypes in use are merged into as many groups as there are classes (k-means of the prototypes),
    and those are matched one to one.
    """
    was_training = model.training
    model.eval()
    batches = range(0, len(labeled.images), IMAGES_AT_ONCE)
    maps = np.concatenate([segment(model, labeled.images[i : i + IMAGES_AT_ONCE], side) for i in batches])
    model.train(was_training)
    if labeled.labels is None:
        return GroupedImages(maps, None, None)
    prototypes = model.teacher.neck.prototypes.cpu().numpy()
    confusion_KC = confusion_matrix(maps, labeled.labels, len(prototypes), num_classes)
    merged_K = merge_prototypes(prototypes, confusion_KC.sum(axis=1), num_classes)
    confusion_GC = merge_rows(confusion_KC, merged_K, num_classes)
    matched_G = match_one_to_one(confusion_GC)
    return GroupedImages(maps, matched_G[merged_K], score_matched(confusion_GC, matched_G))


@torch.no_grad()
def segment(model: GroupingAlgorithm, images_BHW3: np.ndarray, side: int) -> np.ndarray:
    """(B, H, W) prototype ids: images go in at the scale of the views, scores come back at full size."""
    scale = side / min(images_BHW3.shape[1:3])
    inputs = model.data_preprocessor(dict(inputs=torch.from_numpy(images_BHW3).permute(0, 3, 1, 2)))["inputs"]
    small = F.interpolate(inputs, scale_factor=scale, mode="bicubic", antialias=True)
    scores = F.interpolate(model.teacher(small).scores, size=inputs.shape[-2:], mode="bilinear")
    return scores.argmax(dim=1).cpu().numpy()
