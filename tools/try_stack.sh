#!/usr/bin/env bash
# For maintainers: does this work with other versions? Copies the checkout to a temporary folder, makes the base tier
# there with other pins, runs the quick part of the tests and prints one line.
#
#   bash tools/try_stack.sh TORCH=2.13.0                          with the Python that setup_env.sh would take
#   PYTHON=python3.10 bash tools/try_stack.sh TORCH=2.1.2 numpy==1.26.4 opencv-python-headless==4.11.0.86
#   PYTHON=python3.12 bash tools/try_stack.sh --stack onedl
#   bash tools/try_stack.sh --stack onedl tests/test_host_fixes.py       other tests than the quick part
#
# PACKAGE==VERSION replaces or adds a pin, PACKAGE== drops one; torchvision follows torch. 7 GB in $TMPDIR, until the end.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

pins="" stack=""
# what needs neither mmdet nor mmseg
tests="tests/checkpoints tests/datasets tests/engine tests/evaluation tests/inference tests/models tests/test_*.py" chosen=""
while [ $# -gt 0 ]; do
    case "$1" in
        TORCH=?*) pins="$pins torchvision== torch==${1#TORCH=}" ;;
        ?*==*) pins="$pins $1" ;;
        --stack) stack=${2:-}; shift ;;
        tests/*) chosen="$chosen $1" ;;
        *) echo "usage: bash tools/try_stack.sh TORCH=VERSION [PACKAGE==VERSION ...] [--stack original|onedl] [TESTS]" >&2; exit 2 ;;
    esac
    shift
done
folder=$(mktemp -d "${TMPDIR:-/tmp}/slotcon_mm-try.XXXXXX")
trap 'rm -rf "$folder"' EXIT
changed=$(git stash create)  # tracked files as they are, committed or not
git archive "${changed:-HEAD}" | tar -xf - -C "$folder"
commit=$(git describe --always --dirty)

cd "$folder"
for file in tools/constraints*.txt; do
    for pin in $pins; do
        awk -v name="${pin%%==*}" 'index($0, name "==") != 1' "$file" >"$file.new"
        case "$pin" in *==) ;; *) echo "$pin" >>"$file.new" ;; esac
        mv "$file.new" "$file"
    done
done
env -u VIRTUAL_ENV -u CONDA_PREFIX bash tools/setup_env.sh base ${stack:+--stack "$stack"}
constraints=tools/constraints.txt
if ls -d .venv/lib/python*/site-packages/onedl_mmengine-* >/dev/null 2>&1; then constraints=tools/constraints-onedl.txt; fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint "$constraints" pytest hypothesis timm

# what needs less than ten seconds a test
status=0
# shellcheck disable=SC2086
OMP_NUM_THREADS=1 PYTHONPATH=$folder .venv/bin/python -m pytest -q -p no:cacheprovider -m "not slow and not gpu" \
    ${chosen:-$tests} >"$folder/log" 2>&1 || status=$?
grep -E "^(FAILED|ERROR)" "$folder/log" || true
[ "$status" -le 1 ] || tail -n 40 "$folder/log"
.venv/bin/python - "$commit" "$(grep -E "[0-9]+ (passed|failed|errors?).* in [0-9]" "$folder/log" | tail -n 1)" <<'PYTHON'
import platform, sys
from importlib.metadata import distributions
names = ("torch", "torchvision", "numpy", "mmengine", "mmcv-lite", "mmpretrain", "onedl-mmengine", "onedl-mmcv", "onedl-mmpretrain")
there = {found.metadata["Name"].lower(): found.version for found in distributions()}
versions = ", ".join(f"{name} {there[name]}" for name in names if name in there)
print(f"{sys.argv[1]}: Python {platform.python_version()}, {versions}: {sys.argv[2].strip('= ')}")
PYTHON
exit "$status"
