"""Numbers of files as 8 bits."""

from __future__ import annotations

import numpy as np
import pytest

from slotcon_mm.datasets.image_files import decode_image
from slotcon_mm.datasets.white_value import expect_bit_depth, to_8_bits


@pytest.mark.parametrize("bits", range(8, 17))
def test_black_is_black_white_is_white_and_the_rest_lies_between_in_order(bits):
    values = np.arange(2**bits, dtype=np.uint16)
    found = to_8_bits(values, 2**bits - 1)
    assert (found.dtype, found[0], found[-1]) == (np.uint8, 0, 255)
    np.testing.assert_allclose(found, values / (2**bits - 1) * 255, atol=1)
    assert (np.diff(found.astype(int)) >= 0).all()


@pytest.mark.parametrize("white", [1, 15, 100, 1000, 40_000])
def test_any_number_can_be_white(white):
    values = np.linspace(0, white, 7).astype(np.uint16)
    np.testing.assert_allclose(to_8_bits(values, white), values / white * 255, atol=1)
    assert to_8_bits(values, white)[-1] == 255


@pytest.mark.parametrize("white", [15, 100, 1023, 40_000])
def test_numbers_beyond_white_are_white(white):
    values = np.array([0, white, white + 1, white + 90], np.uint16)
    assert to_8_bits(values, white).tolist() == [0, 255, 255, 255]


@pytest.mark.parametrize("white", [1, 100, 255, 300, 1023])
@pytest.mark.parametrize("kind", ["P2", "P5"])
def test_gray_is_the_same_from_text_and_from_binary_files(kind, white):
    values = np.linspace(0, white, 6).astype(int)
    binary = values.astype("u1" if white < 256 else ">u2").tobytes()
    text = " ".join(map(str, values)).encode() + b"\n"
    content = f"{kind}\n3 2\n{white}\n".encode() + (text if kind == "P2" else binary)
    np.testing.assert_allclose(decode_image(content, "a.pgm")[..., 0].ravel(), values / white * 255, atol=1)


@pytest.mark.parametrize("bit_depth", [0, 7, 17, 12.5, "12"])
def test_what_is_no_bit_depth_is_refused(bit_depth):
    with pytest.raises(ValueError, match="expected bit_depth as a whole number from 8 to 16"):
        expect_bit_depth(bit_depth)
