"""What the garbage collector leaves alone while workers share it."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from slotcon_mm.launch.machine.worker_memory import objects_shared_with_workers


@pytest.fixture(autouse=True)
def _nothing_is_frozen() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.freeze()


def test_in_the_block_existing_objects_are_not_collected_and_afterwards_they_are():
    before = gc.get_freeze_count()
    with objects_shared_with_workers():
        assert gc.get_freeze_count() > before + 1000
    assert gc.get_freeze_count() == 0


def test_an_exception_ends_the_block_as_well():
    with pytest.raises(KeyError), objects_shared_with_workers():
        raise KeyError
    assert gc.get_freeze_count() == 0


def test_what_a_program_keeps_from_the_collector_itself_stays_so():
    gc.freeze()
    before = gc.get_freeze_count()
    with objects_shared_with_workers():
        pass
    assert gc.get_freeze_count() == before
