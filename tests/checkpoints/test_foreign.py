"""Backbones out of the files that training scripts of other methods leave, wrappers and all."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from mmengine.logging import HistoryBuffer
from mmpretrain.models import ConvNeXt, ResNet, VisionTransformer
from mmpretrain.registry import MODELS as MMPRETRAIN_MODELS
from other_libraries import as_map, expect_same_features, lived_in, load_file, prefixed, saved
from torch import Tensor, nn

from slotcon_mm.checkpoints.foreign import backbone_for
from slotcon_mm.checkpoints.network_facts import facts_of_config
from slotcon_mm.models import RegisterVisionTransformer, TimmFeatures

State = dict[str, Tensor]


def resnet(seed: int) -> nn.Module:
    return lived_in(torchvision.models.resnet18(num_classes=5), seed)


def without_head(network: nn.Module) -> State:
    return {name: value for name, value in network.state_dict().items() if not name.startswith(("fc.", "head."))}


def training_script(**contents: Any) -> dict[str, Any]:
    """With what scripts leave beside the weights: an optimizer, options, numbers of numpy."""
    optimizer = dict(state={0: dict(exp_avg=torch.ones(3))}, param_groups=[dict(lr=0.1, params=[0])])
    return dict(epoch=3, optimizer=optimizer, args=argparse.Namespace(arch="x"), best=np.float64(0.5), **contents)


# of a teacher's and a student's state: what the scripts of each method save
RESNETS: dict[str, Callable[[State, State], dict[str, Any]]] = {
    "MoCo v2": lambda teacher, student: dict(
        epoch=800,
        arch="resnet50",
        state_dict={
            **prefixed("module.encoder_q.", student),
            **prefixed("module.encoder_k.", teacher),
            **{"module.queue": torch.ones(2, 3), "module.queue_ptr": torch.zeros(1)},
        },
    ),
    "MoCo v3": lambda teacher, student: training_script(
        state_dict={
            **prefixed("module.base_encoder.", student),
            **prefixed("module.momentum_encoder.", teacher),
            "module.predictor.0.weight": torch.ones(2, 2),
            "module.base_encoder.fc.1.running_mean": torch.ones(2),
        }
    ),
    "DenseCL, before its backbone is extracted": lambda teacher, student: dict(
        meta=dict(iter=9),
        state_dict={
            **prefixed("encoder_q.0.", student),
            **prefixed("backbone.", student),
            **prefixed("encoder_k.0.", teacher),
            **{"encoder_q.1.mlp.0.weight": torch.ones(2, 2), "queue2": torch.ones(2, 2)},
        },
    ),
    "BYOL of OpenSelfSup": lambda teacher, student: dict(
        state_dict={
            **prefixed("online_net.0.", student),
            **prefixed("target_net.0.", teacher),
            **prefixed("backbone.", student),
            "head.predictor.fc0.weight": torch.ones(2, 2),
        }
    ),
    "BYOL with compiled networks": lambda teacher, student: dict(
        online_network=prefixed("_orig_mod.module.encoder.", student),
        target_network=prefixed("_orig_mod.module.encoder.", teacher),
    ),
    "DINO": lambda teacher, student: training_script(
        student={**prefixed("module.backbone.", student), "module.head.last_layer.weight_g": torch.ones(2, 1)},
        teacher={**prefixed("module.backbone.", teacher), "module.head.last_layer.weight_g": torch.ones(2, 1)},
    ),
    "timm's script with averaged weights": lambda teacher, student: training_script(
        state_dict=student, state_dict_ema=teacher
    ),
    "SlotCon's authors": lambda teacher, student: training_script(
        model={
            **prefixed("module.encoder_q.", student),
            **prefixed("module.encoder_k.", teacher),
            "module.grouping_q.slot_embed.weight": torch.ones(4, 2),
        }
    ),
}


@pytest.mark.parametrize("method", RESNETS)
def test_of_teacher_and_student_the_teacher_is_taken_unless_the_student_is_asked_for(method, tmp_path):
    both = {"teacher": resnet(1), "student": resnet(2)}
    path = saved(RESNETS[method](*(without_head(one) for one in both.values())), tmp_path / "w.pth.tar")
    for source, side in ((None, "teacher"), ("teacher", "teacher"), ("student", "student")):
        network = ResNet(depth=18)
        found = load_file(network, path, source)
        assert found.source == side
        assert network.layer4[1].conv2.weight.equal(both[side].layer4[1].conv2.weight)
        assert network.bn1.running_mean.equal(both[side].bn1.running_mean)


PLAIN: dict[str, Callable[[State], dict[str, Any]]] = {
    "plain": lambda state: state,
    "DataParallel": lambda state: prefixed("module.", state),
    "compiled": lambda state: dict(model=prefixed("_orig_mod.", state)),
    "Lightning": lambda state: dict(state_dict=prefixed("model.backbone.", state), hyper_parameters=dict(lr=1.0)),
    "DenseCL's extracted backbone": lambda state: dict(state_dict=state, author="DenseCL"),
    "SimSiam": lambda state: dict(
        state_dict={**prefixed("module.encoder.", state), "module.predictor.0.bias": torch.ones(2)}
    ),
}


@pytest.mark.parametrize("wrapper", PLAIN)
def test_wrappers_are_taken_off(wrapper, tmp_path):
    theirs = resnet(1)
    network = ResNet(depth=18)
    found = load_file(network, saved(PLAIN[wrapper](theirs.state_dict()), tmp_path / "w.pt"))
    assert len(found.tensors) == len(network.state_dict())
    assert found.source == "backbone"
    assert any("fc.weight, fc.bias" in note for note in found.notes)


def test_files_that_hold_no_teacher_say_so():
    checkpoint = dict(state_dict=prefixed("module.encoder.", resnet(1).state_dict()))
    with pytest.raises(ValueError, match="expected a checkpoint that holds a teacher, got one of backbone only"):
        backbone_for(ResNet(depth=18).state_dict(), checkpoint, "teacher")
    queries = prefixed("module.encoder_q.", resnet(1).state_dict())
    with pytest.raises(ValueError, match="holds a teacher, got one of student only"):
        backbone_for(ResNet(depth=18).state_dict(), queries, "teacher")


ARCH = dict(embed_dims=12, num_layers=2, num_heads=2, feedforward_channels=48)


def transformers_of_methods() -> dict[str, Callable[[State, State], dict[str, Any]]]:
    token = {"mask_token": torch.ones(1, 1, 12)}
    decoder = {"decoder_pos_embed": torch.ones(1, 17, 8), "decoder_blocks.0.norm1.weight": torch.ones(8)}
    return {
        "DINO, MoCo v3": lambda teacher, student: training_script(
            student=prefixed("module.backbone.", student), teacher=prefixed("backbone.", teacher)
        ),
        "iBOT": lambda teacher, student: training_script(
            student=prefixed("module.backbone.", {**student, "masked_embed": torch.ones(1, 12)}),
            teacher=prefixed("backbone.", teacher),
            ibot_loss={"center": torch.ones(1, 4)},
        ),
        "MAE": lambda teacher, _: training_script(model={**teacher, **token, **decoder}),
        "DINOv2": lambda teacher, _: {**teacher, "mask_token": torch.ones(1, 12)},
        "DINOv2's training, in chunks": lambda teacher, student: dict(
            model={
                **prefixed("teacher.backbone.", in_chunks(teacher)),
                **prefixed("student.backbone.", in_chunks(student)),
                "teacher.dino_head.mlp.0.weight": torch.ones(2, 2),
            },
            iteration=4,
        ),
    }


def in_chunks(state: State) -> State:
    """Two chunks of one block each; numbers go on."""
    return {
        name.replace("blocks.0.", "blocks.0.0.").replace("blocks.1.", "blocks.1.1."): value
        for name, value in state.items()
    }


@pytest.mark.parametrize("method", transformers_of_methods())
def test_vision_transformers_of_self_supervised_methods(method, tmp_path):
    timm = pytest.importorskip("timm")
    options = dict(img_size=64, patch_size=16, embed_dim=12, depth=2, num_heads=2, num_classes=0)
    scale = 1e-5 if "DINOv2" in method else None
    teacher, student = (lived_in(timm.models.VisionTransformer(**options, init_values=scale), seed) for seed in (1, 2))
    network = VisionTransformer(ARCH, img_size=64, out_type="featmap", layer_scale_init_value=scale or 0.0)
    contents = transformers_of_methods()[method](teacher.state_dict(), student.state_dict())
    load_file(network, saved(contents, tmp_path / "checkpoint.pth"))
    expect_same_features(network, lambda images: as_map(teacher.forward_features(images), 1, (4, 4)))


def test_a_student_of_ibot_leaves_its_masks_token_over():
    timm = pytest.importorskip("timm")
    student = timm.models.VisionTransformer(
        img_size=64, patch_size=16, embed_dim=12, depth=2, num_heads=2, num_classes=0
    ).state_dict()
    network = VisionTransformer(ARCH, img_size=64)
    found = backbone_for(network.state_dict(), transformers_of_methods()["iBOT"](student, student), "student")
    assert found.source == "student"
    assert found.tensors.keys() == network.state_dict().keys()


def dinov3_by_its_authors(state: State, bias: float) -> State:
    """timm's names to Meta's, with biases whose middle third is masked, as those files have them."""
    found = {}
    for name, value in state.items():
        name = name.replace("gamma_", "ls").replace("reg_token", "storage_tokens")
        found[name + ".gamma" if ".ls" in name else name] = value
        if name.endswith("attn.qkv.weight"):
            place, third = name.removesuffix("weight"), len(value) // 3
            mask = torch.ones(3 * third)
            mask[third : 2 * third] = 0
            found[f"{place}bias"], found[f"{place}bias_mask"] = torch.full((3 * third,), bias), mask
            found[f"{place}bias"][third : 2 * third] = torch.nan
    return {**found, "mask_token": torch.ones(1, 384), "rope_embed.periods": torch.ones(16)}


@pytest.mark.parametrize("bias", [0.0, 0.3])
def test_dinov3_of_its_authors_with_masked_biases(bias, tmp_path):
    pytest.importorskip("timm")
    name = "vit_small_patch16_dinov3"
    theirs = lived_in(TimmFeatures(f"{name}_qkvb" if bias else name))
    state = {key.removeprefix("network."): value for key, value in theirs.state_dict().items()}
    for key in [key for key in state if key.endswith(("q_bias", "v_bias"))]:
        state.pop(key).fill_(bias)
    path = saved(dinov3_by_its_authors(state, bias), tmp_path / "dinov3.pth")
    network = TimmFeatures(f"{name}_qkvb" if bias else name)
    found = load_file(network, path)
    assert found.library == "DINOv3's authors"
    expect_same_features(network, theirs, (32, 48))
    if bias:
        with pytest.raises(ValueError, match=r"unexpected: blocks.0.attn.qkv.bias"):
            load_file(TimmFeatures(name), path)


MMPRETRAIN = {
    "MobileNetV2": dict(type="MobileNetV2", widen_factor=0.25),
    "RegNet": dict(type="RegNet", arch="regnetx_400mf"),
    "PoolFormer": dict(type="PoolFormer", arch="s12"),
    "EfficientNet": dict(type="EfficientNet", arch="b0"),
    "SwinTransformer": dict(type="SwinTransformer", arch=dict(embed_dims=8, depths=[1, 1, 1, 1], num_heads=[2] * 4)),
    "SEResNet": dict(type="SEResNet", depth=50, base_channels=16, stem_channels=16),
}


@pytest.mark.parametrize("name", MMPRETRAIN)
def test_any_backbone_of_mmpretrain_from_its_own_checkpoints(name, tmp_path):
    """As MMEngine writes them, with its log's buffers."""
    theirs, ours = (MMPRETRAIN_MODELS.build(dict(MMPRETRAIN[name])) for _ in range(2))
    lived_in(theirs)
    history = HistoryBuffer()
    history.update(1.0)
    state = {**prefixed("backbone.", theirs.state_dict()), "head.fc.weight": torch.ones(2, 2)}
    contents = dict(state_dict=state, meta=dict(epoch=2, iter=8), message_hub=dict(log_scalars={"train/loss": history}))
    found = load_file(ours, saved(contents, tmp_path / "epoch_2.pth"))
    assert (found.source, found.step, found.library) == ("backbone", 8, "")
    assert {name for name, value in ours.state_dict().items() if not value.equal(theirs.state_dict()[name])} == set()
    assert found.notes == ("not used: head (1 tensors)",)


