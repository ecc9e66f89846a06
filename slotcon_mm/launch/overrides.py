"""Overrides from the command line, none of which may be lost without a word."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config
from mmengine.runner import FlexibleRunner, Runner

__all__ = ["merge_overrides"]

# read by Runner from the whole config rather than as arguments (mmengine 0.10.7)
READ_FROM_CONFIG = {
    "activation_checkpointing",
    "auto_scale_lr",
    "compile",
    "custom_imports",
    "efficient_conv_bn_eval",
    "find_unused_parameters",
    "model_wrapper_cfg",
    "runner_type",
    "sync_bn",
    "tta_model",
    "tta_pipeline",
}


def merge_overrides(config: Config, overrides: dict[str, Any] | None) -> None:
    """Merges ``--cfg-options`` into ``config``.

    Raises:
        ValueError: An override sets a helper variable of the config file (``data_root``, say), which nothing reads
            once the file has been parsed.
    """
    for name in overrides or {}:
        top = name.partition(".")[0]
        if top not in keys_that_are_read():
            places = list(find_key(config, top))
            hint = (
                "set the place that reads it: " + ", ".join(f"{place}=..." for place in places)
                if places
                else f"nothing in {config.filename} is called so"
            )
            raise ValueError(f"expected an override that reaches something, got {name}, which nothing reads: {hint}")
    config.merge_from_dict(overrides or {})


def keys_that_are_read() -> set[str]:
    runners = (Runner.__init__, FlexibleRunner.__init__)
    arguments = {name for runner in runners for name in inspect.signature(runner).parameters}
    return (arguments - {"self", "cfg"}) | READ_FROM_CONFIG


def find_key(node: Any, key: str, path: str = "") -> Iterator[str]:
    """Dotted paths below the top level at which ``key`` stands."""
    items = node.items() if isinstance(node, dict | Config) else enumerate(node) if isinstance(node, list) else ()
    for name, value in items:
        place = f"{path}.{name}" if path else str(name)
        if name == key and path:
            yield place
        yield from find_key(value, key, place)
