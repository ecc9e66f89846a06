"""Objects that training scripts leave in their files beside the weights, read as things that do nothing."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

__all__ = ["Inert", "inert_classes"]

# options, logs, numbers and paths, by the names under which pickles hold them
NAMES = (
    "argparse.Namespace",
    "mmengine.logging.history_buffer.HistoryBuffer",
    "mmengine.config.config.Config",
    "numpy.core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy._core.multiarray._reconstruct",
    "numpy.ndarray",
    "numpy.dtype",
    "pathlib.PosixPath",
    "pathlib.WindowsPath",
    "pathlib._local.PosixPath",  # Python 3.13 alone
    "pathlib._local.WindowsPath",
    "omegaconf.dictconfig.DictConfig",
    "omegaconf.listconfig.ListConfig",
    "omegaconf.base.ContainerMetadata",
    "omegaconf.base.Metadata",
    "omegaconf.nodes.AnyNode",
    "typing.Any",
    # what a defaultdict would make
    "builtins.list",
    "builtins.dict",
    "builtins.int",
    "builtins.float",
    # HistoryBuffer's pickle asks for its own methods by it; here it gives nothing
    "builtins.getattr",
    "__builtin__.getattr",
)
# dicts with habits, read as dicts: torch's safe loader puts items into nothing else (2.10 and later)
DICTS = (
    "collections.defaultdict",
    "mmengine.config.config.ConfigDict",
    "yacs.config.CfgNode",
    "easydict.EasyDict",
)


class Inert:
    """Takes whatever a pickle hands over, keeps nothing and runs nothing."""

    def __new__(cls, *given: Any, **named: Any) -> Inert:
        return super().__new__(cls)

    def __init__(self, *given: Any, **named: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


class PlainDict:
    """Makes a dict of the items that a pickle hands over, whatever else it hands over."""

    def __new__(cls, *given: Any, **named: Any) -> OrderedDict:  # type: ignore[misc]
        return OrderedDict(next((one for one in given if isinstance(one, dict)), {}))


def inert_classes() -> list[type]:
    """A class for each name, to be allowed in torch's safe loader in place of what really has the name."""
    return [named(name, kind) for names, kind in ((NAMES, Inert), (DICTS, PlainDict)) for name in names]


def named(name: str, kind: type) -> type:
    module, _, short = name.rpartition(".")
    return type(short, (kind,), {"__module__": module})
