"""What would pass unseen or fail late, looked at before the first step of a training or a test."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from mmengine.dist import get_world_size
from mmengine.runner import EpochBasedTrainLoop, Runner

from slotcon_mm.checkpoints.config_changes import Change, changes_between
from slotcon_mm.checkpoints.filling import GivenWeights
from slotcon_mm.checkpoints.fit import check_fit, fitting_names
from slotcon_mm.checkpoints.plain_config import read_plain_config
from slotcon_mm.checkpoints.run_facts import FACTS, batch_size_of, check_facts, facts_of
from slotcon_mm.checkpoints.safe_loading import load_from_safe_local, state_dict_of
from slotcon_mm.checkpoints.view_size import find_step, views_of_config
from slotcon_mm.config_nodes import short_type
from slotcon_mm.datasets.orientations import turned_images
from slotcon_mm.engine.hooks.fill_backbone_hook import FillBackboneHook
from slotcon_mm.engine.hooks.rank_agreement_hook import expect_same_on_all_ranks
from slotcon_mm.engine.hooks.resumed_settings_hook import ResumedSettingsHook
from slotcon_mm.engine.model_of import model_of
from slotcon_mm.engine.optimizers.schedule import expect_warmup_within
from slotcon_mm.launch.backbone_checks import expect_masks_that_fit, expect_strides_of_patches, try_backbone
from slotcon_mm.launch.configs import HOSTS, is_pretraining
from slotcon_mm.launch.evaluation_while_training import LOOP_NAME, evaluation_changes
from slotcon_mm.launch.labeled_data.bit_depth import expect_visible_images
from slotcon_mm.launch.labeled_data.evaluator_files import expect_evaluator_file
from slotcon_mm.launch.labeled_data.files import expect_files, name_damaged_files
from slotcon_mm.launch.labeled_data.label_map_checks import try_labeled_samples
from slotcon_mm.launch.labeled_data.lists import expect_listed_images, say_what_endings_leave_out
from slotcon_mm.launch.machine.compiled_operators import expect_operators, expect_precision
from slotcon_mm.launch.network_checks import compare_networks, say
from slotcon_mm.launch.run_length import frozen_epochs
from slotcon_mm.launch.schedules import schedules_of_config, what_schedules_miss

__all__ = ["check_start", "check_test"]


def check_start(runner: Runner, given: GivenWeights | None = None) -> None:
    """ValueError for what would pass unseen or fail late: too few images, a long warm-up, another model's weights."""
    model = model_of(runner)
    expect_operators(model, runner.cfg.get("default_scope"))
    expect_evaluator_file(runner.cfg, "val_evaluator")
    expect_precision(runner.cfg.get("default_scope"), runner.cfg.get("optim_wrapper") or {})
    if given:
        expect_same_on_all_ranks("weights to start from", given.file)
        filling = given.fit(model)
        for note in filling.describe():
            runner.logger.info(note)
        runner.register_hook(FillBackboneHook(filling))
    expect_strides_of_patches(model)
    wrapper = runner.cfg.get("model_wrapper_cfg") or runner.cfg
    finds_unused = bool(wrapper.get("find_unused_parameters"))
    for note in try_backbone(model, views_of_config(runner.cfg), finds_unused=finds_unused):
        runner.logger.info(note)
    loader = open_training_images(runner)
    # with unlike GPUs in different machines, "auto" chooses for each
    expect_same_on_all_ranks("number of images of a batch", str(batch_size_of(loader)))
    if len(loader) == 0:
        raise ValueError(
            f"expected at least a batch of images, {batch_size_of(loader)} on each of {get_world_size()} processes, "
            f"got {len(loader.dataset)}: lower train_dataloader.batch_size or add images"
        )
    if is_pretraining(runner.cfg) and runner.cfg.get("sync_bn"):
        # MMEngine puts torch's layers in place of ours, which know of the two views and of rows that do not count
        raise ValueError(
            f"expected no sync_bn for pretraining, got {runner.cfg.sync_bn}: leave it out, and choose the norm by "
            "model.backbone.norm_cfg=dict(type='SyncBN')"
        )
    for place, schedule in schedules_of_config(runner.cfg).items():
        if short_type(schedule) == "WarmupCosineLR":
            expect_warmup_within(schedule["warmup"], runner.max_epochs, place)
    rises = runner.cfg.model.get("temperature_epochs") or 0
    if rises > runner.max_epochs:
        runner.logger.warning(
            f"model.temperature_epochs={rises} is more than the run's {runner.max_epochs} epochs: the teacher's "
            "temperature ends below that of model.neck"
        )
    for key, epochs in frozen_epochs(runner.cfg).items():
        if epochs >= runner.max_epochs:
            raise ValueError(
                f"expected {key} below the run's {runner.max_epochs} epochs, got {epochs}: the prototypes would never "
                f"learn; lower it by --cfg-options {key}={runner.max_epochs // 4}, or raise train_cfg.max_epochs"
            )
    loading = runner.cfg.get("train_dataloader")
    expect_masks_that_fit(model, *find_step(loading, "PairedViews", place="train_dataloader"))
    look_at_files(runner, loader.dataset)
    try_labeled_samples(loader.dataset)
    if runner.cfg.get("val_dataloader"):
        look_at_files(runner, runner.val_loop.dataloader.dataset)
    if runner.cfg.get("default_scope") == "mmseg" and runner.cfg.get("val_dataloader"):
        try_labeled_samples(runner.val_loop.dataloader.dataset)
    if short_type(runner.cfg.get("val_cfg") or {}) == LOOP_NAME:
        parts = runner.val_loop.parts
        try_labeled_samples(parts.train)
        try_labeled_samples(parts.held_out)
    if runner.cfg.get("default_scope") in HOSTS:
        say_what_is_turned(runner, loader.dataset)
    say_what_schedules_miss(runner)
    resume, path = bool(runner.cfg.get("resume")), runner.cfg.get("load_from")
    expect_same_on_all_ranks("checkpoint to start from", f"{path} (resume: {resume})")
    if not path or not os.path.isfile(path):
        return
    checkpoint = load_from_safe_local(path, "cpu")
    if resume:
        by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        meta = checkpoint.get("meta", {})
        saved, now = meta.get(FACTS) or {}, facts_of(runner)
        for note in check_facts(saved, {**now, **places_of(meta)}, by_epoch=by_epoch):
            runner.logger.warning(note)
        # a schedule without numbers of its own takes the run's length for them
        has_other_length = bool(saved) and any(saved.get(key) != now[key] for key in ("max_epochs", "max_iters"))
        follow_config(runner, meta.get("cfg"), replayed=has_other_length)
    weights, wanted = state_dict_of(checkpoint), model.state_dict()
    if resume:
        check_fit(wanted, weights, every=True)
    elif is_pretraining(runner.cfg):
        try:
            check_fit(wanted, weights, every=False)
        except ValueError as error:
            raise ValueError(
                f"{error}. To start from its backbone alone: python tools/convert_checkpoint.py backbone {path} FILE, "
                "then --pretrained FILE"
            ) from None
    elif not fitting_names(wanted, weights):  # heads of other classes may differ on purpose
        raise ValueError(f"expected weights of this model in load_from, got {path}: none of its tensors fits")


