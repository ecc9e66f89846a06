"""Whether torch has kernels for a GPU: without, all checks pass, and the first operation fails."""

from __future__ import annotations

import re

import torch

__all__ = ["expect_kernels"]

# boards with memory of their own and those without (Jetson and the like) run no code of each other
EMBEDDED = ((5, 3), (6, 2), (7, 2), (8, 7))


def expect_kernels(index: int) -> None:
    """ValueError with the torch to install, where this one has no kernel for the GPU of that index."""
    if torch.version.hip:
        return  # AMD's names of architectures follow other rules
    capability, built_for = torch.cuda.get_device_capability(index), torch.cuda.get_arch_list()
    if any(runs_on(architecture, capability) for architecture in built_for):
        return
    raise ValueError(
        f"expected a torch with kernels for {torch.cuda.get_device_name(index)} (compute capability "
        f"{capability[0]}.{capability[1]}), got torch {torch.__version__} built for {' '.join(built_for)}: "
        f"{torch_for(capability)}; --device cpu leaves the GPU alone"
    )


def runs_on(architecture: str, capability: tuple[int, int]) -> bool:
    """Whether code for ``architecture`` runs on a GPU (CUDA C++ Programming Guide, "Compute Capabilities").

    ``sm_86`` is binary code: it runs on its major version, from its minor version on. ``compute_86`` is PTX, which the
    driver compiles for that version and any newer one. With the suffix ``a`` either is for one version alone, with
    ``f`` for one major version.
    """
    kind, digits, suffix = re.fullmatch(r"(sm|compute)_(\d+)([af]?)", architecture).groups()  # type: ignore[union-attr]
    built_for = divmod(int(digits), 10)
    if built_for == capability:
        return True
    if suffix == "a" or (kind == "sm" and (capability in EMBEDDED or built_for in EMBEDDED)):
        return False
    return built_for < capability and (built_for[0] == capability[0] or (kind == "compute" and not suffix))


def torch_for(capability: tuple[int, int]) -> str:
    """What to install, by what PyTorch's own builds have kernels for: CUDA 12.6's from 5.0 on, 12.8's from 7.0."""
    if capability >= (7, 5):
        return "install a newer torch, or one built for a newer CUDA (https://pytorch.org/get-started/locally)"
    if capability >= (5, 0):
        builds = "CUDA 12.6 or 12.8" if capability >= (7, 0) else "CUDA 12.6"
        return f"install a torch built for {builds} (https://pytorch.org/get-started/locally)"
    return "no torch that this package works with has any"
