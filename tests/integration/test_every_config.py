"""Every pretraining config builds and takes two steps; its numbers are the paper's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import default_collate
from mmengine.logging import MessageHub
from mmengine.optim import build_optim_wrapper

from slotcon_mm.launch.cpu_fallbacks import adapt_to_cpu
from slotcon_mm.registry import DATASETS, MODELS

CONFIGS = Path(__file__).parents[2] / "configs"
PRETRAINING = sorted([*CONFIGS.glob("slot*.py"), *CONFIGS.glob("ablations/slot*.py")])


def load(path: Path) -> Config:
    return Config.fromfile(path)


def shrink(config: Config, scenes: Path) -> None:
    """Small enough for a test: views and widths, nothing else."""
    backbone, neck, dataset = config.model.backbone, config.model.neck, config.train_dataloader.dataset
    if "arch" in backbone:
        backbone.arch = dict(embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64)
        backbone.img_size, neck.in_channels = 64, 32
    elif backbone.get("base_channels", 64) == 64:
        backbone.update(base_channels=16, stem_channels=16)  # a quarter
        neck.in_channels //= 4
    neck.num_prototypes = 32 if neck.num_prototypes == "auto" else neck.num_prototypes
    neck.hidden_channels = config.model.slot_head.hidden_channels = 32
    dataset.update(data_root=str(scenes), folders=["train2017"], indices=2)
    dataset.pipeline[1].size = 64  # of which a ResNet leaves 2 x 2 pixels, a ViT 4 x 4


@pytest.mark.parametrize("path", PRETRAINING, ids=lambda path: path.stem)
def test_config_builds_and_takes_two_steps(path, scenes):
    config = load(path)
    shrink(config, scenes)
    adapt_to_cpu(config)
    model = MODELS.build(config.model)
    model.init_weights()
    optim_wrapper = build_optim_wrapper(model, config.optim_wrapper)
    dataset = DATASETS.build(config.train_dataloader.dataset)
    MessageHub.get_current_instance().update_info("max_iters", 10)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for _ in range(2):
        logged = model.train_step(default_collate([dataset[i] for i in range(2)]), optim_wrapper)
        assert all(torch.isfinite(torch.as_tensor(value)).all() for value in logged.values())
    after = model.state_dict()
    assert int(after["teacher.steps"]) == 2
    trained = ["backbone.", "neck.projector.", "neck.prototypes", "group_head.center", "teacher.backbone."]
    trained += ["slot_head."] if config.model.group_weight < 1 else []
    for part in trained:
        assert any(not torch.equal(before[n], after[n]) for n in after if n.startswith(part)), part


def test_the_coco_config_is_the_papers_recipe():
    config = load(CONFIGS / "slotcon_r50_coco.py")
    assert config.train_cfg.max_epochs == 800
    assert config.train_dataloader.batch_size * 8 == config.auto_scale_lr.base_batch_size == 512
    assert config.auto_scale_lr.enable
    assert config.optim_wrapper.optimizer == dict(
        type="slotcon_mm.LARS", lr=2.0, momentum=0.9, weight_decay=1e-5, trust_coefficient=0.001
    )
    assert config.model.neck.num_prototypes == 256
    assert config.param_scheduler.warmup == 5
    views = config.train_dataloader.dataset.pipeline[1]
    assert (views.size, views.scale, views.jitter) == (224, (0.08, 1.0), (0.4, 0.4, 0.2, 0.1))
    checkpoint = config.default_hooks.checkpoint
    assert (checkpoint.interval, checkpoint.max_keep_ckpts, checkpoint.keep_every) == (10, 2, 100)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("slotcon_r50_cocoplus", dict(folders=["train2017", "unlabeled2017"])),
        ("slotcon_r50_in1k_100e", dict(epochs=100, prototypes=2048, folders=["train"])),
        ("slotcon_r50_in1k_200e", dict(epochs=200, prototypes=2048, folders=["train"])),
        ("slotcon_r50_coco_k27", dict(prototypes=27)),
        ("slotcon_r50_folder", dict(epochs="auto", prototypes="auto", batch="auto", folders=[""])),
    ],
)
def test_other_configs_change_what_their_name_says(name, changes):
    config = load(CONFIGS / f"{name}.py")
    found = dict(
        epochs=config.train_cfg.max_epochs,
        prototypes=config.model.neck.num_prototypes,
        batch=config.train_dataloader.batch_size,
        folders=config.train_dataloader.dataset.folders,
    )
    assert found == {**dict(epochs=800, prototypes=256, batch=64, folders=["train2017"]), **changes}
    base = load(CONFIGS / "slotcon_r50_coco.py")
    assert config.optim_wrapper == base.optim_wrapper


def test_the_folder_config_takes_its_root_from_the_environment(monkeypatch):
    monkeypatch.setenv("SLOTCON_DATA", "/somewhere/else")
    assert load(CONFIGS / "slotcon_r50_folder.py").train_dataloader.dataset.data_root == "/somewhere/else"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("ablations/slotcon_*.py")), ids=lambda path: path.stem)
def test_an_ablation_changes_one_line(path):
    base, ablation = load(CONFIGS / "slotcon_r50_coco.py"), load(path)
    changed = set()
    if ablation.model.group_weight != base.model.group_weight:
        changed.add(f"group-weight-{ablation.model.group_weight:g}")
    if ablation.model.neck.num_prototypes != base.model.neck.num_prototypes:
        changed.add(f"k{ablation.model.neck.num_prototypes}")
    assert changed <= {path.stem.removeprefix("slotcon_r50_coco_")}
    ablation.model.group_weight, ablation.model.neck = base.model.group_weight, base.model.neck
    assert ablation.to_dict() == base.to_dict()


def test_configs_of_this_package_can_be_inherited_from_elsewhere(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("_base_ = 'slotcon_mm::ablations/slotcon_r50_coco_k64.py'\n")
    inherited = load(path)
    assert inherited.model.neck.num_prototypes == 64
    assert inherited.to_dict() == load(CONFIGS / "ablations/slotcon_r50_coco_k64.py").to_dict()


BACKBONES = {
    "resnet18": (dict(type="ResNet", depth=18, norm_cfg=dict(type="SyncBN")), 512),
    "resnet50": (dict(type="ResNet", depth=50, norm_cfg=dict(type="SyncBN")), 2048),
    "resnet101 at stride 16": (
        dict(type="ResNet", depth=101, strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2), norm_cfg=dict(type="SyncBN")),
        2048,
    ),
    "convnext": (dict(type="ConvNeXt", arch="atto", gap_before_final_norm=False), 320),
    "swin-t": (dict(type="SwinTransformer", arch="tiny", pad_small_map=True), 768),
    "regnet": (dict(type="RegNet", arch="regnetx_400mf", norm_cfg=dict(type="SyncBN")), 384),
    "mobilenet v2": (dict(type="MobileNetV2"), 1280),
    "efficientnet": (dict(type="EfficientNet", arch="b0"), 1280),
    "vit-s": (dict(type="VisionTransformer", arch="deit-small", img_size=64, patch_size=16, out_type="featmap"), 384),
}


@pytest.mark.parametrize("name", BACKBONES)
def test_any_backbone_with_a_feature_map_trains(name, scenes):
    config = load(CONFIGS / "slotcon_r50_coco.py")
    shrink(config, scenes)
    config.model.backbone, config.model.neck.in_channels = BACKBONES[name]
    model = MODELS.build(config.model)
    model.init_weights()
    dataset = DATASETS.build(config.train_dataloader.dataset)
    MessageHub.get_current_instance().update_info("max_iters", 10)
    adapt_to_cpu(config)
    optim_wrapper = build_optim_wrapper(model, config.optim_wrapper)
    logged = model.train_step(default_collate([dataset[i] for i in range(2)]), optim_wrapper)
    assert torch.isfinite(logged["loss"])
    momenta = [state["momentum_buffer"] for state in optim_wrapper.optimizer.state.values()]
    assert len(momenta) == sum(p.requires_grad for p in model.parameters())
    assert all(momentum.isfinite().all() for momentum in momenta)
