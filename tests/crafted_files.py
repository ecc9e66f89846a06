"""Files that nobody's torch would write: pickles put together by hand, in archives as ``torch.save`` writes them."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

__all__ = ["WEIGHT", "archive", "call", "dictionary", "named", "number", "tensor", "text", "together"]


def named(module: str, name: str) -> bytes:
    """What an import in the pickle would give."""
    return f"c{module}\n{name}\n".encode()


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def number(value: int) -> bytes:
    return b"\x8a\x08" + struct.pack("<q", value)


def together(*parts: bytes) -> bytes:
    """A tuple."""
    return b"(" + b"".join(parts) + b"t"


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + together(*arguments) + b"R"


def dictionary(**items: bytes) -> bytes:
    return b"}(" + b"".join(text(name) + value for name, value in items.items()) + b"u"


def storage(count: int = 1) -> bytes:
    """Floats of ``data/0``."""
    return together(text("storage"), named("torch", "FloatStorage"), text("0"), text("cpu"), number(count)) + b"Q"


def tensor(size: tuple[int, ...] = (1,), stride: tuple[int, ...] = (1,), count: int = 1) -> bytes:
    return call(
        named("torch._utils", "_rebuild_tensor_v2"), storage(count), number(0), together(*map(number, size)),
        together(*map(number, stride)), b"\x89", call(named("collections", "OrderedDict")),
    )  # fmt: skip


WEIGHT = tensor()


def archive(path: Path, contents: bytes, *, compressed: bool = False, **others: bytes) -> Path:
    """A file whose pickle is ``contents``; ``data/0`` holds a float of 0."""
    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    parts = {"data.pkl": b"\x80\x02" + contents + b".", "version": b"3\n", "byteorder": b"little", "data/0": bytes(4)}
    with zipfile.ZipFile(path, "w", kind) as file:
        for name, value in {**parts, **others}.items():
            file.writestr(f"archive/{name}", value)
    return path
