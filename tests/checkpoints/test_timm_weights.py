"""timm://NAME: from the caches of timm and Hugging Face; downloaded only where weights are named."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from slotcon_mm.checkpoints import timm_weights
from slotcon_mm.checkpoints.weight_files import read_weights

timm = pytest.importorskip("timm")
huggingface_hub = pytest.importorskip("huggingface_hub")
safetensors = pytest.importorskip("safetensors.torch")
STATE = dict(w=torch.ones(2))


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Path:
    """An empty cache of Hugging Face's, and one of torch's."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.file_download, "HF_HUB_CACHE", str(tmp_path / "hub"), raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(timm_weights, "fetch", lambda weights: pytest.fail("a download"))
    return tmp_path / "hub"


def put(hub: Path, repository: str, file: str) -> None:
    """In the layout of that cache: refs/main names a commit, and snapshots/COMMIT holds its files."""
    folder = hub / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs/main").write_text("abc")
    (folder / "snapshots/abc").mkdir(parents=True)
    path = folder / "snapshots/abc" / file
    safetensors.save_file(STATE, path) if file.endswith("safetensors") else torch.save(STATE, path)


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
@pytest.mark.parametrize("name", ["resnet18.a1_in1k", "resnet18"])
def test_weights_on_disk_are_taken_by_the_name_of_weights_and_of_their_network(hub, name, file):
    put(hub, "timm/resnet18.a1_in1k", file)
    address, loaded = read_weights(f"timm://{name}", "--pretrained")
    assert address == f"timm://{name}"
    assert loaded.get("state_dict", loaded)["w"].equal(STATE["w"])


def test_what_timm_itself_downloaded_by_torch_is_taken(hub, tmp_path):
    url = timm.get_pretrained_cfg("resnet18.a1_in1k").url
    folder = tmp_path / "torch/hub/checkpoints"
    folder.mkdir(parents=True)
    torch.save(STATE, folder / url.rpartition("/")[2])
    assert read_weights("timm://resnet18.a1_in1k", "--pretrained")[1]["w"].equal(STATE["w"])


def test_the_name_of_a_network_alone_downloads_nothing(hub):
    with pytest.raises(ValueError, match=r"on disk, got none.*downloads nothing.*\(timm://resnet18.a1_in1k, "):
        read_weights("timm://resnet18", "--pretrained")


def test_the_name_of_weights_asks_for_a_download(hub, tmp_path, monkeypatch):
    torch.save(STATE, tmp_path / "fetched.bin")
    asked = []
    monkeypatch.setattr(
        timm_weights, "fetch", lambda weights: asked.append(weights.hf_hub_id) or tmp_path / "fetched.bin"
    )
    assert read_weights("timm://resnet18.a1_in1k", "--pretrained")[1]["w"].equal(STATE["w"])
    assert asked == ["timm/resnet18.a1_in1k"]


def test_downloads_are_timms_own(tmp_path, monkeypatch):
    """The safe file first, as timm does it; old weights without a repository by their address."""
    asked = []

    def fetch(repository: str, file: str, revision: str | None) -> str:
        asked.append((repository, file, revision))
        if file.endswith("safetensors"):
            raise huggingface_hub.errors.EntryNotFoundError("there is none")
        return str(tmp_path / file)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fetch)
    weights = SimpleNamespace(hf_hub_id="timm/net.tag@v2", hf_hub_filename=None, url="")
    assert timm_weights.fetch(weights) == tmp_path / "pytorch_model.bin"
    assert asked == [("timm/net.tag", "model.safetensors", "v2"), ("timm/net.tag", "pytorch_model.bin", "v2")]
    monkeypatch.setattr("timm.models._hub.download_cached_file", lambda url: f"/cache/{url}")
    assert str(timm_weights.fetch(SimpleNamespace(hf_hub_id=None, url="a.pth"))) == "/cache/a.pth"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet17", r"expected a network of timm .*, got resnet17"),
        (
            "resnet18.mine",
            r"weights that timm .* offers \(resnet18\..*, resnet18\..*\), got resnet18.mine: resnet18 alone",
        ),
        ("test_vit4", "offers"),
    ],
)
def test_other_names_are_refused_with_those_that_there_are(hub, name, message):
    with pytest.raises(ValueError, match=message):
        read_weights(f"timm://{name}", "--pretrained")
