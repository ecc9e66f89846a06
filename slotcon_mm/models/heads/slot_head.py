"""The slot loss: the same slot of both views should agree, and differ from all other slots of the batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.dist import all_reduce, get_rank
from mmengine.model import BaseModule
from torch import Tensor

from slotcon_mm.checks import expect_positive
from slotcon_mm.models.functional import contrast_slots, counted_slots, full_precision, pack_counted
from slotcon_mm.models.heads.reduction import mean_over_ranks, rows_of_all_ranks
from slotcon_mm.models.layers.mlp import Predictor, init_mlp
from slotcon_mm.models.necks.grouping_neck import Grouping
from slotcon_mm.registry import MODELS

__all__ = ["SlotLossHead"]


@MODELS.register_module()
class SlotLossHead(BaseModule):
    """Slot contrast with a predictor on the student's side (paper section 3.2).

    Args:
        channels: D of a slot; the algorithm fills it in from the neck.
        hidden_channels: Width of the predictor.
        temperature: Of the contrast.
        num_layers: Linear layers of the predictor; SlotMIM's has two.
        norm: Whether the predictor has BN; in SlotMIM's paper it has none.
    """

    def __init__(
        self,
        channels: int = 256,
        hidden_channels: int = 4096,
        temperature: float = 0.2,
        num_layers: int = 3,
        norm: bool = True,
    ) -> None:
        super().__init__()
        expect_positive(
            channels=channels, hidden_channels=hidden_channels, temperature=temperature, num_layers=num_layers
        )
        self.channels = channels
        self.temperature = temperature
        self.predictor = Predictor(channels, hidden_channels, num_layers=num_layers, norm=norm)
        # the batch statistics of one query have no variance
        self.least_queries = 2 if norm else 1

    def init_weights(self) -> None:
        init_mlp(self.predictor)

    def forward(self, student: Sequence[Grouping], teacher: Sequence[Grouping]) -> Tensor:
        """NCE(1, 2) + NCE(2, 1), in this order: the predictor's running statistics move once for each."""
        return self._contrast(student[0], teacher[1]) + self._contrast(student[1], teacher[0])

    def _contrast(self, student: Grouping, teacher: Grouping) -> Tensor:
        """NCE(i, j): slots that count in both views are queries, the teacher's that count in view j are keys."""
        counted_BK = counted_slots(teacher.scores)
        packed_BC = pack_counted(counted_BK, slot_capacity(counted_BK, pixels=teacher.scores[0, 0].numel()))
        is_key_R = counted_BK.gather(1, packed_BC).flatten()
        is_query_R = is_key_R & counted_slots(student.scores).gather(1, packed_BC).flatten()
        queries_RD = full_precision(self.predictor(pick_slots(student.slots, packed_BC), is_query_R))
        # queries and keys are packed alike, so a query's key stands in its own row of its own rank
        keys_ND = rows_of_all_ranks(pick_slots(teacher.slots, packed_BC))
        is_key_N = rows_of_all_ranks(is_key_R.to(torch.uint8)).bool()
        target_R = torch.arange(len(queries_RD), device=queries_RD.device) + get_rank() * len(queries_RD)
        with torch.autocast(queries_RD.device.type, enabled=False):
            per_query_R = contrast_slots(queries_RD, keys_ND, is_key_N, target_R, temperature=self.temperature)
        counted_R = torch.where(is_query_R, per_query_R, 0)
        loss, queries = mean_over_ranks(counted_R.sum(), is_query_R.sum().to(counted_R.dtype))
        return torch.where(queries >= self.least_queries, loss, 0 * loss)


def slot_capacity(counted_BK: Tensor, *, pixels: int) -> int:
    """Slots to pack per image: room for every counted one, the same on all ranks.

    On a device it is the static bound min(K, pixels), since reading the true number would wait for the device. A CPU
    has nothing to wait for, and fewer rows are faster there. The loss does not depend on it.
    """
    if counted_BK.device.type != "cpu":
        return min(counted_BK.shape[1], pixels)
    largest = counted_BK.sum(dim=1).max()
    all_reduce(largest, op="max")
    return int(largest)


def pick_slots(slots_BKD: Tensor, packed_BC: Tensor) -> Tensor:
    """The slots (R, D) of the packed indices, R = B * C."""
    return slots_BKD.gather(1, packed_BC[..., None].expand(-1, -1, slots_BKD.shape[2])).flatten(0, 1)
