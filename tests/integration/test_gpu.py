"""What only a CUDA device can show."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from helpers import as_samples, random_batch, set_total_steps, tiny_slotcon

from slotcon_mm.engine.finite_guard_hook import FiniteGuardHook
from slotcon_mm.engine.lars import LARS

pytestmark = pytest.mark.gpu


def losses(dtype: torch.dtype | None) -> torch.Tensor:
    """Group and slot loss of five steps."""
    set_total_steps()
    model = tiny_slotcon().float().cuda()
    optimizer = LARS([p for p in model.parameters() if p.requires_grad], lr=0.1)
    scaler = torch.amp.GradScaler("cuda", enabled=dtype == torch.float16)
    found = []
    for step in range(5):
        views, boxes, flipped = random_batch(seed=step)
        views = [view.float().cuda() for view in views]
        with torch.autocast("cuda", dtype=dtype or torch.float16, enabled=dtype is not None):
            result = model(views, as_samples(boxes, flipped), mode="loss")
        optimizer.zero_grad()
        scaler.scale(result["loss_group"] + result["loss_slot"]).backward()
        scaler.step(optimizer)
        scaler.update()
        found.append(torch.stack([result["loss_group"], result["loss_slot"]]).detach().cpu())
    return torch.stack(found)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_mixed_precision_follows_fp32(dtype):
    torch.testing.assert_close(losses(dtype), losses(None), rtol=0.05, atol=0.02)


def test_the_loss_and_its_gradient_wait_for_nothing():
    set_total_steps()
    model = tiny_slotcon().float().cuda()
    views, boxes, flipped = random_batch()
    views = [view.float().cuda() for view in views]
    samples = as_samples(boxes.float(), flipped)
    model(views, samples, mode="loss")
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        result = model(views, samples, mode="loss")
        (result["loss_group"] + result["loss_slot"]).backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("scale", [None, 1024.0])
def test_a_guarded_step_waits_for_nothing(scale, tmp_path):
    set_total_steps()
    model = tiny_slotcon().float().cuda()
    optimizer = LARS([p for p in model.parameters() if p.requires_grad], lr=0.1)
    scaler = torch.amp.GradScaler("cuda", enabled=scale is not None, init_scale=scale or 1.0)
    runner = SimpleNamespace(model=model, optim_wrapper=SimpleNamespace(optimizer=optimizer), iter=0, work_dir=tmp_path)
    guard = FiniteGuardHook()
    guard.before_train(runner)
    views, boxes, flipped = random_batch()
    views, samples = [view.float().cuda() for view in views], as_samples(boxes.float(), flipped)
    for runner.iter in range(4):
        torch.cuda.set_sync_debug_mode("error" if runner.iter else "default")
        try:
            guard.before_train_iter(runner, 0)
            result = model(views, samples, mode="loss")
            optimizer.zero_grad()
            scaler.scale(result["loss_group"] + result["loss_slot"]).backward()
            scaler.step(optimizer)
            scaler.update()
            guard.after_train_iter(runner, 0, dict(data_samples=[]))
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert bool(model.watch.intact)


def test_the_cuda_loss_is_the_cpus():
    set_total_steps()
    views, boxes, flipped = random_batch()
    on_cpu = tiny_slotcon()(views, as_samples(boxes, flipped), mode="loss")
    on_gpu = tiny_slotcon().cuda()([view.cuda() for view in views], as_samples(boxes, flipped), mode="loss")
    for name in ("loss_group", "loss_slot"):
        torch.testing.assert_close(on_gpu[name].cpu(), on_cpu[name], rtol=1e-9, atol=1e-12)
