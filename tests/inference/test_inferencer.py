"""An image in, its groups out."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import mmengine.device.utils
import numpy as np
import pytest
import torch
from helpers import TINY_CONFIG, write_tiny_checkpoint
from mmengine.config import Config
from PIL import Image
from processes import run_python
from pycocotools import mask as coco_mask

import slotcon_mm
from slotcon_mm.checkpoints.publish import publish
from slotcon_mm.datasets.coco_instances import read_coco
from slotcon_mm.inference.inferencer import SlotInferencer, describe


@pytest.fixture(scope="module")
def work_dir(tmp_path_factory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def inferencer(work_dir) -> SlotInferencer:
    return slotcon_mm.SlotInferencer(work_dir, device="cpu", size=64, show_progress=False)


@pytest.mark.parametrize("hosts", ["cpu", "mps", "npu"])
def test_without_a_cuda_device_it_works_on_the_cpu(work_dir, monkeypatch, hosts):
    monkeypatch.setattr(mmengine.device.utils, "DEVICE", hosts)
    model = slotcon_mm.SlotInferencer(work_dir, size=64, show_progress=False).model
    assert {p.device.type for p in model.parameters()} == {"cpu"}


@pytest.mark.parametrize(("views", "size"), [(224, 320), (64, 91)])
def test_images_are_shown_at_the_scale_of_the_trainings_views(work_dir, tmp_path, views, size):
    checkpoint = torch.load(work_dir / "epoch_1.pth", weights_only=True)
    pipeline = [dict(type="slotcon_mm.PairedViews", size=views)]
    config = Config(dict(model=TINY_CONFIG, train_dataloader=dict(dataset=dict(pipeline=pipeline))))
    torch.save({**checkpoint, "meta": dict(cfg=config.pretty_text)}, tmp_path / "one.pth")
    assert SlotInferencer(tmp_path / "one.pth", device="cpu").size == size
    assert SlotInferencer(tmp_path / "one.pth", device="cpu", size=None).size is None


def test_sixteen_bit_images_are_read_by_the_bit_depth_of_the_training_unless_another_is_given(work_dir, tmp_path):
    checkpoint = torch.load(work_dir / "epoch_1.pth", weights_only=True)
    pipeline = [dict(type="slotcon_mm.LoadImage", bit_depth=12), dict(type="slotcon_mm.PairedViews", size=64)]
    config = Config(dict(model=TINY_CONFIG, train_dataloader=dict(dataset=dict(pipeline=pipeline))))
    torch.save({**checkpoint, "meta": dict(cfg=config.pretty_text)}, tmp_path / "one.pth")
    values = np.random.default_rng(0).integers(0, 4096, (50, 70)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "deep.png"), values)

    def seen(**options) -> np.ndarray:
        inferencer = SlotInferencer(tmp_path / "one.pth", device="cpu", size=64, show_progress=False, **options)
        return next(inferencer.stream([tmp_path / "deep.png"]))["image"][..., 0]

    np.testing.assert_array_equal(seen(), values >> 4)
    np.testing.assert_array_equal(seen(bit_depth=14), values >> 6)
    np.testing.assert_array_equal(seen(bit_depth=None), values >> 8)
    with pytest.raises(ValueError, match="expected bit_depth as a whole number from 8 to 16, or None, got 4"):
        seen(bit_depth=4)


def test_dark_sixteen_bit_images_are_said_where_nobody_told_their_bit_depth(inferencer, tmp_path):
    cv2.imwrite(str(tmp_path / "deep.png"), np.full((40, 50), 4000, np.uint16))
    with pytest.warns(
        UserWarning, match=r"got 4000 as the highest value .* Pass bit_depth \(--bit-depth of infer.py\)"
    ):
        inferencer(tmp_path)


def random_image(height: int = 50, width: int = 70, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """The address of a folder, by HTTP on this machine."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_the_group_map_has_the_images_size_and_adds_up(inferencer):
    found = inferencer(random_image())["predictions"][0]
    assert found["group_map"].shape == (50, 70)
    assert found["areas"].sum() == 50 * 70
    ids, counts = np.unique(found["group_map"], return_counts=True)
    assert (found["prototypes"].tolist(), found["areas"].tolist()) == (ids.tolist(), counts.tolist())
    assert found["slots"].shape == (len(ids), 6)


