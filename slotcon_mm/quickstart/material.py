"""What the tour learns from, shows and is scored on: generated scenes, or images of one's own, labeled or not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from slotcon_mm.datasets.image_lists import list_images
from slotcon_mm.datasets.image_samples import expect_known_bit_depth, spread
from slotcon_mm.datasets.label_files import BadLabelMapError
from slotcon_mm.datasets.label_map_dataset import LabelMapDataset
from slotcon_mm.datasets.label_sets import IGNORED
from slotcon_mm.datasets.label_sources import labels_are_instances
from slotcon_mm.datasets.labeled_images import LabeledImages, read_labeled, read_samples, read_unlabeled
from slotcon_mm.datasets.scenes import CLASSES, write_scenes
from slotcon_mm.datasets.splits import split_at_random
from slotcon_mm.datasets.transforms.evaluation_transforms import LoadLabels
from slotcon_mm.datasets.transforms.load_image import LoadImage
from slotcon_mm.launch.labeled_data.label_map_checks import try_labeled_samples

__all__ = ["GivenLabels", "Material", "own_images", "own_labeled_images", "scenes"]

NUM_TRAIN, NUM_HELD_OUT, NUM_SHOWN = 1000, 200, 12
HELD_OUT_SHARE = 0.3
SIZE = 256, 192  # of scenes, and of the middle of other images, which is what is scored


class GivenLabels(NamedTuple):
    """Labels of one's own images.

    Attributes:
        labels: A folder of label maps, or a JSON of instances.
        label_set: As ``LabelMapDataset`` takes it.
        image_suffix, label_suffix: As ``open_labels`` takes them.
        held_out: Folder below that of the images whose images are scored; None: some at random, by the seed.
    """

    labels: str
    label_set: str | dict[str, Any] | None
    image_suffix: str = ""
    label_suffix: str = ".png"
    held_out: str | None = None

    def sheet_options(self) -> dict[str, Any]:
        """Of ``fill_gallery``."""
        return dict(
            labels=self.labels, label_set=self.label_set, image_suffix=self.image_suffix, label_suffix=self.label_suffix
        )


class Material(NamedTuple):
    """Images, and their labels where there are some.

    Attributes:
        root: Below it are the images to learn from.
        classes: Names; none without labels.
        shown: Images that are shown, and scored where they have labels.
        read_train: Reads other labeled images, to train a supervised network for comparison; None without labels.
        sheet_folder: Images for the page of prototypes.
        sheet_options: Of ``fill_gallery``: where their labels are.
        held_out: How the scored images were chosen, for the report.
    """

    root: Path
    classes: tuple[str, ...]
    shown: LabeledImages
    read_train: Callable[[], LabeledImages] | None
    sheet_folder: Path
    sheet_options: dict[str, Any]
    held_out: str = ""


def scenes(root: Path) -> Material:
    """Generated scenes, written into ``root`` where they are not there yet."""
    if not (root / "annotations/instances_val2017.json").is_file():
        write_scenes(root, num_train=NUM_TRAIN, num_val=NUM_HELD_OUT, workers=os.cpu_count() or 1)
    return Material(
        root, tuple(CLASSES), read_labeled(root, "val2017", NUM_HELD_OUT),
        lambda: read_labeled(root, "train2017", NUM_TRAIN), root / "val2017",
        dict(labels=str(root / "stuffthingmaps/val2017"), label_set="scenes"), f"all {NUM_HELD_OUT} held-out scenes",
    )  # fmt: skip


def own_images(folder: Path, bit_depth: int | None) -> Material:
    """Images without labels."""
    return Material(folder, (), read_unlabeled(folder, NUM_SHOWN, bit_depth=bit_depth), None, folder, {})


def own_labeled_images(folder: Path, given: GivenLabels, seed: int, bit_depth: int | None) -> Material:
    """Images with labels, some of them held out to be scored.

    Raises:
        ValueError: There are no labels, or bad ones, or too few to hold some out.
    """
    expect_known_bit_depth(list_images(folder), bit_depth, "Pass --bit-depth BITS")
    is_json = labels_are_instances(given.labels)
    dataset = LabelMapDataset(
        "",
        dict(img_path=str(folder)) if is_json else dict(img_path=str(folder), seg_map_path=given.labels),
        given.label_set,
        img_suffix=given.image_suffix,
        seg_map_suffix=given.label_suffix,
        # labels are of the pixels as stored
        pipeline=[LoadImage(exif=False, bit_depth=bit_depth), LoadLabels()],
        ann_file=given.labels if is_json else "",
    )
    try_labeled_samples(dataset)
    train, held_out = split(dataset, folder, given.held_out, seed)
    shown = read_samples(dataset, spread(held_out, NUM_HELD_OUT), size=SIZE)
    expect_labeled(shown, "held out")
    how = f"below {given.held_out}" if given.held_out else f"held out at random (seed {seed})"
    return Material(
        folder, dataset.label_set.names, shown, lambda: read_train(dataset, train), folder, given.sheet_options(),
        f"{len(shown.images)} of the {len(dataset)} labeled images, {how}",
    )  # fmt: skip


def split(dataset: LabelMapDataset, folder: Path, held_out: str | None, seed: int) -> tuple[list[int], list[int]]:
    """Positions of images for training with labels, and of those to be scored."""
    places = [Path(dataset.get_data_info(i)["img_path"]).relative_to(folder) for i in range(len(dataset))]
    if held_out is None:
        return split_at_random([place.as_posix() for place in places], HELD_OUT_SHARE, seed)
    chosen = [i for i, place in enumerate(places) if place.is_relative_to(held_out)]
    others = sorted(set(range(len(places))) - set(chosen))
    if not chosen or not others:
        raise ValueError(
            f"expected labeled images below {folder / held_out} and elsewhere below {folder}, got {len(chosen)} and "
            f"{len(others)}: correct --held-out, or leave it out to hold some out at random"
        )
    return others, chosen


def read_train(dataset: LabelMapDataset, positions: list[int]) -> LabeledImages:
    """Those that have a labeled pixel: others would train nothing."""
    found = read_samples(dataset, spread(positions, NUM_TRAIN), size=SIZE)
    expect_labeled(found, "to train with")
    assert found.labels is not None
    counted = (found.labels != IGNORED).any(axis=(1, 2))
    return LabeledImages(found.images[counted], found.labels[counted])


def expect_labeled(found: LabeledImages, which: str) -> None:
    assert found.labels is not None
    if (found.labels == IGNORED).all():
        raise BadLabelMapError(
            f"expected labels in the images {which}, got only pixels that do not count: correct the classes, or "
            "--ignore"
        )
