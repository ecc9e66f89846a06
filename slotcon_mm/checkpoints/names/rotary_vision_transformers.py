"""DINOv3's vision transformers, whose tokens find their places by rotations; ours is timm's network."""

from __future__ import annotations

from slotcon_mm.checkpoints.names.tables import Family, Naming, Row, same

__all__ = ["ROTARY_VISION_TRANSFORMERS"]

BLOCK = "blocks.{i}"
TIMM = (
    Row("cls_token", "cls_token"),
    Row("reg_token", "reg_token"),
    Row("patch_embed.proj.*", "patch_embed.proj.*"),
    *(
        Row(f"{BLOCK}.{part}", f"{BLOCK}.{part}")
        for part in (
            *("norm1.*", "attn.qkv.*", "attn.q_bias", "attn.v_bias", "attn.proj.*", "gamma_1", "norm2.*"),
            *("mlp.fc1.*", "mlp.fc1_g.*", "mlp.fc1_x.*", "mlp.fc2.*", "gamma_2"),
        )
    ),
    Row("norm.*", "norm.*"),
)
AUTHORS = (
    Row("cls_token", "cls_token"),
    Row("storage_tokens", "reg_token"),
    Row("patch_embed.proj.*", "patch_embed.proj.*"),
    Row("blocks.{i}.norm1.*", f"{BLOCK}.norm1.*"),
    Row("blocks.{i}.attn.qkv.*", f"{BLOCK}.attn.qkv.*"),
    Row("blocks.{i}.attn.qkv.bias_mask", f"{BLOCK}.attn.qkv.bias_mask"),
    Row("blocks.{i}.attn.proj.*", f"{BLOCK}.attn.proj.*"),
    Row("blocks.{i}.ls1.gamma", f"{BLOCK}.gamma_1"),
    Row("blocks.{i}.norm2.*", f"{BLOCK}.norm2.*"),
    Row("blocks.{i}.mlp.fc1.*", f"{BLOCK}.mlp.fc1.*"),
    Row("blocks.{i}.mlp.fc2.*", f"{BLOCK}.mlp.fc2.*"),
    # gated: the first is the gate
    Row("blocks.{i}.mlp.w1.*", f"{BLOCK}.mlp.fc1_g.*"),
    Row("blocks.{i}.mlp.w2.*", f"{BLOCK}.mlp.fc1_x.*"),
    Row("blocks.{i}.mlp.w3.*", f"{BLOCK}.mlp.fc2.*"),
    Row("blocks.{i}.ls2.gamma", f"{BLOCK}.gamma_2"),
    Row("norm.*", "norm.*"),
)


def hugging_face(layer: str, *, gated: bool) -> tuple[Row, ...]:
    return (
        Row("embeddings.cls_token", "cls_token"),
        Row("embeddings.register_tokens", "reg_token"),
        Row("embeddings.patch_embeddings.*", "patch_embed.proj.*"),
        Row(f"{layer}.norm1.*", f"{BLOCK}.norm1.*"),
        *(Row(f"{layer}.attention.{part}_proj.*", f"{BLOCK}.attn.{part}.*") for part in "qkv"),
        Row(f"{layer}.attention.o_proj.*", f"{BLOCK}.attn.proj.*"),
        Row(f"{layer}.layer_scale1.lambda1", f"{BLOCK}.gamma_1"),
        Row(f"{layer}.norm2.*", f"{BLOCK}.norm2.*"),
        Row(f"{layer}.mlp.gate_proj.*", f"{BLOCK}.mlp.fc1_g.*"),
        Row(f"{layer}.mlp.up_proj.*", f"{BLOCK}.mlp.{'fc1_x' if gated else 'fc1'}.*"),
        Row(f"{layer}.mlp.down_proj.*", f"{BLOCK}.mlp.fc2.*"),
        Row(f"{layer}.layer_scale2.lambda1", f"{BLOCK}.gamma_2"),
        Row("norm.*", "norm.*"),
    )


STEM = "embeddings.patch_embeddings.weight"
EPS = 1e-5

ROTARY_VISION_TRANSFORMERS = Family(
    "rotary ViT",
    (
        same("timm", "patch_embed.proj.weight", TIMM, eps=EPS),
        Naming("DINOv3's authors", "patch_embed.proj.weight", AUTHORS, EPS, imagenet_pixels=True),
        *(
            Naming("Hugging Face's DINOv3", STEM, hugging_face(layer, gated=gated), EPS, imagenet_pixels=True)
            for layer in ("layer.{i}", "model.layer.{i}")  # of files, and of its classes since version 5
            for gated in (False, True)
        ),
    ),
)
