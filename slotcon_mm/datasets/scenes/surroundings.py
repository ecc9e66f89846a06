"""Backgrounds: outdoors with a horizon, or a room. Each stuff class has textures of its own and colors of many."""

from __future__ import annotations

import cv2
import numpy as np

from slotcon_mm.datasets.scenes.claddings import FLOORS, WALLS
from slotcon_mm.datasets.scenes.styles import Style, Surface
from slotcon_mm.datasets.scenes.textures import mix, random_color, surface_noise

__all__ = ["STUFF", "paint_outdoors", "paint_room"]

GROUNDS = ("grass", "sand", "water")
STUFF = ("sky", "mountain", "foliage", "grass", "sand", "water", "wall", "floor")
# hue, saturation and value of a class, chosen so that they overlap: dusk skies, autumn leaves, red and gray sand
COLORS: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "sky": (
        ((0.52, 0.66), (0.1, 0.7), (0.5, 1.0)),
        ((0.0, 0.14), (0.1, 0.6), (0.5, 1.0)),
        ((0, 1), (0, 0.12), (0.4, 0.95)),
    ),
    "mountain": (
        ((0.0, 0.12), (0.1, 0.5), (0.2, 0.6)),
        ((0.5, 0.7), (0.1, 0.4), (0.25, 0.7)),
        ((0.2, 0.4), (0.1, 0.5), (0.2, 0.5)),
    ),
    "foliage": (((0.2, 0.42), (0.3, 0.9), (0.15, 0.6)), ((0.02, 0.14), (0.4, 0.9), (0.25, 0.75))),
    "grass": (((0.17, 0.4), (0.3, 0.9), (0.25, 0.75)), ((0.08, 0.17), (0.25, 0.7), (0.35, 0.85))),
    "sand": (((0.06, 0.15), (0.15, 0.6), (0.45, 0.95)), ((0, 1), (0, 0.1), (0.35, 0.9))),
    "water": (
        ((0.45, 0.65), (0.2, 0.9), (0.2, 0.8)),
        ((0.02, 0.12), (0.1, 0.5), (0.4, 0.9)),
        ((0.25, 0.45), (0.1, 0.5), (0.2, 0.6)),
    ),
    "wall": (((0, 1), (0.0, 0.6), (0.3, 0.95)),),
    "floor": (((0, 1), (0.05, 0.6), (0.25, 0.85)), ((0.03, 0.12), (0.3, 0.8), (0.25, 0.75))),
}


def stuff_colors(rng: np.random.Generator, name: str) -> tuple[np.ndarray, np.ndarray]:
    """A color of the class and a lighter or darker one beside it."""
    ranges = COLORS[name][rng.integers(len(COLORS[name]))]
    first = random_color(rng, *ranges)
    return first, np.clip(first * rng.uniform(0.55, 0.8) if rng.random() < 0.5 else first * 1.3 + 0.05, 0, 1)


def paint_sky(rng: np.random.Generator, height: int, width: int, clouds_noise: str) -> np.ndarray:
    first, second = stuff_colors(rng, "sky")
    slope = np.linspace(0, 1, height, dtype=np.float32)[:, None].repeat(width, axis=1)
    clouds = np.clip((surface_noise(rng, clouds_noise, height, width) - rng.uniform(0.35, 0.8)) * 3, 0, 1)
    return mix(clouds, mix(slope, first, second), np.ones(3, np.float32) * rng.uniform(0.75, 1))


def paint_noise(rng: np.random.Generator, height: int, width: int, stuff: str, surface: Surface) -> np.ndarray:
    first, second = stuff_colors(rng, stuff)
    noise = surface_noise(rng, surface.noise, height, width, zoom=rng.uniform(*surface.zoom))
    return mix(np.clip(0.5 + surface.contrast * (noise - 0.5), 0, 1), first, second)


def recede(texture: np.ndarray) -> np.ndarray:
    """The texture seen as a plane that recedes to the image's top edge."""
    height, width = texture.shape[:2]
    depth = np.linspace(0.12, 1, height, dtype=np.float32)
    rows = (height - 1) * (1 - np.log(depth) / np.log(depth[0]))
    spread = (np.arange(width, dtype=np.float32) - width / 2)[None, :] / (0.35 + 0.65 * depth[:, None])
    columns = np.abs((spread + width / 2 + width * 4) % (2 * width - 2) - (width - 1))
    return cv2.remap(texture, columns, np.repeat(rows[:, None], width, axis=1), cv2.INTER_LINEAR)


def paint_wall(rng: np.random.Generator, height: int, width: int, kinds: tuple[str, ...]) -> np.ndarray:
    colors = stuff_colors(rng, "wall")
    return mix(WALLS[kinds[rng.integers(len(kinds))]](rng, height, width), *colors)


def paint_floor(rng: np.random.Generator, height: int, width: int, kinds: tuple[str, ...]) -> np.ndarray:
    """A kind of floor, receding."""
    colors = stuff_colors(rng, "floor")
    return recede(mix(FLOORS[kinds[rng.integers(len(kinds))]](rng, height, width), *colors))


