"""Files of Hugging Face's transformers: features are those of its own classes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmpretrain.models import ConvNeXt, ResNet, SwinTransformer, VisionTransformer
from other_libraries import as_map, expect_same_features, lived_in, load_file, saved
from torch import Tensor, nn

from slotcon_mm.models import RegisterVisionTransformer, TimmFeatures

transformers = pytest.importorskip("transformers")
pytest.importorskip("timm")
ARCH = dict(embed_dims=12, num_layers=2, num_heads=2, feedforward_channels=48)
SIZES = dict(hidden_size=12, num_hidden_layers=2, num_attention_heads=2, image_size=64, patch_size=16)
STAGES = dict(depths=[1, 1, 2, 1], hidden_sizes=[8, 12, 16, 24])


def file_of(network: nn.Module, folder: Path) -> Path:
    network.save_pretrained(folder)
    return folder / "model.safetensors"


def tokens_of(theirs: nn.Module, extra: int, grid: tuple[int, int] = (4, 4)) -> Callable[[Tensor], Tensor]:
    return lambda images: as_map(theirs(images).last_hidden_state, extra, grid)


def ours(**options: object) -> nn.Module:
    kind = RegisterVisionTransformer if "num_registers" in options else VisionTransformer
    return kind(ARCH, img_size=64, out_type="featmap", norm_cfg=dict(type="LN", eps=1e-12), **options)


@pytest.mark.parametrize("as_file", [True, False], ids=["file", "state of its class"])
@pytest.mark.parametrize("name", ["ViT", "ViTMAE", "Dinov2", "Dinov2WithRegisters"])
def test_vision_transformers(name, as_file, tmp_path):
    options = dict(mask_ratio=0.0) if name == "ViTMAE" else {}
    if name in ("ViT", "ViTMAE"):
        options["intermediate_size"] = 48
    config = getattr(transformers, f"{name}Config")(**SIZES, **options, layer_norm_eps=1e-12)
    theirs = lived_in(getattr(transformers, f"{name}Model")(config))
    network = ours(
        **(dict(layer_scale_init_value=1e-5) if "Dino" in name else {}),
        **(dict(num_registers=4) if "Registers" in name else {}),
    )
    path = file_of(theirs, tmp_path) if as_file else saved(theirs.state_dict(), tmp_path / "weights.pth")
    found = load_file(network, path)
    assert found.library == "Hugging Face"
    if name == "ViTMAE":  # it shuffles its tokens: compared with ViT, which has the same tensors
        plain = transformers.ViTModel(transformers.ViTConfig(**SIZES, intermediate_size=48, layer_norm_eps=1e-12))
        plain.load_state_dict(theirs.state_dict(), strict=False)
        theirs = plain.eval()
    expect_same_features(network, tokens_of(theirs, 5 if "Registers" in name else 1))


def test_registers_on_images_of_another_size(tmp_path):
    config = transformers.Dinov2WithRegistersConfig(**SIZES, layer_norm_eps=1e-12)
    theirs = lived_in(transformers.Dinov2WithRegistersModel(config))
    network = ours(layer_scale_init_value=1e-5, num_registers=4)
    load_file(network, file_of(theirs, tmp_path))
    for grid in ((3, 5), (6, 4)):
        expect_same_features(network, tokens_of(theirs, 5, grid), (16 * grid[0], 16 * grid[1]))


def test_gated_blocks(tmp_path):
    theirs = lived_in(
        transformers.Dinov2Model(transformers.Dinov2Config(**SIZES, use_swiglu_ffn=True, layer_norm_eps=1e-12))
    )
    network = ours(layer_scale_init_value=1e-5, layer_cfgs=dict(ffn_type="swiglu_fused"))
    load_file(network, file_of(theirs, tmp_path))
    expect_same_features(network, tokens_of(theirs, 1))


@pytest.mark.parametrize(
    ("gated", "name"), [(False, "vit_small_patch16_dinov3_qkvb"), (True, "vit_small_plus_patch16_dinov3_qkvb")]
)
@pytest.mark.parametrize("as_file", [True, False], ids=["file", "state of its class"])
def test_rotary_transformers(gated, name, as_file, tmp_path):
    config = transformers.DINOv3ViTConfig(
        hidden_size=384, num_hidden_layers=12, num_attention_heads=6, intermediate_size=1536, num_register_tokens=4,
        use_gated_mlp=gated, hidden_act="silu" if gated else "gelu",
    )  # fmt: skip
    theirs = lived_in(transformers.DINOv3ViTModel(config))
    network = TimmFeatures(name)
    load_file(network, file_of(theirs, tmp_path) if as_file else saved(theirs.state_dict(), tmp_path / "w.pth"))
    expect_same_features(network, tokens_of(theirs, 5, (4, 6)), (64, 96))


@pytest.mark.parametrize("version", ["", "V2"])
def test_convnexts(version, tmp_path):
    config = getattr(transformers, f"ConvNext{version}Config")(**STAGES)
    theirs = lived_in(getattr(transformers, f"ConvNext{version}Model")(config))
    options = dict(use_grn=True, layer_scale_init_value=0.0) if version else {}
    network = ConvNeXt(
        dict(depths=STAGES["depths"], channels=STAGES["hidden_sizes"]), gap_before_final_norm=False, **options
    )
    load_file(network, file_of(theirs, tmp_path))
    network.norm3 = nn.Identity()  # theirs is behind the pooling
    expect_same_features(network, lambda images: theirs(images).last_hidden_state)


def test_dinov3s_convnext(tmp_path):
    theirs = lived_in(transformers.DINOv3ConvNextModel(transformers.DINOv3ConvNextConfig(**STAGES)))
    network = ConvNeXt(dict(depths=STAGES["depths"], channels=STAGES["hidden_sizes"]), gap_before_final_norm=False)
    found = load_file(network, file_of(theirs, tmp_path))
    assert found.library == "Hugging Face's DINOv3"
    expect_same_features(network, lambda images: as_map(theirs(images).last_hidden_state, 1, (2, 2)))


def test_swins(tmp_path):
    config = transformers.SwinConfig(embed_dim=8, depths=[1, 2, 1, 1], num_heads=[2, 2, 2, 2], image_size=224)
    theirs = lived_in(transformers.SwinModel(config))
    network = SwinTransformer(dict(embed_dims=8, depths=[1, 2, 1, 1], num_heads=[2, 2, 2, 2]))
    load_file(network, file_of(theirs, tmp_path))
    expect_same_features(network, lambda images: as_map(theirs(images).last_hidden_state, 0, (7, 7)), (224, 224))


def test_resnets(tmp_path):
    config = transformers.ResNetConfig(hidden_sizes=[256, 512, 1024, 2048], depths=[3, 4, 6, 3])
    theirs = lived_in(transformers.ResNetModel(config))
    network = ResNet(depth=50)
    load_file(network, file_of(theirs, tmp_path))
    expect_same_features(network, lambda images: theirs(images).last_hidden_state)


def test_a_classifier_is_taken_without_its_head(tmp_path):
    config = transformers.ViTConfig(**SIZES, intermediate_size=48, layer_norm_eps=1e-12, num_labels=3)
    theirs = lived_in(transformers.ViTForImageClassification(config))
    network = ours()
    found = load_file(network, file_of(theirs, tmp_path))
    assert found.notes == ("not used: classifier (2 tensors)",)
    expect_same_features(network, tokens_of(theirs.vit, 1))
    assert torch.isfinite(network(torch.zeros(1, 3, 64, 64))[-1]).all()
