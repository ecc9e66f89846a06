"""The config that a file carries, as far as networks are built of it: what it may name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from slotcon_mm.checkpoints.old_config import in_todays_places, old_config_text
from slotcon_mm.checkpoints.plain_config import read_plain_config
from slotcon_mm.checkpoints.registered import expect_known, expect_registered, registered_as
from slotcon_mm.checkpoints.safe_loading import meta_of
from slotcon_mm.checks import printable
from slotcon_mm.config_nodes import dicts_within, short_type

__all__ = ["config_in_file", "config_text", "harmless", "without_weights"]

HOSTS = ("torch", "torchvision", "timm", "transformers", "mmengine", "mmcv", "mmpretrain", "mmdet", "mmseg")
# where layers, backbones and preprocessors are; elsewhere the hosts have classes that unpickle (mmseg's losses), fetch
# (mmpretrain's of Hugging Face) or evaluate (mmdet's of tracking) what they are given
MODULES = re.compile(
    r"torch\.nn\.modules\..*|mmcv\.(cnn\.bricks|ops)\..*|mmcv\.transforms\.processing|"
    r"mmengine\.(utils\.dl_utils\.parrots_wrapper|model\.(base_model\.data_preprocessor|base_module))|"
    r"mmpretrain\.models\.(backbones\..*|utils\.("
    r"data_preprocessor|norm|attention|clip_generator_helper|res_layer_extra_norm|sparse_modules))|"
    r"mmdet\.models\.(backbones|layers|data_preprocessors|roi_heads\.shared_heads)\..*|"
    r"mmseg\.models\.(backbones\.(?!vpd).*|data_preprocessor|utils\..*)"
)
LOADING = ("init_cfg", "pretrained", "checkpoint_path")  # arguments that name files of weights
OF_A_PLACE = re.compile(r"[/\\:]")  # in paths and addresses


def config_in_file(checkpoint: Mapping[str, Any]) -> dict[str, Any] | None:
    """As ``read_plain_config``, with ``harmless`` parts; None where there is none, or none with a backbone.

    Raises:
        ValueError: It is no config, or what is built of it names more than it may.
    """
    meta = meta_of(checkpoint)
    text = config_text(meta)
    config = {} if text is None else read_plain_config(text)
    model = config.get("model")
    if not isinstance(model, dict) or not model.get("backbone"):
        return None
    if not isinstance(meta.get("cfg"), str):
        config = in_todays_places(config, meta)
    scope = str(config.get("default_scope") or "mmpretrain")
    model["backbone"] = harmless(model["backbone"], scope)
    preprocessor = "data_preprocessor"
    for owner, name in ((model, preprocessor), (config, preprocessor), (model.get("roi_head"), "shared_head")):
        if isinstance(owner, dict) and owner.get(name):
            owner[name] = harmless(owner[name], scope)
    for step in normalizations(config):
        step.update(harmless(step, scope))
    return config


def config_text(meta: Mapping[str, Any]) -> str | None:
    """Of MMEngine's checkpoints, or of those before it; None where there is none."""
    text = meta.get("cfg")
    return text if isinstance(text, str) else old_config_text(meta)


def normalizations(config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name in ("train_dataloader", "test_dataloader"):
        yield from (node for _, node in dicts_within(config.get(name)) if short_type(node) == "Normalize")


def harmless(part: Any, scope: str) -> dict[str, Any]:
    """A part of a model's config without what loads weights.

    Raises:
        ValueError: It is none; or it names a class of the hosts that is no layer, backbone or preprocessor, or a file
            or an address. Classes of the user's own code, which no file brings, are the user's to trust.
    """
    if not isinstance(part, Mapping):
        raise ValueError(f"expected a dict in the file's config, got {printable(str(part)[:80])}")
    found = without_weights(part)
    for _, node in dicts_within(found):
        if "type" in node:
            expect_layer(node["type"], str(node.get("_scope_", scope)))
    for text in texts_within(found):
        if OF_A_PLACE.search(text):
            raise ValueError(f"expected a config in a file to name no other file or address, got {printable(text)}")
    return found


def expect_layer(name: Any, scope: str) -> None:
    expect_registered(name, expect_known(scope))
    for kind in registered_as(str(name), scope):
        module = str(getattr(kind, "__module__", ""))
        if module.partition(".")[0] in HOSTS and not MODULES.fullmatch(module):
            raise ValueError(f"expected layers and backbones in a file's config, got {name} ({module})")


def without_weights(part: Mapping[str, Any]) -> dict[str, Any]:
    """A part's config that loads nothing, at any depth."""
    return {name: unloaded(value) for name, value in part.items() if name not in LOADING}


def unloaded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return without_weights(value)
    return type(value)(map(unloaded, value)) if type(value) in (list, tuple) else value


def texts_within(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for name, value in node.items():
            yield from texts_within(name)
            yield from texts_within(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from texts_within(value)
