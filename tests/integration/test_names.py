"""From names of prototypes to masks: typed in a browser, proposed from labels, and scored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from browser import CHROMIUM, open_page
from helpers import run_tool, write_tiny_checkpoint
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from PIL import Image
from pycocotools.coco import COCO

from slotcon_mm.datasets.image_files import read_image
from slotcon_mm.datasets.image_lists import list_images
from slotcon_mm.datasets.label_map_dataset import LabelMapDataset
from slotcon_mm.datasets.scenes import CLASSES
from slotcon_mm.evaluation import GroupMetric
from slotcon_mm.inference.group_names import fingerprint_of, names_as_text, propose_names
from slotcon_mm.inference.inferencer import SlotInferencer


@pytest.fixture(scope="module")
def weights(scenes, tmp_path_factory) -> Path:
    """Untrained, but each prototype is the feature of a place in another scene, so that all of them have pixels."""
    folder = write_tiny_checkpoint(tmp_path_factory.mktemp("weights"))
    checkpoint = torch.load(folder / "epoch_1.pth", weights_only=True)
    model: Any = SlotInferencer(folder, device="cpu", show_progress=False).model
    images = [torch.from_numpy(read_image(path)).permute(2, 0, 1) for path in list_images(scenes / "val2017")[:5]]
    inputs = model.data_preprocessor(dict(inputs=torch.stack(images)))["inputs"]
    features_BDN = model.teacher.neck.project(model.teacher.backbone(inputs)).flatten(2)
    checkpoint["state_dict"]["teacher.neck.prototypes"] = features_BDN[range(5), :, range(0, 10, 2)].detach()
    torch.save(checkpoint, folder / "epoch_1.pth")
    return folder


@pytest.fixture(scope="module")
def inferencer(weights) -> SlotInferencer:
    return SlotInferencer(weights, device="cpu", size=None, show_progress=False)


def infer(weights: Path, images: Path, out: Path, names: Path, file_format: str) -> None:
    result = run_tool(
        "tools/infer.py", str(weights), str(images), "--out-dir", str(out), "--names", str(names), "--format",
        file_format, "--device", "cpu",
    )  # fmt: skip
    assert result.code == 0, result.said


def values_by_name(folder: Path) -> dict[str, int]:
    lines = [line.split(",") for line in (folder / "classes.txt").read_text().splitlines()]
    return {name: int(value) for name, value in lines}


def label_map(folder: Path, stem: str) -> np.ndarray:
    return np.array(Image.open(folder / "SegmentationClass" / f"{stem}.png"))


@pytest.mark.skipif(not CHROMIUM, reason="needs Chromium, on the PATH or named by CHROMIUM")
def test_names_typed_on_the_page_are_kept_downloaded_and_what_masks_show(weights, scenes, tmp_path):
    images, page_folder = scenes / "val2017", tmp_path / "page"
    command = ["tools/visualize_slots.py", str(weights), str(images), "--out-dir", str(page_folder), "--workers", "0"]
    assert run_tool(*command, "--size", "96", "--device", "cpu").code == 0
    typed: dict[str, str] = {}
    with open_page(tmp_path) as page:
        page.go(page_folder / "index.html")
        shown = page.run("[...document.querySelectorAll('aside input')].map(field => field.dataset.prototype)")
        assert len(shown) >= 3
        assert page.run("document.getElementById('download').disabled")
        for prototype, text, meant in zip(
            shown, ["bush", " Bush ", "<i>sky</i>"], ["bush", "bush", "<i>sky</i>"], strict=False
        ):
            page.type(f"[data-prototype='{prototype}']", text)
            typed[prototype] = meant
        assert page.run("[...document.querySelectorAll('#overview li')].map(row => row.textContent)") == [
            f"<i>sky</i>:{shown[2]}", "bush:" + "".join(sorted(shown[:2], key=int)),
        ]  # fmt: skip
        assert page.run("[...document.querySelectorAll('#known option')].map(o => o.value)") == ["<i>sky</i>", "bush"]
        page.reload()
        assert page.run(f"document.querySelector(\"[data-prototype='{shown[1]}']\").value") == "bush"
        page.click("#download")
        names = page.downloaded("names.json")
        assert json.loads(names.read_text())["names"] == typed

        page.type(f"[data-prototype='{shown[0]}']", "")
        assert page.run(f"names[{shown[0]}]") is None
        page.choose_file("#load", names)
        page.wait(f"document.querySelector(\"[data-prototype='{shown[0]}']\").value === 'bush'")
        names.with_name("other.json").write_text(names.read_text().replace('"prototypes": 5', '"prototypes": 64'))
        page.choose_file("#load", names.with_name("other.json"))
        page.wait("document.getElementById('message').textContent.includes('it is for 64 prototypes')")

    infer(weights, images, tmp_path / "maps", names, "labelmap")
    infer(weights, images, tmp_path / "coco", names, "coco")
    values = values_by_name(tmp_path / "maps")
    assert list(values) == ["background", "<i>sky</i>", "bush"]
    table = np.array([values[typed.get(str(prototype), "background")] for prototype in range(5)])
    coco = COCO(str(tmp_path / "coco/instances.json"))
    assert {item["name"]: item["id"] for item in coco.cats.values()} == {k: v for k, v in values.items() if v}
    found = SlotInferencer(weights, device="cpu", show_progress=False)(str(images))["predictions"]
    assert len(found) == len(coco.imgs) == 6
    for prediction, image in zip(found, coco.imgs.values(), strict=True):
        expected = table[prediction["group_map"]]
        assert image["file_name"] == Path(prediction["name"]).name
        np.testing.assert_array_equal(label_map(tmp_path / "maps", Path(prediction["name"]).stem), expected)
        drawn = np.zeros_like(expected)
        for item in coco.imgToAnns[image["id"]]:
            drawn[coco.annToMask(item).astype(bool)] = item["category_id"]
        assert (drawn == expected).mean() > 0.97  # polygons are a pixel off, and leave out specks


def evaluated(inferencer: SlotInferencer, scenes: Path) -> tuple[dict[str, float], dict[int, str]]:
    """The metric's own scores of its own majority, and that majority as names."""
    dataset = LabelMapDataset(
        data_root=str(scenes), data_prefix=dict(img_path="val2017", seg_map_path="stuffthingmaps/val2017"),
        label_set="scenes", pipeline=Config(dict(steps=[
            dict(type="slotcon_mm.LoadImage", exif=False),
            dict(type="slotcon_mm.LoadLabels", label_set="scenes"),
            dict(type="mmpretrain.PackInputs", algorithm_keys=("gt_sem_seg",)),
        ])).steps,
    )  # fmt: skip
    metric = GroupMetric("scenes", clusters="many-to-one")
    model: Any = inferencer.model
    for sample in dataset:
        batch = pseudo_collate([sample])
        metric.process(batch, [found.to_dict() for found in model.test_step(batch)])
    names = propose_names(metric.confusion_KC, CLASSES)
    return metric.evaluate(len(dataset)), names


