"""Detection and segmentation with a plain vision transformer: recipes, and runs of a narrow one on tiny data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.registry import init_default_scope
from mmpretrain.models import VisionTransformer
from mmpretrain.models.utils import LayerNorm2d
from torch import nn
from transfers import train_two_steps, write_data

CONFIGS = Path(__file__).parents[2] / "configs"
PATHS = sorted([*CONFIGS.glob("detection/*_vit-*.py"), *CONFIGS.glob("segmentation/*_vit-*.py")])
SEGMENTATION, DETECTION = ("upernet_vit-{}16_ade20k-512x512_160k", "vitdet_mask-rcnn_vit-{}16_100e_coco")
WIDTH = 16
ARCH = dict(embed_dims=WIDTH, num_layers=12, num_heads=2, feedforward_channels=32)
TENSORS = 4 + 12 * 12  # of a patch embedding, class token, positions and twelve blocks


@pytest.fixture(scope="module")
def pretraining(tmp_path_factory) -> Path:
    """A pretraining's checkpoint whose teacher and student differ, with the mask token that only pretraining has."""
    backbone = VisionTransformer(ARCH, img_size=64)
    backbone.init_weights()
    weights = {**backbone.state_dict(), "mask_token": torch.zeros(1, WIDTH)}
    state = {f"backbone.{name}": value for name, value in weights.items()}
    state |= {f"teacher.backbone.{name}": value * 0.9 for name, value in weights.items()}
    path = tmp_path_factory.mktemp("pretraining") / "epoch_3.pth"
    torch.save(dict(state_dict={**state, "teacher.steps": torch.tensor(12)}, meta={}), path)
    return path


