"""The package as `pip install slotcon_mm-*.whl` leaves it: without a checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from runs import pretraining_options

REPOSITORY = Path(__file__).parents[2]
SOURCES = (
    "slotcon_mm",
    "configs",
    "tools",
    "tests",
    "setup.py",
    "MANIFEST.in",
    "README.md",
    "LICENSE",
    "model-index.yml",
)
NOT_OURS = shutil.ignore_patterns("__pycache__", "*.egg-info")


def run(*command: str | Path, cwd: Path, check: bool = True) -> subprocess.CompletedProcess:
    hidden = ("PYTHONPATH", "VIRTUAL_ENV")
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    result = subprocess.run([str(part) for part in command], cwd=cwd, env=env, capture_output=True, text=True)
    assert result.returncode == 0 or not check, result.stdout[-2000:] + result.stderr[-3000:]
    return result


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One in which Python has run: compiled files lie about."""
    checkout = tmp_path_factory.mktemp("checkout")
    for name in SOURCES:
        path = REPOSITORY / name
        if path.is_dir():
            shutil.copytree(path, checkout / name, symlinks=True, ignore=NOT_OURS)
        else:
            shutil.copy(path, checkout / name)
    for folder in ("configs", "tools", "slotcon_mm/models"):
        (checkout / folder / "__pycache__").mkdir()
        (checkout / folder / "__pycache__/x.cpython-311.pyc").write_bytes(b"x")
    return checkout


@pytest.fixture(scope="module")
def source_archive(checkout: Path) -> Path:
    run(sys.executable, "setup.py", "--quiet", "sdist", cwd=checkout)
    [archive] = (checkout / "dist").glob("slotcon_mm-*.tar.gz")
    return archive


def wheel_of(source: Path, folder: Path) -> Path:
    run(
        sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
        "--wheel-dir", folder, source, cwd=folder,
    )  # fmt: skip
    [path] = folder.glob("slotcon_mm-*.whl")
    return path


@pytest.fixture(scope="module")
def wheel(source_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made of the archive, as the package index's users would."""
    return wheel_of(source_archive, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment that has the wheel and, behind it, the packages of this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    [packages] = folder.glob("lib/python*/site-packages")
    # lines of a .pth file are folders; those of that folder's own .pth files, such as a checkout's, do not count
    hosts = Path(sysconfig.get_paths()["purelib"])
    (packages / "hosts.pth").write_text(f"{hosts}\n")
    for distutils in hosts.glob("distutils-precedence.pth"):  # by which setuptools stands in for it from Python 3.12 on
        (packages / distutils.name).write_text(distutils.read_text())
    python = folder / "bin/python"
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        wheel,
        cwd=folder,
    )
    return python


def in_repository(*folders: str) -> set[str]:
    return {
        str(path.relative_to(REPOSITORY))
        for folder in folders
        for path in (REPOSITORY / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_archive_holds_all_that_a_wheel_is_made_of_and_no_tests(source_archive):
    with tarfile.open(source_archive) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"setup.py", "README.md", "LICENSE", "slotcon_mm/.mim/model-index.yml"} <= names
    assert {f"slotcon_mm/.mim/{name}" for name in in_repository("configs", "tools")} <= names
    assert not [name for name in names if name.startswith("tests") or name.endswith(".pyc")]


def test_the_wheel_holds_the_package_configs_tools_and_metafiles_and_nothing_else(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    beside = {f"slotcon_mm/.mim/{name}" for name in {*in_repository("configs", "tools"), "model-index.yml"}}
    package = {name for name in in_repository("slotcon_mm") if name.endswith(".py") and "/.mim/" not in name}
    assert names == beside | package


def test_a_checkout_makes_the_same_wheel(checkout, wheel, tmp_path):
    names = {*zipfile.ZipFile(wheel).namelist()}
    assert {*zipfile.ZipFile(wheel_of(checkout, tmp_path)).namelist()} == names


def test_it_is_imported_from_where_it_was_installed(installed, tmp_path):
    code = "import slotcon_mm, slotcon_mm.models, torch; print(slotcon_mm.__file__)"
    assert Path(run(installed, "-c", code, cwd=tmp_path).stdout.strip()).is_relative_to(installed.parents[1])


def test_configs_inherit_from_it_and_mim_finds_its_metafiles(installed, tmp_path):
    (tmp_path / "mine.py").write_text("_base_ = 'slotcon_mm::ablations/slotcon_r50_coco_k64.py'\n")
    code = """
import slotcon_mm, yaml
from pathlib import Path
from mmengine.config import Config
print(Config.fromfile("mine.py").model.neck.num_prototypes)
root = Path(slotcon_mm.__file__).parent / ".mim"
for metafile in yaml.safe_load((root / "model-index.yml").read_text())["Import"]:
    for model in yaml.safe_load((root / metafile).read_text())["Models"]:
        assert (root / model["Config"]).is_file(), model
"""
    assert run(installed, "-c", code, cwd=tmp_path).stdout.split()[-1] == "64"


@pytest.mark.slow
def test_its_train_script_pretrains_as_mim_calls_it(installed, scenes, tmp_path):
    [mim] = installed.parents[1].glob("lib/python*/site-packages/slotcon_mm/.mim")
    options = [f"{name}={value}" for name, value in pretraining_options(scenes, epochs=2).items()]
    config = mim / "configs/slotcon_r18_quickstart.py"
    run(
        installed, mim / "tools/train.py", config, "--launcher", "none", "--work-dir", tmp_path / "run",
        "--cfg-options", *options, cwd=tmp_path,
    )  # fmt: skip
    assert (tmp_path / "run/epoch_2.pth").is_file()


@pytest.mark.slow
def test_its_quickstart_ends_with_a_report(installed, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for number in range(4):
        Image.effect_noise((160, 120), 60 + number).convert("RGB").save(images / f"{number}.png")
    run(
        installed, "-m", "slotcon_mm.quickstart", "--data", images, "--epochs", "2", "--device", "cpu", cwd=tmp_path
    )  # fmt: skip
    [report] = tmp_path.rglob("report.html")
    assert report.is_relative_to(tmp_path / "work_dirs")
