"""Which network weights are of, beyond what the tensors show; files carry it as plain values in ``meta``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slotcon_mm.checkpoints.bounded_memory import first_line, network_of_file
from slotcon_mm.checkpoints.config_in_file import config_in_file, config_text, without_weights
from slotcon_mm.checkpoints.layer_facts import read_layers
from slotcon_mm.checkpoints.pixel_facts import read_pixels
from slotcon_mm.checkpoints.plain_values import plain_values
from slotcon_mm.checkpoints.registered import build_registered, class_of
from slotcon_mm.checkpoints.safe_loading import meta_of
from slotcon_mm.signatures import parameters_of

__all__ = [
    "NETWORK",
    "NO_FACTS",
    "facts_in",
    "facts_of_checkpoint",
    "facts_of_config",
    "grid_noted",
]

NETWORK = "network"  # key in a checkpoint's meta
NO_FACTS = "it carries no config"
# of a backbone's config: what changes no feature
WITHOUT_EFFECT = (
    "init_cfg",
    "pretrained",
    "frozen_stages",
    "norm_eval",
    "with_cp",
    "out_indices",
    "zero_init_residual",
)
# kinds of the parts of noted facts
PARTS = {"layers": dict, "strides": list, "pixels": dict, "backbone": dict}


def facts_of_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Of the backbone that a config of any OpenMMLab package builds, and of the pixels that it is shown.

    The network is built and run once (``read_layers``), so that they hold for any backbone and spelling of a config.

    Returns:
        Plain values: ``layers``, ``strides``, ``pixels`` and ``backbone``, its config with the defaults of its class.

    Raises:
        ValueError: There is no backbone, or it cannot be built here.
    """
    model, scope = config.get("model") or {}, str(config.get("default_scope") or "mmpretrain")
    if not model.get("backbone"):
        raise ValueError(f"expected a model with a backbone, got {model.get('type', 'a config')} without one")
    shared_head = (model.get("roi_head") or {}).get("shared_head")
    try:
        backbone = build_registered(without_weights(model["backbone"]), scope)
        last_stage = build_registered(without_weights(shared_head), scope) if shared_head else None
        layers, strides = read_layers(backbone, last_stage)
        pixels = read_pixels(config, scope)
        full = with_defaults(model["backbone"], scope)
    except Exception as error:  # of a network that anybody may have written
        raise ValueError(f"its network cannot be built and tried here ({first_line(error)})") from error
    return dict(layers=layers, strides=strides, pixels=pixels, backbone=full)


def facts_of_checkpoint(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """What a file notes, or else what the config in it makes.

    Raises:
        ValueError: It has neither, or its network cannot be built here.
    """
    noted = facts_in(checkpoint)
    if noted is not None:
        return noted
    config = config_in_file(checkpoint)
    if config is None:
        said = config_text(meta_of(checkpoint)) is not None
        raise ValueError("its config has no model with a backbone" if said else NO_FACTS)
    with network_of_file(checkpoint):
        return facts_of_config(config)


def facts_in(checkpoint: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a file notes itself: in ``meta``, or beside the versions that torch keeps with a module's tensors."""
    versions = getattr(checkpoint, "_metadata", None) or {}
    for place in (meta_of(checkpoint), versions.get("")):
        noted = place.get(NETWORK) if isinstance(place, Mapping) else None
        if isinstance(noted, dict) and is_complete(noted):
            return noted
    return None


def grid_noted(checkpoint: Mapping[str, Any]) -> tuple[int, int] | None:
    """H, W of the position embeddings of a file that notes its network's images and patches."""
    noted = facts_in(checkpoint)
    backbone: Mapping[str, Any] = noted["backbone"] if noted else {}
    try:
        if noted is None and (config := config_in_file(checkpoint)) is not None:
            backbone = with_defaults(config["model"]["backbone"], str(config.get("default_scope") or "mmpretrain"))
    except (ValueError, KeyError):  # of a config whose network is not known here
        return None
    sizes = [sides_of(backbone.get(name)) for name in ("img_size", "patch_size")]
    if None in sizes:
        return None
    (height, width), (rows, columns) = sizes  # type: ignore[misc]
    return height // rows, width // columns


def sides_of(size: Any) -> tuple[int, int] | None:
    """Of a number, or of (height, width)."""
    pair = list(size) if isinstance(size, list | tuple) else [size, size]
    if len(pair) != 2 or not all(isinstance(side, int) and side > 0 for side in pair):
        return None
    return pair[0], pair[1]


def is_complete(noted: Mapping[str, Any]) -> bool:
    """Whether a file's facts have the form of those that are written here."""
    if not all(isinstance(noted.get(name), kind) for name, kind in PARTS.items()):
        return False
    pixels, layers = noted["pixels"], noted["layers"]
    return (
        all(isinstance(place, str) and isinstance(layer, dict) for place, layer in layers.items())
        and all(isinstance(stride, int) for stride in noted["strides"])
        and all(is_of_channels(pixels.get(name)) for name in ("mean", "std"))
        and pixels.get("channels", "") in ("RGB", "BGR", None)
    )


def is_of_channels(values: Any) -> bool:
    return isinstance(values, list | tuple) and len(values) == 3 and all(isinstance(n, int | float) for n in values)


def with_defaults(backbone: Mapping[str, Any], scope: str) -> dict[str, Any]:
    """What decides its features, plain values only; the arguments that are left out have their defaults."""
    found = {
        name: argument.default
        for name, argument in parameters_of(class_of(backbone, scope)).items()
        if argument.default is not argument.empty
    }
    found = {name: value for name, value in {**found, **backbone}.items() if name not in WITHOUT_EFFECT}
    return plain_values(plain_dicts(found))


def plain_dicts(node: Any) -> Any:
    """With Python's own dicts in place of a config's."""
    if isinstance(node, Mapping):
        return {name: plain_dicts(value) for name, value in node.items()}
    return [plain_dicts(value) for value in node] if isinstance(node, list | tuple) else node
