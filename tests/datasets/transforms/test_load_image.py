"""What becomes of the kinds of images that people have."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from images import GRADIENT, READABLE, UNREADABLE, encoded, large_image
from PIL import Image

from slotcon_mm.datasets import image_files
from slotcon_mm.datasets.image_files import MOST_PIXELS, UnreadableImageError, decode_image, read_image, size_in_header
from slotcon_mm.datasets.transforms.load_image import LoadImage


@pytest.mark.parametrize("name", READABLE, ids=ascii)
def test_readable_kinds_come_as_8_bit_rgb(tmp_path, name):
    content, (height, width), color = READABLE[name]
    (tmp_path / name).write_bytes(content)
    image = LoadImage()(dict(img_path=str(tmp_path / name)))["img"]
    assert (image.dtype, image.shape) == (np.uint8, (height, width, 3))
    assert image.flags.c_contiguous
    if color is None:
        np.testing.assert_allclose(image.mean(axis=2), GRADIENT, atol=6)
    else:
        np.testing.assert_allclose(image[0, 0], color, atol=3)


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_kinds_are_named_with_the_reason_and_the_fix(tmp_path, name):
    make, reason = UNREADABLE[name]
    make(tmp_path / name)
    with pytest.raises(UnreadableImageError) as error:
        read_image(str(tmp_path / name))
    assert str(error.value).startswith(f"expected a readable image, got {tmp_path / name} (")
    assert reason in str(error.value)
    assert "replace or remove that file. tools/check_dataset.py FOLDER lists all such files" in str(error.value)


def test_a_file_that_may_not_be_read_is_named(tmp_path):
    path = tmp_path / "secret.jpg"
    path.write_bytes(encoded(Image.new("RGB", (4, 4)), "JPEG"))
    path.chmod(0)
    user = os.geteuid()
    if user == 0:  # who may read everything, unlike nobody
        os.seteuid(65534)
    try:
        with pytest.raises(UnreadableImageError, match=r"secret.jpg \(Permission denied\)"):
            read_image(str(path))
    finally:
        os.seteuid(user)


def test_a_name_that_is_no_utf8_is_printed_with_escapes(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9\n.jpg")
    with pytest.raises(UnreadableImageError, match=r"caf\\udce9\\n.jpg \(No such file"):
        read_image(path)


def test_exif_orientation_can_be_left_alone(tmp_path):
    (tmp_path / "p.jpg").write_bytes(READABLE["turned.jpg"][0])
    assert read_image(str(tmp_path / "p.jpg"), exif=False).shape == (30, 40, 3)


@pytest.mark.parametrize("flag", ["IMREAD_COLOR_RGB", "IMREAD_COLOR"])
@pytest.mark.parametrize("exif", [True, False])
def test_red_is_not_blue_with_any_opencv(tmp_path, exif, flag, monkeypatch):
    monkeypatch.setattr(image_files, "READ_RGB", getattr(cv2, flag))
    (tmp_path / "p.png").write_bytes(encoded(Image.new("RGB", (5, 4), (255, 10, 0)), "PNG"))
    assert read_image(str(tmp_path / "p.png"), exif=exif)[0, 0].tolist() == [255, 10, 0]


def test_the_limit_on_pixels_is_exact():
    assert size_in_header(large_image(MOST_PIXELS // 10, 10)) == (MOST_PIXELS // 10, 10)
    width, height = size_in_header(large_image(MOST_PIXELS // 10 + 1, 10))
    assert width * height > MOST_PIXELS


@settings(max_examples=60)
@given(
    st.binary(max_size=200)
    | st.sampled_from(sorted(READABLE)).flatmap(
        lambda name: st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=9)).map(
            lambda change: READABLE[name][0][: change[0]] + change[1] + READABLE[name][0][change[0] + len(change[1]) :]
        )
    )
)
def test_any_bytes_are_an_image_or_the_one_error(content):
    """Random bytes, and images with some bytes overwritten or the end replaced."""
    try:
        image = decode_image(content, "x.jpg")
    except UnreadableImageError:
        return
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert 0 < image.size <= 3 * MOST_PIXELS


def test_images_of_any_kind_are_made_into_views(tmp_path):
    from slotcon_mm.datasets import PairedViews

    for name, (content, _, _) in READABLE.items():
        (tmp_path / Path(name).name).write_bytes(content)
        found = PairedViews(size=32)(dict(img=read_image(str(tmp_path / name)), img_path=name, sample_idx=0))
        assert [tuple(view.shape) for view in found["inputs"]] == [(3, 32, 32)] * 2
        assert found["data_samples"].img_path == name


@pytest.mark.parametrize("bit_depth", [10, 12, 14, 16])
@pytest.mark.parametrize("ending", [".png", ".tif", ".ppm"])
def test_of_sixteen_bits_those_that_are_used_decide(tmp_path, bit_depth, ending):
    values = np.linspace(0, 2**bit_depth - 1, 600).reshape(10, 20, 3).astype(np.uint16)
    path = str(tmp_path / f"a{ending}")
    assert cv2.imwrite(path, values[..., ::-1])
    image = LoadImage(bit_depth=bit_depth)(dict(img_path=path))["img"]
    np.testing.assert_array_equal(image, values >> (bit_depth - 8))
    if bit_depth > 10:
        with pytest.raises(UnreadableImageError, match=rf"value {values.max()} in it, more than bit_depth=10 holds"):
            read_image(path, bit_depth=10)


def test_files_that_tell_their_white_are_read_alike_with_any_bit_depth():
    for name in ("color.jpg", "palette.png", "twelve-bit.tif", "twelve-bit.pgm", "color.tif", "color.ppm"):
        content = READABLE[name][0]
        np.testing.assert_array_equal(decode_image(content, name, bit_depth=9), decode_image(content, name))


def test_tags_of_a_tiff_that_opencv_does_not_know_are_no_news(capfd):
    content = encoded(Image.new("RGB", (8, 8)), "TIFF", tiffinfo={42113: "nodata", 65000: 3})
    level = image_files.LOGGING.getLogLevel()
    assert decode_image(content, "a.tif").shape == (8, 8, 3)
    assert capfd.readouterr().err == ""
    assert image_files.LOGGING.getLogLevel() == level
