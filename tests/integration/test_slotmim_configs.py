"""SlotMIM's configs: their numbers are the paper's, and each changes what its name says."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmpretrain.registry import MODELS
from runs import CONFIGS

from slotcon_mm.launch.cpu_fallbacks import adapt_to_cpu
from slotcon_mm.registry import TRANSFORMS


def load(name: str) -> Config:
    return Config.fromfile(CONFIGS / f"{name}.py")


@pytest.fixture(scope="module")
def published() -> Config:
    return load("slotmim_vit-b16_cocoplus")


def test_the_cocoplus_config_is_the_papers_schedule(published):
    assert published.train_cfg.max_epochs == 800
    assert published.train_dataloader.batch_size * 8 == published.auto_scale_lr.base_batch_size == 1024
    assert published.auto_scale_lr.enable
    wrapper = published.optim_wrapper
    assert (wrapper.type, wrapper.loss_scale) == ("AmpOptimWrapper", "dynamic")
    assert wrapper.optimizer == dict(
        type="slotcon_mm.ClippedAdamW", lr=pytest.approx(6e-4, rel=1e-12), betas=(0.9, 0.999), eps=1e-8,
        weight_decay=0.04, max_norm=0.3,
    )  # fmt: skip
    rate, decay = published.param_scheduler
    assert (rate.warmup, rate.start_factor, rate.eta_min, rate.full_rate_in_warmup) == (10, 0.0, 2e-6, True)
    assert decay.final == 0.4
    (frozen,) = [hook for hook in published.custom_hooks if hook.type == "slotcon_mm.FrozenPrototypesHook"]
    assert frozen.epochs == 3


def test_the_cocoplus_config_is_the_papers_network_and_loss(published):
    model = published.model
    assert (model.backbone.arch, model.backbone.patch_size, model.backbone.drop_path_rate) == ("base", 16, 0.1)
    neck, groups, slots = model.neck, model.group_head, model.slot_head
    assert (neck.hidden_channels, neck.out_channels, neck.num_prototypes, neck.norm) == (2048, 256, 512, False)
    assert (groups.student_temperature, groups.teacher_temperature, groups.center_momentum) == (0.1, 0.07, 0.9)
    assert (slots.hidden_channels, slots.temperature, slots.num_layers, slots.norm) == (2048, 0.2, 2, False)
    assert (neck.temperature, model.first_temperature, model.temperature_epochs) == (0.07, 0.04, 50)
    assert (model.group_weight, model.cross_view_weight, model.within_view_weight) == (0.5, 1, 1)
    assert model.teacher_momentum == 0.996


def test_the_cocoplus_config_is_the_papers_views_and_masks(published):
    dataset = published.train_dataloader.dataset
    assert dataset.folders == ["train2017", "unlabeled2017"]
    views = dataset.pipeline[1]
    assert (views.size, views.scale, views.ratio, views.flip_prob) == (224, (0.08, 1.0), (3 / 4, 4 / 3), 0.5)
    assert (views.jitter, views.jitter_prob, views.gray_prob) == ((0.4, 0.4, 0.2, 0.1), 0.8, 0.2)
    assert (views.blur_sigma, views.blur_prob, views.solarize_prob) == ((0.1, 2.0), (1.0, 0.1), (0.0, 0.2))
    assert views.mask == dict(patch_size=16, share=(0.1, 0.5))


def test_58_tensors_of_the_built_model_decay_and_104_do_not():
    config = load("slotmim_vit-b16_cocoplus")
    adapt_to_cpu(config)
    with torch.device("meta"):
        model = MODELS.build(config.model)
    groups = build_optim_wrapper(model, config.optim_wrapper).optimizer.param_groups
    decays = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert sorted(decays.values()) == [0.0] * 104 + [0.04] * 58
    named = {name: decays[id(p)] for name, p in model.named_parameters() if p.requires_grad}
    assert len(named) == 162
    for name in ("backbone.cls_token", "backbone.pos_embed", "backbone.mask_token", "neck.prototypes"):
        assert named[name] == 0.04
    assert {named[name] for name in named if name.endswith("bias") or ".ln" in name} == {0.0}


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("slotmim_vit-b16_coco", dict(folders=["train2017"])),
        ("slotmim_vit-b16_in1k", dict(epochs=400, prototypes=1024, folders=["train"])),
        ("slotmim_vit-s16_coco", dict(arch="deit-small", channels=384, folders=["train2017"])),
        (
            "slotmim_vit-s16_folder",
            dict(arch="deit-small", channels=384, epochs="auto", prototypes="auto", batch="auto", folders=[""]),
        ),
    ],
)
def test_other_configs_change_what_their_name_says(published, name, changes):
    assert {**facts(published), **changes} == facts(load(name))
    assert load(name).optim_wrapper == published.optim_wrapper
    assert load(name).param_scheduler == published.param_scheduler


def facts(config: Config) -> dict[str, Any]:
    return dict(
        arch=config.model.backbone.arch,
        channels=config.model.neck.in_channels,
        epochs=config.train_cfg.max_epochs,
        prototypes=config.model.neck.num_prototypes,
        batch=config.train_dataloader.batch_size,
        folders=config.train_dataloader.dataset.folders,
    )


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("no-cross-view", {"cross_view_weight": 0.0}),
        ("no-slots", {"group_weight": 1.0}),
        ("no-within-view", {"within_view_weight": 0.0}),
        ("no-masks", {"within_view_weight": 0.0}),
    ],
)
def test_an_ablation_switches_one_part_off(published, name, changes):
    (path,) = (CONFIGS / "ablations").glob(f"slotmim_*_{name}.py")
    ablation = Config.fromfile(path)
    assert ablation.model == {**published.model, **changes}
    drawn, expected = drawn_views(ablation), drawn_views(published)
    assert expected.pop("mask") is not None
    assert (drawn.pop("mask") is None) == (name == "no-masks")
    assert drawn == expected


def drawn_views(config: Config) -> dict[str, Any]:
    """What PairedViews was built with."""
    (views,) = [TRANSFORMS.build(step) for step in config.train_dataloader.dataset.pipeline if "Views" in step.type]
    return {name: value for name, value in vars(views).items() if name != "clock"}
