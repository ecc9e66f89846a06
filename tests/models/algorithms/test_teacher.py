"""The teacher: how its parameters move and its statistics do not."""

from __future__ import annotations

import pytest
import torch
import torchvision
from helpers import TinyBackbone
from mmpretrain.models import DenseNet, ResNet, SwinTransformer, VisionTransformer
from reference import slotcon as reference
from torch import nn

from slotcon_mm import fused_sgd
from slotcon_mm.models import GroupingNeck, Teacher
from slotcon_mm.models.algorithms.teacher import follow

MOVES = torch.tensor(True)


@pytest.fixture
def student() -> tuple[TinyBackbone, GroupingNeck]:
    return TinyBackbone(), GroupingNeck(in_channels=6, hidden_channels=4, out_channels=3, num_prototypes=5)


def test_parameters_follow_the_schedule_from_the_first_step(student):
    teacher = Teacher(*student).double()
    backbone, neck = (part.double() for part in student)
    expected = neck.prototypes.detach().clone()
    for step in range(4):
        with torch.no_grad():
            neck.prototypes.add_(1)
        momentum = teacher.update(backbone, neck, 4, MOVES)
        m = reference.momentum(step, 4)
        assert float(momentum) == pytest.approx(m)
        expected = m * expected + (1 - m) * neck.prototypes.detach()
        torch.testing.assert_close(teacher.neck.prototypes, expected)
    assert int(teacher.steps) == 4


def test_updates_leave_batch_statistics_alone(student):
    backbone, neck = student
    teacher = Teacher(backbone, neck)
    backbone.norm1.running_mean.fill_(7)
    teacher.update(backbone, neck, 10, MOVES)
    teacher.copy_student(backbone, neck)
    assert teacher.backbone.norm1.running_mean.abs().max() == 0


def test_it_has_no_trainable_parameter_and_gives_no_gradient(student):
    teacher = Teacher(*student)
    grouping = teacher(torch.randn(2, 3, 8, 8, requires_grad=True))
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    assert not grouping.scores.requires_grad
    assert not grouping.slots.requires_grad


@pytest.mark.parametrize("momentum", [-0.1, 1.0])
def test_a_momentum_out_of_range_is_refused(student, momentum):
    with pytest.raises(ValueError, match="teacher_momentum"):
        Teacher(*student, momentum)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("moves", [True, False])
def test_the_average_in_float32_is_that_of_float64(fused, moves, monkeypatch):
    monkeypatch.setattr(fused_sgd, "HAS_FUSED_SGD", fused and fused_sgd.HAS_FUSED_SGD)
    generator = torch.Generator().manual_seed(0)
    shapes = ((3, 4), (17,), (2, 3, 3, 3), (4, 5, 1, 1))
    teacher, student = ([torch.randn(shape, generator=generator) for shape in shapes] for _ in range(2))
    teacher[2], student[2] = (
        kernels[2].contiguous(memory_format=torch.channels_last) for kernels in (teacher, student)
    )
    expected = [
        (t.double().lerp(s.double(), 0.03) if moves else t.double()) for t, s in zip(teacher, student, strict=True)
    ]
    before = [tensor.clone() for tensor in student]
    follow(teacher, student, torch.tensor(0.03, dtype=torch.float64), torch.tensor(moves))
    for mine, right in zip(teacher, expected, strict=True):
        torch.testing.assert_close(mine.double(), right, rtol=3e-7, atol=3e-7)
    assert all(torch.equal(a, b) for a, b in zip(student, before, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("fused", [True, False])
def test_a_teacher_that_is_like_its_student_rests_to_the_bit(fused, dtype, monkeypatch):
    """As backbones do while heads learn alone."""
    monkeypatch.setattr(fused_sgd, "HAS_FUSED_SGD", fused and fused_sgd.HAS_FUSED_SGD)
    student = [torch.randn(1000, dtype=dtype)]
    teacher = [student[0].clone()]
    follow(teacher, student, torch.tensor(0.03, dtype=torch.float64), torch.tensor(True))
    assert teacher[0].equal(student[0])


ARCH = dict(embed_dims=8, num_layers=3, num_heads=2, feedforward_channels=16)
SWIN_ARCH = dict(embed_dims=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 1, 1])
DENSE_ARCH = dict(growth_rate=4, depths=[1, 1, 1, 1], init_channels=8)
CONVOLUTIONS = dict(depth=18, base_channels=4, stem_channels=4)


class Maps(nn.Module):
    """torchvision's features of one map."""

    def __init__(self, features: nn.Module, channels_last: bool = False) -> None:
        super().__init__()
        self.features, self.channels_last = features, channels_last

    def forward(self, images):
        found = self.features(images)
        return (found.permute(0, 3, 1, 2) if self.channels_last else found,)


def vit(**rates):
    return VisionTransformer(ARCH, img_size=32, out_type="featmap", **rates), 8


def vit_that_drops_attention():
    backbone, channels = vit()
    for layer in backbone.layers:
        layer.attn.attn_drop = 0.5  # as MultiheadAttention(attn_drop=0.5) and its heirs have it
    return backbone, channels


def torchvision_swin(**rates):
    network = torchvision.models.SwinTransformer([4, 4], 8, [1, 1], [1, 1], [2, 2], stochastic_depth_prob=0.0, **rates)
    return Maps(network.features, channels_last=True), 16


def with_dropblock():
    return nn.Sequential(ResNet(**CONVOLUTIONS), Dropping()), 32


class Dropping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = pytest.importorskip("mmdet.models.layers").DropBlock(0.5, 1, warmup_iters=0)

    def forward(self, maps):
        return (self.layer(maps[-1]),)


@pytest.mark.parametrize(
    "network",
    [
        lambda: vit(drop_path_rate=0.9),
        lambda: vit(drop_rate=0.5),
        vit_that_drops_attention,
        lambda: (SwinTransformer(SWIN_ARCH, img_size=32, pad_small_map=True, drop_rate=0.5), 64),
        lambda: torchvision_swin(attention_dropout=0.5),
        lambda: torchvision_swin(dropout=0.5),
        lambda: (DenseNet(DENSE_ARCH, drop_rate=0.5), 8),
        with_dropblock,
    ],
    ids=["paths", "units", "attention", "Swin's units", "torchvision's attention", "torchvision's units",
         "DenseNet's units", "blocks"],
)  # fmt: skip
def test_a_teacher_drops_nothing(network):
    torch.manual_seed(0)
    backbone, channels = network()
    backbone.train()
    teacher = Teacher(backbone, GroupingNeck(in_channels=channels, hidden_channels=4, out_channels=3, num_prototypes=5))
    images = torch.rand(8, 3, 32, 32)
    assert torch.equal(teacher(images).scores, teacher(images).scores)
    assert not torch.equal(backbone(images)[0], backbone(images)[0])
