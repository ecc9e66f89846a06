"""What two networks whose tensors fit each other compute differently."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, NamedTuple

from slotcon_mm.checks import printable

__all__ = ["Change", "changes_in_network", "describe_changes"]

TITLES = {
    "step": "distance between taps, in pixels of the image",
    "step_after": "first block after a stride that dilation replaces: distance between taps",
    "kernel": "size of the window",
    "padding": "padding, in dilations",
    "padding_mode": "padding mode",
    "eps": "eps",
    "heads": "attention heads",
    "kind": "kind of layer",
    "mean": "mean of the pixels, on the scale 0 to 255",
    "std": "std of the pixels, on the scale 0 to 255",
    "channels": "order of channels",
}
TOLERANCE = 0.01  # of a pixel's std: what no feature feels


class Change(NamedTuple):
    """``what`` of TITLES differs at ``place``, a layer or the pixels. Usual dilated networks have slight ones."""

    place: str
    what: str
    then: Any
    now: Any
    slight: bool = False


def changes_in_network(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """Of facts of the network that weights come from and of the one that takes them, what makes other features.

    Layers that only one of them has are left to the comparison of tensors. A stage computes the same features with
    another stride if dilation makes up for it. If the first block after the stride is dilated as well, as mmdet's
    dilated ResNets do (mmseg's ``contract_dilation`` avoids it), its own taps differ: a slight change.
    """
    found: list[Change] = []
    for place, old in then["layers"].items():
        new = now["layers"].get(place)
        if new is not None:
            found += changes_in_layer(place, old, new)
    return [*found, *changes_in_pixels(then["pixels"], now["pixels"])]


def changes_in_layer(place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for what in TITLES:
        before, after = (facts.get(what, "zeros" if what == "padding_mode" else None) for facts in (old, new))
        if what == "step_after" or before == after:
            continue
        if what != "step":
            yield Change(place, what, before, after)
        elif old.get("dilation") != new.get("dilation") and old.get("step_after") == new.get("step_after"):
            yield Change(place, "step_after", before, after, slight=True)
        else:
            yield Change(place, what, before, after)


def changes_in_pixels(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    if old["channels"] and new["channels"] and old["channels"] != new["channels"]:
        yield Change("pixels", "channels", old["channels"], new["channels"])
    for what in ("mean", "std"):
        if any(abs(a - b) > TOLERANCE * std for a, b, std in zip(old[what], new[what], old["std"], strict=True)):
            yield Change("pixels", what, old[what], new[what])


def describe_changes(changes: list[Change]) -> list[str]:
    """A line for each kind of change."""
    lines = []
    ordered = sorted(changes, key=lambda change: [*TITLES].index(change.what))
    for what, group in groupby(ordered, key=lambda change: change.what):
        values: dict[tuple[str, str], list[str]] = {}
        for change in group:
            values.setdefault((shown(change.then), shown(change.now)), []).append(change.place)
        parts = [f"{now} instead of {then}{place_of(places)}" for (then, now), places in values.items()]
        lines.append(f"{TITLES[what]}: {'; '.join(parts)}")
    return lines


def place_of(places: list[str]) -> str:
    if places == ["pixels"]:
        return ""
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    return f" in {printable(places[0])}{more}"


def shown(value: Any) -> str:
    """As a reader writes it."""
    if isinstance(value, list | tuple):
        return "(" + ", ".join(map(shown, value)) + ")"
    return f"{value:g}" if isinstance(value, float) else printable(str(value))
