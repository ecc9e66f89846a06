"""ResNets: torchvision, timm, DINO, MoCo and mmpretrain share names; the deep stems of timm and mmpretrain do not."""

from __future__ import annotations

from slotcon_mm.checkpoints.names.tables import Family, Naming, Row, same

__all__ = ["RESNETS"]

BLOCKS = [
    *(Row(f"layer{{i}}.{{j}}.{part}.*", f"layer{{i}}.{{j}}.{part}.*") for part in ("conv{k}", "bn{k}", "downsample.{k}")),
]
PLAIN = (Row("conv1.*", "conv1.*"), Row("bn1.*", "bn1.*"), *BLOCKS)
# convolution, norm and activation, three times
DEEP = (
    Row("conv1.0.*", "stem.0.conv.*"),
    Row("conv1.1.*", "stem.0.bn.*"),
    Row("conv1.3.*", "stem.1.conv.*"),
    Row("conv1.4.*", "stem.1.bn.*"),
    Row("conv1.6.*", "stem.2.conv.*"),
    Row("bn1.*", "stem.2.bn.*"),
    *BLOCKS,
)
# mmseg counts every module of its deep stem
COUNTED = tuple(
    Row(f"stem.{number}.*", f"stem.{part}.*")
    for number, part in zip((0, 1, 3, 4, 6, 7), ("0.conv", "0.bn", "1.conv", "1.bn", "2.conv", "2.bn"), strict=True)
)
HUGGING_FACE = (
    Row("embedder.embedder.convolution.*", "conv1.*"),
    Row("embedder.embedder.normalization.*", "bn1.*"),
    *(
        row
        for stage in range(4)
        for row in (
            *(
                row
                for layer in range(3)
                for row in (
                    Row(
                        f"encoder.stages.{stage}.layers.{{j}}.layer.{layer}.convolution.*",
                        f"layer{stage + 1}.{{j}}.conv{layer + 1}.*",
                    ),
                    Row(
                        f"encoder.stages.{stage}.layers.{{j}}.layer.{layer}.normalization.*",
                        f"layer{stage + 1}.{{j}}.bn{layer + 1}.*",
                    ),
                )
            ),
            Row(f"encoder.stages.{stage}.layers.{{j}}.shortcut.convolution.*", f"layer{stage + 1}.{{j}}.downsample.0.*"),
            Row(
                f"encoder.stages.{stage}.layers.{{j}}.shortcut.normalization.*", f"layer{stage + 1}.{{j}}.downsample.1.*"
            ),
        )
    ),
)

RESNETS = Family(
    "ResNet",
    (
        Naming("torchvision and timm", "conv1.weight", PLAIN),
        Naming("timm, with a deep stem", "conv1.0.weight", DEEP),
        same("mmpretrain, with a deep stem", "stem.0.conv.weight", DEEP),
        Naming("mmseg, with a deep stem", "stem.0.weight", (*COUNTED, *BLOCKS)),
        Naming("Hugging Face", "embedder.embedder.convolution.weight", HUGGING_FACE),
    ),
)
