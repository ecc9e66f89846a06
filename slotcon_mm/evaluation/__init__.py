"""Scores of groups against labels."""

from slotcon_mm.evaluation.group_metric import GroupMetric
from slotcon_mm.evaluation.matching import (
    SegmentationScores,
    confusion_matrix,
    match_majority,
    match_one_to_one,
    score_matched,
)

__all__ = [
    "GroupMetric",
    "SegmentationScores",
    "confusion_matrix",
    "match_majority",
    "match_one_to_one",
    "score_matched",
]
