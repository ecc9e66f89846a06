"""The dataset that scenes are written as."""

from __future__ import annotations

import json
from multiprocessing import get_context
from pathlib import Path

import cv2
import pytest
from processes import start_server
from pycocotools.coco import COCO

from slotcon_mm.datasets.scenes import CLASSES, STYLES, write_scenes, writer
from slotcon_mm.datasets.scenes.objects import THINGS


@pytest.fixture(scope="module", params=STYLES)
def scenes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scenes") / request.param
    write_scenes(root, num_train=4, num_val=6, width=128, height=96, seed=3, workers=1, style=request.param)
    return root


def test_the_layout_is_cocos(scenes):
    assert sorted(p.name for p in scenes.iterdir()) == ["annotations", "stuffthingmaps", "train2017", "val2017"]
    content = json.loads((scenes / "annotations/instances_train2017.json").read_text())
    assert [image["file_name"] for image in content["images"]] == sorted(
        p.name for p in (scenes / "train2017").iterdir()
    )
    coco = COCO(scenes / "annotations/instances_val2017.json")
    for annotation in coco.loadAnns(coco.getAnnIds()):
        mask = coco.annToMask(annotation).astype(bool)
        name = coco.loadImgs(annotation["image_id"])[0]["file_name"].replace("jpg", "png")
        labels = cv2.imread(str(scenes / "stuffthingmaps/val2017" / name), cv2.IMREAD_GRAYSCALE)
        assert (labels[mask] == annotation["category_id"] - 1).all()
        assert mask.sum() == annotation["area"]


@pytest.mark.parametrize(("style", "started"), zip(STYLES, ("spawn", "forkserver"), strict=True))
def test_the_same_seed_writes_the_same_files_whatever_the_number_of_workers(tmp_path, monkeypatch, style, started):
    if started == "forkserver":  # in a tenth of the time
        start_server()
        monkeypatch.setattr(writer, "get_context", lambda _: get_context(started))
    for name, workers in (("one", 1), ("two", 2)):
        write_scenes(tmp_path / name, num_train=3, num_val=1, width=64, height=64, workers=workers, style=style)
    for path in (tmp_path / "one").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


def test_every_style_has_the_same_classes_and_names_itself(scenes):
    content = json.loads((scenes / "annotations/instances_val2017.json").read_text())
    assert content["info"]["style"] == scenes.name
    assert content["categories"] == [dict(id=i, name=name) for i, name in enumerate(THINGS, start=1)]
    assert content["label_map"] == list(CLASSES)


def test_scenes_are_not_written_over_others(scenes):
    with pytest.raises(FileExistsError, match="remove it first"):
        write_scenes(scenes)


@pytest.mark.parametrize("arguments", [dict(num_train=0), dict(width=10), dict(workers=0)])
def test_sizes_out_of_range_are_refused(tmp_path, arguments):
    with pytest.raises(ValueError, match="expected"):
        write_scenes(tmp_path / "new", **arguments)


def test_an_unknown_style_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="one of day, night, got 'dusk'"):
        write_scenes(tmp_path / "new", style="dusk")
    assert not (tmp_path / "new").exists()
