"""Detection and segmentation with a ResNet: published recipes, trained and tested on tiny data of the real layouts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import layouts
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.registry import init_default_scope
from mmpretrain.models import ResNet
from PIL import Image
from torch import nn
from transfers import train_two_steps, write_data

from slotcon_mm.datasets.label_files import BadLabelMapError

CONFIGS = Path(__file__).parents[2] / "configs"
DETECTION = sorted(CONFIGS.glob("detection/*_r50*.py"))
SEGMENTATION = sorted(CONFIGS.glob("segmentation/*_r50*.py"))
TENSORS = 318  # of a ResNet-50 without classifier: 53 convolutions, 53 norms of 5


def build(path: Path) -> tuple[Config, Any]:
    config = Config.fromfile(path)
    init_default_scope(config.default_scope)
    return config, ROOT_MODELS.build(config.model)


def load(kind: str, name: str) -> tuple[Config, Any]:
    return build(CONFIGS / kind / f"{name}.py")


@pytest.fixture(scope="module")
def pretraining(tmp_path_factory) -> Path:
    """A pretraining checkpoint of a ResNet-50 whose teacher and student differ."""
    backbone = ResNet(depth=50)
    state = {f"backbone.{name}": value for name, value in backbone.state_dict().items()}
    # differences that leave features finite
    state |= {f"teacher.backbone.{name}": value * 0.9 for name, value in backbone.named_parameters()}
    state |= {f"teacher.backbone.{name}": value + 1 for name, value in backbone.named_buffers()}
    path = tmp_path_factory.mktemp("pretraining") / "epoch_3.pth"
    torch.save(dict(state_dict={**state, "teacher.steps": torch.tensor(12)}, meta={}), path)
    return path


@pytest.mark.parametrize("path", DETECTION + SEGMENTATION, ids=lambda path: path.stem)
def test_config_trains_two_steps_from_a_pretraining_and_is_tested(path, pretraining, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_data(path, tmp_path)
    runner = train_two_steps(path, pretraining)
    assert runner.iter == 2
    log = next((tmp_path / "work").glob("*/*.log")).read_text()
    assert f"{TENSORS} of {TENSORS} backbone tensors filled from {pretraining} (teacher, step 12)" in log
    metrics = runner.test()
    assert any(name.endswith(("mIoU", "mAP")) for name in metrics), metrics


def test_the_pages_recipe_for_ones_own_label_maps_trains(pretraining, tmp_path, monkeypatch):
    """The config that configs/segmentation/README.md shows, with names of this test's folders."""
    monkeypatch.chdir(tmp_path)
    layouts.write_coco_stuff(tmp_path / "data/mine")
    page = (CONFIGS / "segmentation/README.md").read_text().partition("## Your own label maps")[2].partition("##")[0]
    recipe = "\n".join(line[4:] for line in page.splitlines() if line.startswith("    "))
    for shown, here in (
        (
            "img_path='train', seg_map_path='labels/train'",
            "img_path='train2017', seg_map_path='stuffthingmaps/train2017'",
        ),
        ("img_path='val', seg_map_path='labels/val'", "img_path='val2017', seg_map_path='stuffthingmaps/val2017'"),
        ("('sky', 'road', 'car')", "tuple(map(str, range(182)))"),
    ):
        assert shown in recipe
        recipe = recipe.replace(shown, here)
    (tmp_path / "mine.py").write_text(recipe)
    runner = train_two_steps(tmp_path / "mine.py", pretraining)
    assert 0 <= runner.test()["mIoU"] <= 100
    wrong = next((tmp_path / "data/mine/stuffthingmaps/val2017").iterdir())  # looked at before the first step
    Image.new("L", Image.open(wrong).size, 200).save(wrong)
    with pytest.raises(BadLabelMapError, match=rf"{wrong.name}.*200"):
        train_two_steps(tmp_path / "mine.py", pretraining)
    for image in (tmp_path / "data/mine/train2017").iterdir():
        image.rename(image.with_suffix(".png"))
    with pytest.raises(ValueError, match=r"images for train_dataloader.dataset, got none: .*img_suffix='.jpg'"):
        train_two_steps(tmp_path / "mine.py", pretraining)


def test_the_pages_recipe_for_ones_own_boxes_trains_without_masks(pretraining, tmp_path, monkeypatch):
    """The config that configs/detection/README.md shows, with names of this test's folders."""
    monkeypatch.chdir(tmp_path)
    layouts.write_coco(tmp_path / "data/mine")
    for split in ("train", "val"):
        file = tmp_path / f"data/mine/annotations/instances_{split}2017.json"
        content = json.loads(file.read_text())
        for annotation in content["annotations"]:
            del annotation["segmentation"]
        (tmp_path / f"data/mine/{split}.json").write_text(json.dumps(content))
        (tmp_path / f"data/mine/{split}2017").rename(tmp_path / f"data/mine/{split}")
    page = (CONFIGS / "detection/README.md").read_text().partition("## Your own boxes")[2].partition("##")[0]
    recipe = "\n".join(line[4:] for line in page.splitlines() if line.startswith("    "))
    assert "('bolt', 'nut')" in recipe
    (tmp_path / "mine.py").write_text(recipe.replace("('bolt', 'nut')", "('cat', 'dog')"))
    runner = train_two_steps(tmp_path / "mine.py", pretraining)
    assert 0 <= runner.test()["coco/bbox_mAP"] <= 1


