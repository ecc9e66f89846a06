"""Where a config may say auto."""

from __future__ import annotations

import pytest
from mmengine.config import Config
from runs import CONFIGS, training_arguments

from slotcon_mm.launch.auto_keys import auto_keys, expect_auto_where_known
from slotcon_mm.launch.configs import prepare

FOLDER = CONFIGS / "slotcon_r50_folder.py"
KNOWN = ["model.neck.num_prototypes", "train_dataloader.batch_size", "train_cfg.max_epochs"]


def test_the_folder_config_leaves_three_numbers_to_be_chosen():
    assert auto_keys(Config.fromfile(FOLDER)) == KNOWN
    assert auto_keys(Config.fromfile(CONFIGS / "slotcon_r50_coco.py")) == []


def test_another_auto_on_the_command_line_is_refused_with_the_keys_that_take_it():
    args = training_arguments(FOLDER, "--cfg-options", "optim_wrapper.optimizer.lr=auto")
    with pytest.raises(
        ValueError, match=r"expected a number for optim_wrapper.optimizer.lr, got 'auto', which"
    ) as said:
        prepare(args)
    assert all(key in str(said.value) for key in KNOWN)
    assert str(said.value).endswith("set it by --cfg-options optim_wrapper.optimizer.lr=NUMBER")


@pytest.mark.parametrize(
    "key", ["param_scheduler.warmup", "val_dataloader.batch_size", "model.slot_head.temperature", "train_cfg.max_iters"]
)
def test_numbers_of_every_part_are_looked_at(key):
    config = Config.fromfile(FOLDER)
    config.merge_from_dict({key: "auto"})
    with pytest.raises(ValueError, match=f"expected a number for {key}"):
        expect_auto_where_known(config, is_pretraining=True)


def test_models_of_other_packages_have_no_number_chosen():
    with pytest.raises(ValueError, match=r"train_cfg.max_epochs, got 'auto', which pretraining configs take"):
        expect_auto_where_known(dict(train_cfg=dict(max_epochs="auto")), is_pretraining=False)


def test_what_means_something_to_others_is_left_alone():
    config = Config.fromfile(FOLDER)
    config.model.backbone.bias = "auto"  # of mmcv's ConvModule
    config.default_hooks.checkpoint.save_best = "auto"
    config.train_dataloader.dataset.mode = "auto"
    assert auto_keys(config) == KNOWN
    detector = dict(model=dict(type="MaskRCNN", neck=dict(type="ChannelMapper", bias="auto")))
    expect_auto_where_known(detector, is_pretraining=False)
