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
    assert "max_epochs is 3 instead of 2: slotcon_mm's schedules of learning rate and teacher follow" in log_of(
        tmp_path
    )
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
    config.train_cfg.update(max_epochs=4, val_interval=100)
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
        "randomness": dict(seed=5),
    }

    def detection(name: str, **kwargs: Any) -> Any:
        config = "detection/mask-rcnn_r18_fpn_quickstart.py"
        return build_run(config, tmp_path / name, change=small_detection, options=options, **kwargs)

    train(detection("at-once"))
    interrupted_at(detection("parts"), epoch=2)
    train(detection("parts", resume="latest"))
    assert differences(*(run_state(tmp_path / name / "epoch_4.pth") for name in ("at-once", "parts"))) == []
