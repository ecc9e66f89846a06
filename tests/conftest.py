"""Fixtures, and the rule that no test is left out without a word."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import mmengine.device.utils
import pytest
import torch
from hypothesis import settings
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope

import slotcon_mm  # noqa: F401
from slotcon_mm.datasets.scenes import write_scenes
from slotcon_mm.requirements import is_installed

settings.register_profile("any machine", deadline=None)  # how long an example takes is nobody's promise
settings.load_profile("any machine")

REPOSITORY = Path(__file__).parents[1]
MACHINES_DEVICE = mmengine.device.get_device()
CHOICES = ("CUDA_VISIBLE_DEVICES", "PYTORCH_NVML_BASED_CUDA_CHECK")  # select_device("cpu") sets them
WHOLE_RUNS = ("integration", "tools", "quickstart", "adaptation", "hooks")  # folders
GIVEN_CHOICES = {name: os.environ[name] for name in CHOICES if name in os.environ}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # whole runs first: of short tests the last ones leave no process waiting for another
    items.sort(key=lambda item: item.path.parent.name not in WHOLE_RUNS)
    for item in items:
        if "gpu" in item.keywords and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))
        if "hosts" in item.keywords and not is_installed("mmdet", "mmseg"):
            item.add_marker(pytest.mark.skip(reason="needs mmdet and mmseg"))
        if "real_images" in item.keywords and not os.environ.get("SLOTCON_TEST_DATA"):
            item.add_marker(pytest.mark.skip(reason="needs SLOTCON_TEST_DATA, a folder of images in COCO's layout"))


def pytest_collection_finish() -> None:
    """Modules stay: no collection need look at their 400,000 objects again, as the many that runs ask for would."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _gpu_is_there_again(request: pytest.FixtureRequest) -> None:
    """A test before may have asked for the CPU, which holds for the process."""
    if "gpu" in request.keywords:
        mmengine.device.utils.DEVICE = MACHINES_DEVICE
        for name in CHOICES:
            os.environ.pop(name, None)
        os.environ.update(GIVEN_CHOICES)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    """Two threads add in another order, and many runs are compared to the last bit; torch's pool outlives a fork."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _quiet_and_repeatable() -> Iterator[None]:
    torch.manual_seed(0)
    init_default_scope("mmpretrain")  # a runner of an earlier test may have left another
    MMLogger.get_current_instance().setLevel("WARNING")
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small dataset of generated scenes in COCO's layout."""
    root = tmp_path_factory.mktemp("scenes")
    write_scenes(root, num_train=16, num_val=6, width=128, height=96, seed=3, workers=1)
    return root


@pytest.fixture
def real_images() -> Path:
    return Path(os.environ["SLOTCON_TEST_DATA"])
