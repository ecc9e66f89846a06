"""Networks that take some sizes only still group images of any size."""

from __future__ import annotations

import pytest
import torch
from helpers import TinyBackbone, tiny_slotcon, tiny_slotmim
from torch import Tensor

from slotcon_mm.models.fitting_sizes import group_at_fitting_size


class Picky(TinyBackbone):
    """Takes what it is told to, and refuses the rest as HRNet and BEiT do."""

    def __init__(self, takes) -> None:
        super().__init__()
        self.takes, self.seen = takes, []

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        self.seen.append(tuple(x.shape[-2:]))
        if not self.takes(*x.shape[-2:]):
            raise RuntimeError("The size of tensor a (33) must match the size of tensor b (34)")
        return super().forward(x)


@pytest.fixture
def model():
    return tiny_slotcon().float().eval()


def grouped(model, takes, height=50, width=70):
    model.teacher.backbone = Picky(takes)
    grouping = group_at_fitting_size(model, torch.rand(2, 3, height, width), (64, 128))
    return model.teacher.backbone.seen, grouping


def test_a_network_that_takes_all_sees_images_as_they_are(model):
    seen, grouping = grouped(model, lambda *size: True)
    assert seen == [(50, 70)]
    assert len(grouping.scores) == 2


def test_one_that_needs_multiples_of_32_sees_the_next_of_them(model):
    seen, _ = grouped(model, lambda height, width: height % 32 == width % 32 == 0)
    assert seen == [(50, 70), (64, 96)]


def test_one_of_patches_of_14_sees_multiples_of_14(model):
    seen, _ = grouped(model, lambda height, width: height % 14 == width % 14 == 0)
    assert seen == [(50, 70), (64, 96), (56, 70)]


def test_one_of_a_fixed_size_sees_that_of_its_views(model):
    seen, _ = grouped(model, lambda *size: size == (64, 128))
    assert seen == [(50, 70), (64, 96), (56, 70), (64, 128)]


def test_one_that_takes_none_is_named_with_what_it_said(model):
    with pytest.raises(ValueError, match=r"images of 50 x 70, .* views' 64 x 128, got from TinyBackbone: The size of"):
        grouped(model, lambda *size: False)


def test_memory_that_is_full_is_no_question_of_size(model):
    def out_of_memory(*size: int) -> bool:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.cuda.OutOfMemoryError):
        grouped(model, out_of_memory)


def test_a_vision_transformer_sees_whole_patches_so_that_its_map_is_that_of_the_image():
    """It would fill 17 pixels up to 20 with zeros, and what is seen at 17 would lie at 14.5."""
    model = tiny_slotmim().float().eval()
    images = torch.rand(1, 3, 17, 30)
    whole = torch.nn.functional.interpolate(images, (20, 32), mode="bilinear", antialias=True)
    found = group_at_fitting_size(model, images, (16, 16)).scores
    assert found.shape[2:] == (5, 8)
    torch.testing.assert_close(found, model.teacher(whole).scores)
    assert not torch.allclose(found, model.teacher(images).scores)
