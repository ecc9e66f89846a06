"""What a file of weights holds, whatever is wrapped around it: tensors by flat names, and whose they are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor

__all__ = ["flat_tensors", "groups_beside", "prefixes_before", "side_name", "side_of"]

# parts of names that say whose weights follow: DINO's and iBOT's, MoCo v2's, MoCo v3's, BYOL's, of averaged weights
TEACHERS = {
    *("teacher", "encoder_k", "momentum_encoder", "target_network", "target_net", "target_encoder", "target_model"),
    *("key_encoder", "model_ema", "ema_model", "model_state_ema", "state_dict_ema", "ema_state_dict", "ema"),
}
STUDENTS = {
    *("student", "encoder_q", "base_encoder", "online_network", "online_net", "online_encoder", "query_encoder"),
}


def flat_tensors(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """Tensors of a dict of dicts by dotted names. Lists and what has other keys than names (optimizers) is left out."""
    found: dict[str, Tensor] = {}
    for name, value in checkpoint.items():
        if isinstance(value, Tensor) and isinstance(name, str):
            found[name] = value
        elif isinstance(value, Mapping) and isinstance(name, str):
            found.update({f"{name}.{inner}": tensor for inner, tensor in flat_tensors(value).items()})
    return found


def prefixes_before(name: str, names: Collection[str]) -> list[str]:
    """What stands before a name wherever it ends another, ``teacher.module.`` say; the shortest first."""
    found = {full[: -len(name)] for full in names if full.endswith(name)}
    return sorted((one for one in found if not one or one.endswith(".")), key=lambda one: (len(one), one))


def side_of(prefix: str) -> str | None:
    """``'teacher'`` or ``'student'`` where a prefix, or a whole name, says so."""
    parts = prefix.split(".")
    if TEACHERS.intersection(parts):
        return "teacher"
    return "student" if STUDENTS.intersection(parts) else None


def side_name(prefix: str) -> str | None:
    """What a prefix calls teacher or student: ``encoder_k``, say."""
    return next((part for part in prefix.split(".") if part in TEACHERS | STUDENTS), None)


def groups_beside(prefix: str, names: Collection[str]) -> dict[str, int]:
    """Where the other tensors are, and how many: those of ``student``, those of ``teacher.head``."""
    found: dict[str, int] = {}
    taken = prefix.split(".")
    for name in names:
        if name.startswith(prefix):
            continue
        parts = name.split(".")
        shared = next((i for i, part in enumerate(parts) if part != taken[i]), len(parts) - 1)
        group = ".".join(parts[: shared + 1]).removeprefix("state_dict.")
        found[group] = found.get(group, 0) + 1
    return found
