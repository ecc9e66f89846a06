"""Label maps and maps of instances, drawn from COCO's annotations of an image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from slotcon_mm.datasets.label_files import BadLabelMapError
from slotcon_mm.datasets.label_values import IGNORED

__all__ = ["draw_classes", "draw_instances"]


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


def instances_by_size(
    annotations: Sequence[dict[str, Any]], height: int, width: int
) -> Iterator[tuple[int, np.ndarray]]:
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
        return dict(size=[height, width], counts=counts.encode())
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
