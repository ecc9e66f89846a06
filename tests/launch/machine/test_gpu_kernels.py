"""For which GPUs a build of torch has kernels; the lists are those of PyTorch's builds."""

from __future__ import annotations

import pytest
import torch

from slotcon_mm.launch.machine.gpu_kernels import expect_kernels, runs_on

CUDA_13_0 = "sm_75 sm_80 sm_86 sm_90 sm_100 sm_120"
CUDA_12_8 = "sm_70 " + CUDA_13_0
CUDA_12_6 = "sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90"


def pretend(monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], architectures: str) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: capability)
    monkeypatch.setattr(torch.cuda, "get_arch_list", architectures.split)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "NVIDIA X")


@pytest.mark.parametrize("capability", [(7, 5), (8, 0), (8, 6), (8, 9), (9, 0), (10, 0), (10, 3), (12, 0), (12, 1)])
def test_gpus_of_a_major_version_that_is_built_for_pass(monkeypatch, capability):
    pretend(monkeypatch, capability, CUDA_13_0)
    expect_kernels(0)


@pytest.mark.parametrize(
    ("capability", "architectures", "fix"),
    [
        ((7, 0), CUDA_13_0, "built for CUDA 12.6 or 12.8"),  # V100
        ((6, 0), CUDA_13_0, "built for CUDA 12.6 "),  # P100
        ((6, 1), CUDA_12_8, "built for CUDA 12.6 "),  # GTX 10xx
        ((3, 7), CUDA_12_6, "no torch that this package works with"),  # K80
        ((12, 0), CUDA_12_6, "a newer torch"),  # RTX 50xx
        ((8, 7), CUDA_13_0, "built for a newer CUDA"),  # Jetson Orin
    ],
)
def test_others_are_named_with_the_torch_to_take(monkeypatch, capability, architectures, fix):
    pretend(monkeypatch, capability, architectures)
    with pytest.raises(ValueError, match="expected a torch with kernels") as error:
        expect_kernels(0)
    message = str(error.value)
    assert f"NVIDIA X (compute capability {capability[0]}.{capability[1]})" in message
    assert f"torch {torch.__version__} built for {architectures}" in message
    assert fix in message
    assert "--device cpu" in message


def test_ptx_runs_on_anything_newer(monkeypatch):
    pretend(monkeypatch, (12, 0), "sm_80 compute_80")
    expect_kernels(0)
    pretend(monkeypatch, (7, 5), "sm_80 compute_80")
    with pytest.raises(ValueError, match=r"compute capability 7\.5"):
        expect_kernels(0)


@pytest.mark.parametrize(
    ("architecture", "runs", "fails"),
    [
        ("sm_90a", [(9, 0)], [(9, 1), (10, 0)]),
        ("compute_90a", [(9, 0)], [(9, 1), (10, 0)]),
        ("sm_100f", [(10, 0), (10, 3)], [(11, 0), (9, 0)]),
        ("compute_100f", [(10, 3)], [(12, 0)]),
        ("sm_80", [(8, 0), (8, 9)], [(8, 7), (7, 5), (9, 0)]),
        ("sm_87", [(8, 7)], [(8, 9)]),
    ],
)
def test_suffixes_and_embedded_boards(architecture, runs, fails):
    assert all(runs_on(architecture, capability) for capability in runs)
    assert not any(runs_on(architecture, capability) for capability in fails)


def test_amds_names_are_not_judged(monkeypatch):
    pretend(monkeypatch, (9, 0), "gfx90a gfx942")
    monkeypatch.setattr(torch.version, "hip", "6.4")
    expect_kernels(0)


@pytest.mark.parametrize("architecture", CUDA_12_6.split() + CUDA_12_8.split())
def test_binary_code_is_judged_as_torch_judges_it(architecture):
    compatible = getattr(torch.cuda, "_code_compatible_with_device", None)
    if compatible is None:
        pytest.skip("this torch has no such table")
    number = int(architecture.removeprefix("sm_"))
    for capability in [(m, n) for m in (5, 6, 7, 8, 9, 10, 12) for n in range(10) if (m, n) != (10, 1)]:
        assert runs_on(architecture, capability) == compatible(10 * capability[0] + capability[1], number), capability
