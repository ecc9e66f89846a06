"""At which scale a checkpoint's network saw pictures."""

from __future__ import annotations

import pytest
from mmengine.config import Config
from runs import CONFIGS

from slotcon_mm.checkpoints.view_size import size_of_views, views_size_of


@pytest.mark.parametrize(
    ("config", "size"), [("slotcon_r50_coco", 224), ("slotcon_r18_quickstart", 64), ("study/slotcon_r18_scenes", 64)]
)
def test_the_size_is_that_of_the_config_in_the_checkpoint(config, size):
    config = Config.fromfile(CONFIGS / f"{config}.py")
    assert size_of_views(config) == size
    assert views_size_of(dict(meta=dict(cfg=config.pretty_text))) == size


def test_a_wrapped_data_set_is_looked_into():
    views = dict(type="PairedViews", size=96)
    inner = dict(type="slotcon_mm.PictureFolder", pipeline=[dict(type="slotcon_mm.LoadPicture"), views])
    assert size_of_views(dict(train_dataloader=dict(dataset=dict(type="RepeatDataset", dataset=inner)))) == 96


def test_without_a_config_it_is_the_papers():
    assert views_size_of({}) == views_size_of(dict(meta=None)) == size_of_views(dict(model={})) == 224
