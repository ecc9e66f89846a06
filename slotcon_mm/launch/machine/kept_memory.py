"""Memory that a CPU training keeps between its steps."""

from __future__ import annotations

import ctypes
import os
import platform

__all__ = ["keep_freed_memory"]

# glibc's malloc.h
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
NEVER = -1


def keep_freed_memory() -> bool:
    """Lets this process reuse what it frees, instead of giving it back to the system; whether it does.

    A step on a CPU frees and asks for the same gigabytes again and again. By default glibc returns large tensors at
    once, and the system clears each page anew: 3 to 6 % of a ResNet-50 step. It stays for the life of the process, and
    is for steps of one size: of many sizes a heap may keep more than it needs.

    Nothing is done on another C library, or where the user's ``MALLOC_*`` variables say how memory is to be treated.
    """
    if platform.libc_ver()[0] != "glibc" or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    settings = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: NEVER}
    return all(ctypes.CDLL(None).mallopt(name, value) == 1 for name, value in settings.items())
