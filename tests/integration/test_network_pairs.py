"""Every fine-tuning config computes the features of the pretrainings it is for."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config

from slotcon_mm.checkpoints.network_changes import changes_in_network
from slotcon_mm.checkpoints.network_facts import facts_of_config

CONFIGS = Path(__file__).parents[2] / "configs"
FINE_TUNING = sorted([*CONFIGS.glob("detection/*.py"), *CONFIGS.glob("segmentation/*.py")])
EVALUATION = sorted(CONFIGS.glob("unsupervised_segmentation/*.py"))
PRETRAINING = sorted(path for pattern in ("slot*.py", "ablations/*.py", "study/*.py") for path in CONFIGS.glob(pattern))


def network_of(path: Path) -> str:
    """``r50``, ``vit-b16``, ...; configs whose names have none are ResNet-50's."""
    found = re.search(r"_(r\d+|vit-[a-z]\d+)", path.stem)
    return found[1] if found else "r50"


@cache
def facts(path: Path) -> dict[str, Any]:
    return facts_of_config(Config.fromfile(path))


@cache
def pretrainings(network: str) -> list[tuple[str, dict[str, Any]]]:
    return [(path.stem, facts(path)) for path in PRETRAINING if network_of(path) == network]


@pytest.mark.parametrize("path", FINE_TUNING + EVALUATION, ids=lambda path: path.stem)
def test_a_config_makes_no_other_network_of_any_pretraining(path):
    others = pretrainings(network_of(path))
    assert len(others) > (1 if "vit" in path.stem else 10)
    now = facts(path)
    assert {name: changes_in_network(then, now) for name, then in others} == {name: [] for name, _ in others}
    shared = others[0][1]["layers"].keys() & now["layers"].keys()
    assert len(shared) >= 0.95 * len(now["layers"]), "layers have other names: nothing was compared"


def test_levels_of_the_quickstarts_pyramid_are_where_its_heads_look_for_them():
    config = Config.fromfile(CONFIGS / "detection/mask-rcnn_r18_fpn_quickstart.py")
    strides = facts(CONFIGS / "detection/mask-rcnn_r18_fpn_quickstart.py")["strides"]
    assert strides == [4, 8, 8, 8]
    assert config.model.roi_head.bbox_roi_extractor.featmap_strides == strides
    assert config.model.roi_head.mask_roi_extractor.featmap_strides == strides
    anchors = config.model.rpn_head.anchor_generator
    assert anchors.strides == [*strides, 2 * strides[-1]]  # FPN's extra level is a pool of stride 2
