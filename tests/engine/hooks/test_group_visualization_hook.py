"""Groups of fixed images while training."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import tiny_slotcon

from slotcon_mm.engine.hooks.group_visualization_hook import GroupVisualizationHook
from slotcon_mm.registry import DATASETS


def runner_with(scenes, drawn: list) -> SimpleNamespace:
    dataset = DATASETS.build(
        dict(type="slotcon_mm.UnlabeledImageDataset", data_root=str(scenes), folders=["train2017"])
    )
    visualizer = SimpleNamespace(add_image=lambda name, image, step: drawn.append((name, image, step)))
    model = tiny_slotcon().float()
    loader = SimpleNamespace(dataset=dataset)
    views = dict(type="slotcon_mm.PairedViews", size=40)
    return SimpleNamespace(
        model=model, visualizer=visualizer, train_dataloader=loader, epoch=0, iter=0, max_epochs=5, message_hub=None,
        cfg=dict(train_dataloader=dict(dataset=dict(pipeline=[views]))),
    )  # fmt: skip


def test_the_same_images_are_drawn_before_every_second_epoch_and_at_the_end(scenes):
    drawn: list = []
    runner = runner_with(scenes, drawn)
    hook = GroupVisualizationHook(num_images=3, interval=2, size=48)
    before = {name: value.clone() for name, value in runner.model.state_dict().items()}
    hook.before_train(runner)
    for epoch in range(5):
        runner.epoch, runner.iter = epoch, 10 * (epoch + 1)
        hook.after_train_epoch(runner)
    assert [(name, step) for name, _, step in drawn] == [("groups", step) for step in (0, 2, 4, 5)]
    first, last = drawn[0][1], drawn[-1][1]
    assert first.shape == (96, 144, 3)
    np.testing.assert_array_equal(first[:48], last[:48])
    assert not np.array_equal(first[:48], first[48:])
    assert runner.model.training
    assert all(value.equal(before[name]) for name, value in runner.model.state_dict().items())


def test_images_of_another_folder_can_be_taken(scenes):
    drawn: list = []
    runner = runner_with(scenes, drawn)
    GroupVisualizationHook(images=str(scenes / "val2017"), num_images=99, size=32).before_train(runner)
    assert drawn[0][1].shape == (64, 6 * 32, 3)


def test_the_network_sees_images_at_the_size_of_the_views(scenes):
    drawn: list = []
    runner = runner_with(scenes, drawn)
    seen: list = []
    runner.model.teacher.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape)))
    GroupVisualizationHook(num_images=2, size=96).before_train(runner)
    assert seen == [(2, 3, 40, 40)]
    assert drawn[0][1].shape == (192, 192, 3)


def test_a_network_of_a_fixed_size_sees_them_at_that_of_its_views(scenes):
    drawn: list = []
    runner = runner_with(scenes, drawn)
    runner.cfg["train_dataloader"]["dataset"]["pipeline"][0]["size"] = (40, 80)

    def refuse(_, inputs):
        if tuple(inputs[0].shape[-2:]) != (40, 80):
            raise AssertionError("Input image size (40*40) doesn't match model (40*80)")

    runner.model.teacher.backbone.register_forward_pre_hook(refuse)
    GroupVisualizationHook(num_images=2, size=96).before_train(runner)
    assert drawn[0][1].shape == (192, 192, 3)


def test_a_model_that_learned_is_drawn_differently(scenes):
    drawn: list = []
    runner = runner_with(scenes, drawn)
    hook = GroupVisualizationHook(num_images=2, interval=1, size=48)
    hook.before_train(runner)
    with torch.no_grad():
        runner.model.teacher.neck.prototypes.copy_(torch.randn_like(runner.model.teacher.neck.prototypes))
    hook.after_train_epoch(runner)
    assert not np.array_equal(drawn[0][1], drawn[1][1])


def test_counts_are_positive():
    with pytest.raises(ValueError, match="interval above 0"):
        GroupVisualizationHook(interval=0)
