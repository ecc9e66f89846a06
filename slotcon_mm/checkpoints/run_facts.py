"""What a checkpoint notes of the run that wrote it, and what a run that resumes it must share."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from mmengine.dist import get_world_size
from mmengine.runner import Runner

from slotcon_mm.checkpoints import old_names
from slotcon_mm.checkpoints.old_names import renamed

__all__ = ["FACTS", "batch_size_of", "check_facts", "dataset_fingerprint", "facts_of"]

FACTS = "run"  # key in a checkpoint's meta


def facts_of(runner: Runner) -> dict[str, Any]:
    """Plain values; ``fingerprint`` stands for the list of the training images and their annotations, ``place`` for the
    batches of the current epoch that are done, ``validated`` for the step of the last validation."""
    loader: Any = runner.train_dataloader
    loop: Any = runner.train_loop
    return dict(
        world_size=get_world_size(),
        batch_size=batch_size_of(loader),
        max_epochs=int(runner.max_epochs),
        max_iters=int(runner.max_iters),
        images=len(loader.dataset),
        fingerprint=dataset_fingerprint(loader.dataset),
        micro_batches=getattr(loop, "micro_batches", 1),
        place=getattr(loop, "place", 0),
        validated=getattr(loop, "validated", 0),
    )


def batch_size_of(loader: Any) -> int:
    """Of a process; a loader with a batch sampler has none of its own. 0 where that does not tell."""
    size = loader.batch_size or getattr(loader.batch_sampler, "batch_size", 0)
    return sum(size) if isinstance(size, list | tuple) else int(size)  # mmdet: a number for each source


def dataset_fingerprint(dataset: Any) -> str:
    """16 hexadecimal digits of the sha256 of what a dataset lists: MMEngine's, and wrappers around them."""
    found = hashlib.sha256()
    add_listing(dataset, found)
    return found.hexdigest()[:16]


def add_listing(dataset: Any, found: Any) -> None:
    if hasattr(dataset, "datasets"):  # concatenated
        for part in dataset.datasets:
            add_listing(part, found)
    elif hasattr(dataset, "dataset"):  # repeated, balanced, seeded
        add_listing(dataset.dataset, found)
    elif isinstance(getattr(dataset, "data_bytes", None), np.ndarray) and dataset.serialize_data:
        found.update(dataset.data_bytes.tobytes())
    found.update(str(len(dataset)).encode())


def in_micro_batches(facts: dict[str, Any]) -> str:
    count = facts.get("micro_batches", 1)
    return f" (a step takes {count} of them, by accumulative_counts)" if count > 1 else ""


def check_facts(saved: dict[str, Any] | None, now: dict[str, Any], *, by_epoch: bool) -> list[str]:
    """Compares the run of a checkpoint with the one that resumes it.

    Returns:
        Lines for the log: what differs, and what comes of it.

    Raises:
        ValueError: The whole batch is another one, which no count of steps could be carried over to.
    """
    if not saved:
        return ["--resume: this checkpoint does not say which batch and images it was trained with"]
    saved = renamed(saved, old_names.FACTS)
    whole_then, whole_now = (facts["world_size"] * facts["batch_size"] for facts in (saved, now))
    if whole_then != whole_now:
        raise ValueError(
            f"expected the whole batch of the run that is resumed, {whole_then} = {saved['world_size']} processes x "
            f"{saved['batch_size']}, got {whole_now} = {now['world_size']} x {now['batch_size']}: set "
            f"train_dataloader.batch_size={whole_then // (now['world_size'] * now.get('micro_batches', 1)) or 1}"
            f"{in_micro_batches(now)}, or start a new run from its weights by --pretrained"
        )
    notes = []
    if saved["world_size"] != now["world_size"]:
        notes.append(
            f"--resume: {now['world_size']} processes instead of {saved['world_size']}, with the same whole batch: "
            "each step sees the same images, but the run is not the same bit for bit"
        )
    length = "max_epochs" if by_epoch else "max_iters"
    done = now.get("epoch" if by_epoch else "iter", 0)
    if done >= now[length]:
        notes.append(f"--resume: the run is at its end: {length} is {now[length]}, and {done} are done")
    elif saved[length] != now[length]:
        notes.append(
            f"--resume: {length} is {now[length]} instead of {saved[length]}: slotcon_mm's schedules of learning rate, "
            "weight decay and teacher follow the new length from here on, MMEngine's keep the numbers of the config. "
            f"The result differs from that of a run with {now[length]} from the start"
        )
    if saved["fingerprint"] != now["fingerprint"]:
        notes.append(
            f"--resume: the training images are not those of the checkpoint ({now['images']} now, "
            f"{saved['images']} then): their order and draws change, and so may the length of an epoch"
        )
    then, here = (facts["max_iters"] // max(facts["max_epochs"], 1) for facts in (saved, now))
    if by_epoch and then != here:
        notes.append(
            f"--resume: an epoch has {here} steps now and had {then}: steps are counted from here as if all epochs had "
            "had the new length, and schedules that go by steps follow that count. The result is not that of a run "
            "with these images from the start"
        )
    return notes
