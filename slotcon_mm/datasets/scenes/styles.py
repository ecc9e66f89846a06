"""What scenes look like: the numbers by which one style of scenes differs from another. Classes are the same in all."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["DAY", "STYLES", "Layout", "Light", "Materials", "Style", "Surface", "style_named"]

Range = tuple[float, float]


class Surface(NamedTuple):
    """A stuff class painted by a noise: its name, how large its grain is drawn, and its contrast."""

    noise: str
    zoom: Range
    contrast: float


class Materials(NamedTuple):
    """What surfaces are painted with.

    Attributes:
        patterns: Of things, names in ``textures.PATTERNS``.
        periods: Of these patterns, as a share of the thing's size.
        surfaces: For mountain, foliage and each ground.
        clouds: The noise of skies.
        walls, floors: Kinds, names in ``surroundings``.
    """

    patterns: tuple[str, ...]
    periods: Range
    surfaces: dict[str, Surface]
    clouds: str
    walls: tuple[str, ...]
    floors: tuple[str, ...]


class Layout(NamedTuple):
    """Where things are and how the camera sees them.

    Attributes:
        outdoors: Share of scenes that are no rooms.
        horizon, edge: Row of the horizon, or of a room's far edge, as a share of the height: low is a high camera.
        roll, skew: The most that the horizon, or a room's far edge, falls from the middle to a side, in pixels.
        things: How many, the second number excluded.
        size: Of things, as a factor.
        stretch, turn: How much wider things may be, and their largest angle in radians.
    """

    outdoors: float
    horizon: Range
    edge: Range
    roll: float
    skew: float
    things: tuple[int, int]
    size: float
    stretch: Range
    turn: float


class Light(NamedTuple):
    """How the scene is lit and recorded.

    Attributes:
        cast: Color of the light, red, green and blue.
        exposure, gamma: Brightness, and the exponent that follows it.
        side: How much brighter things are on the side of the light.
        shadow_strength, shadow_length, shadow_shift: Of cast shadows; the last two as a share of the thing's size.
        lamps: How many pools of warm light, the second number excluded.
        grain: Standard deviation of the sensor's noise.
        grain_channels: 1 for gray noise, 3 for colored.
    """

    cast: tuple[float, float, float]
    exposure: Range
    gamma: Range
    side: float
    shadow_strength: Range
    shadow_length: Range
    shadow_shift: float
    lamps: tuple[int, int]
    grain: Range
    grain_channels: int


class Style(NamedTuple):
    """``description`` is what a user reads before choosing."""

    description: str
    materials: Materials
    layout: Layout
    light: Light


DAY = Style(
    "daylight, seen from about eye height",
    Materials(
        patterns=("plain", "stripes", "checks", "dots", "mottled"),
        periods=(0.08, 0.3),
        surfaces=dict(
            mountain=Surface("rock", (0.8, 1.8), 1.2),
            foliage=Surface("leaves", (0.8, 2.0), 1.6),
            grass=Surface("blades", (0.7, 1.4), 1.2),
            sand=Surface("grains", (0.6, 1.2), 0.55),
            water=Surface("waves", (0.7, 1.6), 1.1),
        ),
        clouds="clouds",
        walls=("plaster", "bricks", "wallpaper"),
        floors=("planks", "tiles", "carpet"),
    ),
    Layout(
        outdoors=0.65, horizon=(0.3, 0.6), edge=(0.4, 0.7), roll=3, skew=12, things=(2, 9), size=1.0,
        stretch=(0.85, 1.2), turn=0.12,
    ),
    Light(
        cast=(1, 1, 1), exposure=(0.65, 1.15), gamma=(0.8, 1.25), side=0.25, shadow_strength=(0.25, 0.6),
        shadow_length=(0.25, 0.5), shadow_shift=0.3, lamps=(0, 1), grain=(0.005, 0.02), grain_channels=1,
    ),
)  # fmt: skip

NIGHT = Style(
    "moonlight and lamps, grainy, other materials, more and smaller things, seen from higher up",
    Materials(
        patterns=("plain", "zigzag", "rings", "weave", "veins", "pebbles"),
        periods=(0.1, 0.25),
        surfaces=dict(
            mountain=Surface("ridges", (0.8, 1.5), 1.2),
            foliage=Surface("clumps", (0.9, 1.7), 1.4),
            grass=Surface("tufts", (0.8, 1.5), 1.2),
            sand=Surface("dunes", (0.8, 1.5), 0.8),
            water=Surface("glints", (0.8, 1.5), 1.2),
        ),
        clouds="veils",
        walls=("boards", "stones", "diamonds"),
        floors=("cobbles", "chevrons", "rug"),
    ),
    Layout(
        outdoors=0.6, horizon=(0.2, 0.42), edge=(0.28, 0.5), roll=12, skew=22, things=(3, 10), size=0.85,
        stretch=(0.9, 1.35), turn=0.2,
    ),
    Light(
        cast=(0.7, 0.85, 1.2), exposure=(0.35, 0.55), gamma=(0.8, 1.1), side=0.5, shadow_strength=(0.4, 0.7),
        shadow_length=(0.5, 0.8), shadow_shift=0.6, lamps=(1, 4), grain=(0.02, 0.05), grain_channels=3,
    ),
)  # fmt: skip

STYLES = dict(day=DAY, night=NIGHT)


def style_named(name: str) -> Style:
    if name not in STYLES:
        raise ValueError(f"expected a style of scenes, one of {', '.join(STYLES)}, got {name!r}: correct its name")
    return STYLES[name]
