"""LARS against the reference's loop over tensors."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from reference import slotcon as reference

from slotcon_mm import fused_sgd
from slotcon_mm.engine.optimizers import lars
from slotcon_mm.engine.optimizers.lars import LARS


def test_steps_equal_the_reference_for_matrices_kernels_vectors_and_zeros():
    generator = torch.Generator().manual_seed(0)
    shapes = dict(matrix=(3, 4), kernel=(2, 3, 3, 3), bias=(5,), scalar=(), zero=(2, 2))
    params = {n: torch.randn(s, generator=generator, dtype=torch.float64) for n, s in shapes.items()}
    params["zero"].zero_()
    ours = {n: p.clone().requires_grad_() for n, p in params.items()}
    optimizer, buffers = LARS(ours.values(), lr=0.3), {}
    for step in range(5):
        grads = {n: torch.randn(p.shape, generator=generator, dtype=torch.float64) for n, p in params.items()}
        if step == 2:
            grads["matrix"].zero_()
        for name, parameter in ours.items():
            parameter.grad = grads[name].clone()
        optimizer.step()
        reference.lars_step(params, grads, buffers, lr=0.3)
        for name, parameter in ours.items():
            torch.testing.assert_close(parameter.detach(), params[name], rtol=1e-12, atol=1e-15)


def test_gradients_are_left_as_they_are():
    p = torch.randn(3, 3, requires_grad=True)
    p.grad = torch.ones(3, 3)
    LARS([p], lr=0.1).step()
    assert torch.equal(p.grad, torch.ones(3, 3))


def test_parameters_without_gradient_do_not_move_and_get_no_state():
    frozen, trained = torch.ones(2, 2, requires_grad=True), torch.ones(2, 2, requires_grad=True)
    trained.grad = torch.ones(2, 2)
    optimizer = LARS([frozen, trained], lr=0.1)
    optimizer.step()
    assert torch.equal(frozen, torch.ones(2, 2))
    assert len(optimizer.state) == 1


def test_its_state_survives_saving():
    def stepped(optimizer, p, times):
        for _ in range(times):
            p.grad = torch.ones_like(p)
            optimizer.step()

    a = torch.ones(2, 2, requires_grad=True)
    one = LARS([a], lr=0.1)
    stepped(one, a, 2)
    b = a.detach().clone().requires_grad_()
    two = LARS([b], lr=0.7)
    two.load_state_dict(deepcopy(one.state_dict()))
    stepped(one, a, 2)
    stepped(two, b, 2)
    assert torch.equal(a, b)


def test_a_closure_is_evaluated_with_gradients():
    p = torch.ones(1, 1, requires_grad=True)
    optimizer = LARS([p], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (p * 3).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure) == 3
    assert p.item() < 1


@pytest.mark.parametrize("arguments", [dict(lr=-1), dict(lr=1, momentum=1), dict(lr=1, trust_coefficient=0)])
def test_values_out_of_range_are_refused(arguments):
    with pytest.raises(ValueError, match="expected lr"):
        LARS([torch.ones(1, requires_grad=True)], **arguments)


def moved(*, fused: bool, found_inf: float | None, monkeypatch) -> list[torch.Tensor]:
    """Parameters and momenta after two moves; ``fused=False`` is the branch of older versions of torch."""
    monkeypatch.setattr(fused_sgd, "HAS_FUSED_SGD", fused and fused_sgd.HAS_FUSED_SGD)
    generator = torch.Generator().manual_seed(0)
    params, momenta, updates = ([torch.randn(s, generator=generator) for s in ((3, 4), (5,))] for _ in range(3))
    for _ in range(2):
        lars.move(params, momenta, updates, 0.1, 0.9, None if found_inf is None else torch.tensor(found_inf))
    return [*params, *momenta]


@pytest.mark.parametrize("found_inf", [None, 0.0, 1.0])
def test_the_branch_of_older_torch_gives_the_same_to_a_rounding(found_inf, monkeypatch):
    """The fused kernel rounds once where the other rounds twice, in the values behind its last whole vector."""
    branches = [moved(fused=fused, found_inf=found_inf, monkeypatch=monkeypatch) for fused in (True, False)]
    for fused, other in zip(*branches, strict=True):
        torch.testing.assert_close(fused, other, rtol=1e-6, atol=5e-7)


@pytest.mark.parametrize("fused", [True, False])
def test_nothing_moves_where_an_infinity_was_found_not_even_by_nan(fused, monkeypatch):
    monkeypatch.setattr(fused_sgd, "HAS_FUSED_SGD", fused and fused_sgd.HAS_FUSED_SGD)
    params, momenta = [torch.ones(3)], [torch.full((3,), 0.5)]
    lars.move(params, momenta, [torch.full((3,), float("nan"))], 0.1, 0.9, torch.tensor(1.0))
    assert params[0].tolist() == [1.0] * 3
    assert momenta[0].tolist() == [0.5] * 3


def test_tensors_of_other_layouts_are_not_taken_as_plain_memory():
    """The fused kernel would mix up the values of a channels-last kernel and of a contiguous momentum."""
    generator = torch.Generator().manual_seed(0)
    plain = torch.randn(2, 3, 4, 5, generator=generator)
    update = torch.randn(2, 3, 4, 5, generator=generator)
    found = []
    for layout in (torch.contiguous_format, torch.channels_last):
        param, momentum = plain.clone().contiguous(memory_format=layout), torch.zeros_like(plain)
        lars.move([param], [momentum], [update], 0.1, 0.9, None)
        found.append(param)
    torch.testing.assert_close(*found, rtol=1e-6, atol=5e-7)


@pytest.mark.parametrize("fused", [True, False])
def test_without_momentum_the_scaled_gradient_is_the_step(fused, monkeypatch):
    monkeypatch.setattr(fused_sgd, "HAS_FUSED_SGD", fused and fused_sgd.HAS_FUSED_SGD)
    params = dict(matrix=torch.full((2, 3), 2.0), bias=torch.ones(3))
    ours = {name: p.clone().requires_grad_() for name, p in params.items()}
    optimizer, buffers = LARS(ours.values(), lr=0.3, momentum=0.0), {}
    for scale in (1.0, 2.0):
        grads = {name: torch.full_like(p, scale) for name, p in params.items()}
        for name, parameter in ours.items():
            parameter.grad = grads[name].clone()
        optimizer.step()
        reference.lars_step(params, grads, buffers, lr=0.3, momentum=0.0)
    for name, parameter in ours.items():
        torch.testing.assert_close(parameter.detach(), params[name], rtol=1e-6, atol=1e-7)
