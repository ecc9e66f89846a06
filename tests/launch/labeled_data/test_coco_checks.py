"""Files in COCO's format, and what reads them, are looked at before a run begins."""

from __future__ import annotations

import pytest
from coco_annotations import BOX, annotation, coco_config, write_annotations
from mmdet.datasets import CocoDataset
from mmengine.registry import DATASETS

from slotcon_mm.datasets.coco_instances import read_json
from slotcon_mm.launch.labeled_data import coco_files
from slotcon_mm.launch.labeled_data.coco_checks import expect_coco_files


def test_a_good_file_passes_without_a_word(tmp_path):
    path = write_annotations(tmp_path / "a.json")
    notes, files = expect_coco_files(coco_config(path))
    assert notes == []
    assert files == [(str(path), ["bolt", "nut"])] * 2


@pytest.mark.parametrize("kind", ["Objects365V1Dataset", "CityscapesDataset", "LVISV1Dataset", "mmdet.iSAIDDataset"])
def test_classes_of_every_type_with_coco_s_files_are_compared(tmp_path, kind):
    path = write_annotations(tmp_path / "a.json")
    with pytest.raises(
        ValueError, match=r"categories of .*a.json, got boltt, which it does not have. It has bolt, nut"
    ):
        expect_coco_files(coco_config(path, ("boltt", "nut"), type=kind))


def test_types_of_a_user_s_own_are_compared_unless_they_read_files_themselves(tmp_path):
    class Own(CocoDataset):
        METAINFO = dict(classes=("nut", "bolt"))

    class OwnReading(Own):
        def load_data_list(self):
            raise NotImplementedError

    path = write_annotations(tmp_path / "a.json")
    DATASETS.register_module("OwnCocoOfTest", module=Own)
    try:
        with pytest.raises(ValueError, match="got nut, bolt: set"):
            expect_coco_files(coco_config(path, None, type="OwnCocoOfTest"))
    finally:
        DATASETS.module_dict.pop("OwnCocoOfTest")
    with pytest.raises(ValueError, match="got nut, bolt: set"):
        expect_coco_files(coco_config(path, None, type=Own))
    assert expect_coco_files(coco_config(path, None, type=OwnReading)) == ([], [])


def test_a_type_s_own_classes_are_asked_for_without_others(tmp_path):
    path = write_annotations(tmp_path / "a.json")
    with pytest.raises(ValueError, match=r"got person, bicycle, .* and 75 more, .* It has bolt, nut. Set meta"):
        expect_coco_files(coco_config(path, None))
    with pytest.raises(ValueError, match="got person, rider, "):
        expect_coco_files(coco_config(path, None, type="CityscapesDataset"))


def test_categories_that_are_left_out_are_said_once(tmp_path):
    (note,), _ = expect_coco_files(coco_config(write_annotations(tmp_path / "a.json"), ("nut",)))
    assert note.endswith("categories that no class of the config takes are left out: bolt")


def test_a_key_called_categories_elsewhere_changes_nothing(tmp_path):
    image = dict(id=1, file_name="a.jpg", width=96, height=64, categories=["bolt"])
    path = write_annotations(tmp_path / "a.json", images=[image], info=dict(categories=["a", "b"]))
    assert expect_coco_files(coco_config(path))[0] == []


def test_a_file_that_is_absent_is_the_host_s_to_name(tmp_path):
    assert expect_coco_files(coco_config(tmp_path / "a.json")) == ([], [])


def test_a_file_without_annotations_of_the_classes_is_named_with_the_cause(tmp_path):
    path = write_annotations(tmp_path / "a.json", annotations=[])
    with pytest.raises(ValueError, match=r"of the classes in .*a.json, got none: its list of annotations is empty"):
        expect_coco_files(coco_config(path))
    write_annotations(path, annotations=[annotation(1, category_id=9), annotation(2, category_id=9)])
    with pytest.raises(ValueError, match=r"the category_id of its 2 annotations is that of another or of no category"):
        expect_coco_files(coco_config(path))


