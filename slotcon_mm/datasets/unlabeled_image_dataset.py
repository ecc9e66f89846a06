"""A dataset of unlabeled images: every image below one or more folders, or those of a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dataset import BaseDataset

from slotcon_mm.checks import RunStoppedError, expect_share, listing
from slotcon_mm.datasets.image_files import UnreadableImageError
from slotcon_mm.datasets.image_lists import FoundImages, distinct, look_through, paths_of, read_list
from slotcon_mm.datasets.transforms.load_image import check_bit_depth
from slotcon_mm.registry import DATASETS

__all__ = ["UnlabeledImageDataset"]

# what ``count_images`` found below folders, by root and folders, until the dataset of these images takes it
counted: dict[tuple[str, ...], list[FoundImages]] = {}


@DATASETS.register_module()
class UnlabeledImageDataset(BaseDataset):
    """All images below ``data_root``, nested or not, as one sorted list; no annotation is read.

    They are JPEG, PNG, WebP, TIFF, BMP and PPM files. Hidden files and folders, and those of systems, are left out.

    Args:
        data_root: The folder.
        folders: Sub-folders to take, instead of all: COCO+ is ``('train2017', 'unlabeled2017')``.
        ann_file: A text file with an image's path, relative to ``data_root``, a line, instead of folders; such as
            ``tools/check_dataset.py`` writes. (As in all of MMEngine, it is itself looked for in ``data_root`` unless
            absolute.)
        unreadable: ``'stop'``: the run ends at the first image that cannot be read. ``'skip'``: another one takes its
            place, a function of its index alone, with the draws of the one that it replaces.
        max_unreadable: Share of the images from which on ``'skip'`` ends the run all the same.
        pipeline: Transforms, as in every MMEngine dataset.
        **kwargs: Of MMEngine's BaseDataset: ``indices``, ``max_refetch``, ``lazy_init``, ...
    """

    def __init__(
        self,
        data_root: str,
        folders: Sequence[str] = ("",),
        ann_file: str = "",
        unreadable: str = "stop",
        max_unreadable: float = 0.01,
        pipeline: Sequence[Any] = (),
        **kwargs: Any,
    ) -> None:
        if unreadable not in ("stop", "skip"):
            raise ValueError(f"expected unreadable='stop' or 'skip', got {unreadable!r}")
        if unheeded := sorted({"data_prefix", "filter_cfg"} & kwargs.keys()):
            raise ValueError(
                f"expected folders or ann_file to say which images below data_root to take, got {unheeded[0]}="
                f"{kwargs[unheeded[0]]!r}: write folders=('train2017',), say"
            )
        expect_share(max_unreadable=max_unreadable)
        self.folders = [folders] if isinstance(folders, str) else list(folders)
        self.unreadable, self.max_unreadable = unreadable, max_unreadable
        super().__init__(data_root=data_root, ann_file=ann_file, pipeline=list(pipeline), **kwargs)

    @classmethod
    def count_images(cls, **arguments: Any) -> int:
        """How many images a dataset of these arguments will have, before there is one.

        What lies below its folders is kept for that dataset: on slow disks it takes minutes to look through them.

        Raises:
            ValueError: As when the dataset is built.
        """
        named = cls(**{**arguments, "pipeline": (), "lazy_init": True})
        if named.ann_file:
            count = len(read_list(named.ann_file, named.data_root))
        else:
            found = look_through(named.data_root, named.folders)
            counted[(named.data_root, *named.folders)] = found
            count = len(distinct(found))
        chosen = named._indices
        if isinstance(chosen, int):
            return len(range(count)[:chosen] if chosen >= 0 else range(count)[chosen:])
        return count if chosen is None else len(chosen)

    def full_init(self) -> None:
        super().full_init()
        if not hasattr(self, "is_unreadable"):
            # in shared memory: worker processes find them, the main process counts them
            self.is_unreadable = torch.zeros(len(self), dtype=torch.bool).share_memory_()

    def load_data_list(self) -> list[dict[str, Any]]:
        if self.ann_file:
            paths = read_list(self.ann_file, self.data_root)
        else:
            found = counted.pop((self.data_root, *self.folders), None)
            paths = paths_of(found or look_through(self.data_root, self.folders))
        check_bit_depth(paths, self.pipeline)
        return [{"img_path": path} for path in paths]

    def prepare_data(self, idx: int) -> Any:
        info = self.get_data_info(idx)
        try:
            return self.pipeline(info)
        except UnreadableImageError:
            if self.unreadable == "stop":
                raise
        self.note_unreadable(idx)
        for attempt in range(self.max_refetch):
            other = int(np.random.default_rng([idx, attempt]).integers(len(self)))
            if self.is_unreadable[other]:
                continue
            try:
                return self.pipeline({**self.get_data_info(other), "sample_idx": info["sample_idx"]})
            except UnreadableImageError:
                self.note_unreadable(other)
        raise RunStoppedError(
            f"expected a readable image to replace {info['img_path']}, got none in {self.max_refetch} tries"
        )

    def note_unreadable(self, idx: int) -> None:
        """Raises RunStoppedError where there are more than ``max_unreadable``."""
        self.is_unreadable[idx] = True
        found = self.unreadable_images()
        if len(found) > self.max_unreadable * len(self):
            raise RunStoppedError(
                f"expected at most {self.max_unreadable:.2%} unreadable images (max_unreadable), got {len(found)} of "
                f"{len(self)}: {listing(found)}. tools/check_dataset.py lists them all"
            )

    def unreadable_images(self) -> list[str]:
        """Paths of those found so far, in the order of the list."""
        return [self.get_data_info(int(i))["img_path"] for i in self.is_unreadable.nonzero().flatten()]
