"""Rows of a table: weights, and what their networks score with random weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from helpers import write_tiny_checkpoint
from labeled_worlds import LABEL_SET, stained

from slotcon_mm.evaluation.frozen.evaluate import Choices, evaluate_network
from slotcon_mm.evaluation.frozen.grids import Reading
from slotcon_mm.evaluation.frozen.parts import LabeledParts
from slotcon_mm.evaluation.frozen.table import Row
from slotcon_mm.evaluation.frozen.weights import network_of_weights
from slotcon_mm.launch import evaluating
from slotcon_mm.launch.evaluating import evaluate_weights, protocol_of, start_processes

CHOICES = Choices(("knn", "kmeans"), (0, 1), pixels=200, reading=Reading(64, 4))
PARTS = LabeledParts(stained(4), stained(3, seed=1), LABEL_SET)


@pytest.fixture(scope="module")
def work_dirs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two runs of one network and one of a wider one."""
    folders = [write_tiny_checkpoint(tmp_path_factory.mktemp(name)) for name in "ab"]
    checkpoint = torch.load(folders[1] / "epoch_1.pth", weights_only=True)
    for name, value in checkpoint["state_dict"].items():
        if name.startswith("teacher.backbone.") and value.dim() == 4:
            value.add_(0.1 * torch.randn(value.shape, generator=torch.Generator().manual_seed(0)))
    torch.save(checkpoint, folders[1] / "epoch_1.pth")
    return [str(folder) for folder in folders]


def rows(weights: list[str], **options) -> list[Row]:
    return list(evaluate_weights(weights, PARTS, CHOICES, **options))


def test_each_weights_have_a_row_and_one_of_random_weights_follows_drawn_anew_for_each_seed(work_dirs):
    found = rows(work_dirs)
    assert [row.name for row in found] == [*work_dirs, "random weights"]
    assert [row.size for row in found] == [64] * 3
    assert [row.origin for row in found] == ["teacher, step 0"] * 2 + [""]
    assert all(len(scores) == 2 for row in found for scores in row.scores.values())
    for row in found[:2]:
        assert row.scores == evaluate_network(network_of_weights(row.name), PARTS, CHOICES)
    for seed in (0, 1):
        network = network_of_weights(work_dirs[0]).with_random_weights(seed)
        alone = evaluate_network(network, PARTS, CHOICES._replace(seeds=(seed,)))
        assert {name: scores[seed] for name, scores in found[2].scores.items()} == {n: s[0] for n, s in alone.items()}


def test_each_kind_of_network_has_random_weights_of_its_own(work_dirs, tmp_path):
    exported = network_of_weights(work_dirs[0]).backbone.state_dict()
    torch.save(exported, tmp_path / "plain.pth")
    names = [row.name for row in rows([*work_dirs, str(tmp_path / "plain.pth")])]
    assert names[3:] == [f"random weights, network of {name}" for name in (work_dirs[0], str(tmp_path / "plain.pth"))]
    assert [row.name for row in rows(work_dirs[:1], random=False)] == work_dirs[:1]


def test_the_student_can_be_measured_beside_plain_weights(work_dirs, tmp_path):
    torch.save(network_of_weights(work_dirs[1], source="student").backbone.state_dict(), tmp_path / "plain.pth")
    student, plain = rows([work_dirs[1], str(tmp_path / "plain.pth")], source="student", random=False)
    assert student.scores == plain.scores
    (teacher,) = rows(work_dirs[1:], random=False)
    assert teacher.scores != student.scores


def test_all_weights_are_tried_before_the_first_is_measured(work_dirs, monkeypatch):
    measured: list[object] = []
    monkeypatch.setattr(evaluating, "evaluate_network", lambda *args: measured.append(args))
    with pytest.raises(FileNotFoundError, match="got nowhere"):
        rows([work_dirs[0], "nowhere"])
    assert measured == []


def test_a_network_is_shown_images_at_the_scale_of_its_training_where_no_size_is_given(work_dirs):
    choices = CHOICES._replace(reading=Reading(None, 4), measures=("knn",), seeds=(0,))
    found = list(evaluate_weights(work_dirs[:1], PARTS, choices, random=False))
    assert found[0].size == 320  # the file's config has no views: 224 are usual


def test_the_protocol_is_json_and_says_what_moves_the_numbers():
    data = dict(train=dict(type="x"), held_out=dict(type="y"), most_images=None)
    protocol = json.loads(json.dumps(protocol_of(CHOICES, data, PARTS, "1.2.3")))
    assert protocol["data"] == data
    assert (protocol["train_images"], protocol["held_out_images"]) == (4, 3)
    assert protocol["classes"] == [*LABEL_SET.names]
    assert protocol["seeds"] == [0, 1]
    assert (protocol["pixels"], protocol["memory"], protocol["augmentation_epochs"]) == (200, 100_000, 1)
    assert protocol["versions"]["slotcon_mm"] == "1.2.3"
    assert protocol["versions"]["torch"] == torch.__version__


def test_without_a_launcher_no_group_of_processes_is_made():
    assert start_processes("none", 0, "cpu") == "cpu"
    assert not torch.distributed.is_initialized()


def test_one_process_of_torchs_launcher_makes_a_gloo_group_without_a_gpu(monkeypatch, tmp_path: Path):
    for name, value in dict(RANK="0", WORLD_SIZE="1", LOCAL_RANK="0", MASTER_ADDR="127.0.0.1").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MASTER_PORT", "29815")
    try:
        assert start_processes("pytorch", 0, "cpu") == "cpu"
        assert torch.distributed.get_backend() == "gloo"
    finally:
        torch.distributed.destroy_process_group()


def test_other_launchers_need_a_gpu(monkeypatch):
    for name, value in dict(SLURM_NTASKS="1", SLURM_PROCID="0", SLURM_NODELIST="here", SLURM_LOCALID="0").items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match="expected launcher 'pytorch' without an accelerator, got 'slurm'"):
        start_processes("slurm", 0, "cpu")
