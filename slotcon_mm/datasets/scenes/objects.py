"""Things: each class is a function that draws parts (outlines in a unit box) at random proportions and pose.

Coordinates: x to the right in about [-0.5, 0.5], y up from the ground at 0 to about 1. A part is an outline and the
material it is painted with (0, 1 or 2), and how light it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

__all__ = ["SHAPES", "THINGS", "Part"]


class Part(NamedTuple):
    outline: np.ndarray  # (N, 2)
    material: int
    light: float = 1.0


def polygon(*points: tuple[float, float]) -> np.ndarray:
    return np.array(points, np.float32)


def box(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return polygon((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def ellipse(x: float, y: float, rx: float, ry: float) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    return np.stack([x + rx * np.cos(angle), y + ry * np.sin(angle)], axis=1).astype(np.float32)


def limb(x0: float, y0: float, x1: float, y1: float, thickness: float) -> np.ndarray:
    """A bar from one point to another."""
    along = np.array([x1 - x0, y1 - y0])
    across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-6) * thickness / 2
    a, b = np.array([x0, y0]), np.array([x1, y1])
    return np.array([a + across, b + across, b - across, a - across], np.float32)


def ball(rng: np.random.Generator) -> list[Part]:
    return [Part(ellipse(0, 0.5, 0.5, 0.5), 0)]


def crate(rng: np.random.Generator) -> list[Part]:
    w, h, d = rng.uniform(0.3, 0.45), rng.uniform(0.45, 0.75), rng.uniform(0.12, 0.25)
    front = box(-w, 0, w, h)
    top = polygon((-w, h), (w, h), (w + d, h + d), (-w + d, h + d))
    side = polygon((w, 0), (w + d, d), (w + d, h + d), (w, h))
    planks = [Part(box(-w, y - 0.012, w, y + 0.012), 1, 0.5) for y in np.linspace(0, h, 5)[1:-1]]
    return [Part(front, 0), *planks, Part(top, 0, 1.25), Part(side, 0, 0.65)]


def house(rng: np.random.Generator) -> list[Part]:
    w, h, roof = rng.uniform(0.35, 0.5), rng.uniform(0.45, 0.65), rng.uniform(0.25, 0.4)
    ridge = rng.uniform(0, 0.5) * w
    parts = [Part(box(-w, 0, w, h), 0)]
    parts.append(Part(polygon((-w - 0.06, h), (w + 0.06, h), (ridge, h + roof), (-ridge, h + roof)), 1))
    door = rng.uniform(-0.6, 0.6) * w
    parts.append(Part(box(door - 0.06, 0, door + 0.06, 0.45 * h), 2, 0.7))
    for x in np.linspace(-w, w, int(rng.integers(4, 6)))[1:-1]:
        parts.append(Part(box(x - 0.06, 0.58 * h, x + 0.06, 0.85 * h), 2, 1.2))
    return parts


def tree(rng: np.random.Generator) -> list[Part]:
    trunk = rng.uniform(0.04, 0.08)
    parts = [Part(polygon((-trunk * 1.3, 0), (trunk * 1.3, 0), (trunk, 0.6), (-trunk, 0.6)), 1, 0.7)]
    if rng.random() < 0.5:
        layers = int(rng.integers(3, 5))
        for i in range(layers):
            y, w = 0.25 + 0.6 * i / layers, 0.4 * (1 - 0.65 * i / layers)
            parts.append(Part(polygon((-w, y), (w, y), (0, y + 0.42)), 0, 0.85 + 0.1 * i))
        return parts
    for _ in range(int(rng.integers(5, 9))):
        r = rng.uniform(0.14, 0.24)
        x, y = rng.uniform(-0.25, 0.25), rng.uniform(0.5, 0.82)
        parts.append(Part(ellipse(x, y, r, r), 0, rng.uniform(0.8, 1.2)))
    return parts


def car(rng: np.random.Generator) -> list[Part]:
    h, cabin = rng.uniform(0.2, 0.28), rng.uniform(0.18, 0.26)
    a, b = rng.uniform(-0.38, -0.22), rng.uniform(0.12, 0.3)
    body = polygon((-0.5, 0.1), (0.5, 0.1), (0.5, 0.1 + 0.7 * h), (0.32, 0.1 + h), (-0.46, 0.1 + h))
    top = 0.1 + h + cabin
    parts = [Part(polygon((a - 0.1, 0.1 + h), (a, top), (b - 0.06, top), (b + 0.08, 0.1 + h)), 0, 0.9), Part(body, 0)]
    middle = (a + b) / 2
    for x0, x1 in ((a, middle - 0.02), (middle + 0.02, b - 0.02)):
        parts.append(Part(box(x0, 0.12 + h, x1, top - 0.04), 2, 1.1))
    for x in (-0.3, 0.3):
        parts += [Part(ellipse(x, 0.11, 0.11, 0.11), 1, 0.3), Part(ellipse(x, 0.11, 0.05, 0.05), 2)]
    return parts


def person(rng: np.random.Generator) -> list[Part]:
    lean, step = rng.uniform(-0.05, 0.05), rng.uniform(0.03, 0.14)
    parts = [Part(limb(s * 0.04, 0.46, s * step, 0, 0.08), 1, 0.8 + 0.1 * s) for s in (-1, 1)]
    for side in (-1, 1):
        angle = rng.uniform(-0.3, 2.4)
        elbow = (side * (0.11 + 0.14 * abs(np.sin(angle))) + lean, 0.74 - 0.16 * np.cos(angle))
        parts.append(Part(limb(side * 0.09 + lean, 0.74, *elbow, 0.06), 0, 0.85))
        hand = (elbow[0] + side * rng.uniform(-0.05, 0.1), elbow[1] - 0.15 * np.cos(angle * rng.uniform(0.6, 1.2)))
        parts.append(Part(limb(*elbow, *hand, 0.05), 2))
    shoulders = 0.11 + lean
    parts.append(Part(polygon((-0.08, 0.44), (0.08, 0.44), (shoulders, 0.78), (lean - 0.11, 0.78)), 0))
    return [*parts, Part(ellipse(lean * 1.4, 0.89, 0.075, 0.095), 2)]


def animal(rng: np.random.Generator) -> list[Part]:
    h, thick, long = rng.uniform(0.28, 0.42), rng.uniform(0.13, 0.19), rng.uniform(0.28, 0.36)
    swing = rng.uniform(-0.08, 0.08, 4)
    parts = [
        Part(limb(x, h, x + s, 0, 0.07), 0, light)
        for x, s, light in zip(
            (-long + 0.08, long - 0.08, -long + 0.02, long - 0.03), swing, (0.6, 0.6, 0.9, 0.9), strict=True
        )
    ]
    parts.append(Part(limb(-long, h + 0.05, -long - 0.14, h + rng.uniform(-0.12, 0.2), 0.045), 0, 0.8))
    neck = (long + rng.uniform(0.02, 0.12), h + rng.uniform(0.1, 0.32))
    parts += [Part(limb(long - 0.06, h + 0.02, *neck, 0.12), 0), Part(ellipse(0, h, long, thick), 0)]
    parts.append(
        Part(polygon((neck[0] - 0.08, neck[1]), (neck[0] - 0.05, neck[1] + 0.18), (neck[0], neck[1] + 0.06)), 1)
    )
    return [*parts, Part(ellipse(neck[0] + 0.05, neck[1] + 0.02, 0.12, 0.085), 0, 1.1)]


def boat(rng: np.random.Generator) -> list[Part]:
    h, mast = rng.uniform(0.14, 0.22), rng.uniform(-0.15, 0.15)
    hull = polygon((-0.36, 0), (0.34, 0), (0.5, h), (-0.48, h))
    parts = [
        Part(hull, 0),
        Part(box(-0.48, h, 0.5, h + 0.03), 1, 1.2),
        Part(box(mast - 0.015, h, mast + 0.015, 0.98), 1, 0.5),
    ]
    reach = rng.uniform(0.25, 0.42)
    parts.append(Part(polygon((mast + 0.03, h + 0.08), (mast + reach, h + 0.08), (mast + 0.03, 0.95)), 2))
    if rng.random() < 0.6:
        parts.append(
            Part(polygon((mast - 0.03, h + 0.08), (mast - 0.7 * reach, h + 0.08), (mast - 0.03, 0.8)), 2, 0.85)
        )
    return parts


def lamp(rng: np.random.Generator) -> list[Part]:
    w, y = rng.uniform(0.14, 0.24), rng.uniform(0.62, 0.74)
    shade = polygon((-w, y), (w, y), (w * rng.uniform(0.4, 0.9), 1), (-w * rng.uniform(0.4, 0.9), 1))
    return [Part(ellipse(0, 0.03, 0.16, 0.04), 1, 0.8), Part(box(-0.018, 0.03, 0.018, y), 1, 0.7), Part(shade, 0, 1.2)]


def vase(rng: np.random.Generator) -> list[Part]:
    y = np.linspace(0, 0.7, 12)
    belly, waist = rng.uniform(0.14, 0.24), rng.uniform(0.05, 0.1)
    width = 0.08 + (belly - 0.08) * np.sin(np.pi * (y / 0.7) ** rng.uniform(0.6, 1.4)) ** 2 + waist * (y / 0.7) ** 4
    outline = np.concatenate([np.stack([width, y], 1), np.stack([-width[::-1], y[::-1]], 1)]).astype(np.float32)
    stems = []
    for x in rng.uniform(-0.22, 0.22, int(rng.integers(0, 4))):
        stems += [Part(limb(0, 0.66, x, 0.92, 0.018), 1, 0.7), Part(ellipse(x, 0.92, 0.06, 0.06), 2)]
    return [*stems, Part(outline, 0)]


def chair(rng: np.random.Generator) -> list[Part]:
    w, seat, skew = rng.uniform(0.2, 0.28), rng.uniform(0.36, 0.46), rng.uniform(0.08, 0.16)
    legs = [(-w, 0), (w, 0), (-w + skew, 0.1), (w + skew, 0.1)]
    parts = [Part(box(x - 0.022, y, x + 0.022, seat), 1, 0.7) for x, y in legs]
    parts.append(Part(polygon((-w, seat), (w, seat), (w + skew, seat + 0.1), (-w + skew, seat + 0.1)), 0))
    back = [(-w + skew, seat + 0.1), (w + skew, seat + 0.1), (w + skew, 0.98), (-w + skew, 0.98)]
    return [Part(polygon(*back), 0, 0.8), *parts]


SHAPES: dict[str, Callable[[np.random.Generator], list[Part]]] = {
    function.__name__: function for function in (person, animal, car, boat, house, tree, ball, crate, lamp, vase, chair)
}
THINGS = tuple(SHAPES)
