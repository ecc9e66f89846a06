"""Windows and macOS, as far as Linux can show them: without the modules and functions that Python lacks there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from runs import CONFIGS, build_run, pretraining_options

REPOSITORY = Path(__file__).parents[2]
# run by spawned workers as well, which import it. Other libraries, which look at sys.platform and have builds for
# Windows, come first; MMEngine asks platform.system() while it runs
WINDOWS = """
import multiprocessing, os, platform, runpy, shutil, signal, sys, time
import matplotlib.pyplot, mmengine.runner, mmpretrain.datasets, pycocotools.mask, tqdm, yapf.yapflib.yapf_api

for name in ("fcntl", "resource", "pwd", "grp", "termios", "pty", "readline"):
    sys.modules[name] = None
for name in (
    "register_at_fork", "sched_getaffinity", "fork", "forkpty", "uname", "getuid", "geteuid", "getpgid", "killpg",
    "setsid", "sysconf", "statvfs", "mkfifo", "O_DIRECTORY", "O_NONBLOCK", "O_CLOEXEC",
):
    delattr(os, name)
shutil._use_fd_functions = False  # as shutil finds on Windows when it is imported
for name in ("SIGUSR1", "SIGUSR2", "SIGHUP", "SIGKILL", "SIGALRM", "alarm", "setitimer"):
    delattr(signal, name)
for name in ("fork", "forkserver"):
    del multiprocessing.context._concrete_contexts[name]
multiprocessing.context.DefaultContext.get_all_start_methods = lambda self: ["spawn"]
platform.system = lambda: "Windows"
platform.libc_ver = lambda *arguments, **options: ("", "")

if __name__ == "__main__":
    import json
    multiprocessing.set_start_method("spawn", force=True)
    for arguments in json.loads(sys.argv[1]):
        sys.argv = arguments
        print("$", *arguments, flush=True)
        try:
            runpy.run_path(arguments[0], run_name="__main__")
        except SystemExit as end:
            if end.code not in (None, 0):
                raise
"""


def on_windows(folder: Path, *commands: list[str]) -> subprocess.CompletedProcess:
    script = folder / "windows.py"
    script.write_text(WINDOWS)
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY), "CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, str(script), json.dumps(commands)]
    return subprocess.run(command, env=env, cwd=REPOSITORY, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def trained(scenes, tmp_path_factory) -> Path:
    """A work dir with a checkpoint."""
    folder = tmp_path_factory.mktemp("run")
    run = build_run("slotcon_r18_quickstart.py", folder, options=pretraining_options(scenes))
    meta = dict(cfg=run.cfg.pretty_text, iter=0, epoch=0)
    torch.save(dict(state_dict=run.model.state_dict(), meta=meta), folder / "epoch_1.pth")
    return folder


@pytest.mark.slow
def test_inference_conversion_and_evaluation_work_on_windows(trained, scenes, tmp_path):
    out = tmp_path / "out"
    score = [
        "tools/test.py", str(CONFIGS / "unsupervised_segmentation/groups_r18_scenes.py"), str(trained),
        "--work-dir", str(out / "scores"), "--cfg-options", f"test_dataloader.dataset.data_root={scenes}",
        "test_dataloader.num_workers=1", "model.neck.num_prototypes=16", "model.neck.hidden_channels=32",
        "model.slot_head.hidden_channels=32",
    ]  # fmt: skip
    result = on_windows(
        tmp_path,
        ["tools/infer.py", str(trained), str(scenes / "val2017"), "--out-dir", str(out / "groups")],
        ["tools/convert_checkpoint.py", "backbone", str(trained), str(out / "b.pth"), "--format", "torchvision"],
        ["tools/visualize_slots.py", str(trained), str(scenes / "val2017"), "--out-dir", str(out / "p"), "--workers=0"],
        score,
    )
    assert result.returncode == 0, result.stdout[-1000:] + result.stderr[-3000:]
    assert len(list((out / "groups").glob("*.json"))) == len(list((out / "groups").glob("*.png"))) == 6
    assert (out / "b.pth").is_file()
    assert "mIoU" in result.stdout
    assert list((out / "p").glob("*.html"))


@pytest.mark.slow
def test_training_on_windows_says_what_it_lacks(scenes, tmp_path):
    worker = {"train_dataloader.num_workers": 1, "train_dataloader.persistent_workers": True}  # one start of Python
    options = pretraining_options(scenes, epochs=2, **worker)
    values = [f"{name}={value}" for name, value in options.items()]
    result = on_windows(
        tmp_path,
        ["tools/train.py", str(CONFIGS / "slotcon_r18_quickstart.py"), "--work-dir", str(tmp_path / "run"),
         "--cfg-options", *values],
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    assert "nothing keeps a second training out of" in result.stderr
    assert (tmp_path / "run/epoch_2.pth").is_file()