def places_of(meta: Mapping[str, Any]) -> dict[str, int]:
    """Epochs and steps that a checkpoint's run has done."""
    return {name: meta[name] for name in ("epoch", "iter") if name in meta}


def follow_config(runner: Runner, saved: str | None, *, replayed: bool = False) -> None:
    """Says what the config has changed since the checkpoint, all of which holds from here on.

    Args:
        runner: It resumes the checkpoint.
        saved: The config in the checkpoint.
        replayed: Whether schedules are to be replayed though none of their numbers has changed.

    Raises:
        ValueError: The optimizer is another one, whose state is not that of the checkpoint.
    """
    changes = say_changes(runner, saved) if saved else []
    if replayed or any(change.is_of_optimizer() for change in changes):
        runner.register_hook(ResumedSettingsHook())


def say_changes(runner: Runner, saved: str) -> list[Change]:
    then, now = read_plain_config(saved), read_plain_config(runner.cfg.pretty_text)
    changes = changes_between(then, now)
    for change in changes:
        if change.path == "optim_wrapper.optimizer.type":
            raise ValueError(
                f"expected the optimizer of the checkpoint, {change.then}, whose state is resumed, got {change.now}: "
                "start a new run from its weights with --pretrained"
            )
        runner.logger.warning(f"--resume: {change.describe()}; the run continues with what the config says now")
    if note := evaluation_changes(then, now):
        runner.logger.warning(note)
    return changes


def open_training_images(runner: Runner) -> Any:
    """The training's loader; its dataset is built here."""
    try:
        return runner.train_loop.dataloader
    except ValueError as error:
        if "need at least one array to concatenate" not in str(error):  # of MMEngine's list of no samples
            raise
        raise ValueError(
            "expected images for train_dataloader.dataset, got none: correct its data_root, data_prefix or ann_file, "
            "what its files' names end in (of mmseg's datasets img_suffix='.jpg' and seg_map_suffix='.png'), or its "
            "filter_cfg, which leaves out images without objects (filter_empty_gt) and small ones (min_size)"
        ) from None


def look_at_files(runner: Runner, dataset: Any) -> None:
    """Of mmdet's and mmseg's datasets: which images they take, and whether these can be seen once they are read."""
    scope = runner.cfg.get("default_scope")
    if scope not in HOSTS:
        return
    if scope == "mmseg":
        expect_listed_images(dataset)
        for note in say_what_endings_leave_out(dataset):
            runner.logger.warning(note)
    expect_files(dataset)
    name_damaged_files(dataset)
    expect_visible_images(dataset, runner.cfg)


def say_what_is_turned(runner: Runner, dataset: Any) -> None:
    def path_of(index: int) -> str:
        return str((dataset.get_data_info(index) or {}).get("img_path"))

    if turned := turned_images(len(dataset), path_of):
        runner.logger.warning(turned)


def say_what_schedules_miss(runner: Runner) -> None:
    for note in what_schedules_miss(runner.cfg, runner.max_epochs, runner.max_iters):
        runner.logger.warning(note)


def check_test(runner: Runner) -> None:
    """ValueError unless labels fit, and the checkpoint the whole model: MMEngine leaves at random what it lacks."""
    model = model_of(runner)
    expect_operators(model, runner.cfg.get("default_scope"))
    look_at_files(runner, runner.test_loop.dataloader.dataset)
    expect_evaluator_file(runner.cfg, "test_evaluator")
    try_labeled_samples(runner.test_loop.dataloader.dataset)
    path = runner.cfg.load_from
    checkpoint = load_from_safe_local(path, "cpu")
    check_fit(model.state_dict(), state_dict_of(checkpoint), every=True)
    if runner.cfg.model.get("backbone"):
        for note in compare_networks(runner.cfg, f"the checkpoint {path}", path, checkpoint=checkpoint):
            say(runner.logger, note)
