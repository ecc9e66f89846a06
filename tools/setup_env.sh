#!/usr/bin/env bash
# Makes .venv with the pinned stack of tools/constraints.txt and this package.
#
#   bash tools/setup_env.sh            base: pretraining and quickstart (mmcv without compiled operators; minutes)
#   bash tools/setup_env.sh det,seg    as base, and mmdet, mmseg, mmcv with operators, and what the tests need
#   bash tools/setup_env.sh TIER --active    into the active environment instead of .venv
#
# A second call takes a second. mmcv's wheel is built once for each kind of GPU (on a machine without one, for the CPU)
# and kept in $SLOTCON_CACHE (default: ~/.cache/slotcon_mm). PYTHON names the Python (3.10, 3.11 or 3.12) that .venv is
# made with, MAX_JOBS the number of compilers at a time, TORCH_CUDA_ARCH_LIST ("8.0 9.0") the GPUs to build for if they
# are not those of this machine. For Linux and macOS, whose bash 3.2 and BSD tools it keeps to.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/gpu_support.sh

tier=base active=""
for argument in "$@"; do
    case "$argument" in
        base | det,seg) tier=$argument ;;
        --active) active=yes ;;
        *) echo "usage: bash tools/setup_env.sh [base|det,seg] [--active]" >&2; exit 2 ;;
    esac
done
cache=${SLOTCON_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/slotcon_mm}
log=$(mktemp "${TMPDIR:-/tmp}/slotcon_mm-setup.XXXXXX")
unfinished=""  # what a failed step would leave half made
trap 'rm -f "$log"; [ -z "$unfinished" ] || rm -rf "$unfinished"' EXIT

fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

supported() { "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; }

find_supported_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.11 python3.12 python3.10 python; do
        if supported "$candidate"; then echo "$candidate"; return; fi
        if [ "$candidate" = "${PYTHON:-}" ]; then break; fi
    done
    fail "expected Python 3.10, 3.11 or 3.12 (mmcv 2.1.0 builds on no other), got ${PYTHON:-$(python3 --version 2>&1 || echo none)}:" \
        "install one of them (apt-get install python3 python3-venv python3-dev, say) and name it by PYTHON=/path/to/python3.11"
}

# what the end of a failed step's log means, in words
explain() {
    if grep -q "^error: expected" "$log"; then
        grep "^error: expected" "$log" | tail -n 1 | cut -c 8-
    elif grep -q "No space left on device" "$log"; then
        echo "the disk is full: the base tier needs 7 GB, det,seg 9 GB (TMPDIR and SLOTCON_CACHE may lie elsewhere)"
    elif grep -qE "(gcc|g\+\+|cc1plus|c\+\+)('|: )?.*(not found|No such file)|unable to execute|xcrun: error|Python.h: No such file" "$log"; then
        echo "no C++ compiler or no Python headers: apt-get install build-essential python3-dev (macOS: xcode-select --install)"
    elif grep -qE "ensurepip is not available|No module named venv" "$log"; then
        echo "Python's venv module is missing: apt-get install python3-venv (or pass --active with an environment of yours)"
    elif grep -qiE "Temporary failure in name resolution|Could not fetch URL|Connection (refused|timed out)|No matching distribution" "$log"; then
        echo "the package index was not reached, or lacks a package for this platform: check the network and pip's index"
    elif grep -qE "Killed|out of memory" "$log"; then
        echo "out of memory: lower MAX_JOBS (MAX_JOBS=1)"
    else
        echo "the end of its log stands above"
    fi
}

# step WHAT COMMAND...: runs it with its output in a log, and says every 20 seconds that and how far it is
step() {
    local what=$1 started=$SECONDS pid progress
    shift
    printf '%s ...\n' "$what"
    "$@" >"$log" 2>&1 &
    pid=$!
    local last=$SECONDS
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.2
        if [ $((SECONDS - last)) -ge 20 ]; then
            last=$SECONDS
            progress=$(grep -oE '\[[0-9]+/[0-9]+\]|(Downloading|Installing collected|Building wheel)[^(]{0,60}' "$log" | tail -n 1 || true)
            printf '  %4d s  %s\n' $((SECONDS - started)) "$progress"
        fi
    done
    if ! wait "$pid"; then
        tail -n 25 "$log" >&2
        fail "$what failed: $(explain)"
    fi
    printf '  done in %d s\n' $((SECONDS - started))
}

