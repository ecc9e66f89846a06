"""Whether a config makes of given weights the network that they were trained in, and what restores it."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config
from mmengine.runner.checkpoint import CheckpointLoader

from slotcon_mm.checkpoints.library_facts import facts_by_names, facts_of_timm, facts_of_torchvision, with_names_of
from slotcon_mm.checkpoints.network_changes import changes_in_network, describe_changes
from slotcon_mm.checkpoints.network_facts import facts_of_checkpoint, facts_of_config
from slotcon_mm.checkpoints.timm_weights import TIMM
from slotcon_mm.checks import printable
from slotcon_mm.launch.restoring_options import advice

__all__ = ["Caution", "compare_networks", "facts_of_file", "is_readable", "say"]

TORCHVISION = "torchvision://"
CONTRACT = "model.backbone.contract_dilation"


class Caution(str):
    """A note that is logged as a warning."""

    __slots__ = ()


def say(logger: logging.Logger, note: str) -> None:
    logger.log(logging.WARNING if isinstance(note, Caution) else logging.INFO, note)


def facts_of_file(file: str, checkpoint: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Of the network that a file's or an address's weights are of; ValueError with the reason if that is unknown."""
    if file.startswith(TORCHVISION):
        return facts_of_torchvision(file.removeprefix(TORCHVISION).partition(".")[0])
    if file.startswith(TIMM):
        return facts_of_timm(file.removeprefix(TIMM))
    if checkpoint is None:
        checkpoint = CheckpointLoader.load_checkpoint(file, map_location="meta", logger="silent")  # no tensor is read
    return facts_of_checkpoint(checkpoint)


def compare_networks(
    config: Config, start: str, file: str, *, checkpoint: Mapping[str, Any] | None = None, strict: bool = False
) -> list[str]:
    """Compares a config's network with that of the weights it starts from; reads both, changes neither.

    Args:
        config: Of any package; its backbone takes the weights.
        start: What the user calls the weights: ``--pretrained FILE``.
        file: A file or address.
        checkpoint: The file as loaded.
        strict: Whether a difference is an error.

    Returns:
        Lines for the log; differences are one ``Caution``, with the options that restore the network.

    Raises:
        ValueError: With ``strict``, the network is another one, or it is unknown which the weights are of.
    """
    start = printable(start)
    try:
        now = facts_of_config(config)
        then = with_names_of(facts_of_file(file, checkpoint), now)
    except ValueError as error:
        unknown = (
            f"{start}: which network these weights are of was not compared ({error}): strides, dilations, norms, "
            "activations and the normalization of pixels have to be those of their training"
        )
        if strict:
            raise ValueError(f"{unknown}. --strict-pretrained asks for that comparison") from None
        return [unknown, *compare_by_names(config, start, checkpoint)]
    changes = changes_in_network(then, now)
    slight, grave = ([change for change in changes if change.slight is kind] for kind in (True, False))
    avoided = f" ({CONTRACT}=True avoids it)" if "contract_dilation" in now["backbone"] else ""
    notes = [f"{start}: {line}, as is usual with dilated backbones{avoided}" for line in describe_changes(slight)]
    if not grave:
        return notes
    text = "\n  ".join(
        [
            f"{start}: the config makes another network of these weights than they were trained in:",
            *describe_changes(grave),
            advice(config, then, now, grave),
        ]
    )
    if strict:
        raise ValueError(text)
    return [*notes, Caution(text)]


def compare_by_names(config: Config, start: str, checkpoint: Mapping[str, Any] | None) -> list[str]:
    """A ``Caution`` where all networks with such names have another ``eps``, or see other pixels, than the config's."""
    try:
        now = facts_of_config(config)
        found = facts_by_names(checkpoint, now) if checkpoint is not None else None
    except ValueError:
        return []
    changes = changes_in_network(found[1], now) if found else []
    if not found or not changes:
        return []
    lines = [f"{start}: networks whose weights have the names of {found[0]} differ from the config's:"]
    return [Caution("\n  ".join([*lines, *describe_changes(changes), advice(config, found[1], now, changes)]))]


def is_readable(start: str) -> bool:
    """Whether facts can be had of it without a download."""
    return start.startswith((TORCHVISION, TIMM)) or os.path.isfile(start)
