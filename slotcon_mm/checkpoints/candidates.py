"""Places in a file where a network's weights may be, by its own names or another library's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from slotcon_mm.checkpoints.contents import prefixes_before, side_of
from slotcon_mm.checkpoints.names.families import Known, all_namings
from slotcon_mm.checkpoints.names.tables import Naming
from slotcon_mm.checkpoints.names.translation import by_our_names, by_their_names

__all__ = ["Candidate", "best", "candidates", "find_known"]

COUNTER = "num_batches_tracked"


class Candidate(NamedTuple):
    """What stands behind a prefix of a file's names.

    ``tensors`` are those that the network has, by its names, ``surplus`` those of such a network that it has not;
    ``unknown`` are the names that mean nothing to it. ``known`` is None where the names are the network's own.
    """

    prefix: str
    known: Known | None
    tensors: dict[str, Tensor]
    surplus: dict[str, Tensor]
    unknown: list[str]


def candidates(
    network: Mapping[str, Tensor], tensors: Mapping[str, Tensor], target: Known | None
) -> Iterator[Candidate]:
    """Of a network's state, whose naming is ``target`` if it is known, in all tensors of a file."""
    parts = [name for name in network if not name.endswith(COUNTER)]
    for prefix in dict.fromkeys(one for name in (parts[0], parts[-1]) for one in prefixes_before(name, tensors)):
        inner = inside(prefix, tensors)
        found = {name: inner[name] for name in network if name in inner}
        yield Candidate(prefix, None, with_counters(found, network), {}, [name for name in inner if name not in found])
    for naming in target.family.namings if target else ():
        for prefix in prefixes_before(naming.stem, tensors):
            translated = translated_candidate(prefix, naming, network, tensors, target)  # type: ignore[arg-type]
            if translated:
                yield translated


def translated_candidate(
    prefix: str, naming: Naming, network: Mapping[str, Tensor], tensors: Mapping[str, Tensor], target: Known
) -> Candidate | None:
    """Of one place and one library's names; None if it has parts of a layer only, which is another network's."""
    try:
        ours, unknown = by_our_names(naming, inside(prefix, tensors))
    except ValueError:
        return None
    theirs, _ = by_their_names(target.naming, with_split_biases(ours, network))
    found = {name: value for name, value in theirs.items() if name in network}
    surplus = {name: value for name, value in theirs.items() if name not in network}
    return Candidate(prefix, Known(target.family, naming), with_counters(found, network), surplus, unknown)


def best(found: list[Candidate], source: str | None, said: str | None) -> tuple[Candidate, str]:
    """The place that fills most of the network, and whose weights it has: teacher, student, or what the file says.

    Of teacher and student, the teacher, or the one that is asked for. A place without such a name beside a teacher's is
    the student's.

    Args:
        found: At least one.
        source: Who is asked for.
        said: What the file says of all its weights.

    Raises:
        ValueError: The file does not hold the one that is asked for.
    """
    most = max(len(one.tensors) for one in found)
    full = [one for one in found if len(one.tensors) == most]
    has_teacher = any(side_of(one.prefix) == "teacher" for one in full)
    sides = {one.prefix: side_of(one.prefix) or ("student" if has_teacher else said) or "backbone" for one in full}
    wanted = source or ("teacher" if has_teacher else None)
    chosen = [one for one in full if wanted in (None, sides[one.prefix])]
    if not chosen:
        raise ValueError(
            f"expected a checkpoint that holds a {source}, got one of {', '.join(sorted(set(sides.values())))} only"
        )
    # a name that says whose it is before one that does not, the network's own names before others, and the shortest
    one = min(chosen, key=lambda one: (side_of(one.prefix) is None, one.known is not None, len(one.prefix)))
    return one, sides[one.prefix]


def find_known(tensors: Mapping[str, Tensor], source: str | None = None) -> Candidate | None:
    """The network in a file that most names are of, by our names, whatever it is to fill; None if no table has it."""
    found = []
    for known in all_namings():
        for prefix in prefixes_before(known.naming.stem, tensors):
            try:
                ours, unknown = by_our_names(known.naming, inside(prefix, tensors))
            except ValueError:  # parts of a layer only: another library's names
                continue
            found.append(Candidate(prefix, known, ours, {}, unknown))
    return best(found, source, source)[0] if found else None


def inside(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def with_counters(tensors: dict[str, Tensor], network: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Files older than torch 0.4.1, and Hugging Face's, may lack the counters of batch norms; torch too starts at 0."""
    missing = {
        name: torch.zeros_like(value, device="cpu")
        for name, value in network.items()
        if name.endswith(COUNTER) and name not in tensors and name.replace(COUNTER, "running_mean") in tensors
    }
    return {**tensors, **missing}


def with_split_biases(ours: Mapping[str, Tensor], network: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """With the biases of queries and values apart where the network has them so; it has none for keys."""
    found = dict(ours)
    for name in [name for name in ours if name.endswith("attn.qkv.bias")]:
        place = name.removesuffix("qkv.bias")
        if any(one.endswith(f"{place}q_bias") for one in network):
            found[f"{place}q_bias"], keys, found[f"{place}v_bias"] = found[name].chunk(3)
            if not keys.any():
                del found[name]
    return found
