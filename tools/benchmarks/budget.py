"""What all runs in a folder have in common, so that one table does not hold runs of different kinds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from slotcon_mm.atomic_files import write_atomically

__all__ = ["expect_same_budget"]


def expect_same_budget(note: Path, budget: dict[str, Any]) -> None:
    """ValueError where the folder's runs, which are not done again, had other images, classes, lengths or sources."""
    if not note.is_file():
        note.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(str(note), (json.dumps(budget, indent=2) + "\n").encode())
    elif json.loads(note.read_text()) != budget:
        raise ValueError(
            f"expected the budget of the runs in {note.parent}, {json.loads(note.read_text())}, got {budget}: choose "
            "another --out for another budget"
        )
