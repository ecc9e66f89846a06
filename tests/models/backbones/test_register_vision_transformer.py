"""mmpretrain's vision transformer with register tokens."""

from __future__ import annotations

import pytest
import torch
from mmengine.optim import build_optim_wrapper
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
    with pytest.raises(ValueError, match="num_registers of 0 or more, got -1"):
        RegisterVisionTransformer(ARCH, num_registers=-1)
    with pytest.raises(ValueError, match="a class token with register tokens"):
        RegisterVisionTransformer(ARCH, with_cls_token=False, out_type="featmap")


def test_registers_start_apart_from_each_other():
    network = RegisterVisionTransformer(ARCH)
    network.init_weights()
    assert len(network.register_tokens[0].unique(dim=0)) == 4


def test_registers_are_trained_as_all_other_parameters():
    torch.manual_seed(0)
    network = RegisterVisionTransformer(ARCH, img_size=32, out_type="featmap")
    network.init_weights()
    before = network.register_tokens.detach().clone()
    wrapper = build_optim_wrapper(network, dict(optimizer=dict(type="SGD", lr=1.0)))
    held = [one for group in wrapper.optimizer.param_groups for one in group["params"]]
    assert {id(one) for one in held} == {id(one) for one in network.parameters()}
    network(torch.rand(2, 3, 32, 32))[0].square().mean().backward()
    assert (network.register_tokens.grad != 0).all()
    wrapper.step()
    assert (network.register_tokens != before).all()


@pytest.mark.parametrize("frozen_stages", [-1, 0, 1, 2])
def test_registers_are_frozen_where_the_class_token_is(frozen_stages):
    network = RegisterVisionTransformer(ARCH, img_size=32, out_type="featmap", frozen_stages=frozen_stages)
    assert network.register_tokens.requires_grad == network.cls_token.requires_grad == (frozen_stages < 1)
    trained = {name for name, one in network.named_parameters() if one.requires_grad}
    plain = VisionTransformer(ARCH, img_size=32, out_type="featmap", frozen_stages=frozen_stages)
    assert trained - {"register_tokens"} == {name for name, one in plain.named_parameters() if one.requires_grad}


@pytest.mark.parametrize("prefix", ["", "backbone."])
def test_registers_are_as_deep_as_the_class_token(prefix):
    network = RegisterVisionTransformer(ARCH)
    assert network.get_layer_depth(f"{prefix}register_tokens", prefix) == (0, 4)
    for name in ("cls_token", "layers.1.ln1.weight", "ln1.weight"):
        assert network.get_layer_depth(prefix + name, prefix) == VisionTransformer(ARCH).get_layer_depth(name)
