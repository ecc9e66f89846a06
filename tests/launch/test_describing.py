"""Rows of a table without labels: weights, and what their networks are like with random weights."""

from __future__ import annotations

import json

import pytest
from helpers import write_tiny_checkpoint
from labeled_worlds import stained

from slotcon_mm.evaluation.frozen.describe import describe_network
from slotcon_mm.evaluation.frozen.grids import Reading
from slotcon_mm.evaluation.frozen.weights import network_of_weights
from slotcon_mm.launch.describing import describe_weights, description_protocol

IMAGES, READING = stained(4), Reading(64, 4)


@pytest.fixture(scope="module")
def work_dir(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny_checkpoint(tmp_path_factory.mktemp("run")))


def test_weights_have_a_row_and_one_of_random_weights_follows_drawn_anew_for_each_seed(work_dir):
    given, random = describe_weights([work_dir], IMAGES, READING, (0, 1), most_images=3)
    assert (given.name, given.size) == (work_dir, 64)
    assert (random.name, random.size) == ("random weights", 64)
    for seed in (0, 1):
        network = network_of_weights(work_dir)
        of_weights = describe_network(network, IMAGES, READING, seed=seed, most_images=3)
        assert given.descriptions[seed] == of_weights
        assert (of_weights.images, of_weights.prototypes) == (3, 5)
        fresh = describe_network(network.with_random_weights(seed), IMAGES, READING, seed=seed, most_images=3)
        assert random.descriptions[seed][:4] == fresh[:4]
        assert fresh.prototypes == 0
    assert random.descriptions[0].rank != random.descriptions[1].rank
    assert [row.name for row in describe_weights([work_dir], IMAGES, READING, (0,), random=False)] == [work_dir]


def test_all_weights_are_tried_before_the_first_is_measured_and_there_must_be_a_seed(work_dir):
    with pytest.raises(FileNotFoundError, match="got nowhere"):
        next(describe_weights([work_dir, "nowhere"], IMAGES, READING, (0,)))
    with pytest.raises(ValueError, match="expected seeds above 0, got 0"):
        next(describe_weights([work_dir], IMAGES, READING, ()))


def test_the_protocol_is_json_and_says_what_moves_the_numbers():
    protocol = json.loads(json.dumps(description_protocol("data/street", IMAGES, range(2), 200, "1.2.3")))
    assert (protocol["images"], protocol["images_there"], protocol["most_images"]) == ("data/street", 4, 200)
    assert protocol["seeds"] == [0, 1]
    assert protocol["pixels"] == 5000
    assert protocol["versions"]["slotcon_mm"] == "1.2.3"
