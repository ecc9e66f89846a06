"""Open files: a worker hands over each tensor of a batch as one, unless the batch is stacked."""

from __future__ import annotations

from typing import Any

from torch.multiprocessing import set_sharing_strategy

from slotcon_mm.config_nodes import short_type
from slotcon_mm.launch.configs import LOADERS

__all__ = ["allow_open_files"]

TENSORS = 4  # of a sample that is not stacked: an image, boxes, labels, and one more
BATCHES = 3  # that a process holds at once
OTHERS = 256  # open files for everything else
MACOS_MOST = 10_240  # where macOS says that there is no limit, it takes no more (OPEN_MAX in its setrlimit(2))


def allow_open_files(config: Any) -> list[str]:
    """Raises this process's limit on open files as far as the system allows; its workers inherit that.

    Beyond the limit a worker sends nothing, and its loader waits. Where the limit does not suffice for the largest
    batch, tensors are shared by names instead (PyTorch's ``file_system`` strategy, which leaves memory behind in
    /dev/shm if all processes are killed at once).

    Returns:
        A line for the log where that is so.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return []
    limit = raise_limit(resource)
    largest = max((unstacked_batch(config.get(name) or {}) for name in LOADERS), default=0)
    needed = OTHERS + BATCHES * TENSORS * largest
    if limit == resource.RLIM_INFINITY or needed <= limit:
        return []
    set_sharing_strategy("file_system")
    return [
        f"ulimit -n allows {limit} open files, and batches of {largest} may need {needed}: loaders share tensors by "
        "names in /dev/shm instead"
    ]


def raise_limit(resource: Any) -> int:
    """The limit on open files, by Python's ``resource``, as high as the system lets it be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for most in (hard, max(soft, MACOS_MOST)):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            return most
        except (ValueError, OSError):  # more than the system takes
            continue
    return soft


def unstacked_batch(loader: Any) -> int:
    """Samples of a loader's batch that its workers hand over one by one; 0 if they stack them."""
    stacks = short_type(loader.get("collate_fn") or {}) == "default_collate"
    if stacks or not loader.get("num_workers"):
        return 0
    size = loader.get("batch_size") or 0
    return sum(size) if isinstance(size, list | tuple) else int(size)
