"""A label map that is of another kind stops a run before it begins."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config, ConfigDict
from torch.utils.data import ConcatDataset, Subset

from slotcon_mm.config_nodes import short_type
from slotcon_mm.datasets import LabelMapDataset, LoadImage, LoadLabels
from slotcon_mm.datasets.label_files import BadLabelMapError
from slotcon_mm.datasets.transforms.check_label_map import CheckLabelMap
from slotcon_mm.launch.labeled_data.label_map_checks import insert_label_map_checks, try_labeled_samples


def folder_with(root: Path, maps: list[np.ndarray], *, size: tuple[int, int] = (4, 4)) -> LabelMapDataset:
    for number, labels in enumerate(maps):
        for folder, pixels in (("images", np.zeros((*size, 3), np.uint8)), ("labels", labels)):
            (root / folder).mkdir(exist_ok=True)
            cv2.imwrite(str(root / folder / f"{number}.png"), pixels)
    prefix = dict(img_path="images", seg_map_path="labels")
    return LabelMapDataset(str(root), prefix, "voc-21", pipeline=[LoadImage(exif=False), LoadLabels("voc-21")])


def labels_of(*values: int) -> np.ndarray:
    return np.resize(np.array(values, np.uint8), (4, 4))


def test_label_maps_of_the_set_pass(tmp_path):
    try_labeled_samples(folder_with(tmp_path, [labels_of(0, 255), labels_of(3, 0)]))


def test_a_value_of_no_class_is_named_with_its_file(tmp_path):
    with pytest.raises(BadLabelMapError, match=r"labels/1.png: .*0 to 20, 255, got the value 77"):
        try_labeled_samples(folder_with(tmp_path, [labels_of(1), labels_of(77)]))


def test_a_map_of_another_size_is_named(tmp_path):
    with pytest.raises(BadLabelMapError, match=r"expected a label map of \(4, 6\) for .*0.png, got \(4, 4\)"):
        try_labeled_samples(folder_with(tmp_path, [labels_of(1)], size=(4, 6)))


def test_binary_masks_of_0_and_255_would_lose_their_object(tmp_path):
    with pytest.raises(BadLabelMapError, match=r"only the values 0 and 255 in .*1.png and others.*write it as 1"):
        try_labeled_samples(folder_with(tmp_path, [labels_of(0, 255), labels_of(255, 0)]))


def test_label_maps_in_which_nothing_counts_are_refused(tmp_path):
    """A training's loss would be 0 for good."""
    dataset = folder_with(tmp_path, [labels_of(255), labels_of(255)])
    with pytest.raises(BadLabelMapError, match=r"got none in all 2 .*/1.png for one: they hold only the values 255"):
        try_labeled_samples(dataset)
    meanings = (dict(values=[7], ignore=[255, 0]), dict(palette=["#ff0000"], ignore=["#ffffff"]))
    for meaning in meanings:
        own = LabelMapDataset(
            str(tmp_path), dict(img_path="images", seg_map_path="labels"), dict(classes=("a",), **meaning),
            pipeline=[LoadImage(exif=False), LoadLabels()],
        )  # fmt: skip
        with pytest.raises(BadLabelMapError, match="got none in all 2"):
            try_labeled_samples(own)
    cv2.imwrite(str(tmp_path / "labels/1.png"), labels_of(255, 4))
    try_labeled_samples(dataset)


