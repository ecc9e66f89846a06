"""From a config to a runner: pretraining, mmdet and mmseg configs alike, on a GPU or a CPU."""

from __future__ import annotations

from typing import Any

from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from slotcon_mm.checks import RunStoppedError
from slotcon_mm.engine.model_of import model_of
from slotcon_mm.launch.configs import is_pretraining
from slotcon_mm.launch.console import ConsoleHook, show_user_lines
from slotcon_mm.launch.cpu_fallbacks import adapt_to_cpu
from slotcon_mm.launch.labeled_data.prepare import prepare_labeled_data
from slotcon_mm.launch.machine.compile_networks import compile_networks
from slotcon_mm.launch.machine.device import has_accelerator
from slotcon_mm.launch.machine.worker_signals import WorkerStart
from slotcon_mm.launch.network_checks import say
from slotcon_mm.launch.open_files import allow_open_files
from slotcon_mm.launch.tolerant_log import say_once_when_log_files_fail

__all__ = ["build_runner"]


class ConsoleRunner(Runner):
    """MMEngine's Runner, whose console shows a user's lines only, and whose loaders' workers outlive signals."""

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        logger = super().build_logger(*args, **kwargs)
        self.user_lines = show_user_lines(logger)
        return logger

    def scale_lr(self, optim_wrapper: Any, auto_scale_lr: dict[str, Any] | None = None) -> None:
        """Also of the settings that MMEngine keeps beside the groups, which the log shows as ``base_lr``."""
        aside = getattr(optim_wrapper, "base_param_settings", None)
        before = optim_wrapper.optimizer.param_groups[0]["lr"] if aside else 0.0
        super().scale_lr(optim_wrapper, auto_scale_lr)
        if aside and before:
            aside["lr"] *= optim_wrapper.optimizer.param_groups[0]["lr"] / before

    def resume(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().resume(*args, **kwargs)
        except ValueError as error:
            if "parameter group" not in str(error):  # of torch's optimizers
                raise
            raise RunStoppedError(
                "expected the groups of parameters whose state the checkpoint holds, got others: paramwise_cfg has "
                "changed, or which parts are trained (model.group_weight of 1 trains no slot head, "
                "model.backbone.frozen_stages). Start a new run from its weights with --pretrained"
            ) from error

    @staticmethod
    def build_dataloader(*args: Any, **kwargs: Any) -> DataLoader:
        loader = Runner.build_dataloader(*args, **kwargs)
        loader.worker_init_fn = WorkerStart(loader.worker_init_fn)
        return loader


def build_runner(config: Config, notes: list[str]) -> Runner:
    """A runner for this machine; ``notes`` and what the CPU needs are logged, a ``Caution`` as a warning."""
    if not has_accelerator():
        notes = notes + adapt_to_cpu(config)
    notes = notes + prepare_labeled_data(config) + allow_open_files(config)
    if isinstance(config.get("visualizer"), dict):
        # by a name of its own MMEngine (0.10.7) gives a second run in one process the first one's visualizer and folder
        config.visualizer.pop("name", None)
    runner = RUNNERS.build(config) if config.get("runner_type") else ConsoleRunner.from_cfg(config)
    lines = runner.user_lines if isinstance(runner, ConsoleRunner) else show_user_lines(runner.logger)
    runner.register_hook(ConsoleHook(lines))
    say_once_when_log_files_fail(runner.logger)
    if is_pretraining(config):
        notes = notes + compile_networks(model_of(runner), config.get("compile"))
        runner.cfg.compile = False  # MMEngine would compile the whole step, and each step anew
    for note in notes:
        say(runner.logger, note)
    return runner
