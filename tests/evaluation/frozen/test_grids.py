"""Images as grids of features."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from labeled_worlds import CELL, CLASSES, Colors, Worlds, bands, network, speckled

from slotcon_mm.evaluation.frozen.grids import (
    Grid,
    GridsTwice,
    Reading,
    cells_of_labels,
    each_batch,
    each_grid,
    encode_each,
    nearest_places,
    resized,
    rows_of,
)

READING = Reading(size=32)


def same(one: Iterator[Grid], other: Iterator[Grid]) -> bool:
    pairs = list(zip(one, other, strict=True))
    return all(
        a.position == b.position and a.features.equal(b.features) and np.array_equal(a.labels, b.labels)
        for a, b in pairs
    )


@pytest.mark.parametrize("reading", [Reading(32, 1), Reading(32, 3), Reading(32, 16), Reading(32, 2, workers=2)])
def test_neither_batches_nor_workers_change_grids_or_their_order(reading):
    data, net = speckled(7), network(Colors(1))
    grids = list(each_grid(net, data, reading))
    assert [grid.position for grid in grids] == [*range(7)]
    assert same(iter(grids), each_grid(net, data, READING))
    for grid, sample in zip(grids, data, strict=True):
        assert np.array_equal(grid.labels, sample["gt_sem_seg"])
        labels = torch.from_numpy(grid.labels.astype(np.int64))
        counted = labels != 255
        assert grid.features[:CLASSES].argmax(dim=0)[counted].equal(labels[counted])
        assert grid.instances is None


def test_features_have_a_length_of_one():
    grid = next(each_grid(network(Colors(CELL, spread=0.3)), bands(1), READING))
    assert grid.features.shape == (CLASSES + 3, 8, 8)
    torch.testing.assert_close(grid.features.norm(dim=0), torch.ones(8, 8))
    assert np.array_equal(grid.instances, bands(1)[0]["gt_instances"])


def test_images_without_labels_come_in_batches_with_their_positions_and_are_encoded_whatever_their_sizes():
    data, net = speckled(5), network(Colors(1))
    unlabeled = Worlds([{"img": sample["img"]} for sample in data.samples])
    batches = list(each_batch(unlabeled, Reading(32, 2), "images"))
    assert [[sample["position"] for sample in batch] for batch in batches] == [[0, 1], [2, 3], [4]]
    found = [one for batch in batches for one in encode_each(net, [sample["img"] for sample in batch], 32)]
    for (features, scores), grid in zip(found, each_grid(net, data, READING), strict=True):
        assert features.equal(grid.features)
        assert scores is None


def test_the_first_images_can_be_left_out():
    data, net = speckled(5), network(Colors(1))
    assert [grid.position for grid in each_grid(net, data, READING, start=3)] == [3, 4]
    assert list(each_grid(net, data, READING, start=5)) == []


def test_workers_start_as_they_are_told():
    with pytest.raises(ValueError, match="worker 0 was started"):
        list(each_grid(network(Colors()), bands(2), Reading(32, workers=1, start_worker=say_number, timeout=60)))


def say_number(worker: int) -> None:
    raise ValueError(f"worker {worker} was started")


def test_reading_draws_no_random_number_of_the_process():
    state = torch.get_rng_state()
    assert len(list(each_grid(network(Colors(1)), speckled(3), Reading(32, workers=1)))) == 3
    assert torch.get_rng_state().equal(state)


@pytest.mark.parametrize("images_that_fit", [0, 2, 9])
def test_a_second_pass_yields_what_the_first_did_however_many_are_kept(images_that_fit):
    data, net = speckled(5, seed=1), network(Colors(1))
    each = max(grid.nbytes for grid in each_grid(net, data, READING))
    grids = GridsTwice(net, data, READING, most_bytes=images_that_fit * each)
    assert same(grids.first_pass("first"), each_grid(net, data, READING))
    assert min(images_that_fit, 5) <= len(grids.kept) <= images_that_fit
    assert same(grids.last_pass("last"), each_grid(net, data, READING))


def test_a_last_pass_alone_is_the_whole():
    data, net = speckled(3), network(Colors(1))
    assert same(GridsTwice(net, data, READING).last_pass("last"), each_grid(net, data, READING))


def test_the_memory_of_a_grid_is_that_of_its_parts():
    grid = Grid(0, torch.zeros(2, 3, 4), torch.zeros(5, 3, 4), np.zeros((6, 8), np.uint8), np.zeros((6, 8), np.int32))
    assert grid.nbytes == 4 * 24 + 4 * 60 + 48 + 4 * 48
    assert grid._replace(scores=None, instances=None).nbytes == 4 * 24 + 48


def test_images_of_the_networks_size_stay_as_they_are_and_others_are_resized_to_it():
    image = np.random.default_rng(0).integers(256, size=(40, 60, 3), dtype=np.uint8)
    same_size = resized(image, 40, torch.device("cpu"))
    torch.testing.assert_close(same_size, torch.from_numpy(image).permute(2, 0, 1).float())
    assert resized(image, 80, torch.device("cpu")).shape == (3, 80, 120)
    flat = np.full((40, 60, 3), 77, np.uint8)
    torch.testing.assert_close(resized(flat, 37, torch.device("cpu")), torch.full((3, 37, 56), 77.0))


@pytest.mark.parametrize(("count", "others"), [(8, 8), (3, 9), (9, 3), (5, 7), (7, 5), (1, 4), (4, 1), (427, 10)])
def test_places_are_those_in_whose_length_the_middles_lie(count, others):
    expected = [next(j for j in range(others) if (2 * i + 1) * others < 2 * count * (j + 1)) for i in range(count)]
    assert nearest_places(count, others).tolist() == expected


def test_labels_of_cells_are_those_in_their_middles():
    labels = np.arange(54, dtype=np.uint8).reshape(6, 9)
    assert cells_of_labels(labels, (2, 3)).tolist() == [[10, 13, 16], [37, 40, 43]]
    assert np.array_equal(cells_of_labels(labels, labels.shape), labels)


def test_rows_go_along_the_width_first():
    features = torch.arange(24).view(2, 3, 4)
    assert rows_of(features)[5].tolist() == features[:, 1, 1].tolist()


def test_an_empty_dataset_has_no_grids():
    assert list(each_grid(network(Colors(1)), Worlds([]), READING)) == []
