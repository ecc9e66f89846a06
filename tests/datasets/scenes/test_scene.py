"""Scenes: determinism, content, and that color does not give the classes away."""

from __future__ import annotations

import numpy as np

from slotcon_mm.datasets.scenes import CLASSES, paint_scene
from slotcon_mm.datasets.scenes.objects import THINGS


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


def test_color_alone_does_not_tell_the_classes():
    """The best guess from a pixel's color, learned with labels, is little better than the commonest class."""
    scenes = some_scenes(80)
    color = np.concatenate([(s.image // 64).reshape(-1, 3) @ [16, 4, 1] for s in scenes])
    labels = np.concatenate([s.labels.reshape(-1) for s in scenes])
    half = len(labels) // 2
    table = np.zeros((64, len(CLASSES)), int)
    np.add.at(table, (color[:half], labels[:half]), 1)
    assert np.mean(table.argmax(axis=1)[color[half:]] == labels[half:]) < 0.5
