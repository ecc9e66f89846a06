"""``auto`` in place of a number of a config: where it may stand, and where it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slotcon_mm.config_nodes import dicts_within

__all__ = ["AUTO", "BATCH_SIZE", "EPOCHS", "PROTOTYPES", "auto_keys", "expect_auto_where_known"]

AUTO = "auto"
PROTOTYPES, EPOCHS, BATCH_SIZE = "model.neck.num_prototypes", "train_cfg.max_epochs", "train_dataloader.batch_size"
# parts of a config that hold numbers, and what in them may hold an "auto" of its own meaning
ROOTS = {
    "model": "backbone",
    "train_dataloader": "dataset",
    "val_dataloader": "dataset",
    "test_dataloader": "dataset",
    "train_cfg": None,
    "optim_wrapper": None,
    "param_scheduler": None,
    "auto_scale_lr": None,
}
OWN = "slotcon_mm."  # in models of others, and in layers of mmcv's, "auto" has a meaning


def auto_keys(config: Mapping[str, Any]) -> list[str]:
    """Dotted keys of the numbers that a config leaves to be chosen."""
    found = []
    for root, leave_out in ROOTS.items():
        for place, node in dicts_within(config.get(root), root, leave_out=leave_out):
            if root != "model" or str(node.get("type")).startswith(OWN):
                found += [f"{place}.{key}" for key, value in node.items() if isinstance(value, str) and value == AUTO]
    return found


def expect_auto_where_known(config: Mapping[str, Any], *, is_pretraining: bool) -> None:
    """ValueError for an ``auto`` that nothing will put a number in place of."""
    known = (PROTOTYPES, EPOCHS, BATCH_SIZE) if is_pretraining else ()
    for key in auto_keys(config):
        if key not in known:
            raise ValueError(
                f"expected a number for {key}, got '{AUTO}', which pretraining configs take for {PROTOTYPES}, {EPOCHS} "
                f"and {BATCH_SIZE}: set it by --cfg-options {key}=NUMBER"
            )
