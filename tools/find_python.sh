# Sourced by the other scripts: sets PYTHON to $PYTHON if set, else the active environment's, else .venv's.
if [ -z "${PYTHON:-}" ]; then
    if [ -n "${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ]; then
        PYTHON=python
    elif [ -x "$(dirname "${BASH_SOURCE[0]}")/../.venv/bin/python" ]; then
        PYTHON="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/.venv/bin/python"
    else
        echo "error: no environment found: run  bash tools/setup_env.sh  first, or set PYTHON" >&2
        exit 1
    fi
fi
