#!/usr/bin/env bash
# The ten-minute tour on two CPU cores: scenes, pretraining, scores and a report in work_dirs/quickstart/.
#
#   bash tools/quickstart.sh                   SlotCon; --method slotmim: SlotMIM
#   bash tools/quickstart.sh --data FOLDER     your own images; with --labels LABELS --classes FILE also scored
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ -n "${PYTHON:-}${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ] && . "$here/find_python.sh" && "$PYTHON" -c "import slotcon_mm" 2>/dev/null; then
    :  # an environment of the caller's that has everything
else
    bash "$here/setup_env.sh" base
    PYTHON=$here/../.venv/bin/python
fi
exec "$PYTHON" -m slotcon_mm.quickstart "$@"
