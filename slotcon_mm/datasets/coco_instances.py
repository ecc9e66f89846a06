"""Instances of a JSON file in COCO's format, and the label maps that they make."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pycocotools import mask as coco_mask

from slotcon_mm.checks import listing, printable
from slotcon_mm.datasets.label_files import BadLabelMapError
from slotcon_mm.datasets.label_set_dicts import label_set_of_dict
from slotcon_mm.datasets.label_values import IGNORED, LabelSet

__all__ = ["BACKGROUND", "CocoInstances", "categories_of", "draw_classes", "draw_instances", "read_coco", "read_json"]

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
        if not isinstance(image, dict) or "id" not in image or not isinstance(image.get("file_name"), str):
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
        content = json.loads(Path(path).read_bytes().decode("utf-8-sig"))
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
        if annotation[key] not in known:
            raise ValueError(f"{name}: expected the {key} of {which} among those of the file, got {annotation[key]}")
    if not annotation.get("segmentation"):
        raise ValueError(
            f"{name}: expected a mask (segmentation) of {which}, got none: labels of pixels cannot be made of boxes"
        )


def draw_classes(annotations: Sequence[dict[str, Any]], height: int, width: int) -> np.ndarray:
    """(H, W) uint8: each pixel's class is that of the smallest instance that covers it, 0 where none does.

    Of instances of one size the first in the file counts. Crowds, regions of many that nobody told apart, are 255
    where no instance covers them.

    Raises:
        BadLabelMapError: A mask is not of that size, or none at all; the annotation is named.
    """
    classes = np.zeros((height, width), np.uint8)
    for annotation in annotations:
        if annotation["is_crowd"]:
            classes[mask_of(rle_of(annotation, height, width), annotation)] = IGNORED
    for number, mask in instances_by_size(annotations, height, width):
        classes[mask] = annotations[number]["label"]
    return classes


def draw_instances(annotations: Sequence[dict[str, Any]], height: int, width: int) -> np.ndarray:
    """(H, W) int32: the position in ``annotations``, from 1, of the smallest instance that covers a pixel; 0: none.

    Crowds are none. Raises as ``draw_classes``.
    """
    instances = np.zeros((height, width), np.int32)
    for number, mask in instances_by_size(annotations, height, width):
        instances[mask] = number + 1
    return instances


def instances_by_size(annotations: Sequence[dict[str, Any]], height: int, width: int) -> Any:
    """Positions and masks (H, W) bool of those that are no crowds, the largest first, one at a time."""
    rles = {i: rle_of(each, height, width) for i, each in enumerate(annotations) if not each["is_crowd"]}
    for i in sorted(rles, key=lambda i: (-int(coco_mask.area(rles[i])), -i)):
        yield i, mask_of(rles[i], annotations[i])


def rle_of(annotation: dict[str, Any], height: int, width: int) -> dict[str, Any]:
    """COCO's compressed run lengths of a mask in any of its three forms."""
    given = annotation["segmentation"]
    try:
        if isinstance(given, list):
            return of_polygons(given, height, width)
        if list(given["size"]) != [height, width]:
            raise ValueError(f"of {given['size'][0]} x {given['size'][1]} pixels for an image of {height} x {width}")
        counts = given["counts"]
        if isinstance(counts, list):
            if sum(counts) != height * width or min(counts) < 0:
                raise ValueError("run lengths that do not add up to the image")
            return coco_mask.frPyObjects(given, height, width)
        return dict(size=[height, width], counts=counts.encode() if isinstance(counts, str) else counts)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise bad_mask(annotation, error) from None


def of_polygons(polygons: list[Any], height: int, width: int) -> dict[str, Any]:
    """Of their union. Those of fewer than three points cover nothing."""
    whole = []
    for polygon in polygons:
        points = np.asarray(polygon, np.float64)
        if points.ndim != 1 or points.size % 2:
            raise ValueError("a polygon that is no list of x, y, x, y, ...")
        x, y = points[::2], points[1::2]
        # the library's memory grows with the outline's length
        if not (
            np.isfinite(points).all()
            and (abs(x - width / 2) <= 2 * width).all()
            and (abs(y - height / 2) <= 2 * height).all()
        ):
            raise ValueError("a polygon far outside the image")
        if points.size >= 6:
            whole.append(points.tolist())
    if not whole:
        return coco_mask.encode(np.zeros((height, width), np.uint8, order="F"))
    return coco_mask.merge(coco_mask.frPyObjects(whole, height, width))


def mask_of(rle: dict[str, Any], annotation: dict[str, Any]) -> np.ndarray:
    try:
        return coco_mask.decode(rle).astype(bool)
    except ValueError as error:
        raise bad_mask(annotation, error) from None


def bad_mask(annotation: dict[str, Any], error: Exception) -> BadLabelMapError:
    return BadLabelMapError(
        f"expected a mask as COCO has them (polygons or run lengths) in annotation {annotation['id']}, got {error}"
    )
