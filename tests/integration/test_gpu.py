"""What only a CUDA device can show."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from helpers import as_samples, random_batch, random_masks, set_total_steps, tiny_slotcon, tiny_slotmim
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.structures import DataSample
from runs import CONFIGS, pretraining_options, training_arguments
from torch import distributed, nn
from torch.nn.modules._functions import SyncBatchNorm as TorchSyncedNormalization

from slotcon_mm.checkpoints.safe_loading import load_from_safe_local
from slotcon_mm.checks import RunStoppedError
from slotcon_mm.engine.hooks.finite_guard_hook import FiniteGuardHook
from slotcon_mm.engine.optimizers.clipped_adamw import ClippedAdamW
from slotcon_mm.engine.optimizers.lars import LARS
from slotcon_mm.launch.machine.compile_networks import compile_networks
from slotcon_mm.launch.runner import build_runner
from slotcon_mm.launch.training import prepare_training, train
from slotcon_mm.models.algorithms.teacher import follow
from slotcon_mm.models.layers.synced_normalization import SyncedNormalization

pytestmark = pytest.mark.gpu

REPOSITORY = Path(__file__).parents[2]


def losses(dtype: torch.dtype | None) -> torch.Tensor:
    """Group and slot loss of five steps."""
    set_total_steps()
    model = tiny_slotcon().float().cuda()
    optimizer = LARS([p for p in model.parameters() if p.requires_grad], lr=0.1)
    # a scale at which no gradient overflows: a step left out would move the losses apart
    scaler = torch.amp.GradScaler("cuda", enabled=dtype == torch.float16, init_scale=64.0)
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


def slotcon_and_batch() -> tuple[nn.Module, list[torch.Tensor], list[DataSample]]:
    views, boxes, flipped = random_batch()
    return tiny_slotcon(), views, as_samples(boxes, flipped)


def slotmim_and_batch() -> tuple[nn.Module, list[torch.Tensor], list[DataSample]]:
    views, boxes, flipped = random_batch(size=16)
    return tiny_slotmim(), views, as_samples(boxes, flipped, random_masks())


METHODS = pytest.mark.parametrize("model_and_batch", [slotcon_and_batch, slotmim_and_batch])


@METHODS
def test_the_loss_and_its_gradient_wait_for_nothing(model_and_batch):
    set_total_steps()
    model, views, samples = model_and_batch()
    model = model.float().cuda()
    views = [view.float().cuda() for view in views]
    model(views, samples, mode="loss")
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        result = model(views, samples, mode="loss")
        sum(value for name, value in result.items() if name.startswith("loss_")).backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("kind", [LARS, ClippedAdamW])
@pytest.mark.parametrize("scale", [None, 1024.0])
def test_a_guarded_step_waits_for_nothing(scale, kind, tmp_path):
    set_total_steps()
    model = tiny_slotcon().float().cuda()
    optimizer = kind([p for p in model.parameters() if p.requires_grad], lr=0.1)
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


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["fused", "of other layouts"])
def test_clipped_adamw_moves_on_cuda_as_on_the_cpu_and_stands_still_by_a_flag(layout):
    def moved(device: str) -> list[torch.Tensor]:
        generator = torch.Generator().manual_seed(0)
        start, *gradients = (torch.randn(2, 3, 4, 5, generator=generator) for _ in range(4))
        param = start.to(device).requires_grad_()
        optimizer = ClippedAdamW([param], lr=0.1)
        for step, gradient in enumerate(gradients):
            param.grad = 64 * gradient.to(device).contiguous(memory_format=layout)
            optimizer.grad_scale = torch.full((), 64.0, device=device)
            optimizer.found_inf = torch.full((), float(step == 1), device=device)
            optimizer.step()
        return [value.detach().cpu() for value in (param, *optimizer.state[param].values())]

    for on_gpu, on_cpu in zip(moved("cuda"), moved("cpu"), strict=True):
        torch.testing.assert_close(on_gpu, on_cpu, rtol=1e-5, atol=1e-6)


@METHODS
def test_the_cuda_loss_is_the_cpus(model_and_batch):
    set_total_steps()
    model, views, samples = model_and_batch()
    on_cpu = model(views, samples, mode="loss")
    model = model_and_batch()[0].cuda()
    on_gpu = model([view.cuda() for view in views], samples, mode="loss")
    names = [name for name in on_cpu if name.startswith("loss_")]
    assert len(names) >= 2
    for name in names:
        torch.testing.assert_close(on_gpu[name].cpu(), on_cpu[name], rtol=1e-9, atol=1e-12)


def run_on_gpu(
    scenes: Path, work_dir: Path, *, amp: bool, epochs: int = 2, resume: str | None = None, **options: Any
) -> Runner:
    args = training_arguments(CONFIGS / "slotcon_r18_quickstart.py", "--work-dir", str(work_dir))
    args.cfg_options = pretraining_options(scenes, epochs=epochs, **options)
    args.device, args.amp, args.resume = None, amp, resume
    config = prepare_training(args).config
    config.experiment_name = f"{work_dir}-{resume}"  # else two runs of one second would share all their scalars
    return build_runner(config, [])


class ForbidWaitsHook(Hook):
    """From one iteration's end to another's, torch raises where the host waits for the device."""

    priority = "VERY_LOW"

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        if runner.iter in (2, 6):
            torch.cuda.set_sync_debug_mode("error" if runner.iter == 2 else "default")


@pytest.mark.parametrize("amp", [False, True])
def test_the_whole_training_loop_waits_for_nothing_between_two_log_lines(amp, scenes, tmp_path):
    options = {"train_dataloader.batch_size": 2, "default_hooks.logger.interval": 1000}
    runner = run_on_gpu(scenes, tmp_path, amp=amp, **options)
    runner.register_hook(ForbidWaitsHook())
    try:
        train(runner)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert runner.iter == 16


@pytest.mark.parametrize("options", [dict(views_in_one_pass=True), dict(channels_last=True)], ids=str)
def test_layout_and_one_pass_change_nothing_but_rounding(options):
    found = []
    for given in (dict(views_in_one_pass=False), options):
        set_total_steps()
        model = tiny_slotcon(**given).cuda()
        model.load_state_dict(tiny_slotcon().state_dict())
        views, boxes, flipped = random_batch()
        result = model([view.cuda() for view in views], as_samples(boxes, flipped), mode="loss")
        (result["loss_group"] + result["loss_slot"]).backward()
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        found.append([result["loss_group"], result["loss_slot"], *gradients, *model.buffers()])
    for mine, plain in zip(*found, strict=True):
        torch.testing.assert_close(mine, plain, rtol=1e-9, atol=1e-12)


def test_a_compiled_model_follows_the_eager_one():
    found = []
    for compiled in (False, True):
        set_total_steps()
        model = tiny_slotcon(views_in_one_pass=True).float().cuda()
        notes = compile_networks(model, compiled)
        assert not compiled or "by torch.compile" in notes[0], notes
        views, boxes, flipped = random_batch()
        result = model([view.float().cuda() for view in views], as_samples(boxes, flipped), mode="loss")
        (result["loss_group"] + result["loss_slot"]).backward()
        found.append(torch.stack([result["loss_group"], result["loss_slot"]]).detach())
    torch.testing.assert_close(*found, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("moves", [True, False])
def test_the_teacher_follows_on_a_device_as_on_a_cpu(moves):
    generator = torch.Generator().manual_seed(0)
    teacher, student = ([torch.randn(s, generator=generator) for s in ((3, 4), (1000,))] for _ in range(2))
    on_gpu = [[tensor.cuda() for tensor in tensors] for tensors in (teacher, student)]
    share = torch.tensor(0.03, dtype=torch.float64)
    follow(teacher, student, share, torch.tensor(moves))
    follow(*on_gpu, share.cuda(), torch.tensor(moves).cuda())
    for mine, right in zip(on_gpu[0], teacher, strict=True):
        torch.testing.assert_close(mine.cpu(), right, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_synchronized_normalization_is_torchs_without_its_waits(layout, dtype, tmp_path):
    distributed.init_process_group("nccl", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        pixels = torch.randn(4, 8, 5, 6, device="cuda").to(dtype).contiguous(memory_format=layout)
        found = []
        for name in ("ours", "torchs"):
            norm, x = nn.BatchNorm2d(8).cuda(), pixels.clone().requires_grad_()
            state = (x, norm.weight, norm.bias, norm.running_mean, norm.running_var, 1e-5, 0.1)
            if name == "ours":
                torch.cuda.set_sync_debug_mode("error")
                y = SyncedNormalization.apply(*state, 1)
            else:
                y = TorchSyncedNormalization.apply(*state, distributed.group.WORLD, 1)
            y.float().pow(3).sum().backward()
            torch.cuda.set_sync_debug_mode("default")
            found.append([y.detach(), x.grad, norm.weight.grad, norm.bias.grad, *norm.buffers()])
        assert all(torch.equal(mine, theirs) for mine, theirs in zip(*found, strict=True))
    finally:
        torch.cuda.set_sync_debug_mode("default")
        distributed.destroy_process_group()


def weights_of(path: Path) -> dict[str, torch.Tensor]:
    weights = load_from_safe_local(str(path), "cpu")["state_dict"]
    return {name: value.double() for name, value in weights.items() if value.is_floating_point()}


def distance(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    return float(sum((a[name] - b[name]).square().sum() for name in a)) ** 0.5


@pytest.mark.parametrize("amp", [False, True])
def test_a_run_is_resumed_on_the_device(amp, scenes, tmp_path):
    """To what the device's own sums, whose order changes, leave of a run that nothing interrupted."""
    whole = run_on_gpu(scenes, tmp_path / "whole", amp=amp, epochs=4)
    train(whole)
    (tmp_path / "parted").mkdir()
    for name in ("epoch_2.pth", "last_checkpoint"):
        shutil.copy(tmp_path / "whole" / name, tmp_path / "parted")
    (tmp_path / "parted/last_checkpoint").write_text(str(tmp_path / "parted/epoch_2.pth"))
    resumed = run_on_gpu(scenes, tmp_path / "parted", amp=amp, epochs=4, resume="latest")
    train(resumed)
    assert resumed.iter == whole.iter
    begin, end, again = (
        weights_of(tmp_path / name) for name in ("whole/epoch_2.pth", "whole/epoch_4.pth", "parted/epoch_4.pth")
    )
    assert distance(end, again) < 0.05 * distance(begin, end)
    for name, buffer in whole.message_hub.log_scalars.items():
        if name.startswith("train/loss"):
            mine = resumed.message_hub.log_scalars[name].data[0]
            assert len(mine) == len(buffer.data[0]), name


