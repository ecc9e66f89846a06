"""What is said where the driver shows a GPU that torch cannot use."""

from __future__ import annotations

from pathlib import Path

import mmengine.device.utils
import pytest
import torch

from slotcon_mm.launch.machine import device
from slotcon_mm.launch.machine.device import device_named


@pytest.fixture(autouse=True)
def _choice_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mmengine.device.utils, "DEVICE", "cpu")
    for name in ("CUDA_VISIBLE_DEVICES", "PYTORCH_NVML_BASED_CUDA_CHECK"):
        monkeypatch.setenv(name, "")  # so that both are put back
        monkeypatch.delenv(name)


@pytest.fixture
def old_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA T4, 470.57.02'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")


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


@pytest.mark.usefixtures("old_driver")
@pytest.mark.parametrize("value", ["", "-1", "NoDevFiles", "void"])
def test_the_cpu_can_be_asked_for_by_showing_no_gpu(monkeypatch, value):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    device.select_device(None)
    assert device.default_device() == "cpu"


@pytest.mark.usefixtures("old_driver")
@pytest.mark.parametrize("value", ["0", "1,0", "GPU-8932f937", "MIG-2a5b"])
def test_a_shown_gpu_is_looked_at_in_a_slurm_job_too(monkeypatch, value):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    with pytest.raises(ValueError, match="got NVIDIA T4"):
        device.select_device(None)


@pytest.mark.parametrize("others", ["cuda", "mps", "npu"])
def test_asking_for_the_cpu_overrules_what_the_hosts_would_choose(monkeypatch, others):
    monkeypatch.setattr(mmengine.device.utils, "DEVICE", others)
    assert device.has_accelerator() == (others == "cuda")
    device.select_device("cpu")
    assert not device.has_accelerator()
    assert mmengine.device.get_device() == device.default_device() == "cpu"


def test_the_cuda_runtime_that_has_been_asked_is_overruled_too(monkeypatch):
    monkeypatch.setattr(torch.cuda, "_is_compiled", lambda: True)
    monkeypatch.setattr(torch._C, "_cuda_getDeviceCount", lambda: 1, raising=False)
    assert torch.cuda.is_available()
    device.select_device("cpu")
    assert not torch.cuda.is_available()


@pytest.mark.parametrize("other", ["mps", "npu"])
def test_devices_on_which_nothing_was_tried_are_left_alone(monkeypatch, capsys, other):
    monkeypatch.setattr(mmengine.device.utils, "DEVICE", other)
    device.select_device(None)
    assert mmengine.device.get_device() == "cpu"
    assert f"the CPU is used: nothing of this was tried on '{other}' devices" in capsys.readouterr().err


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ValueError, match=r"process 2 \(counted from 0\) and 2 GPUs.*CUDA_VISIBLE_DEVICES"):
        device.expect_usable_gpu(2)


def test_without_a_driver_the_cpu_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    device.select_device(None)


def test_a_driver_tool_that_fails_shows_no_gpu(tmp_path, monkeypatch):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nexit 9\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert device.visible_gpu() is None


def test_a_device_that_is_not_there_is_one_line():
    assert device_named("cpu") == "cpu"
    with pytest.raises(ValueError, match=r"expected a device that torch can use, got gpu: .*; cpu always is one"):
        device_named("gpu")
