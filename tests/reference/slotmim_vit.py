"""SlotMIM's vision transformer with masked tokens, on tensors named as in mmpretrain, and how its weights start."""

from __future__ import annotations

import math

import torch
from reference import slotcon
from torch import Tensor


def layer_norm(x: Tensor, params: dict[str, Tensor], name: str) -> Tensor:
    """Over the last axis, with the biased variance."""
    mean = x.mean(dim=-1, keepdim=True)
    variance = ((x - mean) ** 2).mean(dim=-1, keepdim=True)
    return params[f"{name}.weight"] * (x - mean) / (variance + 1e-6).sqrt() + params[f"{name}.bias"]


def linear(x: Tensor, params: dict[str, Tensor], name: str) -> Tensor:
    return x @ params[f"{name}.weight"].T + params[f"{name}.bias"]


def attention(tokens: Tensor, params: dict[str, Tensor], name: str, heads: int) -> Tensor:
    """(N, d) of one image. Rows of ``qkv``: all queries, all keys, all values; in each third head after head."""
    query, key, value = linear(tokens, params, f"{name}.qkv").chunk(3, dim=1)
    width = tokens.shape[1] // heads
    mixed = []
    for head in range(heads):
        own = slice(head * width, (head + 1) * width)
        weights = (query[:, own] @ key[:, own].T / math.sqrt(width)).exp()
        mixed.append(weights / weights.sum(dim=1, keepdim=True) @ value[:, own])
    return linear(torch.cat(mixed, dim=1), params, f"{name}.proj")


def block(tokens: Tensor, params: dict[str, Tensor], name: str, heads: int) -> Tensor:
    tokens = tokens + attention(layer_norm(tokens, params, f"{name}.ln1"), params, f"{name}.attn", heads)
    hidden = slotcon.gelu(linear(layer_norm(tokens, params, f"{name}.ln2"), params, f"{name}.ffn.layers.0.0"))
    return tokens + linear(hidden, params, f"{name}.ffn.layers.1")


def patch_tokens(image: Tensor, params: dict[str, Tensor]) -> Tensor:
    """(3, S, S) -> (L, d), row by row."""
    kernel, bias = (params[f"patch_embed.projection.{part}"] for part in ("weight", "bias"))
    P = kernel.shape[-1]
    corners = [(y, x) for y in range(0, image.shape[1], P) for x in range(0, image.shape[2], P)]
    return torch.stack([kernel.flatten(1) @ image[:, y : y + P, x : x + P].flatten() + bias for y, x in corners])


def vit(image: Tensor, params: dict[str, Tensor], heads: int, mask: Tensor | None = None) -> Tensor:
    """(3, S, S), mask (L,) of booleans -> (L, d): normalized patch tokens; those of the mask start as mask token."""
    tokens = patch_tokens(image, params)
    if mask is not None:
        rows = [params["mask_token"][0] if hidden else token for token, hidden in zip(tokens, mask, strict=True)]
        tokens = torch.stack(rows)
    tokens = torch.cat([params["cls_token"][0], tokens]) + params["pos_embed"][0]
    for layer in range(depth(params)):
        tokens = block(tokens, params, f"layers.{layer}", heads)
    return layer_norm(tokens, params, "ln1")[1:]


def depth(params: dict[str, Tensor]) -> int:
    return len({name.split(".")[1] for name in params if name.startswith("layers.")})


def positions(size: int, channels: int) -> Tensor:
    """(1, 1 + size ** 2, channels) in float64: zeros for the class token, then a grid's sines and cosines."""
    rates = [10000 ** (-i / (channels / 4)) for i in range(channels // 4)]
    rows = [[0.0] * channels]
    for y in range(size):
        for x in range(size):
            rows.append([wave(place * rate) for place in (x, y) for wave in (math.sin, math.cos) for rate in rates])
    return torch.tensor([rows], dtype=torch.float64)


def start(name: str, shape: tuple[int, ...]) -> tuple[str, float]:
    """How a student's tensor starts: "uniform" within a bound, "normal" of a width, "constant", or "positions"."""
    owner, _, part = name.rpartition(".")
    if part in ("cls_token", "prototypes"):
        return "normal", {"cls_token": 0.02, "prototypes": 1.0}[part]
    if part == "pos_embed":
        return "positions", 0.0
    if owner.endswith(("ln1", "ln2")):
        return "constant", float(part == "weight")
    if owner == "backbone.patch_embed.projection" and part == "bias":
        return "uniform", 1 / math.sqrt(3 * 16**2)
    if part in ("bias", "mask_token"):
        return "constant", 0.0
    if owner.startswith("backbone."):  # Xavier: a kernel and qkv count as one matrix each
        return "uniform", math.sqrt(6 / (shape[0] + math.prod(shape[1:])))
    return "normal", 0.02


def shapes(
    *, channels: int, layers: int, size: int, patch: int, hidden: int, out: int, prototypes: int
) -> dict[str, tuple[int, ...]]:
    """Names and shapes of everything that is trained; ``size`` is the grid's side."""
    d, h = channels, hidden
    found = {"cls_token": (1, 1, d), "pos_embed": (1, 1 + size**2, d), "mask_token": (1, d)}
    found |= weight_and_bias("patch_embed.projection", (d, 3, patch, patch))
    for n in range(layers):
        found |= weight_and_bias(f"layers.{n}.ln1", (d,)) | weight_and_bias(f"layers.{n}.ln2", (d,))
        found |= weight_and_bias(f"layers.{n}.attn.qkv", (3 * d, d)) | weight_and_bias(f"layers.{n}.attn.proj", (d, d))
        found |= weight_and_bias(f"layers.{n}.ffn.layers.0.0", (4 * d, d))
        found |= weight_and_bias(f"layers.{n}.ffn.layers.1", (d, 4 * d))
    found |= weight_and_bias("ln1", (d,))
    found = {f"backbone.{name}": shape for name, shape in found.items()}
    for n, shape in (("0", (h, d, 1, 1)), ("2", (h, h, 1, 1)), ("4", (out, h, 1, 1))):
        found |= weight_and_bias(f"neck.projector.{n}", shape)
    found |= {"neck.prototypes": (prototypes, out)}
    found |= weight_and_bias("slot_head.predictor.0", (h, out)) | weight_and_bias("slot_head.predictor.2", (out, h))
    return found


def weight_and_bias(name: str, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def initial_state(generator: torch.Generator, **sizes: int) -> dict[str, Tensor]:
    """A whole model at step 0, in float64; ``sizes`` are those of ``shapes``."""
    state = {}
    for name, shape in shapes(**sizes).items():
        kind, scale = start(name, shape)
        if kind == "positions":
            state[name] = positions(sizes["size"], shape[-1]).float().double()
        elif kind == "constant":
            state[name] = torch.full(shape, scale, dtype=torch.float64)
        elif kind == "uniform":
            state[name] = scale * (2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1)
        else:
            state[name] = scale * torch.randn(shape, generator=generator, dtype=torch.float64)
    state |= {f"teacher.{n}": t.clone() for n, t in state.items() if n.startswith(("backbone.", "neck."))}
    state["teacher.steps"] = torch.tensor(0)
    state["group_head.center"] = torch.zeros(1, sizes["prototypes"], dtype=torch.float64)
    return state
