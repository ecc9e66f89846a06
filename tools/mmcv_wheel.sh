# Sourced by setup_env.sh: builds the wheel of mmcv that both tiers keep in $SLOTCON_CACHE.

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
        pip install --quiet --target "$building/toolkit" "cuda-toolkit[nvcc,cudart,cccl,cublas,cusparse,cusolver,curand,nvrtc,nvtx]==$cuda.*" >&2 || return 1
        mv "$building"/toolkit/nvidia/cu* "$building/cuda" || return 1
        # packages hold libfoo.so.13 only; the linker asks for libfoo.so
        for library in "$building"/cuda/lib/lib*.so.*; do ln -sf "$(basename "$library")" "${library%%.so.*}.so"; done
        ln -sfn lib "$building/cuda/lib64"
        if ! [ -x "$home/bin/nvcc" ]; then rm -rf "$home"; mv "$building/cuda" "$home" || return 1; fi
    fi
    echo "$home"
}

wheel_in() { ls "$1"/*.whl 2>/dev/null; }

# a folder of this set-up's own: another one, of another checkout or machine, may build for the same cache
prepare_build() {
    building=$(mktemp -d "$cache/building.XXXXXX")
    unfinished=$building
}

# build_mmcv FOLDER DISTRIBUTION [no-ops]
build_mmcv() {
    local isolation=--no-build-isolation
    if [ "${3:-}" = no-ops ]; then
        # the fork leaves its operators out where its build sees no torch, as in an environment of pip's own
        if [ "$stack" = onedl ]; then isolation=""; fi
    elif [ "$cuda" != cpu ]; then
        CUDA_HOME=$(find_cuda) || return 1
        export CUDA_HOME FORCE_CUDA=1 TORCH_CUDA_ARCH_LIST=${architectures//,/;}
    fi
    # no cache: pip's may hold a wheel that was built the other way; debug information, which Python's own flags ask for,
    # is half of the compilers' time
    MAX_JOBS=${MAX_JOBS:-$("$python" tools/build_jobs.py)} PATH="$environment/bin:$PATH" \
        CFLAGS="${CFLAGS:-} -g0" CXXFLAGS="${CXXFLAGS:-} -g0" \
        pip wheel --verbose ${isolation:+"$isolation"} --no-deps --no-cache-dir --no-binary mmcv,onedl-mmcv \
        --wheel-dir "$building/wheel" "$2==$mmcv_pin" || return 1
    # what another set-up has put there meanwhile stays
    if ! wheel_in "$1" >/dev/null; then rm -rf "$1"; mv "$building/wheel" "$1"; fi
    rm -rf "$building"
}
