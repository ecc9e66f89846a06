"""Whether a backbone gives the feature map that the rest of a model asks for, tried on one view before a run."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.dist import get_world_size
from mmpretrain.models import VisionTransformer
from torch import Tensor, nn

from slotcon_mm.models.algorithms.grouping_algorithm import GroupingAlgorithm
from slotcon_mm.models.algorithms.linear_probe import LinearProbe
from slotcon_mm.models.algorithms.slotmim import SlotMIM
from slotcon_mm.models.necks.simple_feature_pyramid import SimpleFeaturePyramid
from slotcon_mm.models.patches import patch_of

__all__ = ["expect_masks_that_fit", "expect_strides_of_patches", "try_backbone"]

# arguments of mmpretrain's backbones that decide whether there is a map, and the value with which there is
GIVING_MAPS = {"out_type": "featmap", "gap_before_final_norm": "False"}
TAKING_SIZES = {"pad_small_map": "True", "img_size": "[{0},{1}]"}  # that decide which views can pass


def try_backbone(model: nn.Module, view: tuple[int, int], *, finds_unused: bool = True) -> list[str]:
    """Passes one black view through the backbone of a SlotCon, SlotMIM or LinearProbe; nothing of the model changes.

    Args:
        model: Other models are the hosts' to check.
        view: Height and width.
        finds_unused: Whether distributed training looks for parameters without a gradient.

    Returns:
        Lines for the log: of several feature maps, which is taken.

    Raises:
        ValueError: The backbone cannot take such a view, gives no feature map, or one of other channels than the
            config says; or with several processes, has parameters that do not take part. The message says what to set.
    """
    if isinstance(model, GroupingAlgorithm):
        owner, key = model.neck, "model.neck"
    elif isinstance(model, LinearProbe):
        owner, key = model, "model"
    else:
        return []
    backbone, index = model.backbone, owner.in_index
    name = type(backbone).__name__
    expect_whole_patches(model, view)
    moving = [p for p in backbone.parameters() if p.requires_grad]
    looks_for_unused = get_world_size() > 1 and not finds_unused and bool(moving)
    found = as_list(features_of(backbone, view, with_gradient=looks_for_unused))
    if not -len(found) <= index < len(found):
        raise ValueError(f"expected {key}.in_index as one of {name}'s {len(found)} feature maps, got {index}")
    taken = found[index]
    channels = taken.shape[1] if isinstance(taken, Tensor) and taken.dim() > 1 else None
    fix = f"{key}.in_channels={channels}"
    if channels is None or taken.dim() != 4:
        wanted = hints(backbone, GIVING_MAPS) + [fix] * (channels not in (None, owner.in_channels))
        raise ValueError(
            f"expected a feature map (B, C, H, W) of the backbone, got {describe(taken)} from {name}: "
            + (f"set {' '.join(wanted)}" if wanted else "choose one that gives a map")
        )
    if channels != owner.in_channels:
        raise ValueError(
            f"expected {key}.in_channels to be the channels of {name}'s feature map, {channels} ({describe(taken)} for "
            f"a view of {view[0]} x {view[1]}), got {owner.in_channels}: set {fix}"
        )
    if looks_for_unused:
        expect_all_used(backbone, taken, moving)
    if len(found) == 1:
        return []
    maps = ", ".join(map(describe, found))
    return [f"backbone: {name} gives the maps {maps}; {describe(taken)} is taken ({key}.in_index={index})"]


def expect_whole_patches(model: nn.Module, view: tuple[int, int]) -> None:
    """ValueError for views whose map would be that of larger ones, so that what both share would lie elsewhere."""
    patch = patch_of(model.backbone) if isinstance(model, GroupingAlgorithm) else 1
    if any(side % patch for side in view):
        raise ValueError(
            f"expected views of whole patches of {patch} x {patch} pixels, got {view[0]} x {view[1]}: set "
            f"train_dataloader.dataset.pipeline.1.size to a multiple of {patch}"
        )


def expect_masks_that_fit(model: nn.Module, place: str, views: Mapping[str, Any]) -> None:
    """ValueError for a SlotMIM whose backbone cannot take the masks of its views, or that lacks them.

    Args:
        model: Other models take none.
        place: Key of the config at which its views are drawn.
        views: The config of ``PairedViews`` there.
    """
    if not isinstance(model, SlotMIM) or not place:
        return
    mask, name = views.get("mask"), type(model.backbone).__name__
    none = f"{place}.mask=None model.within_view_weight=0"
    if mask is None and model.within_view_weight:
        raise ValueError(
            "expected masks for the loss within views, got none: set "
            f"{place}.mask.patch_size={patch_of(model.backbone)}, or leave the loss out by model.within_view_weight=0"
        )
    if mask is None:
        return
    if not model.takes_masks:
        raise ValueError(
            f"expected a backbone that takes masks, got {name}: set "
            f"model.backbone.type=slotcon_mm.MaskedVisionTransformer, or do without masks by {none}"
        )
    patch, masked = patch_of(model.backbone), mask.get("patch_size", 16)
    if isinstance(model.backbone, VisionTransformer) and masked != patch:
        raise ValueError(
            f"expected masks of {name}'s patches of {patch} x {patch} pixels, got {masked} x {masked}: set "
            f"{place}.mask.patch_size={patch}"
        )


def expect_strides_of_patches(model: Any) -> None:
    """ValueError for a detector whose anchors lie elsewhere than the cells of its ViT's pyramid."""
    anchors = getattr(getattr(model, "rpn_head", None), "prior_generator", None)
    with_patches = isinstance(getattr(model, "backbone", None), VisionTransformer)
    if not with_patches or not isinstance(getattr(model, "neck", None), SimpleFeaturePyramid) or anchors is None:
        return
    patch, strides = patch_of(model.backbone), [stride[0] for stride in anchors.strides]
    if strides[:3] != [patch / 4, patch / 2, patch]:
        raise ValueError(
            f"expected patches of {4 * strides[0]} x {4 * strides[0]} pixels, to which the detector's strides "
            f"{strides} belong, got model.backbone.patch_size={patch}: take weights of a ViT with patches of "
            f"{4 * strides[0]}"
        )


