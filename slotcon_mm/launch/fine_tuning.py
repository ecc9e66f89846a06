"""A detector fine-tuned from weights within this process, to its scores."""

from __future__ import annotations

import json
from pathlib import Path

from mmengine.config import Config

from slotcon_mm.launch.pretrained import SCRATCH, use_pretrained
from slotcon_mm.launch.runner import build_runner
from slotcon_mm.launch.start_checks import check_start
from slotcon_mm.requirements import is_installed

__all__ = ["has_detection", "has_instances", "mask_rcnn"]

MASK_RCNN = Path(__file__).parents[1] / ".mim/configs/detection/mask-rcnn_r18_fpn_quickstart.py"


def has_detection() -> bool:
    """Whether mmdet and mmcv's compiled operators are there."""
    return is_installed("mmdet", "mmcv._ext")


def has_instances(data_root: Path) -> bool:
    """Whether a folder in COCO's layout has boxes and masks of both splits."""
    return all(instances_file(data_root, split).is_file() for split in ("train2017", "val2017"))


def instances_file(data_root: Path, split: str) -> Path:
    return data_root / f"annotations/instances_{split}.json"


def mask_rcnn(pretrained: str, data_root: Path, work_dir: Path, seed: int, num_labeled: int) -> tuple[float, float]:
    """Box and mask AP at IoU 0.5, in %; classes are those of the folder's annotations."""
    print(f"Mask R-CNN from {pretrained}, seed {seed}", flush=True)
    config = Config.fromfile(MASK_RCNN)
    annotations = instances_file(data_root, "val2017")
    classes = tuple(category["name"] for category in json.loads(annotations.read_bytes())["categories"])
    for head in (config.model.roi_head.bbox_head, config.model.roi_head.mask_head):
        head.num_classes = len(classes)
    config.launcher, config.log_level, config.randomness = "none", "WARNING", dict(seed=seed)
    config.work_dir = str(work_dir / "mask-rcnn" / f"{'random' if pretrained == SCRATCH else 'pretrained'}-{seed}")
    for loader in (config.train_dataloader, config.val_dataloader, config.test_dataloader):
        loader.dataset.update(data_root=str(data_root), metainfo=dict(classes=classes))
    config.val_evaluator.ann_file = config.test_evaluator.ann_file = str(annotations)
    config.train_dataloader.dataset.indices = num_labeled
    notes, weights = use_pretrained(config, pretrained, None)
    runner = build_runner(config, notes)
    check_start(runner, weights)
    runner.train()
    scores = runner.message_hub.log_scalars
    names = [f"val/coco/{part}_mAP_50" for part in ("bbox", "segm")]
    # mmdet reports no AP where nothing at all was detected
    box, mask = (100 * scores[name].current() if name in scores else 0.0 for name in names)
    return box, mask
