#!/usr/bin/env bash
# tools/slurm_test.sh PARTITION JOB CONFIG CHECKPOINT [arguments of test.py]
# Environment: GPUS (8), GPUS_PER_NODE (8), CPUS_PER_TASK (10), SRUN_ARGS.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
[ $# -ge 4 ] || { echo "usage: tools/slurm_test.sh PARTITION JOB CONFIG CHECKPOINT [arguments of test.py]" >&2; exit 2; }
. "$here/find_python.sh"
gpus=${GPUS:-8} per_node=${GPUS_PER_NODE:-8}
[ "$gpus" -ge "$per_node" ] || per_node=$gpus
read -ra extra <<<"${SRUN_ARGS:-}"  # may be empty, which bash before 4.4 takes for unset
exec srun --partition "$1" --job-name "$2" --gres "gpu:$per_node" --ntasks "$gpus" --ntasks-per-node "$per_node" \
    --cpus-per-task "${CPUS_PER_TASK:-10}" --kill-on-bad-exit=1 ${extra[@]+"${extra[@]}"} \
    "$PYTHON" -u "$here/test.py" "$3" "$4" --launcher slurm "${@:5}"
