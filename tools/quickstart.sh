#!/usr/bin/env bash
# The ten-minute tour on two CPU cores: scenes, pretraining, scores and a report in work_dirs/quickstart/.
#
#   bash tools/quickstart.sh
#   bash tools/quickstart.sh --data FOLDER     your own pictures
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
if [ -n "${PYTHON:-}${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ]; then
    . "$here/find_python.sh"
else
    bash "$here/setup_env.sh" base
    PYTHON=$(cd "$here/.." && pwd)/.venv/bin/python
fi
exec "$PYTHON" -m slotcon_mm.quickstart "$@"
