"""torch.compile of the networks, and what happens where it cannot."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from helpers import as_samples, random_batch, random_masks, set_total_steps, tiny_slotcon, tiny_slotmim
from runs import build_run, log_of, pretraining_options, train

from slotcon_mm.launch.machine.compile_networks import compile_networks, networks_of


def losses(model: torch.nn.Module) -> torch.Tensor:
    set_total_steps()
    views, boxes, flipped = random_batch(size=16)
    result = model(views, as_samples(boxes, flipped, random_masks()), mode="loss")
    found = torch.stack([value for name, value in result.items() if "loss" in name])
    found.sum().backward()
    return found.detach()


@pytest.mark.parametrize("options", [{}, dict(views_in_one_pass=True)], ids=str)
@pytest.mark.parametrize("algorithm", [tiny_slotcon, tiny_slotmim], ids=["SlotCon", "SlotMIM"])
def test_a_compiled_model_computes_the_same_and_keeps_its_names(algorithm, options):
    plain = algorithm(**options)
    compiled = deepcopy(plain)
    (note,) = compile_networks(compiled, dict(backend="aot_eager"))
    assert "torch.compile(dynamic=False, backend='aot_eager')" in note
    assert all(network._compiled_call_impl is not None for network in networks_of(compiled))
    torch.testing.assert_close(losses(compiled), losses(plain), rtol=1e-9, atol=1e-12)
    assert compiled.state_dict().keys() == plain.state_dict().keys()
    for (name, mine), theirs in zip(compiled.named_parameters(), plain.parameters(), strict=True):
        if theirs.grad is not None:
            torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-9, atol=1e-12, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("options", [None, False])
def test_without_the_option_nothing_is_compiled(options):
    model = tiny_slotcon()
    assert compile_networks(model, options) == []
    assert all(network._compiled_call_impl is None for network in networks_of(model))


def test_a_compiler_that_fails_is_named_and_training_goes_on_without():
    def broken(graph, inputs):
        raise RuntimeError("no such device")

    model = tiny_slotcon()
    (note,) = compile_networks(model, dict(backend=broken))
    assert note.startswith("compile: training without torch.compile, which does not work here: ")
    assert "no such device" in note
    assert losses(model).isfinite().all()


def test_a_training_is_compiled_by_mmengines_option(scenes, tmp_path):
    options = pretraining_options(scenes, epochs=2, **{"compile.backend": "eager"})
    train(build_run("slotcon_r18_quickstart.py", tmp_path, options=options))
    log = log_of(tmp_path)
    assert "compile: backbone and projector by torch.compile(dynamic=False, backend='eager')" in log
    assert 'Model has been "compiled"' not in log
