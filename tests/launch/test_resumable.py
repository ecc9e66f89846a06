"""What configs of mmdet and mmseg get so that their runs resume exactly."""

from __future__ import annotations

from typing import Any

import pytest
from mmengine.config import Config

from slotcon_mm.launch.resumable import make_resumable


def downstream(**changes: Any) -> Config:
    return Config(
        dict(
            model=dict(type="FCN"),
            train_dataloader=dict(
                batch_size=2, num_workers=2, dataset=dict(type="Any"), sampler=dict(type="InfiniteSampler")
            ),
            train_cfg=dict(type="IterBasedTrainLoop", max_iters=10),
            default_hooks=dict(checkpoint=dict(type="CheckpointHook", interval=1)),
            visualizer=dict(type="V", vis_backends=[dict(type="LocalVisBackend")]),
            **changes,
        )
    )


def test_an_endless_sampler_begins_at_the_resumed_iteration():
    config = downstream()
    make_resumable(config, resumed_iteration=6)
    assert config.train_cfg == dict(type="slotcon_mm.PlacedIterTrainLoop", max_iters=10)
    assert config.train_dataloader.batch_sampler == dict(
        type="slotcon_mm.NumberedBatchSampler", start=6, drop_last=False
    )
    assert config.train_dataloader.dataset == dict(type="slotcon_mm.SeededDataset", dataset=dict(type="Any"))


@pytest.mark.parametrize(
    "loop", [dict(by_epoch=False, max_iters=10), dict(type="IterBasedTrainLoop", max_iters=10), dict(by_epoch=False)]
)
def test_a_pretraining_by_iterations_is_refused(loop):
    config = downstream(default_scope="mmpretrain")
    config.model.type, config.train_cfg = "slotcon_mm.SlotCon", loop
    with pytest.raises(ValueError, match=r"expected train_cfg\.by_epoch=True for pretraining"):
        make_resumable(config)


def test_types_are_known_with_their_package_too():
    plain, scoped = downstream(), downstream()
    scoped.train_cfg.type, scoped.default_hooks.checkpoint.type = (
        "mmengine.IterBasedTrainLoop",
        "mmengine.CheckpointHook",
    )
    assert make_resumable(scoped) == make_resumable(plain) == []
    assert scoped.to_dict() == plain.to_dict()


def test_a_pretraining_is_known_by_its_name_alone():
    config = downstream(default_scope="slotcon_mm")
    config.model.type = "SlotCon"
    with pytest.raises(ValueError, match=r"expected train_cfg\.by_epoch=True for pretraining"):
        make_resumable(config)


def test_iterations_by_the_older_spelling_are_placed_too():
    config = downstream()
    config.train_cfg = dict(by_epoch=False, max_iters=10)
    make_resumable(config, resumed_iteration=6)
    assert config.train_cfg == dict(type="slotcon_mm.PlacedIterTrainLoop", max_iters=10)


@pytest.mark.parametrize(
    "train_cfg", [dict(by_epoch=True, max_epochs=2), dict(type="EpochBasedTrainLoop", max_epochs=2)]
)
def test_epochs_and_samplers_with_an_end_begin_at_their_beginning(train_cfg):
    config = downstream()
    config.train_cfg = train_cfg
    make_resumable(config, resumed_iteration=6)
    assert config.train_cfg == dict(type="slotcon_mm.PlacedEpochTrainLoop", max_epochs=2)
    assert config.train_dataloader.batch_sampler.start == 0
    config = downstream()
    config.train_dataloader.sampler.type = "DefaultSampler"
    make_resumable(config, resumed_iteration=6)
    assert config.train_cfg.type == "slotcon_mm.PlacedIterTrainLoop"
    assert config.train_dataloader.batch_sampler.start == 0


def test_a_hosts_batch_sampler_and_drop_last_go_inside():
    config = downstream()
    config.train_dataloader.update(batch_sampler=dict(type="AspectRatioBatchSampler"), drop_last=True)
    make_resumable(config)
    assert config.train_dataloader.batch_sampler == dict(
        type="slotcon_mm.NumberedBatchSampler",
        start=0,
        drop_last=True,
        batch_sampler=dict(type="AspectRatioBatchSampler"),
    )
    assert "drop_last" not in config.train_dataloader


@pytest.mark.parametrize(
    "change",
    [
        dict(sampler=dict(type="TrackImgSampler")),
        dict(batch_sampler=dict(type="mmdet.MultiDataAspectRatioBatchSampler")),
    ],
)
def test_samplers_that_are_not_known_are_left_alone_and_said(change):
    config = downstream()
    config.train_dataloader.update(change)
    (note,) = make_resumable(config, resumed_iteration=4)
    assert note.startswith(f"{next(iter(change))} {next(iter(change.values()))['type']}: its batches are not numbered")
    assert config.train_dataloader.dataset == dict(type="Any")
    assert config.train_cfg.type == "slotcon_mm.PlacedIterTrainLoop"


def test_a_loop_of_somebody_elses_is_left_alone_and_said():
    config = downstream()
    config.train_cfg = dict(type="mine.Loop", max_iters=3)
    (note,) = make_resumable(config)
    assert note.startswith("train_cfg mine.Loop: a run that resumes from a checkpoint within an epoch may not be exact")
    assert config.train_cfg == dict(type="mine.Loop", max_iters=3)
    config.optim_wrapper = dict(accumulative_counts=2)
    with pytest.raises(ValueError, match=r"by epochs or iterations with accumulative_counts=2, got mine.Loop"):
        make_resumable(config)


