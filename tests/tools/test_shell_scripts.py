"""The shell scripts keep to bash 3.2, which macOS has (clusters have 4.2), and to what BSD's tools know."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"
SCRIPTS = sorted(TOOLS.glob("*.sh"))
TOO_NEW = {
    r"\$\{\w+(,,?|\^\^?)": "letter case by ${x,,}",
    r"\b(mapfile|readarray|coproc)\b": "mapfile, readarray, coproc",
    r"\b(declare|local|typeset) -[a-zA-Z]*[An]": "associative arrays and references",
    r"\|&|&>>": "|& and &>>",
    r"\$\{\w+\[-\d": "negative indices",
    r"\$\{\w+@\w": "${x@Q}",
    r"(?<!@\]\+\")\$\{extra\[@\]\}": "an array that may be empty, as it is",
}
ONLY_GNU = {
    r"\b(sha256sum|md5sum|nproc|realpath|tac|timeout|numfmt)\b": "tools that macOS lacks",
    r"\breadlink -[fe]|\bsed (-\w+ )*(-i|-r)|\bdate -d|\bstat (-c|--)|\bgrep -\w*P|\bmktemp -[tp]": "flags",
    r"\b(cp|ls|mv|rm|sort|cut|head|tail|du|df) --\w": "long options",
    r"\bsort -\w*V": "sort -V",
}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
@pytest.mark.parametrize(("pattern", "what"), [*TOO_NEW.items(), *ONLY_GNU.items()])
def test_scripts_are_for_macos_too(script, pattern, what):
    code = [line.partition(" #")[0] for line in script.read_text().splitlines() if not line.startswith("#")]
    assert not [line for line in code if re.search(pattern, line)], what


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_bash(script):
    assert subprocess.run(["bash", "-n", str(script)]).returncode == 0
