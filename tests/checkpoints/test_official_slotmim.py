"""SlotMIM's published files: names there and back."""

from __future__ import annotations

import pytest
import torch

from slotcon_mm.checkpoints.build import build_from_checkpoint
from slotcon_mm.checkpoints.network_facts import facts_of_checkpoint, facts_of_config
from slotcon_mm.checkpoints.official import from_official, to_official
from slotcon_mm.evaluation.frozen.weights import network_of_weights
from slotcon_mm.registry import MODELS

C, K, D, HIDDEN, LAYERS = 128, 5, 8, 12, 2


def linear(name: str, out_channels: int, in_channels: int) -> dict[str, torch.Tensor]:
    return {f"{name}.weight": torch.randn(out_channels, in_channels), f"{name}.bias": torch.randn(out_channels)}


def norm(name: str) -> dict[str, torch.Tensor]:
    return {f"{name}.weight": torch.rand(C), f"{name}.bias": torch.randn(C)}


def encoder() -> dict[str, torch.Tensor]:
    weights = {
        "cls_token": torch.randn(1, 1, C),
        "pos_embed": torch.randn(1, 1 + 9, C),
        "mask_token": torch.randn(1, C),
        "patch_embed.proj.weight": torch.randn(C, 3, 4, 4),
        "patch_embed.proj.bias": torch.randn(C),
        **norm("norm"),
    }
    for i in range(LAYERS):
        weights.update(norm(f"blocks.{i}.norm1"))
        weights.update(linear(f"blocks.{i}.attn.qkv", 3 * C, C))
        weights.update(linear(f"blocks.{i}.attn.proj", C, C))
        weights.update(norm(f"blocks.{i}.norm2"))
        weights.update(linear(f"blocks.{i}.mlp.fc1", 4 * C, C))
        weights.update(linear(f"blocks.{i}.mlp.fc2", C, 4 * C))
    return weights


def official() -> dict:
    """A file as the authors' script saves one, written out by hand from the names that it uses."""
    torch.manual_seed(0)
    weights = {}
    for side in "qk":
        weights.update({f"encoder_{side}.{name}": value for name, value in encoder().items()})
        for i, (out_channels, in_channels) in enumerate([(HIDDEN, C), (HIDDEN, HIDDEN), (D, HIDDEN)]):
            weights.update(linear(f"projector_{side}.mlp.{2 * i}", out_channels, in_channels))
        weights[f"grouping_{side}.prototypes_patch.weight"] = torch.randn(K, D)
    weights.update(linear("predictor_slot.mlp.0", HIDDEN, D))
    weights.update(linear("predictor_slot.mlp.2", D, HIDDEN))
    weights["center"] = torch.randn(1, K)
    moments = {0: dict(step=torch.tensor(41.0)), 1: dict(step=torch.tensor(30.0))}
    return dict(model=weights, epoch=7, optimizer=dict(state=moments, param_groups=[]))


def test_a_converted_file_is_a_model_without_its_config():
    converted = from_official(official())
    model = build_from_checkpoint(converted)
    assert type(model).__name__ == "SlotMIM"
    assert int(model.teacher.steps) == 41
    assert model.teacher(torch.rand(1, 3, 12, 12)).scores.shape == (1, K, 3, 3)
    assert model.backbone.layers[0].attn.num_heads == 2  # 64 channels each, as in every published ViT


def test_the_heads_that_a_file_notes_are_taken():
    """Shapes do not tell them: 128 channels would be two heads."""
    layers = {f"layers.{i}.attn": dict(kind="attention", heads=4) for i in range(LAYERS)}
    pixels = dict(mean=[0.0] * 3, std=[1.0] * 3, channels="RGB")
    noted = dict(layers=layers, strides=[4], pixels=pixels, backbone={})
    back = from_official(to_official(from_official(official()), noted))
    assert [layer.attn.num_heads for layer in build_from_checkpoint(back).backbone.layers] == [4] * LAYERS


ARCH = dict(embed_dims=32, num_layers=1, num_heads=2, feedforward_channels=16)


@pytest.mark.parametrize(
    ("backbone", "layers"),
    [
        (dict(img_size=16, layer_scale_init_value=1e-5), 2),
        (dict(img_size=16, num_registers=4), 2),
        (dict(img_size=(4, 64)), 2),  # as many patches as 16 x 16 pixels
        (dict(img_size=16), 3),
    ],
    ids=["layer scales", "registers", "an oblong grid", "a deeper predictor"],
)
def test_a_network_of_ours_that_shapes_do_not_tell_comes_back_as_it_went(backbone, layers):
    torch.manual_seed(0)
    full = dict(type="slotcon_mm.MaskedVisionTransformer", arch=ARCH, patch_size=4, out_type="featmap", **backbone)
    config = dict(
        type="slotcon_mm.SlotMIM",
        backbone=full,
        neck=dict(type="slotcon_mm.GroupingNeck", in_channels=32, hidden_channels=HIDDEN, out_channels=D,
                  num_prototypes=K, norm=False, epsilon=1e-12),
        group_head=dict(type="slotcon_mm.GroupLossHead"),
        slot_head=dict(type="slotcon_mm.SlotLossHead", channels=D, hidden_channels=HIDDEN, num_layers=layers,
                       norm=False),
    )  # fmt: skip
    model = MODELS.build(config).eval()
    facts = facts_of_config(dict(model=config, default_scope="mmpretrain"))
    back = from_official(to_official(dict(state_dict=model.state_dict()), facts))
    images = torch.rand(1, 3, 8, 32)
    torch.testing.assert_close(build_from_checkpoint(back).teacher(images).scores, model.teacher(images).scores)


