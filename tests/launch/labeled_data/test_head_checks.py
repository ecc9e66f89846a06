"""Heads have as many classes as the data."""

from __future__ import annotations

from typing import Any

import pytest
from mmengine.config import Config

from slotcon_mm.launch.labeled_data.head_checks import expect_number_of_classes


def config(model: dict[str, Any], scope: str = "mmdet", kind: str = "CocoDataset", **dataset: Any) -> Config:
    dataset = {"metainfo": dict(classes=("bolt", "nut")), **dataset}
    loader = dict(dataset=dict(type="RepeatDataset", times=2, dataset=dict(type=kind, **dataset)))
    return Config(dict(default_scope=scope, model=model, train_dataloader=loader))


def two_stage(*numbers: int, mask: int = 2) -> dict[str, Any]:
    heads = [dict(type="Shared2FCBBoxHead", num_classes=number) for number in numbers]
    return dict(
        rpn_head=dict(type="RPNHead", num_classes=1),
        roi_head=dict(
            bbox_head=heads if len(heads) > 1 else heads[0],
            mask_head=dict(type="FCNMaskHead", num_classes=mask),
            semantic_head=dict(type="FusedSemanticHead", num_classes=183),
        ),
    )


def test_equal_numbers_pass():
    expect_number_of_classes(config(two_stage(2)))
    expect_number_of_classes(config(two_stage(2, 2, 2)))


@pytest.mark.parametrize("number", [1, 80])
def test_another_number_is_refused_with_its_key(number):
    key = "model.roi_head.bbox_head.num_classes"
    with pytest.raises(ValueError, match=rf"2 classes of each head.*\(bolt, nut\), got {key}={number}: .* {key}=2$"):
        expect_number_of_classes(config(two_stage(number)))


def test_every_head_is_looked_at():
    with pytest.raises(
        ValueError, match=r"got model.roi_head.bbox_head.1.num_classes=3, model.roi_head.mask_head.num_"
    ):
        expect_number_of_classes(config(two_stage(2, 3, 2, mask=80)))
    with pytest.raises(ValueError, match=r"got model.bbox_head.num_classes=80:"):
        expect_number_of_classes(config(dict(bbox_head=dict(type="RetinaHead", num_classes=80))))


def test_a_number_that_is_left_out_is_the_type_s():
    model = dict(roi_head=dict(bbox_head=dict(type="Shared2FCBBoxHead", in_channels=8)))
    with pytest.raises(ValueError, match=r"got model.roi_head.bbox_head.num_classes=80"):
        expect_number_of_classes(config(model))
    expect_number_of_classes(config(model, metainfo=None))  # COCO's 80


def test_the_type_s_classes_count():
    with pytest.raises(ValueError, match=r"expected 8 classes .*person, rider, .*bbox_head.num_classes=2"):
        expect_number_of_classes(config(two_stage(2, mask=8), kind="CityscapesDataset", metainfo=None))


def test_masks_of_no_class_words_of_texts_videos_and_panoptic_data_have_numbers_of_their_own():
    expect_number_of_classes(config(two_stage(1), kind="MOTChallengeDataset", metainfo=None))
    agnostic = dict(mask_head=dict(type="FCNMaskHead", num_classes=80, class_agnostic=True))
    expect_number_of_classes(config(agnostic))
    expect_number_of_classes(config(dict(language_model=dict(), bbox_head=dict(num_classes=256))))
    expect_number_of_classes(config(two_stage(80), kind="CocoPanopticDataset", metainfo=None))


def test_segmentation_s_head_is_compared_too():
    model = dict(decode_head=[dict(num_classes=7), dict(num_classes=19)], auxiliary_head=dict(num_classes=2))
    with pytest.raises(ValueError, match=r"got model.decode_head.1.num_classes=19:"):
        expect_number_of_classes(config(model, "mmseg", "BaseSegDataset"))
    expect_number_of_classes(config(dict(decode_head=dict(num_classes=2)), "mmseg", "BaseSegDataset"))
    expect_number_of_classes(config(dict(decode_head=dict(num_classes=5)), "mmseg", "BaseSegDataset", metainfo=None))
