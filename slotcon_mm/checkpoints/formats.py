"""A ResNet backbone in the form that each library reads."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from slotcon_mm.checkpoints.network_facts import NETWORK

__all__ = ["FORMATS", "export_backbone", "is_plain_resnet"]

# mm: OpenMMLab. torchvision and timm: weights alone, by torchvision's names; both add their own classifier.
FORMATS = ("mm", "torchvision", "timm", "detectron2")

NAME = re.compile(
    r"(conv1|bn1|layer[1-4]\.\d+\.(conv[1-3]|bn[1-3]|downsample\.[01]))"
    r"\.(weight|bias|running_mean|running_var|num_batches_tracked)"
)
# in this order, each on what the one before left
TO_DETECTRON2 = (
    (r"^(conv1|bn1)\.", r"stem.\1."),
    (r"\bbn(\d)\.", r"conv\1.norm."),
    (r"downsample\.0\.", "shortcut."),
    (r"downsample\.1\.", "shortcut.norm."),
    (r"^layer1\.", "res2."),
    (r"^layer2\.", "res3."),
    (r"^layer3\.", "res4."),
    (r"^layer4\.", "res5."),
)


def is_plain_resnet(tensors: Mapping[str, Any]) -> bool:
    """Whether all names are those of torchvision's ResNet without its classifier."""
    return bool(tensors) and all(NAME.fullmatch(name) for name in tensors)


def export_backbone(
    tensors: Mapping[str, Tensor],
    *,
    source: str,
    step: int | None,
    file_format: str,
    network: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What to save.

    ``meta`` says which network the weights are of. torchvision's and timm's form has no place for it but the versions
    that torch keeps with a ``state_dict``, where loading passes over it.

    Args:
        tensors: Of a ResNet, by the names of its ``state_dict()``.
        source: Whose weights: teacher or student.
        step: Of the pretraining.
        file_format: One of ``FORMATS``.
        network: Facts of the network (``network_facts.py``), if they are known.

    Raises:
        ValueError: Another kind of backbone in a format that has names for ResNets only.
    """
    noted = {} if network is None else {NETWORK: network}
    if file_format == "mm":
        return dict(state_dict=dict(tensors), meta=dict(source=source, step=step, **noted))
    if not is_plain_resnet(tensors):
        strange = [name for name in tensors if not NAME.fullmatch(name)]
        raise ValueError(
            f"expected a ResNet with torchvision's stem for the format {file_format}, got {', '.join(strange[:5])}; "
            "the format mm takes any backbone"
        )
    if file_format != "detectron2":
        weights: Any = OrderedDict(tensors)
        weights._metadata = OrderedDict({"": dict(version=1, **noted)})
        return weights
    renamed = {detectron2_name(name): value for name, value in tensors.items()}
    return dict(model=renamed, __author__=f"SlotCon ({source})", matching_heuristics=True, meta=noted)


def detectron2_name(name: str) -> str:
    for pattern, replacement in TO_DETECTRON2:
        name = re.sub(pattern, replacement, name)
    return name