def test_with_accumulated_gradients_the_loader_brings_the_effective_batch():
    config = downstream(optim_wrapper=dict(accumulative_counts=4))
    config.train_dataloader.batch_sampler = dict(type="AspectRatioBatchSampler")
    (note,) = make_resumable(config)
    assert note.startswith("accumulative_counts=4: a step takes 4 micro-batches of 2 images on each process")
    assert config.train_dataloader.batch_size == 8
    assert config.train_cfg == dict(type="slotcon_mm.PlacedIterTrainLoop", max_iters=10, micro_batches=4)
    batches = config.train_dataloader.batch_sampler
    assert (batches.drop_last, batches.batch_sampler.drop_last) == (True, True)
    before = config.to_dict()
    assert make_resumable(config) == []  # the config that a run left in its work dir
    assert config.train_dataloader.to_dict() == before["train_dataloader"]
    assert config.train_cfg.to_dict() == before["train_cfg"]


@pytest.mark.parametrize("sampler", [None, dict(type="AspectRatioBatchSampler")])
@pytest.mark.parametrize(("then", "now"), [(1, 2), (2, 1), (2, 4), (4, 2)])
def test_a_config_that_a_run_left_takes_another_accumulation(sampler, then, now):
    left, fresh = (downstream(optim_wrapper=dict(accumulative_counts=parts)) for parts in (then, now))
    for config in (left, fresh):
        if sampler:
            config.train_dataloader.batch_sampler = dict(sampler)
        make_resumable(config)
    left.optim_wrapper.accumulative_counts = now
    (note,) = make_resumable(left)
    assert note.startswith(
        "no accumulation: a step takes 2 images" if now == 1 else f"accumulative_counts={now}: a step"
    )
    assert left.train_dataloader.batch_size == fresh.train_dataloader.batch_size == 2 * now
    assert left.train_cfg.get("micro_batches", 1) == now
    batches = left.train_dataloader.batch_sampler
    assert batches.drop_last or now == 1
    assert "drop_last" not in left.train_dataloader  # torch takes it beside no batch sampler


@pytest.mark.parametrize("parts", [0, -2, 2.0, "x", True])
def test_what_is_no_number_of_micro_batches_is_refused_by_its_key(parts):
    with pytest.raises(ValueError, match=r"expected optim_wrapper.accumulative_counts as a whole number above 0, got"):
        make_resumable(downstream(optim_wrapper=dict(accumulative_counts=parts)))


def test_hooks_are_added_once_behind_the_configs_own():
    config = downstream(custom_hooks=[dict(type="Mine"), dict(type="slotcon_mm.StepSeedHook")])
    make_resumable(config)
    types = [hook["type"].removeprefix("slotcon_mm.") for hook in config.custom_hooks]
    assert types == ["Mine", "StepSeedHook", "InterimCheckpointHook", "RankAgreementHook", "BlockingFiniteGuardHook"]
    assert config.default_hooks.checkpoint.type == "slotcon_mm.PlainCheckpointHook"


def test_the_config_that_a_run_left_in_its_work_dir_runs_again():
    config = downstream()
    make_resumable(config, resumed_iteration=3)
    before = config.to_dict()
    make_resumable(config, resumed_iteration=6, minutes=5)
    before["train_dataloader"]["batch_sampler"]["start"] = 6
    found = config.to_dict()
    for one in (before, found):  # in any order
        one["custom_hooks"] = {hook["type"]: hook for hook in one["custom_hooks"]}
    before["custom_hooks"]["slotcon_mm.InterimCheckpointHook"]["minutes"] = 5
    assert found == before


def test_waiting_has_an_end_unless_the_config_says_otherwise():
    config = downstream(env_cfg=dict(dist_cfg=dict(backend="gloo")))
    make_resumable(config)
    assert config.train_dataloader.timeout == 600
    assert config.env_cfg.dist_cfg == dict(backend="gloo", timeout=900)
    config = downstream(env_cfg=dict(dist_cfg=dict(backend="nccl", timeout=60)))
    config.train_dataloader.update(timeout=5)
    make_resumable(config)
    assert (config.train_dataloader.timeout, config.env_cfg.dist_cfg.timeout) == (5, 60)


def test_without_workers_there_is_no_timeout_which_torch_would_refuse():
    config = downstream()
    config.train_dataloader.num_workers = 0
    make_resumable(config)
    assert "timeout" not in config.train_dataloader


@pytest.mark.parametrize(
    ("optimizer", "guard"),
    [
        ("slotcon_mm.LARS", "FiniteGuardHook"),
        ("slotcon_mm.ClippedAdamW", "FiniteGuardHook"),
        ("LARS", "BlockingFiniteGuardHook"),  # that of mmpretrain
        ("AdamW", "BlockingFiniteGuardHook"),
    ],
)
def test_a_pretraining_by_another_optimizer_gets_the_guard_that_waits(optimizer, guard):
    config = Config(
        dict(
            default_scope="mmpretrain",
            model=dict(type="slotcon_mm.SlotCon"),
            train_cfg=dict(by_epoch=True, max_epochs=1),
            train_dataloader=dict(dataset=dict(type="slotcon_mm.UnlabeledImageDataset")),
            optim_wrapper=dict(optimizer=dict(type=optimizer)),
            custom_hooks=[dict(type="slotcon_mm.FiniteGuardHook"), dict(type="Mine")],
        )
    )
    make_resumable(config)
    types = [hook["type"] for hook in config.custom_hooks]
    assert types == [f"slotcon_mm.{guard}", "Mine", "slotcon_mm.InterimCheckpointHook"]
    assert config.train_dataloader.dataset.type == "slotcon_mm.UnlabeledImageDataset"


def test_a_config_that_only_tests_is_left_alone():
    config = Config(dict(model=dict(type="FCN")))
    make_resumable(config)
    assert config.to_dict() == dict(model=dict(type="FCN"))
