"""From config and options to what is run."""

from __future__ import annotations

import argparse
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config

from slotcon_mm.checks import RunStoppedError
from slotcon_mm.launch import training as launch

OF_ANOTHER_MODEL = Config(dict(model=dict(type="MaskRCNN")))


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    launch.add_common_arguments(parser)
    args = parser.parse_args(["--device", "cpu", *arguments])
    args.resume = args.pretrained = args.pretrained_source = None
    args.amp = args.auto_scale_lr = False
    return args


@pytest.fixture
def config_file(tmp_path: Path) -> str:
    path = tmp_path / "mine.py"
    path.write_text(
        "default_scope = 'mmpretrain'\nmodel = dict(type='slotcon_mm.SlotCon')\n"
        "default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1))\n"
    )
    return str(path)


def test_the_work_dir_is_named_after_the_config_unless_told(config_file):
    assert launch.prepare(parse(config_file)).work_dir == "work_dirs/mine"
    assert launch.prepare(parse(config_file, "--work-dir", "there")).work_dir == "there"


@pytest.mark.parametrize("package", ["mmdet", "mmseg"])
def test_a_config_of_an_absent_package_is_answered_by_the_command_that_installs_it(package, tmp_path, monkeypatch):
    def absent(path: str) -> None:
        raise ImportError(f"{package} is not installed, please install {package} manually")

    monkeypatch.setattr(launch.Config, "fromfile", absent)
    monkeypatch.setattr("slotcon_mm.requirements.find_spec", lambda name: None if package in name else name)
    with pytest.raises(ImportError, match=f"mine.py needs {package}.*\n.*bash tools/setup_env.sh det,seg"):
        launch.prepare(parse(str(tmp_path / "mine.py")))


@pytest.mark.parametrize("spelling", ["--local_rank", "--local-rank"])
def test_both_spellings_of_the_local_rank_are_taken(config_file, spelling):
    assert parse(config_file, spelling, "3").local_rank == 3


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."),
            r"killed by signal: Killed\. \(out of mem",
        ),
        (RuntimeError("DataLoader timed out after 600 seconds"), "timed out after 600 seconds"),
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
    ],
)
def test_a_lost_worker_is_said_with_what_to_do(error, said):
    def fail() -> None:
        raise error

    with pytest.raises(RunStoppedError, match=rf"got .*{said}.*lower train_dataloader.num_workers.*--resume goes on"):
        launch.train(SimpleNamespace(cfg=OF_ANOTHER_MODEL, train=fail))


def test_a_resumed_run_keeps_its_seed_and_says_so():
    config = Config(dict(randomness=dict(seed=1, deterministic=True)))
    assert launch.set_seed(config, 5) == "--resume: the seed stays 5; 1 is left out"
    assert config.randomness == dict(seed=5, deterministic=True)
    assert launch.set_seed(config, 5) is None
    config = Config({})
    assert launch.set_seed(config, None) is None
    assert "randomness" not in config


def test_a_full_disk_is_said_with_what_to_do():
    def fail() -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(
        RunStoppedError, match=r"expected room in w, got No space left on device: make some, then --resume"
    ):
        launch.train(SimpleNamespace(cfg=OF_ANOTHER_MODEL, train=fail, work_dir="w"))


def test_other_errors_of_a_training_are_left_as_they_are():
    def fail() -> None:
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match=r"^shapes differ$"):
        launch.train(SimpleNamespace(cfg=OF_ANOTHER_MODEL, train=fail))


@pytest.mark.parametrize("variable", ["RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK"])
def test_only_a_jobs_first_process_holds_the_work_dir(variable, tmp_path, monkeypatch):
    config = Config(dict(work_dir=str(tmp_path), launcher="pytorch"))
    monkeypatch.setenv(variable, "1")
    assert launch.lock_for_training(config) is None
    monkeypatch.setenv(variable, "0")
    assert launch.lock_for_training(config) is not None


def test_amp_wraps_the_optimizer_where_there_is_a_gpu(monkeypatch):
    monkeypatch.setattr(launch, "has_accelerator", lambda: True)
    config = Config(dict(optim_wrapper=dict(type="OptimWrapper")))
    launch.turn_on_amp(config)
    assert config.optim_wrapper == dict(type="AmpOptimWrapper", loss_scale="dynamic")


def test_lr_scaling_needs_a_base_batch():
    config = Config(dict(auto_scale_lr=dict(enable=False, base_batch_size=16)))
    launch.turn_on_lr_scaling(config)
    assert config.auto_scale_lr.enable
    with pytest.raises(ValueError, match="base_batch_size"):
        launch.turn_on_lr_scaling(Config({}))


def test_resume_auto_and_latest_differ_only_where_there_is_nothing(tmp_path):
    config = Config(dict(work_dir=str(tmp_path)))
    assert "starting afresh" in launch.set_resume(config, "auto")
    assert not config.resume
    with pytest.raises(FileNotFoundError, match="use --resume auto"):
        launch.set_resume(config, "latest")
    torch.save({}, tmp_path / "epoch_2.pth")
    for resume in ("auto", "latest", str(tmp_path / "epoch_2.pth")):
        launch.set_resume(config, resume)
        assert config.resume
        assert config.load_from.endswith("epoch_2.pth")


def test_a_resumed_run_keeps_its_weights_whatever_is_pretrained(config_file, tmp_path):
    args = parse(config_file, "--work-dir", str(tmp_path))
    args.resume, args.pretrained = "auto", str(tmp_path / "other.pth")
    torch.save({}, tmp_path / "other.pth")
    assert launch.prepare_training(args).config.load_from == args.pretrained
    torch.save({}, tmp_path / "epoch_1.pth")
    start = launch.prepare_training(args)
    assert start.config.resume
    assert start.config.load_from == str(tmp_path / "epoch_1.pth")
    assert start.notes == [f"--resume: continuing {tmp_path / 'epoch_1.pth'}"]


def test_a_source_without_weights_is_refused(config_file):
    args = parse(config_file)
    args.pretrained_source = "student"
    with pytest.raises(ValueError, match="expected --pretrained CKPT_OR_WORKDIR"):
        launch.prepare_training(args)
