"""An adaptation does not train on label maps that lie among its images."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path

import pytest

from slotcon_mm.adaptation.run import leave_out_label_maps
from slotcon_mm.datasets.image_lists import lines_of, read_list


def arguments(folder: Path, labels: str | None) -> Namespace:
    return Namespace(folder=str(folder), labels=labels, image_suffix="", label_suffix=".png")


def test_they_are_left_out_and_names_may_have_any_bytes(tmp_path):
    odd = os.fsdecode(b"b\xff.jpg")
    listed = tmp_path / "clean.txt"
    listed.write_bytes(lines_of(["a.jpg", "a.png", odd, os.fsdecode(b"b\xff.png"), "sub/c.png"]))
    kept, left = leave_out_label_maps(arguments(tmp_path, str(tmp_path)), listed)
    # the last lies where its own label map would
    assert left == 3
    assert read_list(str(kept), "") == ["a.jpg", odd]


@pytest.mark.parametrize("labels", [None, "instances.json", "elsewhere"])
def test_the_list_stays_where_they_lie_elsewhere_or_are_none(tmp_path, labels):
    listed = tmp_path / "clean.txt"
    listed.write_bytes(lines_of(["a.jpg", "a.png"]))
    assert leave_out_label_maps(arguments(tmp_path, labels), listed) == (listed, 0)
