"""Skipped images are said once each."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from slotcon_mm.engine.hooks.unreadable_images_hook import UnreadableImagesHook


class Folder(list):
    unreadable = "skip"

    def unreadable_images(self) -> list[str]:
        return list(self)

    def __len__(self) -> int:
        return 100


@pytest.fixture
def runner(tmp_path: Path) -> Any:
    said: list[str] = []
    loader = SimpleNamespace(dataset=Folder())
    return SimpleNamespace(
        train_dataloader=loader, work_dir=str(tmp_path), logger=SimpleNamespace(warning=said.append), said=said
    )


def test_each_epoch_that_finds_more_says_so_and_lists_all(runner):
    hook = UnreadableImagesHook()
    hook.before_train(runner)
    name = os.fsdecode(b"/d/caf\xe9.jpg")
    for found in ([], ["/d/b.jpg"], ["/d/b.jpg"], [name, "/d/b.jpg"]):
        runner.train_dataloader.dataset[:] = found
        hook.after_train_epoch(runner)
    assert [text.partition(",")[0] for text in runner.said] == [
        "1 of 100 images could not be read and were replaced by others",
        "2 of 100 images could not be read and were replaced by others",
    ]
    assert "caf\\udce9.jpg" in runner.said[1]
    assert (Path(runner.work_dir) / "unreadable.txt").read_bytes() == b"/d/b.jpg\n/d/caf\xe9.jpg\n"


def test_dataset_that_stop_have_nothing_to_say(runner):
    runner.train_dataloader.dataset = [1, 2]
    hook = UnreadableImagesHook()
    hook.before_train(runner)
    hook.after_train_epoch(runner)
    assert not list(Path(runner.work_dir).iterdir())
