"""Scalars that gather on the device."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import LoggerHook, RuntimeInfoHook
from runs import build_run, interrupted_at, pretraining_options
from torch.utils._python_dispatch import TorchDispatchMode

from slotcon_mm.engine.hooks.device_scalars_hook import DeviceScalarsHook


def history(hub: list[tuple[str, float]]) -> dict[str, list[float]]:
    return {name: [value for key, value in hub if key == name] for name, _ in hub}


def a_runner(*hooks, steps: int = 100) -> SimpleNamespace:
    said: list[tuple[str, float]] = []
    hub = SimpleNamespace(
        said=said,
        update_scalar=lambda name, value: said.append((name, value.item() if hasattr(value, "item") else value)),
        update_info=lambda *_: None,
    )
    return SimpleNamespace(message_hub=hub, hooks=list(hooks), train_dataloader=range(steps))


class Reads(TorchDispatchMode):
    """Counts the values that the host reads from tensors."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


def outputs_of(step: int) -> dict[str, torch.Tensor | float]:
    return dict(
        loss=torch.tensor(0.1 + step), momentum=torch.tensor(0.99 + step, dtype=torch.float64), plain=float(step)
    )


@pytest.mark.parametrize("steps", [1, 3, 5, 7])
def test_the_hub_gets_the_values_that_mmengines_hook_gives_it(steps):
    found = []
    for hook_type in (RuntimeInfoHook, DeviceScalarsHook):
        hook, runner = hook_type(), a_runner(LoggerHook(interval=3), steps=steps)
        if hook_type is DeviceScalarsHook:
            hook.intervals = [3]
        for step in range(steps):
            hook.after_train_iter(runner, step, None, outputs_of(step))
        found.append(history(runner.message_hub.said))
    assert found[0] == found[1]


def test_nothing_is_read_between_two_log_lines():
    hook, runner = DeviceScalarsHook(), a_runner()
    hook.intervals = [5]
    with Reads() as reads:
        for step in range(4):
            hook.after_train_iter(runner, step, None, outputs_of(step))
        assert reads.count == 0
    assert {name for name, _ in runner.message_hub.said} == {"train/plain"}
    hook.after_train_iter(runner, 4, None, outputs_of(4))
    assert len(history(runner.message_hub.said)["train/loss"]) == 5


def test_other_names_in_a_step_do_not_mix_with_those_before():
    hook, runner = DeviceScalarsHook(), a_runner()
    hook.intervals = []
    hook.after_train_iter(runner, 0, None, dict(a=torch.tensor(1.0)))
    hook.after_train_iter(runner, 1, None, dict(b=torch.tensor(2.0)))
    hook.after_train_iter(runner, 2, None, None)
    assert history(runner.message_hub.said) == {"train/a": [1.0], "train/b": [2.0]}


def test_a_checkpoint_has_the_values_up_to_its_own_step(scenes, tmp_path):
    options = pretraining_options(scenes, epochs=2, **{"default_hooks.logger.interval": 1000})
    runner = build_run("slotcon_r18_quickstart.py", tmp_path, options=options)
    interrupted_at(runner, iteration=2)
    (hook,) = (hook for hook in runner.hooks if isinstance(hook, DeviceScalarsHook))
    assert len(hook.pending) == 2
    with pytest.raises(KeyError):
        runner.message_hub.get_scalar("train/loss_slot")
    runner.save_checkpoint(str(tmp_path), "now.pth")
    windows = torch.load(tmp_path / "now.pth", weights_only=True)["message_hub"]["log_windows"]
    assert all(len(windows[f"train/{name}"][0]) == 2 for name in ("loss_slot", "slots_per_view"))