def test_as_many_patches_of_another_grid_are_resized_where_the_file_notes_its_grid():
    wide = dict(type="VisionTransformer", arch=ARCH, img_size=(32, 128))
    source, network = lived_in(MMPRETRAIN_MODELS.build(dict(wide))), VisionTransformer(ARCH, img_size=64)
    meta = dict(network=facts_of_config(dict(model=dict(backbone=wide))))
    found = backbone_for(network.state_dict(), dict(state_dict=source.state_dict(), meta=meta))
    assert found.notes == ("position embeddings resized from 2 x 8 to 4 x 4 (bicubic)",)
    assert not found.tensors["pos_embed"].equal(source.pos_embed)


def test_norms_that_only_detectors_have_stay_and_are_said():
    arch = dict(depths=[1, 1, 1, 1], channels=[4, 6, 8, 10])
    source = lived_in(ConvNeXt(arch, gap_before_final_norm=False))
    detector = ConvNeXt(arch, gap_before_final_norm=False, out_indices=(0, 1, 2, 3))
    found = backbone_for(detector.state_dict(), source.state_dict())
    assert set(detector.state_dict()) - set(found.tensors) == {
        f"norm{stage}.{leaf}" for stage in range(3) for leaf in ("weight", "bias")
    }
    assert any("as initialized, since no file of such weights has them: norm0.bias" in note for note in found.notes)


