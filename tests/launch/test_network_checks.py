"""Weights that fit are said to be used by another network, with what restores theirs."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config

from slotcon_mm.launch.network_checks import Caution, compare_networks, facts_of_file
from slotcon_mm.launch.overrides import merge_overrides
from slotcon_mm.launch.restoring_options import is_list_of_levels

CONFIGS = Path(__file__).parents[2] / "configs"
SMALL = dict(depth=50, base_channels=8, stem_channels=8)
SEGMENTOR, DETECTOR = "segmentation/fcn_r50-d16_voc12aug-513x513_30k", "detection/mask-rcnn_r50_fpn_1x_coco"
C4 = "detection/mask-rcnn_r50-c4_1x_coco"
STRIDE_8 = {"model.backbone.strides": (1, 2, 1, 1)}
CAFFE = {
    "model.data_preprocessor.mean": [103.53, 116.28, 123.675],
    "model.data_preprocessor.std": [1.0, 1.0, 1.0],
    "model.data_preprocessor.bgr_to_rgb": False,
}


def target(name: str, options: dict[str, Any]) -> Config:
    config = Config.fromfile(CONFIGS / f"{name}.py")
    if name != C4:  # whose shared head has a width of its own
        config.model.backbone.update(SMALL)
    config.merge_from_dict(options)
    return config


def pretrained(options: dict[str, Any], size: dict[str, Any] = SMALL) -> dict[str, Any]:
    config = Config.fromfile(CONFIGS / "slotcon_r50_coco.py")
    config.model.backbone.update(size)
    config.merge_from_dict(options)
    return dict(state_dict={}, meta=dict(cfg=config.pretty_text))


def compare(config: Config, checkpoint: dict[str, Any], *, strict: bool = False) -> list[str]:
    return compare_networks(config, "--pretrained run", "run.pth", checkpoint=checkpoint, strict=strict)


# of small networks; those of the C4 detector are as wide as its shared head
CASES = [
    (SEGMENTOR, STRIDE_8, {}, "16 instead of 8 in layer3.1.conv2", ("dilations", "strides")),
    (DETECTOR, {}, {"model.backbone.style": "caffe"}, "8 instead of 4 in layer2.0.conv2", ("style",)),
    (DETECTOR, {}, CAFFE, "order of channels: BGR instead of RGB", ("bgr_to_rgb", "mean", "std")),
    (DETECTOR, {"model.backbone.norm_cfg.eps": 1e-3}, {}, "eps: 1e-05 instead of 0.001 in bn1", ("eps",)),
    (
        DETECTOR,
        {"model.backbone.norm_cfg": dict(type="GN", num_groups=2)},
        {"model.backbone.norm_cfg": dict(type="GN", num_groups=4, eps=1e-3)},
        "group norm of 4 groups instead of group norm of 2 groups",
        ("norm_cfg",),
    ),
    (
        DETECTOR,
        {"model.data_preprocessor.mean": [127.5] * 3, "model.data_preprocessor.std": [127.5] * 3},
        {},
        "mean of the pixels",
        ("mean", "std"),
    ),
    (
        SEGMENTOR,
        {},
        {"model.data_preprocessor.mean": [0.485, 0.456, 0.406], "model.data_preprocessor.std": [0.229, 0.224, 0.225]},
        "(0.229, 0.224, 0.225) instead of (58.395, 57.12, 57.375)",
        ("mean", "std"),
    ),
    (DETECTOR, STRIDE_8, {}, "32 instead of 8 in layer4", ("base_sizes", "featmap_strides", "strides")),
    (
        C4,
        STRIDE_8,
        {},
        "32 instead of 8 in layer4",
        ("base_sizes", "featmap_strides", "output_size", "stride", "strides"),
    ),
    (C4, {}, {"model.roi_head.shared_head.style": "caffe"}, "32 instead of 16 in layer4.0.conv2", ("style",)),
]


@pytest.mark.parametrize(("name", "then", "now", "said", "restored"), CASES, ids=str)
def test_another_network_is_one_warning_whose_options_restore_it(name, then, now, said, restored):
    config, checkpoint = target(name, now), pretrained(then, dict(depth=50) if name == C4 else SMALL)
    before = config.pretty_text
    (note,) = compare(config, checkpoint)
    assert isinstance(note, Caution)
    assert note.startswith("--pretrained run: the config makes another network of these weights")
    assert said in note
    options = shlex.split(note.partition("restore it by --cfg-options ")[2])
    assert {option.partition("=")[0].rpartition(".")[2] for option in options} == set(restored)
    assert config.pretty_text == before
    with pytest.raises(ValueError, match="makes another network of these weights"):
        compare(config, checkpoint, strict=True)
    merge_overrides(config, options)
    assert compare(config, checkpoint, strict=True) == []


@pytest.mark.parametrize("name", [SEGMENTOR, "segmentation/fcn_r50-d8_ade20k-512x512_80k", DETECTOR, C4])
def test_dilation_that_makes_up_for_a_stride_is_no_change(name):
    assert compare(target(name, {}), pretrained({}), strict=True) == []


def test_a_dilated_first_block_is_a_line_and_no_error():
    config = target(SEGMENTOR, {"model.backbone.contract_dilation": False})
    (note,) = compare(config, pretrained({}), strict=True)
    assert not isinstance(note, Caution)
    assert "32 instead of 16 in layer4.0.conv2" in note
    assert "model.backbone.contract_dilation=True avoids it" in note


def test_anchors_keep_their_sizes_where_a_pyramids_strides_are_restored():
    (note,) = compare(target(DETECTOR, {}), pretrained(STRIDE_8))
    config = target(DETECTOR, {})
    merge_overrides(config, shlex.split(note.partition("--cfg-options ")[2]))
    anchors = config.model.rpn_head.anchor_generator
    assert (anchors.strides, anchors.base_sizes) == ([4, 8, 8, 8, 16], [4, 8, 16, 32, 64])
    assert config.model.roi_head.mask_roi_extractor.featmap_strides == [4, 8, 8, 8]


def test_heads_that_count_on_the_restored_strides_already_are_left_alone():
    name = "detection/mask-rcnn_r18_fpn_quickstart"
    config, checkpoint = Config.fromfile(CONFIGS / f"{name}.py"), Config.fromfile(CONFIGS / "slotcon_r18_quickstart.py")
    config.model.backbone.strides = (1, 2, 2, 2)
    (note,) = compare(config, dict(meta=dict(cfg=checkpoint.pretty_text)))
    assert note.endswith("restore it by --cfg-options 'model.backbone.strides=[1,2,1,1]'")


@pytest.mark.parametrize(
    ("strides", "levels", "found"),
    [
        ([4, 8, 16, 32, 64], [4, 8, 16, 32], True),
        ([8, 16, 32, 64, 128], [4, 8, 16, 32], True),  # a pyramid without the first level
        ([16], [16], True),
        ([4, 8, 8, 8, 16], [4, 8, 16, 32], False),
        ((1, 2, 2, 2), [4, 8, 16, 32], False),
        ([[4, 4]], [4], False),
    ],
)
def test_lists_of_levels_are_known_by_their_strides(strides, levels, found):
    assert is_list_of_levels(strides, levels) is found


def test_what_no_option_restores_is_told_by_its_values(monkeypatch):
    config = target(DETECTOR, {"model.backbone.style": "caffe"})
    monkeypatch.setattr("slotcon_mm.launch.restoring_options.argument_options", lambda *facts: {})
    (note,) = compare(config, pretrained({}))
    assert "no --cfg-options of this config restore it" in note
    assert "style=pytorch" in note


def test_files_that_do_not_tell_are_said_in_a_line_and_refused_where_asked():
    config, checkpoint = target(DETECTOR, {}), {"conv1.weight": torch.ones(1)}
    (note,) = compare(config, checkpoint)
    assert not isinstance(note, Caution)
    assert "was not compared (it carries no config)" in note
    assert "\n" not in note
    with pytest.raises(ValueError, match="--strict-pretrained asks for that comparison"):
        compare(config, checkpoint, strict=True)


def test_torchvisions_weights_are_compared_without_a_download():
    name = "torchvision://resnet50"
    assert compare_networks(Config.fromfile(CONFIGS / f"{C4}.py"), name, name, strict=True) == []
    (note,) = compare_networks(target(DETECTOR, {"model.backbone.style": "caffe"}), name, f"{name}.imagenet1k_v2")
    assert note.endswith("restore it by --cfg-options model.backbone.style=pytorch")


@pytest.mark.parametrize("zipped", [True, False], ids=["zipped", "of old versions of torch"])
def test_the_facts_of_a_file_are_read_without_its_tensors(zipped, tmp_path):
    path = tmp_path / "run.pth"
    torch.save(pretrained({}), path, _use_new_zipfile_serialization=zipped)
    assert facts_of_file(str(path)) == facts_of_file("", pretrained({}))
