"""Options of labels: what they give, and what is said where they do not fit."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from slotcon_mm.datasets.label_sets import LABEL_SETS, label_set_of
from slotcon_mm.launch.label_arguments import add_label_arguments, label_set_from


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_label_arguments(parser)
    return parser.parse_args(arguments)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("labels").mkdir()
    Path("names.txt").write_text("road,7\ncar,9\n")
    Path("colors.txt").write_text("road,#000000\ncar,#000009\n")
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", LABEL_SETS)
def test_a_preset_is_its_name(name):
    assert label_set_from(parsed("--labels", "labels", "--label-set", name)) == name


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["names.txt"], dict(values=[7, 9])),
        (["names.txt", "--ignore", "0", "255"], dict(values=[7, 9], ignore=[0, 255])),
        (["names.txt", "--ignore", "none"], dict(values=[7, 9], ignore=[])),
        (["colors.txt", "--ignore", "#FFFFFF"], dict(palette=[[0, 0, 0], [0, 0, 9]], ignore=["#FFFFFF"])),
    ],
)
def test_a_file_of_classes_is_a_label_set(arguments, expected):
    found = label_set_from(parsed("--labels", "labels", "--classes", *arguments))
    assert found == dict(classes=["road", "car"], **expected)
    label_set_of(found)


def test_without_labels_and_with_a_json_there_is_none_to_give():
    assert label_set_from(parsed()) is None
    assert label_set_from(parsed("--labels", "instances.JSON")) is None


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--labels", "labels"], r"--label-set or --classes with --labels labels, got none: .* Pass --label-set coco-"),
        (["--labels", "labels", "--label-set", "voc-21", "--classes", "names.txt"], "got both"),
        (["--labels", "labels", "--label-set", "voc-21", "--ignore", "0"], "with --classes, got --label-set voc"),
        (["--labels", "labels", "--classes", "none.txt"], "a file of classes, got none.txt"),
        (["--labels", "labels", "--classes", "names.txt", "--ignore", "x"], "or colors as #rrggbb, or none, got x"),
        (["--labels", "labels", "--classes", "names.txt", "--ignore", "9"], "names.txt: .* got 9 as both, of 'car'"),
        (["--labels", "nowhere", "--classes", "names.txt"], "a folder of label maps or a .json file, got nowhere"),
        (["--labels", "a.json", "--label-set", "voc-21"], "no --label-set with --labels a.json"),
        (["--labels", "a.json", "--ignore", "0"], "no --ignore with --labels a.json"),
        (["--label-set", "voc-21"], "--labels with --label-set, got none"),
        (["--classes", "names.txt", "--ignore", "1", "--label-suffix", "_l.png"], "--classes and --ignore and --label"),
        (["--image-suffix", "_x"], "--labels with --image-suffix, got none"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit_are_refused_with_what_to_pass(arguments, message):
    with pytest.raises(ValueError, match=message):
        label_set_from(parsed(*arguments))
