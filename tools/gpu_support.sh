# Sourced by setup_env.sh: what this machine's NVIDIA GPUs need, and which compiled operators fit them.

# of NVIDIA's GPUs a line each with the values of one of nvidia-smi's fields; none where CUDA_VISIBLE_DEVICES names no
# GPU (-1, Slurm's NoDevFiles; slotcon_mm/launch/machine/device.py judges alike)
query_gpus() {
    local answer
    case "${CUDA_VISIBLE_DEVICES-0}" in [0-9]* | GPU-* | MIG-*) ;; *) return 0 ;; esac
    command -v nvidia-smi >/dev/null 2>&1 || return 0
    if answer=$(nvidia-smi --query-gpu="$1" --format=csv,noheader 2>/dev/null); then printf '%s\n' "$answer"; fi
}

# "driver capability CUDA" that PyTorch's build of a version needs at least. Its builds for CUDA 12.6 have kernels from
# 5.0 on, for 12.8 from 7.0, for 13 from 7.5; the default is 12.6 or older up to 2.7, 12.8 up to 2.10, then 13
needs_of_torch() {
    case "$1" in
        *+cpu) echo "0 0.0 cpu" ;;
        *+cu13*) echo "580 7.5 13" ;;
        *+cu126 | 2.[0-7].*) echo "525 5.0 12.6" ;;
        *+cu12* | 2.[89].* | 2.10.*) echo "525 7.0 12.8" ;;
        *) echo "580 7.5 13" ;;
    esac
}

# at_least A B: whether version A (two numbers, as 12.0) is B or newer
at_least() {
    [ "${1%%.*}" -gt "${2%%.*}" ] || { [ "${1%%.*}" -eq "${2%%.*}" ] && [ "${1#*.}" -ge "${2#*.}" ]; }
}

# check_gpus TORCH: says in one line why torch of that version would fail at its first step on this machine's GPUs
check_gpus() {
    local driver capability newest="" needed_driver needed_capability cuda fix
    local pins=${constraints:-tools/constraints.txt}
    local other="write torch==2.10.0 and torchvision==0.25.0 (CUDA 12.8) into $pins"
    local cpu="or set CUDA_VISIBLE_DEVICES=-1 for the CPU"
    read -r needed_driver needed_capability cuda <<<"$(needs_of_torch "$1")"
    driver=$(query_gpus driver_version | grep -E '^[0-9]+\.' | head -n 1 || true)
    if [ -n "$driver" ] && [ "${driver%%.*}" -lt "$needed_driver" ]; then
        fix="update it"
        if [ "${driver%%.*}" -ge 525 ]; then fix="$fix, or $other"; fi
        echo "expected NVIDIA driver $needed_driver or newer for torch $1 (CUDA $cuda), got $driver: $fix, $cpu"
        return
    fi
    for capability in $(query_gpus compute_cap | grep -E '^[0-9]+\.[0-9]+$' || true); do
        if at_least "$capability" "$needed_capability"; then return; fi
        if [ -z "$newest" ] || at_least "$capability" "$newest"; then newest=$capability; fi
    done
    [ -n "$newest" ] || return 0
    if ! at_least "$newest" 7.0; then
        other="write torch==2.10.0+cu126 and torchvision==0.25.0+cu126 into $pins, with"
        other="$other PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cu126"
    fi
    echo "expected a GPU of compute capability $needed_capability or newer for torch $1 (CUDA $cuda), got" \
        "$(query_gpus name | head -n 1) ($newest): $other, $cpu"
}

# wanted_architectures TORCH: what operators must be compiled for, as in 8.0,9.0; "cpu" where there is no GPU. A list in
# TORCH_CUDA_ARCH_LIST is taken as it is, for a set-up on another machine than the GPU's
wanted_architectures() {
    local capability found=${TORCH_CUDA_ARCH_LIST:-}
    if [ -z "$found" ]; then
        for capability in $(query_gpus compute_cap | grep -E '^[0-9]+\.[0-9]+$' || true); do
            if at_least "$capability" "$(needs_of_torch "$1" | cut -d ' ' -f 2)"; then found="$found $capability"; fi
        done
    fi
    found=$(echo "$found" | tr ' ;' '\n\n' | grep . | sort -u | tr '\n' ',' || true)
    echo "${found:-cpu,}" | sed 's/,$//'
}

# covers BUILT WANTED: whether operators built for some architectures serve all of others, and a machine without a GPU
covers() {
    local one built=${1//+PTX/}
    [ "$2" != cpu ] || return 0
    for one in $(echo "${2//+PTX/}" | tr ',' ' '); do
        case ",$built," in *",$one,"*) ;; *) return 1 ;; esac
    done
}