def test_images_without_objects_may_stand_beside_others(tmp_path):
    config = coco_config(write_annotations(tmp_path / "a.json"))
    dataset = config.train_dataloader.dataset.dataset
    empty = dict(dataset, ann_file=str(write_annotations(tmp_path / "b.json", annotations=[])))
    config.train_dataloader.dataset = dict(type="ConcatDataset", datasets=[dataset, empty])
    assert expect_coco_files(config)[0] == [
        f"{tmp_path / 'b.json'}: no annotation is of the classes, and all of its images are background"
    ]


def test_a_test_that_writes_down_what_it_finds_needs_no_annotations(tmp_path):
    path = write_annotations(tmp_path / "a.json", annotations=[])
    config = coco_config(path)
    config.pop("train_dataloader")
    config.val_evaluator.format_only = True
    assert expect_coco_files(config)[0] == []
    config.val_evaluator.format_only = False
    with pytest.raises(ValueError, match="list of annotations is empty"):
        expect_coco_files(config)


def test_annotations_without_any_instance_are_refused_and_a_few_are_counted(tmp_path):
    path = write_annotations(tmp_path / "a.json", annotations=[annotation(1, area=0)])
    with pytest.raises(ValueError, match=r"in .*a.json that mmdet takes, got none of 1: 1 whose area is not above 0"):
        expect_coco_files(coco_config(path))
    write_annotations(path, annotations=[annotation(1), annotation(2, area=0), annotation(3, iscrowd=1)])
    (note,), _ = expect_coco_files(coco_config(path))
    assert note.startswith(f"{path}: mmdet leaves out 1 of 3 annotations of the classes: ")


def test_scores_need_a_key_that_training_does_without(tmp_path):
    path = write_annotations(tmp_path / "a.json", annotations=[annotation(1, iscrowd=None)])
    config = coco_config(path)
    with pytest.raises(ValueError, match=r"expected iscrowd in each of the annotations of .*a.json, got none"):
        expect_coco_files(config)
    config.val_evaluator.type = "LVISMetric"
    assert expect_coco_files(config)[0] == []


def test_masks_are_looked_at_where_they_are_read_or_scored(tmp_path):
    path = write_annotations(tmp_path / "a.json", annotations=[annotation(1, segmentation=[10, 10, 50, 10, 50, 40])])
    assert expect_coco_files(coco_config(path))[0] == []
    scored = coco_config(path)
    scored.val_evaluator.metric = ["bbox", "segm"]
    for config in (coco_config(path, with_mask=True), scored):
        with pytest.raises(ValueError, match=r"got \[10, .* in annotations\[0\] \(id 1\): write a list of polygons"):
            expect_coco_files(config)


def test_the_file_of_a_metric_has_the_dataset_s_categories_and_images(tmp_path):
    """Two datasets of one loader have a metric each, which is not compared."""
    path = write_annotations(tmp_path / "a.json")
    other = write_annotations(tmp_path / "b.json", ("nut", "bolt"))
    config = coco_config(path)
    config.val_evaluator = [dict(type="DumpDetResults"), dict(config.val_evaluator, ann_file=str(other))]
    with pytest.raises(
        ValueError, match=r"in val_evaluator.1.ann_file.*: 1 bolt, 2 nut, got 1 nut, 2 bolt in .*b.json"
    ):
        expect_coco_files(config)
    write_annotations(other, images=[dict(id=2, file_name="a.jpg", width=96, height=64)])
    with pytest.raises(ValueError, match=r"images of .*a.json, .* got .*b.json, which lacks 1 of 1"):
        expect_coco_files(config)
    write_annotations(other)
    assert expect_coco_files(config)[0] == []


def test_each_file_is_read_once(tmp_path, monkeypatch):
    path = write_annotations(tmp_path / "a.json")
    reads = []
    monkeypatch.setattr(coco_files, "read_json", lambda given: reads.append(given) or read_json(given))
    expect_coco_files(coco_config(path, with_mask=True))
    assert reads == [path]


def test_panoptic_annotations_are_not_taken_for_those_of_objects(tmp_path):
    segments = [dict(id=7, category_id=1, bbox=BOX, area=1200, iscrowd=0)]
    path = write_annotations(
        tmp_path / "a.json", annotations=[dict(image_id=1, file_name="a.png", segments_info=segments)]
    )
    config = coco_config(path, type="CocoPanopticDataset")
    config.pop("val_evaluator")
    assert expect_coco_files(config)[0] == []
