"""Votes of neighbors and of a linear probe, derived once more in loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from labeled_worlds import rotation
from scipy.optimize import minimize

from slotcon_mm.evaluation.frozen.memory import Memory
from slotcon_mm.evaluation.frozen.sampled_pixels import Pixels
from slotcon_mm.evaluation.frozen.votes import attend, fit_probe, neighbor_votes, probe_votes, sampled

CLASSES, DIMENSIONS = 3, 4


def unit(rows: int, seed: int, dimensions: int = DIMENSIONS) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(rows, dimensions, generator=generator), dim=1)


def pixels(rows: int, seed: int = 0) -> Pixels:
    generator = torch.Generator().manual_seed(seed + 100)
    features = unit(rows, seed)
    # classes that overlap, so that no plane divides them
    noisy = features[:, :CLASSES] + 0.7 * torch.randn(rows, CLASSES, generator=generator)
    return Pixels(features, noisy.argmax(dim=1))


def nearest_in_loops(query: np.ndarray, bank: np.ndarray, count: int) -> list[tuple[float, int]]:
    """Cosines and rows."""
    found = [(sum(float(q) * float(b) for q, b in zip(query, row, strict=True)), i) for i, row in enumerate(bank)]
    return sorted(found, reverse=True)[:count]


def test_knn_is_the_vote_of_twenty_neighbors_weighted_by_the_exponential_of_their_cosine():
    train, queries = pixels(50), unit(6, 1)
    found = neighbor_votes(train, CLASSES, seed=0)(queries)
    for query, votes in zip(queries.numpy(), found, strict=True):
        expected = [0.0] * CLASSES
        for cosine, row in nearest_in_loops(query, train.features.numpy(), 20):
            expected[int(train.labels[row])] += math.exp(cosine / 0.07)
        np.testing.assert_allclose(votes, expected, rtol=1e-4)


def test_retrieval_is_the_mean_of_thirty_histograms_weighted_by_a_softmax_of_cosines():
    histograms = torch.rand(60, CLASSES, generator=torch.Generator().manual_seed(0))
    memory, queries = Memory(unit(60, 0), histograms / histograms.sum(dim=1, keepdim=True)), unit(6, 1)
    found = attend(memory)(queries)
    for query, votes in zip(queries.numpy(), found, strict=True):
        chosen = nearest_in_loops(query, memory.features.numpy(), 30)
        weights = [math.exp(cosine / 0.02) for cosine, _ in chosen]
        expected = np.zeros(CLASSES)
        for weight, (_, row) in zip(weights, chosen, strict=True):
            expected += weight / sum(weights) * memory.histograms[row].numpy()
        np.testing.assert_allclose(votes, expected, rtol=1e-3, atol=1e-6)
        assert float(votes.sum()) == pytest.approx(1)


def objective(parameters: np.ndarray, features: np.ndarray, labels: np.ndarray) -> float:
    """Mean cross entropy + 0.001 / 2 * (sum of squared weights), from the docstring."""
    weight = parameters[: CLASSES * DIMENSIONS].reshape(CLASSES, DIMENSIONS)
    bias = parameters[CLASSES * DIMENSIONS :]
    logits = features @ weight.T + bias
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return float(-logs[np.arange(len(labels)), labels].mean() + 0.0005 * np.square(weight).sum())


def test_the_probe_is_the_optimum_that_scipy_finds():
    train = pixels(200)
    weight, bias = fit_probe(train.features.double(), train.labels, CLASSES)
    arguments = train.features.double().numpy(), train.labels.numpy()
    best = minimize(objective, np.zeros(CLASSES * DIMENSIONS + CLASSES), arguments, tol=1e-12)
    found = np.concatenate([weight.flatten().numpy(), bias.numpy()])
    assert objective(found, *arguments) == pytest.approx(best.fun, abs=1e-9)
    np.testing.assert_allclose(weight.flatten(), best.x[: CLASSES * DIMENSIONS], atol=5e-4)
    # a constant that is added to all biases changes nothing: they are compared but for it
    np.testing.assert_allclose(bias - bias.mean(), best.x[-CLASSES:] - best.x[-CLASSES:].mean(), atol=5e-4)


def hard_features(rows: int, dimensions: int) -> Pixels:
    """As networks make them: a few strong directions, and classes that overlap."""
    generator = torch.Generator().manual_seed(0)
    scale = 0.97 ** torch.arange(dimensions)
    features = torch.randn(rows, dimensions, generator=generator) * scale + 1
    logits = features @ torch.randn(dimensions, 8, generator=generator)
    noisy = logits + 4 * torch.randn(rows, 8, generator=generator)
    return Pixels(F.normalize(features, dim=1), noisy.argmax(dim=1))


def test_in_single_precision_the_gradient_at_the_probe_is_all_but_zero():
    train = hard_features(3000, 128)
    centered = train.features - train.features.mean(dim=0)
    scaled = centered / centered.square().mean().sqrt()
    weight, bias = (tensor.double().requires_grad_() for tensor in fit_probe(scaled, train.labels, 8))
    loss = F.cross_entropy(F.linear(scaled.double(), weight, bias), train.labels) + 0.0005 * weight.square().sum()
    start = F.cross_entropy(torch.zeros(len(train.labels), 8).double(), train.labels)
    gradients = torch.autograd.grad(loss, [weight, bias])
    assert max(float(gradient.abs().max()) for gradient in gradients) < 1e-4
    assert float(loss.detach()) < float(start)


def test_the_probes_answers_do_not_change_with_a_rotation_a_scale_or_a_shift_of_the_feature_space():
    train, queries = pixels(300), unit(40, 1)
    turned = rotation(DIMENSIONS, 0).float()
    expected = probe_votes(train, CLASSES, seed=0)(queries).softmax(dim=1)
    moved = Pixels(3 * train.features @ turned + 5, train.labels)
    found = probe_votes(moved, CLASSES, seed=0)(3 * queries @ turned + 5).softmax(dim=1)
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-3)


def test_the_probe_of_features_that_have_collapsed_is_the_frequency_of_classes():
    labels = torch.tensor([0] * 6 + [1] * 3 + [2])
    votes = probe_votes(Pixels(torch.full((10, 4), 0.5), labels), CLASSES, seed=0)(torch.full((2, 4), 0.5))
    torch.testing.assert_close(votes.softmax(dim=1), torch.tensor([[0.6, 0.3, 0.1]] * 2), rtol=0, atol=1e-3)


def test_a_probe_leaves_gradients_off_and_draws_no_random_number():
    state = torch.get_rng_state()
    with torch.no_grad():
        votes = probe_votes(pixels(50), CLASSES, seed=0)(unit(2, 1))
        assert not torch.is_grad_enabled()
    assert not votes.requires_grad
    assert torch.get_rng_state().equal(state)


def test_pixels_are_drawn_by_the_seed_without_repetition_and_in_their_order():
    train = pixels(50)
    assert sampled(train, 50, 0).tolist() == sampled(train, 99, 3).tolist() == list(range(50))
    chosen = sampled(train, 20, 0)
    assert (chosen.diff() > 0).all()
    assert not chosen.equal(sampled(train, 20, 1))
    assert chosen.equal(sampled(train, 20, 0))
