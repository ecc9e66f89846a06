"""What of a converted model the authors' code has no place for: it loads files without asking for all names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from slotcon_mm.checkpoints.formats import is_plain_resnet
from slotcon_mm.checkpoints.vit_sizes import SIZES, heads_of
from slotcon_mm.checks import listing

__all__ = ["beyond_official"]

ENCODERS = ("encoder_q.", "encoder_k.")
WRAPPER = "module."
AROUND = ("cls_token", "pos_embed", "mask_token", "patch_embed.proj.weight", "patch_embed.proj.bias")
LAYERS = ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")  # of a block
# linear layers of the projector and of the predictor stand between activations
HEADS = re.compile(r"center|(projector_[qk]\.mlp\.[024]|predictor_slot\.mlp\.[02])\.(weight|bias)|grouping_[qk]\..*")


def beyond_official(model: Mapping[str, Tensor], network: Mapping[str, Any] | None = None) -> list[str]:
    """Lines of warning; none where the authors' SlotCon or SlotMIM has the same network.

    Args:
        model: By their names.
        network: Facts of the network, if they are known: heads of attention are no part of the weights.
    """
    if any(name.startswith(WRAPPER) for name in model):
        return beyond_resnets([name.removeprefix(WRAPPER) for name in model])
    depth = 1 + max(
        (int(found[1]) for name in model if (found := re.match(r"encoder_k\.blocks\.(\d+)\.", name))), default=-1
    )
    expected = {encoder + name for encoder in ENCODERS for name in names_of_vit(depth)}
    strange = [name for name in model if name not in expected and not HEADS.fullmatch(name)]
    missing = [name for name in expected if name not in model]
    lines = []
    if strange:
        lines.append(
            f"warning: the authors' code has no place for {listing(strange, most=6)}: it passes over what it does not "
            "know, and its features and losses differ"
        )
    if missing:
        lines.append(
            f"warning: the authors' code also has {listing(sorted(missing), most=6)}, which this network lacks: they "
            "keep the values that they start from there, and its features differ"
        )
    patches = model["encoder_k.patch_embed.proj.weight"]
    heads = (network or {}).get("layers", {}).get("layers.0.attn", {}).get("heads") or heads_of(len(patches))
    size = (len(patches), depth, heads, patches.shape[-1])
    if size not in SIZES:
        lines.append(
            f"warning: the authors' code has no ViT of {in_words(size)}: it has those of "
            f"{'; '.join(map(in_words, SIZES))}"
        )
    return lines


def beyond_resnets(names: list[str]) -> list[str]:
    encoder = {name.removeprefix(ENCODERS[1]): None for name in names if name.startswith(ENCODERS[1])}
    if is_plain_resnet(encoder):
        return []
    return ["warning: the authors' code has torchvision's ResNets only: it has no place for this encoder's names"]


def names_of_vit(depth: int) -> Iterator[str]:
    yield from AROUND
    for layer in ("norm", *(f"blocks.{block}.{layer}" for block in range(depth) for layer in LAYERS)):
        yield from (f"{layer}.weight", f"{layer}.bias")


def in_words(size: tuple[int, int, int, int]) -> str:
    return "{} channels, {} blocks, {} heads, patches of {} pixels".format(*size)
