"""The anchor: how far the student has gone from its start."""

from __future__ import annotations

import pytest
import torch
from helpers import as_samples, random_batch, set_total_steps, tiny_slotcon
from torch import Tensor

from slotcon_mm.models.functional import feature_distance, similarity_distance


@pytest.fixture(autouse=True)
def _steps():
    set_total_steps()


def loss_of(model, seed: int = 0) -> dict[str, Tensor]:
    views, boxes, flipped = random_batch(seed=seed)
    return model(views, as_samples(boxes, flipped), mode="loss")


def test_the_distance_of_features_is_a_mean_of_one_minus_cosine():
    a, b = torch.randn(2, 3, 2, 2).double(), torch.randn(2, 3, 2, 2).double()
    found = []
    for image in range(2):
        for y in range(2):
            for x in range(2):
                one, other = a[image, :, y, x], b[image, :, y, x]
                found.append(1 - float(one @ other) / float(one.norm() * other.norm()))
    assert float(feature_distance(a, b)) == pytest.approx(sum(found) / len(found), abs=1e-12)


def test_the_distance_of_similarities_compares_all_pairs_of_an_images_pixels():
    a, b = torch.randn(2, 3, 2, 2).double(), torch.randn(2, 3, 2, 2).double()
    found = []
    for image in range(2):
        rows = [[x[image].reshape(3, 4)[:, i] for i in range(4)] for x in (a, b)]
        for i in range(4):
            for j in range(4):
                cosines = [float(row[i] @ row[j]) / float(row[i].norm() * row[j].norm()) for row in rows]
                found.append((cosines[0] - cosines[1]) ** 2)
    assert float(similarity_distance(a, b)) == pytest.approx(sum(found) / len(found), abs=1e-12)


def test_features_that_turn_together_move_one_distance_and_not_the_other():
    features = torch.randn(2, 3, 4, 4).double()
    rotation, _ = torch.linalg.qr(torch.randn(3, 3).double())
    turned = torch.einsum("ed,bdhw->behw", rotation, features)
    assert float(similarity_distance(turned, features)) < 1e-25
    assert float(feature_distance(turned, features)) > 0.05


@pytest.mark.parametrize("distance", ["features", "similarities"])
def test_it_is_zero_at_the_start_and_grows_with_its_weight_from_there(distance):
    model = tiny_slotcon(anchor=dict(distance=distance, weight=2.0))
    model.anchor.copy_student(model.backbone)
    assert float(loss_of(model)["loss_anchor"]) == pytest.approx(0, abs=1e-12)
    with torch.no_grad():
        for parameter in model.backbone.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    once = float(loss_of(model)["loss_anchor"])
    assert once > 1e-4
    model.anchor.weight = 6.0
    assert float(loss_of(model)["loss_anchor"]) == pytest.approx(3 * once)


def test_its_gradient_reaches_the_backbone_alone_and_never_the_start():
    model = tiny_slotcon(anchor=dict())
    with torch.no_grad():
        model.backbone.conv2.weight.add_(0.3)
    loss_of(model)["loss_anchor"].backward()
    assert model.backbone.conv2.weight.grad.abs().max() > 0
    assert model.neck.prototypes.grad is None
    assert not any(parameter.requires_grad for parameter in model.anchor.parameters())


def test_one_pass_of_both_views_computes_what_two_do():
    anchored = dict(anchor=dict(distance="similarities"))
    one, two = tiny_slotcon(views_in_one_pass=True, **anchored), tiny_slotcon(**anchored)
    one.load_state_dict(two.state_dict())
    for model in (one, two):
        with torch.no_grad():
            model.anchor.backbone.conv2.weight.mul_(0.5)
    found = loss_of(one), loss_of(two)
    for name in ("loss_group", "loss_slot", "loss_anchor"):
        torch.testing.assert_close(found[0][name], found[1][name], rtol=1e-9, atol=1e-12)


def test_the_other_losses_are_those_without_it():
    plain, anchored = tiny_slotcon(), tiny_slotcon(anchor=dict())
    anchored.load_state_dict(plain.state_dict(), strict=False)
    without, found = loss_of(plain), loss_of(anchored)
    assert set(found) - set(without) == {"loss_anchor"}
    for name, value in without.items():
        torch.testing.assert_close(found[name], value)


def test_initialization_and_weights_without_an_anchor_make_the_student_the_start():
    model = tiny_slotcon(anchor=dict())
    model.init_weights()
    for _ in range(2):
        for mine, student in zip(model.anchor.backbone.parameters(), model.backbone.parameters(), strict=True):
            assert mine.equal(student)
        other = {name: value for name, value in tiny_slotcon().state_dict().items() if not name.startswith("anchor.")}
        model.load_state_dict({name: value + 1 for name, value in other.items()}, strict=False)


def test_weights_with_an_anchor_keep_their_start():
    saved = tiny_slotcon(anchor=dict()).state_dict()
    saved = {name: value + (1 if name.startswith("anchor.") else 0) for name, value in saved.items()}
    model = tiny_slotcon(anchor=dict())
    model.load_state_dict(saved)
    assert model.anchor.backbone.conv2.weight.equal(saved["anchor.backbone.conv2.weight"])
    assert not model.anchor.backbone.conv2.weight.equal(model.backbone.conv2.weight)


@pytest.mark.parametrize(
    ("given", "message"), [(dict(distance="gram"), "features, similarities"), (dict(weight=0), "weight above 0")]
)
def test_unknown_distances_and_weights_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        tiny_slotcon(anchor=given)
