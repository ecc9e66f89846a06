"""Every kind of picture in every tool: read, or named; never a crash, never a hang."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pictures import READABLE, UNREADABLE
from runs import build_run, pretraining_options, train

from slotcon_mm import SlotInferencer
from slotcon_mm.checks import printable
from slotcon_mm.engine.checkpoint_files import resolve_checkpoint
from slotcon_mm.engine.checkpoint_loading import load_from_safe_local
from slotcon_mm.quickstart.labelled_pictures import read_unlabelled
from slotcon_mm.visualization.fill_gallery import fill_gallery
from slotcon_mm.weights.build import build_from_checkpoint

CONFIG = "slotcon_r18_quickstart.py"


def fill(folder: Path, *, unreadable: bool) -> Path:
    folder.mkdir()
    for name, (content, _, _) in READABLE.items():
        (folder / name).write_bytes(content)
    for name, (make, _) in UNREADABLE.items() if unreadable else ():
        make(folder / name)
    return folder


@pytest.fixture
def readable(tmp_path: Path) -> Path:
    return fill(tmp_path / "readable", unreadable=False)


@pytest.fixture
def all_kinds(tmp_path: Path) -> Path:
    return fill(tmp_path / "all", unreadable=True)


# pipes and links that lead nowhere are no pictures of a folder; a folder is looked into
LISTED = sorted(set(UNREADABLE) - {"pipe.jpg", "loop.jpg", "broken-link.jpg", "folder.jpg"})


@pytest.fixture(scope="module")
def weights(scenes, tmp_path_factory) -> Path:
    work_dir = tmp_path_factory.mktemp("weights")
    train(build_run(CONFIG, work_dir, options=pretraining_options(scenes, epochs=2)))
    return work_dir


def test_pretraining_takes_all_readable_kinds(readable, tmp_path):
    options = pretraining_options(
        readable, epochs=2, **{"train_dataloader.dataset.folders": [""], "train_dataloader.batch_size": 5}
    )
    assert train(build_run(CONFIG, tmp_path / "w", options=options)).iter == 6


def test_pretraining_skips_all_unreadable_kinds(all_kinds, tmp_path):
    options = pretraining_options(
        all_kinds, epochs=2, **{
            "train_dataloader.dataset.folders": [""], "train_dataloader.dataset.unreadable": "skip",
            "train_dataloader.dataset.max_unreadable": 0.5,
        },
    )  # fmt: skip
    train(build_run(CONFIG, tmp_path / "w", options=options))
    listed = (tmp_path / "w/unreadable.txt").read_text().splitlines()
    assert [Path(path).name for path in listed] == LISTED


def test_the_inferencer_groups_the_readable_and_names_the_others(all_kinds, weights, tmp_path):
    inferencer = SlotInferencer(weights, device="cpu", size=32, show_progress=False)
    everything = [str(path) for path in sorted(all_kinds.iterdir()) if path.name != "folder.jpg"]
    with pytest.warns(UserWarning, match="left out"):
        found = inferencer(everything, out_dir=tmp_path / "out")["predictions"]
    assert [Path(item["name"]).name for item in found if "error" in item] == sorted(set(UNREADABLE) - {"folder.jpg"})
    for item in found:
        if "error" not in item:
            assert item["group_map"].shape == READABLE[Path(item["name"]).name][1]
    overlays = {path.stem.partition("-1")[0] for path in (tmp_path / "out").glob("*.png")}
    assert printable(Path(max(READABLE, key=lambda name: not name.isascii())).stem) in overlays
    assert all(json.loads(path.read_text())["groups"] for path in (tmp_path / "out").glob("*.json"))


def test_the_page_of_prototypes_shows_the_readable_and_names_the_others(all_kinds, weights):
    model = build_from_checkpoint(load_from_safe_local(str(resolve_checkpoint(weights, "x")), "cpu"))
    gallery, unreadable = fill_gallery(model, str(all_kinds), top=2, size=32, batch_size=4, workers=0)
    assert gallery.seen == len(READABLE)
    assert len(unreadable) == len(LISTED)
    for name, message in zip(LISTED, sorted(unreadable, key=lambda text: text.partition("(")[0]), strict=True):
        assert f"/{name} (" in message


def test_quickstart_takes_all_readable_kinds_and_names_the_first_other(readable, all_kinds):
    assert read_unlabelled(readable, 99, width=64, height=48).images.shape == (len(READABLE), 48, 64, 3)
    with pytest.raises(ValueError, match=r"expected a readable picture, got .*bomb.png"):
        read_unlabelled(all_kinds, 99)
