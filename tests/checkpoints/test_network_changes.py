"""Networks are said to differ where, with the same weights, they do."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from slotcon_mm.checkpoints.layer_facts import read_layers
from slotcon_mm.checkpoints.network_changes import Change, changes_in_network, describe_changes, shown
from slotcon_mm.checkpoints.registered import build_registered

PIXELS = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], channels="RGB")
RESNET = dict(type="mmseg.ResNet", depth=50, base_channels=8, stem_channels=8, contract_dilation=True)
D8, D16 = dict(strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4)), dict(strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2))
SAME = [{}, D8, D16, dict(norm_cfg=dict(type="SyncBN")), dict(frozen_stages=2, norm_eval=True)]
OTHER = [
    (dict(strides=(1, 2, 1, 1)), "step"),
    (dict(strides=(1, 2, 2, 1)), "step"),
    (dict(dilations=(1, 1, 1, 2)), "step"),
    (dict(style="caffe"), "step"),
    (dict(norm_cfg=dict(type="BN", eps=1e-1)), "eps"),
    (dict(D16, contract_dilation=False), "step_after"),
]


def built(**options: Any) -> nn.Module:
    """Always with the same weights, of which none is trivial."""
    model = build_registered({**RESNET, **options}, "mmseg")
    generator = torch.Generator().manual_seed(1)
    for value in model.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=generator) * (0.2 if value.dim() > 1 else 1) + 0.01)
    return model


def facts(model: nn.Module) -> dict[str, Any]:
    layers, strides = read_layers(model)
    return dict(layers=layers, strides=strides, pixels=PIXELS)


@torch.no_grad()
def features(model: nn.Module) -> Tensor:
    """Of the last stage, at every 32nd pixel."""
    model.double().eval()
    last = model(torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(2)).double())[-1]
    step = last.shape[-1] // 3
    return last[..., ::step, ::step]


@pytest.mark.parametrize("options", SAME, ids=str)
@pytest.mark.hosts
def test_no_change_is_found_where_features_are_the_same_on_their_grid(options):
    first, second = built(), built(**options)
    assert changes_in_network(facts(first), facts(second)) == []
    torch.testing.assert_close(features(second), features(first), rtol=1e-9, atol=0)


@pytest.mark.parametrize(("options", "what"), OTHER, ids=str)
@pytest.mark.hosts
def test_changes_are_found_where_features_differ(options, what):
    first, second = built(), built(**options)
    assert [*first.state_dict()] == [*second.state_dict()]  # tensors do not show it
    changes = changes_in_network(facts(first), facts(second))
    assert {change.what for change in changes} == {what}
    assert {change.slight for change in changes} == {what == "step_after"}
    assert not torch.allclose(features(second), features(first), rtol=1e-3)


@pytest.mark.hosts
def test_a_dilated_pretraining_is_compared_the_same_way():
    then = facts(built(**D8))
    assert changes_in_network(then, facts(built())) == []
    assert changes_in_network(then, facts(built(strides=(1, 2, 1, 1)))) != []


class Attending(nn.Module):
    """A network of everything that a ResNet has not."""

    def __init__(
        self,
        heads: int = 2,
        act: nn.Module | None = None,
        norm: nn.Module | None = None,
        pool: Any = nn.MaxPool2d,
        **conv: Any,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, **{"padding": 1, **conv})
        self.pool, self.norm, self.act = pool(2), norm or nn.GroupNorm(2, 8), act or nn.GELU()
        self.attention = nn.MultiheadAttention(8, heads, batch_first=True)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.act(self.norm(self.pool(self.conv(images))))
        tokens = maps.flatten(2).mT[:, :4]
        return maps + self.attention(tokens, tokens, tokens)[0].mean()


@pytest.mark.parametrize(
    ("options", "place", "what"),
    [
        (dict(heads=4), "attention", "heads"),
        (dict(act=nn.ReLU()), "act", "kind"),
        (dict(act=nn.GELU(approximate="tanh")), "act", "kind"),
        (dict(norm=nn.GroupNorm(4, 8)), "norm", "kind"),
        (dict(norm=nn.GroupNorm(2, 8, eps=1e-3)), "norm", "eps"),
        (dict(pool=nn.AvgPool2d), "pool", "kind"),
        (dict(padding_mode="reflect"), "conv", "padding_mode"),
        (dict(padding=0), "conv", "padding"),
        (dict(dilation=2, padding=2), "conv", "step"),
    ],
    ids=str,
)
def test_heads_activations_norms_pools_and_paddings_of_any_network_are_compared(options, place, what):
    first, second = Attending(), Attending(**options)
    second.load_state_dict(first.state_dict(), strict=True)
    changes = changes_in_network(facts(first), facts(second))
    assert (place, what) in [(change.place, change.what) for change in changes]
    assert changes_in_network(facts(first), facts(Attending())) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (dict(channels="BGR"), ["channels"]),
        (dict(channels=None), []),
        (dict(mean=[123.68, 116.28, 103.53]), []),
        (dict(mean=[127.5] * 3, std=[127.5] * 3), ["mean", "std"]),
        (dict(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]), ["mean", "std"]),
        (dict(std=[1.0] * 3), ["std"]),
    ],
)
def test_pixels_are_compared_where_both_are_known(change, found):
    then, now = (dict(layers={}, pixels=pixels) for pixels in (PIXELS, {**PIXELS, **change}))
    assert [one.what for one in changes_in_network(then, now)] == found


def test_a_window_in_place_of_another_kind_of_layer_is_a_change():
    window = dict(kind="MaxPool2d", kernel=3, step=2, step_after=4, dilation=1, padding=1.0)
    norm = dict(kind="batch norm", eps=1e-5)
    then, now = (dict(layers={"pool": layer}, pixels=PIXELS) for layer in (window, norm))
    for pair in ((then, now), (now, then)):
        assert {change.what for change in changes_in_network(*pair)} == {"kind", "kernel", "step", "padding", "eps"}


def test_a_line_names_one_place_of_each_change_and_counts_the_rest():
    changes = [Change(f"layer3.{i}.conv2", "step", 8, 16) for i in range(3)] + [Change("layer4.0.conv2", "step", 8, 32)]
    (line,) = describe_changes([*changes])
    assert line == (
        "distance between taps, in pixels of the image: 16 instead of 8 in layer3.0.conv2 and 2 more; "
        "32 instead of 8 in layer4.0.conv2"
    )
    assert shown([1.0, 57.375]) == "(1, 57.375)"
