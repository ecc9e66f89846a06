"""What checkpoints hold, and which are kept."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmengine.hooks import CheckpointHook
from mmengine.logging import HistoryBuffer, MessageHub

from slotcon_mm.checks import RunStoppedError
from slotcon_mm.engine.hooks import checkpoint_hook
from slotcon_mm.engine.hooks.checkpoint_hook import PlainCheckpointHook


@pytest.fixture
def runner(monkeypatch, tmp_path) -> Any:
    monkeypatch.setattr(checkpoint_hook, "facts_of", lambda runner: dict(images=3))
    hub = MessageHub.get_instance(str(tmp_path))
    return SimpleNamespace(
        log_processor=SimpleNamespace(window_size=50, custom_cfg=[]),
        work_dir=str(tmp_path),
        message_hub=hub,
        cfg=dict(resume=True),
        train_loop=SimpleNamespace(place=0),
    )


def test_the_message_hub_is_saved_in_the_form_that_mmengine_resumes_and_log_means_go_on(runner):
    history = HistoryBuffer()
    for value in range(70):
        history.update(value / 7)
    hub = dict(log_scalars={"train/loss": history}, runtime_info=dict(iter=3, cfg=object()), resumed_keys={})
    checkpoint = dict(message_hub=hub, meta={})
    PlainCheckpointHook(interval=1).before_save_checkpoint(runner, checkpoint)
    saved = checkpoint["message_hub"]
    assert saved["runtime_info"] == dict(iter=3)
    assert saved["log_scalars"] == {}
    assert checkpoint["meta"] == dict(run=dict(images=3))
    assert len(saved["log_windows"]["train/loss"][0]) == 50
    torch.save(checkpoint, Path(runner.work_dir) / "a.pth")

    loaded = torch.load(Path(runner.work_dir) / "a.pth", weights_only=True)
    PlainCheckpointHook(interval=1).after_load_checkpoint(runner, loaded)
    resumed = MessageHub("another run")
    resumed.load_state_dict(loaded["message_hub"])
    assert resumed.get_scalar("train/loss").mean(50) == history.mean(50)
    assert resumed.get_info("iter") == 3


def test_python_code_in_a_checkpoints_meta_is_not_run_by_mmengines_resume(runner):
    checkpoint = dict(meta=dict(config="raise SystemExit", epoch=1), message_hub={})
    PlainCheckpointHook(interval=1).after_load_checkpoint(runner, checkpoint)
    assert checkpoint["meta"] == dict(epoch=1)


@pytest.mark.parametrize(("resume", "place"), [(True, 5), (False, 0)])
def test_a_resumed_loop_learns_its_place_within_the_epoch(runner, resume, place):
    runner.cfg = dict(resume=resume)
    PlainCheckpointHook(interval=1).after_load_checkpoint(runner, dict(meta=dict(run=dict(place=5)), message_hub={}))
    assert runner.train_loop.place == place


def test_a_runner_that_only_scores_builds_no_training_loop(runner):
    """Its training images may be elsewhere; weights of other libraries have no meta."""
    del runner.train_loop
    runner.cfg = dict(resume=False)
    PlainCheckpointHook(interval=1).after_load_checkpoint(runner, dict(state_dict={}))


def test_a_negative_keep_every_is_refused():
    with pytest.raises(ValueError, match="keep_every"):
        PlainCheckpointHook(interval=1, keep_every=-1)


# MMEngine's hook, with a runner whose checkpoints are files with nothing in them ------------------------------------


@pytest.fixture
def saved(runner, monkeypatch) -> list[tuple[str, set[str]]]:
    """Names of checkpoints, each with the files that were there when it was written."""
    calls: list[tuple[str, set[str]]] = []
    folder = Path(runner.work_dir)

    def save_checkpoint(out_dir: str, filename: str, *args: Any, **kwargs: Any) -> None:
        calls.append((filename, {path.name for path in folder.glob("*.pth")}))
        (folder / filename).touch()

    runner.save_checkpoint = save_checkpoint
    runner.logger = SimpleNamespace(info=lambda text: None, warning=lambda text: None)
    runner.epoch = runner.iter = 0
    return calls


def save_epochs(runner: Any, hook: CheckpointHook, epochs: range) -> None:
    for runner.epoch in epochs:
        hook._save_checkpoint(runner)


def test_an_old_file_goes_after_the_new_one_is_there(runner, saved):
    hook = PlainCheckpointHook(interval=1, max_keep_ckpts=1)
    hook.before_train(runner)
    save_epochs(runner, hook, range(3))
    assert saved == [("epoch_1.pth", set()), ("epoch_2.pth", {"epoch_1.pth"}), ("epoch_3.pth", {"epoch_2.pth"})]
    assert {path.name for path in Path(runner.work_dir).glob("*.pth")} == {"epoch_3.pth"}
    assert (Path(runner.work_dir) / "last_checkpoint").read_text().endswith("epoch_3.pth")


def test_mmengines_own_hook_deletes_before_it_writes(runner, saved):
    """What this package's is for: should MMEngine change that, the removals afterwards can go."""
    hook = CheckpointHook(interval=1, max_keep_ckpts=1)
    hook.before_train(runner)
    save_epochs(runner, hook, range(2))
    assert saved[1] == ("epoch_2.pth", set())


