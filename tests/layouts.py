"""Tiny datasets in the layouts that OpenMMLab's guides ask for: noise with a rectangle in it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from mmdet.datasets import CocoDataset

CATEGORIES = CocoDataset.METAINFO["classes"]
WIDTH, HEIGHT = 96, 64
BOX = (20, 12, 76, 52)  # of the rectangle, xyxy

__all__ = ["write_ade20k", "write_cityscapes", "write_coco", "write_coco_stuff", "write_voc"]


def write_coco(root: Path, count: int = 4) -> None:
    """data/coco: train2017, val2017, annotations/instances_*.json with polygons."""
    x0, y0, x1, y1 = BOX
    categories = [dict(id=number, name=name) for number, name in enumerate(CATEGORIES, start=1)]
    for split in ("train2017", "val2017"):
        images, annotations = [], []
        for number in range(1, (count if split == "train2017" else 1) + 1):
            write_image(root / split / f"{number:012d}.jpg", number)
            images.append(dict(id=number, file_name=f"{number:012d}.jpg", width=WIDTH, height=HEIGHT))
            annotations.append(
                dict(
                    id=number,
                    image_id=number,
                    category_id=CATEGORIES.index("dog") + 1,
                    bbox=[x0, y0, x1 - x0, y1 - y0],
                    area=(x1 - x0) * (y1 - y0),
                    segmentation=[[x0, y0, x1, y0, x1, y1, x0, y1]],
                    iscrowd=0,
                )
            )
        content = dict(images=images, annotations=annotations, categories=categories)
        (root / "annotations").mkdir(exist_ok=True)
        (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(content))


def write_coco_stuff(root: Path, count: int = 5) -> None:
    """data/coco: images and stuffthingmaps of COCO-Stuff's ids, sky (156) around a person (0)."""
    for split in ("train2017", "val2017"):
        for number in range(1, count + 1):
            write_image(root / split / f"{number:012d}.jpg", number)
            write_labels(root / "stuffthingmaps" / split / f"{number:012d}.png", background=156, thing=0)


def write_voc(root: Path, count: int = 4) -> None:
    """data/VOCdevkit: VOC2007 and VOC2012 with boxes, label maps and the augmented label maps."""
    for year, sets in {"VOC2007": ("trainval", "test"), "VOC2012": ("trainval",)}.items():
        names = [f"{number:06d}" for number in range(1, count + 1)]
        for number, name in enumerate(names):
            write_image(root / year / "JPEGImages" / f"{name}.jpg", number)
            for folder in ("SegmentationClass", "SegmentationClassAug"):
                write_labels(root / year / folder / f"{name}.png", background=0, thing=12)
            write_xml(root / year / "Annotations" / f"{name}.xml")
        for purpose, lists in {"Main": sets, "Segmentation": ("train", "aug", "val")}.items():
            folder = root / year / "ImageSets" / purpose
            folder.mkdir(parents=True)
            for split in lists:
                (folder / f"{split}.txt").write_text("\n".join(names) + "\n")


def write_cityscapes(root: Path, count: int = 4) -> None:
    """data/cityscapes: leftImg8bit and gtFine with labelTrainIds and labelIds."""
    for split in ("train", "val"):
        for number in range(count):
            name = f"town_{number:06d}_000019"
            write_image(root / "leftImg8bit" / split / "town" / f"{name}_leftImg8bit.png", number)
            write_labels(root / "gtFine" / split / "town" / f"{name}_gtFine_labelTrainIds.png", background=0, thing=13)
            write_labels(root / "gtFine" / split / "town" / f"{name}_gtFine_labelIds.png", background=7, thing=26)


def write_ade20k(root: Path, count: int = 4) -> None:
    """data/ade/ADEChallengeData2016: images and annotations, 0 unlabeled."""
    for split in ("training", "validation"):
        for number in range(count):
            write_image(root / "images" / split / f"ADE_{number:08d}.jpg", number)
            write_labels(root / "annotations" / split / f"ADE_{number:08d}.png", background=1, thing=13)


def write_image(path: Path, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 90, (HEIGHT, WIDTH, 3), np.uint8)
    x0, y0, x1, y1 = BOX
    image[y0:y1, x0:x1] += 120
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)


def write_labels(path: Path, *, background: int, thing: int) -> None:
    labels = np.full((HEIGHT, WIDTH), background, np.uint8)
    x0, y0, x1, y1 = BOX
    labels[y0:y1, x0:x1] = thing
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), labels)


def write_xml(path: Path) -> None:
    x0, y0, x1, y1 = BOX
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"<annotation><size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size><object><name>dog</name>"
        f"<difficult>0</difficult><bndbox><xmin>{x0 + 1}</xmin><ymin>{y0 + 1}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax>"
        "</bndbox></object></annotation>"
    )
