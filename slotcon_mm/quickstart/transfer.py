"""What the pretraining is worth downstream: the same fine-tuning from random weights and from the teacher's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

from mmengine.config import Config
from torch import Tensor

from slotcon_mm.checkpoints.safe_loading import load_from_safe_local
from slotcon_mm.launch.training import build_runner, check_start
from slotcon_mm.launch.pretrained import SCRATCH, use_pretrained
from slotcon_mm.quickstart.baselines import supervised_fcn
from slotcon_mm.datasets.labeled_images import LabelledPictures
from slotcon_mm.checkpoints.backbone import backbone_of

__all__ = ["Comparison", "compare_transfer", "has_detection", "has_instances"]

MASK_RCNN = Path(__file__).parents[1] / ".mim/configs/detection/mask-rcnn_r18_fpn_quickstart.py"
NUM_LABELLED = 200
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


def spread(values: Sequence[float]) -> str:
    return f"{mean(values):.1f} ± {stdev(values):.1f}" if len(values) > 1 else f"{values[0]:.1f}"


def has_detection() -> bool:
    """Whether mmdet and mmcv's compiled operators are there."""
    return find_spec("mmdet") is not None and find_spec("mmcv") is not None and find_spec("mmcv._ext") is not None


def compare_transfer(
    pretraining: Config, checkpoint: Path, data_root: Path, train: LabelledPictures, held_out: LabelledPictures,
    num_classes: int, work_dir: Path, seeds: Sequence[int] = SEEDS,
) -> list[Comparison]:  # fmt: skip
    """Fine-tunes an FCN, and a Mask R-CNN where mmdet and mmcv's operators are there, on a few labelled scenes.

    Args:
        pretraining: Its config.
        checkpoint: Its result.
        data_root: The scenes, in COCO's layout.
        train: Labelled scenes; the first ``NUM_LABELLED`` are used, by the Mask R-CNN likewise.
        held_out: Labelled scenes to score on.
        num_classes: Of the label maps.
        work_dir: For the Mask R-CNNs.
        seeds: Each trains from random and from pretrained weights.
    """
    weights = backbone_of(load_from_safe_local(str(checkpoint), "cpu")).tensors
    few = LabelledPictures(train.images[:NUM_LABELLED], None if train.labels is None else train.labels[:NUM_LABELLED])

    def fcn(start: Mapping[str, Tensor] | None, seed: int) -> float:
        print(f"FCN from {'random' if start is None else 'pretrained'} weights, seed {seed}", flush=True)
        backbone, channels = pretraining.model.backbone, pretraining.model.neck.in_channels
        scores = supervised_fcn(
            backbone, channels, few, held_out, num_classes, steps=FCN_STEPS, seed=seed, weights=start
        )
        return 100 * scores.mean_iou

    table = [Comparison("FCN, mIoU", [fcn(None, s) for s in seeds], [fcn(weights, s) for s in seeds])]
    if has_detection():
        random = [mask_rcnn(SCRATCH, data_root, work_dir, seed) for seed in seeds]
        pretrained = [mask_rcnn(str(checkpoint), data_root, work_dir, seed) for seed in seeds]
        for name, part in (("box", 0), ("mask", 1)):
            values = [[score[part] for score in scores] for scores in (random, pretrained)]
            table.append(Comparison(f"Mask R-CNN, {name} AP50", *values))
    return table


def has_instances(data_root: Path) -> bool:
    """Whether a folder in COCO's layout has boxes and masks of both splits."""
    return all(instances_file(data_root, split).is_file() for split in ("train2017", "val2017"))


def instances_file(data_root: Path, split: str) -> Path:
    return data_root / f"annotations/instances_{split}.json"


def mask_rcnn(pretrained: str, data_root: Path, work_dir: Path, seed: int) -> tuple[float, float]:
    """Box and mask AP at IoU 0.5, in %; classes are those of the folder's annotations."""
    print(f"Mask R-CNN from {pretrained}, seed {seed}", flush=True)
    config = Config.fromfile(MASK_RCNN)
    annotations = instances_file(data_root, "val2017")
    classes = tuple(category["name"] for category in json.loads(annotations.read_text())["categories"])
    for head in (config.model.roi_head.bbox_head, config.model.roi_head.mask_head):
        head.num_classes = len(classes)
    config.launcher, config.log_level, config.randomness = "none", "WARNING", dict(seed=seed)
    config.work_dir = str(work_dir / "mask-rcnn" / f"{'random' if pretrained == SCRATCH else 'pretrained'}-{seed}")
    for loader in (config.train_dataloader, config.val_dataloader, config.test_dataloader):
        loader.dataset.update(data_root=str(data_root), metainfo=dict(classes=classes))
    config.val_evaluator.ann_file = config.test_evaluator.ann_file = str(annotations)
    config.train_dataloader.dataset.indices = NUM_LABELLED
    _, filling = use_pretrained(config, pretrained, None)
    runner = build_runner(config, [])
    check_start(runner, filling)
    runner.train()
    scores = runner.message_hub.log_scalars
    names = [f"val/coco/{part}_mAP_50" for part in ("bbox", "segm")]
    # mmdet reports no AP where nothing at all was detected
    box, mask = (100 * scores[name].current() if name in scores else 0.0 for name in names)
    return box, mask
