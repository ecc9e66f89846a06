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

# build_mmcv FOLDER DISTRIBUTION [no-ops]
build_mmcv() {
    local isolation=--no-build-isolation
    mkdir -p "$1.part"
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
        pip wheel --verbose ${isolation:+"$isolation"} --no-deps --no-cache-dir --no-binary mmcv,onedl-mmcv --wheel-dir "$1.part" "$2==$mmcv_pin"
    rm -rf "$1"
    mv "$1.part" "$1"
}
