"""What a network is shown of a pixel, whatever the preprocessor calls its options."""

from __future__ import annotations

from typing import Any

import pytest

from slotcon_mm.checkpoints.pixel_facts import read_pixels

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
MM, OURS = [dict(type="LoadImageFromFile")], [dict(type="slotcon_mm.LoadImage")]


def config(preprocessor: Any, pipeline: list[dict], model: str = "X", **more: Any) -> dict[str, Any]:
    return dict(
        model=dict(type=model, data_preprocessor=preprocessor),
        train_dataloader=dict(dataset=dict(pipeline=pipeline)),
        **more,
    )


@pytest.mark.parametrize(
    ("scope", "preprocessor", "pipeline", "channels"),
    [
        ("mmpretrain", dict(type="slotcon_mm.ViewPreprocessor", mean=MEAN, std=STD), OURS, "RGB"),
        ("mmpretrain", dict(type="slotcon_mm.ViewPreprocessor", mean=MEAN, std=STD), MM, "BGR"),
        ("mmpretrain", dict(type="SelfSupDataPreprocessor", mean=MEAN, std=STD, to_rgb=True), MM, "RGB"),
        ("mmpretrain", dict(type="SelfSupDataPreprocessor", mean=MEAN, std=STD, to_rgb=True), OURS, "BGR"),
        ("mmpretrain", dict(type="ClsDataPreprocessor", mean=MEAN, std=STD, to_rgb=True), MM, "RGB"),
        ("mmpretrain", dict(type="ClsDataPreprocessor", mean=MEAN, std=STD), MM, "BGR"),
        ("mmdet", dict(type="DetDataPreprocessor", mean=MEAN, std=STD, bgr_to_rgb=True, pad_size_divisor=8), MM, "RGB"),
        ("mmdet", dict(type="DetDataPreprocessor", mean=MEAN, std=STD), MM, "BGR"),
        ("mmseg", dict(type="SegDataPreProcessor", mean=MEAN, std=STD, bgr_to_rgb=True, size=(65, 65)), MM, "RGB"),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.hosts
def test_a_preprocessor_is_tried_on_pure_colors(scope, preprocessor, pipeline, channels):
    found = read_pixels(config(preprocessor, pipeline), scope)
    assert found["mean"] == pytest.approx(MEAN, abs=1e-3)
    assert found["std"] == pytest.approx(STD, abs=1e-3)
    assert found["channels"] == channels


@pytest.mark.hosts
def test_pixels_of_another_scale_are_told_on_0_to_255():
    unit = dict(type="DetDataPreprocessor", mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225], bgr_to_rgb=True)
    assert read_pixels(config(unit, MM), "mmdet")["std"] == pytest.approx([0.229, 0.224, 0.225], abs=1e-4)


@pytest.mark.hosts
def test_a_normalization_in_the_pipeline_counts():
    steps = [*MM, dict(type="Normalize", mean=MEAN, std=STD, to_rgb=True)]
    found = read_pixels(config(dict(type="mmdet.DetDataPreprocessor"), steps), "mmdet")
    assert found["mean"] == pytest.approx(MEAN, abs=1e-3)
    assert found["std"] == pytest.approx(STD, abs=1e-3)
    assert found["channels"] == "RGB"


def test_what_a_model_does_without_a_preprocessor_of_its_own():
    assert read_pixels(config({}, OURS, "slotcon_mm.SlotCon"), "mmpretrain")["mean"] == pytest.approx(MEAN, abs=1e-3)
    top = dict(type="SelfSupDataPreprocessor", mean=MEAN, std=STD, to_rgb=True)
    assert read_pixels(config(None, MM, data_preprocessor=top), "mmpretrain")["channels"] == "RGB"
    bare = read_pixels(config(None, MM), "mmpretrain")
    assert (bare["mean"], bare["std"], bare["channels"]) == ([0, 0, 0], [1, 1, 1], "BGR")


def test_channels_that_another_library_may_have_turned_are_unknown():
    steps = [*MM, dict(type="NumpyToPIL", to_rgb=True)]
    assert read_pixels(config(dict(type="SelfSupDataPreprocessor"), steps), "mmpretrain")["channels"] is None
