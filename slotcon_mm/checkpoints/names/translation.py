"""Tensors by one library's names to those by another's."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from slotcon_mm.checkpoints.names.tables import Naming, ours_of, theirs_of

__all__ = ["by_our_names", "by_their_names"]

# parts that one library keeps apart and another in one tensor, in their order
TOGETHER = {"qkv": ("q", "k", "v"), "w12": ("w1", "w2")}


def by_our_names(naming: Naming, tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Also the names that the naming does not have."""
    found, left_over = {}, []
    for name, value in tensors.items():
        hit = ours_of(naming, name)
        if hit is None:
            left_over.append(name)
        else:
            found[hit[0]] = hit[1].change.to_ours(value) if hit[1].change else value
    return masked(together(found)), left_over


def by_their_names(naming: Naming, tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Back; also those of our names that the naming does not have."""
    found, left_over = {}, []
    for name, value in tensors.items():
        hit = theirs_of(naming, name)
        if hit is None:
            left_over.append(name)
        else:
            found[hit[0]] = hit[1].change.to_theirs(value) if hit[1].change else value
    return found, left_over


def together(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """With queries, keys and values in one tensor, and both halves of a gated layer; a part without a bias has 0."""
    found = dict(tensors)
    for whole, parts in TOGETHER.items():
        first = re.compile(rf"(.*)\.(?:{'|'.join(parts)})\.weight")
        for place in dict.fromkeys(match[1] for match in map(first.fullmatch, tensors) if match):
            if any(f"{place}.{part}.weight" not in found for part in parts):
                raise ValueError(f"expected weights of {', '.join(parts)} in {place}, got some of them only")
            weights = [found.pop(f"{place}.{part}.weight") for part in parts]
            biases = [found.pop(f"{place}.{part}.bias", None) for part in parts]
            found[f"{place}.{whole}.weight"] = torch.cat(weights)
            if any(bias is not None for bias in biases):
                filled = [
                    weight.new_zeros(len(weight)) if bias is None else bias
                    for weight, bias in zip(weights, biases, strict=True)
                ]
                found[f"{place}.{whole}.bias"] = torch.cat(filled)
    return found


def masked(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """With 0 where DINOv3 masks a bias."""
    found = dict(tensors)
    for name in [name for name in tensors if name.endswith(".bias_mask")]:
        mask, bias = found.pop(name), name.removesuffix("_mask")
        found[bias] = torch.where(mask > 0, found[bias], torch.zeros_like(found[bias]))
    return found
