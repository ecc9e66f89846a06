"""A loop by iterations that goes on where its loader begins. (Whole runs: tests/integration/test_resume.py.)"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from mmengine.runner import IterBasedTrainLoop
from torch.utils.data import DataLoader

from slotcon_mm.datasets import NumberedBatchSampler, SeededDataset
from slotcon_mm.engine.loops.placed_iter_train_loop import PlacedIterTrainLoop


def runner(calls: list[Any]) -> Any:
    model = SimpleNamespace(
        train=lambda: None, train_step=lambda batch, optim_wrapper: calls.append(batch.tolist()) or {}
    )
    return SimpleNamespace(
        model=model, optim_wrapper=None, visualizer=SimpleNamespace(dataset_meta=None),
        val_loop=SimpleNamespace(run=lambda: calls.append("val")),
        call_hook=lambda name, **kwargs: calls.append(name) if "iter" not in name else None,
    )  # fmt: skip


class Numbers(list):
    metainfo: dict = {}


def loader(start: int) -> DataLoader:
    from mmengine.dataset import InfiniteSampler

    sampler = InfiniteSampler(SeededDataset(Numbers(range(7))), seed=0)
    return DataLoader(sampler.dataset, batch_sampler=NumberedBatchSampler(sampler, 2, start=start))


def run(kind: Callable, *, iteration: int, start: int, **options: Any) -> list[Any]:
    calls: list[Any] = []
    loop = kind(runner(calls), loader(start), max_iters=6, val_interval=2, **options)
    loop._iter = iteration
    loop.run()
    return calls


@pytest.mark.parametrize("iteration", [0, 3, 5, 6])
@pytest.mark.parametrize("options", [{}, dict(val_begin=4), dict(dynamic_intervals=[(0, 2), (4, 1)])])
def test_it_does_what_mmengines_loop_does_from_there_and_first_the_validation_that_is_due(iteration, options):
    expected = run(IterBasedTrainLoop, iteration=iteration, start=0, **options)
    if iteration == 6 or (iteration > 0 and "dynamic_intervals" in options):
        expected.insert(2, "val")  # behind before_train and before_train_epoch
    assert run(PlacedIterTrainLoop, iteration=iteration, start=iteration, **options) == expected
    assert run(PlacedIterTrainLoop, iteration=iteration, start=0, **options) == expected
