#!/usr/bin/env bash
# Makes .venv with a pinned stack and this package.
#
#   bash tools/setup_env.sh            base: pretraining and quickstart (mmcv without compiled operators; minutes)
#   bash tools/setup_env.sh det,seg    as base, and mmdet, mmseg, mmcv with operators, and what the tests need
#   bash tools/setup_env.sh TIER --active    into the active environment instead of .venv
#
# --stack original: OpenMMLab's own releases (tools/constraints.txt), the default on Python 3.10 to 3.12; --stack onedl:
# their maintained forks (tools/constraints-onedl.txt), the default on 3.13 and 3.14. An environment keeps its stack
# unless the other is named. --python-from-uv makes .venv with a Python that uv finds or downloads.
#
# A second call takes a second; one after an interruption goes on. mmcv's wheel is built once for each kind of GPU (on a
# machine without one, for the CPU) and kept in $SLOTCON_CACHE (default: ~/.cache/slotcon_mm). PYTHON names the Python
# that .venv is made with, MAX_JOBS the number of compilers at a time, TORCH_CUDA_ARCH_LIST ("8.0 9.0") the GPUs to
# build for if they are not those of this machine. Packages are installed by uv where it is there and pip has no index
# or the like in its settings, which uv does not read. For Linux and macOS, whose bash 3.2 and BSD tools it keeps to.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/gpu_support.sh
. tools/stacks.sh
. tools/base_python.sh
. tools/mmcv_wheel.sh
. tools/steps.sh

usage() {
    echo "usage: bash tools/setup_env.sh [base|det,seg] [--stack original|onedl] [--active] [--python-from-uv]" >&2
    exit 2
}
tier=base active="" wanted_stack="" python_from_uv=""
while [ $# -gt 0 ]; do
    case "$1" in
        base | det,seg) tier=$1 ;;
        --active) active=yes ;;
        --python-from-uv) python_from_uv=yes ;;
        --stack) case "${2:-}" in original | onedl) wanted_stack=$2; shift ;; *) usage ;; esac ;;
        *) usage ;;
    esac
    shift
