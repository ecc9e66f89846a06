"""The file that a metric scores with is the dataset's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config

from slotcon_mm.checks import listing, printable
from slotcon_mm.config_nodes import dicts_within
from slotcon_mm.launch.labeled_data.coco_files import CocoFile

__all__ = ["evaluator_of", "expect_evaluator_file", "expect_same_labels", "metrics_with_files"]


def evaluator_of(loader: str) -> str:
    return loader.replace("dataloader", "evaluator")


def metrics_with_files(config: Config, evaluator: str) -> Iterator[tuple[str, Any, Path]]:
    """Places, configs and files of the metrics that name an ``ann_file`` on this machine, there or not."""
    for place, metric in dicts_within(config.get(evaluator) or {}, evaluator):
        given = metric.get("ann_file")
        if given and isinstance(given, str) and "://" not in given and not metric.get("backend_args"):
            yield place, metric, Path(given)


def expect_evaluator_file(config: Config, evaluator: str) -> None:
    """ValueError where a metric's file does not exist: MMEngine would open it once the run has begun."""
    for place, _, path in metrics_with_files(config, evaluator):
        if not path.is_file():
            raise ValueError(
                f"expected a file as {place}.ann_file, got {printable(str(path))}, which does not exist: set it to the "
                f"annotations of {evaluator.replace('evaluator', 'dataloader')}.dataset, its data_root and ann_file "
                "joined"
            )


def expect_same_labels(
    place: str,
    scored: tuple[CocoFile, list[dict[str, Any]]],
    read: tuple[CocoFile, list[dict[str, Any]]],
) -> None:
    """ValueError unless the file at ``place`` numbers categories and images as the dataset's file does.

    Args:
        place: Of the metric in the config.
        scored: The metric's file, and its categories in the order of labels.
        read: The same of the dataset.
    """
    (file, categories), (other, expected) = scored, read
    got, wanted = ([(item["id"], item["name"]) for item in items] for items in (categories, expected))
    if got != wanted:
        raise ValueError(
            f"expected the categories of {other.name}, the dataset's file, in {place}.ann_file, by which labels are "
            f"scored: {described(wanted)}, got {described(got)} in {file.name}: set it to the dataset's file"
        )
    if missing := {image["id"] for image in other.images} - {image["id"] for image in file.images}:
        raise ValueError(
            f"expected the images of {other.name}, the dataset's file, in {place}.ann_file, got {file.name}, which "
            f"lacks {len(missing)} of {len(other.images)}: set it to the dataset's file"
        )


def described(categories: list[tuple[Any, str]]) -> str:
    return listing([f"{number} {name}" for number, name in categories], most=5)
