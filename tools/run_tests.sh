#!/usr/bin/env bash
# All checks: format, lint, types, imports, tests. Sets up what it needs; arguments go to pytest.
#
#   bash tools/run_tests.sh
#   SLOTCON_TEST_DATA=FOLDER bash tools/run_tests.sh      also the tests on real images (a folder in COCO's layout)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ -n "${PYTHON:-}${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ] && . tools/find_python.sh && "$PYTHON" -c "import pytest, xdist, hypothesis, mypy, importlinter, slotcon_mm, mmcv._ext" 2>/dev/null; then
    :  # an environment of the caller's that has everything
else
    bash tools/setup_env.sh det,seg
    PYTHON=$PWD/.venv/bin/python
fi
"$PYTHON" -m ruff format --check .
"$PYTHON" -m ruff check .
"$PYTHON" -m mypy
# what may import what (.importlinter); the tool has no "python -m"
"$PYTHON" -c "from importlinter.cli import lint_imports_command as lint; lint()" --no-logo --no-cache
# two at a time: most tests wait for one core, and threads of two would wait for each other; the tests of a file share
# what they make, and come in the order of conftest.py
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
exec "$PYTHON" -m pytest -n 2 --dist loadfile --no-loadscope-reorder "$@"
