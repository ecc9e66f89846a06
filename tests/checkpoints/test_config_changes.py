"""What differs between two configs, as far as it decides a run's result."""

from __future__ import annotations

from slotcon_mm.checkpoints.config_changes import WATCHING, Change, changes_between
from slotcon_mm.registry import HOOKS


def config(**changes: object) -> dict:
    found = dict(
        model=dict(type="SlotCon", group_weight=0.5, backbone=dict(depth=18, strides=(1, 2)), channels_last=True),
        optim_wrapper=dict(optimizer=dict(type="LARS", lr=2.0, weight_decay=1e-5)),
        param_scheduler=[dict(type="LinearLR", end=5), dict(type="MultiStepLR", milestones=[8, 11])],
        train_dataloader=dict(
            batch_size=4,
            num_workers=2,
            dataset=dict(data_root="a", pipeline=[dict(type="PairedViews", scale=(0.1, 1.0))]),
        ),
        work_dir="w",
    )
    for path, value in changes.items():
        node = found
        *parents, last = path.split("__")
        for name in parents:
            node = node[int(name) if name.isdigit() else name]
        node[int(last) if last.isdigit() else last] = value
    return found


def test_equal_configs_differ_in_nothing_also_if_a_tuple_became_a_list():
    assert changes_between(config(), config(model__backbone=dict(depth=18, strides=[1, 2]))) == []


def test_every_number_that_decides_the_result_is_found_with_both_values():
    now = config(
        model__group_weight=0.7, optim_wrapper__optimizer__lr=1.0, param_scheduler__1__milestones=[4, 5],
        train_dataloader__dataset__pipeline__0__scale=(0.2, 1.0),
    )  # fmt: skip
    assert changes_between(config(), now) == [
        Change("model.group_weight", 0.5, 0.7),
        Change("optim_wrapper.optimizer.lr", 2.0, 1.0),
        Change("param_scheduler.1.milestones", [8, 11], [4, 5]),
        Change("train_dataloader.dataset.pipeline.0.scale", [0.1, 1.0], [0.2, 1.0]),
    ]


def test_what_is_set_in_one_only_is_found():
    assert changes_between(config(), config(model__test_cfg=dict(flip=True))) == [
        Change("model.test_cfg.flip", "not set", True)
    ]
    assert changes_between(config(model__test_cfg=dict(flip=True)), config()) == [
        Change("model.test_cfg.flip", True, "not set")
    ]


def test_hooks_that_change_weights_count_wherever_they_stand_and_those_that_watch_do_not():
    given = [dict(type="slotcon_mm.FrozenPrototypesHook", epochs=1), dict(type="slotcon_mm.ThroughputHook")]
    then = config(custom_hooks=given)
    assert changes_between(then, config(custom_hooks=given[::-1])) == []
    assert changes_between(then, config(custom_hooks=given[:1])) == []
    now = config(custom_hooks=[dict(type="EMAHook"), dict(type="slotcon_mm.FrozenPrototypesHook", epochs=2)])
    assert changes_between(then, now) == [
        Change("custom_hooks.EMAHook.type", "not set", "EMAHook"),
        Change("custom_hooks.slotcon_mm.FrozenPrototypesHook.epochs", 1, 2),
    ]


def test_every_hook_that_is_said_to_watch_is_one():
    assert [name for name in WATCHING if HOOKS.get(name) is None] == []


def test_places_and_machines_do_not_count():
    now = config(
        work_dir="x", train_dataloader__num_workers=8, train_dataloader__batch_size=2, model__channels_last=False,
        train_dataloader__dataset__data_root="b",
    )  # fmt: skip
    assert changes_between(config(), now) == []


def test_what_the_optimizers_state_holds_is_known():
    assert Change("optim_wrapper.optimizer.lr", 1, 2).is_of_optimizer()
    assert Change("param_scheduler.0.end", 1, 2).is_of_optimizer()
    assert not Change("model.group_weight", 1, 2).is_of_optimizer()
    assert Change("model.group_weight", 0.5, 0.7).describe() == (
        "model.group_weight is 0.7 now and 0.5 in the checkpoint"
    )
