"""Which tensors torch's fused SGD takes."""

from __future__ import annotations

import torch

from slotcon_mm.fused_sgd import can_fuse, in_layout_of


def test_layouts_and_types_must_agree():
    plain = torch.randn(2, 3, 4, 5)
    assert can_fuse([plain], [plain.clone()])
    assert not can_fuse([plain], [plain.contiguous(memory_format=torch.channels_last)])
    assert not can_fuse([plain], [plain.double()])
    kernel = torch.randn(4, 3, 1, 1)
    assert can_fuse([kernel], [kernel.as_strided((4, 3, 1, 1), (3, 1, 3, 3))])


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
