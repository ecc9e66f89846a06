"""Headers of PBM, PGM, PPM and PAM files, and PAM's pixels, which OpenCV gets wrong.

Source: Netpbm's format descriptions, pbm(5) to pam(5).
"""

from __future__ import annotations

import re

import numpy as np

__all__ = ["PAM", "read_pam", "stated_maximum", "with_last_line_ended"]

PAM = b"P7\n"
GAP = rb"(?:\s|#[^\n]*\n)+"  # comments may be of any length
HEADER = re.compile(rb"P([2356])" + GAP + rb"\d+" + GAP + rb"\d+" + GAP + rb"(\d+)")
IN_TEXT = re.compile(rb"P[123]\s")
PAM_HEADER = re.compile(rb"P7\n((?:[^\n]*\n)*?)ENDHDR[ \t]*\n")
# of a kind, its channels with alpha, which is left out, and without
PAM_KINDS = {"BLACKANDWHITE": 1, "GRAYSCALE": 1, "RGB": 3}


def stated_maximum(content: bytes) -> tuple[bytes, int] | None:
    """The digit of a PGM's or PPM's kind, and the number that it says is white; None of other files."""
    found = HEADER.match(content)
    return (found[1], max(1, int(found[2][:9]))) if found else None


def with_last_line_ended(content: bytes) -> bytes:
    """A file of numbers in text as OpenCV 5.0 reads it: it wants a space or a line's end behind the last one."""
    return content + b"\n" if IN_TEXT.match(content) else content


def read_pam(content: bytes) -> tuple[np.ndarray, int]:
    """(H, W, 3) RGB, uint8 or uint16, of a PAM's first image, and the number that is white.

    Raises:
        ValueError: Its kind is none that is read, or pixels are missing; the message is a reason.
    """
    header = PAM_HEADER.match(content)
    lines = [line.split(None, 1) for line in header[1].decode("ascii", "replace").splitlines()] if header else []
    fields = {line[0]: line[1].strip() for line in lines if len(line) > 1 and not line[0].startswith("#")}
    numbers = [fields.get(name, "") for name in ("WIDTH", "HEIGHT", "DEPTH", "MAXVAL")]
    if header is None or not all(re.fullmatch(r"[0-9]{1,9}", number) for number in numbers):
        raise ValueError("cut off, or no image")
    width, height, depth, white = map(int, numbers)
    kind = fields.get("TUPLTYPE", "GRAYSCALE" if depth < 3 else "RGB")
    colors = PAM_KINDS.get(kind.removesuffix("_ALPHA"), 0)
    if not colors or not colors <= depth <= colors + 1 or not 1 <= white <= 65535:
        raise ValueError(
            f"PAM of kind {kind} with {depth} channels and values to {white}, which is not read: save it as PNG"
        )
    size = np.dtype("u1" if white < 256 else ">u2")
    if len(content) - header.end() < width * height * depth * size.itemsize or not width * height:
        raise ValueError("cut off, or no image")
    values = np.frombuffer(content, size, width * height * depth, header.end()).reshape(height, width, depth)
    color = values[..., :3] if colors == 3 else values[..., :1].repeat(3, axis=2)
    return np.ascontiguousarray(color, size.newbyteorder("=")), white
