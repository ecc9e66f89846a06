"""What can go wrong in a run of days, made to go wrong."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from helpers import run_on_two_processes
from mmengine.hooks import Hook
from mmengine.registry import VISBACKENDS
from mmengine.runner import Runner
from mmengine.visualization import LocalVisBackend
from PIL import Image
from processes import PythonProcess, run_python
from runs import build_run, differences, interrupted_at, log_of, pretraining_options, run_state, train
from torch import Tensor

from slotcon_mm import atomic_files
from slotcon_mm.checks import RunStoppedError
from slotcon_mm.engine.optimizers.lars import LARS
from slotcon_mm.models.heads.slot_head import SlotLossHead

REPOSITORY = Path(__file__).parents[2]
QUICKSTART = "slotcon_r18_quickstart.py"


# Nothing lost -------------------------------------------------------------------------------------------------------


def test_killed_at_random_moments_and_while_writing_a_run_ends_in_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY / "tools/benchmarks"))  # as it is for a script that is started
    import kill_resume

    started = []

    def start(training: kill_resume.Training) -> PythonProcess:
        started.append(PythonProcess(training.command[1:], log=training.log))
        return started[-1]

    monkeypatch.setattr(kill_resume.Training, "start", start)
    monkeypatch.setattr(
        sys, "argv", ["kill_resume.py", "--kills", "3", "--epochs", "4", "--json", str(tmp_path / "counts.json")]
    )
    kill_resume.main()
    assert [life.returncode for life in started].count(-signal.SIGKILL) == 3
    counts = json.loads((tmp_path / "counts.json").read_text())
    assert counts["kills"] == 3
    assert counts["runs ended in the same bits"] >= 1


@pytest.fixture(scope="module")
def undisturbed(scenes, tmp_path_factory) -> dict[str, Any]:
    """The state after four epochs in which nothing happens."""
    work_dir = tmp_path_factory.mktemp("undisturbed")
    train(build_run(QUICKSTART, work_dir, options=pretraining_options(scenes)))
    return run_state(work_dir / "epoch_4.pth")


def test_a_full_disk_stops_the_run_and_costs_nothing_that_was_saved(undisturbed, scenes, tmp_path, monkeypatch):
    write, calls = atomic_files.os.fsync, []

    def full_at_the_third_checkpoint(handle: int) -> None:
        name = os.readlink(f"/proc/self/fd/{handle}")
        calls.append(name)
        if "epoch_3" in name:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(handle)

    with monkeypatch.context() as patch:
        patch.setattr(atomic_files.os, "fsync", full_at_the_third_checkpoint)
        options = pretraining_options(scenes, **{"default_hooks.checkpoint.max_keep_ckpts": 1})
        with pytest.raises(
            RunStoppedError, match=r"No space left on device.*epoch_3.pth.*make room on a full disk.*--resume"
        ):
            build_run(QUICKSTART, tmp_path, options=options).train()
    assert [path.name for path in tmp_path.glob("*.pth")] == ["epoch_2.pth"]
    assert not [*tmp_path.glob(".*.part")]
    train(build_run(QUICKSTART, tmp_path, options=pretraining_options(scenes), resume="latest"))
    assert differences(undisturbed, run_state(tmp_path / "epoch_4.pth")) == []


def test_a_truncated_newest_checkpoint_is_passed_over_with_a_warning(undisturbed, scenes, tmp_path):
    options = pretraining_options(scenes)
    interrupted_at(build_run(QUICKSTART, tmp_path, options=options), epoch=3)
    newest = tmp_path / "epoch_3.pth"
    newest.write_bytes(newest.read_bytes()[:1000])
    runner = build_run(QUICKSTART, tmp_path, options=options, resume="latest")
    assert runner.cfg.load_from == str(tmp_path / "epoch_2.pth")
    train(runner)
    assert differences(undisturbed, run_state(tmp_path / "epoch_4.pth")) == []


def test_two_trainings_in_one_work_dir_are_refused(scenes, tmp_path):
    options = [f"{name}={value}" for name, value in pretraining_options(scenes, epochs=10_000).items()]
    command = [
        "tools/train.py", f"configs/{QUICKSTART}", "--device", "cpu", "--work-dir", str(tmp_path),
        "--cfg-options", *options,
    ]  # fmt: skip
    first = PythonProcess(command)
    try:
        while not (tmp_path / ".training").is_file() or not (tmp_path / ".training").read_text():
            assert first.poll() is None
            time.sleep(0.01)
        second = run_python(*command)
    finally:
        first.kill()
    assert second.returncode == 1
    last = second.stderr.strip().splitlines()[-1]
    assert last.startswith("error: expected a work dir that no other training uses")
    assert f"process {first.pid}" in last


# Numbers stay finite ------------------------------------------------------------------------------------------------

BAD = 6  # the iteration, counted from 0


def poisoned(value: float, *, only_rank: int | None = None) -> Any:
    """``SlotLossHead.forward`` that returns ``value`` in iteration BAD."""
    forward, calls = SlotLossHead.forward, []

    def replacement(self: SlotLossHead, student: Any, teacher: Any) -> Tensor:
        loss = forward(self, student, teacher)
        calls.append(0)
        rank = int(os.environ.get("RANK", 0))
        return loss * value if len(calls) == BAD + 1 and only_rank in (None, rank) else loss

    return replacement


class PoisonGradient(Hook):
    """NaN in one parameter's gradient, with a finite loss."""

    def before_train(self, runner: Runner) -> None:
        self.runner = runner
        runner.model.neck.prototypes.register_hook(lambda grad: grad * float("nan") if runner.iter == BAD else grad)


