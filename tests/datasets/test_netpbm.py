"""PAM, and headers of PGM and PPM, against the numbers that the files are made of."""

from __future__ import annotations

import numpy as np
import pytest

from slotcon_mm.datasets.image_files import UnreadableImageError, decode_image, highest_value
from slotcon_mm.datasets.netpbm import read_pam, stated_maximum

rng = np.random.default_rng(0)


def pam(values_HWC: np.ndarray, white: int, kind: str = "") -> bytes:
    height, width, depth = values_HWC.shape
    lines = [f"WIDTH {width}", "# DEPTH 9", f"HEIGHT {height}", f"DEPTH {depth}", f"MAXVAL {white}"]
    lines += [f"TUPLTYPE {kind}"] * bool(kind)
    pixels = values_HWC.astype("u1" if white < 256 else ">u2").tobytes()
    return "\n".join(["P7", *lines, "ENDHDR\n"]).encode() + pixels


KINDS = [("RGB", 3), ("RGB_ALPHA", 4), ("GRAYSCALE", 1), ("GRAYSCALE_ALPHA", 2), ("", 1), ("", 2), ("", 3), ("", 4)]


@pytest.mark.parametrize("white", [100, 255, 1023, 4095, 65535])
@pytest.mark.parametrize(("kind", "depth"), KINDS)
def test_a_pam_is_read_as_it_is_written(kind, depth, white):
    values = rng.integers(0, white + 1, (5, 7, depth))
    found = decode_image(pam(values, white, kind), "a.pnm")
    colors = values[..., :3] if depth > 2 else values[..., :1].repeat(3, axis=2)
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found, colors * 255 / white, atol=1)


def test_black_and_white_of_a_pam():
    found = decode_image(pam(np.array([[[0], [1]]]), 1, "BLACKANDWHITE"), "a.pnm")
    assert found[0, :, 0].tolist() == [0, 255]


def test_sixteen_bits_of_a_pam_may_be_fewer():
    content = pam(np.full((2, 2, 3), 3000), 65535)
    assert highest_value(content, "a.pnm") == 3000
    assert decode_image(content, "a.pnm", bit_depth=12)[0, 0].tolist() == [187] * 3
    assert highest_value(pam(np.full((2, 2, 3), 3000), 4095), "a.pnm") == 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            pam(np.zeros((2, 2, 4)), 255, "CMYK"),
            "PAM of kind CMYK with 4 channels and values to 255, which is not read",
        ),
        (pam(np.zeros((2, 2, 2)), 255, "RGB"), "PAM of kind RGB with 2 channels"),
        (pam(np.zeros((2, 2, 3)), 70_000, "RGB"), "values to 70000"),
        (pam(np.zeros((2, 2, 3)), 255)[:-1], "cut off, or no image"),
        (pam(np.zeros((2, 2, 3)), 255)[:20], "cut off, or no image"),
        (b"P7\nENDHDR\n", "cut off, or no image"),
    ],
)
def test_other_pams_are_refused_with_the_reason(content, reason):
    with pytest.raises(ValueError, match=reason):
        read_pam(content)
    with pytest.raises(UnreadableImageError, match=reason):
        decode_image(content, "a.pnm")


@pytest.mark.parametrize("comment", [b"# short\n", b"#" + b"x" * 3000 + b"\n", b"# 1 2\n# 3 4\n" * 200])
@pytest.mark.parametrize("white", [100, 1020, 4095])
def test_white_stands_behind_comments_of_any_length(comment, white):
    values = np.linspace(0, white, 6).astype(int)
    pixels = values.astype("u1" if white < 256 else ">u2").tobytes()
    content = b"P5\n" + comment + b"3 2\n%d\n" % white + pixels
    assert stated_maximum(content) == (b"5", white)
    np.testing.assert_allclose(decode_image(content, "a.pgm")[..., 0].ravel(), values / white * 255, atol=1)


def test_numbers_in_text_need_no_last_line_but_all_of_them():
    text = b"P3\n2 1\n255\n1 2 3 4 5 6"
    assert decode_image(text, "a.ppm").tolist() == [[[1, 2, 3], [4, 5, 6]]]
    with pytest.raises(UnreadableImageError, match="cut off"):
        decode_image(text[:-2], "a.ppm")


@pytest.mark.parametrize("content", [b"", b"P6", b"P5\n1 1", b"P4\n1 1\n\0", b"\x89PNG"])
def test_other_files_state_no_maximum(content):
    assert stated_maximum(content) is None
