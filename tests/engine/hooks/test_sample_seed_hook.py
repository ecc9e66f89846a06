"""The clock is set before an epoch's samples are drawn."""

from __future__ import annotations

from types import SimpleNamespace

from mmcv.transforms import Compose

from slotcon_mm.datasets import PairedViews
from slotcon_mm.engine.hooks.sample_seed_hook import SampleSeedHook


def test_transforms_with_a_clock_are_told_seed_and_epoch():
    views = PairedViews()
    dataset = SimpleNamespace(pipeline=Compose([lambda x: x, views]))
    runner = SimpleNamespace(seed=7, epoch=3, train_dataloader=SimpleNamespace(dataset=dataset))
    hook = SampleSeedHook()
    hook.before_train(runner)
    hook.before_train_epoch(runner)
    expected = PairedViews()
    expected.clock.set(7, 3)
    assert views.clock.generator(5).random() == expected.clock.generator(5).random()


def test_other_dataset_are_left_alone():
    runner = SimpleNamespace(seed=7, epoch=3, train_dataloader=SimpleNamespace(dataset=[1, 2]))
    hook = SampleSeedHook()
    hook.before_train(runner)
    hook.before_train_epoch(runner)