@pytest.fixture(scope="module")
def state_before(scenes, tmp_path_factory) -> dict[str, Tensor]:
    """The model's and the optimizer's as iteration BAD finds them."""
    runner = build_run(QUICKSTART, tmp_path_factory.mktemp("before"), options=pretraining_options(scenes))
    interrupted_at(runner, iteration=BAD)
    return state_of(runner)


def state_of(runner: Runner) -> dict[str, Tensor]:
    momenta = {
        f"momentum {i}": state["momentum_buffer"]
        for i, state in runner.optim_wrapper.optimizer.state_dict()["state"].items()
    }
    return {name: value.clone() for name, value in {**runner.model.state_dict(), **momenta}.items()}


def is_moved_at_the_steps_start(name: str) -> bool:
    """The teacher's parameters and its count of steps: they move before anything is computed."""
    return name.startswith("teacher.") and "running" not in name and "tracked" not in name


class Stopped(NamedTuple):
    """A run that met something that is not finite in iteration BAD, and what it said."""

    runner: Runner
    message: str
    work_dir: Path


@pytest.fixture(scope="module", params=["nan loss", "infinite loss", "nan gradient"])
def stopped(request, scenes, tmp_path_factory) -> Stopped:
    work_dir = tmp_path_factory.mktemp("stopped")
    runner = build_run(QUICKSTART, work_dir, options=pretraining_options(scenes))
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "nan gradient":
            runner.register_hook(PoisonGradient())
        else:
            value = float("nan") if request.param == "nan loss" else float("inf")
            patch.setattr(SlotLossHead, "forward", poisoned(value))
        with pytest.raises(RunStoppedError) as error:
            runner.train()
    return Stopped(runner, str(error.value), work_dir)


def test_nothing_that_is_not_finite_reaches_weights_teacher_center_or_optimizer(stopped, state_before):
    before, after = state_before, state_of(stopped.runner)
    others = [name for name in before if not torch.equal(before[name], after[name])]
    assert [name for name in others if not is_moved_at_the_steps_start(name)] == []
    assert int(after["teacher.steps"]) == BAD + 1
    assert all(value.isfinite().all() for value in after.values())


