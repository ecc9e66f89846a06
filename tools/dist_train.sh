#!/usr/bin/env bash
# tools/dist_train.sh CONFIG GPUS [arguments of train.py]
# Environment: NNODES, NODE_RANK, PORT, MASTER_ADDR. Without a GPU, GPUS is a number of CPU processes.
# On one machine a free port is taken unless PORT is set, so that two jobs do not meet.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
[ $# -ge 2 ] || { echo "usage: tools/dist_train.sh CONFIG GPUS [arguments of train.py]" >&2; exit 2; }
. "$here/find_python.sh"
# one thread a process, as torchrun and MMEngine would set with a warning from each
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} MKL_NUM_THREADS=${MKL_NUM_THREADS:-1}
if [ "${NNODES:-1}" = 1 ] && [ -z "${PORT:-}" ]; then
    place=(--standalone)  # torchrun takes a free port
else
    place=(--nnodes "${NNODES:-1}" --node_rank "${NODE_RANK:-0}" --master_addr "${MASTER_ADDR:-127.0.0.1}"
        --master_port "${PORT:-29500}")
fi
exec "$PYTHON" -m torch.distributed.run \
    "${place[@]}" --nproc_per_node "$2" \
    "$here/train.py" "$1" --launcher pytorch "${@:3}"
