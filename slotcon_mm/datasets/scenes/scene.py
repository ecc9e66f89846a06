"""One scene: surroundings, things with shadows that hide each other, light, and what each pixel is."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from slotcon_mm.datasets.scenes.objects import SHAPES, THINGS
from slotcon_mm.datasets.scenes.styles import DAY, Light, Style
from slotcon_mm.datasets.scenes.surroundings import STUFF, paint_outdoors, paint_room
from slotcon_mm.datasets.scenes.textures import mix, pattern, random_color, surface_noise

__all__ = ["CLASSES", "Scene", "paint_scene"]

CLASSES = THINGS + STUFF  # a label map holds indices of these
INDOORS = ("person", "animal", "ball", "crate", "lamp", "vase", "chair")
OUTDOORS = ("person", "animal", "car", "house", "tree", "ball", "crate")
# height of a thing as a share of the image's, standing at its lower edge
HEIGHTS = dict(
    person=0.6, animal=0.42, car=0.5, boat=0.6, house=0.85, tree=0.95, ball=0.25, crate=0.35, lamp=0.6,
    vase=0.4, chair=0.5,
)  # fmt: skip
SMALLEST_VISIBLE = 24  # pixels; a thing hidden down to less is part of what hides it


class Scene(NamedTuple):
    """``image`` (h, w, 3) uint8 RGB, ``labels`` (h, w) uint8 indices of CLASSES, ``instances`` (class, (h, w) bool)."""

    image: np.ndarray
    labels: np.ndarray
    instances: list[tuple[int, np.ndarray]]


def paint_scene(rng: np.random.Generator, width: int = 256, height: int = 192, style: Style = DAY) -> Scene:
    """Outdoors or a room with several things."""
    layout = style.layout
    outdoors = rng.random() < layout.outdoors
    canvas, stuff, horizon = (paint_outdoors if outdoors else paint_room)(rng, height, width, style)
    canvas = np.ascontiguousarray(canvas, np.float32)
    labels = (stuff + len(THINGS)).astype(np.uint8)
    owner = np.zeros((height, width), np.int16)
    light = rng.choice((-1, 1)) * rng.uniform(0.3, 1)
    feet = np.sort(rng.uniform(horizon + 0.1 * (height - horizon), 1.02 * height, int(rng.integers(*layout.things))))
    classes = []
    for number, foot in enumerate(feet, start=1):
        name = choose_thing(rng, labels, foot, outdoors)
        scale = (foot - horizon + 0.12 * height) / (1.12 * height - horizon)
        size = HEIGHTS[name] * layout.size * height * scale * rng.uniform(0.75, 1.25)
        place = (rng.uniform(0.03, 0.97) * width, foot)
        mask = draw_thing(rng, canvas, name, place, max(size, 12.0), light, style)
        labels[mask], owner[mask] = THINGS.index(name), number
        classes.append(THINGS.index(name))
    image = illuminate(rng, canvas, style.light)
    instances = [(index, owner == number) for number, index in enumerate(classes, start=1)]
    return Scene(image, labels, [i for i in instances if np.count_nonzero(i[1]) >= SMALLEST_VISIBLE])


def choose_thing(rng: np.random.Generator, labels: np.ndarray, foot: float, outdoors: bool) -> str:
    """A boat where the row is mostly water, else what stands indoors or outdoors."""
    row = labels[min(int(foot), labels.shape[0] - 1)]
    if outdoors and np.mean(row == CLASSES.index("water")) > 0.5:
        return "boat"
    return str(rng.choice(OUTDOORS if outdoors else INDOORS))


def draw_thing(
    rng: np.random.Generator,
    canvas: np.ndarray,
    name: str,
    place: tuple[float, float],
    size: float,
    light: float,
    style: Style,
) -> np.ndarray:
    """Paints a thing and its shadow in place, lit from -1 (left) to 1; the mask (h, w) bool of the thing."""
    materials, layout = style.materials, style.layout
    height, width = canvas.shape[:2]
    parts = SHAPES[name](rng)
    turn = rng.uniform(-layout.turn, layout.turn) if name != "ball" else 0
    mirror = rng.choice((-1.0, 1.0))
    stretch = rng.uniform(*layout.stretch)
    colors = [(random_color(rng), random_color(rng)) for _ in range(3)]
    patterns = [str(rng.choice(materials.patterns)) for _ in range(3)]
    periods = rng.uniform(*materials.periods, 3) * size

    cast_shadow(rng, canvas, place, size, light, style.light)
    mask = np.zeros((height, width), np.uint8)
    for part in parts:
        points = to_image(part.outline, place, size, mirror, stretch, turn)
        left, top = np.maximum(np.floor(points.min(axis=0)).astype(int) - 1, 0)
        right, bottom = np.minimum(np.ceil(points.max(axis=0)).astype(int) + 2, (width, height))
        if right <= left or bottom <= top:
            continue
        cover = np.zeros((bottom - top, right - left), np.uint8)
        cv2.fillPoly(cover, [np.round((points - (left, top)) * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
        share = pattern(rng, patterns[part.material], bottom - top, right - left, max(3.0, periods[part.material]))
        paint = (
            mix(share, *colors[part.material])
            * part.light
            * shade(cover.shape, light, name, style.light.side)[..., None]
        )
        region = canvas[top:bottom, left:right]
        region += (cover[..., None] / np.float32(255)) * (np.clip(paint, 0, 1) - region)
        np.maximum(mask[top:bottom, left:right], cover, out=mask[top:bottom, left:right])
    return mask > 127


def to_image(
    outline: np.ndarray, place: tuple[float, float], size: float, mirror: float, stretch: float, turn: float
) -> np.ndarray:
    """Unit coordinates, y up, to pixels, y down."""
    x, y = outline[:, 0] * mirror * stretch, outline[:, 1]
    turned = np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)], axis=1)
    return np.array(place) + turned * (size, -size)


def shade(shape: tuple[int, int], light: float, name: str, side: float) -> np.ndarray:
    """Brighter on the side of the light; balls are round."""
    height, width = shape
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    if name == "ball":
        return 1.15 - 0.6 * np.clip(np.hypot(x - 0.4 * light, y + 0.4), 0, 1.3)
    return 1 + side * light * x - 0.08 * y


def cast_shadow(
    rng: np.random.Generator, canvas: np.ndarray, place: tuple[float, float], size: float, light: float, look: Light
) -> None:
    """A soft dark ellipse on the ground, away from the light."""
    strength, length = rng.uniform(*look.shadow_strength), rng.uniform(*look.shadow_length)
    shadow = np.zeros(canvas.shape[:2], np.uint8)
    center = (round(place[0] - light * look.shadow_shift * size), round(place[1] - 0.01 * size))
    cv2.ellipse(shadow, center, (max(2, round(length * size)), max(1, round(0.07 * size))), 0, 0, 360, 255, -1)
    soft = cv2.blur(shadow, (5, 5)).astype(np.float32) / 255
    canvas *= 1 - strength * soft[..., None]


def illuminate(rng: np.random.Generator, canvas: np.ndarray, light: Light) -> np.ndarray:
    """Brightness, color of the light, uneven light, lamps and sensor noise; to 8 bits."""
    height, width = canvas.shape[:2]
    tint = np.array(light.cast, np.float32) + rng.uniform(-0.15, 0.15, 3).astype(np.float32)
    uneven = 1 + 0.35 * (surface_noise(rng, "clouds", height, width, zoom=1.5) - 0.5) * rng.random()
    lit = canvas * tint * rng.uniform(*light.exposure) * uneven[..., None]
    for _ in range(int(rng.integers(*light.lamps))):
        lit += canvas * lamplight(rng, height, width)
    lit = np.clip(lit, 0, 1) ** rng.uniform(*light.gamma)
    grain = rng.standard_normal((height, width, light.grain_channels), dtype=np.float32) * rng.uniform(*light.grain)
    return np.clip((lit + grain) * 255, 0, 255).astype(np.uint8)


def lamplight(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """(h, w, 3): a pool of warm light that falls off with the square of the distance."""
    x, y, reach = rng.uniform(0, width), rng.uniform(0.1, 1) * height, rng.uniform(0.2, 0.45) * width
    color = random_color(rng, hue=(0.05, 0.14), saturation=(0.3, 0.7), value=(0.3, 0.7))
    columns, rows = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    return (1 / (1 + ((columns - x) ** 2 + (rows - y) ** 2) / reach**2))[..., None] * color
