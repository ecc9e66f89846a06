"""Every kind of image in every tool: read, or named; never a crash, never a hang."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from images import READABLE, UNREADABLE
from processes import run_python
from runs import build_run, differences, log_of, pretraining_options, run_state, train

from slotcon_mm.checkpoints.build import build_from_checkpoint
from slotcon_mm.checkpoints.latest import resolve_checkpoint
from slotcon_mm.checkpoints.safe_loading import load_from_safe_local
from slotcon_mm.checks import RunStoppedError
from slotcon_mm.datasets.image_files import UnreadableImageError
from slotcon_mm.datasets.labeled_images import read_unlabeled
from slotcon_mm.inference.fill_gallery import fill_gallery
from slotcon_mm.inference.inferencer import SlotInferencer

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


# pipes and links that lead nowhere are no images of a folder; a folder is looked into
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
    assert train(build_run(CONFIG, tmp_path / "w", options=options)).iter == 2 * (len(READABLE) // 5)


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
    overlays = {path.stem for path in (tmp_path / "out").glob("*.png")}
    assert len(overlays) == len(READABLE)
    assert {"not-utf8-_udce9", "gray.jpg", "gray.webp", "palette"} <= overlays
    assert all(json.loads(path.read_text())["groups"] for path in (tmp_path / "out").glob("*.json"))


def test_the_page_of_prototypes_shows_the_readable_and_names_the_others(all_kinds, weights):
    model = build_from_checkpoint(load_from_safe_local(str(resolve_checkpoint(weights, "x")), "cpu"))
    gallery, unreadable = fill_gallery(model, str(all_kinds), top=2, size=32, batch_size=4, workers=0)
    assert gallery.seen == len(READABLE)
    assert len(unreadable) == len(LISTED)
    for name, message in zip(LISTED, sorted(unreadable, key=lambda text: text.partition("(")[0]), strict=True):
        assert f"/{name} (" in message


def test_quickstart_takes_all_readable_kinds_and_names_the_first_other(readable, all_kinds):
    assert read_unlabeled(readable, 99, width=64, height=48).images.shape == (len(READABLE), 48, 64, 3)
    with pytest.raises(ValueError, match=r"expected a readable image, got .*bomb.png"):
        read_unlabeled(all_kinds, 99)


# A bad one among good ones --------------------------------------------------------------------------------------------


@pytest.fixture
def with_bad_ones(scenes, tmp_path) -> Path:
    """A copy of the scenes of which two are cut off and one is empty."""
    folder = tmp_path / "images"
    folder.mkdir()
    for path in sorted((scenes / "train2017").iterdir()):
        (folder / path.name).write_bytes(path.read_bytes())
    for number, path in enumerate(sorted(folder.iterdir())[3:12:4]):
        path.write_bytes(b"" if number == 0 else path.read_bytes()[:900])
    return folder


def bad_options(folder: Path, **options: Any) -> dict[str, Any]:
    return pretraining_options(folder, **{"train_dataloader.dataset.folders": [""], **options})


@pytest.mark.parametrize("workers", [0, 2])
def test_by_default_the_run_stops_at_the_first_unreadable_image(with_bad_ones, tmp_path, workers):
    options = bad_options(with_bad_ones, **{"train_dataloader.num_workers": workers})
    with pytest.raises(
        UnreadableImageError,
        match=r"got .*\.jpg \((empty|cut off, or no image)\): replace or remove.*check_dataset",
    ):
        build_run(CONFIG, tmp_path / "w", options=options).train()


def test_the_command_line_says_it_in_one_line(with_bad_ones, tmp_path):
    options = [
        f"{name}={value}" for name, value in bad_options(with_bad_ones, **{"train_dataloader.num_workers": 1}).items()
    ]
    command = ["tools/train.py", f"configs/{CONFIG}", "--device", "cpu", "--work-dir", tmp_path / "w"]
    result = run_python(*command, "--cfg-options", *options)
    assert result.returncode == 1
    assert result.stderr.strip().splitlines()[-1].startswith(f"error: expected a readable image, got {with_bad_ones}/")
    assert "Traceback" not in result.stderr


def test_skipping_is_counted_listed_and_the_same_for_any_number_of_workers(with_bad_ones, tmp_path):
    skip = {"train_dataloader.dataset.unreadable": "skip", "train_dataloader.dataset.max_unreadable": 0.2}
    for workers in (0, 2):
        options = bad_options(with_bad_ones, epochs=2, **skip, **{"train_dataloader.num_workers": workers})
        train(build_run(CONFIG, tmp_path / f"w{workers}", options=options))
    assert differences(*(run_state(tmp_path / f"w{workers}/epoch_2.pth") for workers in (0, 2))) == []
    for workers in (0, 2):
        listed = (tmp_path / f"w{workers}/unreadable.txt").read_text().split()
        assert listed == [str(path) for path in sorted(with_bad_ones.iterdir())[3:12:4]]
        assert "3 of 16 images could not be read and were replaced" in log_of(tmp_path / f"w{workers}")


@pytest.mark.parametrize("workers", [0, 2])
def test_skipping_stops_past_a_share(with_bad_ones, tmp_path, workers):
    options = bad_options(
        with_bad_ones,
        **{
            "train_dataloader.dataset.unreadable": "skip",
            "train_dataloader.dataset.max_unreadable": 0.1,
            "train_dataloader.num_workers": workers,
        },
    )
    with pytest.raises(RunStoppedError, match=r"at most 10.00% unreadable images \(max_unreadable\), got 2 of 16"):
        build_run(CONFIG, tmp_path / "w", options=options).train()
