"""Files of strangers: nothing in them is run, whatever reads them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from helpers import Payload, run_tool
from images import READABLE
from runs import build_run, pretraining_options, train

QUICKSTART = "configs/slotcon_r18_quickstart.py"


@pytest.fixture
def malicious(tmp_path: Path) -> Path:
    path = tmp_path / "epoch_1.pth"
    torch.save(dict(state_dict={}, meta=dict(epoch=1, iter=4), message_hub=Payload(tmp_path / "ran")), path)
    return path


def test_every_tool_that_takes_a_checkpoint_refuses_a_malicious_one(malicious, scenes, tmp_path):
    images, out = str(scenes / "val2017"), str(tmp_path / "out")
    options = [
        "--cfg-options",
        f"train_dataloader.dataset.data_root={scenes}",
        "train_dataloader.num_workers=0",
        "train_dataloader.batch_size=4",
    ]
    commands = {
        "resume": ["tools/train.py", QUICKSTART, "--work-dir", out, "--resume", str(malicious), *options],
        "pretrained": ["tools/train.py", QUICKSTART, "--work-dir", out, "--pretrained", str(malicious), *options],
        "work dir": ["tools/train.py", QUICKSTART, "--work-dir", str(malicious.parent), "--resume", *options],
        "infer": ["tools/infer.py", str(malicious), images, "--out-dir", out],
        "visualize": ["tools/visualize_slots.py", str(malicious), images, "--out-dir", out],
        "publish": ["tools/convert_checkpoint.py", "publish", str(malicious), out + ".pth"],
        "backbone": ["tools/convert_checkpoint.py", "backbone", str(malicious), out + ".pth"],
        "from-official": ["tools/convert_checkpoint.py", "from-official", str(malicious), out + ".pth"],
        "to-official": ["tools/convert_checkpoint.py", "to-official", str(malicious), out + ".pth"],
    }
    for name, command in commands.items():
        result = run_tool(*command)
        assert result.code != 0, name
        assert "got other objects" in result.said, (name, result.said)
        assert not (tmp_path / "ran").exists(), name


def test_the_payload_would_run_where_pickles_are_trusted(malicious, tmp_path):
    """Negative control."""
    torch.load(malicious, weights_only=False)
    assert (tmp_path / "ran").exists()


def test_python_in_a_checkpoints_meta_is_not_run_on_resuming(scenes, tmp_path):
    options = pretraining_options(scenes, epochs=2)
    train(build_run("slotcon_r18_quickstart.py", tmp_path, options=options))
    checkpoint = torch.load(tmp_path / "epoch_1.pth", weights_only=True)
    checkpoint["meta"]["config"] = f"import os\nos.mkdir({str(tmp_path / 'ran')!r})"
    torch.save(checkpoint, tmp_path / "evil.pth")
    runner = build_run("slotcon_r18_quickstart.py", tmp_path, options=options, resume=str(tmp_path / "evil.pth"))
    runner.train()
    assert runner.iter == 8
    assert not (tmp_path / "ran").exists()


def test_weights_of_another_model_and_weights_of_none_are_refused(scenes, tmp_path):
    options = [
        "--cfg-options",
        f"train_dataloader.dataset.data_root={scenes}",
        "train_dataloader.num_workers=0",
        "train_dataloader.batch_size=4",
    ]
    for name, state in {"other": {"conv.weight": torch.ones(3)}, "none": {}}.items():
        path = tmp_path / f"{name}.pth"
        torch.save(dict(state_dict=state, meta=dict(epoch=1, iter=4), message_hub={}, optimizer={}), path)
        for option in ("--resume", "--pretrained"):
            result = run_tool(
                "tools/train.py", QUICKSTART, "--work-dir", str(tmp_path / "w"), option, str(path), *options
            )
            assert "expected a checkpoint of this model, got one of a different model: 0 of" in result.last_line()


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
def test_configs_that_are_data_run_nothing(tmp_path, name):
    if name.endswith("yaml"):
        (tmp_path / name).write_text(f"model: !!python/object/apply:os.mkdir [{tmp_path / 'ran'}]\n")
    else:
        (tmp_path / name).write_text(json.dumps(dict(model=dict(type="os.mkdir", path=str(tmp_path / "ran")))))
    for command in (["tools/train.py"], ["tools/test.py"]):
        arguments = [str(tmp_path / name), *([] if command == ["tools/train.py"] else ["x.pth"])]
        result = run_tool(*command, *arguments)
        assert result.last_line().startswith("error: expected a config that is data only") or "data only" in result.said
    assert not (tmp_path / "ran").exists()


NASTY = ["<img src=x onerror=alert(1)>.png", "$(touch ran).png", "; touch ran;.png", "-rf.png", "%s{}.png",
         os.fsdecode(b"caf\xe9.png"), "a'b\"c.png", "line\nend.png", "\x1b[31mred.png"]  # fmt: skip


@pytest.fixture
def nasty(tmp_path: Path) -> Path:
    folder = tmp_path / "nasty"
    folder.mkdir()
    for name in NASTY:
        (folder / name).write_bytes(READABLE["palette.png"][0])
    (folder / "bad\x1b[31m.png").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def weights(scenes, tmp_path_factory) -> Path:
    work_dir = tmp_path_factory.mktemp("weights")
    train(build_run("slotcon_r18_quickstart.py", work_dir, options=pretraining_options(scenes, epochs=2)))
    return work_dir


def test_names_of_images_are_only_names_in_every_tool(nasty, weights, tmp_path):
    out = {tool: tmp_path / tool for tool in ("infer", "visualize", "check")}
    commands = {
        "infer": ["tools/infer.py", str(weights), str(nasty), "--out-dir", str(out["infer"]), "--size", "32"],
        "visualize": ["tools/visualize_slots.py", str(weights), str(nasty), "--out-dir", str(out["visualize"]),
                      "--workers", "0", "--size", "32"],
        "check": ["tools/check_dataset.py", str(nasty), "--out-dir", str(out["check"]), "--workers", "1"],
    }  # fmt: skip
    for tool, command in commands.items():
        result = run_tool(*command)
        said = result.said
        assert result.code == 1, (tool, said)  # one image is empty, and is named
        assert "\x1b[31m" not in said, tool
        assert "bad\\x1b[31m.png" in said, (tool, said)
        assert not list(tmp_path.rglob("ran")), tool
    assert len(list(out["infer"].glob("*.png"))) == len(list(out["infer"].glob("*.json"))) == len(NASTY)
    page = (out["visualize"] / "index.html").read_text()
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    clean = (out["check"] / "clean.txt").read_bytes()
    assert len(clean.splitlines()) == 1  # all are copies of one


def test_images_of_every_name_train(nasty, tmp_path):
    (nasty / "bad\x1b[31m.png").unlink()
    options = pretraining_options(nasty, epochs=2, **{"train_dataloader.dataset.folders": [""]})
    assert train(build_run("slotcon_r18_quickstart.py", tmp_path / "w", options=options)).iter == 4
