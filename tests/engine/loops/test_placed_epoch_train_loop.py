"""A loop by epochs that goes on within an epoch. (Whole runs: tests/integration/test_resume.py.)"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from mmengine.dataset import DefaultSampler
from mmengine.runner import EpochBasedTrainLoop
from torch.utils.data import DataLoader

from slotcon_mm.datasets import NumberedBatchSampler, SeededDataset
from slotcon_mm.engine.loops.placed_epoch_train_loop import PlacedEpochTrainLoop


class Numbers(list):
    metainfo: dict = {}


def loader() -> DataLoader:
    sampler = DefaultSampler(SeededDataset(Numbers(range(6))), shuffle=False)
    return DataLoader(sampler.dataset, batch_sampler=NumberedBatchSampler(sampler, 2))


def run(
    kind: Callable, *, epoch: int, place: int = 0, done: int | None = None, validated: int = 0, **options: Any
) -> list[Any]:
    """Batches, hooks and validations of three epochs of three steps, from a place on, and the last number of steps."""
    calls: list[Any] = []
    model = SimpleNamespace(
        train=lambda: None, train_step=lambda batch, optim_wrapper: calls.append(batch.tolist()) or {}
    )

    def call_hook(name: str, **kwargs: Any) -> None:
        if "iter" not in name:
            calls.append(name)
        if name == "after_train_epoch":  # as FinalPreciseBNHook reads an epoch again
            calls.append([batch.tolist() for batch in loop.dataloader])

    runner = SimpleNamespace(
        model=model, optim_wrapper=None, visualizer=SimpleNamespace(dataset_meta=None), call_hook=call_hook,
        val_loop=SimpleNamespace(run=lambda: calls.append("val")),
    )  # fmt: skip
    loop = kind(runner, loader(), max_epochs=3, **options)
    loop._epoch, loop._iter = epoch, 3 * epoch + place if done is None else done
    loop.place, loop.validated = place, validated
    loop.run()
    return [*calls, loop.iter]


OPTIONS = [{}, dict(val_interval=2), dict(val_begin=2), dict(dynamic_intervals=[(0, 3), (2, 1)])]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_from_the_beginning_it_does_what_mmengines_loop_does(options):
    assert run(PlacedEpochTrainLoop, epoch=0, **options) == run(EpochBasedTrainLoop, epoch=0, **options)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_resumed_run_begins_with_the_validation_that_its_checkpoint_came_before(epoch, options):
    whole = run(PlacedEpochTrainLoop, epoch=0, **options)
    ends = [i for i, call in enumerate(whole) if call == "after_train_epoch"]
    behind_the_checkpoint = whole[ends[epoch - 1] + 2 :]  # the hook and what it read were before
    assert run(PlacedEpochTrainLoop, epoch=epoch, **options) == ["before_train", *behind_the_checkpoint]


@pytest.mark.parametrize("place", [1, 2, 3])
def test_within_an_epoch_it_goes_on_at_its_place_and_hooks_read_the_whole_epoch_again(place):
    whole = run(PlacedEpochTrainLoop, epoch=0)
    begins = [i for i, call in enumerate(whole) if call == "before_train_epoch"]
    rest = [whole[begins[1]], *whole[begins[1] + 1 + place :]]
    assert run(PlacedEpochTrainLoop, epoch=1, place=place) == ["before_train", *rest]


@pytest.mark.parametrize(("place", "done"), [(0, 2), (0, 5), (2, 12)])
def test_steps_are_counted_by_the_length_that_epochs_have_now(place, done):
    """``done``: of epochs that other images had made shorter or longer."""
    resumed = run(PlacedEpochTrainLoop, epoch=1, place=place, done=done)
    assert resumed == run(PlacedEpochTrainLoop, epoch=1, place=place)
    assert resumed[-1] == 9


def test_where_more_of_the_epoch_is_done_than_it_has_now_the_next_begins():
    assert run(PlacedEpochTrainLoop, epoch=1, place=8, done=17) == run(PlacedEpochTrainLoop, epoch=1, place=3)


def test_a_validation_that_a_checkpoint_was_written_behind_is_not_made_again():
    again = run(PlacedEpochTrainLoop, epoch=1)
    assert again[1] == "val"
    assert run(PlacedEpochTrainLoop, epoch=1, validated=1) == [again[0], *again[2:]]
