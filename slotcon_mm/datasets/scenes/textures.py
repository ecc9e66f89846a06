"""Noise and patterns that surfaces are painted with: arrays (h, w) float32 in [0, 1]."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

__all__ = ["PATTERNS", "fractal_noise", "mix", "pattern", "random_color", "surface_noise"]

TILE = 512
# how the same noise becomes another material: cells across the tile in x and y, and number of octaves
NOISES = {
    "clouds": (4, 6, 5),
    "rock": (10, 14, 6),
    "leaves": (40, 40, 3),
    "blades": (150, 12, 3),
    "grains": (220, 220, 2),
    "waves": (10, 90, 3),
    "fibres": (6, 120, 3),
}
PATTERNS = ("plain", "stripes", "checks", "dots", "mottled")


def fractal_noise(rng: np.random.Generator, cells_x: int, cells_y: int, octaves: int) -> np.ndarray:
    """Sum of octaves of smooth random values, stretched to [0, 1]."""
    total = np.zeros((TILE, TILE), np.float32)
    for octave in range(octaves):
        shape = (min(TILE, cells_y << octave) + 1, min(TILE, cells_x << octave) + 1)
        grid = rng.random(shape, dtype=np.float32)
        total += cv2.resize(grid, (TILE, TILE), interpolation=cv2.INTER_CUBIC) / 2**octave
    low, high = np.percentile(total, (1, 99))
    return np.clip((total - low) / (high - low), 0, 1).astype(np.float32)


@lru_cache(maxsize=len(NOISES))
def noise_tile(name: str) -> np.ndarray:
    """The same tile in every process: images differ in the part they take from it."""
    return fractal_noise(np.random.default_rng([7, sorted(NOISES).index(name)]), *NOISES[name])


def surface_noise(rng: np.random.Generator, name: str, height: int, width: int, zoom: float = 1.0) -> np.ndarray:
    """A random part of a noise; ``zoom`` above 1 makes its grain larger."""
    rows, columns = (min(TILE, max(2, round(side / zoom))) for side in (height, width))
    top, left = rng.integers(0, TILE - rows + 1), rng.integers(0, TILE - columns + 1)
    part = noise_tile(name)[top : top + rows, left : left + columns]
    return cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR)


def pattern(rng: np.random.Generator, name: str, height: int, width: int, period: float) -> np.ndarray:
    """A pattern of ``period`` pixels at a random angle: the share of a surface's second color."""
    if name == "plain":
        return np.zeros((height, width), np.float32)
    if name == "mottled":
        return surface_noise(rng, "rock", height, width, zoom=max(0.5, period / 12))
    angle = rng.uniform(0, np.pi)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    u = (x * np.cos(angle) + y * np.sin(angle)) * (2 * np.pi / period) + rng.uniform(0, 6.3)
    if name == "stripes":
        return soft_step(np.sin(u))
    v = (y * np.cos(angle) - x * np.sin(angle)) * (2 * np.pi / period)
    if name == "checks":
        return soft_step(np.sin(u) * np.sin(v))
    return soft_step(np.cos(u) + np.cos(v) - 0.9)


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