def test_a_final_norm_that_the_network_does_not_have_is_left_over():
    source = VisionTransformer(ARCH, img_size=64)
    network = VisionTransformer(ARCH, img_size=64, final_norm=False)
    assert backbone_for(network.state_dict(), source.state_dict()).notes == ("left over: ln1.weight, ln1.bias",)


def test_a_random_stem_is_refused_and_so_is_every_other_gap(tmp_path):
    state = {name: value for name, value in resnet(1).state_dict().items() if name != "conv1.weight"}
    with pytest.raises(ValueError, match=r"missing: conv1.weight; unexpected: none"):
        backbone_for(ResNet(depth=18).state_dict(), prefixed("module.", state))
    with pytest.raises(ValueError, match=r"119 of 120 tensors fit; of another shape: conv1.weight \(64, 4, 7, 7\)"):
        backbone_for(ResNet(depth=18).state_dict(), {**resnet(1).state_dict(), "conv1.weight": torch.ones(64, 4, 7, 7)})


def test_what_belongs_to_the_backbone_and_is_not_in_the_network_is_an_error():
    with pytest.raises(ValueError, match=r"unexpected: layer1\.0\.se\.fc1\.weight"):
        backbone_for(ResNet(depth=18).state_dict(), {**resnet(1).state_dict(), "layer1.0.se.fc1.weight": torch.ones(2)})
    source = RegisterVisionTransformer(ARCH, img_size=64)
    with pytest.raises(ValueError, match="unexpected: register_tokens"):
        backbone_for(VisionTransformer(ARCH, img_size=64).state_dict(), source.state_dict())


def test_weights_of_another_kind_of_network_are_named():
    with pytest.raises(ValueError, match=r"0 of 120 tensors fit.*unexpected: classifier.0.bias"):
        backbone_for(ResNet(depth=18).state_dict(), torchvision.models.vgg11(num_classes=2).state_dict())
    with pytest.raises(ValueError, match="0 of 120 tensors fit"):
        backbone_for(ResNet(depth=18).state_dict(), {})


def test_the_counters_that_old_files_lack_start_at_zero():
    state = {name: value for name, value in resnet(1).state_dict().items() if not name.endswith("num_batches_tracked")}
    found = backbone_for(ResNet(depth=18).state_dict(), state)
    assert found.tensors["bn1.num_batches_tracked"].item() == 0
    assert len(found.tensors) == 120
