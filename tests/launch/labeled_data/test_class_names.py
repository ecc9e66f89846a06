"""Classes are a tuple of names, or a file of them."""

from __future__ import annotations

import pytest
from mmdet.datasets import CocoDataset
from mmengine.config import Config

from slotcon_mm.launch.labeled_data.class_names import classes_of, expect_one_order, expect_tuples


def test_a_string_is_refused_with_the_tuple_to_write():
    """mmdet takes nut and peanut for it."""
    with pytest.raises(ValueError, match=r"got the string 'peanut': write classes=\('peanut',\), with a comma"):
        classes_of(dict(metainfo=dict(classes="peanut")), CocoDataset)


@pytest.mark.parametrize("scope", ["mmdet", "mmseg"])
def test_so_it_is_in_any_dataset_of_a_config(scope):
    dataset = dict(type="RepeatDataset", times=2, dataset=dict(type="BaseDataset", metainfo=dict(classes="road")))
    with pytest.raises(ValueError, match=r"write classes=\('road',\)"):
        expect_tuples(Config(dict(default_scope=scope, train_dataloader=dict(dataset=dataset))))


def test_a_file_of_names_is_read_as_mmengine_reads_it(tmp_path):
    path = tmp_path / "classes.txt"
    path.write_text("bolt\nnut\n")
    dataset = dict(metainfo=dict(classes=str(path)))
    assert classes_of(dataset, CocoDataset) == ["bolt", "nut"]
    assert CocoDataset(lazy_init=True, **dataset).metainfo["classes"] == ["bolt", "nut"]


def test_a_type_has_classes_of_its_own():
    assert classes_of({}, CocoDataset) == list(CocoDataset.METAINFO["classes"])
    assert classes_of({}, object) is None


def test_one_order_holds_for_all_datasets():
    files = [("a.json", ["cat", "dog"]), ("b.json", ["dog", "cat"]), ("c.json", ["cat", "dog"])]
    with pytest.raises(ValueError, match=r"one order in all datasets.*cat, dog for a.json; dog, cat for b.json$"):
        expect_one_order(files)
    expect_one_order([files[0], files[2]])
