"""The command: tables, and what it refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import run_tool, write_tiny_checkpoint
from labeled_worlds import bands
from processes import run_ranks

from slotcon_mm.evaluation.frozen.measures import MEASURES
from slotcon_mm.evaluation.frozen.scorers import Score
from slotcon_mm.evaluation.frozen.table import Row

NAMES, COLORS = ("black", "red", "green", "blue"), ("#000000", "#ff0000", "#00ff00", "#0000ff")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work dir ``run``; ``images`` with label maps by values, by colors, and as instances."""
    root = tmp_path_factory.mktemp("world")
    (root / "run").mkdir()
    write_tiny_checkpoint(root / "run")
    for folder in ("images", "values", "colors"):
        (root / folder).mkdir()
    images, annotations = [], []
    for number, sample in enumerate(bands(6).samples):
        name = f"{number}.png"
        cv2.imwrite(str(root / "images" / name), sample["img"][..., ::-1])
        cv2.imwrite(str(root / "colors" / name), sample["img"][..., ::-1])
        cv2.imwrite(str(root / "values" / name), sample["gt_sem_seg"])
        images.append(dict(id=number, file_name=name, height=32, width=32))
        for label in range(1, 4):
            left = int(np.flatnonzero(sample["gt_sem_seg"][0] == label)[0])
            right = left + 8
            annotations.append(
                dict(
                    id=len(annotations), image_id=number, category_id=label, iscrowd=0,
                    segmentation=[[left, 0, right, 0, right, 32, left, 32]],
                )
            )  # fmt: skip
    (root / "names.txt").write_text("\n".join(NAMES))
    (root / "palette.txt").write_text("\n".join(f"{name}, {color}" for name, color in zip(NAMES, COLORS, strict=True)))
    categories = [dict(id=i, name=name) for i, name in enumerate(NAMES) if i]
    content = dict(images=images, annotations=annotations, categories=categories)
    (root / "instances.json").write_text(json.dumps(content))
    return root


def options(world: Path, labels: str = "values", classes: str | None = "names.txt") -> list[str]:
    return [
        str(world / "run"), "--images", str(world / "images"), "--labels", str(world / labels),
        *(["--classes", str(world / classes)] if classes else []), "--size", "64", "--workers", "0", "--device", "cpu",
        "--memory", "600",
    ]  # fmt: skip


def numbers(out: Path) -> dict[tuple[str, str, str], float]:
    with (out / "evaluation.csv").open() as file:
        return {(row["weights"], row["measure"], row["seed"]): float(row["percent"]) for row in csv.DictReader(file)}


MAPS = ["--measures", "knn", "retrieval", "probe", "kmeans"]


def test_all_measures_of_two_seeds_stand_in_four_tables_that_agree(world, tmp_path):
    result = run_tool("tools/evaluate.py", *options(world), "--seeds", "2", "--out", str(tmp_path), *MAPS)
    assert result.code == 0, result.said
    found = numbers(tmp_path)
    rows = [str(world / "run"), "random weights"]
    assert [*found] == [(row, name, seed) for row in rows for name in MAPS[1:] for seed in "01"]
    content = json.loads((tmp_path / "evaluation.json").read_text())
    assert content["protocol"]["classes"] == [*NAMES]
    assert content["protocol"]["seeds"] == [0, 1]
    assert content["protocol"]["source"] == "teacher"
    for row in content["rows"]:
        assert row["size"] == 64
        for name, measure in row["measures"].items():
            assert measure["values"] == [found[row["weights"], name, seed] for seed in "01"]
            for value, by_class in zip(measure["values"], measure["by_class"], strict=True):
                assert np.mean([by_class[each] for each in NAMES]) == pytest.approx(value)
    text, markdown = ((tmp_path / f"evaluation.{end}").read_text() for end in ("txt", "md"))
    assert text in result.said
    for row in rows:
        means = [np.mean([found[row, name, seed] for seed in "01"]) for name in MAPS[1:]]
        (line,) = [line for line in text.splitlines() if line.startswith(f"{row} ")]  # not whose weights they are
        assert [float(part) for part in line.removeprefix(row).split()[::3]] == pytest.approx(means, abs=0.051)
        (line,) = [line for line in markdown.splitlines() if row in line]
        cells = [cell.strip(" *") for cell in line.split("|")[2:-1]]
        assert [float(cell.split()[0]) for cell in cells] == pytest.approx(means, abs=0.051)
    assert MEASURES["knn"].title in text.splitlines()[0]
    again = run_tool("tools/evaluate.py", *options(world), "--seeds", "2", "--out", str(tmp_path / "2"), *MAPS)
    assert again.code == 0
    assert numbers(tmp_path / "2") == found


