"""Loading checkpoint files without running what is in them."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor

__all__ = ["load_from_safe_local", "register_safe_loader", "state_dict_of"]


def load_from_safe_local(filename: str, map_location: str | Callable | torch.device | None = None) -> dict[str, Any]:
    """A checkpoint from a local path, by torch's safe loader on every version of torch.

    Raises:
        FileNotFoundError: No such file.
        ValueError: It holds more than tensors and plain Python values, or is no checkpoint at all.
    """
    path = os.path.expanduser(filename)
    if not os.path.isfile(path):
        raise FileNotFoundError(f"expected a checkpoint file, got {filename}, which does not exist")
    try:
        loaded = torch.load(path, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"expected tensors and plain Python values in {filename}, got other objects, which loading would run as "
            "code. Checkpoints that this package writes hold none. For the authors' files run "
            "tools/convert_checkpoint.py from-official; for another "
            "file that you trust, save its 'state_dict' anew with torch.save and load that."
            f"\ntorch says: {what_was_refused(error)}"
        ) from None
    except Exception as error:  # a damaged file can stumble anywhere in the unpickler
        raise ValueError(
            f"expected a checkpoint, got {filename}, which torch cannot read (cut off?): {error}"
        ) from error
    if not isinstance(loaded, dict):
        raise ValueError(f"expected a checkpoint, got a {type(loaded).__name__} in {filename}")
    return loaded


def what_was_refused(error: Exception) -> str:
    """What torch's message names; the rest of it advises to load the file all the same."""
    found = re.search(r"[Uu]nsupported (global: )?\w+ \S+", str(error))
    return found[0] if found else str(error).splitlines()[0]


def register_safe_loader() -> None:
    """Makes it MMEngine's loader of local files.

    MMEngine 0.10.7 calls ``torch.load`` with the version's default: unsafe before torch 2.6. (The log names a loader
    by its function's name from the tenth letter on.)
    """
    CheckpointLoader.register_scheme(prefixes="", loader=load_from_safe_local, force=True)


def state_dict_of(checkpoint: Mapping[str, Any]) -> Mapping[str, Tensor]:
    """The weights of a checkpoint, which may be nothing but weights."""
    return checkpoint.get("state_dict", checkpoint)
