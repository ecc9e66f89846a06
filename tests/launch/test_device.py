"""What is said where the driver shows a GPU that torch cannot use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from slotcon_mm.launch import device


@pytest.fixture
def old_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA T4, 470.57.02'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.usefixtures("old_driver")
def test_training_stops_with_driver_and_fix():
    with pytest.raises(ValueError, match=r"NVIDIA T4 \(driver 470.57.02\).*580 or newer.*--device cpu"):
        device.select_device(None)


@pytest.mark.usefixtures("old_driver")
def test_the_cpu_can_be_asked_for(monkeypatch):
    device.select_device("cpu")
    assert device.os.environ["CUDA_VISIBLE_DEVICES"] == "-1"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    device.select_device(None)


def test_without_a_driver_the_cpu_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    device.select_device(None)


def test_a_driver_tool_that_fails_shows_no_gpu(tmp_path, monkeypatch):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nexit 9\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert device.visible_gpu() is None


@pytest.mark.parametrize(("visible", "local_rank"), [(1, "0"), (4, "3")])
def test_a_slurm_task_that_sees_one_gpu_takes_it(monkeypatch, visible, local_rank):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: visible)
    monkeypatch.setenv("SLURM_LOCALID", "3")
    monkeypatch.setenv("SLURM_JOB_ID", "1234567")
    monkeypatch.setenv("MASTER_PORT", "1")  # so that it is put back
    monkeypatch.delenv("MASTER_PORT")
    device.prepare_slurm_task()
    assert os.environ["SLURM_LOCALID"] == local_rank
    assert os.environ["MASTER_PORT"] == "24567"


def test_a_port_that_is_given_stays(monkeypatch):
    monkeypatch.setenv("SLURM_LOCALID", "0")
    monkeypatch.setenv("MASTER_PORT", "29999")
    device.prepare_slurm_task()
    assert os.environ["MASTER_PORT"] == "29999"
