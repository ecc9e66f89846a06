"""What quickstart needs of a run besides its result: progress, every step's losses, the untrained groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from tqdm import tqdm

from slotcon_mm.visualization.curves import Curves

__all__ = ["ProgressHook"]

LOSS = "loss_"  # what the name of each of a method's losses begins with
PERPLEXITY = "prototype_perplexity"


class ProgressHook(Hook):
    """A progress bar with the time left; the scalars of every step are collected, and a score every few epochs.

    Args:
        before: Called with the initialized model before the first step.
        score: The model's, before the first step, at each third of the epochs and at the end; None: there is none.
    """

    priority = "LOW"

    def __init__(self, before: Callable[[Any], None], score: Callable[[Any], float] | None = None) -> None:
        self.before, self.score = before, score
        self.scores: dict[int, float] = {}
        self.values: dict[str, list[float]] = {}

    def before_train(self, runner: Runner) -> None:
        self.before(runner.model)
        self.note_score(runner)
        self.bar = tqdm(total=runner.max_iters, desc="pretraining", unit="step", dynamic_ncols=True)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        found = outputs or {}
        for name in [*(name for name in found if name.startswith(LOSS)), PERPLEXITY]:
            self.values.setdefault(name, []).append(float(found[name].detach()))
        self.bar.set_postfix_str(f"loss {float(found['loss'].detach()):.2f}", refresh=False)
        self.bar.update()

    def after_train_epoch(self, runner: Runner) -> None:
        done = runner.epoch + 1
        if done % max(1, runner.max_epochs // 3) == 0 or done == runner.max_epochs:
            self.note_score(runner)

    def note_score(self, runner: Runner) -> None:
        if self.score is not None:
            self.scores[runner.iter] = self.score(runner.model)

    def after_train(self, runner: Runner) -> None:
        self.bar.close()

    def curves(self) -> Curves:
        """Of every step; and of the score, over the steps before it."""
        found: dict[str, tuple[Sequence[float], Sequence[float]]] = {
            name: (range(1, len(values) + 1), values) for name, values in self.values.items()
        }
        if self.scores:
            found["dense k-NN, mIoU in %"] = [*self.scores], [*self.scores.values()]
        return found
