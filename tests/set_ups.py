"""Set-up on machines that are not there: its scripts in a folder, and stand-ins on PATH for what they call."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
SOURCED = ("stacks.sh", "base_python.sh", "mmcv_wheel.sh", "gpu_support.sh", "steps.sh")
PINS = {"original": "constraints.txt", "onedl": "constraints-onedl.txt"}

# of what setup_env.sh may call, that which macOS has
SYSTEM_TOOLS = """
awk basename bash cat cksum cut dirname env grep head ln ls mkdir mktemp mv rm sed sleep sort tail touch tr uname
"""


def copy_of_checkout(tmp_path: Path) -> Path:
    """What set-up reads, without an environment."""
    root = tmp_path / "checkout"
    (root / "tools").mkdir(parents=True)
    shutil.copy(REPOSITORY / "setup.py", root)
    for name in ("setup_env.sh", *SOURCED, *PINS.values()):
        shutil.copy(REPOSITORY / "tools" / name, root / "tools")
    return root


def stand_in(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/bash\n{script}\n")
    path.chmod(0o755)
    return path


def set_up(checkout: Path, *arguments: str, free_gb: int = 100, **environment: str) -> subprocess.CompletedProcess:
    process = start_set_up(checkout, *arguments, free_gb=free_gb, **environment)
    try:
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def start_set_up(checkout: Path, *arguments: str, free_gb: int = 100, **environment: str) -> subprocess.Popen:
    disk = f"/dev/x 9 9 {free_gb * 1024**2} 9% /"  # none of these tests asks the real disk for room
    stand_in(checkout.parent / "bin", "df", f'[ "$1" = -Pk ] && printf "%s\\n" Filesystem "{disk}"')
    hidden = ("PYTHON", "VIRTUAL_ENV", "CONDA_PREFIX", "CUDA_VISIBLE_DEVICES", "TORCH_CUDA_ARCH_LIST")
    env = {name: value for name, value in os.environ.items() if name not in hidden and not name.startswith("PIP_")}
    env["PATH"] = f"{checkout.parent / 'bin'}:{env['PATH']}"
    env["SLOTCON_CACHE"] = str(checkout.parent / "cache")
    env["PIP_CONFIG_FILE"] = "/dev/null"
    command = ["bash", str(checkout / "tools/setup_env.sh"), *arguments]
    return subprocess.Popen(
        command, env={**env, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=heed_signals,
    )  # fmt: skip


def gpus(checkout: Path, *, driver: str, capabilities: list[str]) -> None:
    """A driver that shows these GPUs."""
    answers = f'*driver*) echo {driver} ;; *cap*) printf "%s\\n" {" ".join(capabilities)} ;; *) echo NVIDIA X ;;'
    stand_in(checkout.parent / "bin", "nvidia-smi", f'case "$1" in {answers} esac')


def heed_signals() -> None:
    """bash traps none that was ignored where it was started, as under nohup."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def python_of(version: str, then: str = "exit 1") -> str:
    """A script that is a Python of that version as far as it is asked for it, and then does something else."""
    whole = '*"import ensurepip, venv"* | *"import pip"* | "-I -c "*) exit ;;'  # it has what is looked for
    asked = f'--version) echo "Python {version}.1"; exit ;; *"version_info[:2])") echo {version}; exit ;; {whole}'
    return f'case "$*" in {asked} esac\n{then}'


def only_pythons(checkout: Path, *versions: str) -> dict[str, str]:
    """An environment whose PATH has no Python but these; the first is python3, too."""
    folder = checkout.parent / "bin"
    for name in SYSTEM_TOOLS.split():
        if not (folder / name).exists():
            folder.mkdir(exist_ok=True)
            (folder / name).symlink_to(str(shutil.which(name)))
    makes_none = 'echo "made by $0 of VERSION" >&2; exit 1'
    for version in versions:
        stand_in(folder, f"python{version}", python_of(version, makes_none.replace("VERSION", version)))
    if versions:
        stand_in(folder, "python3", python_of(versions[0], makes_none.replace("VERSION", versions[0])))
    return {"PATH": str(folder)}


def environment_of(checkout: Path, *, version: str = "3.12", holds: str | None = None) -> Path:
    """An environment of that Python that holds one distribution, notes what pip is asked, and builds nothing."""
    note = 'case "$2" in pip) [ "$5" = list ] && exit 1; shift 2; printf "%s\\n" "$*" >>calls ;; esac'
    (checkout / ".venv/bin").mkdir(parents=True)
    python = stand_in(checkout / ".venv/bin", "python", python_of(version, note))
    if holds:
        (checkout / f".venv/lib/python{version}/site-packages" / holds).mkdir(parents=True)
    return python
