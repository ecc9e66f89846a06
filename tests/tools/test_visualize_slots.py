"""The page of prototypes, from the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import torch
from mmengine.config import Config
from processes import run_python

from slotcon_mm.datasets.scenes import CLASSES
from slotcon_mm.inference.group_names import fingerprint_of, read_names
from slotcon_mm.registry import MODELS

REPOSITORY = Path(__file__).parents[2]


def test_a_page_and_a_sheet_are_written_with_purity_and_names_where_there_are_labels(scenes, tmp_path):
    config = Config.fromfile(REPOSITORY / "configs/slotcon_r18_quickstart.py")
    model = MODELS.build({"_scope_": "mmpretrain", **config.model})
    meta = dict(cfg=Config(dict(model=config.model)).pretty_text)
    torch.save(dict(state_dict=model.state_dict(), meta=meta), tmp_path / "epoch_1.pth")
    command = [
        "tools/visualize_slots.py", str(tmp_path), str(scenes / "val2017"), "--out-dir",
        str(tmp_path / "out"), "--labels", str(scenes / "stuffthingmaps/val2017"), "--label-set", "scenes",
        "--size", "64", "--workers", "0", "--device", "cpu", "--top", "3",
    ]  # fmt: skip
    done = run_python(*command)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "out/index.html").read_text()
    assert "6 images" in text
    assert "of pixels" in text
    assert (tmp_path / "out/sheet.png").is_file()
    proposal = tmp_path / "out/names-proposed.json"
    assert f"{proposal}: each prototype has the class of most of its labeled pixels" in done.stdout
    names = read_names(proposal, 64, fingerprint_of(model))
    assert set(names.categories) <= set(CLASSES)
    for prototype, name in json.loads(proposal.read_text())["names"].items():
        assert re.search(rf"data-prototype='{prototype}' value='{name}'.*?<p>\d+ % {name}</p>", text)
    done = run_python(*command[:3], "--labels", "x")
    assert "error: expected --labels to be a folder of label maps or a .json file, got x" in done.stderr
