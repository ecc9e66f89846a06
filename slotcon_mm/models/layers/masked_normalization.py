"""Batch normalization over the rows that count, of all ranks, in few passes over memory."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.dist import all_reduce
from torch import Tensor

from slotcon_mm.models.functional import full_precision

__all__ = ["MaskedNormalization"]


class MaskedNormalization(torch.autograd.Function):
    """y = (x - mean) / sqrt(variance + eps) * weight + bias, with moments over the counted rows of all ranks' x (R, C).

    y is ``bias`` in rows that do not count, which therefore have no gradient. Written with autograd, it would take
    about twice as many passes over x and its intermediate results.

    Returns:
        y in x's type, and, without gradient, the number of counted rows (), mean (C,) and biased variance (C,).
    """

    @staticmethod
    def forward(
        ctx: Any, x_RC: Tensor, counted_R: Tensor, weight_C: Tensor, bias_C: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        with torch.autocast(x_RC.device.type, enabled=False):
            values_RC = full_precision(x_RC)
            mask_R = counted_R.to(values_RC.dtype)
            sums = torch.cat([mask_R @ values_RC, mask_R.sum()[None]])
            all_reduce(sums)
            # one row at least, so that a batch without any gives zeros instead of NaN
            count, rows = sums[-1], sums[-1].clamp(min=1)
            mean_C = sums[:-1] / rows
            centered_RC = (values_RC - mean_C).mul_(mask_R[:, None])
            squares_C = torch.linalg.vector_norm(centered_RC, dim=0).square()  # in one pass, without the squares
            all_reduce(squares_C)
            variance_C = squares_C / rows
            inverse_C = (variance_C + eps).rsqrt()
            y_RC = torch.addcmul(bias_C, centered_RC, inverse_C * weight_C)
            ctx.save_for_backward(centered_RC, mask_R, inverse_C, weight_C, rows)
            ctx.mark_non_differentiable(count, mean_C, variance_C)
            ctx.set_materialize_grads(False)  # no zeros for these
            return y_RC.to(x_RC.dtype), count, mean_C, variance_C

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        if gradients[0] is None:
            return (None,) * 5
        centered_RC, mask_R, inverse_C, weight_C, rows = ctx.saved_tensors
        with torch.autocast(centered_RC.device.type, enabled=False):
            gradient_RC = full_precision(gradients[0])
            product_C = (gradient_RC * centered_RC).sum(dim=0)
            sums = torch.stack([mask_R @ gradient_RC, product_C])
            all_reduce(sums)
            # of what y depends on through mean and variance
            pull_C, slope_C = sums[0] / rows, sums[1] / rows * inverse_C.square()
            scale_C = inverse_C * weight_C
            x_gradient = torch.addcmul(-pull_C * scale_C, gradient_RC, scale_C)
            x_gradient.addcmul_(centered_RC, slope_C * scale_C, value=-1).mul_(mask_R[:, None])
            return (
                x_gradient.to(gradients[0].dtype), None, product_C * inverse_C, gradient_RC.sum(dim=0), None
            )  # fmt: skip
