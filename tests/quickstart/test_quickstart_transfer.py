"""Fine-tuning from random and from pretrained weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from slotcon_mm.datasets.labeled_images import read_labeled
from slotcon_mm.quickstart import transfer
from slotcon_mm.quickstart.run import CONFIGS, run_quickstart
from slotcon_mm.quickstart.transfer import Comparison, compare_transfer
from slotcon_mm.registry import MODELS


def test_a_row_has_means_spreads_and_the_mean_difference():
    row = Comparison("FCN, mIoU", random=[1.0, 3.0], pretrained=[4.0, 4.0])
    assert row.cells() == ["FCN, mIoU", "2.0 ± 1.4", "4.0 ± 0.0", "+2.0"]
    assert Comparison("x", [1.0], [0.5]).cells() == ["x", "1.0", "0.5", "-0.5"]


@pytest.mark.parametrize("with_detection", [True, False])
def test_each_benchmark_starts_from_both_weights(scenes, tmp_path, monkeypatch, with_detection):
    monkeypatch.setattr(transfer, "NUM_LABELED", 8)
    monkeypatch.setattr(transfer, "FCN_STEPS", 2)
    starts: list[tuple[str, int]] = []

    def detect(pretrained: str, data_root: Path, work_dir: Path, seed: int, num_labeled: int) -> tuple[float, float]:
        assert num_labeled == 8
        starts.append((pretrained, seed))
        return 2.0, 1.0

    monkeypatch.setattr(transfer, "mask_rcnn", detect)
    monkeypatch.setattr(transfer, "has_detection", lambda: with_detection)
    config = Config.fromfile(CONFIGS / "slotcon_r18_quickstart.py")
    model = MODELS.build({"_scope_": "mmpretrain", **config.model})
    torch.save(dict(state_dict=model.state_dict(), meta={}), tmp_path / "epoch_1.pth")
    train, held_out = read_labeled(scenes, "train2017", 16), read_labeled(scenes, "val2017", 4)
    table = compare_transfer(config, tmp_path / "epoch_1.pth", scenes, train, held_out, 19, tmp_path, seeds=(0, 1))
    names = ["FCN, mIoU", "Mask R-CNN, box AP50", "Mask R-CNN, mask AP50"]
    assert [row.benchmark for row in table] == (names if with_detection else names[:1])
    checkpoint = str(tmp_path / "epoch_1.pth")
    expected = [("scratch", 0), ("scratch", 1), (checkpoint, 0), (checkpoint, 1)]
    assert starts == (expected if with_detection else [])
    assert all(len(row.random) == len(row.pretrained) == 2 for row in table)


def test_transfer_needs_labels(tmp_path):
    with pytest.raises(ValueError, match="--transfer without --data"):
        run_quickstart(tmp_path, tmp_path, seed=0, epochs=1, lr=None, transfer=True)
