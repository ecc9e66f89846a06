"""Weights of this package in the hands of those that do not import it: mmdet's and mmseg's own train scripts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import layouts
import mmdet
import mmseg
import pytest
import torch
from helpers import run_tool
from mmpretrain.models import ResNet

DETECTION = [
    f"{Path(mmdet.__file__).parent}/.mim/tools/train.py",
    f"{Path(mmdet.__file__).parent}/.mim/configs/mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py",
    "model.backbone.depth=18", "model.neck.in_channels=[64,128,256,512]", "train_cfg.max_epochs=1",
    "train_dataloader.dataset.pipeline.2.scale=(96,64)", "val_dataloader.dataset.pipeline.1.scale=(96,64)",
    "train_dataloader.num_workers=0", "train_dataloader.persistent_workers=False",
    "val_dataloader.num_workers=0", "val_dataloader.persistent_workers=False",
]  # fmt: skip
SEGMENTATION = [
    f"{Path(mmseg.__file__).parent}/.mim/tools/train.py",
    f"{Path(mmseg.__file__).parent}/.mim/configs/fcn/fcn_r50-d8_4xb4-80k_ade20k-512x512.py",
    "model.pretrained=None", "model.backbone.type=ResNet", "model.backbone.depth=18",
    "model.decode_head.in_channels=512",
    "model.auxiliary_head.in_channels=256", "train_cfg.max_iters=1", "train_cfg.val_interval=1",
    "train_dataloader.batch_size=2", "train_dataloader.num_workers=0", "train_dataloader.persistent_workers=False",
    "val_dataloader.num_workers=0", "val_dataloader.persistent_workers=False",
    "train_dataloader.dataset.pipeline.2.scale=(96,64)", "val_dataloader.dataset.pipeline.1.scale=(96,64)",
    "train_dataloader.dataset.pipeline.3.crop_size=(65,65)", "model.data_preprocessor.size=(65,65)",
]  # fmt: skip


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory) -> dict[str, Path]:
    """A raw pretraining checkpoint and the tool's export of its backbone."""
    folder = tmp_path_factory.mktemp("weights")
    teacher, student = ResNet(depth=18).state_dict(), ResNet(depth=18).state_dict()
    state = {f"teacher.backbone.{name}": value for name, value in teacher.items()}
    state |= {f"backbone.{name}": value for name, value in student.items()}
    torch.save(dict(state_dict={**state, "teacher.steps": torch.tensor(5)}, meta={}), folder / "epoch_1.pth")
    done = run_tool("tools/convert_checkpoint.py", "backbone", str(folder), str(folder / "backbone.pth"))
    assert "120 tensors (teacher, step 5), sha256 " in done.said
    return dict(raw=folder / "epoch_1.pth", export=folder / "backbone.pth")


# each command by a process of its own, all of them forked from one that has imported the host
ONE_HOST = """
import importlib, json, os, runpy, sys
import mmengine.runner
host, commands = sys.argv[1], json.loads(sys.argv[2])
importlib.import_module(f"{host}.models")
for sys.argv in commands:
    child = os.fork()
    if not child:
        runpy.run_path(sys.argv[0], run_name="__main__")
        assert "slotcon_mm" not in sys.modules
        sys.exit()
    if status := os.waitpid(child, 0)[1]:
        sys.exit(status >> 8 or 1)
"""


@pytest.mark.parametrize(
    ("host", "script", "data"),
    [("mmdet", DETECTION, "coco"), ("mmseg", SEGMENTATION, "ade20k")],
    ids=["mmdet", "mmseg"],
)
def test_the_hosts_own_script_fills_the_backbone(checkpoints, host, script, data, tmp_path):
    if data == "coco":
        layouts.write_coco(tmp_path / "data/coco", count=2)
    else:
        layouts.write_ade20k(tmp_path / "data/ade/ADEChallengeData2016", count=2)
    commands = []
    for kind, others in (("raw", ["prefix=teacher.backbone."]), ("export", [])):
        init = ["type=Pretrained", f"checkpoint={checkpoints[kind]}", *others]
        options = [*script[2:], *(f"model.backbone.init_cfg.{option}" for option in init)]
        commands.append([*script[:2], "--work-dir", str(tmp_path / kind), "--cfg-options", *options])
    command = [sys.executable, "-c", ONE_HOST, host, json.dumps(commands)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    log = done.stdout + done.stderr
    assert done.returncode == 0, log[-3000:]
    assert "do not match exactly" not in log
    teacher = torch.load(checkpoints["export"], weights_only=True)["state_dict"]
    for kind in ("raw", "export"):
        trained = torch.load(next((tmp_path / kind).glob("*_1.pth")), weights_only=False)["state_dict"]
        # what one step at the warm-up's rate leaves of the values
        for name, value in teacher.items():
            if name.endswith("conv1.weight"):
                torch.testing.assert_close(trained[f"backbone.{name}"], value, atol=0.02, rtol=0.1)
