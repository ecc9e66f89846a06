"""A detector trained within the process."""

from __future__ import annotations

import pytest
from layouts import write_coco

from slotcon_mm.launch import fine_tuning
from slotcon_mm.launch.runner import build_runner


@pytest.mark.slow
def test_mask_rcnn_trains_on_scenes_and_is_scored(scenes, tmp_path):
    box, mask = fine_tuning.mask_rcnn("scratch", scenes, tmp_path, seed=0, num_labeled=8)
    assert 0 <= box <= 100
    assert 0 <= mask <= 100
    assert list(tmp_path.glob("mask-rcnn/random-0/epoch_*.pth"))


@pytest.mark.slow
def test_mask_rcnn_has_the_classes_of_a_folders_annotations(tmp_path, monkeypatch):
    write_coco(tmp_path)
    seen = []
    monkeypatch.setattr(fine_tuning, "build_runner", lambda *given: seen.append(build_runner(*given)) or seen[0])
    assert fine_tuning.mask_rcnn("scratch", tmp_path, tmp_path, seed=0, num_labeled=8) == (
        0,
        0,
    )  # six steps find nothing
    head = seen[0].model.roi_head
    assert (head.bbox_head.num_classes, head.mask_head.num_classes) == (80, 80)
    assert seen[0].val_dataloader.dataset.metainfo["classes"][16] == "dog"


def test_instances_are_wanted_of_both_splits(tmp_path):
    write_coco(tmp_path)
    assert fine_tuning.has_instances(tmp_path)
    (tmp_path / "annotations/instances_val2017.json").unlink()
    assert not fine_tuning.has_instances(tmp_path)
