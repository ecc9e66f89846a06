"""What makes of weights the network that they were trained in: options for a config, tried on it."""

from __future__ import annotations

import copy
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config

from slotcon_mm.checkpoints.network_changes import Change, changes_in_network
from slotcon_mm.checkpoints.network_facts import facts_of_config
from slotcon_mm.checks import printable
from slotcon_mm.config_nodes import dicts_within

__all__ = ["advice", "option_text", "restoring_options"]

NORM = "model.backbone.norm_cfg"
SHARED_HEAD = "model.roi_head.shared_head"
ROI_SIZE = "model.roi_head.bbox_roi_extractor.roi_layer.output_size"
LEVELS = ("strides", "featmap_strides")  # of heads: what they count on
BASE_SIZES = "base_sizes"


def advice(config: Config, then: Mapping[str, Any], now: Mapping[str, Any], grave: list[Change]) -> str:
    """A line: the options that restore the network, or else what is known of it.

    Args:
        config: It takes the weights.
        then: Facts of the network of the weights.
        now: Facts of the config's.
        grave: What differs.
    """
    options = restoring_options(config, then, now, grave)
    if options:
        return f"restore it by --cfg-options {option_text(options)}"
    values = {name: value for name, value in then["backbone"].items() if now["backbone"].get(name) != value}
    given = printable(", ".join(f"{name}={value}" for name, value in values.items())) or "not known"
    return f"no --cfg-options of this config restore it; what differs in the other backbone's config: {given}"


def option_text(options: Mapping[str, Any]) -> str:
    """As a shell takes them."""
    return " ".join(shlex.quote(printable(f"{name}={value_text(value)}")) for name, value in options.items())


def value_text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(value_text, value)) + "]"
    return value if isinstance(value, str) else repr(value)


def restoring_options(
    config: Config, then: Mapping[str, Any], now: Mapping[str, Any], grave: list[Change]
) -> dict[str, Any]:
    """The fewest options that make the config's network the one of the weights, tried on the config; none if none do.

    Heads that count on the strides of feature maps follow.
    """
    arguments = {**argument_options(then, now), **shared_head_options(config, then, now)}
    options = {**arguments, **norm_options(then, grave), **pixel_options(config, then, grave)}
    left = remaining(config, options, then)
    if left is None:
        return {}
    for unneeded in [{*arguments}, *({name} for name in options)]:
        fewer = {name: value for name, value in options.items() if name not in unneeded}
        if fewer != options and (without := remaining(config, fewer, then)) is not None:
            options, left = fewer, without
    return {**options, **level_options(config, now["strides"], left["strides"]), **region_options(config, options)}


def remaining(config: Config, options: Mapping[str, Any], then: Mapping[str, Any]) -> dict[str, Any] | None:
    """Facts of the network under these options; None where it is not that of the weights."""
    changed = copy.deepcopy(config)
    try:
        changed.merge_from_dict(dict(options))
        facts = facts_of_config(changed)
    except (ValueError, TypeError, KeyError):
        return None
    return None if any(not change.slight for change in changes_in_network(then, facts)) else facts


def argument_options(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of the backbone that differ; lists of stages as long as the config's, which may leave some out."""
    options: dict[str, Any] = {}
    for name, value in now["backbone"].items():
        old = then["backbone"].get(name)
        if name in ("type", "norm_cfg", "num_stages"):
            continue
        if isinstance(old, list) and isinstance(value, list):
            old = old[: len(value)]
        options.update(leaves_that_differ(f"model.backbone.{name}", old, value))
    return options


def shared_head_options(config: Config, then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Of a C4 detector, whose shared head is the backbone's last stage."""
    shared_head = (config.model.get("roi_head") or {}).get("shared_head")
    options: dict[str, Any] = {}
    for argument, stages in (("stride", "strides"), ("dilation", "dilations")):
        old, new = then["backbone"].get(stages), now["backbone"].get(stages)
        if shared_head and old and new and len(old) > len(new):
            options.update(leaves_that_differ(f"{SHARED_HEAD}.{argument}", old[len(new)], shared_head.get(argument, 1)))
    if shared_head and "style" in shared_head:
        options.update(leaves_that_differ(f"{SHARED_HEAD}.style", then["backbone"].get("style"), shared_head.style))
    return options


def norm_options(then: Mapping[str, Any], grave: list[Change]) -> dict[str, Any]:
    """The whole config of the norm where its kind differs, or its eps alone."""
    whole = then["backbone"].get("norm_cfg")
    if whole and any(change.what == "kind" and "norm" in f"{change.then} {change.now}" for change in grave):
        return {NORM: {"_delete_": True, **whole}}
    eps = {change.then for change in grave if change.what == "eps"}
    return {f"{NORM}.eps": eps.pop()} if len(eps) == 1 else {}


def leaves_that_differ(name: str, then: Any, now: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        for key, value in then.items():
            yield from leaves_that_differ(f"{name}.{key}", value, now.get(key))
    elif then is not None and then != now:
        yield name, then


def pixel_options(config: Config, then: Mapping[str, Any], grave: list[Change]) -> dict[str, Any]:
    """Mean, std and the turn of channels of the preprocessor, on the scale 0 to 255."""
    if not any(change.place == "pixels" for change in grave):
        return {}
    outside = "data_preprocessor" in config and not config.model.get("data_preprocessor")
    place = "data_preprocessor" if outside else "model.data_preprocessor"
    preprocessor = (config if outside else config.model).get("data_preprocessor") or {}
    options: dict[str, Any] = {f"{place}.{what}": then["pixels"][what] for what in ("mean", "std")}
    if any(change.what == "channels" for change in grave):
        turn = next((name for name in ("to_rgb", "rgb_to_bgr", "bgr_to_rgb") if preprocessor.get(name)), None)
        own = "to_rgb" if str(preprocessor.get("type")).endswith("ClsDataPreprocessor") else "bgr_to_rgb"
        options[f"{place}.{turn or own}"] = turn is None
    return options


def level_options(config: Config, before: list[int], after: list[int]) -> dict[str, Any]:
    """Strides of feature maps wherever a head has a list of them, and the sizes of anchors, which stay as they are."""
    new = dict(zip(before, after, strict=True))
    if before == after or len(new) < len(before):
        return {}
    options: dict[str, Any] = {}
    for place, node in dicts_within(config.model, "model"):
        for name in LEVELS:
            strides: Any = node.get(name)
            if place == "model.backbone" or not is_list_of_levels(strides, before):
                continue
            options[f"{place}.{name}"] = [new.get(one) or after[-1] * one // before[-1] for one in strides]
            if str(node.get("type")).endswith("AnchorGenerator") and not node.get(BASE_SIZES):
                options[f"{place}.{BASE_SIZES}"] = [*strides]
    return options


def region_options(config: Config, options: Mapping[str, Any]) -> dict[str, Any]:
    """The size of a C4 detector's regions before its shared head, so that they leave it as large as they did."""
    stride = options.get(f"{SHARED_HEAD}.stride")
    if stride is None:
        return {}
    size = config.model.roi_head.bbox_roi_extractor.roi_layer.output_size
    return {ROI_SIZE: size * stride // config.model.roi_head.shared_head.get("stride", 1)}


def is_list_of_levels(strides: Any, levels: list[int]) -> bool:
    """Whether they are those of the backbone's last feature maps, perhaps with larger ones that a neck adds."""
    if not isinstance(strides, list | tuple) or not all(isinstance(one, int) for one in strides):
        return False
    own = [one for one in strides if one <= levels[-1]]
    return bool(own) and own == levels[-len(own) :]
