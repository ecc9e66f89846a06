"""Vision transformers with position embeddings: ViT, DeiT, MoCo v3, DINO, iBOT, MAE, DINOv2."""

from __future__ import annotations

from slotcon_mm.checkpoints.names.tables import Family, Naming, Row, same

__all__ = ["VISION_TRANSFORMERS"]

LAYER = "layers.{i}"
TOKENS = (Row("cls_token", "cls_token"), Row("pos_embed", "pos_embed"))


def timm_block(block: str, feed_forward: dict[str, str]) -> tuple[Row, ...]:
    """Of timm, and of all who began with its code; ``feed_forward`` are theirs and ours of a block's second half."""
    return (
        Row(f"{block}.norm1.*", f"{LAYER}.ln1.*"),
        Row(f"{block}.attn.qkv.*", f"{LAYER}.attn.qkv.*"),
        Row(f"{block}.attn.proj.*", f"{LAYER}.attn.proj.*"),
        Row(f"{block}.ls1.gamma", f"{LAYER}.attn.gamma1.weight"),
        Row(f"{block}.norm2.*", f"{LAYER}.ln2.*"),
        *(Row(f"{block}.mlp.{theirs}.*", f"{LAYER}.ffn.{ours}.*") for theirs, ours in feed_forward.items()),
        Row(f"{block}.ls2.gamma", f"{LAYER}.ffn.gamma2.weight"),
    )


PLAIN = {"fc1": "layers.0.0", "fc2": "layers.1"}
GATED = {"w12": "w12", "w3": "w3"}  # of DINOv2's largest
TIMM_GATED = {"fc1": "w12", "fc2": "w3"}
AROUND = (
    *TOKENS,
    Row("patch_embed.proj.*", "patch_embed.projection.*"),
    Row("norm_pre.*", "pre_norm.*"),
    Row("norm.*", "ln1.*"),
)
EXTRA = (Row("register_tokens", "register_tokens"), Row("mask_token", "mask_token"))
DINO = (*AROUND, *EXTRA, *timm_block("blocks.{i}", {**PLAIN, **GATED}))
# DINOv2's training script keeps its blocks in chunks, and their numbers go on from chunk to chunk
IN_CHUNKS = (*AROUND, *EXTRA, *timm_block("blocks.{c}.{i}", {**PLAIN, **GATED}))
TIMM = (*AROUND, Row("reg_token", "register_tokens"), *timm_block("blocks.{i}", PLAIN))
GATED_TIMM = (*AROUND, Row("reg_token", "register_tokens"), *timm_block("blocks.{i}", TIMM_GATED))
TORCHVISION = (
    Row("class_token", "cls_token"),
    Row("encoder.pos_embedding", "pos_embed"),
    Row("conv_proj.*", "patch_embed.projection.*"),
    Row("encoder.layers.encoder_layer_{i}.ln_1.*", f"{LAYER}.ln1.*"),
    Row("encoder.layers.encoder_layer_{i}.self_attention.in_proj_weight", f"{LAYER}.attn.qkv.weight"),
    Row("encoder.layers.encoder_layer_{i}.self_attention.in_proj_bias", f"{LAYER}.attn.qkv.bias"),
    Row("encoder.layers.encoder_layer_{i}.self_attention.out_proj.*", f"{LAYER}.attn.proj.*"),
    Row("encoder.layers.encoder_layer_{i}.ln_2.*", f"{LAYER}.ln2.*"),
    Row("encoder.layers.encoder_layer_{i}.mlp.0.*", f"{LAYER}.ffn.layers.0.0.*"),
    Row("encoder.layers.encoder_layer_{i}.mlp.3.*", f"{LAYER}.ffn.layers.1.*"),
    # of torchvision's first files
    Row("encoder.layers.encoder_layer_{i}.mlp.linear_1.*", f"{LAYER}.ffn.layers.0.0.*"),
    Row("encoder.layers.encoder_layer_{i}.mlp.linear_2.*", f"{LAYER}.ffn.layers.1.*"),
    Row("encoder.ln.*", "ln1.*"),
)
MMSEG = (
    *TOKENS,
    Row("patch_embed.projection.*", "patch_embed.projection.*"),
    Row("layers.{i}.ln1.*", f"{LAYER}.ln1.*"),
    Row("layers.{i}.attn.attn.in_proj_weight", f"{LAYER}.attn.qkv.weight"),
    Row("layers.{i}.attn.attn.in_proj_bias", f"{LAYER}.attn.qkv.bias"),
    Row("layers.{i}.attn.attn.out_proj.*", f"{LAYER}.attn.proj.*"),
    Row("layers.{i}.ln2.*", f"{LAYER}.ln2.*"),
    Row("layers.{i}.ffn.layers.0.0.*", f"{LAYER}.ffn.layers.0.0.*"),
    Row("layers.{i}.ffn.layers.1.*", f"{LAYER}.ffn.layers.1.*"),
    Row("ln1.*", "ln1.*"),
)


