"""The metafiles that mim and model indices read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from runs import CONFIGS

ROOT = CONFIGS.parent
MODELS = [
    model
    for path in yaml.safe_load((ROOT / "model-index.yml").read_text())["Import"]
    for model in yaml.safe_load((ROOT / path).read_text())["Models"]
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model["Name"])
def test_an_entry_names_its_config(model):
    assert (ROOT / model["Config"]).is_file()
    assert Path(model["Config"]).stem == model["Name"]
    assert model["In Collection"] == ("SlotMIM" if "vit-" in model["Name"] else "SlotCon")


def test_each_config_of_the_papers_benchmarks_has_an_entry():
    benchmarks = {
        path.stem
        for folder in ("detection", "segmentation")
        for network in ("r50", "vit-")
        for path in (CONFIGS / folder).glob(f"*_{network}*.py")
    }
    assert benchmarks <= {model["Name"] for model in MODELS}


def test_results_are_the_papers_and_say_so():
    for model in MODELS:
        if model["Results"]:
            assert model["Metadata"]["Source of Results"] == "the paper"
    numbers = {
        (model["Name"], name): value
        for model in MODELS
        for result in model["Results"] or []
        for name, value in result["Metrics"].items()
    }
    assert numbers[("mask-rcnn_r50_fpn_1x_coco", "box AP")] == 41.0
    assert numbers[("upernet_vit-b16_ade20k-512x512_160k", "mIoU")] == 49.1
    for folder in ("detection", "segmentation"):
        page = (CONFIGS / folder / "README.md").read_text()
        for (name, _), value in numbers.items():
            if (CONFIGS / folder / f"{name}.py").is_file():
                row = next(line for line in page.splitlines() if f"`{name}.py`" in line)
                assert re.search(rf"\b{re.escape(str(value))}\b", row)


def test_the_index_of_configs_names_every_folder():
    index = (CONFIGS / "README.md").read_text()
    for folder in (path for path in CONFIGS.iterdir() if path.is_dir() and path.name != "__pycache__"):
        assert f"`{folder.name}/`" in index
