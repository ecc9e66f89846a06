"""A log or image that cannot be written does not end a training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import VISBACKENDS as ROOT_VISBACKENDS
from mmengine.visualization import BaseVisBackend

from slotcon_mm.registry import VISBACKENDS

__all__ = ["TolerantVisBackend", "tolerate_failing_backends"]


@VISBACKENDS.register_module()
class TolerantVisBackend(BaseVisBackend):
    """Another backend whose failures (a full disk, a lost network) are said once and passed over.

    It is asked again each time, so that it continues once the cause is gone.

    Args:
        backend: The other's config.
        save_dir: Its folder; MMEngine's visualizer fills it in.
    """

    def __init__(self, backend: dict[str, Any], save_dir: str | None = None) -> None:
        super().__init__(save_dir)
        self.backend = ROOT_VISBACKENDS.build(dict(backend, save_dir=backend.get("save_dir", save_dir)))
        self.warned = False

    @property
    def experiment(self) -> Any:
        return self.backend.experiment

    def _init_env(self) -> None:
        """The other does so when it is first used."""

    def add_config(self, config: Config, **kwargs: Any) -> None:
        self._attempt(self.backend.add_config, config, **kwargs)

    def add_graph(self, model: Any, data_batch: Any, **kwargs: Any) -> None:
        self._attempt(self.backend.add_graph, model, data_batch, **kwargs)

    def add_image(self, name: str, image: Any, step: int = 0, **kwargs: Any) -> None:
        self._attempt(self.backend.add_image, name, image, step, **kwargs)

    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        self._attempt(self.backend.add_scalar, name, value, step, **kwargs)

    def add_scalars(self, scalar_dict: dict, step: int = 0, file_path: str | None = None, **kwargs: Any) -> None:
        self._attempt(self.backend.add_scalars, scalar_dict, step, file_path, **kwargs)

    def close(self) -> None:
        self._attempt(self.backend.close)

    def _attempt(self, call: Callable, *args: Any, **kwargs: Any) -> None:
        try:
            call(*args, **kwargs)
        except Exception as error:  # whatever a backend and its service may raise
            if not self.warned:
                self.warned = True
                name = type(self.backend).__name__
                print_log(
                    f"{name} failed ({type(error).__name__}: {error}); training goes on, this is said once",
                    logger="current",
                    level=30,
                )


def tolerate_failing_backends(visualizer: dict[str, Any] | None) -> None:
    """Wraps every backend of a visualizer's config, in place; ``get_backend`` finds them by the names they had."""
    backends = (visualizer or {}).get("vis_backends") or []
    for i, backend in enumerate(backends):
        if backend["type"] != "slotcon_mm.TolerantVisBackend":
            name = backend.pop("name", backend["type"])
            backends[i] = dict(type="slotcon_mm.TolerantVisBackend", name=name, backend=backend)
