"""All families of networks whose names are known."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from slotcon_mm.checkpoints.names.convnexts import CONVNEXTS
from slotcon_mm.checkpoints.names.resnets import RESNETS
from slotcon_mm.checkpoints.names.rotary_vision_transformers import ROTARY_VISION_TRANSFORMERS
from slotcon_mm.checkpoints.names.swins import SWINS
from slotcon_mm.checkpoints.names.tables import Family, Naming, ours_of
from slotcon_mm.checkpoints.names.vision_transformers import VISION_TRANSFORMERS

__all__ = ["FAMILIES", "Known", "all_namings", "naming_of"]

FAMILIES = (RESNETS, CONVNEXTS, VISION_TRANSFORMERS, ROTARY_VISION_TRANSFORMERS, SWINS)


class Known(NamedTuple):
    """A family, and the naming by which a network of it goes."""

    family: Family
    naming: Naming


def all_namings() -> Iterator[Known]:
    return (Known(family, naming) for family in FAMILIES for naming in family.namings)


def naming_of(names: Collection[str]) -> Known | None:
    """Of a network's own names, all of them; None of a network that no table knows."""
    for known in all_namings():
        if known.naming.stem in names and all(
            ours_of(known.naming, name) or re.fullmatch(known.family.own, name) for name in names
        ):
            return known
    return None


def naming_by_layers(layers: Collection[str]) -> Known | None:
    """The naming that knows most of a network's layers, by their weights; None if none knows its first."""
    known = [one for one in all_namings() if one.naming.stem.removesuffix(".weight") in layers or not layers]
    counts = [sum(ours_of(one.naming, f"{layer}.weight") is not None for layer in layers) for one in known]
    return known[counts.index(max(counts))] if known else None
