"""The commands as functions: what the tools do, from Python."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from helpers import run_tool, write_tiny_checkpoint
from runs import differences, pretraining_options, run_state

import slotcon_mm
from slotcon_mm.calls import parsed
from slotcon_mm.checkpoints.safe_loading import load_from_safe_local
from slotcon_mm.launch.evaluation_command import evaluation_parser


def options(scenes: Path) -> dict[str, object]:
    given = pretraining_options(scenes)
    return {name: value for name, value in given.items() if not name.endswith(("data_root", "max_epochs"))}


def test_pretraining_is_what_train_py_does_to_the_bit(scenes, tmp_path):
    images = scenes / "train2017"
    found = slotcon_mm.pretrain(
        images, tmp_path / "called", config="slotcon_r18_quickstart", epochs=2, options=options(scenes), device="cpu"
    )
    overrides = {
        **options(scenes), "train_dataloader.dataset.data_root": images, "train_dataloader.dataset.folders": "['']",
        "train_cfg.max_epochs": 2, "param_scheduler.warmup": 0.5,
    }  # fmt: skip
    result = run_tool(
        "tools/train.py", "configs/slotcon_r18_quickstart.py", "--work-dir", str(tmp_path / "tool"),
        "--cfg-options", *(f"{name}={value}" for name, value in overrides.items()),
    )  # fmt: skip
    assert result.code == 0, result.said
    assert found.work_dir == tmp_path / "called"
    assert found.checkpoint == tmp_path / "called/epoch_2.pth"
    assert differences(run_state(found.checkpoint), run_state(tmp_path / "tool/epoch_2.pth")) == []


def test_called_again_it_continues(scenes, tmp_path):
    given = dict(config="slotcon_r18_quickstart", options=options(scenes), device="cpu")
    slotcon_mm.pretrain(scenes / "train2017", tmp_path, epochs=1, **given)
    found = slotcon_mm.pretrain(scenes / "train2017", tmp_path, epochs=2, **given)
    checkpoint = load_from_safe_local(str(found.checkpoint), "cpu")
    assert found.checkpoint.name == "epoch_2.pth"
    assert int(checkpoint["state_dict"]["teacher.steps"]) == 8


def test_an_export_is_what_the_tool_writes_and_is_told_of(tmp_path, capsys):
    folder = write_tiny_checkpoint(tmp_path)
    path = slotcon_mm.export(folder, tmp_path / "called.pth")
    assert path == tmp_path / "called.pth"
    assert "called.pth: " in capsys.readouterr().out
    result = run_tool("tools/convert_checkpoint.py", "backbone", str(folder), str(tmp_path / "tool.pth"))
    assert result.code == 0
    assert path.read_bytes() == (tmp_path / "tool.pth").read_bytes()
    with pytest.raises(FileExistsError, match="which exists"):
        slotcon_mm.export(folder, path)
    with pytest.raises(ValueError, match="expected a format of mm, torchvision, timm, detectron2, got onnx"):
        slotcon_mm.export(folder, tmp_path / "called.onnx", "onnx")


@pytest.mark.parametrize("labeled", [True, False])
def test_an_evaluation_is_what_the_tool_tells(scenes, tmp_path, labeled):
    folder, images = write_tiny_checkpoint(tmp_path), scenes / "val2017"
    masks, given, more = scenes / "stuffthingmaps/val2017", {}, []
    if labeled:
        given = dict(labels=masks, label_set="scenes", measures=("knn",), held_out_share=0.5)
        more = ["--labels", str(masks), "--label-set", "scenes", "--measures", "knn", "--held-out-share", "0.5"]
    found = slotcon_mm.evaluate(folder, images, **given, size=32, workers=0, device="cpu")
    options = ["--images", str(images), "--size", "32", "--workers", "0", "--device", "cpu", *more]
    result = run_tool("tools/evaluate.py", str(folder), *options)
    assert found.text in result.said
    assert [row.name for row in found.rows] == [str(folder), "random weights"]


@pytest.mark.parametrize("name", slotcon_mm.CALLS)
def test_each_call_explains_every_argument_that_it_takes(name):
    call = getattr(slotcon_mm, name)
    documented = inspect.getdoc(call)
    for argument in inspect.signature(call).parameters:
        assert f"{argument}: " in documented
    assert name in slotcon_mm.__all__


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(held_out=0.5), "unrecognized arguments: --held-out 0.5"),
        (dict(splits="half"), "argument --splits"),
        (dict(measures="knm"), "argument --measures: invalid choice: 'knm'"),
        (dict(device="cuda"), "argument --device: invalid choice: 'cuda'"),
        (dict(weights=[]), "WEIGHTS"),
        (dict(help=True), "got --help"),
        (dict(size=0), "size above 0, got 0"),
    ],
)
def test_options_that_do_not_fit_are_an_error_and_no_exit(tmp_path, options, message):
    given = {"weights": "backbone.pth", "images": tmp_path, **options}
    with pytest.raises(ValueError, match=message):
        slotcon_mm.evaluate(**given)


def test_a_training_refuses_a_device_as_the_tool_does(tmp_path):
    with pytest.raises(ValueError, match="argument --device: invalid choice: 'gpu'"):
        slotcon_mm.pretrain(tmp_path, tmp_path / "run", device="gpu")


def test_lists_flags_and_single_values_are_passed_on_as_a_command_line_would():
    fixed = ["backbone.pth"]
    given = dict(splits=("train", "val"), no_random=True, measures="knn", seeds=2, out=None)
    found = parsed(evaluation_parser(), fixed, given)
    assert found.splits == ["train", "val"]
    assert (found.no_random, found.measures, found.seeds, found.out) == (True, ["knn"], 2, None)
    assert not parsed(evaluation_parser(), fixed, dict(no_random=False)).no_random
