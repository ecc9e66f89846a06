"""Which tensors torch's fused SGD takes."""

from __future__ import annotations

import pytest
import torch

from slotcon_mm import fused_sgd
from slotcon_mm.fused_sgd import can_fuse, in_layout_of, lie_alike


def test_layouts_and_types_must_agree():
    plain = torch.randn(2, 3, 4, 5)
    assert lie_alike([plain], [plain.clone()])
    assert not lie_alike([plain], [plain.contiguous(memory_format=torch.channels_last)])
    assert not lie_alike([plain], [plain.double()])
    kernel = torch.randn(4, 3, 1, 1)
    assert lie_alike([kernel], [kernel.as_strided((4, 3, 1, 1), (3, 1, 3, 3))])


@pytest.mark.parametrize("is_there", [True, False])
def test_the_kernel_of_older_torch_is_left_alone(monkeypatch, is_there):
    monkeypatch.setattr(fused_sgd, "HAS_FUSED_SGD", is_there)
    assert can_fuse([torch.ones(2)], [torch.ones(2)]) == is_there


def test_a_gradient_of_a_1x1_kernel_takes_its_parameters_spelling():
    kernel = torch.randn(4, 3, 1, 1)
    gradient = torch.randn(4, 3, 1, 1).as_strided((4, 3, 1, 1), (3, 1, 3, 3))
    aligned = in_layout_of(kernel, gradient)
    assert aligned.stride() == kernel.stride()
    assert torch.equal(aligned, gradient)
    assert aligned.data_ptr() == gradient.data_ptr()


def test_a_gradient_that_lies_otherwise_is_left_alone():
    kernel = torch.randn(4, 3, 2, 2)
    gradient = torch.randn(4, 3, 2, 2).contiguous(memory_format=torch.channels_last)
    assert in_layout_of(kernel, gradient) is gradient
