"""What a config needs to run without an accelerator; each change is said in one line."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import torch
from mmengine.config import Config

from slotcon_mm.config_nodes import dicts_within, short_type
from slotcon_mm.launch.configs import LOADERS, is_pretraining
from slotcon_mm.launch.resumable import PROCESSES_WAIT_SECONDS

__all__ = ["adapt_to_cpu"]

SYNCHRONIZED = ("SyncBN", "SyncBatchNorm")  # as configs name it, and torch's class


def adapt_to_cpu(config: Config) -> list[str]:
    """fp32 for AMP, gloo for NCCL, BN for SyncBN where a model is not ours, pageable memory; returns what is said."""
    notes = []
    for name in LOADERS:
        loader = config.get(name)
        if loader and loader.get("pin_memory"):
            loader.pin_memory = False  # torch warns of it without a device
    optim_wrapper = config.get("optim_wrapper") or {}
    if short_type(optim_wrapper) == "AmpOptimWrapper":
        optim_wrapper["type"] = "OptimWrapper"
        for name in ("loss_scale", "dtype", "use_fsdp"):
            optim_wrapper.pop(name, None)
        notes.append("CPU: training in fp32 instead of the config's automatic mixed precision")
    if config.get("launcher", "none") != "none":
        notes += adapt_processes(config)
    return notes


def adapt_processes(config: Config) -> list[str]:
    if config.launcher != "pytorch":
        raise ValueError(f"expected launcher 'pytorch' without an accelerator, got '{config.launcher}'")
    if not torch.distributed.is_initialized():
        # MMEngine's own start sets a CUDA device; with a group in place it starts none
        torch.distributed.init_process_group("gloo", timeout=timedelta(seconds=PROCESSES_WAIT_SECONDS))
    given = config.get("model_wrapper_cfg") or dict(
        type="MMDistributedDataParallel",
        broadcast_buffers=False,
        find_unused_parameters=config.get("find_unused_parameters", False),
    )
    config.model_wrapper_cfg = {**given, "device_ids": None}
    notes = [f"CPU: {torch.distributed.get_world_size()} processes by gloo instead of NCCL"]
    if is_pretraining(config):
        notes.append("CPU: SyncBN by slotcon_mm's all-reduce of count, sum and squared deviations")
    elif replace_sync_bn(config.model):
        notes.append("CPU: BN instead of SyncBN, which torch has on GPUs only; statistics are each process's own")
    return notes


def replace_sync_bn(node: Any) -> bool:
    """Sets every norm of type SyncBN below ``node`` to BN; whether there was one."""
    found = [norm for _, norm in dicts_within(node) if short_type(norm) in SYNCHRONIZED]
    for norm in found:
        norm["type"] = "BN"
    return bool(found)
