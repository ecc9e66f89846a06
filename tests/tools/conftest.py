"""What tests of set-up share."""

from __future__ import annotations

from pathlib import Path

import pytest
from set_ups import copy_of_checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What set-up reads, without an environment."""
    return copy_of_checkout(tmp_path)
