"""Noise and patterns that surfaces are painted with: arrays (h, w) float32 in [0, 1]."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

__all__ = ["PATTERNS", "cell_noise", "folded_noise", "fractal_noise", "mix", "pattern", "random_color", "surface_noise"]

TILE = 512


def fractal_noise(rng: np.random.Generator, cells_x: int, cells_y: int, octaves: int) -> np.ndarray:
    """Sum of octaves of smooth random values, stretched to [0, 1]."""
    total = np.zeros((TILE, TILE), np.float32)
    for octave in range(octaves):
        shape = (min(TILE, cells_y << octave) + 1, min(TILE, cells_x << octave) + 1)
        grid = rng.random(shape, dtype=np.float32)
        total += cv2.resize(grid, (TILE, TILE), interpolation=cv2.INTER_CUBIC) / 2**octave
    return stretched(total)


def folded_noise(rng: np.random.Generator, cells_x: int, cells_y: int, octaves: int, folds: int) -> np.ndarray:
    """``fractal_noise`` that runs from 0 to 1 and back ``folds`` times: creases along lines of equal height."""
    return 1 - np.abs(fractal_noise(rng, cells_x, cells_y, octaves) * folds % 2 - 1)


def cell_noise(rng: np.random.Generator, cells_x: int, cells_y: int) -> np.ndarray:
    """Distance to the second nearest of scattered points less that to the nearest, stretched: 0 where cells meet."""
    points = np.mgrid[-1 : cells_y + 1, -1 : cells_x + 1] + rng.random((2, cells_y + 2, cells_x + 2))
    y, x = np.mgrid[0:TILE, 0:TILE] * (np.array([cells_y, cells_x]) / TILE)[:, None, None]
    row, column = y.astype(int), x.astype(int)  # the points around a pixel are at these and the two next places
    near = [points[:, row + i, column + j] for i in range(3) for j in range(3)]
    nearest = np.partition(np.stack([np.hypot(py - y, px - x) for py, px in near]), 1, axis=0)
    return stretched(nearest[1] - nearest[0])


def stretched(values: np.ndarray) -> np.ndarray:
    low, high = np.percentile(values, (1, 99))
    return np.clip((values - low) / (high - low), 0, 1).astype(np.float32)


class Noise(NamedTuple):
    """The seed of its tile, and how it is made."""

    seed: int
    make: Callable[..., np.ndarray]
    arguments: tuple[int, ...]


# how the same kind of noise becomes another material: cells across the tile in x and y first
NOISES = {
    "clouds": Noise(1, fractal_noise, (4, 6, 5)),
    "rock": Noise(5, fractal_noise, (10, 14, 6)),
    "leaves": Noise(4, fractal_noise, (40, 40, 3)),
    "blades": Noise(0, fractal_noise, (150, 12, 3)),
    "grains": Noise(3, fractal_noise, (220, 220, 2)),
    "waves": Noise(6, fractal_noise, (10, 90, 3)),
    "fibres": Noise(2, fractal_noise, (6, 120, 3)),
    "veils": Noise(7, folded_noise, (3, 9, 3, 3)),
    "ridges": Noise(8, folded_noise, (12, 9, 4, 2)),
    "tufts": Noise(9, cell_noise, (80, 26)),
    "dunes": Noise(10, folded_noise, (5, 8, 2, 16)),
    "veins": Noise(11, folded_noise, (12, 12, 2, 4)),
    "clumps": Noise(12, cell_noise, (34, 34)),
    "glints": Noise(13, cell_noise, (14, 110)),
    "stones": Noise(14, cell_noise, (16, 26)),
}


@lru_cache(maxsize=len(NOISES))
def noise_tile(name: str) -> np.ndarray:
    """The same tile in every process: images differ in the part they take from it."""
    noise = NOISES[name]
    return noise.make(np.random.default_rng([7, noise.seed]), *noise.arguments)


def surface_noise(rng: np.random.Generator, name: str, height: int, width: int, zoom: float = 1.0) -> np.ndarray:
    """A random part of a noise; ``zoom`` above 1 makes its grain larger."""
    rows, columns = (min(TILE, max(2, round(side / zoom))) for side in (height, width))
    top, left = rng.integers(0, TILE - rows + 1), rng.integers(0, TILE - columns + 1)
    part = noise_tile(name)[top : top + rows, left : left + columns]
    return cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR)


# patterns that are a noise, and those that are a function of a place in radians
NOISE_PATTERNS = {"mottled": "rock", "veins": "veins", "pebbles": "clumps"}
WAVE_PATTERNS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "stripes": lambda u, v: np.sin(u),
    "checks": lambda u, v: np.sin(u) * np.sin(v),
    "dots": lambda u, v: np.cos(u) + np.cos(v) - 0.9,
    "zigzag": lambda u, v: np.sin(u + 2 * np.arcsin(np.sin(v))),
    "rings": lambda u, v: np.sin(np.hypot(u, v)),
    "weave": lambda u, v: np.where(np.sin(u / 2) * np.sin(v / 2) > 0, np.sin(2 * u), np.sin(2 * v)),
}
PATTERNS = ("plain", *NOISE_PATTERNS, *WAVE_PATTERNS)


def pattern(rng: np.random.Generator, name: str, height: int, width: int, period: float) -> np.ndarray:
    """A pattern of ``period`` pixels at a random angle: the share of a surface's second color."""
    if name == "plain":
        return np.zeros((height, width), np.float32)
    if name in NOISE_PATTERNS:
        return surface_noise(rng, NOISE_PATTERNS[name], height, width, zoom=max(0.5, period / 12))
    angle = rng.uniform(0, np.pi)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    u = (x * np.cos(angle) + y * np.sin(angle)) * (2 * np.pi / period) + rng.uniform(0, 6.3)
    v = (y * np.cos(angle) - x * np.sin(angle)) * (2 * np.pi / period)
    return soft_step(WAVE_PATTERNS[name](u, v))


def soft_step(values: np.ndarray) -> np.ndarray:
    return np.clip(0.5 + 4 * values, 0, 1).astype(np.float32)


def random_color(
    rng: np.random.Generator,
    hue: tuple[float, float] = (0, 1),
    saturation: tuple[float, float] = (0.1, 0.9),
    value: tuple[float, float] = (0.25, 0.95),
) -> np.ndarray:
    """(3,) float32 RGB in [0, 1] from ranges of HSV; hue may run past 1."""
    h, s, v = rng.uniform(*hue) % 1, rng.uniform(*saturation), rng.uniform(*value)
    turn = (np.array([5, 3, 1]) + 6 * h) % 6
    return (v - v * s * np.clip(np.minimum(turn, 4 - turn), 0, 1)).astype(np.float32)


def mix(share_HW: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(h, w, 3): ``first`` where the share is 0, ``second`` where it is 1."""
    return first + share_HW[..., None] * (second - first)
