"""Masks of turned images are not put on the images as stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from images import GRADIENT, encoded, tiff
from mmengine.config import Config
from PIL import Image

from slotcon_mm.launch.labeled_data.annotation_sizes import expect_sizes_as_stored
from slotcon_mm.launch.labeled_data.coco_files import read_coco_file
from slotcon_mm.launch.labeled_data.prepare import prepare_labeled_data


def photo(orientation: int | None) -> bytes:
    """64 x 40 pixels as stored."""
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    return encoded(Image.new("RGB", (64, 40)), "JPEG", exif=exif)


def config(root: Path, photos: dict[str, bytes], sizes: list[tuple[Any, Any]]) -> Config:
    (root / "img").mkdir(exist_ok=True)
    for name, content in photos.items():
        (root / "img" / name).write_bytes(content)
    images = [
        dict(id=i, file_name=name, width=width, height=height)
        for i, (name, (width, height)) in enumerate(zip(photos, sizes, strict=True))
    ]
    boxes = [dict(id=i, image_id=i, category_id=1, bbox=[1, 1, 9, 9], area=81, iscrowd=0) for i in range(len(images))]
    content = dict(annotations=boxes, images=images, categories=[dict(id=1, name="cat")])
    (root / "a.json").write_text(json.dumps(content))
    dataset = dict(
        type="CocoDataset", data_root=str(root), ann_file="a.json", data_prefix=dict(img="img/"),
        metainfo=dict(classes=("cat",)), pipeline=[],
    )  # fmt: skip
    return Config(dict(default_scope="mmdet", val_dataloader=dict(dataset=dict(dataset))))


def look_at(root: Path) -> None:
    expect_sizes_as_stored(read_coco_file(root / "a.json"), root / "img")


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_sizes_of_turned_images_are_refused_with_file_sizes_and_fix(orientation, tmp_path):
    photos = {"straight.jpg": photo(None), "p.jpg": photo(orientation), "q.jpg": photo(orientation)}
    with pytest.raises(
        ValueError,
        match=r"expected .*a.json .* as stored, .* got 40 x 64 for p.jpg, stored as 64 x 40 .* for 2 of .* Turn the",
    ):
        prepare_labeled_data(config(tmp_path, photos, [(64, 40), (40, 64), (40, 64)]))


def test_sizes_as_stored_pass_and_so_does_what_no_orientation_explains(tmp_path):
    photos = {"p.jpg": photo(6), "upside-down.jpg": photo(3), "straight.jpg": photo(None), "none.jpg": photo(6)}
    config(tmp_path, photos, [(64, 40), (64, 40), (40, 64), (None, None)])
    (tmp_path / "img/none.jpg").unlink()
    look_at(tmp_path)


def test_a_tiff_is_as_its_own_header_says(tmp_path):
    turned = {"p.tif": tiff(GRADIENT.tobytes(), 40, 30, orientation=6)}
    config(tmp_path, turned, [(40, 30)])
    look_at(tmp_path)
    config(tmp_path, turned, [(30, 40)])
    with pytest.raises(ValueError, match=r"got 30 x 40 for p.tif, stored as 40 x 30"):
        look_at(tmp_path)
