"""Weights that timm names: from the caches of timm and Hugging Face, or downloaded where that is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.dist import barrier, is_main_process
from mmengine.runner.checkpoint import CheckpointLoader

from slotcon_mm.checkpoints.safe_loading import load_from_safe_local
from slotcon_mm.requirements import require

__all__ = ["TIMM", "load_from_timm", "register_timm_weights"]

TIMM = "timm://"
FILES = ("model.safetensors", "pytorch_model.bin")  # of a repository of timm's, in the order that timm tries them


def register_timm_weights() -> None:
    """Makes it MMEngine's loader of ``timm://NAME``."""
    CheckpointLoader.register_scheme(prefixes=TIMM, loader=load_from_timm, force=True)


def load_from_timm(filename: str, map_location: Any = None) -> dict[str, Any]:
    """The weights of ``timm://NAME``, by the safe loaders.

    ``timm://resnet50.a1_in1k`` names weights: what is not on disk is downloaded once, into the cache that timm itself
    uses. ``timm://resnet50`` names a network only: its weights are taken if they are on disk, and never downloaded.

    Raises:
        ImportError: timm is not installed.
        ValueError: timm has no such network or no weights of it, or they are not on disk and were not asked for.
    """
    require("timm", purpose=filename)
    import timm

    name = filename.removeprefix(TIMM)
    weights = weights_of(name, timm)
    if is_main_process():
        found = find(name, weights, timm)
    barrier()  # the other processes find what the first one fetched
    if not is_main_process():
        found = find(name, weights, timm)
    return load_from_safe_local(str(found), map_location)


def weights_of(name: str, timm: Any) -> Any:
    """timm's notes on the weights of a name; those it would take itself, where the name is a network's alone."""
    from slotcon_mm.models.backbones.timm_features import expect_tag, unknown_network  # with mmpretrain's models

    if not timm.is_model(name):
        raise ValueError(unknown_network(name, timm))
    expect_tag(name, timm)
    if not timm.list_pretrained(f"{name.partition('.')[0]}.*"):
        raise ValueError(f"expected weights that timm {timm.__version__} offers (none), got {TIMM}{name}")
    return timm.get_pretrained_cfg(name)


def find(name: str, weights: Any, timm: Any) -> Path:
    """The file, on disk already or fetched."""
    found = find_on_disk(weights)
    if found is not None:
        return found
    network, _, tag = name.partition(".")
    if not tag:
        offered = ", ".join(f"timm://{one}" for one in timm.list_pretrained(f"{network}.*")[:5])
        raise ValueError(
            f"expected weights of {name} on disk, got none, and the name of a network alone downloads nothing: name "
            f"the weights, which downloads them ({offered})"
        )
    return fetch(weights)


def find_on_disk(weights: Any) -> Path | None:
    if weights.hf_hub_id:
        from huggingface_hub import try_to_load_from_cache

        repository, _, revision = weights.hf_hub_id.partition("@")
        for file in hub_files(weights):
            found = try_to_load_from_cache(repository, file, revision=revision or None)
            if isinstance(found, str):
                return Path(found)
    if weights.url:
        from timm.models._hub import get_cache_dir

        kept = Path(get_cache_dir()) / str(weights.url).rpartition("/")[2]
        return kept if kept.is_file() else None
    return None


def fetch(weights: Any) -> Path:
    """Downloaded as timm does it."""
    if not weights.hf_hub_id:
        from timm.models._hub import download_cached_file

        return Path(download_cached_file(weights.url))
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import EntryNotFoundError

    repository, _, revision = weights.hf_hub_id.partition("@")
    *others, last = hub_files(weights)
    for file in others:
        try:
            return Path(hf_hub_download(repository, file, revision=revision or None))
        except EntryNotFoundError:
            continue
    return Path(hf_hub_download(repository, last, revision=revision or None))


def hub_files(weights: Any) -> tuple[str, ...]:
    return (weights.hf_hub_filename,) if weights.hf_hub_filename else FILES
