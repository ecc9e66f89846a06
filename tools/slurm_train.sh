#!/usr/bin/env bash
# tools/slurm_train.sh PARTITION JOB CONFIG WORK_DIR [arguments of train.py]
# Environment: GPUS (8), GPUS_PER_NODE (8), CPUS_PER_TASK (10), SRUN_ARGS.
#
# REQUEUE=1 submits a batch job instead of an interactive one. Slurm signals it two minutes before its time is over or
# it is preempted: the run saves a checkpoint, ends with code 75, and is put into the queue again. After a node's
# failure Slurm itself does that. --resume auto continues from the newest checkpoint (or starts afresh the first time);
# one is written at least every 30 minutes.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
[ $# -ge 4 ] || { echo "usage: tools/slurm_train.sh PARTITION JOB CONFIG WORK_DIR [arguments of train.py]" >&2; exit 2; }
. "$here/find_python.sh"
partition=$1 job=$2 config=$3 work_dir=$4
shift 4
gpus=${GPUS:-8} per_node=${GPUS_PER_NODE:-8}
[ "$gpus" -ge "$per_node" ] || per_node=$gpus
resources=(--partition "$partition" --job-name "$job" --gres "gpu:$per_node" --ntasks "$gpus"
    --ntasks-per-node "$per_node" --cpus-per-task "${CPUS_PER_TASK:-10}")
read -ra extra <<<"${SRUN_ARGS:-}"  # may be empty, which bash before 4.4 takes for unset
train=("$PYTHON" -u "$here/train.py" "$config" --work-dir "$work_dir" --launcher slurm "$@")
if [ "${REQUEUE:-0}" = 1 ]; then
    mkdir -p "$work_dir"
    printf -v command '%q ' srun --kill-on-bad-exit=1 "${train[@]}" --resume auto --checkpoint-minutes 30
    command+=$'\ncode=$?\n[ "$code" != 75 ] || scontrol requeue "$SLURM_JOB_ID"\nexit "$code"'
    exec sbatch "${resources[@]}" ${extra[@]+"${extra[@]}"} --requeue --signal=USR1@120 --open-mode append \
        --output "$work_dir/slurm-%j.out" --wrap "$command"
fi
exec srun "${resources[@]}" --kill-on-bad-exit=1 ${extra[@]+"${extra[@]}"} "${train[@]}"
