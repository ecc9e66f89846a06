"""Scenes: determinism, content, and that color does not give the classes away."""

from __future__ import annotations

import numpy as np
import pytest

from slotcon_mm.datasets.scenes import CLASSES, STYLES, paint_scene
from slotcon_mm.datasets.scenes.objects import THINGS

# of a style: the most things in a scene
MOST_THINGS = dict(day=8, night=9)


def some_scenes(style: str, count: int = 60):
    return [paint_scene(np.random.default_rng([0, i]), style=STYLES[style]) for i in range(count)]


@pytest.mark.parametrize("style", STYLES)
def test_a_scene_depends_on_its_seed_and_style_alone(style):
    first, again, other = (paint_scene(np.random.default_rng(seed), style=STYLES[style]) for seed in (1, 1, 2))
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.labels, again.labels)
    assert not np.array_equal(first.image, other.image)


@pytest.mark.parametrize("style", STYLES)
def test_scenes_have_several_regions_and_things_of_every_class(style):
    scenes = some_scenes(style)
    stuff = [len(set(np.unique(s.labels)) - set(range(len(THINGS)))) for s in scenes]
    assert min(stuff) >= 1
    assert np.mean(stuff) > 2
    assert max(len(s.instances) for s in scenes) <= MOST_THINGS[style]
    assert np.mean([len(s.instances) for s in scenes]) > 3
    occurs_in = np.sum([np.bincount(s.labels.ravel(), minlength=len(CLASSES)) > 0 for s in scenes], axis=0)
    assert occurs_in.min() >= len(scenes) / 20


@pytest.mark.parametrize("style", STYLES)
def test_instances_are_where_the_label_map_says_their_class_is(style):
    for scene in some_scenes(style, 20):
        for index, mask in scene.instances:
            assert (scene.labels[mask] == index).all()
        for (_, a), (_, b) in zip(scene.instances, scene.instances[1:], strict=False):
            assert not (a & b).any()


@pytest.mark.parametrize("style", STYLES)
def test_color_alone_does_not_tell_the_classes(style):
    """The best guess from a pixel's color, learned with labels, is little better than the commonest class."""
    scenes = some_scenes(style, 80)
    color = np.concatenate([(s.image // 64).reshape(-1, 3) @ [16, 4, 1] for s in scenes])
    labels = np.concatenate([s.labels.reshape(-1) for s in scenes])
    half = len(labels) // 2
    table = np.zeros((64, len(CLASSES)), int)
    np.add.at(table, (color[:half], labels[:half]), 1)
    assert np.mean(table.argmax(axis=1)[color[half:]] == labels[half:]) < 0.5
