"""What is said if a package of OpenMMLab is missing: the one command that installs it."""

from __future__ import annotations

from importlib.util import find_spec

__all__ = ["COMMANDS", "is_installed", "require"]

COMMANDS = {
    "mmengine": "bash tools/setup_env.sh",
    "mmpretrain": "bash tools/setup_env.sh",
    "mmcv": "bash tools/setup_env.sh",
    "mmcv._ext": "bash tools/setup_env.sh det,seg",
    "mmdet": "bash tools/setup_env.sh det,seg",
    "mmseg": "bash tools/setup_env.sh det,seg",
    "safetensors": "bash tools/setup_env.sh",
    "timm": "python -m pip install timm",
}


def require(*modules: str, purpose: str) -> None:
    """ImportError with the command that installs it, for the first of ``modules`` that is absent.

    They cannot be plain pip requirements: an isolated build of mmcv silently lacks its compiled operators.
    """
    for module in modules:
        if not is_installed(module):
            raise ImportError(
                f"{purpose} needs {module}, which is not installed. In a checkout of slotcon_mm run\n"
                f"    {COMMANDS[module]}\n"
                "or elsewhere install the version that its tools/constraints.txt names, mmcv with --no-build-isolation"
            )


def is_installed(*modules: str) -> bool:
    """Whether all of them can be found; a parent package that is absent is no error."""
    return all(find_spec(m.partition(".")[0]) is not None and find_spec(m) is not None for m in modules)
