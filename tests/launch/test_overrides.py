"""Overrides from the command line reach something or are refused."""

from __future__ import annotations

import pytest
from mmengine.config import Config

from slotcon_mm.launch.overrides import merge_overrides, value_at


def config() -> Config:
    return Config(dict(data_root="data", train_dataloader=dict(batch_size=4, dataset=dict(data_root="data"))))


def test_an_override_of_what_the_runner_reads_is_merged():
    cfg = config()
    merge_overrides(cfg, {"train_dataloader.batch_size": 2, "randomness.seed": 5, "find_unused_parameters": True})
    assert cfg.train_dataloader.batch_size == 2
    assert cfg.randomness.seed == 5


def test_a_variable_that_nothing_reads_is_refused_with_the_place_that_is_read():
    with pytest.raises(ValueError, match=r"got data_root, which nothing reads: .*train_dataloader.dataset.data_root="):
        merge_overrides(config(), {"data_root": "elsewhere"})


def test_a_name_that_is_nowhere_is_refused():
    with pytest.raises(ValueError, match=r"nothing in .* is called so"):
        merge_overrides(config(), {"batch_size_typo": 3})


def test_no_overrides_are_fine():
    merge_overrides(config(), None)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("train_dataloader.dataset.data_root=my images, all/2024", "my images, all/2024"),
        ("train_dataloader.dataset.data_root=2024", "2024"),
        ("train_dataloader.dataset.data_root=1e5", "1e5"),
        ("train_dataloader.dataset.data_root='quoted'", "quoted"),
        ("train_dataloader.dataset.data_root=None", None),
        ("train_dataloader.dataset.data_root=['a', 'b']", ["a", "b"]),
        ("train_dataloader.dataset.ann_file=/tmp/a, b/c d.txt", "/tmp/a, b/c d.txt"),
        ("train_dataloader.dataset.img_suffix=a=b", "a=b"),
        ("train_dataloader.batch_size=8", 8),
        ("optim_wrapper.optimizer.lr=1e-3", 1e-3),
        ("randomness.seed=7", 7),
        ("resume=true", True),
        ("resume=False", False),
        ("train_dataloader.dataset.folders=[train2017,unlabeled2017]", ["train2017", "unlabeled2017"]),
        ("train_dataloader.dataset.scale=0.2,1.0", [0.2, 1.0]),
        ("train_dataloader.dataset.scale=(0.2, 1.0)", (0.2, 1.0)),
        ("model.backbone.norm_cfg={'type': 'BN'}", dict(type="BN")),
        ("compile.mode=reduce-overhead", "reduce-overhead"),
    ],
)
def test_what_a_shell_passes_is_taken_as_the_config_would_hold_it(argument, value):
    cfg = config()
    merge_overrides(cfg, [argument])
    found = value_at(cfg, argument.partition("=")[0])
    assert found == value
    assert type(found) is type(value) or isinstance(found, dict)


def test_an_argument_without_a_value_is_refused():
    with pytest.raises(ValueError, match=r"expected --cfg-options KEY=VALUE, got 'lr'"):
        merge_overrides(config(), ["lr", "=", "0.1"])