def test_the_score_of_named_masks_is_that_of_the_metric_to_the_bit(weights, inferencer, scenes, tmp_path):
    """Both see the images in their own size. IoUs are counted anew from the files."""
    scores, proposed = evaluated(inferencer, scenes)
    (tmp_path / "names.json").write_text(names_as_text(proposed, 5, fingerprint_of(inferencer.model)))
    written = list(inferencer.write_named(str(scenes / "val2017"), tmp_path, tmp_path / "names.json", "labelmap"))
    values = values_by_name(tmp_path)
    inter, union, labeled = np.zeros((3, len(CLASSES)), int)
    for result in written:
        stem = Path(result["name"]).stem
        labels = np.array(Image.open(scenes / "stuffthingmaps/val2017" / f"{stem}.png"))
        masks = label_map(tmp_path, stem)
        for number, name in enumerate(CLASSES):
            mask = masks == values[name] if name in values else np.zeros(masks.shape, bool)
            inter[number] += (mask & (labels == number)).sum()
            union[number] += ((mask & (labels < len(CLASSES))) | (labels == number)).sum()
            labeled[number] += (labels == number).sum()
    assert len(written) == 6
    assert len(set(proposed.values())) >= 2
    assert 100 * np.nanmean(np.where(union > 0, inter / np.maximum(union, 1), np.nan)) == scores["mIoU"] > 0
    assert 100 * float(inter.sum() / labeled.sum()) == scores["pAcc"]


@pytest.mark.parametrize("file_format", ["coco", "labelmap", "labelme"])
def test_an_image_that_cannot_be_read_is_named_and_the_masks_of_the_rest_are_whole(
    weights, scenes, tmp_path, file_format
):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.jpg").write_bytes((scenes / "val2017/000000000001.jpg").read_bytes())
    (tmp_path / "in/bad.jpg").write_bytes(b"no image")
    (tmp_path / "names.json").write_text('{"names": {"0": "a", "1": "b", "2": "c", "3": "d", "4": "e"}}')
    options = ["--out-dir", str(tmp_path / "out"), "--names", str(tmp_path / "names.json"), "--format", file_format]
    result = run_tool("tools/infer.py", str(weights), str(tmp_path / "in"), *options, "--device", "cpu")
    assert result.code == 1
    assert "1 could not be read" in result.said
    assert "bad.jpg" in result.said
    place = dict(coco="out/instances.json", labelmap="out", labelme="out")[file_format]
    assert f"1 images in {tmp_path / place}\n" in result.said
    written = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert (
        written
        == dict(
            coco={"instances.json"},
            labelmap={"SegmentationClass/a.png", "ImageSets/Segmentation/default.txt", "classes.txt", "labelmap.txt"},
            labelme={"a.json"},
        )[file_format]
    )
    if file_format == "coco":
        assert [image["file_name"] for image in COCO(str(tmp_path / place)).imgs.values()] == ["a.jpg"]


def test_names_for_other_weights_and_half_of_the_options_are_refused(weights, scenes, tmp_path):
    (tmp_path / "names.json").write_text('{"prototypes": 64, "names": {"3": "car"}}')
    command = [
        "tools/infer.py",
        str(weights),
        str(scenes / "val2017"),
        "--device",
        "cpu",
        "--out-dir",
        str(tmp_path / "o"),
    ]
    result = run_tool(*command, "--names", str(tmp_path / "names.json"), "--format", "coco")
    assert "names.json: expected names for the 5 prototypes of these weights" in result.last_line()
    assert not (tmp_path / "o").exists()
    for half in (["--names", "x"], ["--format", "coco"]):
        assert "expected --names and --format together" in run_tool(*command, *half).last_line()
    missing = run_tool(*command, "--names", str(tmp_path / "none.json"), "--format", "coco")
    assert "none.json" in missing.last_line()
