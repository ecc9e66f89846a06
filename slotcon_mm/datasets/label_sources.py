"""Labels beside a folder of images, wherever they are: label maps in another folder, or a JSON of instances."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from slotcon_mm.datasets.coco_instances import CocoInstances, read_coco
from slotcon_mm.datasets.label_map_dataset import expect_label_set, label_map_path, without_label_maps
from slotcon_mm.datasets.label_sets import LabelSet, label_set_of

__all__ = ["LabelSource", "labels_are_instances", "open_labels"]


class LabelSource(NamedTuple):
    """Where labels are. Attributes: as of ``open_labels``; ``instances`` is what a JSON holds."""

    label_set: LabelSet
    labels: str
    instances: CocoInstances | None = None
    image_suffix: str = ""
    label_suffix: str = ".png"

    def images_among(self, files: Sequence[str], folder: str) -> list[str]:
        """Of files below a folder, those that are no label maps of others."""
        if self.instances is not None:
            return [*files]
        return without_label_maps(files, folder, lambda file: self.path_for(file, folder))

    def path_for(self, image: str, images: str) -> str:
        return label_map_path(image, images, self.labels, self.image_suffix, self.label_suffix)

    def of(self, image: str, images: str) -> dict[str, Any] | None:
        """What ``LoadLabels`` takes for an image below the folder ``images``; None where it has no labels."""
        if self.instances is not None:
            found = self.instances.images.get(Path(image).relative_to(images).as_posix())
            return None if found is None else dict(found, label_set=self.label_set)
        path = self.path_for(image, images)
        return dict(seg_map_path=path, label_set=self.label_set) if os.path.isfile(path) else None


def open_labels(
    labels: str,
    label_set: str | Mapping[str, Any] | LabelSet | None,
    image_suffix: str = "",
    label_suffix: str = ".png",
) -> LabelSource:
    """Labels of images.

    Args:
        labels: A folder of label maps, at the same places below it as the images below theirs; or a JSON file of
            instances in COCO's format.
        label_set: As ``LabelMapDataset`` takes it; None for a JSON, which tells its classes.
        image_suffix: End of an image's name, before its extension, that its label map has not.
        label_suffix: What the label map's name has in its place, with its extension.

    Raises:
        ValueError: The label set is missing, or given for a JSON, or wrong; or the JSON is.
    """
    if not labels_are_instances(labels):
        return LabelSource(label_set_of(expect_label_set(label_set)), labels, None, image_suffix, label_suffix)
    if label_set is not None:
        raise ValueError(f"expected no label set with {labels}, whose categories are the classes, got {label_set!r}")
    instances = read_coco(labels)
    return LabelSource(instances.label_set(), labels, instances)


def labels_are_instances(labels: str) -> bool:
    """Whether it is a JSON file's name rather than a folder's."""
    return labels.lower().endswith(".json") and not os.path.isdir(labels)
