"""Files that labeled datasets name: missing ones stop a run before its first step, damaged ones are named."""

from __future__ import annotations

import os
from typing import Any

from mmcv.transforms import LoadAnnotations

from slotcon_mm.checks import printable
from slotcon_mm.datasets.image_samples import spread
from slotcon_mm.datasets.naming_pipeline import NamingPipeline, is_local
from slotcon_mm.launch.labeled_data.lists import parts_of, steps_of

__all__ = ["expect_files", "name_damaged_files"]

TRIED = 10_000  # samples of a dataset: half a second on a local disk


def expect_files(dataset: Any) -> None:
    """Looks whether the files of a dataset's samples exist.

    Args:
        dataset: Built.

    Raises:
        ValueError: A file is missing; the first is named, with how many are.
    """
    for part in parts_of(dataset):
        if not (hasattr(part, "get_data_info") and reads_this_machine(part)):
            continue
        infos = [part.get_data_info(index) or {} for index in spread(range(len(part)), TRIED)]
        for key, kind in files_read_by(part).items():
            paths = [info[key] for info in infos if is_local(info.get(key))]
            missing = [path for path in paths if not os.path.exists(path)]
            if missing:
                raise ValueError(
                    f"expected the {kind}s that the {type(part).__name__} names, got no file for {len(missing)} of "
                    f"{len(paths)} looked at, {printable(missing[0])} for one: correct the dataset's data_root, "
                    "data_prefix or ann_file, or put the files there"
                )


def files_read_by(dataset: Any) -> dict[str, str]:
    """Keys of a sample's paths, and what lies there: label maps only where a step of the pipeline loads them."""
    loads_labels = any(isinstance(step, LoadAnnotations) for step in steps_of(dataset))
    return {"img_path": "image", **({"seg_map_path": "label map"} if loads_labels else {})}


def reads_this_machine(dataset: Any) -> bool:
    """Whether the pipeline opens files as they are, not through another storage."""
    backends = [getattr(step, key, None) for step in steps_of(dataset) for key in ("backend_args", "file_client_args")]
    return all(backend.get("backend") in ("local", "disk") for backend in backends if backend)


def name_damaged_files(dataset: Any) -> None:
    """Lets the pipelines of a dataset, or of those that it is made of, name a file at which they fail; in place."""
    for part in parts_of(dataset):
        if hasattr(part, "pipeline") and not isinstance(part.pipeline, NamingPipeline):
            part.pipeline = NamingPipeline(part.pipeline)
