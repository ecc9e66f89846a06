"""Outlines of a mask's connected parts as polygons, for tools in which people correct them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

__all__ = ["LEAST_AREA", "Part", "outline", "parts_by_category"]

TOLERANCE = 1.0  # pixels; a slanted border's staircase lies within 0.71 of a straight line
LEAST_AREA = 16  # pixels of a part or a hole; a network's cell covers hundreds


class Part(NamedTuple):
    """A connected part: its polygon (n, 2), x and y of corners of pixels; its ``area`` in pixels; its ``box`` x, y,
    width and height."""

    polygon_n2: np.ndarray
    area: int
    box: tuple[int, int, int, int]


def parts_by_category(category_map_HW: np.ndarray) -> Iterator[tuple[int, Part]]:
    """The id and the parts of each category; 0 is background."""
    for category_id in np.unique(category_map_HW):
        if category_id:
            for part in parts_of(category_map_HW == category_id):
                yield int(category_id), part


def parts_of(mask_HW: np.ndarray) -> Iterator[Part]:
    """Parts of ``LEAST_AREA`` or more; pixels that touch at a corner are connected."""
    count, part_HW, stats, _ = cv2.connectedComponentsWithStats(mask_HW.astype(np.uint8), connectivity=8)
    for number in range(1, count):
        x, y, width, height, area = (int(value) for value in stats[number])
        if area >= LEAST_AREA:
            inside = part_HW[y : y + height, x : x + width] == number
            yield Part(outline(inside) + np.array([x, y]), area, (x, y, width, height))


def outline(part_hw: np.ndarray, tolerance: float = TOLERANCE, least_hole: int = LEAST_AREA) -> np.ndarray:
    """The polygon (n, 2) around one connected part, along the edges of its pixels; ``tolerance`` pixels off at most.

    Polygons of COCO and labelme have no holes: to each of ``least_hole`` pixels or more the line goes in by a cut of no
    width, around it and back, so that what the polygon encloses is the part without its holes.
    """
    # OpenCV's contours run through centers of pixels: those of a doubled image lie on either side of an edge
    twice = part_hw.repeat(2, axis=0).repeat(2, axis=1).astype(np.uint8)
    contours, hierarchy = cv2.findContours(twice, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    rings = [(contour[:, 0] + 1) // 2 for contour in contours]
    is_hole = hierarchy[0][:, 3] >= 0
    polygon = simplified(rings[int(np.flatnonzero(~is_hole)[0])], tolerance)
    for ring, hole in zip(rings, is_hole, strict=True):
        if hole and cv2.contourArea(ring) >= least_hole:
            polygon = with_hole(polygon, simplified(ring, tolerance))
    return polygon


def simplified(ring_n2: np.ndarray, tolerance: float) -> np.ndarray:
    """Fewer vertices (Douglas and Peucker); the ring as it is where nothing would be left of it."""
    fewer = cv2.approxPolyDP(ring_n2, tolerance, closed=True)[:, 0]
    return fewer if cv2.contourArea(fewer) > 0 else ring_n2


def with_hole(ring_n2: np.ndarray, hole_m2: np.ndarray) -> np.ndarray:
    """(n + m + 2, 2): along the ring to its vertex next to the hole, around the hole, and on along the ring.

    The cut is passed in both directions, which encloses nothing. Outer rings and holes run in opposite directions
    (OpenCV's do), so that both rules of filling, even-odd and nonzero, leave the hole open.
    """
    distance_nm = np.square(ring_n2[:, None] - hole_m2[None]).sum(axis=2)
    start, entry = np.unravel_index(int(distance_nm.argmin()), distance_nm.shape)
    return np.concatenate([ring_n2[: start + 1], hole_m2[entry:], hole_m2[: entry + 1], ring_n2[start:]])
