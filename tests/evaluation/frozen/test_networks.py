"""A frozen network, as all measures see it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from labeled_worlds import CLASSES, SIDE, Colors, network
from torch import nn

from slotcon_mm.evaluation.frozen.networks import FrozenNetwork, frozen
from slotcon_mm.models.necks.grouping_neck import GroupingNeck

IMAGENET = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], channels="RGB")


class Both(nn.Module):
    """Two feature maps; the second is what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.norm(images)[..., ::2, ::2], images


def net(backbone: nn.Module, **others) -> FrozenNetwork:
    return FrozenNetwork(backbone, **{"pixels": IMAGENET, "views": (SIDE, SIDE), "build": Both, **others})


def images(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).uniform(0, 255, shape or (2, 3, 8, 8)).astype(np.float32))


@pytest.mark.parametrize("channels", ["RGB", "BGR"])
def test_pixels_are_shown_with_mean_and_std_and_in_the_order_of_channels_of_the_networks_training(channels):
    found = net(Both(), pixels={**IMAGENET, "channels": channels}).normalize(images()).numpy()
    for place, channel in enumerate((0, 1, 2) if channels == "RGB" else (2, 1, 0)):
        expected = (images().numpy()[:, channel] - IMAGENET["mean"][place]) / IMAGENET["std"][place]
        np.testing.assert_allclose(found[:, place], expected, rtol=1e-4, atol=1e-5)


def test_features_are_those_of_the_chosen_map_divided_by_their_length():
    whole = net(Both())
    features, scores = whole.encode(images())
    assert scores is None
    shown = whole.normalize(images())
    torch.testing.assert_close(features, shown / shown.norm(dim=1, keepdim=True))
    assert net(Both(), in_index=0).encode(images()).features.shape == (2, 3, 4, 4)


def test_a_neck_adds_cosines_with_its_prototypes():
    neck = GroupingNeck(3, 4, 5, 6).eval()
    neck.init_weights()
    whole = net(Both(), neck=neck)
    scores = whole.encode(images()).scores
    assert scores.shape == (2, 6, 8, 8)
    projected = neck.projector(whole.normalize(images())).detach()
    for k in range(6):
        prototype = neck.prototypes[k].detach()
        expected = torch.einsum("d,bdhw->bhw", prototype, projected) / prototype.norm() / projected.norm(dim=1)
        torch.testing.assert_close(scores[:, k], expected, rtol=1e-4, atol=1e-5)


def test_nothing_of_an_encoding_has_a_gradient_and_statistics_stay_where_they_are():
    whole = frozen(net(Both().train()), "cpu")
    assert not whole.backbone.training
    before = {name: value.clone() for name, value in whole.backbone.state_dict().items()}
    assert not whole.encode(images()).features.requires_grad
    assert all(value.equal(before[name]) for name, value in whole.backbone.state_dict().items())


class Half(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        assert not torch.is_autocast_enabled("cpu")
        return self.convolution(images).bfloat16()


def test_features_of_half_precision_become_single_and_mixed_precision_is_off():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert net(Half()).encode(images()).features.dtype == torch.float32


class Vector(nn.Module):
    def __init__(self, *found) -> None:
        super().__init__()
        self.found = found

    def forward(self, images: torch.Tensor):
        return self.found


@pytest.mark.parametrize(
    ("found", "said"), [(torch.zeros(2, 7), r"\(2, 7\)"), (torch.zeros(2, 49, 8), r"\(2, 49, 8\)"), ("x", "str")]
)
def test_a_network_that_yields_no_map_is_refused(found, said):
    with pytest.raises(ValueError, match=f"a feature map .* from Vector, got {said}: .* out_type='featmap'"):
        net(Vector(found)).encode(images())


class OneSize(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if images.shape[-1] % SIDE:
            raise RuntimeError("of another size")
        return images


def test_images_of_a_size_that_a_network_refuses_are_shown_at_one_that_it_takes():
    assert net(OneSize()).encode(images(1, 3, 40, 50)).features.shape == (1, 3, 64, 64)


def test_random_weights_are_those_of_the_seed_without_a_neck_and_the_process_keeps_its_random_numbers():
    def build() -> nn.Module:
        return nn.Conv2d(3, CLASSES, 1)

    whole = net(nn.Conv2d(3, CLASSES, 1), neck=GroupingNeck(CLASSES, 4, 5, 6), build=build)
    before, state = whole.backbone.weight.detach().clone(), torch.get_rng_state()
    one, again, other = (whole.with_random_weights(seed) for seed in (0, 0, 1))
    assert torch.get_rng_state().equal(state)
    assert one.neck is None
    assert not one.backbone.training
    assert one.backbone.weight.equal(again.backbone.weight)
    assert not one.backbone.weight.equal(other.backbone.weight)
    assert whole.backbone.weight.equal(before)
    torch.manual_seed(1)
    assert other.backbone.weight.equal(build().weight)


def test_random_weights_leave_the_random_numbers_of_gpus_alone(monkeypatch):
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: pytest.fail("the GPUs were seeded"))
    net(Colors(), build=Colors).with_random_weights(0)


def test_the_fake_network_of_these_tests_reads_classes_off_colors():
    red = torch.tensor([250.0, 3, 9]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    assert network(Colors()).encode(red).features[0, :, 0, 0].tolist() == [0, 1, 0, 0, 0, 0, 0]
