"""What the features are worth: dense k-NN while they are learned, and a table beside random weights at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from slotcon_mm.datasets.label_sets import label_set_of
from slotcon_mm.datasets.labeled_images import LabeledImages
from slotcon_mm.engine.loops.frozen_feature_loop import evaluation_mode
from slotcon_mm.evaluation.frozen.evaluate import Choices, evaluate_network
from slotcon_mm.evaluation.frozen.grids import Reading
from slotcon_mm.evaluation.frozen.parts import LabeledParts
from slotcon_mm.evaluation.frozen.table import Row
from slotcon_mm.evaluation.frozen.weights import network_of_model

__all__ = ["Features"]

NUM_LABELED, NUM_WATCHED = 200, 100  # labeled images to learn from, and held-out ones while training
WATCHED, MEASURES = ("knn",), ("knn", "probe", "kmeans")


class Features:
    """Measures of a run's model, by evaluate.py's code.

    Args:
        config: Of the run, as plain values.
        train: Labeled images to learn from; the first 200 are used.
        held_out: Labeled images to be scored on.
        classes: Their names.
        seed: Of the measures.
        side: Pixels of an image's shorter side in the network.
    """

    def __init__(
        self, config: Mapping[str, Any], train: LabeledImages, held_out: LabeledImages, classes: tuple[str, ...],
        seed: int, side: int,
    ) -> None:  # fmt: skip
        self.config, self.seed, self.side = config, seed, side
        label_set = label_set_of(dict(classes=classes))
        self.parts = LabeledParts(train.samples()[:NUM_LABELED], held_out.samples(), label_set)

    def watch(self, model: Any) -> float:
        """Dense k-NN's mIoU, in %, on some of the held-out images."""
        few = np.linspace(0, len(self.parts.held_out) - 1, min(NUM_WATCHED, len(self.parts.held_out))).astype(int)
        parts = self.parts._replace(held_out=[self.parts.held_out[i] for i in few])
        with evaluation_mode(model):
            scores = evaluate_network(network_of_model(model, self.config), parts, self.choices(WATCHED))
        return 100 * scores["knn"][0].value

    def table(self, model: Any) -> list[Row]:
        """Of the model, and of random weights of the same backbone."""
        with evaluation_mode(model):
            network = network_of_model(model, self.config)
            return [
                Row(name, self.side, evaluate_network(chosen, self.parts, self.choices(MEASURES)))
                for name, chosen in (
                    ("after pretraining", network),
                    ("random weights", network.with_random_weights(self.seed)),
                )
            ]

    def choices(self, measures: tuple[str, ...]) -> Choices:
        return Choices(measures, (self.seed,), reading=Reading(self.side))
