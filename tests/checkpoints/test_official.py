"""Names there and back: the authors' checkpoints."""

from __future__ import annotations

import argparse
from pathlib import PurePosixPath

import pytest
import torch

from slotcon_mm.checkpoints.network_facts import NETWORK, facts_in
from slotcon_mm.checkpoints.official import from_official, load_official, to_official
from slotcon_mm.models import SlotCon

K, D, HIDDEN = 5, 8, 12


def model() -> SlotCon:
    torch.manual_seed(0)
    return SlotCon(
        backbone=dict(type="ResNet", depth=18, base_channels=8, stem_channels=8),
        neck=dict(
            type="slotcon_mm.GroupingNeck", in_channels=64, hidden_channels=HIDDEN, out_channels=D, num_prototypes=K
        ),
        group_head=dict(type="slotcon_mm.GroupLossHead"),
        slot_head=dict(type="slotcon_mm.SlotLossHead", hidden_channels=HIDDEN),
    )


def linear(name: str, *shape: int) -> dict[str, torch.Tensor]:
    return {f"{name}.weight": torch.randn(shape), f"{name}.bias": torch.randn(shape[0])}


def norm(name: str, channels: int) -> dict[str, torch.Tensor]:
    vectors = {f"{name}.{v}": torch.rand(channels) for v in ("weight", "bias", "running_mean", "running_var")}
    return {**vectors, f"{name}.num_batches_tracked": torch.tensor(3)}


def mlp(name: str, in_channels: int, *kernel: int) -> dict[str, torch.Tensor]:
    """Linear, BN, GELU, Linear, BN, GELU, Linear, counted from 0."""
    return {
        **linear(f"{name}.mlp.0", HIDDEN, in_channels, *kernel),
        **norm(f"{name}.mlp.1", HIDDEN),
        **linear(f"{name}.mlp.3", HIDDEN, HIDDEN, *kernel),
        **norm(f"{name}.mlp.4", HIDDEN),
        **linear(f"{name}.mlp.6", D, HIDDEN, *kernel),
    }


def official() -> dict:
    """A file as the authors' script saves one, written out by hand from the names that it uses."""
    torch.manual_seed(1)
    weights = {}
    for side in "qk":
        backbone = {name: torch.rand(value.shape) for name, value in model().backbone.state_dict().items()}
        weights.update({f"encoder_{side}.{name}": value for name, value in backbone.items()})
        weights.update(mlp(f"projector_{side}", 64, 1, 1))
        weights[f"grouping_{side}.slot_embed.weight"] = torch.randn(K, D)
    weights.update(mlp("predictor_slot", D))
    weights["center"] = torch.randn(1, K)
    return dict(
        model={f"module.{name}": value for name, value in weights.items()},
        optimizer=dict(state={}, param_groups=[]),
        scheduler=dict(last_epoch=1200),
        scaler=dict(scale=65536.0),
        epoch=12,
        args=argparse.Namespace(batch_size=64, arch="resnet50"),
    )


def test_a_converted_file_fills_every_tensor_of_the_model():
    converted = from_official(official())
    model().load_state_dict(converted["state_dict"], strict=True)
    assert int(converted["state_dict"]["teacher.steps"]) == 1200
    assert converted["meta"]["epoch"] == 12


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("backbone.layer1.0.conv1.weight", "encoder_q.layer1.0.conv1.weight"),
        ("teacher.backbone.bn1.running_mean", "encoder_k.bn1.running_mean"),
        ("neck.projector.4.weight", "projector_q.mlp.4.weight"),
        ("teacher.neck.projector.6.bias", "projector_k.mlp.6.bias"),
        ("neck.prototypes", "grouping_q.slot_embed.weight"),
        ("teacher.neck.prototypes", "grouping_k.slot_embed.weight"),
        ("slot_head.predictor.3.weight", "predictor_slot.mlp.3.weight"),
        ("group_head.center", "center"),
    ],
)
def test_each_part_finds_its_place(here, there):
    source = official()
    assert from_official(source)["state_dict"][here] is source["model"][f"module.{there}"]


def test_both_round_trips_give_every_bit_back():
    there = official()
    back = to_official(from_official(there))
    assert back["model"].keys() == there["model"].keys()
    assert all(back["model"][name] is value for name, value in there["model"].items())
    here = model().state_dict()
    again = from_official(to_official(dict(state_dict=here)))["state_dict"]
    assert again.keys() == here.keys()
    assert all(again[name].equal(value) for name, value in here.items())


def test_a_file_with_the_scripts_arguments_is_read_without_them_and_other_objects_are_refused(tmp_path):
    torch.save(official(), tmp_path / "official.pth")
    assert "args" in official()
    assert load_official(tmp_path / "official.pth").keys() == official().keys() - {"args"}
    torch.save(dict(official(), args=PurePosixPath("a")), tmp_path / "bad.pth")
    with pytest.raises(ValueError, match="got other objects"):
        load_official(tmp_path / "bad.pth")


@pytest.mark.parametrize("prefix", ["", "module.encoder_k.", "backbone."])
@pytest.mark.parametrize("key", ["model", "state_dict", None])
def test_a_backbone_only_becomes_an_export_of_the_teacher(prefix, key):
    tensors = model().backbone.state_dict()
    weights = {prefix + name: value for name, value in tensors.items()}
    export = from_official({key: weights} if key else weights)
    assert export["meta"]["source"] == "teacher"
    assert export["state_dict"].keys() == tensors.keys()


def test_what_has_no_counterpart_is_listed():
    strange = official()
    strange["model"]["module.queue"] = torch.ones(1)
    with pytest.raises(ValueError, match="without a counterpart: queue; missing: none"):
        from_official(strange)
    lacking = official()
    del lacking["model"]["module.center"]
    with pytest.raises(ValueError, match="without a counterpart: none; missing: center"):
        from_official(lacking)


@pytest.mark.parametrize("whole", [True, False])
def test_converted_weights_are_said_to_be_of_torchvisions_resnet(whole):
    source = official() if whole else {f"module.encoder_k.{k}": v for k, v in model().backbone.state_dict().items()}
    network = facts_in(from_official(source))
    assert [network["layers"][f"layer{stage}.1.conv2"]["step"] for stage in "1234"] == [4, 8, 16, 32]
    assert network["layers"]["bn1"] == dict(kind="batch norm", eps=1e-5)
    assert network["pixels"] == dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], channels="RGB")


def test_a_network_that_is_not_the_authors_stays_what_it_is_both_ways():
    network = facts_in(from_official(official()))
    network["strides"] = [8]
    there = to_official(dict(state_dict=model().state_dict()), network)
    assert facts_in(there) == network
    assert from_official(there)["meta"][NETWORK] == network


def test_a_backbone_of_an_unknown_depth_is_converted_without_facts():
    odd = {name: value for name, value in model().backbone.state_dict().items() if not name.startswith("layer4.1")}
    assert facts_in(from_official(odd)) is None