def test_the_message_names_the_quantity_the_step_and_its_images_and_the_state_is_saved(stopped):
    runner, message, work_dir = stopped
    assert f"in iteration {BAD + 1}, first in " in message
    assert "first in loss_slot" in message or "first in gradient of neck.prototypes" in message
    assert message.count(".jpg") == 4
    images = (work_dir / f"not_finite_iter_{BAD + 1}_rank_0.txt").read_text().split()
    assert len(images) == 4
    assert all(Path(path).is_file() for path in images)
    saved = torch.load(work_dir / "last_good.pth", weights_only=True)
    assert saved["meta"]["iter"] == BAD
    assert all(torch.equal(value, saved["state_dict"][name]) for name, value in runner.model.state_dict().items())


def test_it_stops_one_step_later_and_the_checkpoint_before_goes_on(stopped, undisturbed, scenes):
    assert stopped.runner.iter == BAD + 1
    assert (stopped.work_dir / "last_checkpoint").read_text().endswith("epoch_1.pth")
    train(build_run(QUICKSTART, stopped.work_dir, options=pretraining_options(scenes), resume="latest"))
    assert differences(run_state(stopped.work_dir / "epoch_4.pth"), undisturbed) == []


def test_a_finding_of_an_epochs_last_step_stops_before_its_checkpoint(scenes, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "BAD", 7)
    monkeypatch.setattr(SlotLossHead, "forward", poisoned(float("nan")))
    with pytest.raises(RunStoppedError, match="in iteration 8"):
        build_run(QUICKSTART, tmp_path, options=pretraining_options(scenes)).train()
    assert not (tmp_path / "epoch_2.pth").exists()


def two_ranks_one_bad(rank: int, scenes: str, work_dir: str) -> str:
    SlotLossHead.forward = poisoned(float("nan"), only_rank=1)
    options = pretraining_options(Path(scenes), **{"train_dataloader.batch_size": 2})
    runner = build_run(QUICKSTART, Path(work_dir), options=options, launcher="pytorch")
    try:
        runner.train()
    except RunStoppedError as error:
        finite = all(value.isfinite().all() for value in runner.model.state_dict().values())
        return f"finite: {finite}; {error}"
    return "not stopped"


def test_one_rank_that_is_not_finite_stops_both(scenes, tmp_path):
    messages = run_on_two_processes(two_ranks_one_bad, tmp_path, str(scenes), str(tmp_path / "w"))
    for rank, message in enumerate(messages):
        assert message.startswith(
            "finite: True; expected finite numbers, got infinite or NaN values in iteration "
            f"{BAD + 1}, first in loss_slot"
        )
        assert f"On rank {rank} the step saw these images" in message


@pytest.mark.parametrize("kind", ["AdamW", "SGD"])
def test_torchs_optimizers_are_kept_from_what_is_not_finite_too(scenes, tmp_path, kind):
    given = {"optim_wrapper.optimizer.type": kind, "optim_wrapper.optimizer.lr": 1e-3}
    runner = build_run(QUICKSTART, tmp_path, options=pretraining_options(scenes, **given))
    runner.register_hook(PoisonGradient())
    with pytest.raises(RunStoppedError, match=rf"iteration {BAD + 1}, first in .*prototypes"):
        train(runner)
    assert type(runner.optim_wrapper.optimizer).__name__ == kind
    assert all(value.isfinite().all() for value in runner.model.state_dict().values())


def test_fine_tuning_stops_before_a_weight_moves(tmp_path, monkeypatch):
    import layouts
    from test_resume import segmentation

    monkeypatch.chdir(tmp_path)
    layouts.write_voc(tmp_path / "data/VOCdevkit", count=5)
    runner = segmentation(tmp_path, "w")
    weight = next(runner.model.decode_head.parameters())
    weight.register_hook(lambda grad: grad * float("inf"))
    with pytest.raises(RunStoppedError, match=r"iteration 1, first in decode_head.*JPEGImages/00000"):
        runner.train()
    assert all(value.isfinite().all() for value in runner.model.parameters())
    assert not runner.optim_wrapper.optimizer.state  # SGD has not begun its first step


