"""The labeled images of an evaluation: from options, and from a config."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from mmengine.registry import DATASETS

from slotcon_mm.launch.evaluation_data import add_data_arguments, dataset_configs, open_unlabeled, read_preset


def options(*given: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_data_arguments(parser)
    return parser.parse_args(list(given))


def write(root: Path, *names: str, images: str = "images", labels: str = "labels") -> None:
    for number, name in enumerate(names):
        for folder in (images, labels):
            (root / folder / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / images / f"{name}.png"), np.full((6, 8, 3), number, np.uint8))
        cv2.imwrite(str(root / labels / f"{name}.png"), np.full((6, 8), number % 3, np.uint8))


def write_instances(path: Path, *names: str) -> None:
    """A square in each image."""
    square = dict(category_id=1, iscrowd=0, segmentation=[[1, 1, 4, 1, 4, 4, 1, 4]])
    images = [dict(id=i, file_name=name, height=6, width=8) for i, name in enumerate(names)]
    annotations = [dict(square, id=i, image_id=i) for i in range(len(names))]
    path.write_text(json.dumps(dict(images=images, annotations=annotations, categories=[dict(id=1, name="square")])))


def parts(*given: str) -> tuple[Any, Any]:
    train, held_out = (DATASETS.build(config) for config in dataset_configs(options(*given)))
    return train, held_out


def names(dataset: Any) -> list[str]:
    return [Path(dataset.get_data_info(i)["img_path"]).stem for i in range(len(dataset))]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, *"abcdefghij")
    (tmp_path / "classes.txt").write_text("floor\nwall\nchair\n")
    return tmp_path


def of(root: Path, *others: str) -> list[str]:
    return [
        "--images", str(root / "images"), "--labels", str(root / "labels"), "--classes", str(root / "classes.txt"),
        *others,
    ]  # fmt: skip


def test_a_random_split_is_the_same_for_both_parts_and_leaves_no_image_out(root):
    train, held_out = parts(*of(root))
    assert len(held_out) == 3
    assert sorted(names(train) + names(held_out)) == [*"abcdefghij"]
    assert train.label_set.names == ("floor", "wall", "chair")
    share, seed = parts(*of(root, "--held-out-share", "0.5")), parts(*of(root, "--split-seed", "1"))
    assert len(share[0]) == len(share[1]) == 5
    assert names(seed[1]) != names(held_out)
    sample = train[0]
    assert sample["img"].shape == (6, 8, 3)
    assert sample["gt_sem_seg"].shape == (6, 8)


def test_splits_are_sub_folders_of_images_and_labels(tmp_path):
    write(tmp_path, "train/a", "train/b", "val/c")
    train, held_out = parts(
        "--images", str(tmp_path / "images"), "--labels", str(tmp_path / "labels"), "--label-set", "voc-21",
        "--splits", "train", "val",
    )  # fmt: skip
    assert (names(train), names(held_out)) == (["a", "b"], ["c"])


def test_the_name_of_a_split_takes_its_place_in_a_path(tmp_path):
    write(tmp_path, "a", "b", images="x/train/images", labels="x/train/labels")
    write(tmp_path, "c", images="x/val/images", labels="x/val/labels")
    train, held_out = parts(
        "--images", str(tmp_path / "x/{split}/images"), "--labels", str(tmp_path / "x/{split}/labels"),
        "--label-set", "voc-21", "--splits", "train", "val",
    )  # fmt: skip
    assert (names(train), names(held_out)) == (["a", "b"], ["c"])


def test_splits_are_text_files_of_names(root):
    for name, lines in (("train.txt", "a\nb\n"), ("val.txt", "j\n")):
        (root / name).write_text(lines)
    train, held_out = parts(*of(root, "--splits", str(root / "train.txt"), str(root / "val.txt")))
    assert (names(train), names(held_out)) == (["a", "b"], ["j"])


def test_instances_in_cocos_format_are_labels_and_objects(root):
    write_instances(root / "i.json", *(f"{name}.png" for name in "abcde"))
    train, held_out = parts("--images", str(root / "images"), "--labels", str(root / "i.json"))
    assert len(train) + len(held_out) == 5
    assert train.label_set.names == ("background", "square")
    assert np.array_equal(held_out[0]["gt_sem_seg"] == 1, held_out[0]["gt_instances"] == 1)
    assert 0 < held_out[0]["gt_instances"].sum() < 48


def test_instances_of_the_held_out_images_do_not_take_the_training_images_away(tmp_path):
    write(tmp_path, "train/a", "train/b", "val/c", "val/d")
    write_instances(tmp_path / "val.json", "c.png", "d.png")
    train, held_out = parts(
        "--images", str(tmp_path / "images"), "--labels", str(tmp_path / "labels"), "--label-set", "voc-21",
        "--splits", "train", "val", "--instances", str(tmp_path / "val.json"),
    )  # fmt: skip
    assert (names(train), names(held_out)) == (["a", "b"], ["c", "d"])
    assert "gt_instances" not in train[0]
    assert held_out[0]["gt_instances"].max() == 1


def test_instances_beside_a_random_split_leave_no_image_in_both_parts(root):
    write_instances(root / "i.json", *(f"{name}.png" for name in "acegi"))
    train, held_out = parts(*of(root, "--instances", str(root / "i.json")))
    assert not set(names(train)) & set(names(held_out))
    assert held_out[0]["gt_instances"].max() == 1
    assert held_out[0]["gt_sem_seg"].max() < 3


def test_names_of_label_maps_may_have_ends_of_their_own(tmp_path):
    write(tmp_path, "x_image", "y_image")
    for name in "xy":
        (tmp_path / f"labels/{name}_image.png").rename(tmp_path / f"labels/{name}_map.png")
    train, held_out = parts(
        "--images", str(tmp_path / "images"), "--labels", str(tmp_path / "labels"), "--label-set", "voc-21",
        "--image-suffix", "_image", "--label-suffix", "_map.png",
    )  # fmt: skip
    assert len(train) == len(held_out) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "expected --images FOLDER and --labels FOLDER_OR_JSON, or a config .*, got neither"),
        (["--images", "a"], "got --images alone"),
        (["--labels", "a"], "got --labels alone"),
        (["--images", "{split}/a", "--labels", "b"], r"expected --splits TRAIN HELD_OUT with {split} in a path"),
        (["--images", "a", "--labels", "nowhere"], "expected --labels to be a folder .*, got nowhere"),
    ],
)
def test_options_that_lack_each_other_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        dataset_configs(options(*given))


def test_label_maps_without_classes_are_refused(root):
    with pytest.raises(ValueError, match=r"expected --label-set or --classes with --labels .*, got none"):
        dataset_configs(options("--images", str(root / "images"), "--labels", str(root / "labels")))
    with pytest.raises(ValueError, match=r"expected a share of held-out images above 0 and below 1, got 1.5"):
        len(parts(*of(root, "--held-out-share", "1.5"))[0])


def test_images_without_labels_are_all_those_of_the_folder(root):
    dataset = open_unlabeled(options("--images", str(root / "images"), "--most-images", "3"))
    assert names(dataset) == [*"abcdefghij"]
    assert dataset[2]["img"].shape == (6, 8, 3)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--classes", "c.txt", "--ignore", "3"], "expected --labels .* with --classes and --ignore, got none"),
        (["--splits", "a", "b"], "expected --labels FOLDER_OR_JSON with --splits, got none: pass --labels"),
    ],
)
def test_options_about_labels_are_refused_without_labels(root, given, message):
    with pytest.raises(ValueError, match=message):
        open_unlabeled(options("--images", str(root / "images"), *given))


def test_what_is_no_folder_of_images_is_refused_and_so_are_dark_images_until_their_bits_are_said(tmp_path):
    with pytest.raises(ValueError, match="expected --images to be a folder, got nowhere"):
        open_unlabeled(options("--images", "nowhere"))
    with pytest.raises(ValueError, match=r"expected images .* got none"):
        open_unlabeled(options("--images", str(tmp_path)))
    cv2.imwrite(str(tmp_path / "dark.png"), np.full((6, 8), 4000, np.uint16))
    with pytest.raises(ValueError, match=r"expected 16-bit images to use their 16 bits, .* Pass --bit-depth BITS"):
        open_unlabeled(options("--images", str(tmp_path)))
    bright = open_unlabeled(options("--images", str(tmp_path), "--bit-depth", "12"))
    assert bright[0]["img"].min() > 240


def test_a_preset_has_two_datasets_and_a_file_without_them_is_refused(tmp_path):
    preset = tmp_path / "p.py"
    preset.write_text("train = dict(type='a')\nheld_out = dict(type='b')\nchoices = dict(size=224)\n")
    assert read_preset(str(preset)).choices.size == 224
    preset.write_text("train = dict(type='a')\n")
    with pytest.raises(ValueError, match=r"train and held_out datasets in .*p.py, got none of held_out"):
        read_preset(str(preset))
    unsafe = tmp_path / "p.yaml"
    unsafe.write_text("train: {type: os.system}\nheld_out: {type: b}\n")
    with pytest.raises(ValueError, match="names something outside of the registries"):
        read_preset(str(unsafe))