def test_a_converted_file_notes_timms_vit_and_is_scored_with_its_prototypes(tmp_path):
    converted = from_official(official())
    noted = facts_of_checkpoint(converted)
    assert (noted["backbone"]["patch_size"], noted["pixels"]["channels"]) == (4, "RGB")
    assert noted["layers"]["layers.0.ln1"]["eps"] == 1e-6
    torch.save(converted, tmp_path / "converted.pth")
    network = network_of_weights(str(tmp_path / "converted.pth"))
    assert network.neck.prototypes.equal(official()["model"]["grouping_k.prototypes_patch.weight"])


def test_a_slotmim_on_another_network_has_no_place_there():
    state = from_official(official())["state_dict"]
    without = {name: value for name, value in state.items() if not name.endswith("mask_token")}
    with pytest.raises(ValueError, match="the authors' code has no place for it"):
        to_official(dict(state_dict=without))


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("backbone.layers.1.ffn.layers.0.0.weight", "encoder_q.blocks.1.mlp.fc1.weight"),
        ("teacher.backbone.layers.0.attn.qkv.bias", "encoder_k.blocks.0.attn.qkv.bias"),
        ("teacher.backbone.ln1.weight", "encoder_k.norm.weight"),
        ("backbone.patch_embed.projection.weight", "encoder_q.patch_embed.proj.weight"),
        ("backbone.mask_token", "encoder_q.mask_token"),
        ("neck.projector.2.bias", "projector_q.mlp.2.bias"),
        ("teacher.neck.prototypes", "grouping_k.prototypes_patch.weight"),
        ("slot_head.predictor.2.weight", "predictor_slot.mlp.2.weight"),
        ("group_head.center", "center"),
    ],
)
def test_each_part_finds_its_place(here, there):
    assert torch.equal(from_official(official())["state_dict"][here], official()["model"][there])


def test_a_projectors_layers_are_one_by_one_convolutions():
    weight = from_official(official())["state_dict"]["teacher.neck.projector.0.weight"]
    assert torch.equal(weight[:, :, 0, 0], official()["model"]["projector_k.mlp.0.weight"])


def test_the_round_trip_gives_every_bit_back():
    back = to_official(from_official(official()))
    assert (back["epoch"], back["step"]) == (7, 41)
    assert back["model"].keys() == official()["model"].keys()
    for name, value in official()["model"].items():
        assert torch.equal(back["model"][name], value), name


@pytest.mark.parametrize("wrapped", ["encoder_q.", "projector_q.", "grouping_k.", ""])
def test_parts_that_were_compiled_have_their_names_without(wrapped):
    file = official()
    for name in [name for name in file["model"] if name.startswith(wrapped)]:
        file["model"][f"{wrapped}_orig_mod.{name.removeprefix(wrapped)}"] = file["model"].pop(name)
    plain, found = from_official(official())["state_dict"], from_official(file)["state_dict"]
    assert found.keys() == plain.keys()
    assert all(torch.equal(found[name], value) for name, value in plain.items())


def normalized() -> dict[str, torch.Tensor]:
    """A SlotMIM with BN in its projectors, which the authors' has not."""
    state = from_official(official())["state_dict"]
    state = {name.replace("projector.2.", "projector.3."): value for name, value in state.items()}
    return state | {f"{side}neck.projector.1.weight": torch.ones(HIDDEN) for side in ("", "teacher.")}


def test_a_slotmim_with_batch_normalization_has_no_place_there():
    with pytest.raises(ValueError, match="expected a SlotMIM without BN, got one with BN in its projector"):
        to_official(dict(state_dict=normalized()))


def test_a_slotcon_on_the_same_network_is_no_slotmim():
    """It has BN, and a predictor of three layers."""
    slotcon = normalized() | {"slot_head.predictor.6.weight": torch.ones(2, 2)}
    names = to_official(dict(state_dict=slotcon))["model"]
    assert {"module.grouping_q.slot_embed.weight", "module.projector_k.mlp.1.weight"} <= names.keys()


def test_what_has_no_counterpart_is_listed():
    file = official()
    file["model"]["encoder_q.blocks.0.attn.rotation"] = torch.zeros(1)
    with pytest.raises(ValueError, match=r"a ViT in encoder_q, got without a counterpart: blocks.0.attn.rotation"):
        from_official(file)
    file = official()
    del file["model"]["grouping_k.prototypes_patch.weight"]
    with pytest.raises(ValueError, match=r"missing: grouping_k\.prototypes_patch\.weight"):
        from_official(file)
