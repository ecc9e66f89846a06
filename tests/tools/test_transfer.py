"""The list of runs: started, resumed, collected. A stand-in for Python plays the training."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from processes import run_python

CONFIG = "configs/segmentation/fcn_r50-d8_ade20k-512x512_80k.py"

STAND_IN = """#!/usr/bin/env bash
# notes its arguments; "trains" to an mIoU of 40, and fails for the pretraining called bad
echo "$@" >> {calls}
work_dir=$(echo "$@" | sed 's/.*--work-dir \\([^ ]*\\).*/\\1/')
case "$*" in *"--pretrained bad"*) echo "no such checkpoint" >&2; exit 1;; esac
mkdir -p "$work_dir/20260101_000000/vis_data"
echo '{{"mIoU": 40.0}}' > "$work_dir/20260101_000000/vis_data/scalars.json"
"""


def transfer(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess:
    python = tmp_path / "python"
    python.write_text(STAND_IN.format(calls=tmp_path / "calls"))
    python.chmod(0o755)
    command = ["tools/benchmarks/transfer.py", *arguments, "--work-dir", tmp_path / "out"]
    return run_python(*command, env={**os.environ, "PYTHON": str(python)})


def calls(tmp_path: Path) -> list[str]:
    path = tmp_path / "calls"
    return path.read_text().splitlines() if path.exists() else []


def test_each_pair_and_seed_is_trained_once_and_stands_in_the_table(tmp_path):
    arguments = ["good", "scratch", "--configs", CONFIG, "--seeds", "0", "1", "--gpus", "2"]
    result = transfer(tmp_path, *arguments)
    assert result.returncode == 0, result.stderr
    assert len(calls(tmp_path)) == 4
    assert all("--nproc_per_node 2" in call and "--resume auto" in call for call in calls(tmp_path))
    table = (tmp_path / "out/transfer.md").read_text()
    assert "| good |" in table
    assert "40.0 ± 0.0 (2 seeds)" in table
    again = transfer(tmp_path, *arguments)
    assert again.stdout.count("done before") == 4
    assert len(calls(tmp_path)) == 4


def test_a_failed_run_is_shown_and_the_others_go_on(tmp_path):
    result = transfer(tmp_path, "bad", "good", "--configs", CONFIG)
    assert result.returncode != 0
    assert "no such checkpoint" in result.stdout
    assert "bad, seed 0" in result.stderr
    assert "| good |" in (tmp_path / "out/transfer.md").read_text()


def test_a_dry_run_prints_commands_and_starts_nothing(tmp_path):
    result = transfer(tmp_path, "good", "--dry-run", "--cfg-options", "train_cfg.max_iters=5")
    assert len(result.stdout.splitlines()) == 4
    assert "train_cfg.max_iters=5" in result.stdout
    assert calls(tmp_path) == []


def test_names_that_would_mix_results_are_refused(tmp_path):
    result = transfer(tmp_path, "a/same", "b/same", "--configs", CONFIG)
    assert "names of their own" in result.stderr
    result = transfer(tmp_path, "good", "--configs", "absent.py")
    assert "expected config files, got absent.py" in result.stderr
