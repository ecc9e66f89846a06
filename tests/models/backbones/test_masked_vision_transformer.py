"""The vision transformer that sees part of a view."""

from __future__ import annotations

import math

import pytest
import torch
from mmpretrain.models import VisionTransformer

from slotcon_mm.models import MaskedVisionTransformer, RegisterVisionTransformer

ARCH = dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=24)
SETTINGS = dict(arch=ARCH, img_size=32, patch_size=8, out_type="featmap")


@pytest.fixture
def network() -> MaskedVisionTransformer:
    torch.manual_seed(0)
    network = MaskedVisionTransformer(**SETTINGS)
    network.init_weights()
    torch.nn.init.normal_(network.mask_token)
    network.eval()
    return network


def random_mask(images: int = 2) -> torch.Tensor:
    return torch.rand(images, 4, 4, generator=torch.Generator().manual_seed(0)) < 0.4


def test_without_a_mask_it_is_mmpretrains_network_to_the_bit(network):
    plain = VisionTransformer(**SETTINGS)
    plain.eval()
    plain.load_state_dict({name: value for name, value in network.state_dict().items() if name != "mask_token"})
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(network(images)[0], plain(images)[0])


def test_pixels_under_a_mask_cannot_change_the_output(network):
    images, masked = torch.rand(2, 3, 32, 32), random_mask()
    pixels = masked.repeat_interleave(8, dim=1).repeat_interleave(8, dim=2)[:, None]
    other = torch.where(pixels, torch.rand(2, 3, 32, 32), images)
    assert torch.equal(network(images, masked)[0], network(other, masked)[0])
    assert not torch.equal(network(images)[0], network(other)[0])


def test_a_masked_patch_is_the_token_at_its_place(network):
    """Beside an own computation: embeddings replaced one by one, then mmpretrain's layers."""
    images, masked = torch.rand(2, 3, 32, 32), random_mask()
    tokens = network.patch_embed(images)[0].clone()
    for image in range(2):
        for place in range(16):
            if masked[image, place // 4, place % 4]:
                tokens[image, place] = network.mask_token[0]
    x = torch.cat([network.cls_token.expand(2, -1, -1), tokens], dim=1) + network.pos_embed
    for layer in network.layers:
        x = layer(x)
    expected = network.ln1(x)[:, 1:].transpose(1, 2).reshape(2, 16, 4, 4)
    torch.testing.assert_close(network(images, masked)[0], expected)


def test_the_mask_token_is_part_of_the_graph_even_where_nothing_is_masked(network):
    network(torch.rand(1, 3, 32, 32))[0].sum().backward()
    assert network.mask_token.grad is not None
    assert network.mask_token.grad.abs().max() == 0


def test_weights_start_as_published(network):
    positions = network.pos_embed[0]
    assert positions[0].abs().max() == 0
    for row in range(4):
        for column in range(4):
            for i in range(4):
                frequency = 10000 ** (-i / 4)
                expected = [
                    math.sin(column * frequency), math.cos(column * frequency),
                    math.sin(row * frequency), math.cos(row * frequency),
                ]  # fmt: skip
                found = positions[1 + 4 * row + column].view(4, 4)[:, i]
                torch.testing.assert_close(found, torch.tensor(expected))
    assert network.pos_embed.requires_grad
    for layer in network.layers:
        for linear in (layer.attn.qkv, layer.attn.proj, layer.ffn.layers[0][0], layer.ffn.layers[1]):
            bound = math.sqrt(6 / sum(linear.weight.shape))
            assert 0.9 * bound < linear.weight.abs().max() <= bound
            assert linear.bias.abs().max() == 0
    patches = network.patch_embed.projection
    assert 0.9 * math.sqrt(6 / (16 + 192)) < patches.weight.abs().max() <= math.sqrt(6 / (16 + 192))
    assert 0 < patches.bias.abs().max() <= 192**-0.5
    assert 0 < network.cls_token.abs().max() < 0.1
    fresh = MaskedVisionTransformer(**SETTINGS)
    fresh.init_weights()
    assert fresh.mask_token.abs().max() == 0


def test_dinov2s_registers_may_come_along():
    registers = RegisterVisionTransformer(num_registers=3, **SETTINGS)
    masked = MaskedVisionTransformer(num_registers=3, **SETTINGS)
    assert masked.load_state_dict(registers.state_dict(), strict=False).missing_keys == ["mask_token"]
    images = torch.rand(1, 3, 32, 32)
    assert torch.equal(masked(images)[0], registers(images)[0])


def test_masks_of_another_grid_and_senseless_settings_are_refused(network):
    with pytest.raises(ValueError, match=r"grid of patches \(2, 4, 4\), got \(2, 3, 3\): set PairedViews"):
        network(torch.rand(2, 3, 32, 32), torch.zeros(2, 3, 3, dtype=torch.bool))
    with pytest.raises(ValueError, match="class token"):
        MaskedVisionTransformer(with_cls_token=False, **SETTINGS)
    with pytest.raises(ValueError, match="num_registers of 0 or more"):
        MaskedVisionTransformer(num_registers=-1, **SETTINGS)


def test_the_mask_token_lies_at_the_depth_of_the_patches(network):
    assert network.get_layer_depth("mask_token") == network.get_layer_depth("patch_embed.projection.weight")
    assert network.get_layer_depth("backbone.mask_token", "backbone.") == (0, 4)


@pytest.mark.parametrize("without_bias", [dict(pre_norm=True), dict(patch_cfg=dict(bias=False))])
def test_patches_without_a_bias_are_initialized(without_bias):
    network = MaskedVisionTransformer(ARCH, img_size=16, patch_size=4, **without_bias)
    network.init_weights()
    assert network.patch_embed.projection.bias is None
    bound = (6 / (ARCH["embed_dims"] + 3 * 16)) ** 0.5  # Xavier's, of a row for each channel
    assert bound / 2 < network.patch_embed.projection.weight.abs().max() <= bound
