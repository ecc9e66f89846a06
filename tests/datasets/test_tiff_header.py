"""The header of a TIFF, against Pillow's reading of it."""

from __future__ import annotations

import io
import mmap

import pytest
from images import READABLE, encoded, tiff
from PIL import Image

from slotcon_mm.datasets.image_files import decode_image
from slotcon_mm.datasets.tiff_header import read_tiff_header


@pytest.mark.parametrize("name", [name for name in READABLE if name.lower().endswith((".tif", ".tiff"))])
def test_it_says_what_pillow_says(name, tmp_path):
    content = READABLE[name][0]
    header = read_tiff_header(content)
    assert header is not None
    assert (header.height, header.width) == ((30, 40))
    if name not in ("sixteen-bit-color.tif",):  # which Pillow does not know
        with Image.open(io.BytesIO(content)) as image:
            assert header.bits == image.tag_v2[258][0]
            assert header.channels == image.tag_v2.get(277, 1)
            assert header.has_more_pages == (image.n_frames > 1)
    (tmp_path / "a").write_bytes(content)
    with open(tmp_path / "a", "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert read_tiff_header(mapped) == header


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_without_its_orientation_pixels_come_as_they_are_stored(bits, order, orientation):
    values = bytes(range(0, 240, 2)) if bits == 8 else b"".join(bytes([v, v]) for v in range(0, 240, 2))
    plain, turned = (
        tiff(values, 12, 10, order=order, bits=bits, **tags) for tags in ({}, dict(orientation=orientation))
    )
    assert (decode_image(turned, "a", exif=False) == decode_image(plain, "a")).all()
    same = (
        decode_image(turned, "a").shape == (10, 12, 3) and (decode_image(turned, "a") == decode_image(plain, "a")).all()
    )
    assert same == (orientation == 1)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"II", b"II*\0", b"II*\0\xff\xff\xff\xff", b"\xff\xd8\xff", b"MM\0+" + bytes(12),
        b"II+\0\x08\0\0\0" + b"\xff" * 8,
    ],
)  # fmt: skip
def test_what_is_no_tiff_or_cut_off_has_no_header(content):
    assert read_tiff_header(content) is None


def test_a_cut_header_has_none_at_any_place():
    content = encoded(Image.new("RGB", (5, 4)), "TIFF")
    at = int.from_bytes(content[4:8], "little")
    for end in range(at + 2):
        assert read_tiff_header(content[:end]) is None
