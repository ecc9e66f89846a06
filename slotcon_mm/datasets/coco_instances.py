"""Instances of a JSON file in COCO's format, image by image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from slotcon_mm.checks import listing, printable
from slotcon_mm.datasets.label_set_dicts import label_set_of_dict
from slotcon_mm.datasets.label_values import LabelSet
from slotcon_mm.text_files import as_utf8

__all__ = ["BACKGROUND", "CocoInstances", "categories_of", "read_coco", "read_json"]

BACKGROUND = "background"


class CocoInstances(NamedTuple):
    """What a file tells.

    Attributes:
        path: Of the file.
        classes: ``background`` and the categories, in the order of their ids. A category that is called background
            itself is the same class.
        images: By file name as the file has it, a dict: ``height`` and ``width`` (None where it does not say), and
            ``annotations``, each a dict of ``id``, ``label`` (the class), ``segmentation`` and ``is_crowd``.
    """

    path: str
    classes: tuple[str, ...]
    images: dict[str, dict[str, Any]]

    def label_set(self) -> LabelSet:
        """Background is class 0; all others are things.

        Raises:
            ValueError: There are more classes than a label map holds.
        """
        try:
            return label_set_of_dict(dict(classes=self.classes, things=self.classes[1:]))
        except ValueError as error:
            raise ValueError(f"{printable(self.path)}, with {BACKGROUND}: {error}") from None


def read_coco(path: str | Path) -> CocoInstances:
    """Reads a file of instances; masks stay as the file has them until they are drawn.

    Raises:
        ValueError: The file is not in COCO's format, or annotations have no mask; it is named.
    """
    content = read_json(path)
    name = printable(str(path))
    if missing := [key for key in ("images", "annotations") if not isinstance(content.get(key), list)]:
        raise ValueError(f"{name}: expected instances in COCO's format, got no list of {' and '.join(missing)}")
    categories = categories_of(content, name)
    classes = (BACKGROUND, *(category for category in categories.values() if category != BACKGROUND))
    label_of = {number: classes.index(category) for number, category in categories.items()}
    images: dict[Any, dict[str, Any]] = {}
    by_name: dict[str, dict[str, Any]] = {}
    for image in content["images"]:
        if not (isinstance(image, dict) and is_id(image.get("id")) and isinstance(image.get("file_name"), str)):
            raise ValueError(f"{name}: expected images with id and file_name, got {str(image)[:80]}")
        if image["id"] in images or image["file_name"] in by_name:
            raise ValueError(f"{name}: expected each image once, got {printable(image['file_name'])} twice")
        found: dict[str, Any] = dict(height=image.get("height"), width=image.get("width"), annotations=[])
        images[image["id"]] = by_name[image["file_name"]] = found
    for annotation in content["annotations"]:
        expect_annotation(annotation, images, label_of, name)
        images[annotation["image_id"]]["annotations"].append(
            dict(
                id=annotation.get("id"),
                label=label_of[annotation["category_id"]],
                segmentation=annotation["segmentation"],
                is_crowd=bool(annotation.get("iscrowd")),
            )
        )
    return CocoInstances(str(path), classes, by_name)


def read_json(path: str | Path) -> dict[str, Any]:
    """ValueError, with the file's name, for what is no JSON object."""
    try:
        content = json.loads(as_utf8(Path(path).read_bytes(), path))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"expected a readable JSON file, got {printable(str(path))} ({error})") from None
    if not isinstance(content, dict):
        raise ValueError(f"expected a JSON object in COCO's format, got {printable(str(path))}, which holds none")
    return content


def categories_of(content: dict[str, Any], name: str) -> dict[int, str]:
    """Names by id, in the order of the ids; ``name`` is the file's, for messages."""
    found = content.get("categories")
    if not isinstance(found, list) or not found:
        raise ValueError(f"{name}: expected categories in COCO's format, got none")
    for category in found:
        if not isinstance(category, dict) or type(category.get("id")) is not int or not category.get("name"):
            raise ValueError(f"{name}: expected categories with id and name, got {str(category)[:80]}")
    categories = {category["id"]: str(category["name"]) for category in sorted(found, key=lambda item: item["id"])}
    if len(categories) < len(found) or len(set(categories.values())) < len(found):
        raise ValueError(f"{name}: expected each id and name of a category once, got {listing([*categories.values()])}")
    return categories


def expect_annotation(annotation: Any, images: dict[Any, Any], label_of: dict[int, int], name: str) -> None:
    if not isinstance(annotation, dict) or "image_id" not in annotation or "category_id" not in annotation:
        raise ValueError(f"{name}: expected annotations with image_id and category_id, got {str(annotation)[:80]}")
    which = f"annotation {annotation.get('id')}"
    for key, known in (("image_id", images), ("category_id", label_of)):
        if not is_id(annotation[key]) or annotation[key] not in known:
            raise ValueError(f"{name}: expected the {key} of {which} among those of the file, got {annotation[key]}")
    if not annotation.get("segmentation"):
        raise ValueError(
            f"{name}: expected a mask (segmentation) of {which}, got none: labels of pixels cannot be made of boxes"
        )


def is_id(value: Any) -> bool:
    return isinstance(value, int | str)
