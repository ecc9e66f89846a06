"""Kinds of walls and floors: arrays (h, w) float32 in [0, 1], the share of a surface's second color."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from slotcon_mm.datasets.scenes.textures import pattern, soft_step, surface_noise

__all__ = ["FLOORS", "WALLS"]


def plaster(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    return 0.5 * surface_noise(rng, "clouds", height, width)


def bricks(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """1 in the joints of a running bond."""
    course = rng.uniform(9, 16)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    row = np.floor(y / course)
    along = (x + (row % 2) * course) % (2 * course)
    return ((y % course < 1.5) | (along < 1.5)).astype(np.float32)


def wallpaper(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    u = np.arange(width, dtype=np.float32) * (2 * np.pi / rng.uniform(8, 28))
    return np.clip(0.5 + 3 * np.sin(u), 0, 1)[None, :].repeat(height, axis=0)


def boards(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Weatherboards: each is darker toward its upper edge, where the next one covers it."""
    wide = rng.uniform(10, 18)
    y = np.arange(height, dtype=np.float32)[:, None]
    return np.clip(1 - 1.4 * (y % wide / wide) + 0.4 * surface_noise(rng, "fibres", height, width, zoom=2), 0, 1)


def stones(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """1 in the joints of rubble."""
    return soft_step(0.12 - surface_noise(rng, "stones", height, width, zoom=rng.uniform(0.8, 1.4)))


def diamonds(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) * (2 * np.pi / rng.uniform(24, 44))
    return soft_step(np.sin(x + y) * np.sin(x - y))


def planks(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    fibres = surface_noise(rng, "fibres", width, height, zoom=2).T.copy()
    joints = (np.arange(width) % int(rng.integers(14, 26)) < 1.5).astype(np.float32)[None, :]
    return np.clip(0.6 * fibres + joints, 0, 1)


def tiles(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    period = rng.uniform(22, 40)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return np.clip(0.5 + 6 * np.sin(2 * np.pi * x / period) * np.sin(2 * np.pi * y / period), 0, 1)


def carpet(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    return pattern(rng, "dots", height, width, rng.uniform(6, 12)) * 0.5 + 0.5 * surface_noise(
        rng, "grains", height, width
    )


def cobbles(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    return soft_step(0.7 * surface_noise(rng, "clumps", height, width, zoom=rng.uniform(1, 1.8)) - 0.15)


def chevrons(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    return pattern(rng, "zigzag", height, width, rng.uniform(16, 26))


def rug(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    return pattern(rng, "weave", height, width, rng.uniform(16, 26))


Kinds = dict[str, Callable[[np.random.Generator, int, int], np.ndarray]]
WALLS: Kinds = {f.__name__: f for f in (plaster, bricks, wallpaper, boards, stones, diamonds)}
FLOORS: Kinds = {f.__name__: f for f in (planks, tiles, carpet, cobbles, chevrons, rug)}
