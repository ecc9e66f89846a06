"""What a few images of a folder give away."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from images import encoded, netpbm, tiff
from PIL import Image

from slotcon_mm.datasets import LabelMapDataset, UnlabeledImageDataset
from slotcon_mm.datasets.image_lists import find_images
from slotcon_mm.datasets.image_samples import expect_known_bit_depth, what_is_odd
from slotcon_mm.datasets.scenes import write_scenes

rng = np.random.default_rng(0)
NOISE = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
LOAD = [dict(type="slotcon_mm.LoadImage")]


def write(folder: Path, name: str, content: bytes) -> str:
    folder.mkdir(exist_ok=True, parents=True)
    (folder / name).write_bytes(content)
    return str(folder / name)


def photograph() -> bytes:
    return encoded(Image.fromarray(rng.permutation(NOISE)), "PNG")


def palette_map() -> bytes:
    """As Pascal VOC's: noise, so that its size gives nothing away."""
    image = Image.fromarray(rng.integers(0, 21, (40, 50), dtype=np.uint8), "P")
    image.putpalette(rng.integers(0, 256, 768, dtype=np.uint8).tobytes())
    return encoded(image, "PNG")


def gray_map() -> bytes:
    classes = np.zeros((400, 500), np.uint8)
    for value in range(1, 12):
        top, left = rng.integers(0, 300, 2)
        classes[top : top + 100, left : left + 120] = value
    return encoded(Image.fromarray(classes), "PNG")


@pytest.mark.parametrize("make", [palette_map, gray_map])
def test_a_folder_of_label_maps_beside_photographs_is_named(tmp_path, make):
    for i in range(6):
        write(tmp_path / "images", f"{i}.png", photograph())
        write(tmp_path / "masks", f"{i}.png", make() if i < 5 else photograph())
    (line,) = what_is_odd(find_images(str(tmp_path)).images)
    assert line.startswith(f"most PNG files in {tmp_path}/masks look like label maps")


def test_real_label_maps_are_told_from_the_images_that_they_belong_to(tmp_path):
    write_scenes(tmp_path, num_train=5, num_val=1, width=256, height=192, workers=1)
    maps = sorted(str(path) for path in (tmp_path / "stuffthingmaps/train2017").glob("*.png"))
    images = [
        write(tmp_path / "png", f"{i}.png", encoded(Image.open(path), "PNG"))
        for i, path in enumerate(sorted((tmp_path / "train2017").glob("*.jpg")))
    ]
    assert "look like label maps" in what_is_odd(maps)[0]
    assert what_is_odd(images) == []


def test_few_label_maps_among_photographs_are_not_said(tmp_path):
    paths = [write(tmp_path, f"{i}.png", palette_map() if i == 2 else photograph()) for i in range(5)]
    assert what_is_odd(paths) == []


def test_tiffs_of_several_pages_are_counted(tmp_path):
    pages = [Image.new("RGB", (9, 9)), Image.new("RGB", (9, 9))]
    paths = [write(tmp_path, "a.tif", encoded(pages[0], "TIFF", save_all=True, append_images=pages))]
    paths += [write(tmp_path, "b.TIFF", encoded(pages[0], "TIFF")), write(tmp_path, "c.tif", b"")]
    (line,) = what_is_odd(paths)
    assert line.startswith(f"1 of 3 TIFF files looked at have several pages, {paths[0]} for one")


TWELVE = rng.integers(0, 4096, (20, 30)).astype(np.uint16)
KINDS = {
    "a.png": lambda values: encoded(Image.fromarray(values), "PNG"),
    "a.tif": lambda values: tiff(values.astype("<u2").tobytes(), 30, 20, bits=16),
    "a.pgm": lambda values: netpbm(values, 65535),
}


@pytest.mark.parametrize("name", KINDS)
def test_sixteen_bit_images_that_use_twelve_are_asked_about(tmp_path, name):
    paths = [write(tmp_path, f"{i}.jpg", encoded(Image.fromarray(NOISE), "JPEG")) for i in range(40)]
    paths.append(write(tmp_path, name, KINDS[name](TWELVE)))
    with pytest.raises(ValueError, match=rf"got {TWELVE.max()} as the highest value of 1 .*, 12 or more .*\. Do this"):
        expect_known_bit_depth(paths, None, "Do this")
    for known in (12, 16):
        expect_known_bit_depth(paths, known, "")
    write(tmp_path, name, KINDS[name](TWELVE * 16))
    expect_known_bit_depth(paths, None, "")


def test_datasets_ask_before_they_hand_out_black_images(tmp_path, scenes):
    for i in range(3):
        write(tmp_path / "images", f"{i}.png", KINDS["a.png"](TWELVE))
        write(tmp_path / "maps", f"{i}.png", encoded(Image.fromarray(np.zeros((20, 30), np.uint8)), "PNG"))
    (tmp_path / "list.txt").write_text("images/1.png\n")
    prefix = dict(img_path="images", seg_map_path="maps")
    for make in (
        lambda pipeline: UnlabeledImageDataset(str(tmp_path), ["images"], pipeline=pipeline),
        lambda pipeline: UnlabeledImageDataset(str(tmp_path), ann_file="list.txt", pipeline=pipeline),
        lambda pipeline: LabelMapDataset(str(tmp_path), prefix, "scenes", pipeline=pipeline),
    ):
        with pytest.raises(ValueError, match=r"dataset\.pipeline\.0\.bit_depth=BITS"):
            make(LOAD)
        image = make([dict(LOAD[0], bit_depth=12)])[0]["img"]
        np.testing.assert_array_equal(image, np.repeat(TWELVE[..., None] >> 4, 3, axis=2))


def test_eight_bit_images_and_files_that_tell_their_white_are_not_asked_about(tmp_path):
    paths = [
        write(tmp_path, "a.png", photograph()),
        write(tmp_path, "b.pgm", netpbm(TWELVE, 4095)),
        write(tmp_path, "c.png", b"no image"),
        str(tmp_path / "nowhere.tif"),
    ]
    expect_known_bit_depth(paths, None, "")
