"""Where a pipeline of mmdet or mmseg fails at a file, the error names that file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

from slotcon_mm.checks import printable
from slotcon_mm.datasets.image_files import UnreadableImageError, read_image, reason_of
from slotcon_mm.datasets.label_files import BadLabelMapError, read_values

__all__ = ["NamingPipeline"]


class NamingPipeline:
    """Another pipeline, whose errors at a damaged file say which it is and what is wrong with it.

    mmcv (2.1.0) decodes such an image to nothing, and fails at that: "'NoneType' object has no attribute 'shape'".

    Args:
        pipeline: Any that takes a sample's dict with ``img_path`` and ``seg_map_path``.
    """

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline

    def __call__(self, sample: dict[str, Any]) -> Any:
        try:
            return self.pipeline(sample)
        except Exception as error:  # transforms raise many kinds
            if told := damage_of(sample):
                raise told from error
            raise

    def __getattr__(self, name: str) -> Any:
        """What else a host asks of its pipeline (``transforms``)."""
        if name.startswith("__") or name == "pipeline":
            raise AttributeError(name)
        return getattr(self.pipeline, name)


def damage_of(sample: Mapping[str, Any]) -> ValueError | None:
    """What a user is told of the sample's files; None if they can be read, so that the fault lies elsewhere."""
    image, labels = sample.get("img_path"), sample.get("seg_map_path")
    if is_local(image):
        try:
            read_image(image, exif=False)
        except UnreadableImageError as error:
            return UnreadableImageError(
                f"expected a readable labeled image, got {printable(image)} ({reason_of(error)}): replace that file, "
                "or take it out of the annotations. tools/check_dataset.py FOLDER lists all such files"
            )
    if is_local(labels):
        try:
            read_values(labels)
        except UnreadableImageError as error:
            return BadLabelMapError(f"{printable(labels)}: expected a readable label map ({reason_of(error)})")
        except ValueError as error:
            return BadLabelMapError(f"{printable(labels)}: {error}")
    return None


def is_local(path: Any) -> TypeGuard[str]:
    """Whether it is a path of this machine's, not one in a storage that only the host can read."""
    return isinstance(path, str) and "://" not in path
