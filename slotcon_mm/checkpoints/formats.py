"""A backbone in the form that each library reads."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from slotcon_mm.checkpoints.names.families import naming_of
from slotcon_mm.checkpoints.names.translation import by_our_names, by_their_names
from slotcon_mm.checkpoints.network_facts import NETWORK
from slotcon_mm.checkpoints.positions import without_class_position
from slotcon_mm.checkpoints.view_size import VIEWS

__all__ = ["FORMATS", "export_backbone", "in_library", "is_plain_resnet"]

# mm: OpenMMLab. torchvision and timm: weights alone, by their names; both add their own classifier.
FORMATS = ("mm", "torchvision", "timm", "detectron2")
WRAPPER = "network."  # of TimmFeatures
CONSTANT = ".relative_position_index"  # of Swin, which each network makes itself

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
    views: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """What to save.

    ``meta`` says which network the weights are of. torchvision's and timm's form has no place for it but the versions
    that torch keeps with a ``state_dict``, where loading passes over it.

    Args:
        tensors: By the names of the backbone's ``state_dict()``.
        source: Whose weights: teacher or student.
        step: Of the pretraining.
        file_format: One of ``FORMATS``.
        network: Facts of the network (``network_facts.py``), if they are known.
        views: Height and width of the images that it was trained on, if they are known.

    Raises:
        ValueError: The library has no names for such a backbone.
    """
    noted = {} if network is None else {NETWORK: network}
    if file_format == "mm":
        shown = {} if views is None else {VIEWS: list(views)}
        return dict(state_dict=dict(tensors), meta=dict(source=source, step=step, **noted, **shown))
    if file_format != "detectron2":
        weights: Any = OrderedDict(in_library(tensors, file_format)[0])
        weights._metadata = OrderedDict({"": dict(version=1, **noted)})
        return weights
    if not is_plain_resnet(tensors):
        raise no_names(tensors, file_format)
    renamed = {detectron2_name(name): value for name, value in tensors.items()}
    return dict(model=renamed, __author__=f"SlotCon ({source})", matching_heuristics=True, meta=noted)


def in_library(tensors: Mapping[str, Tensor], library: str) -> tuple[dict[str, Tensor], list[str]]:
    """A backbone's weights by the names of ``'torchvision'`` or ``'timm'``.

    Returns:
        Weights; and names of those that no network of the library has: norms of further outputs.

    Raises:
        ValueError: The library has no names for such a backbone.
    """
    if is_plain_resnet(tensors):
        return dict(tensors), []
    inner = {name.removeprefix(WRAPPER): value for name, value in tensors.items()}
    if library == "timm" and all(name.startswith(WRAPPER) for name in tensors):
        return inner, []
    known = naming_of(inner)
    if known is None:
        raise no_names(tensors, library)
    ours, own = by_our_names(known.naming, inner)
    without = [*inner]
    for naming in known.family.namings:
        if not re.search(rf"\b{library}\b", naming.library):
            continue
        theirs, left = by_their_names(naming, ours)
        if all(re.fullmatch(known.family.own, name) for name in left):
            with_registers = library == "timm" and "register_tokens" in ours
            left_out = [name for name in (*own, *left) if not name.endswith(CONSTANT)]
            return without_class_position(theirs) if with_registers else theirs, left_out
        without = min(without, [name for name in left if not re.fullmatch(known.family.own, name)], key=len)
    raise no_names(tensors, library, without)


def no_names(tensors: Mapping[str, Tensor], file_format: str, without: Sequence[str] | None = None) -> ValueError:
    """Which tensors have no counterpart, those of a ResNet unless they are given."""
    kinds = "" if file_format == "detectron2" else "ConvNeXt, ViT or Swin that the library has, or a "
    strange = [name for name in tensors if not NAME.fullmatch(name)] if without is None else without
    more = "timm has more networks, and " if file_format == "torchvision" else ""
    return ValueError(
        f"expected a {kinds}ResNet with torchvision's stem for the format {file_format}, got "
        f"{', '.join(strange[:5])}; {more}the format mm takes any backbone"
    )


def detectron2_name(name: str) -> str:
    for pattern, replacement in TO_DETECTRON2:
        name = re.sub(pattern, replacement, name)
    return name