def ridge(rng: np.random.Generator, width: int, base: float, rise: float, cells: int) -> np.ndarray:
    """(width,) rows of a skyline above ``base``."""
    profile = fractal_line(rng, width, cells)
    return base - rise * profile


def fractal_line(rng: np.random.Generator, width: int, cells: int) -> np.ndarray:
    total = np.zeros(width, np.float32)
    for octave in range(4):
        knots = rng.random((1, (cells << octave) + 1), dtype=np.float32)
        total += cv2.resize(knots, (width, 1), interpolation=cv2.INTER_CUBIC)[0] / 2**octave
    return np.clip((total - total.min()) / max(float(np.ptp(total)), 1e-3), 0, 1)


def below(line: np.ndarray, height: int) -> np.ndarray:
    """(height, width) float mask of what lies below a line of rows, its edge softened over a pixel."""
    return np.clip(np.arange(height, dtype=np.float32)[:, None] - line[None, :] + 0.5, 0, 1)


def lay(canvas: np.ndarray, labels: np.ndarray, mask: np.ndarray, paint: np.ndarray, stuff: str) -> None:
    """Paints ``stuff`` in place where the mask says."""
    canvas += mask[..., None] * (paint - canvas)
    labels[mask > 0.5] = STUFF.index(stuff)


def paint_outdoors(
    rng: np.random.Generator, height: int, width: int, style: Style
) -> tuple[np.ndarray, np.ndarray, int]:
    """Sky, often mountains or foliage, and one or two grounds.

    Returns:
        The image (h, w, 3) in [0, 1], its stuff (h, w) as indices of ``STUFF``, and the horizon's row.
    """
    materials, layout = style.materials, style.layout
    canvas = paint_sky(rng, height, width, materials.clouds)
    labels = np.zeros((height, width), np.uint8)
    horizon = int(height * rng.uniform(*layout.horizon))
    if rng.random() < 0.6:
        line = ridge(rng, width, horizon + 2, height * rng.uniform(0.08, 0.3), int(rng.integers(2, 5)))
        paint = paint_noise(rng, height, width, "mountain", materials.surfaces["mountain"])
        lay(canvas, labels, below(line, height), paint, "mountain")
    if rng.random() < 0.6:
        line = ridge(rng, width, horizon + 3, height * rng.uniform(0.04, 0.18), int(rng.integers(5, 14)))
        paint = paint_noise(rng, height, width, "foliage", materials.surfaces["foliage"])
        lay(canvas, labels, below(line, height), paint, "foliage")
    first, second, _ = (str(name) for name in rng.permutation(GROUNDS))
    tilt = np.linspace(-1, 1, width, dtype=np.float32) * rng.uniform(-layout.roll, layout.roll)
    ground(rng, canvas, labels, horizon + tilt, first, materials.surfaces[first])
    if rng.random() < 0.55:
        shore = horizon + (height - horizon) * rng.uniform(0.3, 0.75)
        line = shore + height * 0.08 * (fractal_line(rng, width, 3) - 0.5) + tilt * rng.uniform(0, 8)
        ground(rng, canvas, labels, np.maximum(line, horizon + 4), second, materials.surfaces[second])
    return canvas, labels, horizon


def ground(
    rng: np.random.Generator, canvas: np.ndarray, labels: np.ndarray, line: np.ndarray, stuff: str, surface: Surface
) -> None:
    height, width = labels.shape
    top = max(0, int(line.min()))
    texture = np.zeros_like(canvas)
    texture[top:] = recede(paint_noise(rng, height - top, width, stuff, surface).astype(np.float32))
    lay(canvas, labels, below(line, height), texture, stuff)


def paint_room(rng: np.random.Generator, height: int, width: int, style: Style) -> tuple[np.ndarray, np.ndarray, int]:
    """Wall and floor, at times a window onto sky; as ``paint_outdoors``."""
    materials, layout = style.materials, style.layout
    canvas = paint_wall(rng, height, width, materials.walls).astype(np.float32)
    labels = np.full((height, width), STUFF.index("wall"), np.uint8)
    edge = int(height * rng.uniform(*layout.edge))
    if rng.random() < 0.4:
        w, h = int(width * rng.uniform(0.18, 0.35)), int(edge * rng.uniform(0.4, 0.7))
        left, top = int(rng.integers(4, width - w - 4)), int(rng.integers(2, max(3, edge - h - 6)))
        mask = np.zeros((height, width), np.float32)
        mask[top : top + h, left : left + w] = 1
        cv2.rectangle(canvas, (left - 3, top - 3), (left + w + 2, top + h + 2), random_color(rng).tolist(), -1)
        lay(canvas, labels, mask, paint_sky(rng, height, width, materials.clouds), "sky")
    slope = rng.uniform(-layout.skew, layout.skew)
    line = np.full(width, edge, np.float32) + np.linspace(-1, 1, width, dtype=np.float32) * slope
    floor = np.zeros_like(canvas)
    top = max(0, int(line.min()))
    floor[top:] = paint_floor(rng, height - top, width, materials.floors)
    lay(canvas, labels, below(line, height), floor, "floor")
    return canvas, labels, edge
