"""What SlotCon and SlotMIM share: a student and its teacher that group the pixels of two views.

Shape suffixes: B pairs of views, K prototypes, D channels, H W grid; ``B24`` are two xyxy boxes a pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.logging import MessageHub
from mmpretrain.models import BaseSelfSupervisor
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from slotcon_mm.checks import expect_share
from slotcon_mm.models.algorithms.layer_depth import layer_depth
from slotcon_mm.models.algorithms.micro_batch import MicroBatch
from slotcon_mm.models.algorithms.teacher import Teacher
from slotcon_mm.models.functional import align_to_overlap, counted_slots, shares_region, upsampled_argmax
from slotcon_mm.models.heads.group_head import GroupLossHead
from slotcon_mm.models.heads.slot_head import SlotLossHead
from slotcon_mm.models.layers.batch_norm import convert_batch_norms, inseparable_norms, separate_statistics
from slotcon_mm.models.layers.finite_watch import FiniteWatch
from slotcon_mm.models.layers.mlp import PointwiseConv2d
from slotcon_mm.models.necks.grouping_neck import Grouping, GroupingNeck
from slotcon_mm.models.one_size import batches_of_one_size
from slotcon_mm.models.patches import at_whole_patches
from slotcon_mm.registry import MODELS

__all__ = ["Config", "GroupingAlgorithm", "align", "groupings_of_views", "stack_geometry"]

Config = dict[str, Any]


class GroupingAlgorithm(BaseSelfSupervisor):
    """Student, teacher and two heads; what they predict. Its heirs are a ``loss`` each.

    Args:
        backbone: Any mmpretrain backbone with a feature map (B, C, H, W); ``neck.in_index`` chooses among several.
        neck: A ``GroupingNeck``: projector and prototypes.
        group_head: A ``GroupLossHead``; it takes K from the neck.
        slot_head: A ``SlotLossHead``; it takes D from the neck.
        group_weight: Share w of the losses of pixels; the slot loss has 1 - w.
        teacher_momentum: Of the first step; it rises to 1 with half a cosine over the run's steps.
        data_preprocessor: A ``ViewPreprocessor`` by default.
        test_cfg: ``dict(flip=True)``: 'predict' averages the scores with those of the mirrored image (as STEGO does).
        init_cfg: As in every MMEngine module.
        channels_last: Whether kernels and feature maps lie in memory channel by channel of a pixel: faster
            convolutions, other rounding.
        views_in_one_pass: Whether both views go through the networks as one batch; by default on a GPU. Each keeps its
            own BN statistics, view 1 first, so that it computes what two passes do; it needs fewer launches, half the
            collectives, and one more copy a BN.
    """

    neck: GroupingNeck
    group_head: GroupLossHead
    slot_head: SlotLossHead

    def __init__(
        self,
        backbone: Config | nn.Module,
        neck: Config | nn.Module,
        group_head: Config | nn.Module,
        slot_head: Config | nn.Module,
        group_weight: float = 0.5,
        teacher_momentum: float = 0.99,
        data_preprocessor: Config | nn.Module | None = None,
        test_cfg: Config | None = None,
        init_cfg: Config | list[Config] | None = None,
        channels_last: bool = False,
        views_in_one_pass: bool | None = None,
    ) -> None:
        expect_share(group_weight=group_weight)
        preprocessor = with_type(data_preprocessor or {}, "slotcon_mm.ViewPreprocessor")
        super().__init__(backbone, build(neck), data_preprocessor=preprocessor, init_cfg=init_cfg)
        K, D = self.neck.num_prototypes, self.neck.out_channels
        self.group_head = build(group_head, num_prototypes=K)
        self.slot_head = build(slot_head, channels=D)
        expect_same("group_head.num_prototypes", self.group_head.num_prototypes, "neck.num_prototypes", K)
        expect_same("slot_head.channels", self.slot_head.channels, "neck.out_channels", D)
        self.group_weight = group_weight
        self.flip_in_test = bool((test_cfg or {}).get("flip", False))
        self.teacher = Teacher(self.backbone, self.neck, teacher_momentum)
        self.watch = FiniteWatch()
        self.batch_norms = convert_batch_norms(self)
        others = inseparable_norms(self.backbone, self.neck)
        if views_in_one_pass and others:
            raise ValueError(
                "expected BN of types BN and SyncBN for both views in one pass, got "
                f"{', '.join(others)}: leave out views_in_one_pass"
            )
        self.views_in_one_pass = False if others else views_in_one_pass
        self.micro_batch = MicroBatch()  # a training loop that accumulates gradients sets it before each pass
        if channels_last:
            lay_out_channels_last(self)
        self.holds_teacher_weights = False
        self.register_load_state_dict_post_hook(copy_student_unless_loaded)

    def init_weights(self) -> None:
        """As in every MMEngine module; the teacher starts as the student's copy unless ``init_cfg`` loaded it."""
        self.holds_teacher_weights = False
        super().init_weights()
        if not self.holds_teacher_weights:
            self.teacher.copy_student(self.backbone, self.neck)

    def get_layer_depth(self, param_name: str) -> tuple[int, int]:
        """See ``layer_depth``; mmpretrain's layer-wise decay of learning rates asks for it."""
        return layer_depth(self.backbone, param_name)

    def forward(self, inputs: Any, data_samples: list[DataSample] | None = None, mode: str = "tensor") -> Any:
        """``mode='loss'``: losses of a batch of pairs; ``'tensor'``: backbone features; ``'predict'``: groups."""
        if mode == "predict":
            return self.predict(inputs, data_samples)
        if mode == "tensor":
            separate_statistics(self.batch_norms, 1)
        return super().forward(inputs, data_samples, mode)

    def _move_teacher(self) -> None:
        """Once an optimizer step, before the first of its micro-batches."""
        if self.micro_batch.is_first:
            self.momentum = self.teacher.update(self.backbone, self.neck, total_steps(), self.watch.intact)

    def _passes(self, views: list[Tensor]) -> list[Tensor]:
        """What goes through the networks at a time: each view, or both; BN statistics are each view's, view 1 first."""
        in_one_pass = views[0].is_cuda if self.views_in_one_pass is None else self.views_in_one_pass
        separate_statistics(self.batch_norms, len(views) if in_one_pass else 1)
        return [torch.cat(views)] if in_one_pass else views

    def _move_center(self, teacher: list[Grouping]) -> None:
        """Once an optimizer step, by the teacher's scores in all of its micro-batches."""
        self.group_head.collect_scores([view.scores for view in teacher], first=self.micro_batch.is_first)
        if self.micro_batch.is_last:
            self.group_head.update_center(self.watch.intact)

    def _watch_numbers(self, teacher: list[Grouping], **losses: Tensor) -> None:
        """Notes whether scores and losses are finite."""
        scores = torch.stack([view.scores for view in teacher])
        self.watch.observe(first=self.micro_batch.is_first, teacher_scores=scores, **losses)

    @torch.no_grad()
    def predict(
        self, inputs: Tensor | Sequence[Tensor], data_samples: list[DataSample] | None = None
    ) -> list[DataSample]:
        """Groups of the teacher for images (B, 3, H, W), or B images (3, H, W) of different sizes.

        Each sample gets ``group_map`` (H, W) long, the prototype id of every pixel (scores upsampled bilinearly, then
        argmax), ``slots`` (K, D), ``counted`` (K,) bool, the slots that win a pixel of the feature map, and the
        ``prototypes`` (K, D), the same tensor for all.
        """
        samples = [DataSample() for _ in inputs] if data_samples is None else data_samples
        for places, images in batches_of_one_size(inputs):
            self._predict(images, [samples[place] for place in places])
        return samples

    def _predict(self, images: Tensor, samples: list[DataSample]) -> None:
        size, images = images.shape[-2:], at_whole_patches(images, self.backbone)
        grouping = self.teacher(images)
        scores = grouping.scores
        if self.flip_in_test:
            scores = (scores + self.teacher(images.flip(-1)).scores.flip(-1)) / 2
        maps = upsampled_argmax(scores, size)
        for sample, group_map, slots, counted in zip(samples, maps, grouping.slots, counted_slots(scores), strict=True):
            sample.set_field(group_map, "group_map")
            sample.set_field(slots, "slots")
            sample.set_field(counted, "counted")
            sample.set_field(self.teacher.neck.prototypes.detach(), "prototypes")


