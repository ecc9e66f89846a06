"""ResNets: torchvision, timm, DINO, MoCo and mmpretrain share names; the deep stems of timm and mmpretrain do not."""

from __future__ import annotations

from slotcon_mm.checkpoints.names.tables import Family, Naming, Row, same

__all__ = ["RESNETS"]

BLOCKS = [Row(name, name) for name in (f"layer{{i}}.{{j}}.{part}.*" for part in ("conv{k}", "bn{k}", "downsample.{k}"))]
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


def hugging_face_stage(stage: int) -> list[Row]:
    theirs, ours = f"encoder.stages.{stage}.layers.{{j}}", f"layer{stage + 1}.{{j}}"
    rows = []
    for place, convolution, norm in (
        *((f"layer.{k}", f"conv{k + 1}", f"bn{k + 1}") for k in range(3)),
        ("shortcut", "downsample.0", "downsample.1"),
    ):
        rows.append(Row(f"{theirs}.{place}.convolution.*", f"{ours}.{convolution}.*"))
        rows.append(Row(f"{theirs}.{place}.normalization.*", f"{ours}.{norm}.*"))
    return rows


HUGGING_FACE = (
    Row("embedder.embedder.convolution.*", "conv1.*"),
    Row("embedder.embedder.normalization.*", "bn1.*"),
    *(row for stage in range(4) for row in hugging_face_stage(stage)),
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
