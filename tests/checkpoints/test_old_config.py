"""Files of OpenMMLab before MMEngine: their config is read as today's is."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from mmpretrain.models import ResNet

from slotcon_mm.checkpoints.network_facts import NO_FACTS, facts_of_checkpoint
from slotcon_mm.checkpoints.old_config import old_config_text
from slotcon_mm.evaluation.frozen.weights import network_of_weights

NARROW = dict(depth=18, base_channels=8, stem_channels=8)
CAFFE = dict(NARROW, style="caffe", strides=(1, 2, 2, 1))
PIXELS = dict(type="Normalize", mean=[103.5, 116.5, 123.5], std=[1.0, 1.0, 2.0], to_rgb=False)
LOAD = dict(type="LoadImageFromFile")
RESIZE = dict(type="Resize", img_scale=(1333, 800), keep_ratio=True)


def old_file(pipeline: list[Any], model: str = "FasterRCNN", package: str = "mmdet", **data: Any) -> dict[str, Any]:
    """As ``mmdet/tools/train.py`` of 2.x leaves one, and its kin."""
    config = dict(
        model=dict(type=model, pretrained="torchvision://resnet50", backbone=dict(type="ResNet", **CAFFE)),
        img_norm_cfg=dict(mean=[9.0, 9.0, 9.0], std=[9.0, 9.0, 9.0], to_rgb=True),
        data=data or dict(train=dict(type="CocoDataset", pipeline=pipeline)),
    )
    text = "\n".join(f"{name} = {value!r}" for name, value in config.items())
    weights = {f"backbone.{name}": value for name, value in ResNet(**CAFFE).state_dict().items()}
    return dict(state_dict=weights, meta={f"{package}_version": "2.28.2", "config": text, "CLASSES": ("a",)})


@pytest.mark.parametrize(
    ("model", "package"),
    [("FasterRCNN", "mmdet"), ("EncoderDecoder", "mmseg"), ("ImageClassifier", "mmcls"), ("FasterRCNN", "mmcv")],
)
@pytest.mark.hosts
def test_strides_style_and_pixels_are_those_of_the_old_config(model, package):
    facts = facts_of_checkpoint(old_file([LOAD, RESIZE, PIXELS, dict(type="DefaultFormatBundle")], model, package))
    assert facts["strides"][-1] == 16
    assert (facts["backbone"]["style"], facts["backbone"]["strides"]) == ("caffe", [1, 2, 2, 1])
    assert facts["pixels"] == dict(mean=PIXELS["mean"], std=PIXELS["std"], channels="BGR")


@pytest.mark.hosts
def test_channels_that_a_pipeline_turns_are_rgb():
    facts = facts_of_checkpoint(old_file([LOAD, dict(PIXELS, to_rgb=True)]))
    assert facts["pixels"] == dict(mean=PIXELS["mean"], std=PIXELS["std"], channels="RGB")


@pytest.mark.hosts
def test_pipelines_are_found_in_wrapped_datasets_and_in_those_of_the_test():
    inner = [LOAD, dict(type="MultiScaleFlipAug", transforms=[RESIZE, PIXELS])]
    for data in (
        dict(train=dict(type="RepeatDataset", times=2, dataset=dict(pipeline=inner))),
        dict(samples_per_gpu=2, train=dict(pipeline=[LOAD]), test=dict(pipeline=inner)),
    ):
        assert facts_of_checkpoint(old_file([], **data))["pixels"]["mean"] == PIXELS["mean"]


@pytest.mark.parametrize(
    "pipeline",
    [
        [LOAD, RESIZE],
        [dict(type="ToTensor"), dict(type="Normalize", mean=[0.5, 0.5, 0.5], std=[0.2, 0.2, 0.2])],
        [LOAD, dict(type="Normalize")],
    ],
    ids=["none", "on the scale 0 to 1", "without numbers"],
)
def test_pixels_that_a_config_does_not_tell_are_said_to_be_unknown(pipeline, tmp_path):
    file = old_file(pipeline)
    with pytest.raises(ValueError, match="no step Normalize, so that mean, std and order of channels"):
        facts_of_checkpoint(file)
    torch.save(file, tmp_path / "old.pth")
    with pytest.raises(ValueError, match=r"old\.pth: its config, of OpenMMLab before.*--backbone can name the network"):
        network_of_weights(tmp_path / "old.pth")


@pytest.mark.hosts
def test_an_evaluation_shows_the_old_network_its_pixels(tmp_path):
    torch.save(old_file([LOAD, RESIZE, PIXELS]), tmp_path / "old.pth")
    found = network_of_weights(tmp_path / "old.pth")
    assert (found.pixels["mean"], found.pixels["channels"]) == (PIXELS["mean"], "BGR")
    assert found.backbone.strides == (1, 2, 2, 1)


@pytest.mark.parametrize("meta", [dict(config="a: 1"), dict(config=5, mmdet_version="2"), dict(mmdet_version="2"), {}])
def test_what_others_note_by_that_name_is_no_config(meta):
    assert old_config_text(meta) is None
    with pytest.raises(ValueError, match=NO_FACTS):
        facts_of_checkpoint(dict(state_dict={}, meta=meta))