def lay_out_channels_last(model: GroupingAlgorithm) -> None:
    """Kernels decide the layout: a convolution brings its input into that of its kernel."""
    model.to(memory_format=torch.channels_last)
    for layer in model.modules():
        if isinstance(layer, PointwiseConv2d):
            layer.lay_out_as_matrix()


def groupings_of_views(passes: list[Grouping]) -> list[Grouping]:
    """Scores and slots of each of the two views, which went through in one pass or in two."""
    if len(passes) == 2:
        return passes
    return [Grouping(*parts) for parts in zip(*(part.chunk(2) for part in passes[0]), strict=True)]


def align(views: Sequence[Grouping], boxes_B24: Tensor, flipped_B2: Tensor) -> list[Tensor]:
    """Each view's scores on the region that both share."""
    return [align_to_overlap(view.scores, boxes_B24[:, i], flipped_B2[:, i]) for i, view in enumerate(views)]


def stack_geometry(inputs: list[Tensor], data_samples: list[DataSample]) -> tuple[Tensor, Tensor]:
    """Boxes (B, 2, 4) and flips (B, 2) of a batch on its device, after a check of everything's shape.

    The boxes of a pair that shares no region, however it is written, are zeros: torchvision refuses negative sides.
    """
    shapes = [tuple(view.shape) for view in inputs]
    if len(shapes) != 2 or shapes[0] != shapes[1] or len(shapes[0]) != 4:
        raise ValueError(f"expected two views of one shape (B, 3, H, W), got {shapes}")
    if data_samples is None or len(data_samples) != len(inputs[0]):
        given = "none" if data_samples is None else len(data_samples)
        raise ValueError(f"expected a data sample for each of the {len(inputs[0])} pairs of views, got {given}")
    boxes_B24 = torch.stack([torch.as_tensor(sample.overlap_boxes) for sample in data_samples])
    flipped_B2 = torch.stack([torch.as_tensor(sample.flipped) for sample in data_samples])
    if boxes_B24.shape[1:] != (2, 4) or flipped_B2.shape[1:] != (2,):
        raise ValueError(
            "expected overlap_boxes of shape (2, 4) and flipped of shape (2,) in each data sample, "
            f"got {tuple(boxes_B24.shape[1:])} and {tuple(flipped_B2.shape[1:])}"
        )
    boxes_B24 = torch.where(shares_region(boxes_B24)[:, None, None], boxes_B24, 0)
    device = inputs[0].device
    return boxes_B24.to(device, non_blocking=True), flipped_B2.to(device, torch.bool, non_blocking=True)


