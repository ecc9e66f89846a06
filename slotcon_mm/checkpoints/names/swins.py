"""Swin transformers, version 1: names of OpenMMLab, timm, the authors, torchvision and Hugging Face."""

from __future__ import annotations

from math import isqrt

from torch import Tensor

from slotcon_mm.checkpoints.names.tables import Change, Family, Naming, Row, same

__all__ = ["SWINS"]

BLOCK = "stages.{i}.blocks.{j}"
# of a cell of four pixels, the places in the order of the authors: down before across. mmpretrain unfolds row by row
PLACES = [0, 2, 1, 3]


def to_unfolded(value: Tensor) -> Tensor:
    """The last axis, four places of C channels, to C channels of four places in mmpretrain's order."""
    return value.unflatten(-1, (4, -1))[..., PLACES, :].transpose(-1, -2).flatten(-2)


def from_unfolded(value: Tensor) -> Tensor:
    """Back: the order of places is its own inverse."""
    return value.unflatten(-1, (-1, 4)).transpose(-1, -2)[..., PLACES, :].flatten(-2)


MERGED = Change(to_unfolded, from_unfolded)
# of a window's pairs of cells; torchvision keeps them in one row
PAIRS = Change(lambda value: value.unflatten(0, (isqrt(len(value)), -1)), lambda value: value.flatten())


def merging(theirs: str, ours: str) -> tuple[Row, ...]:
    return (
        Row(f"{theirs}.norm.*", f"{ours}.norm.*", MERGED),
        Row(f"{theirs}.reduction.weight", f"{ours}.reduction.weight", MERGED),
    )


def block(theirs: str, ours: str, mlp: tuple[str, str] = ("mlp.fc1", "mlp.fc2")) -> tuple[Row, ...]:
    return (
        Row(f"{theirs}.norm1.*", f"{ours}.norm1.*"),
        Row(f"{theirs}.attn.relative_position_bias_table", f"{ours}.attn.w_msa.relative_position_bias_table"),
        Row(f"{theirs}.attn.qkv.*", f"{ours}.attn.w_msa.qkv.*"),
        Row(f"{theirs}.attn.proj.*", f"{ours}.attn.w_msa.proj.*"),
        Row(f"{theirs}.norm2.*", f"{ours}.norm2.*"),
        Row(f"{theirs}.{mlp[0]}.*", f"{ours}.ffn.layers.0.0.*"),
        Row(f"{theirs}.{mlp[1]}.*", f"{ours}.ffn.layers.1.*"),
    )


AUTHORS = (
    Row("patch_embed.proj.*", "patch_embed.projection.*"),
    Row("patch_embed.norm.*", "patch_embed.norm.*"),
    *block("layers.{i}.blocks.{j}", BLOCK),
    *merging("layers.{i}.downsample", "stages.{i}.downsample"),
    Row("norm.*", "norm3.*"),
)
# timm merges where the next stage begins
TIMM = (
    *(row for row in AUTHORS if "downsample" not in row.theirs),
    *(row for stage in range(3) for row in merging(f"layers.{stage + 1}.downsample", f"stages.{stage}.downsample")),
)
TORCHVISION = (
    Row("features.0.0.*", "patch_embed.projection.*"),
    Row("features.0.2.*", "patch_embed.norm.*"),
    *(
        row
        for stage in range(4)
        for row in (
            *block(f"features.{2 * stage + 1}.{{j}}", f"stages.{stage}.blocks.{{j}}", ("mlp.0", "mlp.3")),
            Row(
                f"features.{2 * stage + 1}.{{j}}.attn.relative_position_index",
                f"stages.{stage}.blocks.{{j}}.attn.w_msa.relative_position_index",
                PAIRS,
            ),
            *merging(f"features.{2 * stage + 2}", f"stages.{stage}.downsample"),
        )
    ),
    Row("norm.*", "norm3.*"),
)
THEIRS = "encoder.layers.{i}.blocks.{j}"
HUGGING_FACE = (
    Row("embeddings.patch_embeddings.projection.*", "patch_embed.projection.*"),
    Row("embeddings.norm.*", "patch_embed.norm.*"),
    Row(f"{THEIRS}.layernorm_before.*", f"{BLOCK}.norm1.*"),
    Row(f"{THEIRS}.attention.self.relative_position_bias_table", f"{BLOCK}.attn.w_msa.relative_position_bias_table"),
    Row(f"{THEIRS}.attention.self.query.*", f"{BLOCK}.attn.w_msa.q.*"),
    Row(f"{THEIRS}.attention.self.key.*", f"{BLOCK}.attn.w_msa.k.*"),
    Row(f"{THEIRS}.attention.self.value.*", f"{BLOCK}.attn.w_msa.v.*"),
    Row(f"{THEIRS}.attention.output.dense.*", f"{BLOCK}.attn.w_msa.proj.*"),
    Row(f"{THEIRS}.layernorm_after.*", f"{BLOCK}.norm2.*"),
    Row(f"{THEIRS}.intermediate.dense.*", f"{BLOCK}.ffn.layers.0.0.*"),
    Row(f"{THEIRS}.output.dense.*", f"{BLOCK}.ffn.layers.1.*"),
    *merging("encoder.layers.{i}.downsample", "stages.{i}.downsample"),
    Row("layernorm.*", "norm3.*"),
)

SWINS = Family(
    "Swin",
    (
        same("mmpretrain", "patch_embed.projection.weight", (*AUTHORS, *TORCHVISION), eps=1e-5),
        Naming("timm", "patch_embed.proj.weight", TIMM, eps=1e-5),
        Naming("Swin's authors", "patch_embed.proj.weight", AUTHORS, 1e-5, imagenet_pixels=True),
        Naming("torchvision", "features.0.0.weight", TORCHVISION, 1e-5, imagenet_pixels=True),
        Naming("Hugging Face", "embeddings.patch_embeddings.projection.weight", HUGGING_FACE, 1e-5, True),
    ),
    optional=r"norm3\..*",
    own=r"norm[012]\..*|.*\.relative_position_index",
)
