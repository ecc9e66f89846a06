"""What a config says under ``adaptation``."""

from __future__ import annotations

import pytest
from mmengine.config import Config
from runs import CONFIGS

from slotcon_mm.launch.adaptation import adapt_gently


def config_with(**adaptation: object) -> Config:
    config = Config.fromfile(CONFIGS / "slotcon_r18_quickstart.py")
    config.adaptation = adaptation
    return config


def hooks_of(config: Config) -> dict[str, dict]:
    return {hook["type"]: dict(hook) for hook in config.custom_hooks}


def test_nothing_is_added_where_nothing_is_asked_for():
    for config in (Config.fromfile(CONFIGS / "slotcon_r18_quickstart.py"), config_with(heads_first=0.0)):
        before = len(config.custom_hooks)
        assert adapt_gently(config) == []
        assert len(config.custom_hooks) == before


def test_a_share_of_the_epochs_becomes_epochs_of_at_least_one():
    config = config_with(heads_first=0.1)
    assert adapt_gently(config) == ["adaptation: projector and prototypes learn alone for 3 of 30 epochs"]
    assert hooks_of(config)["slotcon_mm.HeadsFirstHook"]["epochs"] == 3
    config = config_with(heads_first=0.001)
    adapt_gently(config)
    assert hooks_of(config)["slotcon_mm.HeadsFirstHook"]["epochs"] == 1


@pytest.mark.parametrize(("epochs", "alone"), [(1, None), (2, 1), (3, 2)])
def test_the_backbone_learns_in_one_epoch_at_least(epochs, alone):
    config = config_with(heads_first=1.0)
    config.train_cfg.max_epochs = epochs
    adapt_gently(config)
    assert hooks_of(config).get("slotcon_mm.HeadsFirstHook", {}).get("epochs") == alone


def test_prototypes_from_clusters_are_a_hook_and_a_config_that_has_it_gets_no_second():
    config = config_with(cluster_prototypes=True)
    for _ in range(2):
        adapt_gently(config)
    kinds = [hook["type"] for hook in config.custom_hooks]
    assert kinds.count("slotcon_mm.PrototypeStartHook") == 1


def test_prototypes_that_come_with_the_weights_stay():
    config = config_with(cluster_prototypes=True)
    config.load_from = "epoch_9.pth"
    assert adapt_gently(config) == ["adaptation: prototypes start as those of epoch_9.pth"]
    assert "slotcon_mm.PrototypeStartHook" not in hooks_of(config)


@pytest.mark.parametrize(
    ("given", "message"), [(dict(heads_frist=1), "got heads_frist"), (dict(heads_first=2), r"heads_first in \[0, 1\]")]
)
def test_unknown_settings_and_shares_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        adapt_gently(config_with(**given))
