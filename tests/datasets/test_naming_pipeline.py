"""A file at which a pipeline of mmseg fails is named, in a worker too."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from mmcv.transforms import Compose, LoadImageFromFile
from torch.utils.data import DataLoader

from slotcon_mm.datasets.image_files import UnreadableImageError
from slotcon_mm.datasets.label_files import BadLabelMapError
from slotcon_mm.datasets.naming_pipeline import NamingPipeline


@pytest.fixture
def sample(tmp_path: Path) -> dict[str, Any]:
    paths = {name: str(tmp_path / name) for name in ("image.png", "labels.png")}
    for path in paths.values():
        cv2.imwrite(path, np.zeros((4, 4), np.uint8))
    return dict(img_path=paths["image.png"], seg_map_path=paths["labels.png"])


def damage(path: str) -> None:
    Path(path).write_bytes(Path(path).read_bytes()[:40])


def fail(sample: dict[str, Any]) -> None:
    raise AttributeError("'NoneType' object has no attribute 'shape'")


def test_an_image_that_cannot_be_read_is_named_with_the_reason(sample):
    damage(sample["img_path"])
    with pytest.raises(UnreadableImageError, match=r"image.png \(cut off, or no image\): replace that file") as told:
        NamingPipeline(Compose([LoadImageFromFile()]))(sample)
    assert "unreadable=skip" not in str(told.value)  # which labeled data do not have
    assert told.value.__cause__ is not None


@pytest.mark.parametrize("content", [b"", b"no image", None])
def test_a_label_map_that_cannot_be_read_is_named(sample, content):
    path = Path(sample["seg_map_path"])
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(BadLabelMapError, match=r"labels.png: expected a readable label map"):
        NamingPipeline(fail)(sample)


@pytest.mark.parametrize("changes", [{}, dict(img_path="s3://bucket/a.png"), dict(img_path=["a.png", "b.png"])])
def test_other_errors_stay_what_they_are(sample, changes):
    with pytest.raises(AttributeError, match="NoneType"):
        NamingPipeline(fail)({**sample, **changes})


def test_a_sample_passes_as_the_pipeline_makes_it(sample):
    pipeline = NamingPipeline(Compose([LoadImageFromFile()]))
    assert pipeline(sample)["img"].shape == (4, 4, 3)
    assert pipeline.transforms is pipeline.pipeline.transforms
    assert len(pickle.loads(pickle.dumps(pipeline)).transforms) == 1


class Samples(list[dict[str, Any]]):
    pipeline = NamingPipeline(Compose([LoadImageFromFile()]))

    def __getitem__(self, index: int) -> Any:  # type: ignore[override]
        return self.pipeline(super().__getitem__(index))


def test_a_worker_passes_it_on(sample):
    damage(sample["img_path"])
    with pytest.raises(UnreadableImageError, match=r"image.png \(cut off, or no image\)"):
        next(iter(DataLoader(Samples([sample]), num_workers=1)))
