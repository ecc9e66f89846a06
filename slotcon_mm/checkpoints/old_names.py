"""Names that checkpoints of version 0.1.0 hold, and what they are called now.

Such a checkpoint carries its config as text, facts of its run and scalars of its log. All are read through here, so
that it can still be resumed, converted, inferred with and fine-tuned from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["FACTS", "SCALARS", "renamed", "with_new_names"]

# type in a config: its name now, and its arguments that have another name
TYPES: dict[str, tuple[str, dict[str, str]]] = {
    "slotcon_mm.PictureFolder": ("slotcon_mm.UnlabeledImageDataset", {}),
    "slotcon_mm.LoadPicture": ("slotcon_mm.LoadImage", {}),
    "slotcon_mm.PairedViews": ("slotcon_mm.PairedViews", {"grey_prob": "gray_prob"}),
    "slotcon_mm.LabelledFolder": (
        "slotcon_mm.LabelMapDataset",
        {"images": "subset", "picture_suffix": "img_suffix", "label_suffix": "seg_map_suffix"},
    ),
    "slotcon_mm.CentreCrop": ("slotcon_mm.CenterCrop", {}),
    "slotcon_mm.UnreadablePicturesHook": ("slotcon_mm.UnreadableImagesHook", {}),
    "slotcon_mm.GroupVisualizationHook": (
        "slotcon_mm.GroupVisualizationHook",
        {"pictures": "images", "num_pictures": "num_images"},
    ),
}
FACTS = {"pictures": "images"}
SCALARS = {"train/pictures_per_second": "train/images_per_second"}


def with_new_names(node: Any) -> Any:
    """A config, or a part of one, by today's names."""
    if isinstance(node, list | tuple):
        return type(node)(map(with_new_names, node))
    if not isinstance(node, Mapping):
        return node
    kind = node.get("type")
    name, arguments = TYPES.get(kind, (kind, {})) if isinstance(kind, str) else (kind, {})
    found = {key: with_new_names(value) for key, value in renamed(node, arguments).items()}
    if name == "slotcon_mm.LabelMapDataset" and "pictures" in found:
        found["data_prefix"] = dict(img_path=found.pop("pictures"), seg_map_path=found.pop("labels"))
    return {**found, "type": name} if "type" in found else found


def renamed(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The same values, some under another name."""
    return {names.get(key, key): value for key, value in values.items()}
