"""Which Python set-up takes, which stack goes with it, and what it says where none fits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from set_ups import REPOSITORY, environment_of, only_pythons, python_of, set_up, stand_in


@pytest.mark.parametrize(
    ("pythons", "arguments", "made_with"),
    [
        (["3.11"], [], "3.11"),
        (["3.12", "3.11"], [], "3.12"),  # the system's own first
        (["3.13", "3.11"], [], "3.11"),  # the originals where they can be
        (["3.14", "3.13"], [], "3.14"),
        (["3.9", "3.13"], [], "3.13"),
        (["3.11", "3.13"], ["--stack", "onedl"], "3.11"),
        (["3.10", "3.13"], ["--stack", "onedl"], "3.13"),
        (["3.13", "3.10"], ["--stack", "original"], "3.10"),
    ],
)
def test_the_python_that_is_there_chooses_the_stack(checkout, pythons, arguments, made_with):
    result = set_up(checkout, *arguments, **only_pythons(checkout, *pythons))
    assert f"making .venv with Python {made_with}.1" in result.stdout
    assert f"of {made_with}" in result.stderr


@pytest.mark.parametrize(
    ("pythons", "arguments", "answer"),
    [
        (["3.9"], [], "expected Python 3.10, 3.11, 3.12, 3.13 or 3.14, got Python 3.9.1"),
        (["3.15"], [], "expected Python 3.10, 3.11, 3.12, 3.13 or 3.14, got Python 3.15.1"),
        (["3.13"], ["--stack", "original"], "expected Python 3.10, 3.11 or 3.12, got Python 3.13.1"),
        (["3.10"], ["--stack", "onedl"], "expected Python 3.11, 3.12, 3.13 or 3.14, got Python 3.10.1"),
    ],
)
def test_a_python_that_does_not_fit_is_named(checkout, pythons, arguments, answer):
    result = set_up(checkout, *arguments, **only_pythons(checkout, *pythons))
    assert result.returncode != 0
    assert answer in result.stderr
    assert "--python-from-uv" in result.stderr
    assert "PYTHON=" in result.stderr
    assert not (checkout / ".venv").exists()


def test_a_python_that_was_named_and_does_not_fit_is_not_replaced(checkout):
    python = stand_in(checkout.parent / "bin", "python3.9", python_of("3.9"))
    result = set_up(checkout, PYTHON=str(python))
    assert result.returncode != 0
    assert f"got {python}" in result.stderr


@pytest.mark.parametrize(
    ("tool", "script", "command"),
    [
        (
            "apt-cache",
            '[ "$2" = python3.11 ] && echo Package: python3.11',
            "apt-get install python3.11 python3.11-venv",
        ),
        ("apt-cache", "exit 100", None),  # it knows none that fits
        ("dnf", "", "dnf install python3.12 python3.12-devel"),
        ("brew", "", "brew install python@3.12"),
    ],
)
def test_the_system_s_own_command_is_named_where_it_has_one(checkout, tool, script, command):
    stand_in(checkout.parent / "bin", tool, script)
    last = set_up(checkout, **only_pythons(checkout, "3.9")).stderr.splitlines()[-1]
    assert (command in last) if command else ("install python" not in last)


def test_uv_brings_a_python_where_it_is_asked_to(checkout):
    """The download itself is uv's."""
    environment = only_pythons(checkout, "3.9")
    offer = set_up(checkout, **environment).stderr
    assert "downloads uv" in offer
    stand_in(checkout.parent / "bin", "uv", f'echo "$@" >>"{checkout}/asked"; exit 1')
    offer = set_up(checkout, **environment).stderr
    assert "downloads CPython 3.12" in offer
    assert not (checkout / "asked").exists()
    result = set_up(checkout, "--python-from-uv", **environment)
    assert "making .venv with uv's Python 3.12 (downloaded" in result.stdout
    assert (checkout / "asked").read_text() == "venv --seed --python 3.12 .venv\n"


def test_a_missing_uv_is_installed_by_whatever_python_there_is(checkout):
    makes_an_environment = """
case "$2" in
    venv) mkdir -p "$3/bin"; /bin/cp "$0" "$3/bin/python" ;;
    pip) printf '#!/bin/bash\nexit 1\n' >"${0%python}uv"; /bin/chmod +x "${0%python}uv" ;;
esac
"""
    environment = only_pythons(checkout)
    stand_in(checkout.parent / "bin", "python3", python_of("3.9", makes_an_environment))
    result = set_up(checkout, "--python-from-uv", **environment)
    assert "making .venv with uv's Python 3.12" in result.stdout
    assert (checkout.parent / "cache/uv/bin/uv").exists()


def test_no_uv_and_no_way_to_it_is_answered(checkout):
    """Its pip does not reach an index here."""
    result = set_up(checkout, "--python-from-uv", **only_pythons(checkout, "3.9"))
    assert result.returncode != 0
    assert "expected uv, got neither" in result.stderr
    assert not (checkout.parent / "cache/uv").exists()


def test_an_environment_keeps_its_stack(checkout):
    environment_of(checkout, holds="onedl_mmengine-0.10.12.dist-info")
    set_up(checkout)
    calls = (checkout / "calls").read_text()
    assert "--no-deps --no-build-isolation onedl-mmengine onedl-mmpretrain" in calls
    assert "--constraint tools/constraints-onedl.txt" in calls
    assert "uninstall" not in calls.partition("mmcv")[0]


