"""Loading checkpoint files without running what is in them."""

from __future__ import annotations

import json
import os
import pickle
import re
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import torch
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor

from slotcon_mm.checkpoints.archives import UnsafeArchiveError, expect_plain_archive
from slotcon_mm.checkpoints.bare_pickles import describe_bare_pickle, is_bare_pickle
from slotcon_mm.checkpoints.bounded_memory import bounded_memory
from slotcon_mm.checkpoints.codecs import latin1_only
from slotcon_mm.checkpoints.inert import inert_classes
from slotcon_mm.checkpoints.plain_contents import plain_contents
from slotcon_mm.requirements import require

__all__ = [
    "META", "load_from_safe_local", "load_weights", "meta_of", "read_pickle", "register_safe_loader",
    "state_dict_of",
]  # fmt: skip

META = "slotcon_mm"  # key of a safetensors file's metadata: what a checkpoint's ``meta`` holds, as JSON
MEMORY, MEMORY_BESIDE = 4, 2**31  # bytes that reading may take, for each byte of the file and besides


def load_from_safe_local(filename: str, map_location: str | Callable | torch.device | None = None) -> dict[str, Any]:
    """A checkpoint from a local path, by torch's safe loader on every version of torch, or by safetensors.

    Raises:
        FileNotFoundError: No such file.
        ValueError: It holds more than tensors and plain Python values, or is no checkpoint at all.
    """
    return load_safely(filename, map_location)


def load_weights(filename: str) -> dict[str, Any]:
    """As ``load_from_safe_local``, on the CPU, of files of any training script.

    Options, logs and paths that it left beside the weights (``inert.py``) are left out; they run nothing.
    """
    return load_safely(filename, "cpu", passed_over=inert_classes())


def load_safely(filename: str, map_location: Any, passed_over: list[type] | None = None) -> dict[str, Any]:
    path = os.path.expanduser(filename)
    if not os.path.isfile(path):
        raise FileNotFoundError(f"expected a checkpoint file, got {filename}, which does not exist")
    if path.endswith(".safetensors"):
        return load_safetensors(path, map_location)
    size = os.path.getsize(path)
    try:
        loaded = read_pickle(path, map_location, passed_over)
    except pickle.UnpicklingError as error:
        if is_bare_pickle(path):
            raise ValueError(describe_bare_pickle(filename)) from None
        raise ValueError(
            f"expected tensors and plain Python values in {filename}, got other objects, which loading would run as "
            "code. Checkpoints that this package writes hold none. For the authors' files run "
            "tools/convert_checkpoint.py from-official; for another "
            "file that you trust, save its 'state_dict' anew with torch.save and load that."
            f"\ntorch says: {what_was_refused(error)}"
        ) from None
    except UnsafeArchiveError as error:
        raise ValueError(f"expected a checkpoint, got {filename}: {error}") from None
    except MemoryError:
        raise ValueError(
            f"expected a checkpoint, got {filename}, which asks for far more memory than its {size:,} bytes"
        ) from None
    except Exception as error:  # a damaged file can stumble anywhere in the unpickler
        if is_bare_pickle(path):
            raise ValueError(describe_bare_pickle(filename)) from None
        raise ValueError(
            f"expected a checkpoint, got {filename}, which torch cannot read (cut off?): {first_sentence(error)}"
        ) from error
    if not isinstance(loaded, dict):
        raise ValueError(f"expected a checkpoint, got a {type(loaded).__name__} in {filename}")
    try:
        return plain_contents(loaded, size, shapes_only=str(map_location) == "meta")
    except ValueError as error:
        raise ValueError(f"expected tensors and plain Python values in {filename}, got {error}") from None


def read_pickle(path: str, map_location: Any, passed_over: list[type] | None = None) -> Any:
    """By torch's safe loader, in bounded memory where that can be told; ``passed_over`` are allowed besides.

    Raises:
        UnsafeArchiveError: Before torch opens it.
        MemoryError: It asks for far more than its size.
        Exception: As ``torch.load``, which stumbles over a damaged file in any way.
    """
    expect_plain_archive(path)
    bounded = str(map_location) in ("cpu", "meta")
    with (
        torch.serialization.safe_globals([*(passed_over or ())]),
        bounded_memory(MEMORY * os.path.getsize(path) + MEMORY_BESIDE) if bounded else nullcontext(),
        latin1_only(),
    ):
        try:
            return torch.load(path, map_location=map_location, weights_only=True)
        except RuntimeError as error:
            if "can't allocate memory" in str(error):
                raise MemoryError from error
            raise


def load_safetensors(path: str, map_location: Any) -> dict[str, Any]:
    """Tensors as ``state_dict``; and ``meta``, if this package wrote the file."""
    require("safetensors", purpose=path)
    from safetensors import SafetensorError, safe_open

    shapes_only = str(map_location) == "meta"
    try:
        with safe_open(path, framework="pt") as file:
            names, shown = list(file.keys()), file.metadata() or {}
            state = {name: shape_of(file, name) if shapes_only else file.get_tensor(name) for name in names}
        meta = json.loads(shown.get(META, "{}"))
    except (SafetensorError, ValueError, RecursionError) as error:
        raise ValueError(
            f"expected a checkpoint, got {path}, which safetensors cannot read (cut off?): {error}"
        ) from error
    if isinstance(map_location, str | torch.device) and not shapes_only:
        state = {name: value.to(map_location) for name, value in state.items()}
    return dict(state_dict=state, meta=meta if isinstance(meta, dict) else {})


def shape_of(file: Any, name: str) -> Tensor:
    """A tensor without memory."""
    return torch.empty(file.get_slice(name).get_shape(), device="meta")


def what_was_refused(error: Exception) -> str:
    """What torch's message names; the rest of it advises to load the file all the same."""
    found = re.search(r"([Uu]nsupported (?:global: )?\w+ \S+)", str(error))
    found = found or re.search(r"WeightsUnpickler error:\s*(\S.*)", str(error))
    return found[1] if found else first_sentence(error)


def first_sentence(error: Exception) -> str:
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return re.split(r"(?<=[a-z)])\. (?=[A-Z])", line)[0]


def register_safe_loader() -> None:
    """Makes it MMEngine's loader of local files.

    MMEngine 0.10.7 calls ``torch.load`` as it is, without a bound of memory and without a word on what a file may hold.
    (The log names a loader by its function's name from the tenth letter on.)
    """
    CheckpointLoader.register_scheme(prefixes="", loader=load_from_safe_local, force=True)


def state_dict_of(checkpoint: Mapping[str, Any]) -> Mapping[str, Tensor]:
    """The weights of a checkpoint, which may be nothing but weights.

    Raises:
        ValueError: What is kept under that name are no weights by their names.
    """
    weights = checkpoint.get("state_dict", checkpoint)
    if not isinstance(weights, Mapping) or not all(isinstance(name, str) for name in weights):
        raise ValueError("expected weights by their names in a checkpoint's 'state_dict', got something else")
    return weights


def meta_of(checkpoint: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a checkpoint notes of itself; empty where it is no such dict."""
    meta = checkpoint.get("meta")
    return meta if isinstance(meta, Mapping) else {}
