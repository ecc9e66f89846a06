"""What must be the same where a run is resumed, and what is only said."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from mmengine.dataset import ConcatDataset, RepeatDataset
from torch.utils.data import BatchSampler

from slotcon_mm.checkpoints.run_facts import batch_size_of, check_facts, dataset_fingerprint
from slotcon_mm.datasets import SeededDataset, UnlabeledImageDataset

FACTS = dict(world_size=2, batch_size=8, max_epochs=4, max_iters=40, images=160, fingerprint="ab")


def check(saved: dict | None = None, **now: object) -> list[str]:
    return check_facts(FACTS if saved is None else saved, {**FACTS, **now}, by_epoch=True)


def test_the_same_run_has_nothing_said():
    assert check() == []


def test_the_whole_batch_must_be_the_same_and_the_fix_is_named():
    with pytest.raises(ValueError, match=r"16 = 2 processes x 8, got 8 = 1 x 8: set train_dataloader.batch_size=16"):
        check(world_size=1)
    with pytest.raises(ValueError, match="or start a new run from its weights by --pretrained"):
        check(batch_size=9)


def test_the_batch_that_is_named_is_that_of_a_micro_batch():
    with pytest.raises(
        ValueError, match=r"got 64 = 2 x 32: set train_dataloader.batch_size=2 \(a step takes 4 of them"
    ):
        check(batch_size=32, micro_batches=4)


def test_other_images_that_change_an_epochs_length_are_said_with_what_comes_of_it():
    _, note = check(fingerprint="cd", images=320, max_iters=80)
    assert "an epoch has 20 steps now and had 10: steps are counted from here as if all epochs had had the new" in note


def test_a_run_that_is_over_is_said_to_be():
    (note,) = check(epoch=4)
    assert note == "--resume: the run is at its end: max_epochs is 4, and 4 are done"
    (note,) = check(epoch=4, max_epochs=2, max_iters=20)
    assert "at its end: max_epochs is 2, and 4 are done" in note


def test_another_split_of_the_same_batch_goes_on_and_is_said():
    (note,) = check(world_size=4, batch_size=4)
    assert "4 processes instead of 2, with the same whole batch" in note
    assert "not the same bit for bit" in note


def test_another_length_and_other_images_are_said():
    length, images = check(max_epochs=5, max_iters=50, fingerprint="cd", images=161)
    assert "max_epochs is 5 instead of 4" in length
    assert "(161 now, 160 then)" in images
    assert "max_iters is 50 instead of 40" in check_facts(FACTS, {**FACTS, "max_iters": 50}, by_epoch=False)[0]


def test_a_checkpoint_of_an_older_version_is_said():
    assert "does not say which batch" in check({})[0]


def test_the_batch_size_is_found_behind_a_batch_sampler():
    assert batch_size_of(SimpleNamespace(batch_size=3)) == 3
    sampler = BatchSampler(range(5), 2, drop_last=False)
    assert batch_size_of(SimpleNamespace(batch_size=None, batch_sampler=sampler)) == 2


def test_a_dataset_fingerprint_is_its_list_seen_through_wrappers(scenes):
    train, val = (UnlabeledImageDataset(str(scenes), folders=[name]) for name in ("train2017", "val2017"))
    again = UnlabeledImageDataset(str(scenes), folders=["train2017"])
    assert dataset_fingerprint(train) == dataset_fingerprint(again) != dataset_fingerprint(val)
    assert dataset_fingerprint(SeededDataset(train)) != dataset_fingerprint(SeededDataset(val))
    assert dataset_fingerprint(RepeatDataset(train, 2)) != dataset_fingerprint(RepeatDataset(train, 3))
    both = [ConcatDataset(parts, ignore_keys=["x"]) for parts in ([train, val], [val, train])]
    assert dataset_fingerprint(both[0]) != dataset_fingerprint(both[1])