def hugging_face(layer: str) -> tuple[Row, ...]:
    """Of files of its ViT, ViT-MAE and DINOv2, with or without registers, and of its classes since version 5."""
    return (
        Row("embeddings.cls_token", "cls_token"),
        Row("embeddings.register_tokens", "register_tokens"),
        Row("embeddings.position_embeddings", "pos_embed"),
        Row("embeddings.patch_embeddings.projection.*", "patch_embed.projection.*"),
        Row(f"{layer}.layernorm_before.*", f"{LAYER}.ln1.*"),
        Row(f"{layer}.norm1.*", f"{LAYER}.ln1.*"),
        *(
            Row(f"{layer}.attention.{theirs}.*", f"{LAYER}.attn.{part}.*")
            for part, names in {
                "q": ("attention.query", "q_proj"),
                "k": ("attention.key", "k_proj"),
                "v": ("attention.value", "v_proj"),
                "proj": ("output.dense", "o_proj"),
            }.items()
            for theirs in names
        ),
        Row(f"{layer}.layer_scale1.lambda1", f"{LAYER}.attn.gamma1.weight"),
        Row(f"{layer}.layernorm_after.*", f"{LAYER}.ln2.*"),
        Row(f"{layer}.norm2.*", f"{LAYER}.ln2.*"),
        Row(f"{layer}.intermediate.dense.*", f"{LAYER}.ffn.layers.0.0.*"),
        Row(f"{layer}.output.dense.*", f"{LAYER}.ffn.layers.1.*"),
        Row(f"{layer}.mlp.fc1.*", f"{LAYER}.ffn.layers.0.0.*"),
        Row(f"{layer}.mlp.fc2.*", f"{LAYER}.ffn.layers.1.*"),
        Row(f"{layer}.mlp.weights_in.*", f"{LAYER}.ffn.w12.*"),
        Row(f"{layer}.mlp.weights_out.*", f"{LAYER}.ffn.w3.*"),
        Row(f"{layer}.mlp.gate_proj.*", f"{LAYER}.ffn.w1.*"),
        Row(f"{layer}.mlp.up_proj.*", f"{LAYER}.ffn.w2.*"),
        Row(f"{layer}.mlp.down_proj.*", f"{LAYER}.ffn.w3.*"),
        Row(f"{layer}.layer_scale2.lambda1", f"{LAYER}.ffn.gamma2.weight"),
        Row("layernorm.*", "ln1.*"),
    )


HUGGING_FACE_STEM = "embeddings.patch_embeddings.projection.weight"

VISION_TRANSFORMERS = Family(
    "ViT",
    (
        same("mmpretrain", "patch_embed.projection.weight", DINO, eps=1e-6),
        Naming("timm (DINO's, iBOT's, MAE's and MoCo v3's)", "patch_embed.proj.weight", TIMM, eps=1e-6),
        Naming("timm", "patch_embed.proj.weight", GATED_TIMM, eps=1e-6),
        Naming("DINOv2 and SlotMIM", "patch_embed.proj.weight", DINO, 1e-6, imagenet_pixels=True),
        Naming("DINOv2's training", "patch_embed.proj.weight", IN_CHUNKS, 1e-6, imagenet_pixels=True),
        Naming("torchvision", "conv_proj.weight", TORCHVISION, eps=1e-6, imagenet_pixels=True),
        Naming("mmseg", "patch_embed.projection.weight", MMSEG),
        Naming("Hugging Face", HUGGING_FACE_STEM, hugging_face("encoder.layer.{i}")),
        Naming("Hugging Face", HUGGING_FACE_STEM, hugging_face("layers.{i}")),
    ),
    optional=r"ln1\..*|cls_token|mask_token",
    own=r"mask_token",
)
