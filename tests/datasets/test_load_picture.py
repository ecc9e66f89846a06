"""What becomes of the kinds of pictures that people have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from slotcon_mm.datasets.load_picture import LoadPicture, read_picture

GRADIENT = np.linspace(0, 255, 40).astype(np.uint8)[None].repeat(30, axis=0)


def save(path: Path, image: Image.Image, **options) -> str:
    image.save(path, **options)
    return str(path)


@pytest.mark.parametrize("exif", [True, False])
def test_colours_come_as_rgb(tmp_path, exif):
    path = save(tmp_path / "red.png", Image.new("RGB", (5, 4), (255, 10, 0)))
    assert read_picture(path, exif=exif)[0, 0].tolist() == [255, 10, 0]
    assert LoadPicture()(dict(img_path=path))["img"].shape == (4, 5, 3)


@pytest.mark.parametrize("name", ["p.jpg", "p.png", "p.webp"])
def test_grey_pictures_get_three_channels(tmp_path, name):
    image = read_picture(save(tmp_path / name, Image.fromarray(GRADIENT)))
    assert image.shape == (30, 40, 3)
    np.testing.assert_allclose(image.mean(axis=2), GRADIENT, atol=6)


def test_sixteen_bit_pictures_keep_their_range(tmp_path):
    path = save(tmp_path / "p.png", Image.fromarray(GRADIENT.astype(np.uint16) * 257))
    np.testing.assert_allclose(read_picture(path)[..., 0], GRADIENT, atol=1)


def test_palette_and_alpha_are_converted(tmp_path):
    rgba = Image.new("RGBA", (4, 4), (9, 200, 30, 128))
    assert read_picture(save(tmp_path / "a.png", rgba))[0, 0].tolist() == [9, 200, 30]
    palette = Image.new("RGB", (4, 4), (9, 200, 30)).convert("P", palette=Image.Palette.ADAPTIVE)
    assert read_picture(save(tmp_path / "p.png", palette))[0, 0].tolist() == [9, 200, 30]


def test_pictures_are_turned_as_their_exif_orientation_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(tmp_path / "p.jpg", Image.fromarray(GRADIENT), exif=exif)
    assert read_picture(path).shape == (40, 30, 3)
    assert read_picture(path, exif=False).shape == (30, 40, 3)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\xff\xd8\xff\xe0 cut off"])
def test_what_is_no_picture_is_named(tmp_path, content):
    path = tmp_path / "bad.jpg"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"readable picture, got .*bad.jpg"):
        read_picture(str(path))
