"""Which of a dataset's labeled images count: all, a published list, or some at random."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from mmengine.logging import print_log

from slotcon_mm.checks import listing
from slotcon_mm.datasets.label_files import read_labels
from slotcon_mm.datasets.label_sets import LabelSet
from slotcon_mm.datasets.splits import split_at_random
from slotcon_mm.text_files import as_utf8

__all__ = ["as_subset", "choose", "described", "is_curated"]

CURATED_SIDE, CURATED_STUFF = 360, 0.75
PARTS = ("train", "held-out")


def as_subset(given: str | Mapping[str, Any]) -> str | dict[str, Any]:
    """``LabelMapDataset``'s argument: a text as it is, or a dict with part, share and seed.

    Raises:
        ValueError: It is a dict with other keys, or another part.
    """
    if not isinstance(given, Mapping):
        return given
    if not {"part", "share"} <= set(given) <= {"part", "share", "seed"} or given["part"] not in PARTS:
        raise ValueError(
            f"expected subset=dict(part='train' or 'held-out', share=0.3, seed=0), where share is held out, got "
            f"{dict(given)}"
        )
    return dict(part=given["part"], share=given["share"], seed=given.get("seed", 0))


def described(subset: str | dict[str, Any]) -> str:
    """For messages."""
    if isinstance(subset, str):
        return subset
    return f"{subset['part']}, {subset['share']:g} held out at random (seed {subset['seed']})"


def choose(
    subset: str | dict[str, Any], images: list[dict[str, Any]], places: Sequence[str], label_set: LabelSet
) -> list[dict[str, Any]]:
    """The images of a subset.

    Args:
        subset: As ``as_subset`` returns it.
        images: With labels.
        places: Their paths below the folder of images.
        label_set: Theirs.

    Raises:
        ValueError: There is no such subset, or it is empty.
    """
    if subset == "all":
        return images
    if not isinstance(subset, str):
        parts = split_at_random(places, subset["share"], subset["seed"])
        return [images[i] for i in parts[PARTS.index(subset["part"])]]
    if subset == "curated":
        if "seg_map_path" not in images[0]:
            raise ValueError("expected label maps (data_prefix.seg_map_path) for subset='curated', got instances")
        chosen = [image for image in images if is_curated(read_labels(image["seg_map_path"], label_set), label_set)]
    else:
        chosen = listed(subset, images, places)
    if not chosen:
        raise ValueError(f"expected images for subset={subset!r}, got none of {len(images)}")
    return chosen


def is_curated(classes_HW: np.ndarray, label_set: LabelSet) -> bool:
    """The published rule, for the classes of one label map; pixels without a label count as stuff."""
    is_thing = label_set.is_thing()
    counts = np.bincount(classes_HW.ravel(), minlength=256)[: len(is_thing)]
    large = min(classes_HW.shape) >= CURATED_SIDE
    return large and classes_HW.size - int(counts[is_thing].sum()) >= CURATED_STUFF * classes_HW.size


def listed(path: str, images: list[dict[str, Any]], places: Sequence[str]) -> list[dict[str, Any]]:
    """Those that the text file names: by stem, file name or path, a line each. A line that names none is said."""
    if not Path(path).is_file():
        raise ValueError(
            f"expected subset='all', 'curated' or a text file of names, got {path!r}: or dict(part='train', share=0.3, "
            "seed=0)"
        )
    lines = as_utf8(Path(path).read_bytes(), path).decode(errors="surrogateescape").splitlines()
    wanted = {line.strip() for line in lines if line.strip()}
    chosen: list[dict[str, Any]] = []
    met: Counter[str] = Counter()
    for image, text in zip(images, places, strict=True):
        place = PurePosixPath(text)
        names = {place.stem, place.name, str(place), str(place.with_suffix(""))} & wanted
        if names:
            chosen.append(image)
            met.update(names)
    if several := sorted(name for name, count in met.items() if count > 1):
        print_log(
            f"{path}: {len(several)} of {len(wanted)} names are those of several images, which are all taken: "
            f"{listing(several, most=5)}. Write their paths below the folder of images to tell them apart",
            logger="current",
            level=30,
        )
    if missing := sorted(wanted - set(met)):
        print_log(
            f"{path}: {len(missing)} of {len(wanted)} names are those of no labeled image: {listing(missing, most=5)}",
            logger="current",
            level=30,
        )
    return chosen
