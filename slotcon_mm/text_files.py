"""Texts that a user gives, in whichever of Unicode's encodings: Windows' editors and shells begin files with a mark."""

from __future__ import annotations

import codecs
import os

from slotcon_mm.checks import printable

__all__ = ["as_utf8", "expect_unmarked"]

# UTF-32's mark of the one order begins with UTF-16's
MARKS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
BEGINNING = 4096  # bytes


def as_utf8(content: bytes, path: str | os.PathLike[str]) -> bytes:
    """A text file's content in UTF-8 without a mark; bytes that are no UTF-8 stay, as names of files may have them.

    Args:
        content: Of the file.
        path: Of the file, for messages.

    Raises:
        ValueError: It is not in the encoding of its mark, or has bytes of value 0, as UTF-16 without a mark.
    """
    encoding = encoding_of(content)
    if encoding == "utf-8":
        content = content.removeprefix(codecs.BOM_UTF8)
    elif encoding:
        try:
            content = content.decode(encoding).encode()
        except UnicodeError as error:
            raise ValueError(
                f"expected {encoding.upper()} in {printable(os.fspath(path))}, as its first bytes say, got {error}: "
                "save it as UTF-8"
            ) from None
    if b"\0" in content:
        raise ValueError(
            f"expected a text file, got bytes of value 0 in {printable(os.fspath(path))}: save it as UTF-8"
        )
    return content


def expect_unmarked(path: str | os.PathLike[str], reader: str) -> None:
    """ValueError for a text file that is no plain UTF-8 and that ``reader``, a library, would get wrong; an absent one
    the library names."""
    if not os.path.isfile(path):
        return
    with open(path, "rb") as file:
        beginning = file.read(BEGINNING)
    encoding = encoding_of(beginning)
    if encoding or b"\0" in beginning:
        got = f"{encoding.upper()} with a mark (BOM) in its first bytes" if encoding else "bytes of value 0"
        raise ValueError(
            f"expected UTF-8 without a mark (BOM) in {printable(os.fspath(path))}, as {reader} reads it, got {got}: "
            "save it as plain UTF-8"
        )


def encoding_of(beginning: bytes) -> str:
    """That of a file's mark; empty where it has none."""
    return next((encoding for mark, encoding in MARKS if beginning.startswith(mark)), "")
