"""Starting from weights: ``--pretrained``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from torch import Tensor

from slotcon_mm.engine.checkpoint_loading import load_from_safe_local

__all__ = ["check_fit", "is_pretraining", "state_dict_of", "use_pretrained"]

BACKBONE_PREFIXES = ("teacher.backbone.", "backbone.", "")


def use_pretrained(config: Config, checkpoint: Path) -> str:
    """Fills a pretraining model's student and teacher, or the backbone of a downstream model; returns what was done.

    Step count, optimizer and schedule start afresh.
    """
    if is_pretraining(config):
        config.load_from, config.resume = str(checkpoint), False
        return f"--pretrained: student and teacher start from {checkpoint}, at step 0"
    names = state_dict_of(load_from_safe_local(str(checkpoint), "cpu"))
    prefix = next(prefix for prefix in BACKBONE_PREFIXES if any(name.startswith(prefix) for name in names))
    config.model.backbone.init_cfg = dict(type="Pretrained", checkpoint=str(checkpoint), prefix=prefix)
    config.model.pop("pretrained", None)
    return f"--pretrained: the backbone starts from {prefix or '(all tensors)'} of {checkpoint}"


def is_pretraining(config: Config) -> bool:
    return config.model.type == "slotcon_mm.SlotCon"


def state_dict_of(checkpoint: Mapping[str, Any]) -> Mapping[str, Tensor]:
    """The weights of a checkpoint, which may be nothing but weights."""
    return checkpoint.get("state_dict", checkpoint)


def check_fit(model: Mapping[str, Tensor], loaded: Mapping[str, Tensor], *, every: bool) -> None:
    """ValueError if ``loaded`` is of another model: no tensor fits, or, with ``every``, one does not.

    A tensor fits where name and shape are the same.
    """
    fitting = {name for name, value in loaded.items() if name in model and model[name].shape == value.shape}
    shapes = [
        f"{name} {tuple(loaded[name].shape)}, expected {tuple(model[name].shape)}"
        for name in sorted(set(loaded) & set(model) - fitting)
    ]
    missing, unexpected = sorted(set(model) - set(loaded)), sorted(set(loaded) - set(model))
    if shapes or not fitting or (every and (missing or unexpected)):
        raise ValueError(
            "expected a checkpoint of this model, got one of another: "
            f"{len(fitting)} of {len(model)} tensors fit; of another shape: {listing(shapes)}; "
            f"missing: {listing(missing)}; unexpected: {listing(unexpected)}"
        )


def listing(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) or "none") + more
