"""What a config becomes without an accelerator."""

from __future__ import annotations

import pytest
from mmengine.config import Config
from mmengine.optim import AmpOptimWrapper

from slotcon_mm.launch.cpu_fallbacks import adapt_to_cpu, replace_sync_bn


@pytest.mark.parametrize("kind", ["AmpOptimWrapper", "mmengine.AmpOptimWrapper", AmpOptimWrapper])
def test_mixed_precision_becomes_fp32_and_says_so(kind):
    config = Config(dict(launcher="none", optim_wrapper=dict(type=kind, loss_scale="dynamic", optimizer={})))
    assert adapt_to_cpu(config) == ["CPU: training in fp32 instead of the config's automatic mixed precision"]
    assert config.optim_wrapper == dict(type="OptimWrapper", optimizer={})


def test_loaders_pin_no_memory_for_a_device_that_is_not_there():
    config = Config(dict(train_dataloader=dict(pin_memory=True), val_dataloader=None, test_dataloader=dict(x=1)))
    assert adapt_to_cpu(config) == []
    assert not config.train_dataloader.pin_memory
    assert config.test_dataloader == dict(x=1)


def test_a_plain_config_stays_as_it_is():
    config = Config(dict(optim_wrapper=dict(type="OptimWrapper")))
    assert adapt_to_cpu(config) == []


def test_sync_bn_of_other_models_becomes_bn_at_every_depth():
    model = dict(
        backbone=dict(norm_cfg=dict(type="SyncBN")),
        heads=[dict(norm_cfg=dict(type="mmengine.SyncBN"))],
        n=dict(type="GN"),
    )
    assert replace_sync_bn(model)
    assert model["backbone"]["norm_cfg"]["type"] == model["heads"][0]["norm_cfg"]["type"] == "BN"
    assert model["n"]["type"] == "GN"
    assert not replace_sync_bn(model)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, dict(type="MMDistributedDataParallel", broadcast_buffers=False, find_unused_parameters=False)),
        (
            dict(find_unused_parameters=True),
            dict(type="MMDistributedDataParallel", broadcast_buffers=False, find_unused_parameters=True),
        ),
        (dict(model_wrapper_cfg=dict(type="Mine")), dict(type="Mine")),
    ],
)
def test_processes_wrap_the_model_as_the_config_says(monkeypatch, given, expected):
    monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)
    monkeypatch.setattr("torch.distributed.get_world_size", lambda: 2)
    config = Config(dict(launcher="pytorch", model=dict(type="x"), **given))
    adapt_to_cpu(config)
    assert config.model_wrapper_cfg == dict(expected, device_ids=None)


def test_launchers_that_need_a_gpu_are_refused():
    with pytest.raises(ValueError, match="launcher 'pytorch' without an accelerator, got 'slurm'"):
        adapt_to_cpu(Config(dict(launcher="slurm", model=dict(type="x"))))
