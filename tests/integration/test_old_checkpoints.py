"""A checkpoint with the names of version 0.1.0 is resumed, converted, inferred with and fine-tuned from."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from runs import build_run, differences, pretraining_options, run_state, train

from slotcon_mm import SlotInferencer
from slotcon_mm.checkpoints.latest import resolve_checkpoint
from slotcon_mm.checkpoints.official import from_official, to_official
from slotcon_mm.checkpoints.plain_config import read_plain_config
from slotcon_mm.checkpoints.registered import build_registered
from slotcon_mm.launch.pretrained import use_pretrained

QUICKSTART = "slotcon_r18_quickstart.py"
# in the text of a config: today's name, that of version 0.1.0
NAMES = (
    ("slotcon_mm.UnlabeledImageDataset", "slotcon_mm.PictureFolder"),
    ("slotcon_mm.LoadImage", "slotcon_mm.LoadPicture"),
    ("slotcon_mm.UnreadableImagesHook", "slotcon_mm.UnreadablePicturesHook"),
    ("num_images=", "num_pictures="),
    ("gray_prob=", "grey_prob="),
)


@pytest.fixture(scope="module")
def uninterrupted(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    work_dir = tmp_path_factory.mktemp("whole")
    train(build_run(QUICKSTART, work_dir, options=pretraining_options(scenes, epochs=2)))
    return work_dir


@pytest.fixture
def old(uninterrupted: Path, tmp_path: Path) -> Path:
    """A work dir with the first epoch's checkpoint as version 0.1.0 wrote it."""
    checkpoint = torch.load(uninterrupted / "epoch_1.pth", weights_only=True)
    meta = checkpoint["meta"]
    for now, then in NAMES:
        assert now in meta["cfg"]
        meta["cfg"] = meta["cfg"].replace(now, then)
    meta["run"]["pictures"] = meta["run"].pop("images")
    windows = checkpoint["message_hub"]["log_windows"]
    windows["train/pictures_per_second"] = windows.pop("train/images_per_second")
    torch.save(checkpoint, tmp_path / "epoch_1.pth")
    return tmp_path


def test_it_is_resumed_to_the_same_bits(old, uninterrupted, scenes):
    runner = train(build_run(QUICKSTART, old, options=pretraining_options(scenes, epochs=2), resume="latest"))
    assert differences(run_state(uninterrupted / "epoch_2.pth"), run_state(old / "epoch_2.pth")) == []
    scalars = runner.message_hub.log_scalars
    assert "train/pictures_per_second" not in scalars
    assert len(scalars["train/images_per_second"].data[0]) == runner.iter


def test_other_images_are_said_with_both_numbers(old, scenes):
    checkpoint = torch.load(old / "epoch_1.pth", weights_only=True)
    checkpoint["meta"]["run"]["fingerprint"] = "another"
    torch.save(checkpoint, old / "epoch_1.pth")
    build_run(QUICKSTART, old, options=pretraining_options(scenes, epochs=2), resume="latest")
    log = "".join(path.read_text() for path in old.glob("*/*.log"))
    assert "(16 now, 16 then)" in log


def test_it_groups_images_at_the_scale_of_its_views(old, uninterrupted):
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    before, now = (SlotInferencer(folder / "epoch_1.pth", show_progress=False) for folder in (old, uninterrupted))
    assert before.size == now.size == round(320 / 224 * 32)
    maps = [inferencer(image)["predictions"][0]["group_map"] for inferencer in (before, now)]
    assert np.array_equal(*maps)


def test_it_is_converted_there_and_back(old):
    checkpoint = torch.load(old / "epoch_1.pth", weights_only=True)
    again = from_official(to_official(checkpoint))["state_dict"]
    assert {name: value.sum() for name, value in again.items()} == {
        name: value.sum() for name, value in checkpoint["state_dict"].items()
    }


def test_a_downstream_backbone_is_filled_from_it(old):
    config = Config(dict(model=dict(type="EncoderDecoder", backbone=dict(type="ResNet"))))
    _, weights = use_pretrained(config, str(old), None)
    assert weights.file == str(resolve_checkpoint(old, "--pretrained"))
    held = read_plain_config(weights.checkpoint["meta"]["cfg"])["model"]["backbone"]
    filling = weights.fit(SimpleNamespace(backbone=build_registered(held, "mmpretrain")))
    assert filling.backbone.source == "teacher"
    assert filling.backbone.step == 4