@pytest.mark.parametrize("overflows", [True, False])
def test_an_overflow_of_mixed_precision_changes_no_parameter_and_no_momentum(overflows):
    """A GradScaler on the CPU, which looks for infinities and tells LARS as one on a GPU does."""
    parameters = [torch.randn(3, 4, requires_grad=True), torch.randn(4, requires_grad=True)]
    optimizer = LARS(parameters, lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    scaler.scale(torch.zeros(()))  # makes its tensors
    for step in range(2):
        for parameter in parameters:
            parameter.grad = torch.full_like(parameter, 8.0)
        if overflows and step == 1:
            parameters[1].grad[2] = float("inf")
        before = [p.detach().clone() for p in parameters] + [
            optimizer.state[p]["momentum_buffer"].clone() for p in parameters if optimizer.state[p]
        ]
        scaler.step(optimizer)
        scaler.update()
    after = [p.detach() for p in parameters] + [optimizer.state[p]["momentum_buffer"] for p in parameters]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True)) == overflows
    assert scaler.get_scale() == (2.0 if overflows else 4.0)
    # without a scaler, gradients of 2 = 8 / 4 give the same
    assert not hasattr(optimizer, "found_inf")


# Logs and workers ---------------------------------------------------------------------------------------------------


@VISBACKENDS.register_module()
class FullDiskBackend(LocalVisBackend):
    def add_scalars(self, *args: Any, **kwargs: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    add_image = add_scalars


def test_a_log_that_cannot_be_written_does_not_end_a_run(scenes, tmp_path):
    options = pretraining_options(scenes, epochs=2, **{"visualizer.vis_backends.0.type": "FullDiskBackend"})
    runner = train(build_run(QUICKSTART, tmp_path, options=options))
    assert runner.iter == 8
    assert log_of(tmp_path).count("FullDiskBackend failed (OSError: [Errno 28] No space left on device)") == 1
    assert runner.visualizer.get_backend("FullDiskBackend") is not None


def test_a_drawing_that_fails_does_not_end_a_run(scenes, tmp_path, monkeypatch):
    from slotcon_mm.engine.hooks import group_visualization_hook

    def fail(*args: Any) -> np.ndarray:
        raise MemoryError("too large")

    monkeypatch.setattr(group_visualization_hook, "overlay_groups", fail)
    runner = train(build_run(QUICKSTART, tmp_path, options=pretraining_options(scenes, epochs=2)))
    assert runner.iter == 8
    assert runner.model.training
    assert "the groups could not be drawn (MemoryError: too large); training goes on" in log_of(tmp_path)


def test_an_image_that_cannot_be_drawn_is_left_out(scenes, tmp_path):
    folder = tmp_path / "drawn"
    folder.mkdir()
    Image.new("RGB", (40, 30)).save(folder / "a.png")
    (folder / "b.png").write_bytes(b"")
    hook = {"custom_hooks": [dict(type="slotcon_mm.TeacherStepsHook"), dict(type="slotcon_mm.SampleSeedHook"),
                             dict(type="slotcon_mm.GroupVisualizationHook", images=str(folder))]}  # fmt: skip
    train(build_run(QUICKSTART, tmp_path / "w", options=pretraining_options(scenes, epochs=2, **hook)))
    assert "not drawn: expected a readable image" in log_of(tmp_path / "w")


class KillWorker(Hook):
    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        import multiprocessing

        os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)


def test_a_killed_worker_ends_the_run_with_a_message(scenes, tmp_path):
    runner = build_run(QUICKSTART, tmp_path, options=pretraining_options(scenes, **{"train_dataloader.num_workers": 1}))
    runner.register_hook(KillWorker())
    with pytest.raises(
        RunStoppedError,
        match=r"got: DataLoader worker.*(is killed by signal: Killed|exited unexpectedly).*with --resume",
    ):
        train(runner)


def test_loaders_and_processes_do_not_wait_for_ever(scenes, tmp_path):
    runner = build_run(QUICKSTART, tmp_path, options=pretraining_options(scenes, **{"train_dataloader.num_workers": 1}))
    assert runner.train_dataloader.timeout == 600
    assert runner.cfg.env_cfg.dist_cfg.timeout == 900
