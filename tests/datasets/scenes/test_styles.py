"""Styles of scenes: names in them exist, day is what it always was, and night looks another way."""

from __future__ import annotations

import numpy as np
import pytest

from slotcon_mm.datasets.scenes import CLASSES, STYLES, paint_scene
from slotcon_mm.datasets.scenes.claddings import FLOORS, WALLS
from slotcon_mm.datasets.scenes.styles import style_named
from slotcon_mm.datasets.scenes.surroundings import GROUNDS
from slotcon_mm.datasets.scenes.textures import NOISES, PATTERNS

# Of the scenes of 128 x 96 of seeds [0, 0], [0, 1] and [0, 2], from the code before there were styles: mean gray of
# each of 3 x 4 blocks, pixels of each class that occurs, and classes of the instances. Not checksums: with another
# processor, NumPy and OpenCV may round a pixel another way.
BEFORE_STYLES = [
    (
        [
            [187.114, 209.949, 209.958, 209.901],
            [107.015, 207.900, 170.285, 207.184],
            [163.691, 166.357, 122.030, 207.025],
        ],
        dict(boat=1233, tree=801, crate=201, sky=5822, foliage=477, sand=2764, water=990),
        ["tree", "crate", "boat"],
    ),
    (
        [
            [121.919, 130.776, 132.753, 126.461],
            [107.737, 126.703, 137.099, 140.092],
            [114.944, 133.340, 151.344, 157.825],
        ],
        dict(vase=405, chair=724, wall=6979, floor=4180),
        ["chair", "chair", "vase", "vase"],
    ),
    (
        [[142.970, 108.430, 84.757, 82.469], [87.657, 79.423, 93.413, 60.216], [41.978, 37.786, 53.428, 32.162]],
        dict(house=4310, sky=4803, grass=2577, sand=598),
        ["house", "house"],
    ),
]


@pytest.mark.parametrize("seed", range(len(BEFORE_STYLES)))
def test_scenes_by_day_are_those_from_before_there_were_styles(seed):
    grays, pixels, things = BEFORE_STYLES[seed]
    for scene in (
        paint_scene(np.random.default_rng([0, seed]), 128, 96),
        paint_scene(np.random.default_rng([0, seed]), 128, 96, STYLES["day"]),
    ):
        np.testing.assert_allclose(scene.image.reshape(3, 32, 4, 32, 3).mean(axis=(1, 3, 4)), grays, atol=0.02)
        found = np.bincount(scene.labels.ravel(), minlength=len(CLASSES))
        expected = np.array([pixels.get(name, 0) for name in CLASSES])
        assert np.abs(found - expected).max() <= 2
        assert [CLASSES[index] for index, _ in scene.instances] == things


@pytest.mark.parametrize("name", STYLES)
def test_what_a_style_names_exists(name):
    materials = STYLES[name].materials
    assert set(materials.patterns) <= set(PATTERNS)
    assert set(materials.walls) <= set(WALLS)
    assert set(materials.floors) <= set(FLOORS)
    assert set(materials.surfaces) == {"mountain", "foliage", *GROUNDS}
    assert {materials.clouds, *(surface.noise for surface in materials.surfaces.values())} <= set(NOISES)


def test_night_shares_no_texture_with_day():
    day, night = STYLES["day"].materials, STYLES["night"].materials
    assert set(day.patterns) & set(night.patterns) == {"plain"}
    assert not set(day.walls + day.floors) & set(night.walls + night.floors)
    assert not {s.noise for s in day.surfaces.values()} & {s.noise for s in night.surfaces.values()}


def test_night_is_darker_and_noisier():
    def mean_and_grain(name: str) -> tuple[float, float]:
        images = [paint_scene(np.random.default_rng([1, i]), 128, 96, STYLES[name]).image / 255 for i in range(40)]
        # color noise is what differs from red to green where neighbors are alike
        red_green = [image[..., 0] - image[..., 1] for image in images]
        return float(np.mean(images)), float(np.median([np.median(np.abs(np.diff(d, axis=1))) for d in red_green]))

    (day_mean, day_grain), (night_mean, night_grain) = mean_and_grain("day"), mean_and_grain("night")
    assert night_mean < 0.9 * day_mean
    assert night_grain > 2 * day_grain


def test_an_unknown_style_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="expected a style of scenes, one of day, night, got 'dawn'"):
        style_named("dawn")