@pytest.mark.parametrize(
    ("values", "options", "counts"),
    [
        ((0,), dict(reduce_zero_label=True), False),
        ((0, 255), dict(reduce_zero_label=True), False),
        ((0, 1), dict(reduce_zero_label=True), True),
        ((0,), dict(reduce_zero_label=False), True),
        ((3,), dict(metainfo=dict(classes=("b",))), False),
        ((1,), dict(metainfo=dict(classes=("b",))), True),
    ],
)
def test_what_counts_in_mmseg_is_what_its_dataset_makes_of_the_values(values, options, counts, tmp_path):
    from mmseg.datasets import BaseSegDataset
    from mmseg.datasets.transforms import LoadAnnotations

    class Four(BaseSegDataset):
        METAINFO = dict(classes=("a", "b", "c", "d"), palette=[[0, 0, 0]] * 4)

    folder_with(tmp_path, [labels_of(*values)])
    dataset = Four(
        data_root=str(tmp_path), data_prefix=dict(img_path="images", seg_map_path="labels"), img_suffix=".png",
        pipeline=[LoadAnnotations()], **options,
    )  # fmt: skip
    assert (dataset[0]["gt_seg_map"] != 255).any() == counts  # by mmseg
    if counts:
        try_labeled_samples(dataset)
    else:
        with pytest.raises(BadLabelMapError, match=r"labels/0.png"):
            try_labeled_samples(dataset)


def test_parts_and_sums_of_datasets_are_looked_into(tmp_path):
    for name in "abc":
        (tmp_path / name).mkdir()
    good, bad = (folder_with(tmp_path / name, [labels_of(1, v), labels_of(0)]) for name, v in (("a", 2), ("b", 77)))
    binary = folder_with(tmp_path / "c", [labels_of(0, 255)])
    try_labeled_samples(ConcatDataset([good, Subset(bad, [1])]))
    with pytest.raises(BadLabelMapError, match=r"b/labels/0.png: .*got the value 77"):
        try_labeled_samples(ConcatDataset([good, Subset(bad, [1, 0])]))
    with pytest.raises(BadLabelMapError, match=r"only the values 0 and 255.*--ignore none"):
        try_labeled_samples(Subset(binary, [0]))


def test_masks_of_0_and_255_are_fine_where_the_label_set_says_so(tmp_path):
    folder_with(tmp_path, [labels_of(0, 255)])
    prefix, names = dict(img_path="images", seg_map_path="labels"), ("background", "object")
    for meaning in (dict(values=[0, 255], ignore=()), dict(palette=["#000000", "#ffffff"])):
        pipeline = [LoadImage(exif=False), LoadLabels()]
        dataset = LabelMapDataset(str(tmp_path), prefix, dict(classes=names, **meaning), pipeline=pipeline)
        try_labeled_samples(dataset)
        assert sorted(np.unique(dataset[0]["gt_sem_seg"])) == [0, 1]


def test_a_mask_that_cannot_be_drawn_stops_the_run_before_it_begins(tmp_path):
    folder_with(tmp_path, [labels_of(0)])
    annotation = dict(id=8, image_id=1, category_id=1, segmentation=dict(size=[9, 9], counts="x"))
    content = dict(
        images=[dict(id=1, file_name="0.png")], annotations=[annotation], categories=[dict(id=1, name="dog")]
    )
    (tmp_path / "a.json").write_text(json.dumps(content))
    pipeline = [LoadImage(exif=False), LoadLabels()]
    dataset = LabelMapDataset(str(tmp_path), dict(img_path="images"), ann_file="a.json", pipeline=pipeline)
    with pytest.raises(BadLabelMapError, match=r"0.png: .* annotation 8, got of 9 x 9 pixels for an image of 4 x 4"):
        try_labeled_samples(dataset)


def test_what_is_drawn_while_trying_changes_no_later_draw(tmp_path):
    dataset = folder_with(tmp_path, [labels_of(1)])
    dataset.pipeline.transforms.append(lambda sample: (random.random(), np.random.rand(), torch.rand(1), sample)[3])
    drawn = []
    for trial in (False, True):
        random.seed(3), np.random.seed(3), torch.manual_seed(3)
        if trial:
            try_labeled_samples(dataset)
        drawn.append((random.random(), np.random.rand(), float(torch.rand(1))))
    assert drawn[0] == drawn[1]


def test_a_dataset_without_label_maps_is_not_read():
    class Unread:
        def __len__(self) -> int:
            return 3

        def get_data_info(self, index: int) -> dict[str, Any]:
            return dict(img_path="a.jpg", seg_map_path=None)

    try_labeled_samples(Unread())


