"""At which scale a checkpoint's network saw images."""

from __future__ import annotations

import pytest
from mmengine.config import Config
from runs import CONFIGS

from slotcon_mm.checkpoints.view_size import (
    bit_depth_of_checkpoint,
    bit_depth_of_config,
    views_of_checkpoint,
    views_of_config,
)


@pytest.mark.parametrize(
    ("config", "size"), [("slotcon_r50_coco", 224), ("slotcon_r18_quickstart", 64), ("study/slotcon_r18_scenes", 64)]
)
def test_the_size_is_that_of_the_config_in_the_checkpoint(config, size):
    config = Config.fromfile(CONFIGS / f"{config}.py")
    assert views_of_config(config) == (size, size)
    assert views_of_checkpoint(dict(meta=dict(cfg=config.pretty_text))) == (size, size)


def test_a_wrapped_dataset_is_looked_into():
    views = dict(type="PairedViews", size=96)
    inner = dict(type="slotcon_mm.UnlabeledImageDataset", pipeline=[dict(type="slotcon_mm.LoadImage"), views])
    assert views_of_config(dict(train_dataloader=dict(dataset=dict(type="RepeatDataset", dataset=inner)))) == (96, 96)


def test_without_a_config_it_is_the_papers():
    assert (
        views_of_checkpoint({}) == views_of_checkpoint(dict(meta=None)) == views_of_config(dict(model={})) == (224, 224)
    )


def test_of_rectangular_views_it_is_height_and_width():
    pipeline = [dict(type="slotcon_mm.LoadImage"), dict(type="slotcon_mm.PairedViews", size=[96, 192])]
    config = Config(dict(train_dataloader=dict(dataset=dict(pipeline=pipeline))))
    assert views_of_config(config) == (96, 192)
    assert views_of_checkpoint(dict(meta=dict(cfg=config.pretty_text))) == (96, 192)


@pytest.mark.parametrize("size", [-1, 4097, 10**9, "96", [96], [96, 96, 96], [96, "96"], 1.5])
def test_views_of_no_sensible_size_are_refused(size):
    with pytest.raises(ValueError, match="expected height and width of views, at most 4096 pixels"):
        views_of_config(dict(train_dataloader=dict(dataset=dict(pipeline=[dict(type="PairedViews", size=size)]))))


def test_the_bit_depth_of_the_images_is_that_of_the_step_that_loads_them():
    load = dict(type="slotcon_mm.LoadImage", bit_depth=12)
    config = Config(dict(train_dataloader=dict(dataset=dict(pipeline=[load, dict(type="slotcon_mm.PairedViews")]))))
    assert bit_depth_of_config(config) == 12
    assert bit_depth_of_checkpoint(dict(meta=dict(cfg=config.pretty_text))) == 12
    load.pop("bit_depth")
    assert bit_depth_of_config(dict(train_dataloader=dict(dataset=dict(pipeline=[load])))) is None
    assert bit_depth_of_checkpoint({}) is None
