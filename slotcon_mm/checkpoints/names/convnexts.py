"""ConvNeXt, versions 1 and 2: names of mmpretrain, timm, torchvision, the authors, and Hugging Face."""

from __future__ import annotations

from slotcon_mm.checkpoints.names.tables import Change, Family, Naming, Row, same

__all__ = ["CONVNEXTS"]

BLOCK = "stages.{i}.{j}"
# torchvision multiplies a map (C, H, W) by its layer scale; Hugging Face and the authors norm the last of four axes
OF_A_MAP = Change(lambda value: value.flatten(), lambda value: value[:, None, None])
LAST_AXIS = Change(lambda value: value.flatten(), lambda value: value[None, None, None])

TIMM = (
    Row("stem.0.*", "downsample_layers.0.0.*"),
    Row("stem.1.*", "downsample_layers.0.1.*"),
    Row("stages.{i}.downsample.{k}.*", "downsample_layers.{i}.{k}.*"),
    Row("stages.{i}.blocks.{j}.conv_dw.*", f"{BLOCK}.depthwise_conv.*"),
    Row("stages.{i}.blocks.{j}.norm.*", f"{BLOCK}.norm.*"),
    Row("stages.{i}.blocks.{j}.mlp.fc1.*", f"{BLOCK}.pointwise_conv1.*"),
    Row("stages.{i}.blocks.{j}.mlp.grn.weight", f"{BLOCK}.grn.gamma"),
    Row("stages.{i}.blocks.{j}.mlp.grn.bias", f"{BLOCK}.grn.beta"),
    Row("stages.{i}.blocks.{j}.mlp.fc2.*", f"{BLOCK}.pointwise_conv2.*"),
    Row("stages.{i}.blocks.{j}.gamma", f"{BLOCK}.gamma"),
    Row("head.norm.*", "norm3.*"),
)
TORCHVISION = (
    *(
        row
        for stage in range(4)
        for row in (
            Row(f"features.{2 * stage}.{{k}}.*", f"downsample_layers.{stage}.{{k}}.*"),
            Row(f"features.{2 * stage + 1}.{{j}}.block.0.*", f"stages.{stage}.{{j}}.depthwise_conv.*"),
            Row(f"features.{2 * stage + 1}.{{j}}.block.2.*", f"stages.{stage}.{{j}}.norm.*"),
            Row(f"features.{2 * stage + 1}.{{j}}.block.3.*", f"stages.{stage}.{{j}}.pointwise_conv1.*"),
            Row(f"features.{2 * stage + 1}.{{j}}.block.5.*", f"stages.{stage}.{{j}}.pointwise_conv2.*"),
            Row(f"features.{2 * stage + 1}.{{j}}.layer_scale", f"stages.{stage}.{{j}}.gamma", OF_A_MAP),
        )
    ),
    Row("classifier.0.*", "norm3.*"),
)
AUTHORS = (
    Row("downsample_layers.{i}.{k}.*", "downsample_layers.{i}.{k}.*"),
    Row("stages.{i}.{j}.dwconv.*", f"{BLOCK}.depthwise_conv.*"),
    Row("stages.{i}.{j}.norm.*", f"{BLOCK}.norm.*"),
    Row("stages.{i}.{j}.pwconv1.*", f"{BLOCK}.pointwise_conv1.*"),
    Row("stages.{i}.{j}.grn.gamma", f"{BLOCK}.grn.gamma", LAST_AXIS),
    Row("stages.{i}.{j}.grn.beta", f"{BLOCK}.grn.beta", LAST_AXIS),
    Row("stages.{i}.{j}.pwconv2.*", f"{BLOCK}.pointwise_conv2.*"),
    Row("stages.{i}.{j}.gamma", f"{BLOCK}.gamma"),
    Row("norm.*", "norm3.*"),
)
HUGGING_FACE = (
    Row("embeddings.patch_embeddings.*", "downsample_layers.0.0.*"),
    Row("embeddings.layernorm.*", "downsample_layers.0.1.*"),
    Row("encoder.stages.{i}.downsampling_layer.{k}.*", "downsample_layers.{i}.{k}.*"),
    Row("encoder.stages.{i}.layers.{j}.dwconv.*", f"{BLOCK}.depthwise_conv.*"),
    Row("encoder.stages.{i}.layers.{j}.layernorm.*", f"{BLOCK}.norm.*"),
    Row("encoder.stages.{i}.layers.{j}.pwconv1.*", f"{BLOCK}.pointwise_conv1.*"),
    Row("encoder.stages.{i}.layers.{j}.grn.weight", f"{BLOCK}.grn.gamma", LAST_AXIS),
    Row("encoder.stages.{i}.layers.{j}.grn.bias", f"{BLOCK}.grn.beta", LAST_AXIS),
    Row("encoder.stages.{i}.layers.{j}.pwconv2.*", f"{BLOCK}.pointwise_conv2.*"),
    Row("encoder.stages.{i}.layers.{j}.layer_scale_parameter", f"{BLOCK}.gamma"),
    Row("layernorm.*", "norm3.*"),
)
HUGGING_FACE_DINOV3 = (
    Row("stages.{i}.downsample_layers.{k}.*", "downsample_layers.{i}.{k}.*"),
    Row("stages.{i}.layers.{j}.depthwise_conv.*", f"{BLOCK}.depthwise_conv.*"),
    Row("stages.{i}.layers.{j}.layer_norm.*", f"{BLOCK}.norm.*"),
    Row("stages.{i}.layers.{j}.pointwise_conv1.*", f"{BLOCK}.pointwise_conv1.*"),
    Row("stages.{i}.layers.{j}.pointwise_conv2.*", f"{BLOCK}.pointwise_conv2.*"),
    Row("stages.{i}.layers.{j}.gamma", f"{BLOCK}.gamma"),
    Row("layer_norm.*", "norm3.*"),
)

CONVNEXTS = Family(
    "ConvNeXt",
    (
        same("mmpretrain", "downsample_layers.0.0.weight", TIMM, eps=1e-6),
        Naming("timm", "stem.0.weight", TIMM, eps=1e-6),
        Naming("torchvision", "features.0.0.weight", TORCHVISION, eps=1e-6, imagenet_pixels=True),
        Naming("ConvNeXt's and DINOv3's authors", "downsample_layers.0.0.weight", AUTHORS, 1e-6, True),
        Naming("Hugging Face", "embeddings.patch_embeddings.weight", HUGGING_FACE, 1e-6, True),
        Naming("Hugging Face's DINOv3", "stages.0.downsample_layers.0.weight", HUGGING_FACE_DINOV3, 1e-6, True),
    ),
    optional=r"norm3\..*",
    own=r"norm[012]\..*",  # of the maps that a detector reads besides the last; no classifier has them
)
