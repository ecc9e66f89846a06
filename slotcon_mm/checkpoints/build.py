"""A model out of a checkpoint alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from slotcon_mm.checkpoints.backbone import has_norm, is_slotmim
from slotcon_mm.checkpoints.bounded_memory import network_of_file
from slotcon_mm.checkpoints.config_in_file import config_in_file, harmless
from slotcon_mm.checkpoints.network_facts import facts_in
from slotcon_mm.checkpoints.registered import build_registered
from slotcon_mm.checkpoints.safe_loading import meta_of, state_dict_of
from slotcon_mm.checkpoints.standard_resnet import backbone_of_shapes
from slotcon_mm.checkpoints.vit_sizes import heads_of
from slotcon_mm.models.algorithms.grouping_algorithm import GroupingAlgorithm

__all__ = ["build_from_checkpoint", "config_of_weights"]


def build_from_checkpoint(checkpoint: Mapping[str, Any]) -> GroupingAlgorithm:
    """The pretraining model with its weights, in evaluation mode.

    The architecture is that of the config in ``meta``; a converted file has none, and its ResNet is read off shapes.

    Raises:
        ValueError: The weights are not those of a pretraining, or do not fill the model, or its config names what is
            not registered.
    """
    weights = state_dict_of(checkpoint)
    if "teacher.neck.prototypes" not in weights:
        raise ValueError(
            "expected a pretraining checkpoint, with teacher and prototypes, got one without (a backbone alone groups "
            "nothing); for the authors' files run tools/convert_checkpoint.py from-official first"
        )
    config = config_in_file(checkpoint)
    if config is None and isinstance(meta_of(checkpoint).get("cfg"), str):
        raise ValueError("expected a model with a backbone in the checkpoint's config, got none")
    model_config = (
        harmless(config["model"], "mmpretrain") if config else config_of_weights(weights, facts_in(checkpoint))
    )
    with network_of_file(checkpoint):
        model = build_registered(model_config, "mmpretrain")
        model.load_state_dict(weights, strict=True)
    return model.eval()


def config_of_weights(weights: Mapping[str, Tensor], noted: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The config of a model whose file has none, of its shapes, and of the backbone that it notes.

    Args:
        weights: Of a whole pretraining.
        noted: Facts of its network. Without them: the authors' ResNet, or a ViT with as many heads as
            theirs of its width, on a square grid.
    """
    noted = noted or dict(backbone={}, layers={})
    of_slotmim = is_slotmim(weights)
    if "type" in noted["backbone"]:
        backbone = harmless(noted["backbone"], "mmpretrain")
    elif of_slotmim:
        backbone = vit_of_shapes(weights, noted["layers"].get("layers.0.attn", {}).get("heads"))
    else:
        backbone = backbone_of_shapes(weights, "backbone.")
    K, D = weights["neck.prototypes"].shape
    hidden, in_channels = weights["neck.projector.0.weight"].shape[:2]
    neck = dict(
        type="slotcon_mm.GroupingNeck", in_channels=in_channels, hidden_channels=hidden, out_channels=D,
        num_prototypes=K, norm=has_norm(weights), **(dict(epsilon=1e-12) if of_slotmim else {}),
    )  # fmt: skip
    layers = [w for name, w in weights.items() if name.startswith("slot_head.predictor.") and w.dim() == 2]
    slot_head = dict(
        type="slotcon_mm.SlotLossHead", hidden_channels=len(layers[0]), num_layers=len(layers),
        norm="slot_head.predictor.1.weight" in weights,
    )  # fmt: skip
    return dict(
        type="slotcon_mm.SlotMIM" if of_slotmim else "slotcon_mm.SlotCon",
        backbone=backbone,
        neck=neck,
        group_head=dict(type="slotcon_mm.GroupLossHead"),
        slot_head=slot_head,
    )


def vit_of_shapes(weights: Mapping[str, Tensor], heads: int | None) -> dict[str, Any]:
    patches = weights["backbone.patch_embed.projection.weight"]
    channels, patch_size = patches.shape[0], patches.shape[-1]
    blocks = {name.split(".")[2] for name in weights if name.startswith("backbone.layers.")}
    arch = dict(
        embed_dims=channels, num_layers=len(blocks), num_heads=heads or heads_of(channels),
        feedforward_channels=len(weights["backbone.layers.0.ffn.layers.0.0.weight"]),
    )  # fmt: skip
    grid = math.isqrt(weights["backbone.pos_embed"].shape[1] - 1)
    return dict(
        type="slotcon_mm.MaskedVisionTransformer", arch=arch, img_size=grid * patch_size, patch_size=patch_size,
        out_type="featmap",
    )  # fmt: skip
