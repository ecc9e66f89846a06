"""Walks through configs."""

from __future__ import annotations

from mmengine.config import Config

from slotcon_mm.config_nodes import dicts_within, short_type
from slotcon_mm.datasets import PairedViews

LOADER = dict(dataset=dict(type="a.Outer", pipeline=[dict(type="Load"), dict(size=(3, dict(deep=1)))], dataset={}))
PLACES = ["", "dataset", "dataset.pipeline.0", "dataset.pipeline.1", "dataset.pipeline.1.size.1", "dataset.dataset"]


def test_dicts_come_with_their_places_in_the_configs_order_an_outer_one_first():
    assert [place for place, _ in dicts_within(LOADER)] == PLACES
    assert [place for place, _ in dicts_within(Config(dict(loader=LOADER)).loader)] == PLACES
    assert next(dicts_within(LOADER, "train"))[0] == "train"
    assert list(dicts_within(3)) == []


def test_what_lies_below_a_key_can_be_left_out():
    assert [place for place, _ in dicts_within(LOADER, leave_out="pipeline")] == ["", "dataset", "dataset.dataset"]


def test_a_dict_that_is_found_is_the_configs_own():
    config = Config(dict(model=dict(norm=dict(type="SyncBN"))))
    for _, node in dicts_within(config.model):
        node["seen"] = True
    assert config.model.norm.seen


def test_a_type_is_named_without_its_package_also_where_it_is_a_class():
    assert short_type(dict(type="slotcon_mm.PairedViews")) == short_type(dict(type=PairedViews)) == "PairedViews"
    assert short_type({}) == "None"
