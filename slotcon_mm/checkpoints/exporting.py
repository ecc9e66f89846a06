"""A checkpoint's backbone into a file of its own, in the form that a library reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from slotcon_mm.checkpoints.backbone import backbone_of
from slotcon_mm.checkpoints.detectron2 import describe_use_in_detectron2
from slotcon_mm.checkpoints.formats import FORMATS, export_backbone, in_library, is_plain_resnet
from slotcon_mm.checkpoints.latest import resolve_checkpoint
from slotcon_mm.checkpoints.library_facts import facts_by_names
from slotcon_mm.checkpoints.network_changes import changes_in_network, describe_changes
from slotcon_mm.checkpoints.network_facts import facts_of_checkpoint
from slotcon_mm.checkpoints.publish import write_weights
from slotcon_mm.checkpoints.safe_loading import load_from_safe_local, meta_of
from slotcon_mm.checkpoints.standard_resnet import departures
from slotcon_mm.checkpoints.view_size import views_noted, views_of_checkpoint
from slotcon_mm.checks import listing

__all__ = ["export_file", "network_in", "other_features", "views_in"]


def export_file(given: str | Path, target: Path, file_format: str = "mm", source: str | None = None) -> list[str]:
    """Writes the backbone of a checkpoint, or of the newest one of a work dir; returns what there is to say of it.

    Args:
        given: A checkpoint of this package, a work dir, or an export.
        target: A new file; ``.safetensors`` holds weights alone, ``.pkl`` is Detectron2's.
        file_format: One of ``FORMATS``.
        source: ``'teacher'`` or ``'student'``; by default the teacher where there is one.

    Raises:
        FileExistsError: Nothing is overwritten.
        ValueError: The file holds no backbone, or the library has no names for it, or is none of these.
    """
    if file_format not in FORMATS:
        raise ValueError(f"expected a format of {', '.join(FORMATS)}, got {file_format}")
    checkpoint = load_from_safe_local(str(resolve_checkpoint(given, "SRC")), "cpu")
    network, notes = network_in(checkpoint)
    backbone = backbone_of(checkpoint, source)
    exported = export_backbone(
        backbone.tensors, source=backbone.source, step=backbone.step, file_format=file_format, network=network,
        views=views_in(checkpoint),
    )  # fmt: skip
    if file_format == "detectron2":
        notes.append(describe_use_in_detectron2(backbone.tensors, network, str(target)))
    elif file_format != "mm":
        notes += other_features(network, exported, file_format)
        left_out = in_library(backbone.tensors, file_format)[1]
        notes += [f"left out, as {file_format} has no such layers: {listing(left_out)}"] if left_out else []
    sha256 = write_weights(exported, target)
    return [f"{target}: {len(backbone.tensors)} tensors ({backbone.describe()}), sha256 {sha256}", *notes]


def network_in(checkpoint: Mapping[str, Any]) -> tuple[dict[str, Any] | None, list[str]]:
    """Facts for a file's ``meta``; or the line that says why there are none."""
    try:
        return facts_of_checkpoint(checkpoint), []
    except ValueError as error:
        return None, [f"the file does not say which network its weights are of: {error}"]


def views_in(checkpoint: Mapping[str, Any]) -> tuple[int, int] | None:
    """Of the training that a checkpoint's config describes, or that an export notes."""
    meta = meta_of(checkpoint)
    return views_noted(meta) or (views_of_checkpoint(checkpoint) if meta.get("cfg") else None)


def other_features(network: Mapping[str, Any] | None, tensors: Mapping[str, Tensor], library: str) -> list[str]:
    """A line of warning where a library's network for these names is not the network of the weights."""
    changes: list[str] = []
    if network and is_plain_resnet(tensors):
        changes = departures(network, tensors)
    elif network and (theirs := facts_by_names(tensors, network)):
        changes = describe_changes(changes_in_network(network, theirs[1]))
    if not changes:
        return []
    return [f"warning: {library} makes other features of these weights unless told otherwise: {'; '.join(changes)}"]
