"""Where a config reads files in COCO's format: datasets, and metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mmdet.datasets import CocoDataset, CocoPanopticDataset
from mmdet.evaluation import CocoMetric
from mmengine.config import Config
from mmengine.registry import METRICS

from slotcon_mm.config_nodes import short_type
from slotcon_mm.launch.configs import LOADERS
from slotcon_mm.launch.labeled_data.evaluator_files import evaluator_of, metrics_with_files
from slotcon_mm.launch.labeled_data.host_sets import file_of, sets_of
from slotcon_mm.launch.labeled_data.kinds import type_of
from slotcon_mm.launch.labeled_data.mask_checks import reads_masks, scores_masks

__all__ = ["CocoSet", "ScoredFile", "coco_metrics", "coco_sets"]


class CocoSet(NamedTuple):
    """A dataset of a config; ``only``: its loader has no other."""

    loader: str
    config: Any
    kind: Any
    path: Path
    only: bool
    evaluator: Any

    @property
    def is_panoptic(self) -> bool:
        """Its annotations are those of images, with segments in them."""
        return issubclass(self.kind, CocoPanopticDataset)

    @property
    def wants_masks(self) -> bool:
        return reads_masks(self.config) or scores_masks(self.evaluator)

    @property
    def is_for_objects(self) -> bool:
        """They are learned or scored; a test may only write down what it finds."""
        metrics = self.evaluator if isinstance(self.evaluator, list | tuple) else [self.evaluator or {}]
        scores = any(short_type(item).endswith("Metric") and not item.get("format_only") for item in metrics)
        return self.loader == "train_dataloader" or scores


class ScoredFile(NamedTuple):
    """The file of a metric, at ``place`` of a config."""

    loader: str
    place: str
    config: Any
    kind: Any
    path: Path


def coco_sets(config: Config) -> Iterator[CocoSet]:
    """Datasets of mmdet's CocoDataset, and of types that inherit from it and leave the reading of files to mmdet.

    Those whose file does not exist are left out: the host names it.
    """
    found = list(sets_of(config, CocoDataset))
    counts = Counter(loader for loader, _, _ in found)
    for loader, node, kind in found:
        if path := file_of(node):
            yield CocoSet(loader, node, kind, path, counts[loader] == 1, config.get(evaluator_of(loader)))


def coco_metrics(config: Config) -> Iterator[ScoredFile]:
    """Metrics that score with a file in COCO's format, where it exists."""
    for loader in LOADERS:
        for place, metric, path in metrics_with_files(config, evaluator_of(loader)):
            kind = type_of(metric, METRICS, "mmdet")
            if kind and issubclass(kind, CocoMetric) and path.is_file():
                yield ScoredFile(loader, place, metric, kind, path)
