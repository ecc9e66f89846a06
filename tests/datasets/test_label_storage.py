"""What is written into a label map is what is read, or the file is refused."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from images import encoded, netpbm, packed, tiff
from PIL import Image

from slotcon_mm.datasets.label_files import BadLabelMapError, read_colors, read_labels, read_values
from slotcon_mm.datasets.label_sets import label_set_of
from slotcon_mm.datasets.label_storage import expect_read_alike
from slotcon_mm.datasets.transforms.check_label_map import CheckLabelMap

LABELS = np.array([[0, 1, 1, 0], [1, 0, 0, 1]])
GRAYS = Image.fromarray(LABELS.astype(np.uint8))


def png(values: np.ndarray, bits: int, color_type: int = 0) -> bytes:
    """By the format's own rules (W3C, PNG third edition): no library writes 2 and 4 bits of gray."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", values.shape[1], values.shape[0], bits, color_type, 0, 0, 0))]
    if color_type == 3:
        chunks.append((b"PLTE", bytes(3 * 2**bits)))
    rows = b"".join(b"\0" + packed(row[None], bits) for row in values)
    chunks += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def file_of(folder: Path, content: bytes) -> str:
    (folder / "a.png").write_bytes(content)
    return str(folder / "a.png")


@pytest.mark.parametrize("highest", [1, 2, 3])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_gray_values_of_few_bits_are_those_of_the_file(bits, highest, tmp_path):
    assert read_values(file_of(tmp_path, png(LABELS * highest, bits))).tolist() == (LABELS * highest).tolist()


def test_every_gray_of_four_bits_and_of_an_odd_white_comes_back(tmp_path):
    for bits in (2, 4):
        values = np.arange(2**bits).reshape(2, -1)
        assert read_values(file_of(tmp_path, png(values, bits))).tolist() == values.tolist()
        assert read_values(file_of(tmp_path, tiff(packed(values, bits), values.shape[1], 2, bits=bits))).tolist() == (
            values.tolist()
        )
    for white in (1, 20, 100, 254):
        values = np.arange(white + 1)[None]
        assert read_values(file_of(tmp_path, netpbm(values, white))).tolist() == values.tolist()


def test_one_bit_and_palettes_are_read_by_their_numbers(tmp_path):
    for bits, color_type in ((1, 0), (1, 3), (2, 3), (4, 3)):
        path = file_of(tmp_path, png(LABELS, bits, color_type))
        assert read_values(path).tolist() == LABELS.tolist()
        expect_read_alike(path)


def test_a_color_of_few_bits_is_the_gray_that_it_shows(tmp_path):
    assert read_colors(file_of(tmp_path, png(LABELS * 15, 4)))[0, :, 0].tolist() == [0, 255, 255, 0]


LOSSY = {
    "JPEG": encoded(GRAYS, "JPEG", quality=95),
    "WEBP": encoded(GRAYS, "WEBP", quality=95),
    "JPEG2000": encoded(GRAYS, "JPEG2000"),
    "TIFF with jpeg in it": encoded(GRAYS, "TIFF", compression="jpeg"),
}


@pytest.mark.parametrize("kind", LOSSY)
def test_formats_that_move_values_are_refused_by_both_readers(kind, tmp_path):
    path = file_of(tmp_path, LOSSY[kind])
    for label_set in (dict(classes=("a", "b")), dict(classes=("a", "b"), palette=["#000000", "#010101"])):
        with pytest.raises(BadLabelMapError, match=rf"a.png: expected .* keeps every value, got {kind}, .* save it as"):
            read_labels(path, label_set_of(label_set))
    with pytest.raises(ValueError, match=f"got {kind}"):
        expect_read_alike(path)


def test_formats_that_keep_them_pass(tmp_path):
    webp = encoded(Image.fromarray(np.repeat(LABELS[..., None] * 255, 3, 2).astype(np.uint8)), "WEBP", lossless=True)
    assert read_colors(file_of(tmp_path, webp))[..., 0].tolist() == (LABELS * 255).tolist()
    for content in (encoded(GRAYS, "TIFF", compression="tiff_lzw"), encoded(GRAYS, "BMP"), encoded(GRAYS, "PNG")):
        path = file_of(tmp_path, content)
        assert read_values(path).tolist() == LABELS.tolist()
        expect_read_alike(path)


def wide(values: np.ndarray, kind: type) -> bytes:
    return encoded(Image.fromarray(values.astype(kind)), "TIFF")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (encoded(Image.fromarray((LABELS * 256).astype(np.uint16)), "PNG"), "got 256 .* mmseg reads as 0: number the"),
        (wide(LABELS * 0.5, np.float32), r"got 0.5 \(Pillow's mode F\), which mmseg reads as 0"),
        (wide(LABELS * 300, np.int32), "got 300 .* mmseg reads as 44"),
        (png(LABELS, 4), "grays from 0 to 15, of which mmseg reads 1 as 17: save it as a PNG of 8 bits"),
        (png(LABELS * 3, 2), "grays from 0 to 3, of which mmseg reads 3 as 255"),
    ],
)
def test_what_mmseg_would_read_as_other_values_is_refused_with_file_and_value(content, message, tmp_path):
    results = dict(gt_seg_map=np.zeros((2, 4), np.uint8), ori_shape=(2, 4), seg_map_path=file_of(tmp_path, content))
    with pytest.raises(BadLabelMapError, match=f"a.png: expected .*{message}"):
        CheckLabelMap(19).transform(results)


@pytest.mark.parametrize(
    "content",
    [
        encoded(Image.fromarray(LABELS.astype(np.uint16)), "PNG"),
        wide(LABELS, np.float32),
        wide(LABELS, np.int32),
        png(LABELS * 0, 4),
        encoded(GRAYS, "PNG"),
    ],
)
def test_whole_numbers_that_fit_into_8_bits_lose_nothing_in_mmseg(content, tmp_path):
    results = dict(gt_seg_map=np.zeros((2, 4), np.uint8), ori_shape=(2, 4), seg_map_path=file_of(tmp_path, content))
    assert CheckLabelMap(19).transform(results) is results