if [ -n "$active" ]; then
    [ -n "${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ] || fail "expected an active environment for --active, got none: activate one first"
    environment=${VIRTUAL_ENV:-$CONDA_PREFIX}
    python=$environment/bin/python
    supported "$python" || fail "expected Python 3.10, 3.11 or 3.12 in $environment, got $("$python" --version 2>&1)"
else
    environment=$PWD/.venv
    python=$environment/bin/python
fi

torch_pin=$(sed -n 's/^torch==//p' tools/constraints.txt)
architectures=$(wanted_architectures "$torch_pin")

# a stamp names what was set up: .slotcon_mm-FINGERPRINT-TIER-ARCHITECTURES of compiled operators
stamp=$environment/.slotcon_mm-$(cat tools/constraints.txt tools/setup_env.sh tools/gpu_support.sh setup.py | cksum | tr ' ' '-')
for found in "$stamp-$tier"-* "$stamp-det,seg"-*; do
    if [ -e "$found" ] && { [ "$tier" = base ] || covers "${found#"$stamp-$tier-"}" "$architectures"; }; then exit 0; fi
done

problem=$(check_gpus "$torch_pin")
[ -z "$problem" ] || fail "$problem"
free_gb=$(($(df -Pk . | awk 'NR == 2 {print $4}') / 1048576))
[ "$free_gb" -ge 7 ] || fail "expected 7 GB of free disk in $PWD (9 for det,seg), got $free_gb: make room first"

if [ -z "$active" ] && ! [ -x "$python" ]; then
    base_python=$(find_supported_python)
    unfinished=.venv
    step "making .venv with $("$base_python" --version)" "$base_python" -m venv .venv
    unfinished=""
fi
pip() { "$python" -m pip --disable-pip-version-check --no-input "$@"; }
install() { pip install --constraint tools/constraints.txt "$@"; }

step "pip and build tools" install pip setuptools wheel ninja psutil
step "torch and torchvision (4.7 GB with CUDA; about 2 minutes)" install torch torchvision
step "libraries" install numpy scipy matplotlib pillow opencv-python-headless pycocotools tqdm tensorboard safetensors \
    addict pyyaml rich termcolor yapf packaging einops importlib-metadata mat4py modelindex platformdirs
# without their dependencies: MMEngine asks for an OpenCV that needs libGL
step "mmengine and mmpretrain" install --no-deps mmengine mmpretrain
if [ "$tier" = det,seg ]; then
    step "mmdet, mmseg and test tools" install shapely terminaltables prettytable ftfy regex six \
        pytest pytest-xdist hypothesis ruff mypy import-linter timm
    step "mmdet and mmseg" install --no-deps mmdet mmsegmentation
fi

# mmcv: a wheel of our own, since pip's isolated builds silently lack the operators
read -r python_tag torch_version cuda seen <<<"$("$python" -c "
import sys, torch
gpus = range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
seen = sorted({'%d.%d' % torch.cuda.get_device_capability(gpu) for gpu in gpus})
print('cp%d%d' % sys.version_info[:2], torch.__version__.partition('+')[0], torch.version.cuda or 'cpu', ','.join(seen) or 'cpu')")"
if [ "$architectures" = cpu ]; then architectures=$seen; fi  # where there is no nvidia-smi
if [ "$architectures" = cpu ]; then cuda=cpu; fi
if [ "$architectures" != cpu ] && [ "$cuda" = cpu ]; then
    fail "expected a torch built for CUDA, which this machine's GPU needs, got $torch_pin without: set" \
        "CUDA_VISIBLE_DEVICES=-1 for the CPU, or pin another torch in tools/constraints.txt"
fi
wheels() { echo "$cache/$python_tag-torch$torch_version-mmcv2.1.0-$1"; }
with_ops=$(wheels "cuda$cuda-sm$architectures") without_ops=$(wheels no-ops)
if [ "$cuda" = cpu ]; then with_ops=$(wheels cpu); fi

# CUDA_HOME with an nvcc of torch's CUDA: the system's, else the registry's toolkit, unpacked beside the wheels
find_cuda() {
    local nvcc home
    for nvcc in "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc" "$(command -v nvcc || true)"; do
        if [ -x "$nvcc" ] && "$nvcc" --version | grep -q "release ${cuda%%.*}\."; then
            # a wrapper on PATH may stand outside the toolkit; nvcc knows its own place
            home=$("$nvcc" --dryrun -x cu /dev/null 2>&1 | sed -n 's/^#\$ TOP=//p' | head -n 1)
            if [ -n "$home" ]; then (cd "$home" && pwd); return; fi
        fi
    done
    # NVIDIA's wheels for CUDA 12 have no nvcc
    [ "${cuda%%.*}" -ge 13 ] || fail "expected an nvcc of CUDA ${cuda%%.*}, which mmcv's operators for torch $torch_version need, got" \
        "none: install NVIDIA's CUDA Toolkit $cuda (or: conda install -c nvidia cuda-toolkit=$cuda) and name its folder by CUDA_HOME"
    home=$cache/cuda-toolkit-$cuda
    if ! [ -x "$home/bin/nvcc" ]; then
        rm -rf "$home" "$home.part"
        pip install --quiet --target "$home.part" "cuda-toolkit[nvcc,cudart,cccl,cublas,cusparse,cusolver,curand,nvrtc,nvtx]==$cuda.*" >&2
        mv "$home.part"/nvidia/cu* "$home"
        rm -rf "$home.part"
        # packages hold libfoo.so.13 only; the linker asks for libfoo.so
        for library in "$home"/lib/lib*.so.*; do ln -sf "$(basename "$library")" "${library%%.so.*}.so"; done
        ln -sfn lib "$home/lib64"
    fi
    echo "$home"
}

build_mmcv() {  # folder, distribution (mmcv-lite is mmcv without operators)
    mkdir -p "$1.part"
    if [ "$2" = mmcv ] && [ "$cuda" != cpu ]; then
        CUDA_HOME=$(find_cuda) || return 1
        export CUDA_HOME FORCE_CUDA=1 TORCH_CUDA_ARCH_LIST=${architectures//,/;}
    fi
    MAX_JOBS=${MAX_JOBS:-$("$python" tools/build_jobs.py)} PATH="$environment/bin:$PATH" \
        pip wheel --verbose --no-build-isolation --no-deps --no-binary mmcv --wheel-dir "$1.part" "$2==2.1.0"
    rm -rf "$1"
    mv "$1.part" "$1"
}

has_ops() { "$python" -c 'import mmcv._ext' 2>/dev/null; }

if [ "$tier" = det,seg ] && ! ls "$with_ops"/*.whl >/dev/null 2>&1; then
    minutes=$([ "$cuda" = cpu ] && echo "8 to 10" || echo 20)
    step "building mmcv with operators for $(basename "${with_ops#*mmcv2.1.0-}") (once; about $minutes minutes on two cores)" build_mmcv "$with_ops" mmcv
elif [ "$tier" = base ] && ! ls "$with_ops"/*.whl "$without_ops"/*.whl >/dev/null 2>&1; then
    step "mmcv without operators" build_mmcv "$without_ops" mmcv-lite
fi
wheel=$(ls "$with_ops"/*.whl 2>/dev/null || ls "$without_ops"/*.whl)
pip uninstall --quiet --yes mmcv mmcv-lite >/dev/null 2>&1 || true
step "mmcv ($(basename "$(dirname "$wheel")"))" pip install --no-deps --force-reinstall "$wheel"
if [ "$tier" = det,seg ] && ! has_ops; then
    fail "expected compiled operators in $wheel, got none: remove $with_ops and run this again"
fi
step "slotcon_mm" pip install --no-deps --no-build-isolation --editable .
"$python" -c "import slotcon_mm"
rm -f "$environment"/.slotcon_mm-*
touch "$stamp-$tier-$architectures"
echo "ready: $environment ($tier)"
