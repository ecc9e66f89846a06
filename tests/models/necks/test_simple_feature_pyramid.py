"""The pyramid of a plain vision transformer."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from slotcon_mm.models import SimpleFeaturePyramid


@pytest.fixture
def neck() -> SimpleFeaturePyramid:
    torch.manual_seed(0)
    neck = SimpleFeaturePyramid(in_channels=8, out_channels=6).double()
    for parameter in neck.parameters():
        nn.init.normal_(parameter)
    return neck


def normalized(values: Tensor, norm: nn.Module) -> Tensor:
    """Each cell's channels to mean 0 and variance 1, then scaled and moved."""
    mean, variance = values.mean(dim=1, keepdim=True), values.var(dim=1, keepdim=True, unbiased=False)
    scale, move = (parameter[None, :, None, None] for parameter in (norm.weight, norm.bias))
    return (values - mean) / (variance + 1e-6).sqrt() * scale + move


def doubled(values: Tensor, layer: nn.Module) -> Tensor:
    """Each cell becomes 2 x 2 cells, each by a matrix of its own."""
    batch, _, height, width = values.shape
    found = torch.empty(batch, layer.weight.shape[1], 2 * height, 2 * width, dtype=values.dtype)
    for row in range(2):
        for column in range(2):
            part = torch.einsum("bcyx,co->boyx", values, layer.weight[:, :, row, column])
            found[:, :, row::2, column::2] = part + layer.bias[None, :, None, None]
    return found


def level(values: Tensor, layers: nn.Sequential) -> Tensor:
    pointwise, neighbors = layers
    mixed = normalized(torch.einsum("bcyx,oc->boyx", values, pointwise.conv.weight[:, :, 0, 0]), pointwise.norm)
    height, width = mixed.shape[-2:]
    padded = nn.functional.pad(mixed, (1, 1, 1, 1))
    total = sum(
        torch.einsum(
            "bcyx,oc->boyx",
            padded[:, :, row : row + height, column : column + width],
            neighbors.conv.weight[:, :, row, column],
        )
        for row in range(3)
        for column in range(3)
    )
    return normalized(total, neighbors.norm)


def test_each_level_is_what_its_equations_say(neck):
    values = torch.randn(2, 8, 4, 6, dtype=torch.float64)
    first, norm, _, second = neck.scales[0]
    half = normalized(doubled(values, first), norm)
    half = half * (1 + torch.erf(half / 2**0.5)) / 2  # GELU
    largest = torch.stack([values[:, :, row::2, column::2] for row in range(2) for column in range(2)]).amax(dim=0)
    scaled = [doubled(half, second), doubled(values, neck.scales[1]), values, largest]
    expected = [level(one, layers) for one, layers in zip(scaled, neck.levels, strict=True)]
    expected.append(expected[-1][:, :, ::2, ::2])
    found = neck((torch.zeros(1), values))  # of several outputs, the last
    assert [one.shape for one in found] == [(2, 6, *size) for size in ((16, 24), (8, 12), (4, 6), (2, 3), (1, 2))]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_no_norm_is_of_the_batch(neck):
    assert not [layer for layer in neck.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    values = torch.randn(2, 8, 4, 4, dtype=torch.float64)
    for one, both in zip(neck(values[:1]), neck(values), strict=True):
        torch.testing.assert_close(one, both[:1])


@pytest.mark.parametrize(("shape", "shown"), [((1, 4, 2, 2), r"\(1, 4, 2, 2\)"), ((1, 5, 8), r"\(1, 5, 8\)")])
def test_other_features_are_refused_with_what_to_set(neck, shape, shown):
    with pytest.raises(ValueError, match=rf"map \(B, 8, H, W\) .*got shape {shown}: set model.neck.in_channels"):
        neck(torch.zeros(shape, dtype=torch.float64))


def test_senseless_settings_are_refused():
    with pytest.raises(ValueError, match="in_channels that 4 divides, got 6"):
        SimpleFeaturePyramid(in_channels=6)
    with pytest.raises(ValueError, match="out_channels above 0, got 0"):
        SimpleFeaturePyramid(in_channels=8, out_channels=0)
