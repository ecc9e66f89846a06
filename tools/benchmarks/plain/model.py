"""The published recipe's training step, written as one would at first: NCHW, a sample and a tensor at a time.

It computes what ``slotcon_mm.SlotCon`` computes (on one process, from the same weights and views).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from itertools import pairwise

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torchvision.ops import roi_align

from plain.updates import plain_teacher

__all__ = ["PlainSlotCon"]


def perceptron(channels: Sequence[int], layer: Callable[[int, int], nn.Module], norm: type[nn.Module]) -> nn.Sequential:
    """Affine layers with BN and GELU between."""
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        layers += [layer(before, after), norm(after), nn.GELU()]
    return nn.Sequential(*layers[:-2])


class Network(nn.Module):
    """Backbone, projector and prototypes: a view to its scores and slots."""

    def __init__(self, depth: int, hidden: int, channels: int, num_prototypes: int) -> None:
        super().__init__()
        resnet = getattr(torchvision.models, f"resnet{depth}")(weights=None)
        features = resnet.fc.in_features
        resnet.fc = nn.Identity()
        self.backbone = resnet
        self.projector = perceptron(
            (features, hidden, hidden, channels), partial(nn.Conv2d, kernel_size=1), nn.BatchNorm2d
        )
        self.prototypes = nn.Embedding(num_prototypes, channels)

    def features(self, x: Tensor) -> Tensor:
        net = self.backbone
        x = net.maxpool(net.relu(net.bn1(net.conv1(x))))
        return net.layer4(net.layer3(net.layer2(net.layer1(x))))

    def forward(self, view: Tensor) -> tuple[Tensor, Tensor]:
        pixels = self.projector(self.features(view))
        with torch.autocast(pixels.device.type, enabled=False):
            pixels = pixels if pixels.dtype == torch.float64 else pixels.float()
            prototypes = self.prototypes.weight[None].expand(len(pixels), -1, -1)
            scores = torch.einsum("bdhw,bkd->bkhw", F.normalize(pixels, dim=1), F.normalize(prototypes, dim=2))
            weights = (scores / 0.07).softmax(dim=1) + 1e-6
            weights = weights / weights.sum(dim=(2, 3), keepdim=True)
            return scores, torch.einsum("bdhw,bkhw->bkd", pixels, weights)


class PlainSlotCon(nn.Module):
    """Student, teacher, predictor and center; the loss of two views, float (B, 3, H, W).

    Args:
        depth: Of the ResNet.
        hidden: Width of projector and predictor.
        channels: D.
        num_prototypes: K.
        total_steps: Of the run, for the teacher's schedule.
    """

    center: Tensor

    def __init__(self, depth: int, hidden: int, channels: int, num_prototypes: int, total_steps: int) -> None:
        super().__init__()
        self.student = Network(depth, hidden, channels, num_prototypes)
        self.teacher = deepcopy(self.student).requires_grad_(False)
        self.predictor = perceptron((channels, hidden, hidden, channels), nn.Linear, nn.BatchNorm1d)
        self.register_buffer("center", torch.zeros(1, num_prototypes))
        self.step, self.total_steps = 0, total_steps

    def forward(self, views: list[Tensor], boxes: Tensor, flipped: Tensor) -> Tensor:
        share = (math.cos(math.pi * self.step / self.total_steps) + 1) / 2
        plain_teacher(list(self.teacher.parameters()), list(self.student.parameters()), 1 - 0.01 * share)
        self.step += 1
        s1, s2 = self.student(views[0]), self.student(views[1])
        with torch.no_grad():
            t1, t2 = self.teacher(views[0]), self.teacher(views[1])
        with torch.autocast(views[0].device.type, enabled=False):
            a1, a2, b1, b2 = (
                self.invert(scores, boxes[:, i], flipped[:, i])
                for scores, i in ((s1[0], 0), (s2[0], 1), (t1[0], 0), (t2[0], 1))
            )
            group = self.cross_entropy(a1, b2) + self.cross_entropy(a2, b1)
            with torch.no_grad():
                mean = torch.cat([t1[0], t2[0]]).mean(dim=(0, 2, 3))
                self.center = 0.9 * self.center + 0.1 * mean[None]
        slot = self.contrast(s1, t2) + self.contrast(s2, t1)
        return 0.5 * group + 0.5 * slot

    def invert(self, scores: Tensor, boxes: Tensor, flipped: Tensor) -> Tensor:
        """Crop and flip undone, a sample at a time."""
        B, _, H, W = scores.shape
        boxes = boxes * boxes.new_tensor([W, H, W, H])
        rois = torch.cat([torch.arange(B, device=boxes.device, dtype=boxes.dtype)[:, None], boxes], dim=1)
        aligned = roi_align(scores, rois.to(scores.dtype), (H, W), aligned=True)
        return torch.stack([sample.flip(-1) if flip else sample for sample, flip in zip(aligned, flipped, strict=True)])

    def cross_entropy(self, student: Tensor, teacher: Tensor) -> Tensor:
        target = ((teacher - self.center[:, :, None, None]) / 0.07).softmax(dim=1)
        return -(target * (student / 0.1).log_softmax(dim=1)).sum(dim=1).mean()

    def contrast(self, student: tuple[Tensor, Tensor], teacher: tuple[Tensor, Tensor]) -> Tensor:
        """Slots picked out by masks, whose shapes depend on the values."""
        in_student, in_teacher = (
            torch.zeros(scores.shape[:2], device=scores.device).scatter_(1, scores.argmax(dim=1).flatten(1), 1).bool()
            for scores in (student[0], teacher[0])
        )
        is_query = in_student & in_teacher
        queries = self.predictor(student[1][is_query])
        with torch.autocast(queries.device.type, enabled=False):
            queries = F.normalize(queries if queries.dtype == torch.float64 else queries.float(), dim=1)
            keys = F.normalize(teacher[1][in_teacher], dim=1)
            places = in_teacher.flatten().cumsum(0)[is_query.flatten()] - 1
            return F.cross_entropy(queries @ keys.T / 0.2, places) * 2 * 0.2
