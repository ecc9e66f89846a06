"""The benchmarks run, and compare what computes the same. How fast anything is, is no test's business."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from helpers import as_samples, random_batch, run_tool, set_total_steps
from processes import run_python, start_server
from runs import CONFIGS

from slotcon_mm.datasets.image_lists import list_images
from slotcon_mm.engine.optimizers.lars import LARS
from slotcon_mm.models import SlotCon
from slotcon_mm.registry import MODELS

BENCHMARKS = Path(__file__).parents[2] / "tools/benchmarks"


@pytest.fixture(autouse=True)
def _scripts_folder(monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))  # as it is for a script that is started
    start_server()  # what variants that have a process of their own are forked from


@pytest.mark.parametrize(
    ("script", "arguments", "variants"),
    [
        ("input_pipeline", ["--images", "2", "--size", "32"], {"plain", "slotcon_mm", "decode only"}),
        (
            "training_step",
            ["--depth", "18", "--batch", "8", "--size", "96", "--device", "cpu", "--variants", "plain", "slotcon_mm"],
            {"plain", "slotcon_mm"},
        ),
        ("photometric", ["--images", "2", "--size", "32", "--device", "cpu"], {"plain", "slotcon_mm"}),
        (
            "end_to_end",
            ["--batch", "8", "--size", "96", "--steps", "1", "--workers", "1", "--rounds", "1", "--device", "cpu"],
            {"plain", "slotcon_mm", "slotcon_mm without a loader"},
        ),
        ("optimizer", ["--depth", "18", "--device", "cpu"], {"plain", "slotcon_mm", "of it LARS", "of it the teacher"}),
    ],
)
def test_a_benchmark_prints_its_table_and_writes_it(script, arguments, variants, scenes, tmp_path):
    given = [str(scenes / "train2017")] if script in ("input_pipeline", "photometric", "end_to_end") else []
    out = tmp_path / "out.json"
    result = run_tool(f"tools/benchmarks/{script}.py", *given, "--rounds", "2", *arguments, "--json", str(out))
    assert result.code == 0, result.said
    record = json.loads(out.read_text())
    assert variants <= {row["variant"] for row in record["rows"]}
    assert next(row["ratio"] for row in record["rows"] if row["variant"] == record["base"]) == 1
    assert all(row["low"] <= row["median"] <= row["high"] for row in record["rows"])
    assert {"cpu", "cores", "python", "torch"} <= set(record["machine"])
    assert f"| variant | {record['unit']} |" in result.said


def test_a_step_is_measured_against_its_sizes_and_processes(tmp_path, monkeypatch):
    import scale

    monkeypatch.setitem(scale.VALUES["cpu"], "prototypes", [16, 32])
    monkeypatch.setitem(scale.VALUES["cpu"], "processes", [2])
    monkeypatch.setattr(scale.mp, "spawn", partial(scale.mp.start_processes, start_method="forkserver"))
    monkeypatch.setitem(scale.DEFAULTS, "cpu", dict(prototypes=16, batch=4, size=32, depth=18, precision="fp32"))
    out = tmp_path / "out.json"
    monkeypatch.setattr(
        sys,
        "argv",
        ["scale.py", "--of", "prototypes", "processes", "--rounds", "1", "--device", "cpu", "--json", str(out)],
    )
    scale.main()
    seconds = json.loads(out.read_text())["seconds"]
    assert {of: list(values) for of, values in seconds.items()} == dict(prototypes=["16", "32"], processes=["2"])
    assert all(value > 0 for values in seconds.values() for value in values.values())


def test_the_start_is_measured_up_to_the_first_batch(monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda command, *, env, **_: run_python(*command[1:], env=env))
    result = run_tool(
        "tools/benchmarks/start.py", "--names", "40", "--rounds", "1",
        "--config", str(CONFIGS / "slotcon_r18_quickstart.py"),
    )  # fmt: skip
    assert result.code == 0, result.said
    assert "Start with 40 names" in result.said


def test_workers_memory_is_measured_after_each_epoch(tmp_path):
    out = tmp_path / "out.json"
    arguments = ["--names", "30", "--workers", "1", "--epochs", "2", "--json", str(out)]
    result = run_tool("tools/benchmarks/loader_memory.py", *arguments)
    assert result.code == 0, result.said
    memory = json.loads(out.read_text())["private_memory_mb"]
    assert set(memory) == {"list of names", "slotcon_mm", "slotcon_mm, collected"}
    assert all(len(values) == 2 and min(values) > 0 for values in memory.values())


def test_the_gpus_table_stands_beside_the_targets(tmp_path):
    import gpu

    rows = [dict(variant="plain", ratio=1.0, median=800), dict(variant="slotcon_mm", ratio=1.7, median=1365)]
    record = dict(rows=rows, peak_memory_gib=dict(plain=8.0, slotcon_mm=6.0))
    ceilings = dict(teraflops=790, terabytes_per_second=4.3)  # an H200's: 366 us an image
    for name, numbers in dict(step64=record, step256=record, ceilings=ceilings).items():
        (tmp_path / f"{name}.json").write_text(json.dumps(numbers))
    assert list(gpu.findings(tmp_path)) == [
        ("step64, slotcon_mm: x plain", "at least 1.5", "1.70 (1365 images/s)"),
        ("step64, slotcon_mm: peak memory, x plain", "at most 1.0", "0.75"),
        ("step256, slotcon_mm: x plain", "at least 1.5", "1.70 (1365 images/s)"),
        ("step256, slotcon_mm: share of the eager roofline", "at least 0.5", "0.50 (of 2732 images/s)"),
        ("step256, slotcon_mm: peak memory, x plain", "at most 1.0", "0.75"),
    ]


def test_parts_that_are_measured_are_left_out(tmp_path, monkeypatch, capsys):
    import gpu

    (tmp_path / "optimizer.json").write_text("{}")
    monkeypatch.setattr(
        sys, "argv", ["gpu.py", "images", "--out", str(tmp_path), "--try-on-cpu", "--only", "optimizer"]
    )
    gpu.main()
    assert "| optimizer | measured before |" in capsys.readouterr().out


def test_losses_of_a_precision_and_kernels_of_a_step_are_listed(scenes, tmp_path):
    small = ["--batch", "8", "--depth", "18", "--size", "64", "--device", "cpu", "--json", str(tmp_path / "out.json")]
    result = run_tool("tools/benchmarks/precision.py", str(scenes / "train2017"), *small, "--steps", "2")
    assert result.code == 0, result.said
    record = json.loads((tmp_path / "out.json").read_text())
    assert len(record["losses"]["fp32"]) == 2
    assert all(0 < loss < 10 for step in record["losses"]["fp32"] for loss in step)
    result = run_tool("tools/benchmarks/profile_step.py", *small, "--steps", "1")
    assert result.code == 0, result.said
    kinds = json.loads((tmp_path / "out.json").read_text())["kinds"]
    assert {"batch normalization", "convolutions and matrix products"} <= set(kinds)


def test_a_part_that_fails_or_hangs_is_said(tmp_path, monkeypatch):
    import gpu

    monkeypatch.setattr(gpu, "LIMIT", 1)
    assert gpu.run("checks", [sys.executable, "-c", "print('3 passed')"], tmp_path) == "3 passed (exit 0)"
    assert "failed with exit 1" in gpu.run("part", [sys.executable, "-c", "raise SystemExit('no memory')"], tmp_path)
    assert "stopped after 1 s" in gpu.run("part", [sys.executable, "-c", "import time; time.sleep(9)"], tmp_path)


def test_variants_are_called_in_turns_and_the_first_round_is_not_counted():
    from measure import alternate

    calls: list[str] = []
    seconds = alternate(dict(a=lambda: calls.append("a"), b=lambda: calls.append("b")), rounds=3)
    assert calls == ["a", "b"] * 4
    assert {name: len(times) for name, times in seconds.items()} == dict(a=3, b=3)


def test_the_plain_update_computes_what_lars_computes():
    from plain.updates import plain_lars, plain_teacher

    generator = torch.Generator().manual_seed(0)
    shapes = ((3, 4), (2, 3, 3, 3), (5,), (2, 2))
    ours = [torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in shapes]
    ours[3].data.zero_()
    plain = [p.detach().clone().requires_grad_() for p in ours]
    momenta = [torch.zeros_like(p) for p in plain]
    optimizer = LARS(ours, lr=0.3)
    for _ in range(4):
        for mine, theirs in zip(ours, plain, strict=True):
            mine.grad = torch.randn(mine.shape, generator=generator, dtype=torch.float64)
            theirs.grad = mine.grad.clone()
        optimizer.step()
        plain_lars(plain, momenta, lr=0.3, momentum=0.9, decay=1e-5, trust=0.001)
    for mine, theirs in zip(ours, plain, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-15)
    teacher = [torch.ones(2)]
    plain_teacher(teacher, [torch.zeros(2)], 0.75)
    assert teacher[0].tolist() == [0.75, 0.75]


def test_the_plain_views_are_views_of_the_paper(scenes):
    from plain.views import PlainViews, shared_area

    plain = PlainViews(32)
    for path in list_images(scenes / "train2017")[:8]:
        views, crops = plain(path)
        assert [tuple(view.shape) for view in views] == [(3, 32, 32)] * 2
        assert all(view.dtype == torch.float32 and view.isfinite().all() for view in views)
        assert shared_area(*crops) > 0
    assert shared_area((0, 0, 4, 4), (2, 3, 4, 4)) == 2
    assert shared_area((0, 0, 4, 4), (4, 0, 4, 4)) == 0


def test_the_plain_model_computes_what_slotcon_computes():
    from plain.model import PlainSlotCon
    from plain.updates import PlainLARS

    set_total_steps(100)
    torch.manual_seed(0)
    plain = PlainSlotCon(18, 16, 8, 12, 100).double()
    backbone = dict(type="mmpretrain.ResNet", depth=18)
    neck = dict(type="slotcon_mm.GroupingNeck", in_channels=512, hidden_channels=16, out_channels=8, num_prototypes=12)
    ours = SlotCon(
        MODELS.build(backbone), neck, dict(type="slotcon_mm.GroupLossHead"),
        dict(type="slotcon_mm.SlotLossHead", hidden_channels=16),
    ).double()  # fmt: skip
    ours.load_state_dict(dict(renamed(plain.state_dict())), strict=False)
    trained = [p for p in plain.parameters() if p.requires_grad]
    optimizers = LARS(ours.parameters(), lr=0.1), PlainLARS(trained, 0.1, 0.9, 1e-5, 0.001)
    for step in range(3):
        views, boxes, flipped = random_batch(images=4, size=64, seed=step)
        boxes[-1] = boxes[0]  # the published loss of pairs that share nothing is another constant
        result = ours(views, as_samples(boxes, flipped), mode="loss")
        losses = result["loss_group"] + result["loss_slot"], plain(views, boxes, flipped)
        torch.testing.assert_close(losses[0], losses[1], rtol=1e-8, atol=1e-10)
        for loss, optimizer in zip(losses, optimizers, strict=True):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    state = ours.state_dict()
    for name, value in renamed(plain.state_dict()):
        torch.testing.assert_close(state[name], value, rtol=1e-6, atol=1e-8, msg=lambda m, n=name: f"{n}: {m}")


def renamed(state: dict[str, torch.Tensor]) -> Iterator[tuple[str, torch.Tensor]]:
    """The plain model's tensors under ours' names."""
    places = (
        ("student.backbone.", "backbone."), ("student.projector.", "neck.projector."),
        ("student.prototypes.weight", "neck.prototypes"), ("teacher.backbone.", "teacher.backbone."),
        ("teacher.projector.", "teacher.neck.projector."), ("teacher.prototypes.weight", "teacher.neck.prototypes"),
        ("predictor.", "slot_head.predictor."), ("center", "group_head.center"),
    )  # fmt: skip
    for name, value in state.items():
        yield next(new + name[len(old) :] for old, new in places if name.startswith(old)), value