def batch_norms(model: nn.Module) -> list[nn.Module]:
    return [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]


@pytest.mark.parametrize("path", DETECTION, ids=lambda path: path.stem)
def test_detection_follows_the_published_recipe(path):
    config, model = build(path)
    assert config.train_dataloader.batch_size == 2
    assert config.optim_wrapper.optimizer == dict(type="SGD", lr=0.02, momentum=0.9, weight_decay=0.0001)
    assert config.auto_scale_lr == dict(enable=True, base_batch_size=16)
    assert all(isinstance(norm, nn.SyncBatchNorm) for norm in batch_norms(model))
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(norm.training for norm in batch_norms(model.train()))
    assert model.backbone.init_cfg is None or model.backbone.init_cfg[0]["type"] != "Pretrained"
    assert list(model.data_preprocessor.mean.flatten()) == pytest.approx([123.675, 116.28, 103.53])
    assert model.data_preprocessor._channel_conversion
    bottleneck = model.backbone.layer2[0]
    assert (bottleneck.conv1.stride, bottleneck.conv2.stride) == ((1, 1), (2, 2))
    assert dict(type="slotcon_mm.FinalPreciseBNHook", num_samples=3200) in config.custom_hooks


@pytest.mark.parametrize(("schedule", "epochs", "milestones"), [("1x", 12, [8, 11]), ("2x", 24, [16, 22])])
def test_mask_rcnn_fpn_has_the_published_heads_and_schedules(schedule, epochs, milestones):
    config, model = load("detection", f"mask-rcnn_r50_fpn_{schedule}_coco")
    assert config.train_cfg.max_epochs == epochs
    warmup, steps = config.param_scheduler
    assert (warmup.end, warmup.start_factor, warmup.by_epoch) == (1000, 0.001, False)
    assert (steps.milestones, steps.end) == (milestones, epochs)
    head = model.roi_head.bbox_head
    assert len(head.shared_convs) == 4
    assert len(head.shared_fcs) == 1
    for part, norms in ((model.backbone, 53), (model.neck, 8), (head, 4), (model.roi_head.mask_head, 4)):
        assert len(batch_norms(part)) == norms
    resize = config.train_dataloader.dataset.pipeline[2]
    assert [tuple(scale) for scale in resize.scales] == [(1333, s) for s in (640, 672, 704, 736, 768, 800)]


def test_faster_rcnn_differs_from_mask_rcnn_by_its_masks_alone():
    boxes, model = load("detection", "faster-rcnn_r50_fpn_1x_coco")
    masks, other = load("detection", "mask-rcnn_r50_fpn_1x_coco")
    assert not model.with_mask
    rest = {name: value.shape for name, value in other.state_dict().items() if "mask_head" not in name}
    assert {name: value.shape for name, value in model.state_dict().items()} == rest
    for key in ("train_cfg", "param_scheduler", "optim_wrapper", "auto_scale_lr", "custom_hooks", "default_hooks"):
        assert boxes[key] == masks[key]
    for loader in ("train_dataloader", "val_dataloader", "test_dataloader"):
        steps = masks[loader].dataset.pipeline
        for step in steps:
            step.pop("with_mask", None)
            step.pop("backend_args", None)
        assert [dict(step) for step in boxes[loader].dataset.pipeline] == [dict(step) for step in steps]
    assert boxes.val_evaluator.metric == boxes.test_evaluator.metric == "bbox"


@pytest.mark.parametrize("name", ["mask-rcnn_r50-c4_1x_coco", "faster-rcnn_r50-c4_24k_voc0712"])
def test_c4_shares_the_last_stage_and_has_a_norm_after_it(name):
    _, model = load("detection", name)
    assert not hasattr(model.backbone, "layer4")
    assert len(model.roi_head.shared_head.layer4) == 3
    assert isinstance(model.roi_head.shared_head.norm, nn.SyncBatchNorm)


def test_voc_detection_is_the_24k_schedule_and_scored_over_ten_thresholds():
    config, _ = load("detection", "faster-rcnn_r50-c4_24k_voc0712")
    assert config.train_cfg.max_iters == 24000
    assert config.param_scheduler[1].milestones == [18000, 22000]
    assert config.val_evaluator.iou_thrs == pytest.approx([0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95])
    assert [tuple(s) for s in config.train_dataloader.dataset.datasets[0].pipeline[2].scales][::10] == [
        (1333, 480),
        (1333, 800),
    ]


RECIPES = {
    "fcn_r50-d16_voc12aug-513x513_30k": dict(
        iterations=30000, milestones=[21000, 27000], lr=0.003, per_process=8, classes=21, scale=(2049, 513)
    ),
    "fcn_r50-d16_cityscapes-769x769_90k": dict(
        iterations=90000, milestones=[63000, 81000], lr=0.01, per_process=8, classes=19, scale=(2049, 1025)
    ),
}


