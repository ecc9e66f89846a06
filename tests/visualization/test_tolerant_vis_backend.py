"""Backends may fail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import VISBACKENDS
from mmengine.visualization import LocalVisBackend, Visualizer

from slotcon_mm.visualization import tolerant_vis_backend
from slotcon_mm.visualization.tolerant_vis_backend import TolerantVisBackend, tolerate_failing_backends


@VISBACKENDS.register_module()
class BrokenBackend(LocalVisBackend):
    def fail(self, *args: Any, **kwargs: Any) -> None:
        raise ConnectionError("the service is away")

    add_config = add_graph = add_image = add_scalar = add_scalars = close = fail


@pytest.fixture
def said(monkeypatch) -> list[str]:
    messages: list[str] = []
    monkeypatch.setattr(tolerant_vis_backend, "print_log", lambda message, **kwargs: messages.append(message))
    return messages


def test_failures_are_said_once_and_passed_over(tmp_path, said):
    backend = TolerantVisBackend(dict(type="BrokenBackend"), str(tmp_path))
    backend.add_config(Config())
    backend.add_graph(None, [])
    backend.add_image("a", np.zeros((2, 2, 3), np.uint8))
    backend.add_scalar("a", 1.0)
    backend.add_scalars(dict(a=1.0))
    backend.close()
    assert said == ["BrokenBackend failed (ConnectionError: the service is away); training goes on, this is said once"]


def test_a_back_end_that_works_works_as_before_under_its_own_name(tmp_path, said):
    config = dict(
        type="Visualizer", vis_backends=[dict(type="LocalVisBackend"), dict(type="BrokenBackend", name="other")]
    )
    tolerate_failing_backends(config)
    tolerate_failing_backends(config)  # a config that was wrapped before stays as it is
    visualizer = Visualizer(name="v", save_dir=str(tmp_path), vis_backends=config["vis_backends"])
    visualizer.add_scalars(dict(loss=0.5), step=3, file_path="mine.json")
    visualizer.add_image("image", np.zeros((4, 4, 3), np.uint8), step=3)
    assert (tmp_path / "vis_data/mine.json").read_text() == '{"loss": 0.5, "step": 3}\n'
    assert (tmp_path / "vis_data/vis_image/image_3.png").is_file()
    assert visualizer.get_backend("LocalVisBackend").experiment is not None
    assert isinstance(visualizer.get_backend("other"), TolerantVisBackend)
    assert len(said) == 1


def test_a_config_without_back_ends_is_left_alone():
    tolerate_failing_backends(None)
    config = dict(type="Visualizer")
    tolerate_failing_backends(config)
    assert config == dict(type="Visualizer")