def test_files_folders_arrays_and_lists_give_the_same_in_order(inferencer, tmp_path):
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), random_image(seed=number)[..., ::-1])
    folder = inferencer(str(tmp_path))["predictions"]
    files = inferencer([str(tmp_path / f"{number}.png") for number in range(3)], batch_size=2)["predictions"]
    arrays = inferencer([random_image(seed=number) for number in range(3)], batch_size=1)["predictions"]
    with serve(tmp_path) as root:
        address = inferencer(f"{root}/0.png")["predictions"]
    for first, second, third in zip(folder, files, arrays, strict=True):
        np.testing.assert_array_equal(first["group_map"], second["group_map"])
        np.testing.assert_array_equal(first["group_map"], third["group_map"])
    np.testing.assert_array_equal(address[0]["group_map"], folder[0]["group_map"])


def test_images_of_different_shapes_share_a_batch_and_keep_their_places(inferencer):
    shapes = [(40, 60), (60, 40), (40, 60), (33, 33)]
    found = inferencer([random_image(*shape) for shape in shapes], batch_size=4)["predictions"]
    assert [item["group_map"].shape for item in found] == shapes


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 2), (1200, 1600)])
def test_tiny_thin_and_large_images_pass(inferencer, shape):
    assert inferencer(random_image(*shape))["predictions"][0]["group_map"].shape == shape


