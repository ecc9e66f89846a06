"""Four epochs equal two and two, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import layouts
import numpy as np
import pytest
import torch
from helpers import run_on_two_processes
from mmengine.config import Config
from runs import build_run, differences, interrupted_at, log_of, pretraining_options, run_state, train

from slotcon_mm.checks import RunStoppedError
from slotcon_mm.datasets.sampling.sample_clock import SampleClock
from slotcon_mm.engine.optimizers.schedule import warmup_cosine

QUICKSTART = "slotcon_r18_quickstart.py"


def workers(count: int, *, persistent: bool = False) -> dict[str, Any]:
    return {"train_dataloader.num_workers": count, "train_dataloader.persistent_workers": persistent}


@pytest.fixture(scope="module")
def uninterrupted(scenes, tmp_path_factory) -> dict[str, Any]:
    """The state after four epochs at once, by no worker process."""
    work_dir = tmp_path_factory.mktemp("uninterrupted")
    train(build_run(QUICKSTART, work_dir, options=pretraining_options(scenes)))
    return run_state(work_dir / "epoch_4.pth")


def two_and_two(scenes: Path, work_dir: Path, first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    interrupted_at(build_run(QUICKSTART, work_dir, options=pretraining_options(scenes, **first)), epoch=2)
    train(build_run(QUICKSTART, work_dir, options=pretraining_options(scenes, **second), resume="latest"))
    return run_state(work_dir / "epoch_4.pth")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (workers(0), workers(0)),
        (workers(2), workers(2)),
        (workers(2, persistent=True), workers(2, persistent=True)),
        (workers(1, persistent=True), workers(3)),
    ],
    ids=["in the main process", "two workers", "persistent workers", "from one worker to three"],
)
def test_an_interrupted_pretraining_ends_in_the_same_bits(uninterrupted, scenes, tmp_path, first, second):
    assert differences(uninterrupted, two_and_two(scenes, tmp_path, first, second)) == []


def test_the_state_that_is_compared_has_everything(uninterrupted):
    for name in (
        "state_dict.group_head.center", "state_dict.teacher.steps", "state_dict.teacher.backbone.bn1.running_mean",
        "state_dict.backbone.bn1.running_var", "optimizer.state.0.momentum_buffer", "param_schedulers.0._global_step",
        "log.train/loss_slot.0", "log.train/lr.0", "log.train/center_norm.0", "place.iter",
    ):  # fmt: skip
        assert name in uninterrupted
    assert len(uninterrupted["log.train/loss.0"]) == 16  # the second run's log means reach back into the first


def test_the_comparison_tells_draws_that_are_lost_on_resuming(uninterrupted, scenes, tmp_path, monkeypatch):
    """Negative control: with samples drawn from a generator of the process, as is usual, it must fail."""
    interrupted_at(build_run(QUICKSTART, tmp_path, options=pretraining_options(scenes)), epoch=2)
    stream = np.random.default_rng(0)
    monkeypatch.setattr(SampleClock, "generator", lambda clock, index: stream)
    train(build_run(QUICKSTART, tmp_path, options=pretraining_options(scenes), resume="latest"))
    found = differences(uninterrupted, run_state(tmp_path / "epoch_4.pth"))
    assert "state_dict.backbone.conv1.weight" in found
    assert "log.train/loss_slot.0" in found


def test_a_moved_work_dir_resumes(uninterrupted, scenes, tmp_path):
    interrupted_at(build_run(QUICKSTART, tmp_path / "old", options=pretraining_options(scenes)), epoch=2)
    (tmp_path / "old").rename(tmp_path / "new")
    train(build_run(QUICKSTART, tmp_path / "new", options=pretraining_options(scenes), resume="latest"))
    assert differences(uninterrupted, run_state(tmp_path / "new/epoch_4.pth")) == []


def two_processes(rank: int, scenes: str, work_dir: str) -> None:
    options = pretraining_options(Path(scenes), **{"train_dataloader.batch_size": 2})
    at_once, parts = Path(work_dir) / "at-once", Path(work_dir) / "parts"
    train(build_run(QUICKSTART, at_once, options=options, launcher="pytorch"))
    interrupted_at(build_run(QUICKSTART, parts, options=options, launcher="pytorch"), epoch=2)
    torch.distributed.barrier()  # rank 0 has written its checkpoint
    train(build_run(QUICKSTART, parts, options={**options, **workers(1)}, launcher="pytorch", resume="latest"))


def test_two_processes_resume_exactly(scenes, tmp_path):
    run_on_two_processes(two_processes, tmp_path, str(scenes), str(tmp_path))
    assert differences(*(run_state(tmp_path / name / "epoch_4.pth") for name in ("at-once", "parts"))) == []


def test_a_changed_length_is_said_and_followed(scenes, tmp_path):
    train(build_run(QUICKSTART, tmp_path, options=pretraining_options(scenes, epochs=2)))
    runner = train(build_run(QUICKSTART, tmp_path, options=pretraining_options(scenes, epochs=3), resume="latest"))
    said = "max_epochs is 3 instead of 2: slotcon_mm's schedules of learning rate, weight decay and teacher follow"
    assert said in log_of(tmp_path)
    last = warmup_cosine(11, 2.0, warmup=4, total=12, start_factor=0.01, eta_min=1e-6)
    assert runner.optim_wrapper.get_lr()["lr"][0] == pytest.approx(last)


def test_a_changed_batch_is_refused_with_the_one_that_fits(scenes, tmp_path):
    train(build_run(QUICKSTART, tmp_path, options=pretraining_options(scenes, epochs=2)))
    options = pretraining_options(scenes, epochs=2, **{"train_dataloader.batch_size": 8})
    with pytest.raises(ValueError, match=r"4 = 1 processes x 4, got 8 = 1 x 8: set train_dataloader.batch_size=4"):
        build_run(QUICKSTART, tmp_path, options=options, resume="latest")


def test_changed_images_are_said(scenes, tmp_path):
    train(build_run(QUICKSTART, tmp_path, options=pretraining_options(scenes, epochs=2)))
    options = pretraining_options(scenes, epochs=2, **{"train_dataloader.dataset.folders": ["val2017"]})
    build_run(QUICKSTART, tmp_path, options=options, resume="latest")
    assert "the training images are not those of the checkpoint (6 now, 16 then)" in log_of(tmp_path)


WITHIN = {"default_hooks.checkpoint.by_epoch": False, "default_hooks.checkpoint.interval": 3}


@pytest.fixture(scope="module")
def three_epochs(scenes, tmp_path_factory) -> dict[str, Any]:
    """The state after three epochs at once, by no worker process."""
    work_dir = tmp_path_factory.mktemp("three")
    train(build_run(QUICKSTART, work_dir, options=pretraining_options(scenes, epochs=3, **WITHIN)))
    return run_state(work_dir / "iter_12.pth")


@pytest.mark.parametrize("iteration", [4, 7, 11], ids=["in the first epoch", "in the second", "in the third"])
@pytest.mark.parametrize("loader", [workers(0), workers(2, persistent=True)], ids=["no worker", "persistent workers"])
def test_a_pretraining_resumes_within_an_epoch_and_reads_nothing_again(
    three_epochs, scenes, tmp_path, monkeypatch, iteration, loader
):
    options = pretraining_options(scenes, epochs=3, **WITHIN, **loader)
    interrupted_at(build_run(QUICKSTART, tmp_path, options=options), iteration=iteration)
    runner = build_run(QUICKSTART, tmp_path, options=options, resume="latest")
    read: list[int] = []
    if not loader["train_dataloader.num_workers"]:
        dataset = runner.train_loop.dataloader.dataset
        get = type(dataset).__getitem__
        monkeypatch.setattr(type(dataset), "__getitem__", lambda self, index: read.append(index) or get(self, index))
    train(runner)
    assert runner.iter == 12
    assert differences(three_epochs, run_state(tmp_path / "iter_12.pth")) == []
    if not loader["train_dataloader.num_workers"]:
        assert len(read) == 4 * (12 - iteration // 3 * 3)


def test_a_checkpoint_at_the_very_end_of_an_epoch_begins_the_next(scenes, tmp_path):
    options = pretraining_options(scenes, epochs=2, **{**WITHIN, "default_hooks.checkpoint.interval": 4})
    train(build_run(QUICKSTART, tmp_path / "whole", options=options))
    interrupted_at(build_run(QUICKSTART, tmp_path / "parts", options=options), iteration=5)
    train(build_run(QUICKSTART, tmp_path / "parts", options=options, resume="latest"))
    whole, parts = (run_state(tmp_path / name / "iter_8.pth") for name in ("whole", "parts"))
    # the scalar that an epoch's last batch gives was still to come when the checkpoint was written
    assert {name for name in differences(whole, parts) if "feature_rank" not in name} == set()


# Gradient accumulation ----------------------------------------------------------------------------------------------

ACCUMULATED = {"optim_wrapper.accumulative_counts": 2, "train_dataloader.batch_size": 2}


def test_an_accumulated_run_counts_optimizer_steps_and_resumes_exactly(scenes, tmp_path):
    options = {**pretraining_options(scenes, epochs=3), **ACCUMULATED, **WITHIN}
    runner = train(build_run(QUICKSTART, tmp_path / "whole", options=options))
    state = run_state(tmp_path / "whole/iter_12.pth")
    assert int(state["state_dict.teacher.steps"]) == runner.iter == runner.max_iters == 12
    rates = state["log.train/lr.0"]
    base, warmup = runner.optim_wrapper.optimizer.param_groups[0]["initial_lr"], runner.param_schedulers[0].warmup
    np.testing.assert_allclose(rates[-1], warmup_cosine(11, base, warmup, 12, 0.01, 1e-6), rtol=1e-12)
    assert "accumulative_counts=2: a step takes 2 micro-batches of 2 images" in log_of(tmp_path / "whole")
    assert "batch: 4 images (2 micro-batches x 2); 3 epochs of 4 steps" in log_of(tmp_path / "whole")
    interrupted_at(build_run(QUICKSTART, tmp_path / "parts", options=options), iteration=8)
    train(build_run(QUICKSTART, tmp_path / "parts", options=options, resume="latest"))
    assert differences(state, run_state(tmp_path / "parts/iter_12.pth")) == []


def test_the_learning_rate_of_an_accumulated_run_is_that_of_its_effective_batch(scenes, tmp_path):
    options = {**pretraining_options(scenes, epochs=2), **ACCUMULATED, "auto_scale_lr.enable": True}
    runner = train(build_run(QUICKSTART, tmp_path, options=options))
    assert runner.optim_wrapper.optimizer.param_groups[0]["initial_lr"] == pytest.approx(2.0 * 4 / 512)


def test_the_rate_that_the_log_shows_as_the_base_follows_the_batch_too(scenes, tmp_path):
    options = {**pretraining_options(scenes, epochs=2), "auto_scale_lr.enable": True}
    options["optim_wrapper.paramwise_cfg"] = dict(norm_decay_mult=0.0)  # with which MMEngine shows one
    rates = train(build_run(QUICKSTART, tmp_path, options=options)).optim_wrapper.get_lr()
    assert rates["base_lr"] == pytest.approx(rates["lr"][:1])


# Another config -----------------------------------------------------------------------------------------------------


def test_every_changed_number_is_said_and_the_config_holds(scenes, tmp_path):
    train(build_run(QUICKSTART, tmp_path, options=pretraining_options(scenes, epochs=2)))
    (tmp_path / "epoch_2.pth").unlink()
    changed = {
        "optim_wrapper.optimizer.lr": 0.5, "optim_wrapper.optimizer.weight_decay": 0.25, "model.group_weight": 0.75,
        "model.group_head.teacher_temperature": 0.05, "train_dataloader.dataset.pipeline.1.gray_prob": 0.0,
    }  # fmt: skip
    options = pretraining_options(scenes, epochs=2, **changed)
    runner = train(build_run(QUICKSTART, tmp_path, options=options, resume=str(tmp_path / "epoch_1.pth")))
    log = log_of(tmp_path)
    for line in (
        "optim_wrapper.optimizer.lr is 0.5 now and 2.0 in the checkpoint",
        "optim_wrapper.optimizer.weight_decay is 0.25 now and 1e-05 in the checkpoint",
        "model.group_weight is 0.75 now and 0.5 in the checkpoint",
        "model.group_head.teacher_temperature is 0.05 now and 0.06 in the checkpoint",
        "train_dataloader.dataset.pipeline.1.gray_prob is 0.0 now and 0.3 in the checkpoint",
    ):
        assert log.count(f"--resume: {line}; the run continues with what the config says now") == 1, line
    (group,) = runner.optim_wrapper.optimizer.param_groups
    assert (group["weight_decay"], group["initial_lr"]) == (0.25, 0.5)
    assert runner.model.group_weight == 0.75


def test_another_split_of_the_parameters_is_refused_with_what_to_do(scenes, tmp_path):
    train(build_run(QUICKSTART, tmp_path, options=pretraining_options(scenes, epochs=2)))
    options = pretraining_options(scenes, epochs=3, **{"optim_wrapper.paramwise_cfg": dict(norm_decay_mult=0.0)})
    with pytest.raises(RunStoppedError, match=r"paramwise_cfg has changed.*new run from its weights with --pretrained"):
        train(build_run(QUICKSTART, tmp_path, options=options, resume="latest"))


def test_an_unchanged_config_says_nothing(uninterrupted, scenes, tmp_path):
    two_and_two(scenes, tmp_path, workers(0), workers(2))
    assert "in the checkpoint" not in log_of(tmp_path)


def test_adamw_with_groups_of_parameters_resumes_in_rectangular_views_to_the_same_bits(scenes, tmp_path):
    given = {
        "optim_wrapper.optimizer.type": "AdamW",
        "optim_wrapper.paramwise_cfg": dict(norm_decay_mult=0.0, custom_keys=dict(prototypes=dict(lr_mult=0.5))),
        "auto_scale_lr": dict(enable=True, base_batch_size=8),
        "train_dataloader.dataset.pipeline.1.size": [32, 64],
    }
    options = pretraining_options(scenes, **given)
    train(build_run(QUICKSTART, tmp_path / "whole", options=options))
    interrupted_at(build_run(QUICKSTART, tmp_path / "parts", options=options), epoch=2)
    runner = train(build_run(QUICKSTART, tmp_path / "parts", options=options, resume="latest"))
    rates = {round(group["initial_lr"], 9) for group in runner.optim_wrapper.optimizer.param_groups}
    assert rates == {0.0005, 0.00025}  # half of AdamW's default for half of the base batch
    assert differences(*(run_state(tmp_path / name / "epoch_4.pth") for name in ("whole", "parts"))) == []


def test_another_optimizer_is_refused(scenes, tmp_path):
    train(build_run(QUICKSTART, tmp_path, options=pretraining_options(scenes, epochs=2)))

    def take_sgd(config: Config) -> None:
        config.optim_wrapper.optimizer = dict(type="SGD", lr=0.1)
        config.custom_hooks = [hook for hook in config.custom_hooks if "FiniteGuard" not in hook.type]

    with pytest.raises(ValueError, match=r"optimizer of the checkpoint, slotcon_mm.LARS, .* got SGD: start a new run"):
        build_run(QUICKSTART, tmp_path, options=pretraining_options(scenes), change=take_sgd, resume="latest")


@pytest.mark.parametrize(
    ("schedule", "late"),
    [
        (dict(type="MultiStepLR", milestones=[1, 4, 5], by_epoch=True), "4, 5 epochs, and the run ends after 2"),
        (dict(type="CosineAnnealingLR", T_max=400, by_epoch=False), "400 iterations, and the run ends after 8"),
    ],
    ids=["milestones", "end"],
)
def test_a_schedule_that_the_run_is_too_short_for_is_said(scenes, tmp_path, schedule, late):
    def change(config: Config) -> None:
        config.param_scheduler = [schedule]

    build_run(QUICKSTART, tmp_path, options=pretraining_options(scenes, epochs=2), change=change)
    assert f"reaches {late}: the learning rate will not take the course that the config says" in log_of(tmp_path)


# Fine-tuning --------------------------------------------------------------------------------------------------------


def small_segmentation(config: Config) -> None:
    config.train_cfg.update(max_iters=6, val_interval=100)
    config.model.backbone.update(depth=18)
    config.model.decode_head.update(in_channels=512, channels=16, dropout_ratio=0.5)
    config.model.data_preprocessor.size = (65, 65)
    config.default_hooks.checkpoint.interval = 3
    train_step = config.train_dataloader.dataset.dataset.datasets[0].pipeline
    for step in train_step:
        if step.type == "RandomResize":
            step.scale = (96, 64)
        elif step.type == "RandomCrop":
            step.crop_size = (65, 65)
    config.train_dataloader.dataset.dataset.datasets[1].pipeline = train_step
    shorten(config)


def small_detection(config: Config) -> None:
    config.train_cfg.update(max_epochs=2, val_interval=100)
    config.custom_hooks = [hook for hook in config.custom_hooks if "PreciseBN" not in hook.type]
    config.default_hooks.checkpoint.interval = 1
    shorten(config)


def shorten(config: Config) -> None:
    config.train_dataloader.update(batch_size=2, num_workers=0, persistent_workers=False)
    config.train_dataloader.pop("timeout", None)
    config.default_hooks.logger.interval = 1
    config.visualizer.vis_backends = []
    config.val_dataloader = config.val_cfg = config.val_evaluator = None


def segmentation(root: Path, name: str, *, seed: int | None = 7, **kwargs: Any) -> Any:
    config = "segmentation/fcn_r50-d16_voc12aug-513x513_30k.py"
    options = {} if seed is None else {"randomness": dict(seed=seed)}
    return build_run(config, root / name, change=small_segmentation, options=options, **kwargs)


def test_fine_tuning_by_iterations_resumes_exactly_and_reads_nothing_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    layouts.write_voc(tmp_path / "data/VOCdevkit", count=5)
    train(segmentation(tmp_path, "at-once"))
    interrupted_at(segmentation(tmp_path, "parts"), iteration=4)
    runner = segmentation(tmp_path, "parts", resume="latest")
    assert runner.train_loop.dataloader.batch_sampler.start == 3
    read: list[int] = []
    dataset = runner.train_loop.dataloader.dataset.dataset
    get = type(dataset).__getitem__
    monkeypatch.setattr(type(dataset), "__getitem__", lambda self, index: read.append(index) or get(self, index))
    train(runner)
    assert len(read) == 3 * 2
    assert "Advance dataloader" not in log_of(tmp_path / "parts")
    assert differences(*(run_state(tmp_path / name / "iter_6.pth") for name in ("at-once", "parts"))) == []


def test_a_fine_tuning_without_a_seed_in_its_config_resumes_with_the_one_that_it_drew(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    layouts.write_voc(tmp_path / "data/VOCdevkit", count=5)
    interrupted_at(segmentation(tmp_path, "parts", seed=None), iteration=4)
    seed = torch.load(tmp_path / "parts/iter_3.pth", weights_only=True)["meta"]["seed"]
    runner = segmentation(tmp_path, "parts", seed=None, resume="latest")
    assert runner.seed == seed == runner.train_loop.dataloader.batch_sampler.sampler.seed


def test_mask_rcnn_resumes_exactly(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    layouts.write_coco(tmp_path / "data/coco", count=5)
    options = {
        "train_dataloader.dataset.data_root": "data/coco/",
        "val_dataloader.dataset.data_root": "data/coco/",
        "val_evaluator.ann_file": "data/coco/annotations/instances_val2017.json",
        "train_dataloader.dataset.metainfo.classes": ("dog",),
        "val_dataloader.dataset.metainfo.classes": ("dog",),
        "model.roi_head.bbox_head.num_classes": 1,
        "model.roi_head.mask_head.num_classes": 1,
        "randomness": dict(seed=5),
    }

    def detection(name: str, **kwargs: Any) -> Any:
        config = "detection/mask-rcnn_r18_fpn_quickstart.py"
        return build_run(config, tmp_path / name, change=small_detection, options=options, **kwargs)

    train(detection("at-once"))
    interrupted_at(detection("parts"), epoch=1)
    train(detection("parts", resume="latest"))
    assert differences(*(run_state(tmp_path / name / "epoch_2.pth") for name in ("at-once", "parts"))) == []
