"""A GPU needs operators that were compiled for it."""

from __future__ import annotations

import mmcv.ops
import pytest
from mmcv.ops import DeformConv2dPack, RoIAlign
from torch import nn

from slotcon_mm.launch.machine import compiled_operators
from slotcon_mm.launch.machine.compiled_operators import expect_operators, expect_precision

PLAIN = nn.Sequential(nn.Conv2d(3, 3, 3))
WITH_OPERATORS = [nn.Sequential(RoIAlign(7)), nn.Sequential(nn.Sequential(DeformConv2dPack(3, 3, 3)))]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_operators, "has_accelerator", lambda: True)


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize(("model", "scope"), [(PLAIN, "mmdet"), *((model, "mmseg") for model in WITH_OPERATORS)])
def test_operators_for_the_cpu_are_refused_before_training_on_a_gpu(model, scope, monkeypatch):
    monkeypatch.setattr(mmcv.ops, "get_compiling_cuda_version", lambda: "not available")
    with pytest.raises(ValueError, match=r"compiled for CUDA.*setup_env\.sh det,seg.*TORCH_CUDA_ARCH_LIST"):
        expect_operators(model, scope)


@pytest.mark.usefixtures("gpu")
def test_operators_for_cuda_pass_and_models_without_any(monkeypatch):
    monkeypatch.setattr(mmcv.ops, "get_compiling_cuda_version", lambda: "13.0")
    expect_operators(WITH_OPERATORS[0], "mmdet")
    monkeypatch.setattr(mmcv.ops, "get_compiling_cuda_version", lambda: "not available")
    expect_operators(PLAIN, "mmseg")
    expect_operators(PLAIN, "mmpretrain")


def test_on_the_cpu_anything_passes(monkeypatch):
    monkeypatch.setattr(mmcv.ops, "get_compiling_cuda_version", lambda: "not available")
    expect_operators(WITH_OPERATORS[0], "mmdet")


@pytest.mark.usefixtures("gpu")
def test_a_detector_in_bfloat16_is_refused_and_anything_else_passes():
    with pytest.raises(ValueError, match=r"got bfloat16.*optim_wrapper\.dtype=float16"):
        expect_precision("mmdet", dict(type="AmpOptimWrapper", dtype="bfloat16"))
    expect_precision("mmdet", dict(type="AmpOptimWrapper", dtype="float16"))
    expect_precision("mmdet", dict(type="OptimWrapper"))
    expect_precision("mmseg", dict(type="AmpOptimWrapper", dtype="bfloat16"))
