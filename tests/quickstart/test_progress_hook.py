"""What quickstart keeps of a run."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from slotcon_mm.quickstart.progress_hook import ProgressHook

SCALARS = ["loss_cross_view", "loss_slot", "prototype_perplexity"]


def test_it_calls_back_before_the_first_step_and_keeps_every_steps_scalars():
    seen = []
    hook = ProgressHook(seen.append)
    runner = SimpleNamespace(model="model", max_iters=2)
    hook.before_train(runner)
    for step in range(2):
        hook.after_train_iter(
            runner, step, outputs=dict.fromkeys([*SCALARS, "loss", "center_norm"], torch.tensor(float(step)))
        )
    hook.after_train(runner)
    assert seen == ["model"]
    assert [*hook.curves()] == SCALARS
    assert all((list(places), values) == ([1, 2], [0.0, 1.0]) for places, values in hook.curves().values())
