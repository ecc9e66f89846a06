"""Overrides from the command line reach something or are refused."""

from __future__ import annotations

import pytest
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from runs import CONFIGS
from torch import nn

from slotcon_mm.launch.overrides import expect_known_arguments, merge_overrides, value_at


def config() -> Config:
    dataset = dict(data_root="data", folders=["train2017"])
    return Config(
        dict(
            data_root="data",
            train_dataloader=dict(batch_size=4, dataset=dataset),
            val_evaluator=dict(metric="bbox"),
        )
    )


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


OWN = {"classes": ["a b", "c"], "values": {"a b": [1, 2], "c": 5}}


@pytest.mark.parametrize("present", ["scenes", None, dict(classes=["x"], palette=["#000000"])])
def test_a_label_set_replaces_another_whole(present):
    cfg = Config(dict(test_dataloader=dict(dataset=dict(label_set=present))))
    merge_overrides(cfg, [f"test_dataloader.dataset.label_set={OWN}"])
    assert cfg.test_dataloader.dataset.label_set.to_dict() == OWN


def test_a_label_set_that_a_config_lacks_is_added_as_it_is():
    cfg = Config(dict(test_evaluator=[dict(type="slotcon_mm.GroupMetric")]))
    merge_overrides(cfg, [f"test_evaluator.0.label_set={OWN}"])
    assert cfg.test_evaluator[0].label_set.to_dict() == OWN


def test_other_dicts_are_merged():
    cfg = config()
    merge_overrides(cfg, ["train_dataloader.dataset={'indices': 3}"])
    assert cfg.train_dataloader.dataset.to_dict() == dict(data_root="data", folders=["train2017"], indices=3)


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
        ("train_dataloader.dataset.data_root=dict(a='/x/y')", dict(a="/x/y")),
        ("model.backbone=dict(type='ResNet', depth=18)", dict(type="ResNet", depth=18)),
        ("model.backbone.norm_cfg=dict(type='BN', a=dict(b=[1, 2]))", dict(type="BN", a=dict(b=[1, 2]))),
        ("compile.mode=reduce-overhead", "reduce-overhead"),
        ("train_dataloader.dataset.folders=[train 2017,unlabeled 2017]", ["train 2017", "unlabeled 2017"]),
        ("train_dataloader.dataset.folders=[2017,2018]", ["2017", "2018"]),
        ("train_dataloader.dataset.folders=2017", ["2017"]),
        ("train_dataloader.dataset.folders=['a,b']", ["a,b"]),
        ("train_dataloader.dataset.folders=None", None),
        ("train_dataloader.dataset.data_root=(new) images/x", "(new) images/x"),
        ("work_dir=2024", "2024"),
        ("work_dir=a,b", "a,b"),
        ("load_from=None", None),
        ("val_evaluator.metric=[bbox,segm]", ["bbox", "segm"]),
        ("train_dataloader.dataset.img_suffix=[/a b/c,1]", ["/a b/c", 1]),
        ("train_dataloader.dataset.data_root=(1)", "(1)"),
        ("train_dataloader.dataset.data_root=[x]", "[x]"),
        ("model.backbone.init_cfg.checkpoint=my weights,v2.pth", "my weights,v2.pth"),
        ("model.backbone.init_cfg.checkpoint=123", "123"),
        ("train_dataloader.dataset.metainfo.classes=traffic light,person", ["traffic light", "person"]),
        ("train_dataloader.dataset.metainfo.classes='traffic light', \"stop, sign\"", ["traffic light", "stop, sign"]),
        ('train_dataloader.dataset.folders=[2017,"a b"]', ["2017", "a b"]),
        ('train_dataloader.dataset.scale=[2017,"a b",c d]', [2017, "a b", "c d"]),
    ],
)
def test_what_a_shell_passes_is_taken_as_the_config_would_hold_it(argument, value):
    cfg = config()
    merge_overrides(cfg, [argument])
    found = value_at(cfg, argument.partition("=")[0])
    assert found == value
    assert type(found) is type(value) or isinstance(found, dict)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("custom_hooks.7.priority=1", r"expected an entry of custom_hooks in custom_hooks.7.priority, 0 to 0, got '7'"),
        ("custom_hooks.-1.priority=1", r"0 to 0, got '-1'"),
        ("val_evaluator.metrics.0=1", r"none, since the list is empty, got '0'"),
        (
            "model.backbone.strides.0=2",
            r"expected model.backbone.strides=..., the whole value, got .*is \(1, 2\), no dict",
        ),
        (
            "model.backbone.init_cfg.type=Pretrained",
            r"expected model.backbone.init_cfg=..., the whole value, .* is None",
        ),
        ("work_dir.x=1", r"expected work_dir=..., the whole value, got work_dir.x: work_dir is 'a'"),
        ("model.backbone.names.1=x", r"expected model.backbone.names=\[...\], the whole list, .*its entry 1 is 'b'"),
        ("custom_hooks.0=x", r"expected custom_hooks=\[...\], the whole list"),
    ],
)
def test_a_key_that_leads_nowhere_is_refused_with_what_to_set(option, message):
    backbone = dict(strides=(1, 2), names=["a", "b"], init_cfg=None)
    cfg = Config(dict(model=dict(backbone=backbone), custom_hooks=[dict(type="A")], work_dir="a"))
    cfg.val_evaluator = dict(metrics=[])
    with pytest.raises(ValueError, match=message):
        merge_overrides(cfg, [option])


