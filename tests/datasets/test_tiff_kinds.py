"""Kinds of TIFF that OpenCV alone gets wrong, against the bytes that they are made of."""

from __future__ import annotations

import io

import numpy as np
import pytest
from images import encoded, packed, tiff
from PIL import Image

from slotcon_mm.datasets.check.examine import oddities_of_kind
from slotcon_mm.datasets.image_files import UnreadableImageError, decode_image
from slotcon_mm.datasets.tiff_header import ORIENTATION, read_tiff_header, rewritten

rng = np.random.default_rng(0)
BANDS = rng.integers(0, 256, (30, 40, 4), dtype=np.uint8)


def bands(channels: int, *, bits: int = 8, order: str = "<", **tags: int) -> bytes:
    values = BANDS[..., :channels].astype(np.uint16) * (257 if bits == 16 else 1)
    kind = values.astype(f"{order}u{bits // 8}")
    return tiff(kind.tobytes(), 40, 30, order=order, bits=bits, channels=channels, **tags)


@pytest.mark.parametrize("extra", [0, 1, 2])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("order", ["<", ">"])
def test_colors_come_as_stored_whatever_the_alpha_beside_them(extra, bits, order):
    np.testing.assert_array_equal(decode_image(bands(4, bits=bits, order=order, extra=extra), "a"), BANDS[..., :3])


def test_they_are_those_of_the_same_image_as_png():
    image = Image.fromarray(BANDS, "RGBA")
    for options in ({}, dict(compression="tiff_lzw"), dict(compression="tiff_adobe_deflate")):
        found = decode_image(encoded(image, "TIFF", **options), "a")
        np.testing.assert_array_equal(found, decode_image(encoded(image, "PNG"), "a"))


@pytest.mark.parametrize("tags", [dict(extra=0), dict(extra=0, big=1), dict(extra=0, orientation=1), dict(extra=2), {}])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("bits", [8, 16])
def test_bands_that_are_not_called_colors_are_red_green_and_blue(channels, bits, tags):
    content = bands(channels, bits=bits, photometric=1, **tags)
    np.testing.assert_array_equal(decode_image(content, "a"), BANDS[..., :3])


def test_two_bands_are_gray_and_one_that_is_left_out():
    found = decode_image(bands(2, photometric=1, extra=2), "a")
    np.testing.assert_array_equal(found, BANDS[..., :1].repeat(3, axis=2))


def test_bands_of_which_0_is_white_are_refused():
    with pytest.raises(UnreadableImageError, match="3 channels of which 0 is white: save them"):
        decode_image(bands(3, photometric=0, extra=0), "a")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (tiff(bytes(1200), 40, 30, compression=50000), "compressed by Zstandard, which is not read: save it with defl"),
        (tiff(bytes(1200), 40, 30, compression=34925), "compressed by LZMA, which is not read"),
        (tiff(bytes(1200), 40, 30, compression=34712), "compressed by JPEG 2000, which is not read"),
        (tiff(bytes(1200), 40, 30, compression=60001), "compressed by method 60001, which is not read"),
        (tiff(packed(BANDS[..., 0] >> 4, 4), 40, 30, bits=4), "4-bit gray, which is not read: save 8-bit gray or RGB"),
        (tiff(bytes(9600), 40, 30, bits=16, channels=4, photometric=5), "16-bit CMYK, which is not read"),
    ],
)
def test_kinds_that_are_not_read_are_named(content, reason):
    with pytest.raises(UnreadableImageError, match=reason):
        decode_image(content, "a")


def test_what_is_cut_off_is_called_so():
    with pytest.raises(UnreadableImageError, match="cut off, or no image"):
        decode_image(bands(3)[:2000], "a")


@pytest.mark.parametrize("big", [0, 1])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tag_is_changed_and_nothing_else(order, big):
    content = tiff(bytes(range(200)), 20, 10, order=order, big=big, orientation=6)
    header = read_tiff_header(content)
    assert header is not None
    assert rewritten(content, header, {ORIENTATION: 3}) == tiff(
        bytes(range(200)), 20, 10, order=order, big=big, orientation=3
    )
    assert rewritten(content, header, {338: 2}) is content  # it has no such tag
    if not big:
        with Image.open(io.BytesIO(rewritten(content, header, {ORIENTATION: None}))) as image:
            assert ORIENTATION not in image.tag_v2
            assert np.array(image).ravel().tolist() == [*range(200)]


def test_what_pillow_does_not_know_is_said_without_an_address_in_memory():
    assert oddities_of_kind(bands(4, photometric=1, extra=0), ".tif") == ["Pillow does not read it"]
