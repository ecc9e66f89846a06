"""Images and their label maps, and which of them are scored."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from slotcon_mm.datasets import subsets
from slotcon_mm.datasets.label_files import BadLabelMapError, read_labels
from slotcon_mm.datasets.label_map_dataset import LabelMapDataset
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
    write(tmp_path, "unlabeled_is_no_thing", maps(360, 400, 400, unlabeled_rows=101))
    assert load(tmp_path, "curated") == ["good", "unlabeled_is_no_thing"]


def test_a_list_of_names_is_followed(tmp_path):
    for name in "abc":
        write(tmp_path, name, maps(10, 10, 5))
    (tmp_path / "names.txt").write_text("c\na\n")
    assert load(tmp_path, str(tmp_path / "names.txt")) == ["a", "c"]
    with pytest.raises(ValueError, match=r"'all', 'curated' or a text file of names, got 'nowhere.txt'"):
        load(tmp_path, "nowhere.txt")
    (tmp_path / "names.txt").write_text("z\n")
    with pytest.raises(ValueError, match="got none of 3"):
        load(tmp_path, str(tmp_path / "names.txt"))


def test_names_in_a_list_may_have_spaces_an_extension_or_a_folder_and_those_of_nothing_are_said(tmp_path, monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(subsets, "print_log", lambda message, *_, **__: said.append(message))
    for name in ("two words", "sub/b", "sub/c.d", "e", "left out"):
        write(tmp_path, name, maps(10, 10, 5))
    names = tmp_path / "names.txt"
    names.write_text("two words\r\nsub/b.jpg\nsub/c.d\n  e.jpg\n\nno such name\nlef\n")
    assert load(tmp_path, str(names)) == ["e", "b", "c.d", "two words"]
    assert said == [f"{names}: 2 of 6 names are those of no labeled image: lef, no such name"]


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
    with pytest.raises(ValueError, match=r"bad.png: expected a readable label map"):
        read_labels(str(tmp_path / "bad.png"), LABEL_SETS["voc-21"])
    cv2.imwrite(str(tmp_path / "odd.png"), np.full((2, 2), 77, np.uint8))
    with pytest.raises(BadLabelMapError, match=r"odd.png: expected a label map .* 0 to 20, 255, got the value 77"):
        read_labels(str(tmp_path / "odd.png"), LABEL_SETS["voc-21"])
    cv2.imwrite(str(tmp_path / "rgb.png"), np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(ValueError, match=r"rgb.png: expected an 8-bit label map"):
        read_labels(str(tmp_path / "rgb.png"), LABEL_SETS["voc-21"])


@pytest.mark.parametrize("values", [[[0, 15], [255, 20]], [[0, 1], [1, 0]]])
def test_palette_files_are_read_by_index_as_voc_stores_its_classes(tmp_path, values):
    image = Image.fromarray(np.array(values, np.uint8), "P")
    image.putpalette([channel for i in range(256) for channel in (i * 37 % 256, i * 59 % 256, 255 - i)])
    image.save(tmp_path / "voc.png")
    assert read_labels(str(tmp_path / "voc.png"), LABEL_SETS["voc-21"]).tolist() == values


def test_files_of_one_bit_are_zeros_and_ones(tmp_path):
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "bits.png")
    assert read_labels(str(tmp_path / "bits.png"), LABEL_SETS["voc-21"]).tolist() == [[1, 0]]
