"""The presets of published protocols, on tiny data of the layouts that they ask for."""

from __future__ import annotations

from pathlib import Path

import layouts
import pytest
import torch
from mmpretrain.registry import MODELS

from slotcon_mm.evaluation.frozen.evaluate import Choices, evaluate_network
from slotcon_mm.evaluation.frozen.grids import Reading
from slotcon_mm.evaluation.frozen.networks import FrozenNetwork, frozen
from slotcon_mm.evaluation.frozen.parts import build_parts
from slotcon_mm.evaluation.frozen.weights import IMAGENET
from slotcon_mm.launch.evaluation_data import read_preset

PRESETS = sorted((Path(__file__).parents[2] / "configs/evaluation").glob("*.py"))
LAYOUTS = {
    "ade20k": ("data/ade/ADEChallengeData2016", layouts.write_ade20k),
    "cityscapes27": ("data/cityscapes", layouts.write_cityscapes),
    "coco-stuff27": ("data/coco", layouts.write_coco_stuff),
    "voc": ("data/VOCdevkit", layouts.write_voc),
    "voc_discovery": ("data/VOCdevkit", layouts.write_voc),
}


def tiny_network() -> FrozenNetwork:
    backbone = dict(type="ResNet", depth=18, base_channels=4, stem_channels=4)

    def build() -> torch.nn.Module:
        torch.manual_seed(0)
        return MODELS.build(backbone)

    return frozen(FrozenNetwork(build(), IMAGENET, (64, 64), build), "cpu")


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_reads_its_data_and_every_measure_it_names_is_a_number(path, tmp_path, monkeypatch, scenes):
    monkeypatch.chdir(tmp_path)
    if path.stem == "scenes":
        Path("data").mkdir()
        Path("data/scenes").symlink_to(scenes)
    else:
        place, write = LAYOUTS[path.stem]
        write(tmp_path / place)
    preset = read_preset(str(path))
    if path.stem == "coco-stuff27":
        preset.held_out.subset = "all"  # the curated images have 360 pixels a side or more
    parts = build_parts(preset.train, preset.held_out, most=4)
    given = dict(preset.choices)
    choices = Choices(
        tuple(given.get("measures", ("knn", "retrieval", "probe"))),
        memory=given.get("memory", 100_000),
        augmentation_epochs=given.get("augmentation_epochs", 1),
        reading=Reading(given["size"]),
    )
    found = evaluate_network(tiny_network(), parts, choices)
    assert all(0 <= scores[0].value <= 1 for scores in found.values())
    shown = parts.held_out[0]["img"].shape[:2]
    assert min(shown) == given["size"] or path.stem == "scenes"