def total_steps() -> int:
    """The run's number of steps, which the runner leaves in MessageHub (as mmpretrain's CosineEMA reads it)."""
    steps = MessageHub.get_current_instance().get_info("max_iters")
    if not steps:
        raise ValueError(
            "expected the number of training steps in MessageHub's 'max_iters', got none: train with MMEngine's "
            "Runner, or call MessageHub.get_current_instance().update_info('max_iters', STEPS) first"
        )
    return int(steps)


def copy_student_unless_loaded(model: GroupingAlgorithm, incompatible: Any) -> None:
    """After loading weights: the teacher starts as the student's copy if they held nothing of a teacher."""
    parameters = {f"teacher.{name}" for name, _ in model.teacher.named_parameters()}
    missing = {name[name.find("teacher.") :] for name in incompatible.missing_keys if "teacher." in name}
    model.holds_teacher_weights = not parameters <= missing
    if not model.holds_teacher_weights:
        model.teacher.copy_student(model.backbone, model.neck)


def with_type(config: Config | nn.Module, name: str) -> Config | nn.Module:
    return config if isinstance(config, nn.Module) else {"type": name, **config}


def build(module: Config | nn.Module, **defaults: Any) -> Any:
    """Builds a module from its config, with ``defaults`` for what the config leaves open."""
    return module if isinstance(module, nn.Module) else MODELS.build({**defaults, **module})


def expect_same(name: str, value: int, of: str, expected: int) -> None:
    if value != expected:
        raise ValueError(f"expected {name} to equal {of} = {expected}, got {value}; leave it out to have it filled in")
