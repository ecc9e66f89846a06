"""What is said where a package of OpenMMLab is missing."""

from __future__ import annotations

import pytest

from slotcon_mm.requirements import COMMANDS, require


def test_what_is_there_passes():
    require("mmengine", "mmcv", "mmpretrain", purpose="a test")


@pytest.mark.parametrize(("module", "command"), [("absent_package", "x"), ("mmengine.absent_module", "y")])
def test_the_missing_package_is_named_with_the_command_that_installs_it(monkeypatch, module, command):
    monkeypatch.setitem(COMMANDS, module, f"bash tools/setup_env.sh {command}")
    with pytest.raises(ImportError, match=rf"(?s)a test needs {module}.*bash tools/setup_env.sh {command}"):
        require(module, purpose="a test")


def test_operators_come_with_the_larger_tier():
    assert COMMANDS["mmcv._ext"] == COMMANDS["mmdet"] == "bash tools/setup_env.sh det,seg"
