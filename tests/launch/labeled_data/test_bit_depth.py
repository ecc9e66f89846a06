"""Labeled images of 16 bits: refused where mmcv would make them black, and read by the fix that is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mmcv
import numpy as np
import pytest
from images import encoded, netpbm
from mmengine.config import Config
from mmseg.datasets import BaseSegDataset
from PIL import Image

from slotcon_mm.datasets import LoadLabeledImage, SeededDataset
from slotcon_mm.launch.labeled_data.bit_depth import expect_visible_images
from slotcon_mm.launch.labeled_data.kinds import is_transform
from slotcon_mm.launch.overrides import merge_overrides

GRAY = np.arange(0, 3780, 10, dtype=np.uint16)[None].repeat(4, axis=0)


def png(scale: int = 1) -> bytes:
    return encoded(Image.fromarray(GRAY * np.uint16(scale)), "PNG")


def run_of(root: Path, content: bytes, *, suffix: str = ".png", **step: Any) -> tuple[Any, Config]:
    (root / f"a{suffix}").write_bytes(content)
    reading = {"type": "LoadImageFromFile", "backend_args": None, **step}
    part = dict(type="BaseSegDataset", data_root=str(root), data_prefix=dict(img_path=""), img_suffix=suffix)
    loader = dict(dataset=dict(type="RepeatDataset", times=2, dataset={**part, "pipeline": [reading]}))
    return built(Config(dict(default_scope="mmseg", train_dataloader=loader, val_dataloader=loader)))


def built(config: Config) -> tuple[Any, Config]:
    arguments = {key: value for key, value in config.train_dataloader.dataset.dataset.items() if key != "type"}
    return SeededDataset(BaseSegDataset(**arguments)), config


def test_twelve_bits_are_refused_and_the_fix_that_is_told_reads_them(tmp_path):
    dataset, config = run_of(tmp_path, png())
    assert dataset.dataset[0]["img"].max() == 14
    with pytest.raises(ValueError, match=r"got 3770 as the highest value of 1 looked at, in .*a.png") as error:
        expect_visible_images(dataset, config)
    options = str(error.value).partition("--cfg-options ")[2].replace("BITS", "12").split()
    place = "dataloader.dataset.dataset.pipeline.0"
    assert options[:2] == [f"train_{place}.type=slotcon_mm.LoadLabeledImage", f"train_{place}.bit_depth=12"]
    assert options[2:] == [option.replace("train", "val") for option in options[:2]]
    merge_overrides(config, options)
    dataset, _ = built(config)
    expect_visible_images(dataset, config)
    np.testing.assert_array_equal(dataset.dataset[0]["img"][..., 0], GRAY >> 4)


@pytest.mark.parametrize(
    ("content", "suffix", "step"),
    [
        (png(16), ".png", {}),
        (png(), ".png", dict(color_type="unchanged")),
        (encoded(Image.fromarray((GRAY >> 4).astype(np.uint8)), "PNG"), ".png", {}),
        (b"no image", ".png", {}),
        (encoded(Image.new("RGB", (4, 4)), "JPEG"), ".jpg", {}),
    ],
)
def test_other_images_pass(tmp_path, content, suffix, step):
    expect_visible_images(*run_of(tmp_path, content, suffix=suffix, **step))


def test_a_white_that_the_file_states_is_no_help_to_mmcv(tmp_path):
    with pytest.raises(ValueError, match=r"got 4095 as the highest value .*15 of 255 here"):
        expect_visible_images(*run_of(tmp_path, netpbm(GRAY, 4095), suffix=".pgm"))
    found = LoadLabeledImage()(dict(img_path=str(tmp_path / "a.pgm")))["img"]
    np.testing.assert_array_equal(found[..., 0], GRAY >> 4)


def test_bits_are_asked_for_where_the_fix_lacks_them(tmp_path):
    config = run_of(tmp_path, png())[1]
    config.train_dataloader.dataset.dataset.pipeline = [dict(type="slotcon_mm.LoadLabeledImage")]
    with pytest.raises(ValueError, match=r"got 3770 as the highest value.*bit_depth=BITS"):
        expect_visible_images(*built(config))


def test_eight_bit_images_are_read_as_mmcv_reads_them(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(Image.fromarray(np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)), "PNG"))
    found = LoadLabeledImage()(dict(img_path=str(path), kept=3))
    np.testing.assert_array_equal(found["img"], mmcv.imread(str(path)))
    assert (found["img_shape"], found["ori_shape"], found["kept"]) == ((5, 7), (5, 7), 3)
    assert found["img"].flags.c_contiguous


def test_a_transform_is_known_by_every_spelling_of_its_type():
    class Mine(mmcv.transforms.LoadImageFromFile):
        pass

    for kind in ("LoadImageFromFile", "mmdet.LoadImageFromFile", "mmcv.LoadImageFromFile", Mine):
        assert is_transform(dict(type=kind), "LoadImageFromFile", "mmdet")
    for kind in ("LoadAnnotations", "mmdet.LoadAnnotations", "NoSuch", dict):
        assert not is_transform(dict(type=kind), "LoadImageFromFile", "mmdet")