def test_classes_by_values_by_colors_and_by_a_configs_dict_score_the_same(world, tmp_path):
    preset = tmp_path / "preset.py"
    dataset = (
        "dict(type='slotcon_mm.LabelMapDataset', data_root={root!r}, data_prefix=dict(img_path='images', "
        "seg_map_path='values'), label_set=dict(classes={names!r}, values=[0, 1, 2, 3]), subset=dict(part={part!r}, "
        "share=0.3), pipeline=[dict(type='slotcon_mm.LoadImage', exif=False), dict(type='slotcon_mm.LoadLabels')])"
    )
    train, held_out = (dataset.format(root=str(world), names=NAMES, part=part) for part in ("train", "held-out"))
    choices = "dict(size=64, memory=600, measures=('knn', 'retrieval', 'probe', 'kmeans'))"
    preset.write_text(f"train = {train}\nheld_out = {held_out}\nchoices = {choices}\n")
    commands = [
        [*options(world), *MAPS], [*options(world, "colors", "palette.txt"), *MAPS],
        [str(world / "run"), "--data", str(preset), "--workers", "0", "--device", "cpu"],
    ]  # fmt: skip
    found = []
    for number, command in enumerate(commands):
        result = run_tool("tools/evaluate.py", *command, "--no-random", "--out", str(tmp_path / str(number)))
        assert result.code == 0, result.said
        found.append(numbers(tmp_path / str(number)))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 4


def test_instances_are_labels_too_and_fg_ari_is_measured_with_them(world, tmp_path):
    command = [
        *options(world, "instances.json", classes=None),
        "--size",
        "128",
    ]  # cells enough for five clusters a class
    result = run_tool("tools/evaluate.py", *command, "--no-random", "--out", str(tmp_path))
    assert result.code == 0, result.said
    assert [name for _, name, _ in numbers(tmp_path)] == [*MEASURES]
    content = json.loads((tmp_path / "evaluation.json").read_text())
    assert content["protocol"]["classes"] == ["background", *NAMES[1:]]


def test_without_instances_fg_ari_is_left_out_and_refused_where_it_is_asked_for(world):
    result = run_tool("tools/evaluate.py", *options(world), "--measures", "fg-ari")
    assert result.code == 1
    assert result.last_line().startswith("error: expected held-out images with instances for fg-ari, got label maps")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--seeds", "0"], "expected seeds above 0, got 0"),
        (["--batch-size", "0"], "expected batch_size above 0, got 0"),
        (["--memory", "1", "--measures", "retrieval"], "expected a memory of at least 4 patches"),
        (["--most-images", "0"], "expected most_images above 0, got 0"),
        (["--data", "preset.py"], "expected --data preset.py or --images and --labels and --classes, got both"),
        (["--label-set", "voc-21"], "expected --label-set or --classes with --labels"),
        (["--splits", "train", "val"], "expected"),
        (["--measures", "kmeans-x5"], "expected at least 20 cells of the held-out images' feature maps"),
    ],
)
def test_what_cannot_be_measured_ends_in_one_line(world, change, message):
    result = run_tool("tools/evaluate.py", *options(world), *change)
    assert result.code == 1
    assert result.last_line().startswith(f"error: {message}"), result.said
    assert "Traceback" not in result.said


def test_what_was_measured_before_an_error_is_shown_and_written(world, tmp_path, monkeypatch):
    def fails_at_the_second(*args, **kwargs):
        yield Row("first", 64, {"knn": [Score(0.5, (0.5,) * 4)]})
        raise ValueError("expected another one")

    monkeypatch.setattr("slotcon_mm.launch.evaluation_command.evaluate_weights", fails_at_the_second)
    result = run_tool("tools/evaluate.py", *options(world), "--measures", "knn", "--out", str(tmp_path))
    assert result.code == 1
    assert "first                50.0" in result.said
    assert result.last_line() == "error: expected another one"
    assert numbers(tmp_path) == {("first", "knn", "0"): 50.0}


def unlabeled(world: Path) -> list[str]:
    return [
        str(world / "run"), "--images", str(world / "images"), "--size", "64", "--workers", "0", "--device", "cpu",
    ]  # fmt: skip


def test_images_without_labels_are_described_and_what_that_does_not_tell_is_said(world, tmp_path):
    result = run_tool("tools/evaluate.py", *unlabeled(world), "--seeds", "2", "--out", str(tmp_path))
    assert result.code == 0, result.said
    text = (tmp_path / "evaluation.txt").read_text()
    assert text in result.said
    for words in ("feature rank", "same neighbor, in %", "of 5 ", "random weights", "6 images without labels", "never"):
        assert words in text
    assert "Labels tell more: with --labels FOLDER_OR_JSON" in text
    content = json.loads((tmp_path / "evaluation.json").read_text())
    assert [row["weights"] for row in content["rows"]] == [str(world / "run"), "random weights"]
    assert content["protocol"]["seeds"] == [0, 1]
    assert content["protocol"]["source"] == "teacher"
    assert content["rows"][1]["measures"]["used_prototypes"] == [None, None]


