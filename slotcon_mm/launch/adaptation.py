"""How a training goes on from other weights: what a config says under ``adaptation``."""

from __future__ import annotations

from mmengine.config import Config, ConfigDict

from slotcon_mm.checks import expect_share
from slotcon_mm.config_nodes import short_type

__all__ = ["adapt_gently"]

SETTINGS = ("cluster_prototypes", "heads_first")


def adapt_gently(config: Config) -> list[str]:
    """Adds the hooks that a pretraining's ``adaptation`` asks for; returns lines for the log.

    ``cluster_prototypes``: whether prototypes start as clusters of the images (``PrototypeStartHook``), unless the
    start is a pretraining's whole checkpoint: its prototypes were learned with its features, and may have names;
    ``heads_first``: the share of the epochs in which the backbone rests (``HeadsFirstHook``), at least one if it is not
    0, and fewer than all: none of a single epoch.

    Raises:
        ValueError: Other settings, or a share outside [0, 1].
    """
    given = config.get("adaptation")
    if not given:
        return []
    if unknown := sorted(set(given) - set(SETTINGS)):
        raise ValueError(f"expected adaptation settings of {', '.join(SETTINGS)}, got {', '.join(unknown)}")
    expect_share(heads_first=given.get("heads_first", 0))
    hooks, notes = [], []
    if given.get("cluster_prototypes") and not config.get("resume"):
        if config.get("load_from"):
            notes.append(f"adaptation: prototypes start as those of {config.load_from}")
        else:
            hooks.append(ConfigDict(type="slotcon_mm.PrototypeStartHook"))
            notes.append("adaptation: prototypes start as clusters of the training images")
    epochs = heads_alone(given.get("heads_first", 0), config.train_cfg.max_epochs)
    if epochs:
        hooks.append(ConfigDict(type="slotcon_mm.HeadsFirstHook", epochs=epochs))
        notes.append(
            f"adaptation: projector and prototypes learn alone for {epochs} of {config.train_cfg.max_epochs} epochs"
        )
    kinds = {short_type(hook) for hook in hooks}
    config.custom_hooks = [hook for hook in config.custom_hooks if short_type(hook) not in kinds] + hooks
    return notes


def heads_alone(share: float, epochs: int) -> int:
    return min(max(1, round(share * epochs)), epochs - 1) if share else 0
