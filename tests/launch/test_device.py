"""What is said where the driver shows a GPU that torch cannot use."""

from __future__ import annotations

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
