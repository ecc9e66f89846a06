"""Heads of the authors' vision transformers."""

from __future__ import annotations

import pytest
import timm
import torch

from slotcon_mm.checkpoints.vit_sizes import heads_of


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "vit_base_patch16_224", "vit_huge_patch14_224"])
def test_a_networks_heads_are_those_of_timms_network_of_its_width(name):
    with torch.device("meta"):
        network = timm.create_model(name)
    assert heads_of(network.embed_dim) == network.blocks[0].attn.num_heads


def test_a_width_that_the_authors_have_not_has_heads_of_64_channels():
    assert [heads_of(channels) for channels in (640, 64, 32)] == [10, 1, 1]