def test_what_is_set_whole_may_be_entered_beside_it():
    cfg = Config(dict(model=dict(backbone=dict(init_cfg=None)), custom_hooks=[dict(type="A")]))
    merge_overrides(cfg, ["custom_hooks.0.b.c=1", "custom_hooks.0=dict(d=2)", "model.backbone.new.deep=3"])
    assert cfg.custom_hooks[0].to_dict() == dict(type="A", b=dict(c=1), d=2)
    assert cfg.model.backbone.new.deep == 3
    with pytest.raises(ValueError, match=r"expected custom_hooks or custom_hooks.0.b, got both"):
        merge_overrides(cfg, ["custom_hooks.0.b=1", "custom_hooks=[]"])


@pytest.mark.parametrize("text", ["dict(distance=features)", "f(a,b)", "[(a,b]", "[dict(a=1),dict(a=b)]"])
def test_a_value_that_cannot_be_read_is_refused_with_what_to_write(text):
    with pytest.raises(ValueError, match=r"a list or dict\(\.\.\.\) for --cfg-options, got .*quote texts"):
        merge_overrides(config(), [f"optim_wrapper.optimizer={text}"])


def test_an_argument_without_a_value_is_refused():
    with pytest.raises(ValueError, match=r"expected --cfg-options KEY=VALUE, got 'lr'"):
        merge_overrides(config(), ["lr", "=", "0.1"])


# Another type ---------------------------------------------------------------------------------------------------------

LARS = dict(type="slotcon_mm.LARS", lr=2.0, momentum=0.9, weight_decay=1e-5, trust_coefficient=0.001)


def pretraining() -> Config:
    return Config.fromfile(CONFIGS / "slotcon_r50_coco.py")


def test_another_optimizer_begins_with_its_own_defaults_and_what_goes_is_said():
    cfg = pretraining()
    (note,) = merge_overrides(cfg, ["optim_wrapper.optimizer.type=AdamW"])
    assert cfg.optim_wrapper.optimizer == dict(type="AdamW", lr=1e-3, weight_decay=0.01)
    assert note == (
        "optim_wrapper.optimizer: AdamW in place of slotcon_mm.LARS, without its lr=2.0, momentum=0.9, "
        "weight_decay=1e-05, trust_coefficient=0.001; AdamW's defaults hold: lr=0.001, weight_decay=0.01"
    )


def test_a_schedule_of_the_weight_decay_that_another_optimizer_keeps_is_said():
    cfg = Config.fromfile(CONFIGS / "slotmim_vit-s16_coco.py")
    _, note = merge_overrides(cfg, ["optim_wrapper.optimizer.type=slotcon_mm.LARS"])
    assert note.startswith("param_scheduler.1 still leads the weight decay to 0.4: set param_scheduler.1.final ")
    cfg = Config.fromfile(CONFIGS / "slotmim_vit-s16_coco.py")
    options = ["optim_wrapper.optimizer.type=slotcon_mm.LARS", "param_scheduler.1.final=1e-5"]
    assert len(merge_overrides(cfg, options)) == 1


@pytest.mark.parametrize("kind", ["Adam", "AdamW", "SGD", "RMSprop", "Adagrad", "mmpretrain.Lamb", "mmpretrain.LARS"])
def test_every_optimizer_can_be_built_with_what_is_left(kind):
    cfg = pretraining()
    merge_overrides(cfg, [f"optim_wrapper.optimizer.type={kind}", "optim_wrapper.type=OptimWrapper"])
    network = nn.Linear(2, 2)
    wrapper = build_optim_wrapper(network, cfg.optim_wrapper)
    assert type(wrapper.optimizer).__name__ == kind.rpartition(".")[2]


@pytest.mark.parametrize(
    "given",
    [
        ["optim_wrapper.optimizer.lr=1e-4", "optim_wrapper.optimizer.type=AdamW"],
        ["optim_wrapper.optimizer={'type': 'AdamW', 'lr': 1e-4}"],
    ],
)
def test_what_the_command_line_sets_for_it_holds(given):
    cfg = pretraining()
    (note,) = merge_overrides(cfg, given)
    assert cfg.optim_wrapper.optimizer == dict(type="AdamW", lr=1e-4, weight_decay=0.01)
    assert "lr=" not in note


