"""From config and options to what is run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from runs import CONFIGS, training_arguments

from slotcon_mm.checks import RunStoppedError
from slotcon_mm.launch import training

QUICKSTART = "slotcon_r18_quickstart.py"
OF_ANOTHER_MODEL = Config(dict(model=dict(type="MaskRCNN")))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."),
            r"killed by signal: Killed\. \(is memory full",
        ),
        (RuntimeError("DataLoader timed out after 600 seconds"), "timed out after 600 seconds"),
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
        (EOFError(), "EOFError"),
    ],
)
def test_a_lost_worker_is_said_with_what_to_do(error, said, monkeypatch):
    monkeypatch.setattr(training, "NEWS_SECONDS", 0)

    def fail() -> None:
        raise error

    with pytest.raises(
        RunStoppedError, match=rf"got: .*{said}.*Continue with --resume.*lower train_dataloader.num_workers"
    ):
        training.train(SimpleNamespace(cfg=OF_ANOTHER_MODEL, train=fail))


def test_an_error_that_a_worker_passed_on_is_no_lost_worker():
    """torch names the worker in the error that it raises again."""
    passed_on = OSError(
        "Caught OSError in DataLoader worker process 0.\nOriginal Traceback ...\nOSError: image file cut"
    )

    def fail() -> None:
        raise passed_on

    with pytest.raises(OSError, match="Caught OSError") as raised:
        training.train(SimpleNamespace(cfg=OF_ANOTHER_MODEL, train=fail))
    assert raised.value is passed_on


@pytest.mark.parametrize("place", ["sleep", "stopped_by"])
def test_a_worker_whose_end_is_told_while_its_broken_batch_is_handled_is_said_too(monkeypatch, place):
    """torch's handler of SIGCHLD raises between any two lines."""
    told = RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed.")
    owner = training.time if place == "sleep" else training
    call, calls = getattr(owner, place), []

    def interrupted(*given: object) -> object:
        calls.append(given)
        if len(calls) == 1:
            raise told
        return call(*given)

    def fail() -> None:
        raise ConnectionResetError(104, "Connection reset by peer")

    monkeypatch.setattr(training, "NEWS_SECONDS", 0)
    monkeypatch.setattr(owner, place, interrupted)
    with pytest.raises(RunStoppedError, match=r"got: DataLoader worker \(pid 7\) is killed.*Continue with --resume"):
        training.train(SimpleNamespace(cfg=OF_ANOTHER_MODEL, train=fail))


def test_a_resumed_run_keeps_its_seed_and_says_so():
    config = Config(dict(randomness=dict(seed=1, deterministic=True)))
    assert training.set_seed(config, 5) == "--resume: the seed stays 5; 1 is left out"
    assert config.randomness == dict(seed=5, deterministic=True)
    assert training.set_seed(config, 5) is None
    config = Config({})
    assert training.set_seed(config, None) is None
    assert "randomness" not in config


def test_weights_without_an_optimizer_are_not_resumed_but_started_from(tmp_path):
    torch.save(dict(state_dict=dict(a=torch.ones(1)), meta=dict(epoch=2, iter=9)), tmp_path / "published.pth")
    args = training_arguments(CONFIGS / QUICKSTART, "--resume", str(tmp_path / "published.pth"))
    with pytest.raises(
        ValueError, match=r"which holds no optimizer: to start from its weights, pass --pretrained .*pub"
    ):
        training.prepare_training(args)


def test_minutes_that_are_none_are_refused_by_the_options_name():
    with pytest.raises(ValueError, match=r"expected --checkpoint-minutes above 0, got 0"):
        training.prepare_training(training_arguments(CONFIGS / QUICKSTART, "--checkpoint-minutes", "0"))


def test_a_full_disk_is_said_with_what_to_do():
    def fail() -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(
        RunStoppedError,
        match=r"expected free space for w, got: No space left on device. Make room, then continue with --resume",
    ):
        training.train(SimpleNamespace(cfg=OF_ANOTHER_MODEL, train=fail, work_dir="w"))


def test_other_errors_of_a_training_are_left_as_they_are():
    def fail() -> None:
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match=r"^shapes differ$"):
        training.train(SimpleNamespace(cfg=OF_ANOTHER_MODEL, train=fail))


@pytest.mark.parametrize("variable", ["RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK"])
def test_only_a_jobs_first_process_holds_the_work_dir(variable, tmp_path, monkeypatch):
    config = Config(dict(work_dir=str(tmp_path), launcher="pytorch"))
    monkeypatch.setenv(variable, "1")
    assert training.lock_for_training(config) is None
    monkeypatch.setenv(variable, "0")
    assert training.lock_for_training(config) is not None


def test_amp_wraps_the_optimizer_where_there_is_a_gpu(monkeypatch):
    monkeypatch.setattr(training, "has_accelerator", lambda: True)
    config = Config(dict(optim_wrapper=dict(type="OptimWrapper")))
    training.turn_on_amp(config)
    assert config.optim_wrapper == dict(type="AmpOptimWrapper", loss_scale="dynamic")


def test_lr_scaling_needs_a_base_batch():
    config = Config(dict(auto_scale_lr=dict(enable=False, base_batch_size=16)))
    training.turn_on_lr_scaling(config)
    assert config.auto_scale_lr.enable
    with pytest.raises(ValueError, match="base_batch_size"):
        training.turn_on_lr_scaling(Config({}))


def test_resume_auto_and_latest_differ_only_where_there_is_nothing(tmp_path):
    config = Config(dict(work_dir=str(tmp_path)))
    assert "starting afresh" in training.set_resume(config, "auto")
    assert not config.resume
    with pytest.raises(FileNotFoundError, match="use --resume auto"):
        training.set_resume(config, "latest")
    torch.save({}, tmp_path / "epoch_2.pth")
    for resume in ("auto", "latest", str(tmp_path / "epoch_2.pth")):
        training.set_resume(config, resume)
        assert config.resume
        assert config.load_from.endswith("epoch_2.pth")


def test_a_resumed_run_keeps_its_weights_whatever_is_pretrained(tmp_path):
    args = training_arguments(CONFIGS / QUICKSTART, "--work-dir", str(tmp_path))
    args.resume, args.pretrained = "auto", str(tmp_path / "other.pth")
    torch.save(dict(state_dict={"neck.prototypes": torch.ones(1)}), tmp_path / "other.pth")
    assert training.prepare_training(args).config.load_from == args.pretrained
    torch.save(dict(optimizer={}, message_hub={}), tmp_path / "epoch_1.pth")
    start = training.prepare_training(args)
    assert start.config.resume
    assert start.config.load_from == str(tmp_path / "epoch_1.pth")
    assert start.notes == [f"--resume: continuing from {tmp_path / 'epoch_1.pth'}"]


def test_a_source_without_weights_is_refused():
    args = training_arguments(CONFIGS / QUICKSTART)
    args.pretrained_source = "student"
    with pytest.raises(ValueError, match="expected --pretrained WEIGHTS"):
        training.prepare_training(args)


@pytest.mark.parametrize("options", [[], ["--pretrained", "scratch"]])
def test_a_config_that_a_resumed_run_left_behind_continues_nothing_unasked(tmp_path, options):
    config = Config.fromfile(CONFIGS / QUICKSTART)
    config.update(resume=True, load_from=str(tmp_path / "epoch_5.pth"))
    config.dump(tmp_path / "left.py")
    with pytest.raises(ValueError, match=r"expected --resume to continue a run, got resume=True in the config"):
        training.prepare_training(training_arguments(tmp_path / "left.py", *options))
