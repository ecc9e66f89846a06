"""What would pass unseen or fail late, looked at before the first step of a training or a test."""

from __future__ import annotations

import os
from typing import Any

from mmengine.dist import get_world_size
from mmengine.runner import EpochBasedTrainLoop, Runner

from slotcon_mm.checkpoints.filling import Filling
from slotcon_mm.checkpoints.fit import check_fit, fitting_names
from slotcon_mm.checkpoints.run_facts import FACTS, batch_size_of, check_facts, facts_of
from slotcon_mm.checkpoints.safe_loading import load_from_safe_local, state_dict_of
from slotcon_mm.engine.hooks.rank_agreement_hook import expect_same_on_all_ranks
from slotcon_mm.engine.hooks.verify_filling_hook import VerifyFillingHook
from slotcon_mm.engine.model_of import model_of
from slotcon_mm.engine.optimizers.schedule import expect_warmup_within
from slotcon_mm.launch.configs import is_pretraining

__all__ = ["check_start", "check_test"]


def check_start(runner: Runner, filling: Filling | None = None) -> None:
    """ValueError for what would pass unseen or fail late: too few images, a long warm-up, another model's weights."""
    model = model_of(runner)
    if filling:
        filling.check(model)
        runner.register_hook(VerifyFillingHook(filling))
    loader: Any = runner.train_loop.dataloader
    if len(loader) == 0:
        raise ValueError(
            f"expected at least a batch of images, {batch_size_of(loader)} on each of {get_world_size()} processes, "
            f"got {len(loader.dataset)}: lower train_dataloader.batch_size or add images"
        )
    if is_pretraining(runner.cfg) and not isinstance(runner.train_loop, EpochBasedTrainLoop):
        raise ValueError(
            "expected train_cfg.by_epoch=True for pretraining, got a loop by iterations: the draws "
            "of a sample depend on "
            "the epoch"
        )
    scheduler = runner.cfg.get("param_scheduler")
    if isinstance(scheduler, dict) and scheduler.get("type") == "slotcon_mm.WarmupCosineLR":
        expect_warmup_within(scheduler["warmup"], runner.max_epochs)
    resume, path = bool(runner.cfg.get("resume")), runner.cfg.get("load_from")
    expect_same_on_all_ranks("checkpoint to start from", f"{path} (resume: {resume})")
    if not path or not os.path.isfile(path):
        return
    checkpoint = load_from_safe_local(path, "cpu")
    if resume:
        by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        for note in check_facts(checkpoint.get("meta", {}).get(FACTS), facts_of(runner), by_epoch=by_epoch):
            runner.logger.warning(note)
    weights, wanted = state_dict_of(checkpoint), model.state_dict()
    if resume or is_pretraining(runner.cfg):
        check_fit(wanted, weights, every=resume)
    elif not fitting_names(wanted, weights):  # heads of other classes may differ on purpose
        raise ValueError(f"expected weights of this model in load_from, got {path}: none of its tensors fits")


def check_test(runner: Runner) -> None:
    """ValueError unless the checkpoint fills the whole model: MMEngine leaves at random what it lacks."""
    model = model_of(runner)
    check_fit(model.state_dict(), state_dict_of(load_from_safe_local(runner.cfg.load_from, "cpu")), every=True)
