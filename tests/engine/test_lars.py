"""LARS against the reference's loop over tensors."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from reference import slotcon as reference

from slotcon_mm.engine.lars import LARS


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
