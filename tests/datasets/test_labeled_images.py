"""Images in memory, with labels where there are some."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from slotcon_mm.datasets.label_sets import LABEL_SETS
from slotcon_mm.datasets.labeled_images import cut_middle, read_labeled, read_unlabeled


def test_labeled_images_are_pairs_in_order(scenes):
    found = read_labeled(scenes, "val2017", 4)
    assert found.images.shape == (4, 96, 128, 3)
    assert found.labels.shape == (4, 96, 128)


def test_images_of_any_size_are_cut_to_the_reports(scenes):
    assert read_unlabeled(scenes / "train2017", 5).images.shape == (5, 192, 256, 3)
    for shape in ((10, 300, 3), (500, 20, 3), (1, 1, 3)):
        assert cut_middle(np.zeros(shape, np.uint8), 64, 48).shape == (48, 64, 3)


def write_halves(root, name, width, height, values=(0, 92)):
    """An image whose left half is black and right half white, each half a class."""
    for folder in ("train2017", "stuffthingmaps/train2017"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    right = np.tile(np.arange(width) >= width // 2, (height, 1))
    cv2.imwrite(
        str(root / "train2017" / f"{name}.png"), np.where(right, 255, 0).astype(np.uint8)[..., None].repeat(3, 2)
    )
    if values:
        cv2.imwrite(
            str(root / "stuffthingmaps/train2017" / f"{name}.png"), np.where(right, *values[::-1]).astype(np.uint8)
        )


def test_labels_of_images_of_many_sizes_stay_where_the_image_shows_them(tmp_path):
    for i, size in enumerate(((640, 480), (200, 300), (40, 32))):
        write_halves(tmp_path, str(i), *size)
    write_halves(tmp_path, "3-without-a-map", 64, 64, values=())
    found = read_labeled(tmp_path, "train2017", 10, label_set="coco-stuff-27", size=(64, 48))
    assert found.images.shape == (3, 48, 64, 3)
    person, background = LABEL_SETS["coco-stuff-27"].table[[0, 92]]
    for image, labels in zip(found.images, found.labels, strict=True):
        clear = (image[..., 0] < 40) | (image[..., 0] > 215)  # resizing blurs the edge between the halves
        assert clear.mean() > 0.9
        expected = np.where(image[..., 0] > 128, background, person)
        assert (labels == expected)[clear].all()


def test_a_folder_without_label_maps_is_named(tmp_path):
    write_halves(tmp_path, "alone", 64, 48, values=())
    with pytest.raises(
        ValueError, match=r"expected label maps like .*stuffthingmaps/train2017/alone.png, got none for 1 image"
    ):
        read_labeled(tmp_path, "train2017", 4)


def test_images_of_several_sizes_that_shall_stay_as_they_are_are_refused(tmp_path):
    for i, size in enumerate(((64, 48), (64, 48), (40, 32))):
        write_halves(tmp_path, str(i), *size)
    with pytest.raises(ValueError, match=r"images of one size .* got \(48, 64\) and \(32, 40\) in .*/2\.png"):
        read_labeled(tmp_path, "train2017", 3, label_set="coco-stuff-27")
