"""mmpretrain's vision transformer with register tokens."""

from __future__ import annotations

import pytest
import torch
from mmpretrain.models import VisionTransformer

from slotcon_mm.models import RegisterVisionTransformer

ARCH = dict(embed_dims=8, num_layers=2, num_heads=2, feedforward_channels=16)


def test_registers_that_nobody_attends_to_change_nothing():
    """A key that is far from all queries has no weight in a softmax: the rest is mmpretrain's own network."""
    torch.manual_seed(0)
    plain = VisionTransformer(ARCH, img_size=32, out_type="featmap")
    plain.init_weights()
    network = RegisterVisionTransformer(ARCH, num_registers=3, img_size=32, out_type="featmap")
    for one in (plain, network):
        one.eval()
    network.load_state_dict(plain.state_dict(), strict=False)
    images = torch.rand(2, 3, 32, 32)
    expected, found = plain(images)[0], network(images)[0]
    assert found.shape == expected.shape == (2, 8, 2, 2)
    assert not found.equal(expected)
    for layer in network.layers:
        layer.attn.scaled_dot_product_attention = without_registers
    torch.testing.assert_close(network(images)[0], expected)


def without_registers(q, k, v, dropout_p=0.0):
    mask = torch.ones(k.shape[-2], dtype=torch.bool)
    mask[1:4] = False
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask[None, None, None, :])


def test_raw_tokens_keep_the_registers_and_maps_do_not():
    for out_type, shape in (("raw", (1, 1 + 4 + 4, 8)), ("featmap", (1, 8, 2, 2)), ("cls_token", (1, 8))):
        network = RegisterVisionTransformer(ARCH, img_size=32, out_type=out_type)
        assert network(torch.rand(1, 3, 32, 32))[0].shape == shape


def test_images_of_other_sizes_and_several_outputs_pass():
    network = RegisterVisionTransformer(ARCH, img_size=32, out_type="featmap", out_indices=[0, 1])
    assert [one.shape for one in network(torch.rand(1, 3, 48, 64))] == [(1, 8, 3, 4)] * 2


def test_senseless_settings_are_refused():
    with pytest.raises(ValueError, match="num_registers above 0, got 0"):
        RegisterVisionTransformer(ARCH, num_registers=0)
    with pytest.raises(ValueError, match="a class token with register tokens"):
        RegisterVisionTransformer(ARCH, with_cls_token=False, out_type="featmap")


def test_registers_start_apart_from_each_other():
    network = RegisterVisionTransformer(ARCH)
    network.init_weights()
    assert len(network.register_tokens[0].unique(dim=0)) == 4
