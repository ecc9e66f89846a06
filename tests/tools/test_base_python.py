"""Which Python set-up takes, which stack goes with it, and what it says where none fits."""

from __future__ import annotations

import pytest
from set_ups import environment_of, only_pythons, python_of, set_up, stand_in


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


def test_a_stack_that_the_environment_cannot_hold_is_refused(checkout):
    environment_of(checkout, version="3.13")
    result = set_up(checkout, "--stack", "original")
    assert f"expected Python 3.10, 3.11 or 3.12 in {checkout}/.venv, got 3.13" in result.stderr
    assert not (checkout / "calls").exists()


@pytest.mark.parametrize(
    ("settings", "used"),
    [
        ({}, True),
        ({"PIP_EXTRA_INDEX_URL": "https://example.org/simple"}, False),
        ({"PIP_CONFIG_FILE": "pip.conf"}, False),
    ],
)
def test_uv_installs_the_same_pins_unless_pip_has_an_index_of_its_own(checkout, settings, used):
    python = environment_of(checkout)
    (checkout / "pip.conf").write_text("[global]\nindex-url = https://example.org/simple\n")
    stand_in(checkout.parent / "bin", "uv", f'printf "%s\\n" "$*" >>"{checkout}/uv-calls"')
    set_up(checkout, **settings)
    assert (checkout / "uv-calls").exists() == used
    if used:
        install = f"pip install --python {python} --constraint tools/constraints.txt "
        assert install + "torch torchvision" in (checkout / "uv-calls").read_text()
    assert ("torch torchvision" in (checkout / "calls").read_text()) != used
