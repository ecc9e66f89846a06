"""What a file hands over is plain, and ends."""

from __future__ import annotations

import argparse
from collections import Counter, OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from crafted_files import archive, call, dictionary, named, number, tensor, text, together
from torch import nn

from slotcon_mm.checkpoints.contents import flat_tensors
from slotcon_mm.checkpoints.inert import Inert
from slotcon_mm.checkpoints.plain_contents import plain_contents
from slotcon_mm.checkpoints.safe_loading import load_from_safe_local, load_weights

SIZE = 1000


def test_plain_parts_stay_as_they_are():
    part = torch.ones(2)
    versions = OrderedDict({"": dict(version=1)})
    state = OrderedDict(w=part, tied=part, parameter=nn.Parameter(torch.ones(1)))
    state._metadata = versions
    given = dict(state=state, a=[1, (2.0, None), {"x"}], b=b"b", c=Counter("aab"), d=torch.Size([1]), e=torch.float32)
    found = plain_contents(given, SIZE)
    assert {name: found[name] for name in "abcde"} == {name: given[name] for name in "abcde"}
    assert type(found["state"]) is OrderedDict
    assert found["state"]._metadata == versions
    assert found["state"]["w"] is found["state"]["tied"]
    assert found["state"]["w"].equal(part)
    assert not found["state"]["parameter"].requires_grad


def test_what_is_not_plain_is_left_out_wherever_it_is():
    one = Inert()
    given = dict(a=one, b=[1, one, dict(c=one, d=2)], e=(one, 3), f=torch.UntypedStorage(4), **{"g": {"h": [one]}})
    given[one] = 5
    assert plain_contents(given, SIZE) == dict(b=[1, dict(d=2)], e=(3,), g=dict(h=[]))


@pytest.mark.parametrize("load", [load_weights, load_from_safe_local])
def test_attributes_that_a_pickle_gives_are_left_behind(load, tmp_path):
    """Else a dict's ``items`` and a tensor's ``dim`` would be what the file says."""
    stand_in = named("collections", "Counter")
    rebuilt = call(
        named("torch._tensor", "_rebuild_from_type_v2"), named("torch._utils", "_rebuild_tensor_v2"),
        named("torch", "Tensor"), together(tensor_arguments(), number(0), together(number(1)), together(number(1)),
        b"\x89", call(named("collections", "OrderedDict"))), dictionary(dim=stand_in),
    )  # fmt: skip
    outer = call(named("collections", "OrderedDict")) + b"(" + text("state_dict") + dictionary(w=rebuilt) + b"u"
    path = archive(tmp_path / "a.pth", outer + dictionary(items=stand_in, get=stand_in) + b"b")
    assert torch.load(path, weights_only=True).items is Counter  # a negative control
    found = load(str(path))
    assert found.get("state_dict")["w"].dim() == 1
    assert list(flat_tensors(found)) == ["state_dict.w"]


def tensor_arguments() -> bytes:
    return together(text("storage"), named("torch", "FloatStorage"), text("0"), text("cpu"), number(1)) + b"Q"


def within_itself() -> dict[str, Any]:
    node: dict[str, Any] = {}
    node["a"] = [node]
    return node


def doubled(times: int) -> dict[str, Any]:
    """2^times places of one tensor."""
    node: Any = torch.ones(1)
    for _ in range(times):
        node = dict(a=node, b=node)
    return node


def nested(times: int) -> list[Any]:
    node: list[Any] = []
    for _ in range(times):
        node = [node]
    return node


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (within_itself(), "within one another, deeper than 100"),
        (dict(a=nested(100)), "within one another, deeper than 100"),
        (doubled(40), "at more than 1,000,000 places"),
        (dict(a=torch.ones(1).expand(10**6, 10**6)), r"a tensor of shape \(1000000, 1000000\).*the 1,000 bytes"),
        (dict(a=torch.ones(3, device="meta")), "a tensor without values"),
        (dict(a=torch.ones(3).to_sparse()), "sparse, quantized or nested"),
        (dict(a=torch.quantize_per_tensor(torch.ones(1), 1.0, 0, torch.qint8)), "sparse, quantized or nested"),
    ],
)
def test_what_has_no_end_or_no_values_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        plain_contents(given, SIZE)


def test_dicts_that_are_met_again_and_again_are_no_fault():
    shared = dict(w=torch.ones(1))
    assert isinstance(plain_contents([shared] * 1000 + [nested(50), dict(a=nested(50))], SIZE)[999], Mapping)


def test_shapes_without_values_pass_where_they_are_asked_for():
    assert plain_contents(dict(a=torch.ones(3, device="meta")), SIZE, shapes_only=True)["a"].shape == (3,)


def test_the_file_of_such_a_tensor_is_named(tmp_path):
    path = archive(tmp_path / "big.pth", dictionary(state_dict=dictionary(w=tensor((10**6, 10**6), (0, 0)))))
    with pytest.raises(ValueError, match=r"plain Python values in .*big.pth, got a tensor of shape \(1000000, 1000000"):
        load_weights(str(path))


def test_nothing_that_stands_for_an_unknown_class_is_handed_over(tmp_path):
    left = argparse.Namespace(data=Path("x"))
    torch.save(dict(state_dict=dict(w=torch.ones(1)), args=left, log=[left, dict(a=left, b=1)]), tmp_path / "a.pth")
    assert {name: value for name, value in load_weights(str(tmp_path / "a.pth")).items() if name != "state_dict"} == {
        "log": [{"b": 1}]
    }
