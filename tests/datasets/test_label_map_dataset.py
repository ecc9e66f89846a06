"""Images and their label maps, and which of them are scored."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import ConfigDict
from PIL import Image
from torch.utils.data import DataLoader

from slotcon_mm.datasets import LoadImage, LoadInstances, LoadLabels, label_map_dataset, subsets
from slotcon_mm.datasets.label_files import BadLabelMapError, read_labels
from slotcon_mm.datasets.label_map_dataset import LabelMapDataset
from slotcon_mm.datasets.label_sets import LABEL_SETS
from slotcon_mm.datasets.splits import split_at_random

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


@pytest.mark.parametrize(("images", "labels"), [("{}", "{}"), ("./images", "./images"), ("images", "{}")])
def test_label_maps_beside_their_images_are_no_images(tmp_path, monkeypatch, images, labels):
    monkeypatch.chdir(tmp_path)
    said = []
    monkeypatch.setattr(label_map_dataset, "say", said.append)
    for name in "ab":
        write(tmp_path, name, maps(10, 10, 5))
        (tmp_path / f"labels/{name}.png").rename(tmp_path / f"images/{name}.png")
    folder = tmp_path / "images"
    prefix = dict(img_path=images.format(folder), seg_map_path=labels.format(folder))
    dataset = LabelMapDataset("", prefix, "coco-stuff-27")
    found = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [Path(one["img_path"]).name for one in found] == ["a.jpg", "b.jpg"]
    assert [Path(one["seg_map_path"]).name for one in found] == ["a.png", "b.png"]
    assert said == [f"2 of 4 files below {prefix['img_path']} are label maps and are not read as images"]


def test_label_maps_alone_are_refused(tmp_path):
    write(tmp_path, "a", maps(10, 10, 5))
    with pytest.raises(ValueError, match=r"for each of 1 files below .*labels the file itself as its label map"):
        LabelMapDataset(str(tmp_path), dict(img_path="labels", seg_map_path="labels"), "coco-stuff-27").load_data_list()


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
    said.clear()
    for encoding in ("utf-8-sig", "utf-16"):
        names.write_text("two words\nsub/b\n", encoding=encoding)
        assert load(tmp_path, str(names)) == ["b", "two words"]
    assert said == []


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


def write_instances(root: Path, names: list[str], **annotation: object) -> None:
    """Images of 10 x 10 pixels, each with a dog in its upper left quarter, and what the file says of them."""
    for name in names:
        write(root, name, None)
    square = [[0, 0, 5, 0, 5, 5, 0, 5]]
    images = [dict(id=i, file_name=f"{name}.jpg", height=10, width=10) for i, name in enumerate(names)]
    annotations = [
        dict(dict(id=i, image_id=i, category_id=18, segmentation=square), **annotation) for i in range(len(names))
    ]
    content = dict(images=images, annotations=annotations, categories=[dict(id=18, name="dog"), dict(id=1, name="cat")])
    (root / "instances.json").write_text(json.dumps(content))


PIPELINE = [LoadImage(exif=False), LoadLabels(), LoadInstances()]


def test_instances_of_a_json_are_labels_and_images_that_it_does_not_list_are_left_out(tmp_path, monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(label_map_dataset, "print_log", lambda message, *_, **__: said.append(message))
    write_instances(tmp_path, ["b", "sub/a"])
    write(tmp_path, "sub/b", None)
    dataset = LabelMapDataset(
        str(tmp_path), dict(img_path="images"), ann_file="instances.json", pipeline=PIPELINE, serialize_data=False
    )
    assert said == [f"1 of 3 images are not listed in {tmp_path}/instances.json, and are left out"]
    assert dataset.metainfo["classes"] == ("background", "cat", "dog")
    assert dataset.metainfo["things"] == ("cat", "dog")
    assert [Path(sample["img_path"]).name for sample in dataset] == ["b.jpg", "a.jpg"]
    expected = np.zeros((10, 10), int)
    expected[:5, :5] = 1
    for sample in dataset:
        assert (sample["gt_sem_seg"] == 2 * expected).all()
        assert (sample["gt_instances"] == expected).all()


def test_an_image_that_is_listed_and_is_not_there_is_said(tmp_path, monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(label_map_dataset, "print_log", lambda message, *_, **__: said.append(message))
    write_instances(tmp_path, ["a", "b"])
    (tmp_path / "images/b.jpg").unlink()
    assert len(LabelMapDataset(str(tmp_path), dict(img_path="images"), ann_file="instances.json")) == 1
    assert said == [f"1 of 2 images that {tmp_path}/instances.json lists are not below {tmp_path}/images"]


def test_with_label_maps_a_json_is_for_instances_only(tmp_path):
    write_instances(tmp_path, ["a"])
    write(tmp_path, "a", np.full((10, 10), 7, np.uint8))
    dataset = LabelMapDataset(str(tmp_path), PREFIX, "voc-21", ann_file="instances.json", pipeline=PIPELINE)
    sample = dataset[0]
    assert (sample["gt_sem_seg"] == 7).all()
    assert sample["gt_instances"].sum() == 25
    assert dataset.metainfo["classes"] == LABEL_SETS["voc-21"].names


@pytest.mark.parametrize("workers", [0, 2])
def test_labels_of_a_set_of_ones_own_are_the_same_in_every_process(workers, tmp_path):
    for i in range(4):
        write(tmp_path, str(i), np.full((10, 10), 40 + i, np.uint8))
    given = ConfigDict(classes=["a", "b"], values=dict(a=[40, 42], b=41), ignore=[43])
    dataset = LabelMapDataset(str(tmp_path), PREFIX, given, pipeline=PIPELINE[:2])
    loader = DataLoader(dataset, batch_size=None, num_workers=workers, collate_fn=lambda sample: sample)
    assert [int(np.unique(sample["gt_sem_seg"]).item()) for sample in loader] == [0, 1, 0, 255]


def test_label_maps_in_colors_are_classes(tmp_path):
    write(tmp_path, "a", None)
    Image.new("RGB", (10, 10), (1, 2, 3)).save(tmp_path / "labels/a.png")
    label_set = dict(classes=["a", "b"], palette=["#000000", "#010203"])
    dataset = LabelMapDataset(str(tmp_path), PREFIX, label_set, pipeline=PIPELINE[:2])
    assert (dataset[0]["gt_sem_seg"] == 1).all()


def test_a_random_split_has_two_parts_by_paths_below_the_folder(tmp_path):
    names = [f"{folder}/{i}" for folder in ("x", "y") for i in range(5)]
    for name in names:
        write(tmp_path, name, maps(10, 10, 5))
    parts = {}
    for part in ("train", "held-out"):
        dataset = LabelMapDataset(str(tmp_path), PREFIX, "coco-stuff-27", ConfigDict(part=part, share=0.3, seed=1))
        images = [Path(dataset.get_data_info(i)["img_path"]) for i in range(len(dataset))]
        parts[part] = [path.relative_to(tmp_path / "images").as_posix() for path in images]
        assert dataset.metainfo["subset"] == f"{part}, 0.3 held out at random (seed 1)"
    places = [f"{name}.jpg" for name in names]
    expected = split_at_random(places, 0.3, 1)
    assert [parts["train"], parts["held-out"]] == [[places[i] for i in part] for part in expected]


@pytest.mark.parametrize(
    ("subset", "message"),
    [
        (dict(part="test", share=0.3), "part='train' or 'held-out'"),
        (dict(part="train"), "share=0.3, seed=0"),
        (dict(part="train", share=0.3, sed=1), "got {.*'sed': 1}"),
        (dict(part="train", share=3), "above 0 and below 1, got 3"),
    ],
)
def test_a_split_that_is_none_is_refused(tmp_path, subset, message):
    for name in "ab":
        write(tmp_path, name, maps(10, 10, 5))
    with pytest.raises(ValueError, match=message):
        LabelMapDataset(str(tmp_path), PREFIX, "coco-stuff-27", subset)


def test_labels_and_classes_that_do_not_fit_each_other_are_refused(tmp_path):
    write_instances(tmp_path, ["a"])
    only_images = dict(img_path="images")
    with pytest.raises(ValueError, match=r"no label_set with ann_file='instances.json' and without seg_map_path"):
        LabelMapDataset(str(tmp_path), only_images, "voc-21", ann_file="instances.json")
    with pytest.raises(ValueError, match=r"expected label_set, .* got none: a preset's name, or dict\(classes"):
        LabelMapDataset(str(tmp_path), PREFIX)
    with pytest.raises(ValueError, match="for subset='curated', got instances"):
        LabelMapDataset(str(tmp_path), only_images, ann_file="instances.json", subset="curated")
    (tmp_path / "images/a.jpg").rename(tmp_path / "images/c.jpg")
    with pytest.raises(
        ValueError, match=r"instances.json lists, such as a.jpg, below .*images, got c.jpg and 0 others"
    ):
        LabelMapDataset(str(tmp_path), only_images, ann_file="instances.json")