def test_kinds_of_files_pass(inferencer, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(random_image())
    image.convert("L").save(tmp_path / "gray.jpg")
    image.convert("CMYK").save(tmp_path / "cmyk.jpg")
    image.save(tmp_path / "turned.jpg", exif=exif)
    Image.fromarray(random_image()[..., 0].astype(np.uint16) * 257).save(tmp_path / "sixteen.png")
    found = {Path(p["name"]).stem: p["group_map"].shape for p in inferencer(str(tmp_path))["predictions"]}
    assert found == dict(gray=(50, 70), cmyk=(50, 70), turned=(70, 50), sixteen=(50, 70))


def test_an_image_that_cannot_be_read_is_named_and_the_rest_goes_on(inferencer, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    with pytest.warns(UserWarning, match="left out: .*bad.jpg"):
        results = inferencer([str(tmp_path / "bad.jpg"), random_image()], draw=True)
    bad, good = results["predictions"]
    assert "bad.jpg" in bad["error"]
    assert good["group_map"].shape == (50, 70)
    assert results["visualization"][0] is None
    assert results["visualization"][1].shape == (50, 70, 3)


def test_saved_masks_are_the_group_map(inferencer, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), random_image())
    found = inferencer(str(tmp_path / "a.png"), out_dir=tmp_path / "out")["predictions"][0]
    saved = json.loads((tmp_path / "out/a.json").read_text())
    assert cv2.imread(str(tmp_path / "out/a.png")).shape == (50, 70, 3)
    assert (saved["height"], saved["width"]) == (50, 70)
    again = np.full((50, 70), -1)
    for group in saved["groups"]:
        again[coco_mask.decode(group["segmentation"]).astype(bool)] = group["category_id"]
        assert group["area"] == (found["group_map"] == group["category_id"]).sum()
    np.testing.assert_array_equal(again, found["group_map"])


def test_images_of_one_name_do_not_overwrite_each_other(inferencer, tmp_path):
    inferencer([random_image(seed=0), random_image(seed=1)], out_dir=tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["array-2.png", "array.png"]


def test_a_tree_of_equal_names_keeps_every_output_and_a_second_call_replaces_its_own(inferencer, tmp_path):
    for folder in "abc":
        (tmp_path / "in" / folder).mkdir(parents=True)
        for number in range(3):
            cv2.imwrite(str(tmp_path / "in" / folder / f"{number}.png"), random_image(seed=number))
    for _ in range(2):
        found = inferencer(str(tmp_path / "in"), out_dir=tmp_path / "out", batch_size=2)["predictions"]
        written = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.json"))
        assert written == [f"{folder}/{number}.json" for folder in "abc" for number in range(3)]
    for prediction in found:
        saved = json.loads(Path(prediction["path"]).with_suffix(".json").read_text())
        assert saved["file_name"] == prediction["name"]


def test_writing_keeps_nothing(inferencer, tmp_path):
    results = list(inferencer.write([random_image(), str(tmp_path / "none.png")], tmp_path / "out"))
    assert results[0] == dict(name="array", path=str(tmp_path / "out/array.png"))
    assert results[1].keys() == {"name", "error"}


def test_a_call_answers_each_input_and_what_writes_takes_an_image_once(inferencer, tmp_path):
    paths = [str(tmp_path / f"in/{name}.png") for name in "ab"]
    (tmp_path / "in").mkdir()
    for path in paths:
        cv2.imwrite(path, random_image())
    given = [*paths, paths[0]]
    assert [found["name"] for found in inferencer(given)["predictions"]] == given
    assert [found["name"] for found in inferencer.write(given, tmp_path / "out")] == paths
    (tmp_path / "names.json").write_text('{"names": {"0": "car"}}')
    arguments = [*given, str(tmp_path / "in")], tmp_path / "masks", tmp_path / "names.json", "coco"
    assert [found["name"] for found in inferencer.write_named(*arguments)] == paths
    assert read_coco(tmp_path / "masks/instances.json").images.keys() == {"a.png", "b.png"}


@pytest.mark.parametrize(("K", "dtype"), [(256, np.uint8), (257, np.uint16)])
def test_ids_take_the_smallest_type_that_holds_them(K, dtype):
    found = describe(torch.tensor([[0, K - 1]]), torch.zeros(K, 2))
    assert found["group_map"].dtype == dtype
    assert found["group_map"].tolist() == [[0, K - 1]]


def test_published_and_converted_checkpoints_group_alike(inferencer, work_dir, tmp_path):
    checkpoint = torch.load(work_dir / "epoch_1.pth", weights_only=True)
    published, _ = publish(checkpoint, tmp_path / "p.pth")
    torch.save(dict(state_dict=checkpoint["state_dict"], meta={}), tmp_path / "converted.pth")
    expected = inferencer(random_image())["predictions"][0]["group_map"]
    for path in (published, tmp_path / "converted.pth"):
        other = SlotInferencer(path, device="cpu", size=64, show_progress=False)
        np.testing.assert_array_equal(other(random_image())["predictions"][0]["group_map"], expected)


def test_an_address_that_leads_nowhere_is_named(inferencer):
    with pytest.warns(UserWarning, match="left out: nowhere://a.png"):
        assert "error" in inferencer("nowhere://a.png")["predictions"][0]


@pytest.mark.parametrize("array", [random_image()[..., 0], random_image().astype(float), np.zeros((0, 4, 3), np.uint8)])
def test_other_arrays_are_refused(inferencer, array):
    with pytest.raises(ValueError, match=r"array \(H, W, 3\) of uint8"):
        inferencer(array)


def test_the_command_line_groups_a_folder_and_names_what_it_cannot_read(work_dir, tmp_path):
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in/a.png"), random_image())
    (tmp_path / "in/bad.jpg").write_bytes(b"no image")
    command = ["tools/infer.py", work_dir, tmp_path / "in", "--out-dir", tmp_path / "out", "--device", "cpu"]
    done = run_python(*command)
    assert done.returncode != 0
    assert "1 could not be read" in done.stderr
    assert "bad.jpg" in done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.json", "a.png"]
