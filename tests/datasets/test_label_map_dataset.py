"""Images and their label maps, and which of them are scored."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from slotcon_mm.datasets.label_map_dataset import LabelMapDataset, read_labels
from slotcon_mm.datasets.label_sets import LABEL_SETS

SKY, PERSON = 156, 0  # stuff and thing


def write(root: Path, name: str, labels: np.ndarray | None) -> None:
    height, width = (10, 10) if labels is None else labels.shape
    for folder in ("images", "labels"):
        (root / folder / name).parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(root / "images" / f"{name}.jpg"), np.zeros((height, width, 3), np.uint8))
    if labels is not None:
        cv2.imwrite(str(root / "labels" / f"{name}.png"), labels)


PREFIX = dict(img_path="images", seg_map_path="labels")


def load(root: Path, subset: str = "all", **kwargs: str) -> list[str]:
    dataset = LabelMapDataset(str(root), PREFIX, "coco-stuff-27", subset, **kwargs)
    return [Path(dataset.get_data_info(i)["img_path"]).stem for i in range(len(dataset))]


def maps(width: int, height: int, stuff_rows: int, unlabeled_rows: int = 0) -> np.ndarray:
    labels = np.full((height, width), PERSON, np.uint8)
    labels[:stuff_rows] = SKY
    labels[len(labels) - unlabeled_rows :] = 255
    return labels


def test_images_find_their_maps_also_in_sub_folders_and_those_without_are_left_out(tmp_path):
    for name in ("b", "sub/a"):
        write(tmp_path, name, maps(10, 10, 5))
    write(tmp_path, "unlabeled", None)
    assert load(tmp_path) == ["b", "a"]


def test_cityscapes_names_are_mapped(tmp_path):
    write(tmp_path, "town/x", maps(10, 10, 5))
    (tmp_path / "images/town/x.jpg").rename(tmp_path / "images/town/x_leftImg8bit.png")
    (tmp_path / "labels/town/x.png").rename(tmp_path / "labels/town/x_gtFine_labelIds.png")
    assert load(tmp_path, img_suffix="_leftImg8bit", seg_map_suffix="_gtFine_labelIds.png") == ["x_leftImg8bit"]


def test_the_curated_list_asks_for_size_and_for_three_quarters_of_stuff(tmp_path):
    write(tmp_path, "good", maps(360, 400, 300))
    write(tmp_path, "narrow", maps(359, 400, 400))
    write(tmp_path, "low", maps(400, 359, 359))
    write(tmp_path, "things", maps(360, 400, 299))
    write(tmp_path, "unlabeled_counts_as_no_stuff", maps(360, 400, 400, unlabeled_rows=101))
    assert load(tmp_path, "curated") == ["good"]


def test_a_list_of_names_is_followed(tmp_path):
    for name in "abc":
        write(tmp_path, name, maps(10, 10, 5))
    (tmp_path / "names.txt").write_text("c\na\n")
    assert load(tmp_path, str(tmp_path / "names.txt")) == ["a", "c"]
    (tmp_path / "names.txt").write_text("z\n")
    with pytest.raises(ValueError, match="got none of 3"):
        load(tmp_path, str(tmp_path / "names.txt"))


def test_what_is_scored_is_told_to_the_metric_without_a_warning(tmp_path, caplog):
    write(tmp_path, "a", maps(10, 10, 5))
    names = tmp_path / "names.txt"
    names.write_text("a\n")
    dataset = LabelMapDataset(str(tmp_path), PREFIX, "coco-stuff-27", str(names))
    assert dataset.metainfo["subset"] == str(names)
    assert dataset.metainfo["classes"] == LABEL_SETS["coco-stuff-27"].names
    assert "meta file" not in caplog.text


def test_what_cannot_be_scored_is_said(tmp_path):
    write(tmp_path, "a", None)
    with pytest.raises(ValueError, match=r"expected label maps like .*labels/a.png, got none"):
        load(tmp_path)
    with pytest.raises(ValueError, match=r"label set of coco-stuff-27.*got coco"):
        LabelMapDataset(str(tmp_path), PREFIX, "coco")
    with pytest.raises(
        ValueError, match=r"data_prefix=dict\(img_path=..., seg_map_path=...\), got {'img_path': 'images'}"
    ):
        LabelMapDataset(str(tmp_path), dict(img_path="images"), "coco-stuff-27")
    (tmp_path / "bad.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"readable label map, got .*bad.png"):
        read_labels(str(tmp_path / "bad.png"), LABEL_SETS["voc-21"])
    cv2.imwrite(str(tmp_path / "rgb.png"), np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(ValueError, match=r"rgb.png: expected an 8-bit label map"):
        read_labels(str(tmp_path / "rgb.png"), LABEL_SETS["voc-21"])
