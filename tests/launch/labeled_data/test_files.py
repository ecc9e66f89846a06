"""Files that labeled data name are there, and named if damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from mmengine.dataset import ConcatDataset
from mmseg.datasets import BaseSegDataset
from mmseg.datasets.transforms import LoadAnnotations

from slotcon_mm.datasets import SeededDataset
from slotcon_mm.datasets.image_files import UnreadableImageError
from slotcon_mm.launch.labeled_data.files import expect_files, name_damaged_files

BACKENDS = [None, dict(backend="local"), dict(backend="petrel")]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
        for number in range(3):
            cv2.imwrite(str(tmp_path / folder / f"{number}.png"), np.zeros((4, 4), np.uint8))
    return tmp_path


def dataset(root: Path, *steps: Any) -> BaseSegDataset:
    prefix = dict(img_path="images", seg_map_path="labels")
    pipeline = [dict(type="LoadImageFromFile"), *steps]
    return BaseSegDataset(data_root=str(root), data_prefix=prefix, img_suffix=".png", pipeline=pipeline)


def test_files_that_are_there_pass(root):
    expect_files(SeededDataset(dataset(root, LoadAnnotations())))


def test_missing_label_maps_are_counted_and_one_is_named(root):
    (root / "labels/1.png").unlink()
    (root / "labels/2.png").unlink()
    parts = ConcatDataset([dataset(root, LoadAnnotations())])
    message = r"label maps that the BaseSegDataset names, got no file for 2 of 3 looked at, .*labels/1.png for one"
    with pytest.raises(ValueError, match=message):
        expect_files(SeededDataset(parts))


def test_label_maps_that_no_step_loads_may_be_missing(root):
    (root / "labels/1.png").unlink()
    expect_files(dataset(root))


@pytest.mark.parametrize(("backend", "is_looked_at"), zip(BACKENDS, (True, True, False), strict=True))
def test_what_lies_in_another_storage_is_not_looked_for(root, backend, is_looked_at):
    made = dataset(root, LoadAnnotations())
    made.pipeline.transforms[1].backend_args = backend
    (root / "labels/1.png").unlink()
    if is_looked_at:
        with pytest.raises(ValueError, match="got no file for 1 of 3"):
            expect_files(made)
    else:
        expect_files(made)


def test_images_of_a_coco_file_that_lie_elsewhere_are_said(scenes):
    from mmdet.datasets import CocoDataset

    made = CocoDataset(
        data_root=str(scenes), ann_file="annotations/instances_val2017.json", data_prefix=dict(img="val2018"),
        metainfo=dict(classes=("circle",)), pipeline=[],
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"images that the CocoDataset names, got no file for \d+ of .*val2018"):
        expect_files(made)


def test_each_part_names_a_damaged_file_once(root):
    part = dataset(root, LoadAnnotations())
    whole = SeededDataset(ConcatDataset([part]))
    for _ in range(2):
        name_damaged_files(whole)
    assert type(part.pipeline.pipeline).__name__ == "Compose"
    (root / "images/0.png").write_bytes(b"")
    with pytest.raises(UnreadableImageError, match=r"images/0.png \(empty\)"):
        part[0]
