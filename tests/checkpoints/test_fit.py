"""Which weights fit, and what is said of those that do not."""

from __future__ import annotations

import pytest
import torch

from slotcon_mm.checkpoints.fit import check_fit

MODEL = dict(a=torch.ones(2), b=torch.ones(3, 3))


def test_weights_of_the_same_model_fit():
    check_fit(MODEL, dict(MODEL), every=True)
    check_fit(MODEL, dict(a=torch.ones(2)), every=False)


@pytest.mark.parametrize(
    ("loaded", "every", "message"),
    [
        (dict(c=torch.ones(2)), False, "0 of 2 tensors fit.*missing: a, b; unexpected: c"),
        (dict(a=torch.ones(5), b=MODEL["b"]), False, r"of another shape: a \(5,\), expected \(2,\)"),
        (dict(a=torch.ones(2)), True, "1 of 2 tensors fit.*missing: b"),
        (dict(MODEL, x=torch.ones(1)), True, "unexpected: x"),
    ],
)
def test_weights_of_another_model_are_refused_with_the_list(loaded, every, message):
    with pytest.raises(ValueError, match=message):
        check_fit(MODEL, loaded, every=every)
