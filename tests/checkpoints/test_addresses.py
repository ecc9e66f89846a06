"""Addresses hold what files hold: nothing that runs."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from helpers import Payload
from mmengine.runner.checkpoint import CheckpointLoader

from slotcon_mm.checkpoints import addresses
from slotcon_mm.checkpoints.addresses import address_of


class Quiet(SimpleHTTPRequestHandler):
    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path, monkeypatch) -> Iterator[tuple[Path, str]]:
    """A folder and its address on this machine; downloads go to a folder of the test's."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    Quiet.asked.clear()
    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def load(address: str) -> dict:
    return CheckpointLoader.load_checkpoint(address, map_location="cpu")


def test_tensors_are_downloaded_once(served):
    folder, address = served
    torch.save(dict(state_dict=dict(w=torch.ones(2))), folder / "a.pth")
    for _ in range(2):
        assert torch.equal(load(f"{address}/a.pth?download=1")["state_dict"]["w"], torch.ones(2))
    assert Quiet.asked == ["/a.pth?download=1"]


def test_files_of_one_name_are_told_apart_by_their_addresses(served):
    folder, address = served
    for number, name in enumerate("ab"):
        (folder / name).mkdir()
        torch.save(dict(state_dict=dict(w=torch.tensor(number))), folder / name / "pytorch_model.bin")
    assert [int(load(f"{address}/{name}/pytorch_model.bin")["state_dict"]["w"]) for name in "aba"] == [0, 1, 0]
    assert Quiet.asked == ["/a/pytorch_model.bin", "/b/pytorch_model.bin"]


def test_other_objects_are_refused_and_not_run(served, tmp_path):
    folder, address = served
    torch.save(dict(meta=Payload(tmp_path / "ran")), folder / "bad.pth")
    with pytest.raises(ValueError, match="got other objects"):
        load(f"{address}/bad.pth")
    assert not (tmp_path / "ran").exists()


def test_a_file_must_have_the_hash_in_its_name(served):
    folder, address = served
    torch.save(dict(w=torch.ones(2)), folder / "a.pth")
    content = (folder / "a.pth").read_bytes()
    digits = hashlib.sha256(content).hexdigest()[:8]
    for name in (f"good-{digits}.pth", "wrong-00000000.pth"):
        (folder / name).write_bytes(content)
    assert torch.equal(load(f"{address}/good-{digits}.pth")["w"], torch.ones(2))
    with pytest.raises(RuntimeError, match="invalid hash value"):
        load(f"{address}/wrong-00000000.pth")
    with pytest.raises(RuntimeError, match="invalid hash value"):  # nothing was kept of it
        load(f"{address}/wrong-00000000.pth")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("torchvision://resnet50", r"resnet50-\w+\.pth"),
        ("open-mmlab://resnet50_v1c", r"resnet50_v1c-2cccc1ad\.pth"),
        ("mmcls://vgg11", r"vgg11_batch256_imagenet_20210208-4271cd6c\.pth"),
    ],
)
def test_named_models_are_those_of_mmengines_tables(name, file):
    """The file; where it lies differs: OpenMMLab's releases and their forks have servers of their own."""
    assert re.fullmatch(r"https://[\w./-]+/" + file, address_of(name))


def test_an_address_stands_for_itself():
    assert address_of("http://a/b.pth") == "http://a/b.pth"


def test_a_classifiers_backbone_is_taken_as_mmengine_does(served, monkeypatch):
    folder, address = served
    torch.save(dict(state_dict={"backbone.w": torch.ones(2), "head.w": torch.zeros(2)}), folder / "c.pth")
    monkeypatch.setitem(addresses.TABLES, "mmcls://", lambda: dict(tiny=f"{address}/c.pth"))
    assert set(load("mmcls://tiny")["state_dict"]) == {"w"}


@pytest.mark.parametrize("address", ["torchvision://nothing", "s3://b/a.pth", "pavi://a", "petrel://a", "x:s3://a"])
def test_what_cannot_be_loaded_safely_is_refused_with_what_to_do(address):
    with pytest.raises(ValueError, match=r"expected (the name of a model|a file or an http)"):
        load(address)
