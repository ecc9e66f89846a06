"""The worked examples in the pages run as they are written."""

from __future__ import annotations

import re

import cv2
import layouts
import numpy as np
import torch
from mmengine.config import Config
from runs import CONFIGS, build_run, pretraining_options, train

from slotcon_mm.registry import DATASETS, MODELS

LABELS = (CONFIGS / "unsupervised_segmentation/README.md").read_text()
MAP = (CONFIGS.parent / "slotcon_mm/README.md").read_text()


def code_blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)


def test_the_worked_example_trains(scenes, tmp_path, monkeypatch):
    head, config = code_blocks(MAP)
    (tmp_path / "sharp_head.py").write_text(head)
    (tmp_path / "sharp.py").write_text(config)
    (tmp_path / "configs").symlink_to(CONFIGS)
    monkeypatch.syspath_prepend(str(tmp_path))
    runner = train(build_run(tmp_path / "sharp.py", tmp_path / "work", options=pretraining_options(scenes, epochs=2)))
    assert type(runner.model.group_head).__name__ == "SharpGroupLossHead"
    assert runner.model.group_head.entropy_weight == 0.05

    plain = MODELS.build(dict(type="slotcon_mm.GroupLossHead", num_prototypes=16))
    scores = [torch.zeros(2, 16, 3, 3) for _ in range(2)]
    shared = torch.ones(2, dtype=torch.bool)
    sharp_loss, plain_loss = (head(scores, scores, shared) for head in (runner.model.group_head, plain))
    uniform = torch.log(torch.tensor(16.0))  # the entropy of 16 shares alike
    torch.testing.assert_close(sharp_loss - plain_loss, 0.05 * 2 * uniform, rtol=1e-3, atol=1e-3)


def test_the_worked_examples_of_ones_own_classes_load_labels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in "abcdef":
        for folder, values in (("images", np.zeros((9, 9, 3), np.uint8)), ("labels", np.full((9, 9), 7, np.uint8))):
            (tmp_path / "data/mine" / folder).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(tmp_path / "data/mine" / folder / f"{name}.png"), values)
    layouts.write_coco(tmp_path / "data/coco")
    found = []
    for number, block in enumerate(code_blocks(LABELS)):
        path = tmp_path / f"{number}.py"
        path.write_text(block.replace("./slotcon_r50", str(CONFIGS / "unsupervised_segmentation/slotcon_r50")))
        config = Config.fromfile(path)
        found.append(DATASETS.build(dict(config.test_dataloader.dataset, pipeline=config.test_pipeline[:2])))
    own, instances = found
    assert len(own) == 2  # 30 % of 6
    assert (own[0]["gt_sem_seg"] == 2).all()
    assert instances.metainfo["classes"] == ("background", *layouts.CATEGORIES)
    assert set(np.unique(instances[0]["gt_sem_seg"])) == {0, layouts.CATEGORIES.index("dog") + 1}
