"""What the pretraining is worth downstream: the same fine-tuning from random weights and from the teacher's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from mmengine.config import Config
from torch import Tensor

from slotcon_mm.checkpoints.backbone import backbone_of
from slotcon_mm.checkpoints.safe_loading import load_from_safe_local
from slotcon_mm.datasets.labeled_images import LabeledImages
from slotcon_mm.evaluation.supervised_fcn import supervised_fcn
from slotcon_mm.evaluation.transfer_table import spread
from slotcon_mm.launch.fine_tuning import has_detection, mask_rcnn
from slotcon_mm.launch.pretrained import SCRATCH

__all__ = ["Comparison", "compare_transfer"]

NUM_LABELED = 200
FCN_STEPS = 300
SEEDS = (0, 1, 2)


class Comparison(NamedTuple):
    """One measure of one benchmark, in %, a value a seed."""

    benchmark: str
    random: list[float]
    pretrained: list[float]

    def cells(self) -> list[str]:
        """Benchmark, random, pretrained, and the mean difference of the same seeds, for a table."""
        gains = [after - before for before, after in zip(self.random, self.pretrained, strict=True)]
        return [self.benchmark, spread(self.random), spread(self.pretrained), f"{mean(gains):+.1f}"]


def compare_transfer(
    pretraining: Config, checkpoint: Path, data_root: Path, train: LabeledImages, held_out: LabeledImages,
    num_classes: int, work_dir: Path, seeds: Sequence[int] = SEEDS,
) -> list[Comparison]:  # fmt: skip
    """Fine-tunes an FCN, and a Mask R-CNN where mmdet and mmcv's operators are there, on a few labeled scenes.

    Args:
        pretraining: Its config.
        checkpoint: Its result.
        data_root: The scenes, in COCO's layout.
        train: Labeled scenes; the first ``NUM_LABELED`` are used, by the Mask R-CNN likewise.
        held_out: Labeled scenes to score on.
        num_classes: Of the label maps.
        work_dir: For the Mask R-CNNs.
        seeds: Each trains from random and from pretrained weights.
    """
    weights = backbone_of(load_from_safe_local(str(checkpoint), "cpu")).tensors
    few = LabeledImages(train.images[:NUM_LABELED], None if train.labels is None else train.labels[:NUM_LABELED])

    def fcn(start: Mapping[str, Tensor] | None, seed: int) -> float:
        print(f"FCN from {'random' if start is None else 'pretrained'} weights, seed {seed}", flush=True)
        backbone, channels = pretraining.model.backbone, pretraining.model.neck.in_channels
        scores = supervised_fcn(
            backbone, channels, few, held_out, num_classes, steps=FCN_STEPS, seed=seed, weights=start
        )
        return 100 * scores.mean_iou

    table = [Comparison("FCN, mIoU", [fcn(None, s) for s in seeds], [fcn(weights, s) for s in seeds])]
    if has_detection():
        random = [mask_rcnn(SCRATCH, data_root, work_dir, seed, NUM_LABELED) for seed in seeds]
        pretrained = [mask_rcnn(str(checkpoint), data_root, work_dir, seed, NUM_LABELED) for seed in seeds]
        for name, part in (("box", 0), ("mask", 1)):
            values = [[score[part] for score in scores] for scores in (random, pretrained)]
            table.append(Comparison(f"Mask R-CNN, {name} AP50", *values))
    return table
