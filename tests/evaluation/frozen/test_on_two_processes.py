"""Two processes share the images, and find what one does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from helpers import run_on_two_processes
from labeled_worlds import CELL, CLASSES, LABEL_SET, Colors, Constant, network, speckled, stained
from mmengine.dist import get_dist_info

from slotcon_mm.evaluation.frozen.describe import describe_network
from slotcon_mm.evaluation.frozen.evaluate import Choices, evaluate_network
from slotcon_mm.evaluation.frozen.grids import Grid, Reading, each_grid
from slotcon_mm.evaluation.frozen.measures import MEASURES
from slotcon_mm.evaluation.frozen.parts import LabeledParts
from slotcon_mm.evaluation.frozen.sampled_pixels import PixelSample
from slotcon_mm.evaluation.frozen.scorers import ImageScorer, MapScorer
from slotcon_mm.models.necks.grouping_neck import GroupingNeck

READING = Reading(size=32, batch_size=2)


def measured(backbone: torch.nn.Module, held_out: int) -> dict[str, Any]:
    """Value and classes of each measure; the held-out images may be fewer than the processes."""
    chosen = Choices(tuple(MEASURES), (0, 1), 400, 300, 2, READING)
    parts = LabeledParts(stained(5), stained(held_out, seed=1), LABEL_SET)
    for sample in parts.held_out.samples:
        sample["gt_instances"] = sample["gt_sem_seg"].astype(np.int32) % 255
    return {
        name: [tuple(s) for s in found] for name, found in evaluate_network(network(backbone), parts, chosen).items()
    }


def described() -> list[list[float]]:
    """Of five images, and of one, which leaves the other process without any."""
    neck = GroupingNeck(CLASSES + 3, 4, 5, 6).eval()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        neck.init_weights()
        torch.nn.init.normal_(neck.prototypes)
    net = network(Colors(CELL, spread=0.3), neck=neck.double())
    return [list(describe_network(net, stained(count), READING, most_pixels=100)) for count in (5, 1)]


def sampled_pixels() -> list[Any]:
    sample = PixelSample(50, 5, labeled=True)
    for grid in each_grid(network(Colors(CELL, spread=0.3)), speckled(5), READING):
        sample.add(grid)
    pixels = sample.gather(torch.device("cpu"))
    return [pixels.features.tolist(), pixels.labels.tolist()]


def scored() -> list[Any]:
    """Of the images of this process."""
    rank, world = get_dist_info()
    maps = MapScorer(
        lambda grid: np.random.default_rng((7, grid.position)).integers(3, size=(4, 6)),
        3,
        3,
        lambda confusion: np.arange(3),
    )
    numbers = ImageScorer(lambda grid: None if grid.position == 2 else 0.1 * 3**grid.position)
    for position in range(rank, 5, world):
        labels = np.random.default_rng(position).integers(3, size=(4, 6), dtype=np.uint8)
        grid = Grid(position, torch.zeros(1, 1, 1), None, labels, None)
        maps.add(grid)
        numbers.add(grid)
    return [tuple(maps.score()), tuple(numbers.score())]


def everything(rank: int = 0) -> dict[str, Any]:
    return dict(
        mixed=measured(Colors(CELL, spread=0.3), 5),
        one_image=measured(Colors(CELL, spread=0.3), 1),
        collapsed=measured(Constant(), 3),
        described=described(),
        pixels=sampled_pixels(),
        scores=scored(),
    )


def test_both_have_what_one_process_has_to_the_last_bit(tmp_path: Path):
    expected = everything()
    for found in run_on_two_processes(everything, tmp_path):
        for name, value in expected.items():
            assert found[name] == value, name
