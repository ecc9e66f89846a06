"""Generated scenes: layout, determinism, and that colour does not give the classes away."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from slotcon_mm.datasets.scenes import CLASSES, paint_scene, write_scenes
from slotcon_mm.datasets.scenes.objects import SHAPES, THINGS
from slotcon_mm.datasets.scenes.surroundings import STUFF, paint_outdoors, paint_room
from slotcon_mm.datasets.scenes.textures import NOISES, PATTERNS, pattern, random_colour, surface_noise


def some_scenes(count: int = 60):
    return [paint_scene(np.random.default_rng([0, i])) for i in range(count)]


def test_a_scene_depends_on_its_seed_alone():
    first, again, other = (paint_scene(np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.labels, again.labels)
    assert not np.array_equal(first.image, other.image)


def test_scenes_have_several_regions_and_up_to_eight_things():
    scenes = some_scenes()
    stuff = [len(set(np.unique(s.labels)) - set(range(len(THINGS)))) for s in scenes]
    assert min(stuff) >= 1
    assert np.mean(stuff) > 2
    assert max(len(s.instances) for s in scenes) <= 8
    assert np.mean([len(s.instances) for s in scenes]) > 3
    assert {int(i) for s in scenes for i in np.unique(s.labels)} == set(range(len(CLASSES)))


def test_instances_are_where_the_label_map_says_their_class_is():
    for scene in some_scenes(20):
        for index, mask in scene.instances:
            assert (scene.labels[mask] == index).all()
        for (_, a), (_, b) in zip(scene.instances, scene.instances[1:], strict=False):
            assert not (a & b).any()


def test_colour_alone_does_not_tell_the_classes():
    """The best guess from a pixel's colour, learnt with labels, is little better than the commonest class."""
    scenes = some_scenes(80)
    colour = np.concatenate([(s.image // 64).reshape(-1, 3) @ [16, 4, 1] for s in scenes])
    labels = np.concatenate([s.labels.reshape(-1) for s in scenes])
    half = len(labels) // 2
    table = np.zeros((64, len(CLASSES)), int)
    np.add.at(table, (colour[:half], labels[:half]), 1)
    assert np.mean(table.argmax(axis=1)[colour[half:]] == labels[half:]) < 0.5


def test_the_layout_is_cocos(scenes):
    assert sorted(p.name for p in scenes.iterdir()) == ["annotations", "stuffthingmaps", "train2017", "val2017"]
    content = json.loads((scenes / "annotations/instances_train2017.json").read_text())
    assert [image["file_name"] for image in content["images"]] == sorted(
        p.name for p in (scenes / "train2017").iterdir()
    )
    coco = COCO(scenes / "annotations/instances_val2017.json")
    for annotation in coco.loadAnns(coco.getAnnIds()):
        mask = coco.annToMask(annotation).astype(bool)
        name = coco.loadImgs(annotation["image_id"])[0]["file_name"].replace("jpg", "png")
        labels = cv2.imread(str(scenes / "stuffthingmaps/val2017" / name), cv2.IMREAD_GRAYSCALE)
        assert (labels[mask] == annotation["category_id"] - 1).all()
        assert mask.sum() == annotation["area"]


def test_the_same_seed_writes_the_same_files_whatever_the_number_of_workers(tmp_path):
    for name, workers in (("one", 1), ("two", 2)):
        write_scenes(tmp_path / name, num_train=3, num_val=1, width=64, height=64, workers=workers)
    for path in (tmp_path / "one").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


def test_scenes_are_not_written_over_others(scenes):
    with pytest.raises(FileExistsError, match="remove it first"):
        write_scenes(scenes)


@pytest.mark.parametrize("arguments", [dict(num_train=0), dict(width=10), dict(workers=0)])
def test_sizes_out_of_range_are_refused(tmp_path, arguments):
    with pytest.raises(ValueError, match="expected"):
        write_scenes(tmp_path / "new", **arguments)


@pytest.mark.parametrize("name", THINGS)
def test_every_thing_stands_on_the_ground_and_is_about_a_unit_high(name):
    for seed in range(20):
        points = np.concatenate([part.outline for part in SHAPES[name](np.random.default_rng(seed))])
        assert -0.12 <= points[:, 1].min() <= 0.12
        assert 0.35 <= points[:, 1].max() <= 1.15
        assert np.abs(points[:, 0]).max() <= 0.75


@pytest.mark.parametrize("paint", [paint_outdoors, paint_room])
def test_surroundings_are_pictures_in_range_with_a_label_everywhere(paint):
    for seed in range(10):
        canvas, labels, horizon = paint(np.random.default_rng(seed), 96, 128)
        assert canvas.shape == (96, 128, 3)
        assert np.isfinite(canvas).all()
        assert -0.05 <= canvas.min() <= canvas.max() <= 1.05
        assert labels.max() < len(STUFF)
        assert 0 < horizon < 96


@pytest.mark.parametrize("name", sorted(NOISES))
def test_noises_use_their_range(name):
    noise = surface_noise(np.random.default_rng(0), name, 90, 120)
    assert noise.shape == (90, 120)
    assert 0 <= noise.min() < 0.3 < 0.7 < noise.max() <= 1


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_are_shares(name):
    share = pattern(np.random.default_rng(0), name, 30, 40, 8.0)
    assert share.shape == (30, 40)
    assert 0 <= share.min() <= share.max() <= 1


def test_colours_come_from_the_given_ranges():
    rng = np.random.default_rng(0)
    greys = np.stack([random_colour(rng, saturation=(0, 0), value=(0.5, 0.5)) for _ in range(5)])
    np.testing.assert_allclose(greys, 0.5, atol=1e-6)
    red = random_colour(rng, hue=(0, 0), saturation=(1, 1), value=(1, 1))
    np.testing.assert_allclose(red, [1, 0, 0], atol=1e-6)
