"""The one function that torch's safe loader hands to every file and that a file can keep busy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch._weights_only_unpickler as unpickler

__all__ = ["latin1_only"]

NAME = "_codecs.encode"


@contextmanager
def latin1_only() -> Iterator[None]:
    """Within, bytes in files are latin-1, as pickles of Python 3 write them.

    torch hands out ``_codecs.encode`` with every codec that Python has (2.11, no release ends it): punycode takes more
    than twenty seconds for 180 KB, and grows with the square.
    """
    allowed: dict[str, Any] = getattr(unpickler, "_get_allowed_globals", dict)()  # torch keeps it from call to call
    kept = allowed.get(NAME)
    if kept is None:
        yield
        return
    allowed[NAME] = encode_latin1
    try:
        yield
    finally:
        allowed[NAME] = kept


def encode_latin1(text: Any, codec: Any = "latin1") -> bytes:
    if codec not in ("latin1", "latin-1"):
        raise ValueError(f"expected bytes written as latin-1, got {codec!r}")
    return str(text).encode("latin-1")