@pytest.mark.parametrize("name", RECIPES)
def test_fcn_at_stride_16_follows_the_published_recipe(name):
    recipe = RECIPES[name]
    config, model = load("segmentation", name)
    assert config.train_cfg.max_iters == recipe["iterations"]
    assert config.train_cfg.val_interval == recipe["iterations"] // 10
    assert [s.milestones for s in config.param_scheduler] == [recipe["milestones"]]
    assert config.optim_wrapper.optimizer == dict(type="SGD", lr=recipe["lr"], momentum=0.9, weight_decay=1e-4)
    assert config.train_dataloader.batch_size == recipe["per_process"]
    assert_plain_resnet(model, stride=16)
    assert model.backbone.layer4[0].conv2.dilation == (1, 1)  # contract_dilation
    assert model.backbone.layer4[1].conv2.dilation == (2, 2)
    head = model.decode_head
    convolutions = [layer.conv for layer in head.convs]
    assert [(c.out_channels, c.dilation, c.kernel_size) for c in convolutions] == [(256, (6, 6), (3, 3))] * 2
    assert (head.concat_input, head.dropout, head.align_corners) == (False, None, True)
    assert head.conv_seg.out_channels == recipe["classes"]
    assert not model.with_auxiliary_head
    dataset = config.train_dataloader.dataset
    pipeline = dataset.get("pipeline") or dataset.datasets[0].pipeline
    assert [step.type for step in pipeline] == [
        "LoadImageFromFile", "LoadAnnotations", "RandomResize", "RandomCrop", "RandomFlip", "PackSegInputs"
    ]  # fmt: skip
    assert (tuple(pipeline[2].scale), tuple(pipeline[2].ratio_range)) == (recipe["scale"], (0.5, 2.0))
    assert tuple(config.test_dataloader.dataset.pipeline[1].scale) == recipe["scale"]


def test_cityscapes_is_tested_by_sliding_and_voc_whole():
    assert load("segmentation", "fcn_r50-d16_voc12aug-513x513_30k")[0].model.test_cfg.mode == "whole"
    test = load("segmentation", "fcn_r50-d16_cityscapes-769x769_90k")[0].model.test_cfg
    assert (test.mode, tuple(test.crop_size), tuple(test.stride)) == ("slide", (769, 769), (513, 513))


def test_ade20k_follows_the_published_recipe():
    config, model = load("segmentation", "fcn_r50-d8_ade20k-512x512_80k")
    assert config.train_cfg.max_iters == 80000
    assert [(s.type, s.power, s.eta_min, s.end) for s in config.param_scheduler] == [("PolyLR", 0.9, 1e-4, 80000)]
    assert config.optim_wrapper.optimizer == dict(type="SGD", lr=0.01, momentum=0.9, weight_decay=5e-4)
    assert config.train_dataloader.batch_size == 4
    assert_plain_resnet(model, stride=8)
    head, auxiliary = model.decode_head, model.auxiliary_head
    assert (len(head.convs), head.channels, head.concat_input, head.dropout_ratio) == (2, 512, True, 0.1)
    assert (len(auxiliary.convs), auxiliary.channels, auxiliary.loss_decode.loss_weight) == (1, 256, 0.4)
    crop = config.train_dataloader.dataset.pipeline[3]
    assert (tuple(crop.crop_size), crop.cat_max_ratio) == ((512, 512), 0.75)
    assert any(step.type == "PhotoMetricDistortion" for step in config.train_dataloader.dataset.pipeline)


def test_the_linear_probe_trains_one_convolution():
    _, model = load("segmentation", "linear_r50-d16_voc12aug-513x513_30k")
    trained = {name: tuple(p.shape) for name, p in model.train().named_parameters() if p.requires_grad}
    assert trained == {"decode_head.conv_seg.weight": (21, 2048, 1, 1), "decode_head.conv_seg.bias": (21,)}
    assert not any(norm.training for norm in batch_norms(model.backbone))


def assert_plain_resnet(model: Any, *, stride: int) -> None:
    """A ResNet-50 with the stem of pretraining, trained whole with SyncBN, in pretraining's normalization."""
    backbone = model.backbone
    assert type(backbone).__name__ == "ResNet"
    assert backbone.conv1.kernel_size == (7, 7)
    assert all(isinstance(norm, nn.SyncBatchNorm) for norm in batch_norms(model))
    assert all(norm.training for norm in batch_norms(model.train()))
    assert all(parameter.requires_grad for parameter in model.parameters())
    total = 4  # of the stem
    for layer in (backbone.layer2, backbone.layer3, backbone.layer4):
        total *= layer[0].conv2.stride[0]
    assert total == stride
    assert list(model.data_preprocessor.mean.flatten()) == pytest.approx([123.675, 116.28, 103.53])
    assert list(model.data_preprocessor.std.flatten()) == pytest.approx([58.395, 57.12, 57.375])
