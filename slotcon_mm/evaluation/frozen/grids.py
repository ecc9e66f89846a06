"""A dataset's images, one after the other, as grids of features beside their labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.dist import get_dist_info
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from slotcon_mm.evaluation.frozen.networks import Encoding, FrozenNetwork
from slotcon_mm.models.input_sizes import input_size, usual_size
from slotcon_mm.models.one_size import batches_of_one_size

__all__ = [
    "Grid", "GridsTwice", "Reading", "cells_of_labels", "each_batch", "each_grid", "encode_each", "nearest_places",
    "rows_of",
]  # fmt: skip


class Reading(NamedTuple):
    """How images are read and shown to a network.

    Attributes:
        size: Pixels of the shorter side in the network; None: the scale at which its training showed images.
        batch_size: Images at a time; it does not change what is measured.
        workers: Processes that read.
        progress: Whether a bar is shown, by the first process.
        start_worker: Called in each worker with its number, before it reads.
        timeout: Seconds that a batch of the workers is waited for; 0: without end.
    """

    size: int | None = None
    batch_size: int = 16
    workers: int = 0
    progress: bool = False
    start_worker: Callable[[int], None] | None = None
    timeout: float = 0


class Grid(NamedTuple):
    """An image.

    Attributes:
        position: In its dataset.
        features: (D, h, w), of length 1 over D.
        scores: (K, h, w), cosines with prototypes, if there are any.
        labels: (H, W) uint8 classes, 255 where a pixel does not count.
        instances: (H, W) integers, 0 where there is none; None where the data has none.
    """

    position: int
    features: Tensor
    scores: Tensor | None
    labels: np.ndarray
    instances: np.ndarray | None

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return sum(part.nbytes for part in self[1:] if part is not None)  # type: ignore[attr-defined]


def each_grid(
    network: FrozenNetwork, dataset: Any, reading: Reading, what: str = "images", *, start: int = 0
) -> Iterator[Grid]:
    """Those of this process, every W-th image of W processes; without the first ``start`` of them."""
    for batch in each_batch(dataset, reading, what, start=start):
        yield from encoded(network, batch, reading.size or usual_size(network.views))


def each_batch(dataset: Any, reading: Reading, what: str, *, start: int = 0) -> Iterator[list[dict[str, Any]]]:
    """Samples of this process, each with its ``position``, as ``each_grid`` takes them."""
    rank, world = get_dist_info()
    mine = range(rank, len(dataset), world)[start:]
    if not mine:
        return
    loader = DataLoader(
        Chosen(dataset, mine), reading.batch_size, num_workers=reading.workers, collate_fn=list,
        worker_init_fn=reading.start_worker, timeout=reading.timeout if reading.workers else 0,
        generator=torch.Generator(),  # else it would draw one of the process's random numbers
    )  # fmt: skip
    with tqdm(total=len(mine), desc=what, disable=not reading.progress or rank > 0) as bar:
        for batch in loader:
            yield batch
            bar.update(len(batch))


class GridsTwice:
    """A dataset's grids for two passes: the first ones are kept, up to ``most_bytes``, and the rest are made again."""

    def __init__(self, network: FrozenNetwork, dataset: Any, reading: Reading, *, most_bytes: int = 2**31) -> None:
        self.network, self.dataset, self.reading = network, dataset, reading
        self.free = most_bytes
        self.kept: list[Grid] = []

    def first_pass(self, what: str) -> Iterator[Grid]:
        for grid in each_grid(self.network, self.dataset, self.reading, what):
            self.free -= grid.nbytes
            if self.free >= 0:
                self.kept.append(grid)
            yield grid

    def last_pass(self, what: str) -> Iterator[Grid]:
        yield from self.kept
        yield from each_grid(self.network, self.dataset, self.reading, what, start=len(self.kept))


class Chosen(Dataset):
    """Samples of a dataset at these positions, each with its position."""

    def __init__(self, dataset: Any, positions: Sequence[int]) -> None:
        self.dataset, self.positions = dataset, positions

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, place: int) -> dict[str, Any]:
        return {**self.dataset[self.positions[place]], "position": self.positions[place]}


def encoded(network: FrozenNetwork, samples: list[dict[str, Any]], size: int) -> Iterator[Grid]:
    """Grids of samples with ``img`` (H, W, 3) uint8 RGB and ``gt_sem_seg`` (H, W)."""
    encodings = encode_each(network, [sample["img"] for sample in samples], size)
    for sample, (features, scores) in zip(samples, encodings, strict=True):
        yield Grid(sample["position"], features, scores, sample["gt_sem_seg"], sample.get("gt_instances"))


def encode_each(network: FrozenNetwork, images: Sequence[np.ndarray], size: int) -> list[Encoding]:
    """Features (D, h, w) and scores (K, h, w) of each image (H, W, 3), uint8 RGB, its shorter side ``size`` pixels."""
    found: dict[int, Encoding] = {}
    for places, batch in batches_of_one_size([resized(image, size, network.device) for image in images]):
        features, scores = network.encode(batch)
        for number, place in enumerate(places):
            found[place] = Encoding(features[number], None if scores is None else scores[number])
    return [found[place] for place in range(len(images))]


def resized(image_HW3: np.ndarray, size: int, device: torch.device) -> Tensor:
    """(3, h, w) floats in 0 to 255, as views are resized: bicubic, antialiased."""
    pixels = torch.from_numpy(np.ascontiguousarray(image_HW3)).to(device).permute(2, 0, 1)[None].float()
    return F.interpolate(
        pixels, input_size(image_HW3.shape[0], image_HW3.shape[1], size), mode="bicubic", antialias=True
    )[0]


def cells_of_labels(labels_HW: np.ndarray, grid: Sequence[int]) -> np.ndarray:
    """(h, w): the label in the middle of each cell."""
    return labels_HW[np.ix_(*map(nearest_places, grid, labels_HW.shape))]


def nearest_places(count: int, others: int) -> np.ndarray:
    """(count,) which of so many others in the same length lies at the middle of each: nearest-neighbor resizing."""
    return ((np.arange(count) + 0.5) * others / count).astype(int)


def rows_of(features_Dhw: Tensor) -> Tensor:
    """(h w, D)."""
    return features_Dhw.flatten(1).T
