"""A vision transformer whose blocks attend in windows."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from mmpretrain.models import VisionTransformer
from mmpretrain.models.utils import MultiheadAttention
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from slotcon_mm.models import WindowedVisionTransformer
from slotcon_mm.models.backbones.windowed_vision_transformer import attend_in_windows, over_windows

ARCH = dict(embed_dims=8, num_layers=3, num_heads=2, feedforward_channels=16)


def plain_and_windowed(**settings: Any) -> tuple[VisionTransformer, WindowedVisionTransformer]:
    """With the same weights, each of which is far from 0."""
    torch.manual_seed(0)
    shared = dict(img_size=64, out_indices=[0, 2])
    plain = VisionTransformer(ARCH, with_cls_token=False, out_type="featmap", **shared)
    for parameter in plain.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    windowed = WindowedVisionTransformer(ARCH, **shared, **settings)
    windowed.load_state_dict(plain.state_dict())
    for network in (plain, windowed):
        network.eval()  # mmpretrain's does not return itself
    return plain, windowed


def test_windows_as_large_as_the_grid_are_the_hosts_network():
    plain, windowed = plain_and_windowed(window_size=6, global_blocks=[1])
    images = torch.randn(2, 3, 80, 96)  # a grid of 5 x 6
    for expected, found in zip(plain(images), windowed(images), strict=True):
        torch.testing.assert_close(found, expected)


def same_window(grid: tuple[int, int], window: int) -> Tensor:
    """Whether two tokens, (H W, H W), are in one window, by their rows and columns."""
    rows, columns = torch.meshgrid(*(torch.arange(side) // window for side in grid), indexing="ij")
    number = (1000 * rows + columns).flatten()
    return number[:, None] == number[None, :]


@pytest.mark.parametrize("grid", [(6, 6), (5, 7), (3, 8), (2, 2), (1, 9)], ids=str)
def test_attention_in_windows_is_attention_of_which_all_other_windows_are_masked(grid):
    plain, windowed = plain_and_windowed(window_size=3, global_blocks=[1])
    masked = partial(scaled_dot_product_attention, attn_mask=same_window(grid, 3))
    for index in (0, 2):
        plain.layers[index].attn.scaled_dot_product_attention = masked
    images = torch.randn(2, 3, 16 * grid[0], 16 * grid[1])
    for expected, found in zip(plain(images), windowed(images), strict=True):
        torch.testing.assert_close(found, expected)


def test_each_window_of_each_head_is_attended_by_itself():
    """In loops over images, heads and windows."""
    parts = torch.randn(2, 5, 4, 3, 2, 6, dtype=torch.float64)
    found = over_windows(scaled_dot_product_attention, parts, 2).unflatten(-1, (2, 6))
    for image in range(2):
        for head in range(2):
            for top in (0, 2, 4):
                for left in (0, 2):
                    window = parts[image, top : top + 2, left : left + 2, :, head].flatten(0, 1)
                    queries, keys, values = window.unbind(1)
                    expected = (queries @ keys.T / 6**0.5).softmax(dim=-1) @ values
                    there = found[image, top : top + 2, left : left + 2, head]
                    torch.testing.assert_close(there.flatten(0, 1), expected)


@pytest.mark.parametrize(("global_blocks", "reached"), [((), 2 * 2), ((2,), 4 * 4)])
def test_only_global_blocks_carry_information_between_windows(global_blocks, reached):
    network = plain_and_windowed(window_size=2, global_blocks=global_blocks)[1]
    images = torch.randn(1, 3, 64, 64)
    before = network(images)[-1]
    images[..., :16, :16] += 1.0
    assert int((network(images)[-1] != before).any(dim=1).sum()) == reached


def test_names_and_shapes_are_the_hosts_without_a_class_token():
    host = VisionTransformer(ARCH, img_size=64).state_dict()
    network = WindowedVisionTransformer(ARCH, img_size=64, global_blocks=[0]).state_dict()
    assert set(host) - set(network) == {"cls_token"}
    assert network["pos_embed"].shape == (1, 16, 8)
    assert {name: value.shape for name, value in network.items() if name != "pos_embed"} == {
        name: value.shape for name, value in host.items() if name in network and name != "pos_embed"
    }


def test_images_of_any_size_pass():
    network = plain_and_windowed(window_size=3, global_blocks=[1])[1]
    assert [one.shape for one in network(torch.rand(1, 3, 50, 70))] == [(1, 8, 4, 5)] * 2


def test_a_dropped_path_is_that_of_a_whole_image():
    attention = MultiheadAttention(8, 2, dropout_layer=dict(type="DropPath", drop_prob=0.5))
    torch.manual_seed(0)
    dropped = attend_in_windows(attention, torch.randn(32, 25, 8), (5, 5), 2) == 0
    share = dropped.flatten(1).float().mean(dim=1)
    assert set(share.tolist()) == {0.0, 1.0}
    assert not (attend_in_windows(attention.eval(), torch.randn(32, 25, 8), (5, 5), 2) == 0).any()


def test_every_parameter_learns():
    network = plain_and_windowed(window_size=2, global_blocks=[2])[1]
    network.train()
    sum(one.square().sum() for one in network(torch.randn(1, 3, 48, 48))).backward()
    keys = torch.zeros(24, dtype=torch.bool)
    keys[8:16] = True  # their biases add the same to all scores of a query, which changes no softmax
    for name, parameter in network.named_parameters():
        changed = parameter.grad.abs() > 1e-6
        assert changed[~keys].all() if name.endswith("qkv.bias") else changed.any(), name


def test_senseless_settings_are_refused():
    with pytest.raises(ValueError, match=r"global_blocks from 0 to 2, got \(2, 5\)"):
        WindowedVisionTransformer(ARCH, global_blocks=[2, 5])
    with pytest.raises(ValueError, match="window_size above 0, got 0"):
        WindowedVisionTransformer(ARCH, window_size=0)
