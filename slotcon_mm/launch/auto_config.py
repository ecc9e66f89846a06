"""Numbers in place of a config's ``auto``: for the images and the device, or those of a checkpoint."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any

from mmengine.config import Config

from slotcon_mm.checkpoints.run_facts import FACTS
from slotcon_mm.checkpoints.safe_loading import load_from_safe_local, state_dict_of
from slotcon_mm.checkpoints.view_size import views_of_config
from slotcon_mm.config_nodes import short_type
from slotcon_mm.datasets.unlabeled_image_dataset import UnlabeledImageDataset
from slotcon_mm.launch.auto_keys import AUTO, BATCH_SIZE, EPOCHS, PROTOTYPES, auto_keys
from slotcon_mm.launch.auto_settings import ON_A_CPU, Choice, choose_settings, epochs_from_weights, most_on_gpu
from slotcon_mm.launch.machine.device import has_accelerator, memory_of_smallest_gpu
from slotcon_mm.launch.machine.launchers import number_of_processes
from slotcon_mm.launch.run_length import beginning_options

__all__ = ["choose_auto", "keep_auto", "keep_prototypes"]


def choose_auto(config: Config, given: Collection[str] = ()) -> list[str]:
    """Chooses for a new run; changes ``config`` in place and returns a line for each number.

    Args:
        config: Of a new run.
        given: Keys that the user set.

    Raises:
        ValueError: It is not a folder or a list of images that is trained on, or there are none.
    """
    keys = auto_keys(config)
    if not keys:
        return []
    images = count_images(config)
    processes, micro_batches = number_of_processes(config.launcher), micro_batches_of(config)
    parts = processes * micro_batches
    chosen = choose_settings(images, parts, most_images(config))
    epochs = epochs_from_weights(chosen.epochs) if config.get("adaptation") else chosen.epochs
    found = {PROTOTYPES: chosen.prototypes, EPOCHS: epochs, BATCH_SIZE: chosen.batch_size}
    config.merge_from_dict({key: found[key].value for key in keys})
    shortened = shorten_beginning(config, given) if EPOCHS in keys else []
    product = f" on each of {processes} processes" if processes > 1 else ""
    product += f", {micro_batches} times a step" if micro_batches > 1 else ""
    said = {
        PROTOTYPES: f"{chosen.prototypes.value} prototypes",
        EPOCHS: f"{epochs.value:,} epochs",
        BATCH_SIZE: f"batches of {chosen.batch_size.value}{product}",
    }
    counted = f"{images:,} image{'s' * (images > 1)}"
    notes = [f"{counted}: {said[key]}, {found[key].reason} (otherwise: --cfg-options {key}=N)" for key in keys]
    notes += shortened
    return [*notes, *(learning_rate_of(config, chosen.batch_size.value * parts) if BATCH_SIZE in keys else [])]


def shorten_beginning(config: Config, given: Collection[str]) -> list[str]:
    """Warm-up, frozen prototypes and a rising temperature take a quarter of the chosen epochs at most."""
    options = beginning_options(config, config.train_cfg.max_epochs)
    options = {key: value for key, value in options.items() if key not in given}
    config.merge_from_dict(options)
    said = ", ".join(f"{key}={value:g}" for key, value in options.items())
    return [f"{said}, a quarter of the epochs (otherwise: --cfg-options KEY=N)"] if said else []


def count_images(config: Config) -> int:
    dataset = config.train_dataloader.dataset
    if short_type(dataset) != UnlabeledImageDataset.__name__:
        raise ValueError(
            f"expected slotcon_mm.{UnlabeledImageDataset.__name__} for the training images, whose number tells what "
            f"'{AUTO}' stands for, got {dataset.type}: set {', '.join(auto_keys(config))} to numbers"
        )
    return UnlabeledImageDataset.count_images(**{name: value for name, value in dataset.items() if name != "type"})


def micro_batches_of(config: Config) -> int:
    return int((config.get("optim_wrapper") or {}).get("accumulative_counts", 1))


def most_images(config: Config) -> Choice:
    """What a process's device takes at once."""
    if not has_accelerator():
        return ON_A_CPU
    backbone = config.model.backbone
    size = backbone.get("depth", backbone.get("arch", backbone.get("name")))
    return most_on_gpu(
        memory_of_smallest_gpu(),
        half=str(config.optim_wrapper.get("type")).rpartition(".")[2] == "AmpOptimWrapper",
        backbone=short_type(backbone) + (f"-{size}" if isinstance(size, int | str) else ""),
        view=views_of_config(config),
    )


def learning_rate_of(config: Config, images_a_step: int) -> list[str]:
    """A line that says what MMEngine will scale it to, where it follows the batch."""
    scaling = config.get("auto_scale_lr") or {}
    lr, base = (config.get("optim_wrapper") or {}).get("optimizer", {}).get("lr"), scaling.get("base_batch_size")
    if not scaling.get("enable") or not base or lr is None:
        return []
    return [
        f"learning rate {lr * images_a_step / base:g} = {lr:g} x {images_a_step} / {base}: it follows the images of a "
        f"step (otherwise: --cfg-options optim_wrapper.optimizer.lr=LR, for {base})"
    ]


def keep_auto(config: Config, checkpoint: Mapping[str, Any], file: str, given: Collection[str] = ()) -> list[str]:
    """Sets what a resumed run began with, however many images there are now; returns a line for the log.

    Args:
        config: Changed in place.
        checkpoint: The file that is resumed, as loaded; its tensors may be on the meta device.
        file: Its name.
        given: Keys that the user set.

    Raises:
        ValueError: The checkpoint does not tell.
    """
    keys = auto_keys(config)
    if not keys:
        return []
    facts = checkpoint.get("meta", {}).get(FACTS) or {}
    parts = number_of_processes(config.launcher) * micro_batches_of(config)
    found = {
        PROTOTYPES: prototypes_in(checkpoint),
        EPOCHS: facts.get("max_epochs"),
        # the whole batch stays; where it cannot be split, ``check_facts`` says so
        BATCH_SIZE: max(1, facts["world_size"] * facts["batch_size"] // parts) if facts else None,
    }
    for key in keys:
        if found[key] is None:
            raise ValueError(
                f"expected {file} to tell its {key}, which '{AUTO}' continues with, got none: set it by --cfg-options "
                f"{key}=NUMBER"
            )
    config.merge_from_dict({key: found[key] for key in keys})
    if EPOCHS in keys:
        shorten_beginning(config, given)
    numbers = ", ".join(f"{key}={found[key]}" for key in keys)
    return [f"--resume: {numbers}, as this run was begun with, however many images there are now"]


def keep_prototypes(config: Config) -> list[str]:
    """Sets K to that of the checkpoint which the whole model is filled from (``load_from``), if there is one."""
    file = config.get("load_from")
    if PROTOTYPES not in auto_keys(config) or not file or not os.path.isfile(file):
        return []
    found = prototypes_in(load_from_safe_local(file, "meta"))  # leaves tensors unread
    if found is None:
        return []
    config.merge_from_dict({PROTOTYPES: found})
    return [f"{found} prototypes, those of {file}"]


def prototypes_in(checkpoint: Mapping[str, Any]) -> int | None:
    """K of a checkpoint of this package's models."""
    prototypes = state_dict_of(checkpoint).get("neck.prototypes")
    return None if prototypes is None else len(prototypes)
