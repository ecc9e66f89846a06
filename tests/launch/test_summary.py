"""What is said before a run starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.optim import OptimWrapperDict
from runs import CONFIGS, build_run, pretraining_options
from torch import nn, optim

from slotcon_mm.launch import summary
from slotcon_mm.launch.summary import describe_batch, describe_data, describe_device, summary_of_training


class Loader:
    batch_size = 8


class Listed:
    """A dataset of 1,234 images."""

    def __init__(self, **attributes: object) -> None:
        self.__dict__.update(attributes)

    def __len__(self) -> int:
        return 1234


def test_a_pretraining_is_summed_up_in_a_line_for_each_question(scenes, tmp_path):
    options = {**pretraining_options(scenes, epochs=3), "auto_scale_lr.enable": True}
    runner = build_run("slotcon_r18_quickstart.py", tmp_path, options=options)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    runner.scale_lr(runner.optim_wrapper, runner.auto_scale_lr)
    lines = dict(line.split(": ", 1) for line in summary_of_training(runner))
    assert lines["config"] == str(CONFIGS / "slotcon_r18_quickstart.py")
    assert lines["data"] == f"16 images in {scenes} (train2017)"
    trained = sum(p.numel() for p in runner.model.parameters() if p.requires_grad)
    assert lines["model"] == f"SlotCon with ResNet-18, 16 prototypes, {trained / 1e6:.1f} million parameters to train"
    assert lines["device"].startswith("CPU, ")
    assert lines["device"].endswith(("thread, fp32", "threads, fp32"))
    assert lines["batch"] == "4 images; 3 epochs of 4 steps"
    assert lines["learning rate"] == f"{2 * 4 / 512:g} (LARS), scaled from the config's for a batch of 512"
    work_dir, log = lines["work dir"].split("; the whole log is ")
    assert work_dir == str(tmp_path)
    assert Path(log).is_file()


@pytest.mark.parametrize(
    ("dataset", "text"),
    [
        (Listed(), "1,234 images"),
        (Listed(data_root="data/coco", folders=["a", "b"]), "1,234 images in data/coco (a, b)"),
        (Listed(data_root="data/coco", folders=[""]), "1,234 images in data/coco"),
        (Listed(data_root="data", ann_file="x.json", folders=["a"]), "1,234 images of the list x.json"),
        (Listed(dataset=Listed(data_root="data/coco")), "1,234 images in data/coco"),
    ],
)
def test_data_are_counted_and_placed(dataset, text):
    assert describe_data(dataset) == text


def test_processes_share_the_batch(monkeypatch):
    assert describe_batch(Loader(), 1) == "8 images"
    assert describe_batch(Loader(), 2) == "8 images (2 micro-batches x 4)"
    monkeypatch.setattr(summary, "get_world_size", lambda: 4)
    assert describe_batch(Loader(), 1) == "32 images (4 processes x 8)"
    assert describe_batch(Loader(), 2) == "32 images (4 processes x 2 micro-batches x 4)"
    assert describe_device().startswith("4 processes, each on CPU")


def test_several_optimizers_have_a_rate_each(scenes, tmp_path):
    runner = build_run("slotcon_r18_quickstart.py", tmp_path, options=pretraining_options(scenes))
    layer = nn.Linear(2, 2)
    wrappers = {
        name: runner.build_optim_wrapper(dict(type="OptimWrapper", optimizer=kind([layer.weight], lr=lr)))
        for name, kind, lr in (("a", optim.SGD, 0.5), ("b", optim.AdamW, 0.25))
    }
    runner.optim_wrapper = OptimWrapperDict(**wrappers)
    assert summary.describe_learning_rate(runner) == "0.5 (SGD), 0.25 (AdamW)"
