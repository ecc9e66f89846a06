"""Memory that forked loader workers go on sharing with the process that made them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["objects_shared_with_workers"]


@contextmanager
def objects_shared_with_workers() -> Iterator[None]:
    """In this block, Python's garbage collector leaves alone what exists at its beginning.

    A collection writes to every object that it looks at. In a forked worker each such write copies a page, until the
    worker has all modules of its parent for itself: some 100 MB with torch and the hosts loaded. Where the collector
    leaves objects alone already, that stays as it is.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
