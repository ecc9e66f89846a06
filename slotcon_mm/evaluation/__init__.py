"""Scores of groups against labels."""

from slotcon_mm.evaluation.matching import SegmentationScores, confusion_matrix, match_one_to_one, score_matched

__all__ = ["SegmentationScores", "confusion_matrix", "match_one_to_one", "score_matched"]