def test_the_same_type_and_one_that_nothing_knows_change_nothing_else():
    for kind in (LARS["type"], "NoSuchOptimizer"):
        cfg = pretraining()
        assert merge_overrides(cfg, [f"optim_wrapper.optimizer.type={kind}"]) == []
        assert cfg.optim_wrapper.optimizer == {**LARS, "type": kind}


def test_a_wrapper_of_the_same_family_keeps_what_it_takes():
    cfg = pretraining()
    (note,) = merge_overrides(cfg, ["optim_wrapper.type=OptimWrapper"])
    assert cfg.optim_wrapper == dict(type="OptimWrapper", optimizer=LARS)
    assert "without its loss_scale='dynamic'" in note


def test_a_backbone_of_another_family_takes_nothing_over_and_one_of_the_same_keeps_what_it_takes():
    cfg = pretraining()
    merge_overrides(cfg, ["model.backbone.type=ConvNeXt", "model.backbone.arch=atto"])
    assert cfg.model.backbone == dict(type="ConvNeXt", arch="atto")
    cfg = pretraining()
    assert merge_overrides(cfg, ["model.backbone.type=ResNeXt"]) == []
    assert cfg.model.backbone == {**pretraining().model.backbone, "type": "ResNeXt"}


@pytest.mark.parametrize(("kind", "norm"), [("HRNet", dict(type="SyncBN")), ("ConvNeXt", None)])
def test_synchronized_batch_normalization_stays_in_backbones_that_have_batch_normalization(kind, norm):
    config = Config.fromfile(CONFIGS / "slotcon_r50_folder.py")
    assert config.model.backbone.norm_cfg.type == "SyncBN"
    merge_overrides(config, [f"model.backbone.type={kind}"])
    assert config.model.backbone.get("norm_cfg") == norm


def test_schedules_keep_what_both_take():
    cfg = pretraining()
    merge_overrides(cfg, ["param_scheduler.type=CosineAnnealingLR"])
    assert cfg.param_scheduler == dict(
        type="CosineAnnealingLR", eta_min=1e-6, by_epoch=True, convert_to_iter_based=True
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            dict(optim_wrapper=dict(optimizer=dict(type="AdamW"))),
            r"of AdamW in optim_wrapper.optimizer, got momentum, trust_co.*=dict\(_delete_=True, type='AdamW'",
        ),
        (
            dict(model=dict(backbone=dict(type="ConvNeXt"))),
            r"of ConvNeXt in model.backbone, got depth, zero_init_residual: ",
        ),
        (dict(model=dict(group_wieght=0.3)), r"of slotcon_mm.SlotCon in model, got group_wieght: "),
        (dict(model=dict(neck=dict(temp=0.3))), r"of slotcon_mm.GroupingNeck in model.neck, got temp: "),
    ],
)
def test_a_config_that_inherits_arguments_of_another_type_is_refused_with_what_to_write(change, message):
    cfg = pretraining()
    cfg.merge_from_dict(change)
    with pytest.raises(ValueError, match=message):
        expect_known_arguments(cfg)


def test_arguments_that_a_backbone_hands_to_another_library_pass():
    cfg = pretraining()
    wrapped = dict(type="mmpretrain.TIMMBackbone", model_name="resnet18", features_only=True, out_indices=(1, 4))
    cfg.merge_from_dict(dict(model=dict(backbone=dict(_delete_=True, **wrapped))))
    expect_known_arguments(cfg)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("**/*.py")), ids=lambda path: path.stem)
def test_the_shipped_configs_pass(path):
    if path.parent.name != "_base_":
        expect_known_arguments(Config.fromfile(path))


def test_a_number_in_place_of_auto_is_a_number():
    config = Config.fromfile(CONFIGS / "slotcon_r50_folder.py")
    merge_overrides(config, ["model.neck.num_prototypes=64", "train_cfg.max_epochs=9", "train_dataloader.batch_size=8"])
    assert config.model.neck.num_prototypes == 64
    assert config.train_cfg.max_epochs == 9
    assert config.train_dataloader.batch_size == 8


@pytest.mark.parametrize(
    ("place", "node", "message"),
    [
        ("auto_scale_lr", dict(enabled=False), "keys base_batch_size, enable in auto_scale_lr, got enabled"),
        ("env_cfg", dict(cudnn_benchmrk=False), "in env_cfg, got cudnn_benchmrk"),
    ],
)
def test_keys_that_mmengine_would_pass_over_are_refused(place, node, message):
    with pytest.raises(ValueError, match=message):
        expect_known_arguments(Config({place: node}))