class PoisonHook(Hook):
    """Makes a parameter of the student NaN before a step."""

    priority = "VERY_LOW"

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        if runner.iter == 5:
            with torch.no_grad():
                runner.model.slot_head.predictor[0].weight[0, 0] = float("nan")


def test_a_loss_that_is_not_finite_ends_a_scaled_training_with_the_last_good_state(scenes, tmp_path):
    runner = run_on_gpu(scenes, tmp_path, amp=True)
    runner.register_hook(PoisonHook())
    with pytest.raises(RunStoppedError, match="in iteration 6, first in loss_slot"):
        train(runner)
    saved = load_from_safe_local(str(tmp_path / "last_good.pth"), "cpu")["state_dict"]
    teacher = [value for name, value in saved.items() if name.startswith(("teacher.", "group_head."))]
    assert all(bool(value.isfinite().all()) for value in teacher)


def test_a_scale_that_overflows_falls_and_the_training_goes_on(scenes, tmp_path):
    scale = dict(init_scale=2.0**36)
    runner = run_on_gpu(scenes, tmp_path, amp=True, epochs=10, **{"optim_wrapper.loss_scale": scale})
    before = runner.model.slot_head.predictor[0].weight.detach().clone()
    train(runner)
    assert runner.optim_wrapper.loss_scaler.get_scale() < 2.0**36
    assert runner.model.watch.intact
    assert not torch.equal(before, runner.model.slot_head.predictor[0].weight)


def test_the_cpu_that_was_asked_for_is_used_and_the_gpu_is_not(scenes, tmp_path):
    options = [f"{name}={value}" for name, value in pretraining_options(scenes, epochs=2).items()]
    code = (
        "import runpy, sys, torch; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__'); "
        "assert not torch.cuda.is_initialized(), 'CUDA was used'"
    )
    arguments = [CONFIGS / "slotcon_r18_quickstart.py", "--device", "cpu", "--work-dir", tmp_path, "--cfg-options"]
    command = [sys.executable, "-c", code, REPOSITORY / "tools/train.py", *arguments, *options]
    result = subprocess.run([*map(str, command)], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_two_gpus_train_and_leave_their_group(scenes, tmp_path):
    options = [f"{name}={value}" for name, value in pretraining_options(scenes, epochs=2).items()]
    command = ["bash", REPOSITORY / "tools/dist_train.sh", CONFIGS / "slotcon_r18_quickstart.py", 2]
    command += ["--work-dir", tmp_path, "--cfg-options", *options]
    result = subprocess.run([*map(str, command)], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    assert "destroy_process_group" not in result.stderr
