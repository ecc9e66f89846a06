"""What set-up asks of this machine's GPUs, and which compiled operators fit them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from set_ups import gpus, stand_in


def ask(checkout: Path, question: str, **environment: str) -> str:
    """What the functions of gpu_support.sh answer, without a word on stderr."""
    hidden = ("CUDA_VISIBLE_DEVICES", "TORCH_CUDA_ARCH_LIST")
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    env["PATH"] = f"{checkout.parent / 'bin'}:{env['PATH']}"
    script = f'set -euo pipefail; . "{checkout}/tools/gpu_support.sh"; {question}'
    result = subprocess.run(
        ["bash", "-c", script], env={**env, **environment}, capture_output=True, text=True, timeout=60
    )
    assert result.stderr == ""
    return result.stdout.strip() if result.returncode == 0 else f"exit code {result.returncode}"


@pytest.mark.parametrize(
    ("driver", "capabilities", "torch", "answer"),
    [
        ("580.65.06", ["9.0"], "2.11.0", None),
        ("535.104.05", ["8.0"], "2.10.0", None),  # what is advised for this driver is then taken
        ("580.65.06", ["7.0"], "2.10.0", None),  # and for this GPU
        ("580.65.06", ["6.1"], "2.10.0+cu126", None),
        ("580.65.06", ["3.5", "12.0"], "2.11.0", None),  # an old GPU beside, for the screen
        ("580.65.06", ["7.0"], "2.11.0+cpu", None),
        ("535.104.05", ["8.0"], "2.11.0", "or write torch==2.10.0 and torchvision==0.25.0 (CUDA 12.8)"),
        ("470.57.02", ["8.0"], "2.11.0", "got 470.57.02: update it, or set CUDA_VISIBLE_DEVICES=-1"),
        ("470.57.02", ["8.0"], "2.10.0", "driver 525 or newer for torch 2.10.0"),
        ("580.65.06", ["6.1"], "2.11.0", "torch==2.10.0+cu126"),
        ("580.65.06", ["6.0"], "2.10.0", "capability 7.0 or newer for torch 2.10.0 (CUDA 12.8)"),
    ],
)
def test_driver_and_gpu_are_held_against_the_pinned_torch(checkout, driver, capabilities, torch, answer):
    gpus(checkout, driver=driver, capabilities=capabilities)
    said = ask(checkout, f"check_gpus {torch}")
    assert said == "" if answer is None else answer in said


def test_no_gpu_no_driver_and_hidden_gpus_ask_for_nothing(checkout):
    assert ask(checkout, "check_gpus 2.11.0; wanted_architectures 2.11.0", PATH="/usr/bin:/bin") == "cpu"
    stand_in(checkout.parent / "bin", "nvidia-smi", "echo NVIDIA-SMI has failed; exit 9")
    assert ask(checkout, "check_gpus 2.11.0; wanted_architectures 2.11.0") == "cpu"
    gpus(checkout, driver="470.57.02", capabilities=["7.0"])
    for value in ("-1", "", "NoDevFiles"):
        question = "check_gpus 2.11.0; wanted_architectures 2.11.0"
        assert ask(checkout, question, CUDA_VISIBLE_DEVICES=value) == "cpu"


def test_operators_are_built_for_the_gpus_that_there_are(checkout):
    gpus(checkout, driver="580.65.06", capabilities=["9.0", "8.0", "9.0", "3.5"])
    assert ask(checkout, "wanted_architectures 2.11.0") == "8.0,9.0"
    assert ask(checkout, "wanted_architectures 2.11.0", TORCH_CUDA_ARCH_LIST="9.0+PTX;8.6") == "8.6,9.0+PTX"


@pytest.mark.parametrize(
    ("built", "wanted", "serves"),
    [
        ("8.0,9.0", "9.0", True), ("9.0", "8.0,9.0", False), ("cpu", "9.0", False), ("9.0", "cpu", True),
        ("cpu", "cpu", True), ("9.0+PTX", "9.0", True), ("12.0", "2.0", False),
    ],
)  # fmt: skip
def test_what_was_built_elsewhere_serves_if_it_covers_this_machine(checkout, built, wanted, serves):
    assert (ask(checkout, f"covers {built} {wanted}") == "") == serves