done
cache=${SLOTCON_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/slotcon_mm}
if [ -n "$active" ]; then
    [ -n "${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ] || fail "expected an active environment for --active, got none: activate one first"
    environment=${VIRTUAL_ENV:-$CONDA_PREFIX}
else
    environment=$PWD/.venv
fi
python=$environment/bin/python

# an environment that is there must run: its Python may have gone with an update of the system, or its making was killed
version=""
if [ -d "$environment" ] && [ -n "$(ls -A "$environment")" ]; then
    version=$(version_of "$python")
    [ -n "$version$active" ] || fail "expected a Python that runs in $environment, got none: remove that folder and run this again"
    if [ -z "$active$python_from_uv" ] && [ -n "${PYTHON:-}" ] && [ "$(version_of "$PYTHON")" != "$version" ]; then
        fail "expected an environment of PYTHON=$PYTHON ($(version_of "$PYTHON")) in $environment, got one of Python" \
            "$version: remove that folder, or leave PYTHON out"
    fi
fi
if [ -n "$active" ] && [ -z "$version" ]; then
    fail "expected a Python in $environment, got none: make that environment anew"
fi

# a stamp names what was set up: .slotcon_mm-FINGERPRINT-TIER-ARCHITECTURES of compiled operators
scripts="tools/setup_env.sh tools/stacks.sh tools/mmcv_wheel.sh tools/gpu_support.sh setup.py"
stamp() { echo "$environment/.slotcon_mm-$(cat "$constraints" $scripts | cksum | tr ' ' '-')"; }
# what is named can be imported, and slotcon_mm is installed there or is this checkout, which may have moved
is_whole() {
    [ -n "$version" ] && "$python" -I -c 'import importlib.util as found, os, sys
names = "torch", "torchvision", "mmcv", "mmengine", "mmpretrain", "slotcon_mm"
there = [found.find_spec(name) for name in names]
root = os.path.dirname(os.path.dirname(there[-1].origin)) if all(there) else None
sys.exit(not root or not (root.startswith(sys.prefix) or os.path.samefile(root, sys.argv[1])))' "$PWD" 2>/dev/null
}
for candidate in ${wanted_stack:-original onedl}; do
    use_stack "$candidate"
    architectures=$(wanted_architectures "$torch_pin")
    for found in "$(stamp)-$tier"-* "$(stamp)-det,seg"-*; do
        if [ -e "$found" ] && { [ "$tier" = base ] || covers "${found#"$(stamp)-$tier-"}" "$architectures"; } && is_whole; then exit 0; fi
    done
done

uv=""
if [ -n "$version" ]; then
    stack=${wanted_stack:-$(installed_stack "$environment")}
    if [ -z "$stack" ]; then read -r stack _ <<<"$(stacks_for "$version")"; fi
    takes "$stack" "$python" || fail "expected Python $(pythons_of "$wanted_stack") in $environment, got $version:" \
        "remove that environment, or name another stack by --stack"
elif [ -n "$python_from_uv" ]; then
    stack=${wanted_stack:-original}
    find_uv "$cache/uv"
else
    find_base_python "$wanted_stack" || fail "$(advise_python "$wanted_stack")"
    if ! makes_environments "$base_python"; then
        uv=$(command -v uv || true)  # which needs no module of Python's
        [ -n "$uv" ] || fail "expected the venv module of $("$base_python" --version), got none: run " \
            "apt-get install python$(version_of "$base_python")-venv  or pass --active with an environment of yours"
    fi
fi
use_stack "$stack"
torch_there=$(version_in "$environment" torch)
case "$torch_there" in "$torch_pin" | "$torch_pin"+*) torch=$torch_there ;; *) torch=$torch_pin ;; esac  # a build of the pin's version stays
architectures=$(wanted_architectures "$torch")
problem=$(check_gpus "$torch")
[ -z "$problem" ] || fail "$problem"
needed_gb=7 place=$PWD
if [ -n "$version" ]; then place=$environment; fi
if [ -n "$torch_there" ]; then needed_gb=1; fi
free_gb=$(($(df -Pk "$place" | awk 'NR == 2 {print $4}') / 1048576))
[ "$free_gb" -ge "$needed_gb" ] || fail "expected $needed_gb GB of free disk in $place, got $free_gb: make room first"
if ! ls "$cache"/*/*.whl >/dev/null 2>&1; then
    { mkdir -p "$cache" && [ -w "$cache" ]; } 2>/dev/null || fail "expected a folder for mmcv's wheel that can be" \
        "written, got $cache: set SLOTCON_CACHE to another"
fi

if [ -z "$version" ]; then
    unfinished=.venv
    if [ -n "$python_from_uv" ]; then
        step "making .venv with uv's Python 3.12 (downloaded if this system has none; some 35 MB)" "$uv" venv --seed --python 3.12 .venv
    elif [ -n "$uv" ]; then
        step "making .venv with $("$base_python" --version), by uv" "$uv" venv --seed --python "$(command -v "$base_python")" .venv
    else
        step "making .venv with $("$base_python" --version)" "$base_python" -m venv .venv
    fi
    unfinished=""
    version=$(version_of "$python")
fi
rm -f "$environment"/.slotcon_mm-*  # from here on it is not whole
if ! "$python" -c 'import pip' 2>/dev/null; then  # as uv makes them
    if command -v uv >/dev/null 2>&1; then step "pip" uv pip install --python "$python" pip; else step "pip" "$python" -m ensurepip; fi
fi
if pip_has_settings_of_its_own; then uv=""; else uv=${uv:-$(command -v uv || true)}; fi
pip() { "$python" -m pip --disable-pip-version-check --no-input "$@"; }
install() {
    if [ -n "$uv" ]; then
        "$uv" pip install --python "$python" --constraint "$constraints" "$@"
    else
        pip install --constraint "$constraints" "$@"
    fi
}

installed=$(installed_stack "$environment")
if [ -n "$installed" ] && [ "$installed" != "$stack" ]; then
    step "removing the other stack" pip uninstall --yes $others
fi
step "pip and build tools" install pip setuptools wheel ninja psutil
step "torch and torchvision (4.7 GB with CUDA; about 2 minutes)" install torch torchvision
step "libraries" install numpy scipy matplotlib pillow opencv-python-headless pycocotools tqdm tensorboard safetensors \
    addict pyyaml rich termcolor yapf packaging einops importlib-metadata mat4py modelindex platformdirs
# without their dependencies: MMEngine asks for an OpenCV that needs libGL. Built, if they must be, by the pinned tools
step "mmengine and mmpretrain" install --no-deps --no-build-isolation $hosts
if [ "$tier" = det,seg ]; then
    step "libraries of mmdet and mmseg, and test tools" install shapely terminaltables prettytable ftfy regex six \
        pytest pytest-xdist hypothesis ruff mypy import-linter timm $more_libraries
    step "mmdet and mmseg" install --no-deps --no-build-isolation $more_hosts
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
        "CUDA_VISIBLE_DEVICES=-1 for the CPU, or pin another torch in $constraints"
fi
# its folder's name is all that a wheel depends on; a home may be shared with machines of another kind
kind=$(uname -s)-$(uname -m)
wheels() { echo "$cache/$python_tag-torch$torch_version-$mmcv$mmcv_pin-$1${kind#Linux-x86_64}"; }
with_ops=$(wheels "cuda$cuda-sm$architectures") without_ops=$(wheels no-ops)
if [ "$cuda" = cpu ]; then with_ops=$(wheels cpu); fi

has_ops() { "$python" -c 'import mmcv._ext' 2>/dev/null; }

if [ "$tier" = det,seg ] && ! wheel_in "$with_ops" >/dev/null; then
    prepare_build
    minutes=$([ "$cuda" = cpu ] && echo "8 to 12" || echo 20)
    step "building mmcv with operators for $(basename "${with_ops#*"$mmcv$mmcv_pin-"}") (once; about $minutes minutes on two cores)" build_mmcv "$with_ops" "$mmcv"
elif [ "$tier" = base ] && ! wheel_in "$with_ops" >/dev/null && ! wheel_in "$without_ops" >/dev/null; then
    prepare_build
    step "mmcv without operators" build_mmcv "$without_ops" "$mmcv_without_ops" no-ops
fi
wheel=$(wheel_in "$with_ops" || wheel_in "$without_ops") || fail "expected mmcv's wheel in $cache, got none: run this again"
pip uninstall --quiet --yes mmcv mmcv-lite onedl-mmcv >/dev/null 2>&1 || true
step "mmcv ($(basename "$(dirname "$wheel")"))" pip install --no-deps --force-reinstall "$wheel"
if [ "$tier" = det,seg ] && ! has_ops; then
    fail "expected compiled operators in $wheel, got none: remove $with_ops and run this again"
fi
step "slotcon_mm" pip install --no-deps --no-build-isolation --editable .
"$python" -c "import slotcon_mm"
touch "$(stamp)-$tier-$architectures"
echo "ready: $environment ($tier, $stack stack)"
