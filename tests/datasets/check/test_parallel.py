"""Files that kill their process."""

from __future__ import annotations

import os
import signal

import pytest

from slotcon_mm.datasets.check.parallel import map_surviving


def upper(name: str) -> str:
    if name.startswith("kills"):
        os.kill(os.getpid(), signal.SIGKILL)
    return name.upper()


def lost(name: str) -> str:
    return f"{name} was lost"


@pytest.mark.parametrize("killers", [[], [5], [0, 33, 34, 99]])
def test_every_name_has_its_result_and_a_killer_costs_itself_alone(killers):
    names = [f"kills{i}" if i in killers else f"n{i}" for i in range(100)]
    found = [result for results in map_surviving(upper, names, workers=2, lost=lost) for result in results]
    assert sorted(found) == sorted(lost(name) if name.startswith("kills") else name.upper() for name in names)


def raises(name: str) -> str:
    raise ZeroDivisionError(name)


def test_an_error_of_the_function_is_no_lost_process():
    with pytest.raises(ZeroDivisionError):
        list(map_surviving(raises, ["a"], workers=1, lost=lost))


def test_no_names_have_no_results():
    assert list(map_surviving(upper, [], workers=2, lost=lost)) == []