def test_fewer_images_can_be_described_and_the_row_of_random_weights_left_out(world):
    few = run_tool("tools/evaluate.py", *unlabeled(world), "--most-images", "2", "--no-random")
    assert few.code == 0, few.said
    assert "Measured on 2 images" in few.said
    assert "random weights" not in few.said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--measures", "knn", "--memory", "9"], "expected --labels FOLDER_OR_JSON with --measures and --memory, got"),
        (["--label-set", "voc-21"], "expected --labels FOLDER_OR_JSON with --label-set, got none: pass --labels"),
        (["--seeds", "0"], "expected seeds above 0, got 0"),
        (["--most-images", "0"], "expected most_images above 0, got 0"),
        (["--images", "nowhere"], "expected --images to be a folder, got nowhere"),
    ],
)
def test_what_cannot_be_described_ends_in_one_line(world, change, message):
    result = run_tool("tools/evaluate.py", *unlabeled(world), *change)
    assert result.code == 1
    assert result.last_line().startswith(f"error: {message}"), result.said
    assert "Traceback" not in result.said


def test_an_image_that_cannot_be_read_is_named_in_one_line_also_where_a_worker_reads_it(world, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no image")
    for workers in ("0", "1"):
        result = run_tool("tools/evaluate.py", *unlabeled(world), "--images", str(tmp_path), "--workers", workers)
        assert result.code == 1
        assert f"error: expected a readable image, got {tmp_path}/bad.png" in result.last_line()


def test_binary_masks_whose_object_would_not_count_are_refused(world, tmp_path):
    for number in range(6):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((32, 32), 255 * (number % 2), np.uint8))
    given = [str(world / "run"), "--images", str(world / "images"), "--labels", str(tmp_path), "--device", "cpu"]
    (tmp_path / "two.txt").write_text("background\nobject\n")
    (tmp_path / "values.txt").write_text("background,0\nobject,255\n")
    result = run_tool("tools/evaluate.py", *given, "--classes", str(tmp_path / "two.txt"))
    assert "error: expected label maps with classes, got only the values 0 and 255" in result.last_line()
    result = run_tool("tools/evaluate.py", *given, "--classes", str(tmp_path / "values.txt"))
    assert "got 255 as both, of 'object': set ignore to the values that do not count" in result.last_line()
    asked = ["--classes", str(tmp_path / "values.txt"), "--ignore", "none", "--measures", "knn", "--workers", "0"]
    assert run_tool("tools/evaluate.py", *given, *asked, "--size", "64", "--no-random").code == 0


def test_a_work_dir_that_is_not_there_ends_in_one_line(world):
    result = run_tool("tools/evaluate.py", "nowhere", *options(world)[1:])
    assert (result.code, result.last_line()[:7]) == (1, "error: ")
    assert "nowhere, which does not exist" in result.last_line()


def test_a_preset_with_unknown_choices_is_refused(world, tmp_path):
    preset = tmp_path / "p.py"
    dataset = f"dict(type='slotcon_mm.LabelMapDataset', data_root={str(world)!r}, label_set='voc-21', data_prefix=dict("
    dataset += "img_path='images', seg_map_path='values'))"
    for choice in ("sizes=3", "seeds=(0, 1)", "reading=1"):
        preset.write_text(f"train = {dataset}\nheld_out = {dataset}\nchoices = dict({choice}, measures=('knn',))\n")
        result = run_tool("tools/evaluate.py", str(world / "run"), "--data", str(preset), "--device", "cpu")
        assert result.code == 1
        expected = f"error: expected choices of size, measures, pixels, memory, augmentation_epochs in {preset}, got "
        assert result.last_line() == expected + choice.partition("=")[0]


def test_a_bad_label_map_is_named_in_one_line_also_where_a_worker_reads_it(world, tmp_path):
    (tmp_path / "bad").mkdir()
    for number in range(6):
        cv2.imwrite(str(tmp_path / f"bad/{number}.png"), np.full((32, 32), 9, np.uint8))
    command = options(world)
    command[command.index("--labels") + 1] = str(tmp_path / "bad")
    for workers in ("0", "1"):
        result = run_tool("tools/evaluate.py", *command, "--workers", workers, "--measures", "knn")
        assert result.code == 1
        assert "Traceback" not in result.last_line()
        assert (
            "expected a label map of the label set, with the values 0 to 3, 255, got the value 9" in result.last_line()
        )
        assert str(tmp_path / "bad") in result.last_line()
        assert result.last_line().startswith("error: ")


def test_an_unknown_option_or_measure_exits_with_2(world):
    assert run_tool("tools/evaluate.py", *options(world), "--measures", "guess").code == 2
    assert run_tool("tools/evaluate.py").code == 2


def test_two_processes_write_what_one_does(world, tmp_path):
    command = ["tools/evaluate.py", *options(world), "--no-random", "--measures", "knn", "kmeans", "--batch-size", "1"]
    first, other = run_ranks(*command, "--launcher", "pytorch", "--out", tmp_path / "two", port=29816)
    assert first.returncode == other.returncode == 0, first.stderr[-2000:] + other.stderr[-2000:]
    assert (first.stdout + other.stdout).count("dense k-NN") == 1
    assert run_tool(*command, "--out", str(tmp_path / "one")).code == 0
    assert numbers(tmp_path / "two") == numbers(tmp_path / "one")