# mmseg --------------------------------------------------------------------------------------------------------------


def config() -> Config:
    dataset = dict(type="Any", pipeline=[dict(type="Load"), dict(type="LoadAnnotations"), dict(type="Pack")])
    return Config(
        dict(
            default_scope="mmseg",
            model=dict(decode_head=dict(num_classes=19)),
            train_dataloader=dict(
                dataset=dict(type="Repeat", dataset=dict(type="Concat", datasets=[dataset, dataset]))
            ),
            test_dataloader=dict(dataset=dataset),
        )
    )


def test_the_check_follows_every_loading_of_annotations_once():
    changed = config()
    for _ in range(2):
        insert_label_map_checks(changed)
    inner = changed.train_dataloader.dataset.dataset.datasets
    for pipeline in (inner[0].pipeline, inner[1].pipeline, changed.test_dataloader.dataset.pipeline):
        assert [step["type"] for step in pipeline] == ["Load", "LoadAnnotations", "slotcon_mm.CheckLabelMap", "Pack"]
        assert pipeline[2] == dict(type="slotcon_mm.CheckLabelMap", num_classes=19, ignore_index=255)


def test_the_check_follows_it_however_its_type_is_spelled():
    from mmseg.datasets.transforms import LoadAnnotations

    class Mine(LoadAnnotations):
        pass

    for kind in ("mmseg.LoadAnnotations", LoadAnnotations, Mine):
        pipeline = [dict(type="Load"), dict(type=kind), dict(type="Pack")]
        changed = Config(dict(default_scope="mmseg", model=dict(decode_head=dict(num_classes=2))))
        changed.test_dataloader = ConfigDict(dataset=dict(type="Any", pipeline=pipeline))
        insert_label_map_checks(changed)
        assert [short_type(step) for step in changed.test_dataloader.dataset.pipeline][1:3] == [
            short_type(dict(type=kind)),
            "CheckLabelMap",
        ]


@pytest.mark.parametrize(
    ("ignored", "padding", "passes"), [(255, 255, True), (0, 255, False), (0, 0, True), (0, 18, True)]
)
def test_label_maps_are_filled_up_with_what_does_not_count_or_is_a_class(ignored, padding, passes):
    changed = config()
    changed.model.decode_head.ignore_index = ignored
    changed.model.data_preprocessor = dict(type="SegDataPreProcessor", seg_pad_val=padding)
    if passes:
        insert_label_map_checks(changed)
    else:
        with pytest.raises(ValueError, match=r"ignore_index 0, got 255, .*model.data_preprocessor.seg_pad_val=0$"):
            insert_label_map_checks(changed)


def test_other_hosts_are_left_alone():
    changed = config()
    changed.default_scope = "mmdet"
    before = changed.to_dict()
    insert_label_map_checks(changed)
    assert changed.to_dict() == before


def loaded(labels: np.ndarray, size: tuple[int, int] = (4, 4)) -> dict[str, Any]:
    return dict(gt_seg_map=labels, seg_map_path="a/b.png", ori_shape=size)


def test_labels_that_fit_pass_as_they_are():
    results = loaded(labels_of(0, 18, 255))
    assert CheckLabelMap(19).transform(results) is results


@pytest.mark.parametrize(
    ("labels", "size", "message"),
    [
        (labels_of(0, 19), (4, 4), r"expected labels 0 to 18 and 255, got 19"),
        (labels_of(0), (4, 5), r"of the image's size \(4, 5\), got \(4, 4\)"),
        (np.zeros((4, 4, 3), np.uint8), (4, 4), r"of one channel, got shape \(4, 4, 3\)"),
    ],
)
def test_labels_that_do_not_are_named(labels, size, message):
    with pytest.raises(BadLabelMapError, match=rf"a/b.png: expected .*{message.removeprefix('expected ')}"):
        CheckLabelMap(19).transform(loaded(labels, size))
