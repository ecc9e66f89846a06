"""A training that starts from good weights ends where it makes them worse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from slotcon_mm.atomic_files import write_atomically
from slotcon_mm.checks import expect_positive
from slotcon_mm.engine.loops.frozen_feature_loop import FrozenFeatureLoop
from slotcon_mm.evaluation.frozen.measures import MEASURES
from slotcon_mm.evaluation.frozen.paired import Difference, paired_difference
from slotcon_mm.evaluation.frozen.scorers import ImageCounts, Score
from slotcon_mm.registry import HOOKS

__all__ = ["GUARD_FILE", "Guard", "StartGuardHook", "read_guard"]

GUARD_FILE = "guard.json"


class Guard(NamedTuple):
    """The start's ``score`` by a ``measure``, and the ``differences`` from it after each validation since."""

    measure: str
    start: Score
    errors: float
    differences: list[dict[str, float]]

    @property
    def fell(self) -> bool:
        """Whether the latest validation was below the start."""
        return bool(self.differences) and as_difference(self.differences[-1]).is_below(self.errors)

    @property
    def best(self) -> dict[str, float] | None:
        """The validation that lies highest above the start, by more than two standard errors; None if none does."""
        best = max(self.differences, key=lambda found: found["difference"], default=None)
        return best if best is not None and as_difference(best).is_above(2) else None


def as_difference(noted: dict[str, float]) -> Difference:
    return Difference(noted["difference"], noted["error"])


@HOOKS.register_module()
class StartGuardHook(Hook):
    """Measures the weights before the first step, and ends the training once it has fallen below them.

    It needs the validation of ``--evaluate-every``. Below means: by more than ``errors`` standard errors of the
    difference, a paired bootstrap over held-out images. ``guard.json`` in the work dir holds the start's score and
    every difference since, so that a resumed run is compared with the same start.

    Args:
        measure: Of the validation's, one that is an mIoU of votes: ``knn`` or ``probe``.
        errors: 3: a validation that is no worse than the start ends the run once in 700 times.
    """

    priority = "LOWEST"  # behind what sets up checkpoints, since the best so far may be the start

    def __init__(self, measure: str = "knn", errors: float = 3.0) -> None:
        expect_positive(errors=errors)
        self.measure, self.errors = measure, errors
        self.start: Score | None = None
        self.differences: list[dict[str, float]] = []

    def before_train(self, runner: Runner) -> None:
        loop = runner.val_loop
        if not isinstance(loop, FrozenFeatureLoop) or self.measure not in loop.choices.measures:
            raise ValueError(
                f"expected a validation by {self.measure} with StartGuardHook, got none: pass --evaluate-every N with "
                "--labels and --classes"
            )
        if runner.iter > 0:
            guard = read_guard(Path(runner.work_dir))
            self.start, self.differences = guard.start, guard.differences
        else:
            loop.run()

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        loop: Any = runner.val_loop
        score = loop.scores[self.measure][0]
        if self.start is None:
            self.start = score
            self.note(runner)
            return
        found = paired_difference(self.start, score)
        # a resumed run may validate again what it has validated before
        before = [noted for noted in self.differences if noted["epoch"] < runner.epoch]
        self.differences = [*before, dict(epoch=runner.epoch, difference=found.value, error=found.error)]
        self.note(runner)
        if found.is_below(self.errors):
            runner.train_loop.stop_training = True
            runner.logger.warning(self.describe(found, runner.epoch))

    def describe(self, found: Difference, epoch: int) -> str:
        return (
            f"{MEASURES[self.measure].title} has fallen below the start's by {-100 * found.value:.1f} points of mIoU, "
            f"more than {self.errors:g} standard errors of {100 * found.error:.1f}, after epoch {epoch}: training "
            "stops here. The weights that it started from are better than these; lower the learning rate to try again"
        )

    def note(self, runner: Runner) -> None:
        if not is_main_process() or self.start is None or self.start.images is None:
            return
        found = dict(
            measure=self.measure,
            errors=self.errors,
            start=dict(value=self.start.value, hits=self.start.images.hits, unions=self.start.images.unions),
            differences=self.differences,
        )
        write_atomically(str(Path(runner.work_dir) / GUARD_FILE), json.dumps(found).encode())


def read_guard(work_dir: Path) -> Guard:
    """What a run's guard has noted; FileNotFoundError where it had none."""
    file = work_dir / GUARD_FILE
    if not file.is_file():
        raise FileNotFoundError(
            f"expected the score of the start in {file}, got none: the run that is resumed had no StartGuardHook"
        )
    found = json.loads(file.read_text())
    hits, unions = (tuple(map(tuple, found["start"][name])) for name in ("hits", "unions"))
    start = Score(found["start"]["value"], images=ImageCounts(hits, unions))
    return Guard(found["measure"], start, found["errors"], found["differences"])