def narrow(path: Path, folder: Path) -> Path:
    """A config that inherits from the one at ``path`` and changes the widths alone."""
    if "upernet" in path.stem:
        backbone = dict(img_size=128)
        rest = dict(
            neck=dict(embed_dim=WIDTH),
            decode_head=dict(in_channels=[WIDTH] * 4, channels=WIDTH),
            auxiliary_head=dict(in_channels=WIDTH, channels=WIDTH),
        )
    else:
        backbone = dict(img_size=64, window_size=3)
        rest = dict(neck=dict(in_channels=WIDTH))
    model = dict(backbone=dict(arch=dict(_delete_=True, **ARCH), **backbone), **rest)
    config = folder / path.name
    config.write_text(f"_base_ = {str(path)!r}\nmodel = {model!r}\n")
    return config


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_config_trains_two_steps_from_a_pretraining_and_is_tested(path, pretraining, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_data(path, tmp_path)
    runner = train_two_steps(narrow(path, tmp_path), pretraining, side=64)
    assert runner.iter == 2
    log = next((tmp_path / "work").glob("*/*.log")).read_text()
    tensors = TENSORS if "upernet" in path.stem else TENSORS - 1
    assert f"{tensors} of {tensors} backbone tensors filled from {pretraining} (teacher, step 12)" in log
    left_over = (
        "ln1.weight, ln1.bias, mask_token" if "upernet" in path.stem else "cls_token, ln1.weight, ln1.bias, mask"
    )
    assert f"left over: {left_over}" in log
    assert ("resized from 4 x 4 to 8 x 8" in log) == ("upernet" in path.stem)
    metrics = runner.test()
    assert any(name.endswith(("mIoU", "segm_mAP")) for name in metrics), metrics


def load(name: str) -> tuple[Config, Any]:
    """A config and its model, without memory for its weights."""
    config = Config.fromfile(next(path for path in PATHS if path.stem == name))
    init_default_scope(config.default_scope)
    with torch.device("meta"):
        return config, ROOT_MODELS.build(config.model)


def settings_of(config: Config, model: nn.Module) -> dict[str, tuple[float, float]]:
    """Rate and decay of each parameter."""
    optim_wrapper = {**config.optim_wrapper, "type": "OptimWrapper"}
    del optim_wrapper["loss_scale"]
    groups = build_optim_wrapper(model, optim_wrapper).optimizer.param_groups
    found = {id(one): (group["lr"], group["weight_decay"]) for group in groups for one in group["params"]}
    return {name: found[id(parameter)] for name, parameter in model.named_parameters()}


@pytest.mark.parametrize(("size", "width", "heads"), [("b", 768, 12), ("s", 384, 6)])
def test_segmentation_follows_the_published_recipe(size, width, heads):
    config, model = load(SEGMENTATION.format(size))
    assert (model.backbone.embed_dims, model.backbone.layers[0].attn.num_heads) == (width, heads)
    assert [layer.attn.out_drop.drop_prob for layer in model.backbone.layers] == pytest.approx(
        [0.1 * index / 11 for index in range(12)]
    )
    assert (model.decode_head.in_channels, model.decode_head.channels) == ([width] * 4, width)
    assert model.decode_head.num_classes == model.auxiliary_head.num_classes == 150
    assert (model.auxiliary_head.in_index, model.auxiliary_head.loss_decode.loss_weight) == (2, 0.4)
    assert (model.test_cfg.mode, model.test_cfg.crop_size, model.test_cfg.stride) == ("slide", (512, 512), (341, 341))
    assert list(model.data_preprocessor.mean.shape) == [3, 1, 1]
    assert model.backbone.init_cfg is None
    assert config.train_dataloader.batch_size * 4 == config.auto_scale_lr.base_batch_size == 16
    assert config.train_cfg.max_iters == 160000
    warmup, decline = config.param_scheduler
    assert (warmup.start_factor, warmup.begin, warmup.end) == (1e-6, 0, 1500)
    assert (decline.power, decline.eta_min, decline.begin, decline.end) == (1.0, 0.0, 1500, 160000)
    assert config.optim_wrapper.type == "AmpOptimWrapper"
    settings = settings_of(config, model)
    assert settings["decode_head.conv_seg.weight"] == (1e-4, 0.05)
    assert settings["decode_head.conv_seg.bias"] == (1e-4, 0)
    for block in range(12):
        rate = pytest.approx(1e-4 * 0.65 ** (12 - block))
        assert settings[f"backbone.layers.{block}.attn.qkv.weight"] == (rate, 0.05)
        assert settings[f"backbone.layers.{block}.ln1.weight"] == (rate, 0)
    assert settings["backbone.patch_embed.projection.weight"] == (pytest.approx(1e-4 * 0.65**13), 0.05)


def test_segmentation_takes_what_leaves_four_blocks(tmp_path):
    path = next(path for path in PATHS if path.stem == SEGMENTATION.format("b"))
    config = Config.fromfile(narrow(path, tmp_path))
    init_default_scope(config.default_scope)
    backbone, neck = ROOT_MODELS.build(config.model.backbone), ROOT_MODELS.build(config.model.neck)
    left: list[torch.Tensor] = []
    for index in (3, 5, 7, 11):
        backbone.layers[index].register_forward_hook(lambda _, __, tokens: left.append(tokens))
    maps = backbone(torch.randn(2, 3, 128, 64))
    for tokens, found in zip(left, maps, strict=True):
        assert found.equal(tokens[:, 1:].transpose(1, 2).unflatten(2, (8, 4)))
    assert [tuple(one.shape[2:]) for one in neck(maps)] == [(32, 16), (16, 8), (8, 4), (4, 2)]


@pytest.mark.parametrize(("size", "width"), [("b", 768), ("s", 384)])
def test_detection_is_vitdet(size, width):
    model = load(DETECTION.format(size))[1]
    backbone = model.backbone
    assert (backbone.embed_dims, backbone.window_size, backbone.global_blocks) == (width, 14, {2, 5, 8, 11})
    assert tuple(backbone.patch_resolution) == (14, 14)
    assert backbone.layers[11].attn.out_drop.drop_prob == pytest.approx(0.1)
    assert model.neck.in_channels == width
    assert len(model.rpn_head.rpn_conv) == 2
    head = model.roi_head.bbox_head
    assert (len(head.shared_convs), len(head.shared_fcs), head.fc_out_channels) == (4, 1, 1024)
    for part, norms in ((model.neck, 9), (head, 4), (model.roi_head.mask_head, 4), (model.rpn_head, 0)):
        found = [layer for layer in part.modules() if isinstance(layer, nn.LayerNorm)]
        assert len(found) == norms
        assert all(isinstance(layer, LayerNorm2d) and layer.eps == 1e-6 for layer in found)
    assert not [layer for layer in model.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_detection_is_trained_as_vitdet():
    config, model = load(DETECTION.format("b"))
    assert config.train_dataloader.batch_size * 8 == config.auto_scale_lr.base_batch_size == 64
    warmup, steps = config.param_scheduler
    assert (warmup.start_factor, warmup.end, warmup.by_epoch) == (0.001, 250, False)
    assert steps.milestones == [round(100 * step / 184375) for step in (163889, 177546)]
    assert steps.end == config.train_cfg.max_epochs == 100
    pipeline = {step.type: step for step in config.train_dataloader.dataset.pipeline}
    assert (pipeline["RandomResize"].scale, pipeline["RandomResize"].ratio_range) == ((1024, 1024), (0.1, 2.0))
    assert (pipeline["RandomCrop"].crop_type, pipeline["RandomCrop"].crop_size) == ("absolute", (1024, 1024))
    assert not pipeline["FilterAnnotations"].keep_empty
    assert config.test_dataloader.dataset.pipeline[1].scale == (1024, 1024)
    assert model.data_preprocessor.pad_size_divisor == 1024
    settings = settings_of(config, model)
    assert settings["roi_head.bbox_head.fc_cls.weight"] == (1e-4, 0.1)
    assert settings["neck.levels.0.0.ln.weight"] == (1e-4, 0)
    for block in range(12):
        rate = pytest.approx(1e-4 * 0.7 ** (12 - block))
        # biases decay in Detectron2's recipe, norms and positions do not
        assert settings[f"backbone.layers.{block}.attn.qkv.bias"] == (rate, 0.1)
        assert settings[f"backbone.layers.{block}.ln2.bias"] == (rate, 0)
    assert settings["backbone.patch_embed.projection.weight"] == (pytest.approx(1e-4 * 0.7**13), 0.1)
    assert settings["backbone.pos_embed"] == (pytest.approx(1e-4 * 0.7**13), 0)


@pytest.mark.parametrize("name", [SEGMENTATION, DETECTION])
def test_the_small_one_differs_by_its_widths_alone(name):
    base, small = (load(name.format(size))[0].to_dict() for size in "bs")
    for config in (base, small):
        config.pop("channels", None)
        config["model"] = {
            part: {
                key: value
                for key, value in options.items()
                if "channels" not in key and key not in ("arch", "embed_dim")
            }
            if isinstance(options, dict)
            else options
            for part, options in config["model"].items()
        }
    assert small == base
