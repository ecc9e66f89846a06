"""A part to learn from, and one to be scored on."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from labeled_worlds import LABEL_SET, Worlds, bands, speckled

from slotcon_mm.datasets.label_sets import LABEL_SETS
from slotcon_mm.evaluation.frozen.parts import build_parts


def test_datasets_are_taken_as_they_are():
    train, held_out = bands(3), bands(2)
    parts = build_parts(train, held_out)
    assert (parts.train, parts.held_out, parts.label_set) == (train, held_out, LABEL_SET)


def test_configs_are_built(tmp_path: Path):
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    for name in ("a", "b"):
        cv2.imwrite(str(tmp_path / f"images/{name}.png"), np.zeros((4, 5, 3), np.uint8))
        cv2.imwrite(str(tmp_path / f"labels/{name}.png"), np.full((4, 5), 3, np.uint8))
    config = dict(
        type="slotcon_mm.LabelMapDataset",
        data_root=str(tmp_path),
        data_prefix=dict(img_path="images", seg_map_path="labels"),
        label_set="voc-21",
        pipeline=[dict(type="slotcon_mm.LoadImage"), dict(type="slotcon_mm.LoadLabels")],
    )
    parts = build_parts(config, config)
    assert parts.label_set is LABEL_SETS["voc-21"]
    assert parts.held_out[1]["gt_sem_seg"].tolist() == [[3] * 5] * 4
    assert parts.held_out[1]["img"].shape == (4, 5, 3)


@pytest.mark.parametrize(("most", "expected"), [(1, [0]), (2, [0, 9]), (4, [0, 3, 6, 9]), (10, None), (99, None)])
def test_at_most_so_many_images_of_each_are_spread_over_it(most, expected):
    train = Worlds([{"number": i} for i in range(10)])
    parts = build_parts(train, bands(3), most)
    assert [parts.train[i]["number"] for i in range(len(parts.train))] == (expected or [*range(10)])
    assert len(parts.held_out) == min(3, most)


def test_other_classes_or_no_images_are_refused():
    with pytest.raises(
        ValueError, match=r"the same classes in all parts, got black, red.*first one, and background, aeroplane"
    ):
        build_parts(bands(1), Worlds(speckled(1).samples, LABEL_SETS["voc-21"]))
    with pytest.raises(ValueError, match="expected most_images above 0, got 0"):
        build_parts(bands(1), bands(1), 0)
