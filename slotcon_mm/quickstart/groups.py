"""The model's groups of pictures, and their scores."""

from __future__ import annotations

import numpy as np
import torch

from slotcon_mm.evaluation import SegmentationScores, confusion_matrix, match_one_to_one, score_matched
from slotcon_mm.evaluation.clustering import merge_prototypes
from slotcon_mm.models import SlotCon
from slotcon_mm.quickstart.labelled_pictures import LabelledPictures

__all__ = ["GroupedPictures", "group_pictures"]

PICTURES_AT_ONCE = 20


class GroupedPictures:
    """Prototype ids of pictures; with labels, the classes they are matched to and the scores.

    Attributes:
        maps: (N, H, W) prototype ids.
        classes: (K,) the class that each prototype is matched to, -1 for none; None without labels.
        scores: Of the matched groups; None without labels.
    """

    def __init__(self, maps: np.ndarray, classes: np.ndarray | None, scores: SegmentationScores | None) -> None:
        self.maps, self.classes, self.scores = maps, classes, scores


@torch.no_grad()
def group_pictures(model: SlotCon, pictures: LabelledPictures, num_classes: int) -> GroupedPictures:
    """Segments pictures and, where there are labels, merges prototypes into as many groups as there are classes
    (k-means of the prototypes) and matches those one to one."""
    was_training = model.training
    model.eval()
    maps = []
    for start in range(0, len(pictures.images), PICTURES_AT_ONCE):
        batch = torch.from_numpy(pictures.images[start : start + PICTURES_AT_ONCE]).permute(0, 3, 1, 2)
        inputs = model.data_preprocessor(dict(inputs=batch))["inputs"]
        maps += [sample.group_map.cpu().numpy() for sample in model(inputs, mode="predict")]
    model.train(was_training)
    grouped = np.stack(maps)
    if pictures.labels is None:
        return GroupedPictures(grouped, None, None)
    merged = merge_prototypes(model.teacher.neck.prototypes.cpu().numpy(), num_classes)
    confusion = confusion_matrix(merged[grouped], pictures.labels, num_classes, num_classes)
    matched = match_one_to_one(confusion)
    return GroupedPictures(grouped, matched[merged], score_matched(confusion, matched))