def test_every_nth_file_stays(runner, saved):
    hook = PlainCheckpointHook(interval=1, max_keep_ckpts=1, keep_every=2)
    hook.before_train(runner)
    save_epochs(runner, hook, range(5))
    assert {path.name for path in Path(runner.work_dir).glob("*.pth")} == {f"epoch_{n}.pth" for n in (2, 4, 5)}


def test_a_write_that_fails_removes_nothing_and_says_what_to_do(runner, saved):
    hook = PlainCheckpointHook(interval=1, max_keep_ckpts=1)
    hook.before_train(runner)
    save_epochs(runner, hook, range(1))

    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    runner.save_checkpoint = full
    with pytest.raises(
        RunStoppedError, match=r"No space left on device. Remove the cause \(make room .*then continue with"
    ):
        save_epochs(runner, hook, range(1, 2))
    assert {path.name for path in Path(runner.work_dir).glob("*.pth")} == {"epoch_1.pth"}


def test_the_best_checkpoint_is_replaced_after_the_better_one_is_written(runner, saved):
    hook = PlainCheckpointHook(interval=1, save_best="mIoU", rule="greater")
    hook.before_train(runner)
    for runner.epoch, score in ((1, 10.0), (2, 20.0), (3, 15.0)):
        hook._save_best_checkpoint(runner, dict(mIoU=score))
    assert saved == [("best_mIoU_epoch_1.pth", set()), ("best_mIoU_epoch_2.pth", {"best_mIoU_epoch_1.pth"})]
    assert {path.name for path in Path(runner.work_dir).glob("*.pth")} == {"best_mIoU_epoch_2.pth"}


def test_the_best_checkpoint_written_again_under_its_name_stays(runner, saved):
    hook = PlainCheckpointHook(interval=1, save_best="mIoU", rule="greater")
    hook.before_train(runner)
    runner.epoch = 1
    for score in (10.0, 20.0):
        hook._save_best_checkpoint(runner, dict(mIoU=score))
    assert {path.name for path in Path(runner.work_dir).glob("*.pth")} == {"best_mIoU_epoch_1.pth"}


def test_what_a_killed_run_left_half_written_is_removed_at_the_start(runner):
    left = Path(runner.work_dir) / ".epoch_1.pth.5.part"
    left.touch()
    runner.logger = SimpleNamespace(info=lambda text: None)
    PlainCheckpointHook(interval=1).before_train(runner)
    assert not left.exists()


@pytest.mark.parametrize(
    ("given", "used"), [(None, dict(backend="atomic")), (dict(backend="local"), dict(backend="local"))]
)
def test_files_are_written_atomically_unless_the_config_names_a_back_end(given, used):
    assert PlainCheckpointHook(interval=1, backend_args=given).backend_args == used


def test_another_storage_keeps_its_own_back_end():
    assert PlainCheckpointHook(interval=1, out_dir="s3://bucket/runs").backend_args is None


def test_an_argument_that_would_be_missed_at_the_first_save_is_refused_at_once():
    with pytest.raises(ValueError, match=r"arguments of CheckpointHook, got max_keep_ckpt: correct default_hooks"):
        PlainCheckpointHook(interval=2, max_keep_ckpt=3)
    PlainCheckpointHook(interval=2, max_keep_ckpts=3, save_param_scheduler=False)
