"""Names that a person gave to prototypes: ``names.json``, read, checked, and made into categories."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from slotcon_mm.checks import listing, printable
from slotcon_mm.evaluation.matching import match_majority
from slotcon_mm.models.algorithms.grouping_algorithm import GroupingAlgorithm
from slotcon_mm.text_files import as_utf8

__all__ = ["GroupNames", "fingerprint_of", "names_as_text", "propose_names", "read_names"]

EXAMPLE = '{"prototypes": 64, "names": {"3": "car", "17": "car", "5": "road"}}'
BACKGROUND = "background"
KEYS = ("prototypes", "fingerprint", "names")
CONTROLS = ("Cc", "Cs", "Zl", "Zp")  # Unicode's categories of control characters, line ends, and halves of a pair


class GroupNames(NamedTuple):
    """Categories and the prototypes that stand for them.

    Attributes:
        categories: N names in the order of the alphabet, whatever their order in the file; the first has the id 1.
        table: (K,) the category id of each prototype, in the smallest unsigned type that holds N; 0: background.
    """

    categories: tuple[str, ...]
    table: np.ndarray

    def category_map(self, group_map_HW: np.ndarray) -> np.ndarray:
        """(H, W) category ids of (H, W) prototype ids."""
        return self.table[group_map_HW]


def fingerprint_of(model: GroupingAlgorithm) -> str:
    """16 hexadecimal digits that tell weights apart: the sha256 of the teacher's prototypes."""
    prototypes_KD = model.teacher.neck.prototypes.detach().float().cpu().numpy()
    return hashlib.sha256(prototypes_KD.tobytes()).hexdigest()[:16]


def read_names(path: str | Path, num_prototypes: int, fingerprint: str) -> GroupNames:
    """Reads ``names.json``, such as ``{"prototypes": 64, "names": {"3": "car", "17": "car", "5": "road"}}``.

    Prototypes that are not listed, or whose name is empty or ``background``, are background. Spaces around a name do
    not count. ``prototypes`` and ``fingerprint`` (``fingerprint_of``) are compared if they are there.

    Raises:
        ValueError: The file cannot be understood, belongs to other weights, or names nothing; it, the value and what to
            do are named.
    """
    content = as_utf8(Path(path).read_bytes(), path)
    try:
        return names_of(parse(content), num_prototypes, fingerprint)
    except ValueError as error:
        raise ValueError(f"{printable(str(path))}: {error}") from None


def parse(content: bytes) -> Any:
    try:
        return json.loads(content.decode(), object_pairs_hook=once_each)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"expected JSON such as {EXAMPLE}, got {error}") from None


def once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; Python's own reading keeps the last of equal keys without a word."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key in found if [name for name, _ in pairs].count(key) > 1)
        raise ValueError(f'expected each key once, got "{printable(twice)}" again: remove one of them')
    return found


def names_of(content: Any, num_prototypes: int, fingerprint: str) -> GroupNames:
    if not isinstance(content, dict) or not isinstance(content.get("names"), dict):
        raise ValueError(f'expected an object with "names", such as {EXAMPLE}, got {shortened(content)}')
    if unknown := [key for key in content if key not in KEYS]:
        raise ValueError(
            f'expected the keys {", ".join(KEYS)}, got "{listing(unknown)}": remove what is not among them'
        )
    if content.get("prototypes", num_prototypes) != num_prototypes:
        raise ValueError(
            f"expected names for the {num_prototypes} prototypes of these weights, got a file for "
            f"{shortened(content['prototypes'])}: it belongs to other weights"
        )
    if content.get("fingerprint", fingerprint) != fingerprint:
        raise ValueError(
            f"expected the fingerprint of these weights, {fingerprint}, got {shortened(content['fingerprint'])}: their "
            'prototypes stand for other things. Name those of these weights, or remove "fingerprint" to use the file '
            "all the same"
        )
    given = {prototype_of(key, num_prototypes): name_of(key, value) for key, value in content["names"].items()}
    named = {prototype: name for prototype, name in given.items() if name.casefold() not in ("", BACKGROUND)}
    expect_one_spelling(named)
    categories = tuple(sorted(set(named.values()), key=lambda name: (name.casefold(), name)))
    if not categories:
        raise ValueError(f"expected a name for at least one prototype, such as {EXAMPLE}, got none")
    table_K = np.zeros(num_prototypes, np.min_scalar_type(len(categories)))
    for prototype, name in named.items():
        table_K[prototype] = 1 + categories.index(name)
    return GroupNames(categories, table_K)


def prototype_of(key: str, num_prototypes: int) -> int:
    if not (key.isascii() and key.isdecimal() and str(int(key)) == key and int(key) < num_prototypes):
        raise ValueError(
            f'expected prototypes from "0" to "{num_prototypes - 1}", got "{printable(key)}": the page of '
            "tools/visualize_slots.py shows their numbers"
        )
    return int(key)


def name_of(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f'expected a name in quotes for prototype {key}, such as "car", got {shortened(value)}')
    name = value.strip()
    if any(unicodedata.category(letter) in CONTROLS for letter in name):
        raise ValueError(f"expected a name of one line for prototype {key}, got {shortened(value)}: type it anew")
    return name


def expect_one_spelling(named: Mapping[int, str]) -> None:
    """Names that differ in upper and lower case only would be two categories by mistake."""
    spelled: dict[str, tuple[int, str]] = {}
    for prototype, name in named.items():
        first, known = spelled.setdefault(name.lower(), (prototype, name))  # as the page compares them
        if known != name:
            raise ValueError(
                f'expected one spelling of a name, got "{known}" for prototype {first} and "{name}" for prototype '
                f"{prototype}: make them the same, or tell them apart by more than upper and lower case"
            )


def shortened(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def names_as_text(names: Mapping[int, str], num_prototypes: int, fingerprint: str) -> str:
    """What ``read_names`` reads."""
    listed = {str(prototype): names[prototype] for prototype in sorted(names)}
    content = dict(prototypes=num_prototypes, fingerprint=fingerprint, names=listed)
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def propose_names(confusion_KC: np.ndarray, class_names: Sequence[str]) -> dict[int, str]:
    """The class that most labeled pixels of each prototype have; those without any have no name.

    Args:
        confusion_KC: Pixels of each prototype by class; without labels (K, 0).
        class_names: C of them.
    """
    if confusion_KC.shape[1] == 0:
        return {}
    return {prototype: class_names[label] for prototype, label in enumerate(match_majority(confusion_KC)) if label >= 0}
