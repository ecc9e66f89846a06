"""Objects that training scripts leave in their files beside the weights, read as things that do nothing."""

from __future__ import annotations

from typing import Any

__all__ = ["inert_classes"]

# options, logs, numbers and paths, by the names under which pickles hold them
NAMES = (
    "argparse.Namespace",
    "mmengine.logging.history_buffer.HistoryBuffer",
    "mmengine.config.config.Config",
    "mmengine.config.config.ConfigDict",
    "numpy.core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy._core.multiarray._reconstruct",
    "numpy.ndarray",
    "numpy.dtype",
    "pathlib.PosixPath",
    "pathlib.WindowsPath",
    "collections.defaultdict",
    "omegaconf.dictconfig.DictConfig",
    "omegaconf.listconfig.ListConfig",
    "omegaconf.base.ContainerMetadata",
    "omegaconf.base.Metadata",
    "omegaconf.nodes.AnyNode",
    "yacs.config.CfgNode",
    "easydict.EasyDict",
    "typing.Any",
    # HistoryBuffer's pickle asks for its own methods by it; here it gives nothing
    "builtins.getattr",
    "__builtin__.getattr",
)


class Inert:
    """Takes whatever a pickle hands over, keeps nothing and runs nothing."""

    def __new__(cls, *given: Any, **named: Any) -> Inert:
        return super().__new__(cls)

    def __init__(self, *given: Any, **named: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        pass

    def extend(self, values: Any) -> None:
        pass


def inert_classes() -> list[type]:
    """A class for each name, to be allowed in torch's safe loader in place of what really has the name."""
    parts = [name.rpartition(".") for name in NAMES]
    return [type(short, (Inert,), {"__module__": module}) for module, _, short in parts]