@pytest.mark.parametrize(
    ("holds", "stack", "goes"),
    [
        ("mmengine-0.10.7.dist-info", "onedl", " mmengine mmpretrain mmdet mmsegmentation mmcv mmcv-lite"),
        ("onedl_mmengine-0.10.12.dist-info", "original", " onedl-mmengine onedl-mmpretrain onedl-mmdetection"),
    ],
)
def test_the_other_stack_goes_first_since_both_have_the_same_import_names(checkout, holds, stack, goes):
    environment_of(checkout, holds=holds)
    result = set_up(checkout, "--stack", stack)
    assert "removing the other stack" in result.stdout
    first = (checkout / "calls").read_text().splitlines()[0]
    assert "uninstall --yes" + goes in first


@pytest.mark.parametrize("version", ["3.9", "3.15"])
def test_an_environment_of_a_python_that_does_not_fit_is_refused_untouched(checkout, version):
    environment_of(checkout, version=version)
    result = set_up(checkout)
    assert f"expected Python 3.10, 3.11, 3.12, 3.13 or 3.14 in {checkout}/.venv, got {version}" in result.stderr
    assert not (checkout / "calls").exists()


def test_another_python_than_the_environments_is_refused_instead_of_left_out(checkout):
    environment_of(checkout, version="3.11")
    python = stand_in(checkout.parent / "bin", "python3.13", python_of("3.13"))
    result = set_up(checkout, PYTHON=str(python))
    assert f"PYTHON={python} (3.13) in {checkout}/.venv, got one of Python 3.11" in result.stderr
    assert not (checkout / "calls").exists()


def test_a_stack_that_the_environment_cannot_hold_is_refused(checkout):
    environment_of(checkout, version="3.13")
    result = set_up(checkout, "--stack", "original")
    assert f"expected Python 3.10, 3.11 or 3.12 in {checkout}/.venv, got 3.13" in result.stderr
    assert not (checkout / "calls").exists()


@pytest.mark.parametrize(
    ("settings", "used"),
    [
        ("", True),
        ("global.timeout='60'", True),
        ("global.index-url='https://example.org/simple'", False),
        ("global.index-url='https://example.org'\nglobal.timeout='60'\n" + "global.retries='3'\n" * 20_000, False),
        ("install.find-links='/wheels'", False),
        (":env:.cert='/etc/company.pem'", False),
    ],
)
def test_uv_installs_the_same_pins_unless_pip_has_an_index_of_its_own(checkout, settings, used):
    """As pip itself tells, of all its files, sections, spellings and variables."""
    (checkout / "settings").write_text(settings)
    tells = 'case "$*" in *" config list") cat settings; exit ;; esac'
    python = environment_of(checkout)
    python.write_text(python.read_text().replace("#!/bin/bash\n", f"#!/bin/bash\n{tells}\n"))
    stand_in(checkout.parent / "bin", "uv", f'printf "%s\\n" "$*" >>"{checkout}/uv-calls"')
    set_up(checkout)
    assert (checkout / "uv-calls").exists() == used
    if used:
        install = f"pip install --python {python} --constraint tools/constraints.txt "
        assert install + "torch torchvision" in (checkout / "uv-calls").read_text()
    assert ("torch torchvision" in (checkout / "calls").read_text()) != used


def test_pip_names_its_settings_as_they_are_looked_for(monkeypatch, tmp_path):
    (tmp_path / "pip.conf").write_text("[install]\n\textra_index_url = https://example.org/simple\n")
    monkeypatch.setattr(os, "environ", {name: v for name, v in os.environ.items() if not name.startswith("PIP_")})
    given = dict(PIP_CONFIG_FILE=str(tmp_path / "pip.conf"))
    sourced = f'. "{REPOSITORY}/tools/base_python.sh"'
    script = f"set -euo pipefail; python={sys.executable}; {sourced}; pip_has_settings_of_its_own"
    assert subprocess.run(["bash", "-c", script], env={**os.environ, **given}).returncode == 0


# Python without its venv module, as Debian has it ------------------------------------------------------------------


def without_venv(checkout: Path, *versions: str) -> None:
    for name in (*(f"python{version}" for version in versions), "python3"):
        path = checkout.parent / "bin" / name
        if name != "python3" or versions[0] in path.read_text():
            path.write_text(path.read_text().replace('*"import ensurepip, venv"* | ', ""))


def test_a_missing_venv_module_is_named_with_its_package(checkout):
    environment = only_pythons(checkout, "3.13")
    without_venv(checkout, "3.13")
    result = set_up(checkout, **environment)
    assert "expected the venv module of Python 3.13.1, got none" in result.stderr
    assert "apt-get install python3.13-venv " in result.stderr
    assert not (checkout / ".venv").exists()


def test_another_python_that_has_it_is_taken(checkout):
    environment = only_pythons(checkout, "3.12", "3.14")
    without_venv(checkout, "3.12")
    assert "making .venv with Python 3.14.1" in set_up(checkout, **environment).stdout


def test_uv_needs_no_venv_module(checkout):
    environment = only_pythons(checkout, "3.13")
    without_venv(checkout, "3.13")
    stand_in(checkout.parent / "bin", "uv", f'echo "$@" >>"{checkout}/asked"; exit 1')
    assert "making .venv with Python 3.13.1, by uv" in set_up(checkout, **environment).stdout
    assert (checkout / "asked").read_text() == f"venv --seed --python {checkout.parent}/bin/python3 .venv\n"


def test_uv_is_offered_where_it_can_be_had_only(checkout):
    environment = only_pythons(checkout, "3.9")
    without_venv(checkout, "3.9")
    said = set_up(checkout, **environment).stderr
    assert "--python-from-uv" not in said
    assert "PYTHON=/path/to/python3.12" in said
    nothing = only_pythons(checkout)
    for name in ("python3", "python3.9"):
        (checkout.parent / "bin" / name).unlink()
    said = set_up(checkout, **nothing).stderr
    assert said.startswith("error: expected Python 3.10, 3.11, 3.12, 3.13 or 3.14, got none: install one")
