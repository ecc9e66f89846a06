"""Maps drawn from COCO's masks, against loops over pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from slotcon_mm.datasets.instance_maps import draw_classes, draw_instances
from slotcon_mm.datasets.label_files import BadLabelMapError

H, W = 9, 12


def compressed(mask: np.ndarray) -> dict[str, Any]:
    rle = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return dict(size=list(rle["size"]), counts=rle["counts"].decode())


def uncompressed(mask: np.ndarray) -> dict[str, Any]:
    counts, last = [0], 0
    for value in mask.T.ravel().tolist():  # by columns, beginning with zeros
        if value != last:
            counts.append(0)
            last = value
        counts[-1] += 1
    return dict(size=[H, W], counts=counts)


def annotation(segmentation: Any, label: int = 1, is_crowd: bool = False) -> dict[str, Any]:
    return dict(id=17, label=label, segmentation=segmentation, is_crowd=is_crowd)


def expected(masks: np.ndarray, labels: list[int], crowds: list[bool]) -> tuple[np.ndarray, np.ndarray]:
    """Pixel by pixel: the smallest instance, the first of equals; else 255 in a crowd; else background."""
    classes, instances = np.zeros((H, W), int), np.zeros((H, W), int)
    for y in range(H):
        for x in range(W):
            here = [i for i in range(len(masks)) if masks[i, y, x]]
            single = [i for i in here if not crowds[i]]
            if single:
                smallest = min(single, key=lambda i: masks[i].sum())
                classes[y, x], instances[y, x] = labels[smallest], smallest + 1
            elif here:
                classes[y, x] = 255
    return classes, instances


@given(st.integers(0, 2**32 - 1), st.integers(0, 6))
def test_each_pixel_is_of_the_smallest_instance_that_covers_it(seed, count):
    rng = np.random.default_rng(seed)
    masks = np.zeros((count, H, W), int)
    for mask in masks:
        y, x = rng.integers(0, H), rng.integers(0, W)
        mask[y : y + rng.integers(1, H), x : x + rng.integers(1, W)] = 1
    labels, crowds = rng.integers(1, 9, count).tolist(), (rng.random(count) < 0.3).tolist()
    forms = [compressed, uncompressed]
    annotations = [
        annotation(forms[rng.integers(2)](mask), label, crowd)
        for mask, label, crowd in zip(masks, labels, crowds, strict=True)
    ]
    classes, instances = expected(masks, labels, crowds)
    assert draw_classes(annotations, H, W).tolist() == classes.tolist()
    drawn = draw_instances(annotations, H, W)
    assert drawn.tolist() == instances.tolist()
    assert drawn.dtype == np.int32


def test_polygons_cover_their_union():
    boxes = [[1, 1, 4, 1, 4, 3, 1, 3], [3, 2, 8, 2, 8, 7, 3, 7]]
    found = draw_classes([annotation(boxes, label=5)], H, W)
    union = np.zeros((H, W), int)
    union[1:3, 1:4] = union[2:7, 3:8] = 5
    assert found.tolist() == union.tolist()


def test_polygons_of_fewer_than_three_points_cover_nothing():
    assert not draw_classes([annotation([[1, 1, 4, 4], [2, 2]])], H, W).any()
    assert not draw_classes([], H, W).any()


HOLLOW = dict(size=[H, W], counts=[0, H * W])


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        ([[1, 1, 4, 1, 4]], "a polygon that is no list of x, y"),
        ([1, 1, 4, 1, 4, 4], "a polygon that is no list of x, y"),
        ([["a", "b"]], "could not convert"),
        ([[0, 0, 1e12, 0, 5, 5]], "a polygon far outside the image"),
        ([[0, 0, float("nan"), 0, 5, 5]], "a polygon far outside the image"),
        (dict(HOLLOW, size=[W, H]), "of 12 x 9 pixels for an image of 9 x 12"),
        (dict(HOLLOW, counts=[0, H * W + 1]), "do not add up to the image"),
        (dict(HOLLOW, counts=[-1, H * W + 1]), "do not add up to the image"),
        (dict(size=[H, W], counts="xyz~~~"), ""),
        (dict(size=[H, W], counts=5), ""),
        (dict(counts=[0]), "'size'"),
        ("mask", ""),
        (7, ""),
    ],
)
def test_a_mask_that_is_none_is_refused_with_its_annotation(segmentation, reason):
    with pytest.raises(BadLabelMapError, match=rf"in annotation 17, got .*{reason}"):
        draw_classes([annotation(segmentation)], H, W)
