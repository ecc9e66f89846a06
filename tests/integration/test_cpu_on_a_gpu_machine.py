"""``--device cpu`` on a machine with a GPU: torch's answers are those of such a machine, its kernels are not there.

Whatever goes to a device fails, with "Found no NVIDIA driver" or "Cannot access accelerator device".
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from runs import CONFIGS

REPOSITORY = Path(__file__).parents[2]
MACHINES = {
    # the CUDA runtime goes on answering what it found when it was first asked, whatever the environment says later
    "cuda": """
import torch
torch._C._cuda_getDeviceCount = lambda: 2
torch.cuda._raw_device_count_nvml = lambda: 2
torch.cuda._is_compiled = lambda: True
""",
    # as above, after something has used the GPU: torch then keeps the count
    "cuda in use": """
import torch
torch._C._cuda_getDeviceCount = lambda: 2
torch.cuda._is_compiled = lambda: True
torch.cuda._initialized, torch.cuda._cached_device_count = True, 2
torch.cuda.manual_seed_all = lambda seed: None
torch.cuda.max_memory_allocated = lambda device=None: 0
torch.cuda.reset_peak_memory_stats = lambda device=None: None
torch.cuda.get_device_name = lambda device=None: "Pretended"
""",
    "apple": "import torch\ntorch.backends.mps.is_available = lambda: True\n",
}
# each command by a process of its own, all of them forked from one that has imported what they need
RUN = """
import os, runpy, sys
import mmengine.device
assert mmengine.device.get_device() == {expected!r}, mmengine.device.get_device()
import slotcon_mm.launch.training
for sys.argv in {commands!r}:
    child = os.fork()
    if not child:
        runpy.run_path(sys.argv[0], run_name="__main__")
        sys.exit()
    if status := os.waitpid(child, 0)[1]:
        sys.exit(status >> 8 or 1)
"""


def run_on(machine: str, *commands: list[str]) -> subprocess.CompletedProcess:
    script = MACHINES[machine] + RUN.format(expected="mps" if machine == "apple" else "cuda", commands=[*commands])
    hidden = ("CUDA_VISIBLE_DEVICES", "PYTORCH_NVML_BASED_CUDA_CHECK")
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    env = {**env, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        [sys.executable, "-c", script], env=env, cwd=REPOSITORY, capture_output=True, text=True, timeout=300
    )


def short_training(scenes: Path, work_dir: Path, *options: str) -> list[str]:
    return [
        "tools/train.py", str(CONFIGS / "slotcon_r18_quickstart.py"), "--work-dir", str(work_dir), *options,
        "--cfg-options", f"train_dataloader.dataset.data_root={scenes}", "train_dataloader.batch_size=4",
        "train_dataloader.num_workers=1", "param_scheduler.warmup=0.5", "train_dataloader.dataset.pipeline.1.size=32",
        "model.neck.num_prototypes=16", "default_hooks.checkpoint.interval=1", "optim_wrapper.type=AmpOptimWrapper",
        "train_dataloader.pin_memory=True",
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("machine", MACHINES)
def test_pretraining_and_its_resumption_stay_on_the_cpu(machine, scenes, tmp_path):
    first = short_training(scenes, tmp_path, "--device", "cpu")
    second = short_training(scenes, tmp_path, "--device", "cpu", "--resume")
    both = run_on(machine, [*first, "train_cfg.max_epochs=1"], [*second, "train_cfg.max_epochs=2"])
    assert both.returncode == 0, both.stderr[-2000:]
    said = both.stdout + both.stderr
    assert said.count("training in fp32") == said.count("device: CPU") == 2
    assert "2 epochs of 4 steps, continued after epoch 1, step 4" in said
    assert (tmp_path / "epoch_2.pth").is_file()
