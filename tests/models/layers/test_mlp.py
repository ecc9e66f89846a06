"""Projector and predictor against the reference's affine layers."""

from __future__ import annotations

import pytest
import torch
from reference import slotcon as reference

from slotcon_mm.models.layers.mlp import PointwiseConv2d, Predictor, Projector


def randomized(mlp: torch.nn.Module) -> torch.nn.Module:
    with torch.no_grad():
        for parameter in mlp.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return mlp.double()


def test_projector_is_the_references_perceptron_at_every_pixel():
    projector = randomized(Projector(3, 5, 4))
    state = {name: value.clone() for name, value in projector.state_dict().items()}
    x = torch.randn(2, 3, 2, 4, dtype=torch.float64)
    expected = reference.mlp(x.movedim(1, -1).flatten(0, 2), state).view(2, 2, 4, 4).movedim(-1, 1)
    torch.testing.assert_close(projector(x), expected)
    torch.testing.assert_close(projector[1].running_var, state["1.running_var"])


def test_predictor_is_the_references_perceptron_on_the_rows_that_count():
    predictor = randomized(Predictor(3, 5))
    state = {name: value.clone() for name, value in predictor.state_dict().items()}
    rows, counted = torch.randn(6, 3, dtype=torch.float64), torch.tensor([True, True, False, True, False, True])
    expected = reference.mlp(rows[counted], state)
    torch.testing.assert_close(predictor(rows, counted)[counted], expected)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_pointwise_convolution_is_torchs_1x1_convolution(layout):
    ours, plain = PointwiseConv2d(3, 5).double(), torch.nn.Conv2d(3, 5, 1).double()
    ours.load_state_dict(plain.state_dict())
    pixels = torch.randn(2, 3, 4, 6, dtype=torch.float64).contiguous(memory_format=layout)
    found = []
    for layer in (ours, plain):
        x = pixels.clone().requires_grad_()
        y = layer(x)
        y.pow(3).sum().backward()
        found.append((y.detach(), x.grad, layer.weight.grad, layer.bias.grad))
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-12)
    assert found[0][0].is_contiguous(memory_format=torch.channels_last)
