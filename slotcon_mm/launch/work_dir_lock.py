"""One training a work dir."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["lock_work_dir"]

NAME = ".training"


def lock_work_dir(work_dir: str | Path) -> IO[str] | None:
    """Holds a work dir for this process; the lock goes with the process, however that ends.

    A POSIX record lock: the system frees it on SIGKILL, worker processes do not inherit it, and NFS has it.

    Returns:
        The open file that holds the lock; None where the file system or Windows has no such locks.

    Raises:
        ValueError: Another training holds it; its process and machine are named.
    """
    folder = Path(work_dir)
    folder.mkdir(parents=True, exist_ok=True)
    if fcntl is None:
        print(f"warning: nothing keeps a second training out of {work_dir} on this system", file=sys.stderr)
        return None
    file = open(folder / NAME, "a+", encoding="utf-8")  # noqa: SIM115 - stays open as long as the process
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        file.seek(0)
        holder = file.read().strip() or "another process"
        file.close()
        raise ValueError(
            f"expected a work dir that no other training uses, got {work_dir}, which {holder} is using: wait for it, "
            "stop it, or pass another --work-dir"
        ) from None
    except OSError:
        file.close()
        return None
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
    file.flush()
    return file
