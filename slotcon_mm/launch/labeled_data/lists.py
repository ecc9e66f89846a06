"""Which images mmseg's and mmdet's datasets take: lists that name none, and endings that leave some out."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATASETS

from slotcon_mm.checks import listing, printable
from slotcon_mm.datasets.image_lists import EXTENSIONS, find_images
from slotcon_mm.datasets.image_samples import spread
from slotcon_mm.launch.configs import LOADERS
from slotcon_mm.launch.labeled_data.dataset_configs import annotation_file, datasets_within
from slotcon_mm.text_files import expect_unmarked

__all__ = ["expect_listed_images", "expect_plain_annotations", "parts_of", "say_what_endings_leave_out", "steps_of"]

TEXTS = ("", ".txt", ".json", ".csv", ".lst")  # what annotation files end in that are text
TRIED = 10_000  # lines of a list


def expect_plain_annotations(config: Config) -> None:
    """ValueError for a text of annotations with a mark of its encoding, which mmdet and mmseg take for a part of it."""
    for loader in LOADERS:
        for dataset in datasets_within((config.get(loader) or {}).get("dataset")):
            name = dataset.get("ann_file")
            if not (isinstance(name, str) and name and os.path.splitext(name)[1].lower() in TEXTS):
                continue
            if path := annotation_file(dataset):
                expect_unmarked(path, str(config.get("default_scope")))


def parts_of(dataset: Any) -> Iterator[Any]:
    """A dataset, or those that it is made of."""
    inner = getattr(dataset, "datasets", None) or [getattr(dataset, "dataset", None)]
    if inner[0] is None:
        yield dataset
        return
    for part in inner:
        yield from parts_of(part)


def steps_of(dataset: Any) -> Sequence[Any]:
    """Transforms of a built dataset's pipeline; none where it has no such pipeline."""
    return getattr(getattr(dataset, "pipeline", None), "transforms", None) or ()


def lists_by_suffix(dataset: Any) -> bool:
    """Whether it is a dataset of mmseg that finds its images as mmseg's BaseSegDataset does."""
    base = DATASETS.get("mmseg.BaseSegDataset")
    return isinstance(dataset, base) and type(dataset).load_data_list is base.load_data_list


def expect_listed_images(dataset: Any) -> None:
    """ValueError for a line of an mmseg dataset's list that names no image; list, line and fix are named."""
    for part in filter(lists_by_suffix, parts_of(dataset)):
        folder, path, suffix = part.data_prefix.get("img_path") or "", part.ann_file, part.img_suffix
        if not (path and os.path.isfile(path) and os.path.isdir(folder)):
            continue
        with open(path, encoding="utf-8") as file:
            lines = [line.strip() for line in file]
        for index, line in spread([*enumerate(lines)], TRIED):
            if not os.path.isfile(os.path.join(folder, line + suffix)):
                raise ValueError(
                    f"expected the name of an image in {printable(folder)} without its ending {suffix!r} (img_suffix) "
                    f"on each line of {printable(path)}, got {printable(line)!r} on line {index + 1}: "
                    f"{remedy(line, suffix)}"
                )


def remedy(line: str, suffix: str) -> str:
    if not line:
        return "remove that empty line"
    for ending in (suffix, *EXTENSIONS):
        if line.lower().endswith(ending.lower()):
            return f"write {printable(line[: -len(ending)])!r}, and so on the other lines"
    return "correct the line, img_suffix or data_prefix.img_path"


def say_what_endings_leave_out(dataset: Any) -> list[str]:
    """Lines for the log: images of folders that mmseg's datasets do not take, since they end in something else."""
    taken: defaultdict[str, set[str]] = defaultdict(set)
    maps: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for part in filter(lists_by_suffix, parts_of(dataset)):
        folder = part.data_prefix.get("img_path") or ""
        if os.path.isdir(folder) and not os.path.isfile(part.ann_file or ""):
            taken[folder].add(part.img_suffix)
            if labels := part.data_prefix.get("seg_map_path"):
                maps[folder].add((os.path.join(os.path.abspath(labels), ""), part.seg_map_suffix))
    return [note for folder in taken if (note := left_out(folder, taken[folder], maps[folder]))]


def left_out(folder: str, suffixes: Iterable[str], maps: Iterable[tuple[str, str]]) -> str:
    """A line for the log; empty where none is."""
    images = [
        path
        for path in find_images(folder).images
        if not any(os.path.abspath(path).startswith(labels) and path.endswith(suffix) for labels, suffix in maps)
    ]
    others = [path for path in images if not path.endswith(tuple(suffixes))]
    if not others:
        return ""
    endings = Counter(os.path.splitext(path)[1] for path in others)
    counts = ", ".join(f"{count} {printable(ending)}" for ending, count in endings.most_common(5))
    return (
        f"img_suffix={listing(sorted(suffixes))} takes {len(images) - len(others)} of {len(images)} images below "
        f"{printable(folder)} and leaves out {counts}: give all the same ending, or let a ConcatDataset have a dataset "
        "for each, with its img_suffix"
    )
