"""The model inside of its wrapper."""

from __future__ import annotations

from types import SimpleNamespace

from mmengine.model import MMDistributedDataParallel
from torch import distributed, nn

from slotcon_mm.engine.model_of import model_of


def test_a_model_without_a_wrapper_is_itself():
    model = nn.Linear(2, 2)
    assert model_of(SimpleNamespace(model=model)) is model


def test_a_distributed_models_own_is_found(tmp_path):
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        model = nn.Linear(2, 2)
        assert model_of(SimpleNamespace(model=MMDistributedDataParallel(model))) is model
    finally:
        distributed.destroy_process_group()
