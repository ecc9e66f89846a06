"""The command line, run as a person runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers import run_tool
from processes import run_python, run_ranks

REPOSITORY = Path(__file__).parents[2]


def run(*command: str, **environment: str) -> subprocess.CompletedProcess:
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHON": sys.executable, "CUDA_VISIBLE_DEVICES": "-1", **environment}
    return subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, timeout=600)


def small(scenes: Path, work_dir: Path, *, epochs: int = 2, **options: object) -> list[str]:
    """Arguments that cut the COCO config to a size for tests, by --cfg-options only."""
    values = {
        "train_dataloader.dataset.data_root": scenes,
        "train_dataloader.batch_size": 4,
        "train_dataloader.num_workers": 1,
        "train_dataloader.dataset.pipeline.1.size": 64,
        "train_cfg.max_epochs": epochs,
        "param_scheduler.warmup": 0.5,
        "model.backbone.depth": 18,
        "model.neck.in_channels": 512,
        "model.neck.hidden_channels": 32,
        "model.slot_head.hidden_channels": 32,
        "default_hooks.logger.interval": 1,
        "default_hooks.checkpoint.interval": 1,
        **options,
    }
    return ["--work-dir", str(work_dir), "--cfg-options", *(f"{name}={value}" for name, value in values.items())]


def train(*arguments: str, config: str = "configs/slotcon_r50_coco.py") -> subprocess.CompletedProcess:
    return run_python("tools/train.py", config, *arguments, env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"})


@pytest.fixture(scope="module")
def trained(tmp_path_factory, scenes) -> tuple[Path, str]:
    """A work dir of two epochs, and what training printed; Python is started for it."""
    work_dir = tmp_path_factory.mktemp("trained")
    result = run(sys.executable, "tools/train.py", "configs/slotcon_r50_coco.py", *small(scenes, work_dir))
    assert result.returncode == 0, result.stderr[-3000:]
    return work_dir, result.stdout + result.stderr


def test_training_logs_what_tells_whether_a_run_is_healthy(trained):
    log = trained[1]
    for name in ("loss_group", "loss_slot", "lr", "teacher_momentum", "slots_per_view", "prototype_perplexity",
                 "center_norm", "images_per_second", "eta", "memory"):  # fmt: skip
        assert f"{name}: " in log, name
    assert f"learning rate: {2 * 4 / 512:g} (LARS), scaled from the config's for a batch of 512" in log
    assert "CPU: training in fp32" in log


def test_the_console_says_what_runs_in_few_lines_and_the_log_file_everything(trained, scenes):
    console = trained[1].splitlines()
    start = next(number for number, line in enumerate(console) if "Epoch(train)" in line)
    before = [line.partition("INFO - ")[2] for line in console[:start]]
    assert len(before) <= 15
    assert [line.partition(":")[0] for line in before[-7:]] == [
        "config", "data", "model", "device", "batch", "learning rate", "work dir",
    ]  # fmt: skip
    assert f"data: 16 images in {scenes} (train2017)" in before
    assert all("INFO" in line for line in console)  # no warning, no print
    (log,) = trained[0].glob("*/*.log")
    for hosts in ("System environment", "Hooks will be executed", '"FileClient" will be deprecated', "model = dict("):
        assert hosts in log.read_text()
        assert hosts not in trained[1]


def test_checkpoints_load_by_torchs_safe_loader_and_hold_the_run(trained):
    checkpoint = torch.load(trained[0] / "epoch_2.pth", weights_only=True)
    assert checkpoint["meta"]["epoch"] == 2
    assert int(checkpoint["state_dict"]["teacher.steps"]) == checkpoint["meta"]["iter"] == 8
    assert checkpoint["optimizer"]
    assert checkpoint["param_schedulers"]


def test_resume_continues_the_newest_checkpoint(trained, scenes):
    result = train("--resume", *small(scenes, trained[0], epochs=3))
    assert result.returncode == 0, result.stderr[-3000:]
    assert "3 epochs of 4 steps, continued after epoch 2, step 8" in result.stdout + result.stderr
    assert int(torch.load(trained[0] / "epoch_3.pth", weights_only=True)["state_dict"]["teacher.steps"]) == 12


def test_pretrained_fills_student_and_teacher_and_starts_at_step_zero(trained, scenes, tmp_path):
    result = train("--pretrained", str(trained[0]), *small(scenes, tmp_path, epochs=1))
    assert result.returncode == 0, result.stderr[-3000:]
    assert "student and teacher start from" in result.stdout + result.stderr
    assert int(torch.load(tmp_path / "epoch_1.pth", weights_only=True)["state_dict"]["teacher.steps"]) == 4


def test_resume_auto_starts_afresh_and_says_so(scenes, tmp_path):
    result = train("--resume", "auto", *small(scenes, tmp_path, epochs=1))
    assert result.returncode == 0, result.stderr[-3000:]
    assert "--resume auto: nothing to resume, starting afresh" in result.stdout + result.stderr


def test_bad_input_is_answered_by_one_clear_line(trained, scenes, tmp_path):
    wider = {"model.neck.out_channels": 64}
    cases = {
        "expected a checkpoint to resume in": ["--resume", *small(scenes, tmp_path / "none")],
        "which does not exist": ["--resume", "nowhere.pth", *small(scenes, tmp_path)],
        "expected a GPU for --amp": ["--amp", *small(scenes, tmp_path)],
        "expected a folder of images, got": small(tmp_path / "absent", tmp_path),
        "expected at least a batch of images, 99": small(scenes, tmp_path, **{"train_dataloader.batch_size": 99}),
        "expected num_prototypes of 2 or more, got 0": small(scenes, tmp_path, **{"model.neck.num_prototypes": 0}),
        "expected group_weight in [0, 1], got 2": small(scenes, tmp_path, **{"model.group_weight": 2}),
        "expected a checkpoint of this model": ["--resume", str(trained[0]), *small(scenes, tmp_path, **wider)],
        "got data_root, which nothing reads": small(scenes, tmp_path, data_root="x"),
        "expected no sync_bn for pretraining, got torch": small(scenes, tmp_path, sync_bn="torch"),
        "lower it by --cfg-options param_scheduler.warmup": small(scenes, tmp_path, **{"param_scheduler.warmup": 5}),
    }
    for message, arguments in cases.items():
        last = run_tool("tools/train.py", "configs/slotcon_r50_coco.py", *arguments).last_line()
        assert message in last, f"{message!r} not in {last!r}"


def test_two_processes_train_and_resume(scenes, tmp_path):
    arguments = small(scenes, tmp_path, epochs=1, **{"train_dataloader.batch_size": 2})
    result = run("tools/dist_train.sh", "configs/slotcon_r50_coco.py", "2", *arguments, PORT="29611")
    assert result.returncode == 0, result.stderr[-3000:]
    log = result.stdout + result.stderr
    assert "2 processes by gloo" in log
    assert "SyncBN by slotcon_mm" in log
    assert "batch: 4 images (2 processes x 2)" in log
    arguments = small(scenes, tmp_path, epochs=2, **{"train_dataloader.batch_size": 2})
    command = ["tools/train.py", "configs/slotcon_r50_coco.py", "--launcher", "pytorch", "--resume", *arguments]
    first, other = run_ranks(*command, port=29612)
    assert first.returncode == other.returncode == 0, first.stderr[-3000:] + other.stderr[-3000:]
    assert "2 epochs of 4 steps, continued after epoch 1, step 4" in first.stdout + first.stderr


@pytest.mark.real_images
def test_real_images_train(real_images, tmp_path):
    result = train(*small(real_images, tmp_path, epochs=1, **{"train_dataloader.batch_size": 16}))
    assert result.returncode == 0, result.stderr[-3000:]


def test_a_config_that_only_trains_cannot_be_tested(trained):
    result = run(sys.executable, "tools/test.py", "configs/slotcon_r50_coco.py", str(trained[0]))
    assert result.returncode != 0
    assert "expected a config with a test_dataloader" in result.stderr


def test_slurm_scripts_ask_for_what_they_are_told(tmp_path):
    for name in ("srun", "sbatch"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho {name} "$@"\n')
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    command = ["tools/slurm_train.sh", "part", "job", "my config.py", str(tmp_path / "w"), "--amp"]
    result = run(*command, PATH=path, GPUS="16", SRUN_ARGS="--qos high")
    assert "srun --partition part --job-name job --gres gpu:8 --ntasks 16" in result.stdout
    assert "--qos high" in result.stdout
    assert "--launcher slurm --amp" in result.stdout
    result = run(*command, PATH=path, GPUS="4", REQUEUE="1")
    assert result.stdout.startswith("sbatch")
    assert "--gres gpu:4" in result.stdout
    assert "--requeue" in result.stdout
    assert "my\\ config.py" in result.stdout
    assert "--resume auto" in result.stdout
    assert "--signal=USR1@120" in result.stdout
    assert "--checkpoint-minutes 30" in result.stdout
    assert '[ "$code" != 75 ] || scontrol requeue "$SLURM_JOB_ID"' in result.stdout
    result = run("tools/slurm_test.sh", "part", "job", "c.py", "ckpt", PATH=path)
    assert "test.py c.py ckpt --launcher slurm" in result.stdout


@pytest.mark.parametrize("script", ["dist_train.sh", "dist_test.sh", "slurm_train.sh", "slurm_test.sh"])
def test_scripts_without_arguments_say_how_they_are_used(script):
    result = run(f"tools/{script}")
    assert result.returncode == 2
    assert "usage: tools/" in result.stderr


def test_without_an_environment_scripts_name_the_command_that_makes_one(tmp_path):
    (tmp_path / "tools").mkdir()
    for name in ("dist_train.sh", "find_python.sh"):
        (tmp_path / "tools" / name).write_text((REPOSITORY / "tools" / name).read_text())
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHON", "VIRTUAL_ENV", "CONDA_PREFIX")}
    result = subprocess.run(
        ["bash", str(tmp_path / "tools/dist_train.sh"), "c.py", "1"], env=env, capture_output=True, text=True
    )
    assert "bash tools/setup_env.sh" in result.stderr


def test_scenes_of_another_style_are_made_and_described(tmp_path):
    command = ["tools/make_scenes.py", str(tmp_path / "s"), "--num-train", "1", "--num-val", "1"]
    assert run_python(*command, "--workers", "1", "--style", "night").returncode == 0
    said = " ".join(run_python(*command, "--help").stdout.split())
    assert "day (daylight" in said
    assert "night (moonlight" in said


def test_scenes_are_made_from_the_command_line(tmp_path):
    command = ["tools/make_scenes.py", str(tmp_path / "s"), "--num-train", "2", "--num-val", "1"]
    assert run_python(*command, "--workers", "1").returncode == 0
    assert len(list((tmp_path / "s/train2017").iterdir())) == 2
    again = run_python(*command)
    assert again.returncode != 0
    assert "remove it first" in again.stderr.splitlines()[-1]
