"""A pretraining's validation: what its features are worth by now, on a few images with labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.runner import BaseLoop, Runner
from torch import nn

from slotcon_mm.checkpoints.plain_config import read_plain_config
from slotcon_mm.engine.model_of import model_of
from slotcon_mm.evaluation.frozen.evaluate import Choices, evaluate_network
from slotcon_mm.evaluation.frozen.grids import Reading
from slotcon_mm.evaluation.frozen.measures import MEASURES
from slotcon_mm.evaluation.frozen.parts import build_parts
from slotcon_mm.evaluation.frozen.scorers import Score
from slotcon_mm.evaluation.frozen.weights import network_of_model
from slotcon_mm.registry import LOOPS
from slotcon_mm.visualization.curves import Curves, append_curves, write_curves

__all__ = ["FrozenFeatureLoop", "evaluation_mode"]


@LOOPS.register_module()
class FrozenFeatureLoop(BaseLoop):
    """Dense k-NN and a linear probe of the teacher's backbone, in place of MMEngine's ValLoop.

    It computes what ``tools/evaluate.py`` does with the same data and options, draws no random number of the run's, and
    leaves the model as it was. Scores are logged as ``val/knn_mIoU`` and so on, in %, noted in ``evaluation.csv`` of
    the work dir and drawn in ``evaluation.png``. All processes share the images.

    Args:
        runner: The run's.
        dataloader: Its dataset is the held-out part; its batch size and its workers are those of both parts.
        train: The dataset of images to learn from.
        evaluator: None: ``val_evaluator=[]`` in a config, since MMEngine asks for one.
        measures: Names of ``MEASURES``.
        seed: Of the measures.
        size: Pixels of images' shorter side in the network; None: the scale at which views show them.
        most_images: Of each part, spread over it.
        pixels: Labeled pixels to learn from.

    Attributes:
        scores: Of the latest run, by measure.
    """

    scores: dict[str, list[Score]]

    def __init__(
        self, runner: Runner, dataloader: Any, train: Mapping[str, Any], evaluator: Any = None,
        measures: Sequence[str] = ("knn", "probe"), seed: int = 0, size: int | None = None,
        most_images: int | None = 500, pixels: int = Choices().pixels,
    ) -> None:  # fmt: skip
        super().__init__(runner, dataloader)
        if evaluator:
            raise ValueError(f"expected val_evaluator=[] with FrozenFeatureLoop, which scores itself, got {evaluator}")
        held_out = self.dataloader.dataset
        self.parts = build_parts(train, held_out, most_images)
        given = self.dataloader
        reading = Reading(
            size, given.batch_size, given.num_workers, start_worker=given.worker_init_fn, timeout=given.timeout
        )
        self.is_new = not runner.cfg.get("resume")
        self.choices = Choices(tuple(measures), (seed,), pixels, reading=reading)

    def run(self) -> dict[str, float]:
        runner = self.runner
        for name in ("before_val", "before_val_epoch"):
            runner.call_hook(name)
        model = model_of(runner)
        with evaluation_mode(model):
            network = network_of_model(model, read_plain_config(runner.cfg.pretty_text))
            self.scores = scores = evaluate_network(network, self.parts, self.choices)
        metrics = {f"{name}_mIoU": 100 * found[0].value for name, found in scores.items()}
        if is_main_process():
            self.draw({MEASURES[name].title: 100 * found[0].value for name, found in scores.items()})
        runner.call_hook("after_val_epoch", metrics=metrics)
        runner.call_hook("after_val")
        return metrics

    def draw(self, scores: Mapping[str, float]) -> None:
        """Adds the scores to the run's curves; a disk or a table that refuses is said, and training goes on."""
        folder = Path(self.runner.work_dir)
        try:
            # what lies there when a run begins is an earlier one's
            curves: Curves = append_curves(folder / "evaluation.csv", self.runner.epoch, scores, anew=self.is_new)
            self.is_new = False
            write_curves(folder / "evaluation.png", curves, across="epoch")
        except (OSError, ValueError) as error:
            self.runner.logger.warning(f"the scores' curves could not be written ({error}); training goes on")


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """In this block; afterwards each part is in the mode that it was in."""
    modes = {part: part.training for part in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for part, was_training in modes.items():
            part.training = was_training
