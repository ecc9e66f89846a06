"""Memory that untrusted contents may make this process take."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch.nn.modules.module import register_module_module_registration_hook

from slotcon_mm.checkpoints.contents import flat_tensors
from slotcon_mm.checks import printable

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

__all__ = ["bounded_memory", "first_line", "network_of_file"]

# of a network that is built and run: bytes for each byte of its weights, and besides; and modules, of which the largest
# networks that were counted (EfficientNetV2-XL, ResNeSt-269, EfficientNet-L2, HRNet-W64) have 1,500 to 1,900
NETWORK, NETWORK_BESIDE = 4, 2**33
MOST_MODULES = 10_000


@contextmanager
def bounded_memory(most_bytes: int) -> Iterator[None]:
    """Within, the process may take so many bytes more than it has; what asks for more gets a MemoryError or torch's
    RuntimeError.

    On Linux only: other systems do not count as it does. Not around work on a GPU, whose driver sets aside addresses
    far beyond the memory that there is.
    """
    if resource is None or sys.platform != "linux":
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
    wanted = taken + most_bytes
    given = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min(wanted, *given) if given else wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def first_line(error: Exception) -> str:
    """What an error says, for a message."""
    said = str(error).strip()
    return f"{type(error).__name__}: {printable(said.splitlines()[0]) if said else 'no reason given'}"


@contextmanager
def network_of_file(checkpoint: Mapping[str, Any]) -> Iterator[None]:
    """Within, the network of a file is built and run: in memory that suits the file's weights, of no end of modules.

    Raises:
        ValueError: Its config makes a network of more, or none; whatever the network raised is its cause.
    """
    weights = sum(value.numel() * value.element_size() for value in flat_tensors(checkpoint).values())
    count = 0

    def expect_an_end(*registered: Any) -> None:
        nonlocal count
        count += 1
        if count > MOST_MODULES:
            raise ValueError(f"expected a network of at most {MOST_MODULES:,} modules in a file's config, got more")

    hook = register_module_module_registration_hook(expect_an_end)
    try:
        with bounded_memory(NETWORK * weights + NETWORK_BESIDE):
            yield
    except (ValueError, OSError, ImportError):  # which say what is missing
        raise
    except Exception as error:  # of a network that anybody may have written
        if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
            raise ValueError("a file's config makes a network that takes far more memory than its weights") from None
        raise ValueError(f"the network of a file's config cannot be built here ({first_line(error)})") from error
    finally:
        hook.remove()
