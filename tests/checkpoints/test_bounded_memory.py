"""Small files take little memory."""

from __future__ import annotations

import sys

import pytest
import torch
from crafted_files import WEIGHT, archive, call, dictionary, named, number
from torch import nn

from slotcon_mm.checkpoints.bounded_memory import MOST_MODULES, bounded_memory, network_of_file
from slotcon_mm.checkpoints.safe_loading import load_weights

GIB = 2**30
MUCH = 16 * GIB  # more than what trainings of other tests left to this process (kept_memory.py)
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not bound it")


def test_what_asks_for_more_fails_and_afterwards_does_not():
    with bounded_memory(GIB), pytest.raises(MemoryError):
        bytearray(MUCH)
    with bounded_memory(GIB), pytest.raises(RuntimeError, match="can't allocate memory"):
        torch.empty(MUCH, dtype=torch.uint8)
    with bounded_memory(GIB):
        assert len(bytearray(GIB // 4)) == GIB // 4
    assert torch.empty(2 * GIB, dtype=torch.uint8).numel() == 2 * GIB  # not one page of it is touched


@pytest.mark.parametrize(
    "asked",
    [
        ("builtins", "bytearray", 20 * GIB),
        ("torch", "FloatTensor", 5 * GIB),
        ("torch.storage", "UntypedStorage", 20 * GIB),
    ],
)
def test_a_file_that_asks_for_memory_is_refused(asked, tmp_path):
    module, name, size = asked
    made = call(named(module, name), number(size))
    path = archive(tmp_path / "big.pth", dictionary(state_dict=dictionary(w=WEIGHT), x=made))
    with pytest.raises(ValueError, match=r"got .*big.pth, which asks for far more memory than its \d+ bytes"):
        load_weights(str(path))


def test_a_network_suits_its_weights_and_has_an_end():
    weights = dict(state_dict=dict(w=torch.ones(10)))
    with pytest.raises(ValueError, match="takes far more memory than its weights"), network_of_file(weights):
        bytearray(MUCH)
    with pytest.raises(ValueError, match="at most 10,000 modules"), network_of_file(weights):
        nn.Sequential(*[nn.Identity()] * (MOST_MODULES + 1))
    with pytest.raises(ValueError, match=r"cannot be built here \(TypeError: Linear"), network_of_file(weights):
        nn.Linear(size=3)
    with network_of_file(weights):
        assert len(nn.Sequential(*[nn.Identity()] * 1000)) == 1000
    nn.Sequential(*[nn.Identity()] * (MOST_MODULES + 1))  # counted no longer
