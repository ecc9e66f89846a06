"""What is said of labeled images that some programs turn."""

from __future__ import annotations

import numpy as np
import pytest
from images import READABLE
from PIL import Image

from slotcon_mm.datasets import label_map_dataset
from slotcon_mm.datasets.label_files import BadLabelMapError
from slotcon_mm.datasets.label_map_dataset import LabelMapDataset
from slotcon_mm.datasets.orientations import is_turned, turned_images
from slotcon_mm.datasets.transforms.check_label_map import CheckLabelMap
from slotcon_mm.datasets.transforms.evaluation_transforms import LoadInstances, LoadLabels
from slotcon_mm.datasets.transforms.load_image import LoadImage


def test_images_that_carry_an_orientation_are_said(tmp_path):
    for name in ("turned.jpg", "color.jpg"):
        (tmp_path / name).write_bytes(READABLE[name][0])
    paths = [str(tmp_path / name) for name in ("color.jpg", "turned.jpg", "none.jpg")]
    said = turned_images(3, paths.__getitem__)
    assert said.startswith(f"1 of 3 images looked at carry an EXIF orientation, {paths[1]} for one: they are read as")
    assert turned_images(1, paths.__getitem__) is None
    assert turned_images(0, paths.__getitem__) is None


def test_no_pixel_is_read_for_it(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (60, 40)).save(path)
    path.write_bytes(path.read_bytes()[:60])  # ends within its pixels
    assert not is_turned(str(path))
    image = Image.new("RGB", (60, 40))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(path, exif=exif)
    assert is_turned(str(path))


def write_turned(folder, size) -> LabelMapDataset:
    """An image of 6 x 4 pixels that asks to be turned by 90 degrees, with a label map of that size."""
    for name in ("images", "labels"):
        (folder / name).mkdir()
    image = Image.new("RGB", (6, 4))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(folder / "images/a.jpg", exif=exif)
    Image.fromarray(np.zeros(size, np.uint8)).save(folder / "labels/a.png")
    return LabelMapDataset(
        str(folder), dict(img_path="images", seg_map_path="labels"),
        label_set=dict(classes=("a", "b"), values=[0, 1]), pipeline=[LoadImage(exif=False), LoadLabels()],
    )  # fmt: skip


def test_a_dataset_with_labels_says_so(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(label_map_dataset, "say", said.append)
    dataset = write_turned(tmp_path, (4, 6))
    assert dataset[0]["gt_sem_seg"].shape == (4, 6)
    assert [line.partition(",")[0] for line in said] == ["1 of 1 images looked at carry an EXIF orientation"]


def test_labels_that_were_drawn_on_the_turned_image_are_named_with_the_reason(tmp_path):
    with pytest.raises(BadLabelMapError, match=r"label map of \(4, 6\) .* got \(6, 4\) .* EXIF orientation .* turn it"):
        write_turned(tmp_path, (6, 4))[0]


def test_so_are_instances_and_label_maps_of_mmseg(tmp_path):
    write_turned(tmp_path, (6, 4))
    image = str(tmp_path / "images/a.jpg")
    results = dict(img=np.zeros((4, 6, 3), np.uint8), img_path=image, height=6, width=4, annotations=[])
    with pytest.raises(BadLabelMapError, match=r"a.jpg of 6 x 4 pixels, .* got 4 x 6: .* EXIF orientation .* turn it"):
        LoadInstances().transform(results)
    results = dict(gt_seg_map=np.zeros((6, 4), np.uint8), ori_shape=(4, 6), img_path=image, seg_map_path="a.png")
    with pytest.raises(BadLabelMapError, match=r"size \(4, 6\), got \(6, 4\): .* EXIF orientation .* turn it"):
        CheckLabelMap(2).transform(results)