def features_of(backbone: nn.Module, view: tuple[int, int], *, with_gradient: bool) -> Any:
    """Of one black view, in evaluation mode."""
    was_training = backbone.training
    backbone.eval()
    image = torch.zeros(1, 3, *view, device=next(backbone.parameters()).device)
    try:
        with torch.set_grad_enabled(with_gradient):
            return backbone.forward(image)  # not by a call: where it is compiled, that would compile for this view
    except torch.cuda.OutOfMemoryError:
        raise
    except (RuntimeError, AssertionError, ValueError, TypeError) as error:
        said = {name: value for name, value in TAKING_SIZES.items() if name in str(error)}
        wanted = [text.format(*view) for text in hints(backbone, said or TAKING_SIZES)]
        raise ValueError(
            f"expected a backbone that takes views of {view[0]} x {view[1]}, got from {type(backbone).__name__}: "
            f"{' '.join(str(error).split())}; "
            + (f"set {' or '.join(wanted)}, or " if wanted else "set ")
            + "another size of the views (train_dataloader.dataset.pipeline.1.size)"
        ) from error
    finally:
        backbone.train(was_training)


def expect_all_used(backbone: nn.Module, taken: Tensor, moving: list[nn.Parameter]) -> None:
    gradients = torch.autograd.grad(taken.sum(), moving, allow_unused=True)
    names = {id(parameter): name for name, parameter in backbone.named_parameters()}
    unused = [names[id(p)] for p, gradient in zip(moving, gradients, strict=True) if gradient is None]
    if unused:
        raise ValueError(
            f"expected every parameter of {type(backbone).__name__} to take part in the feature map that is used, got "
            f"{len(unused)} that do not, {unused[0]} for one: with several processes set "
            "model_wrapper_cfg.find_unused_parameters=True"
        )


def hints(backbone: nn.Module, settings: dict[str, str]) -> list[str]:
    """``KEY=VALUE`` of those arguments that the backbone's class has."""
    known = {name for kind in type(backbone).__mro__ for name in inspect.signature(kind.__init__).parameters}
    return [f"model.backbone.{name}={value}" for name, value in settings.items() if name in known]


def as_list(features: Any) -> list[Any]:
    return [features] if isinstance(features, Tensor) or not isinstance(features, Sequence) else [*features]


def describe(features: Any) -> str:
    """Channels x height x width, or what else it is."""
    if not isinstance(features, Tensor):
        return f"a {type(features).__name__}"
    if features.dim() == 4:
        return " x ".join(map(str, features.shape[1:]))
    return f"shape {tuple(features.shape)}"
