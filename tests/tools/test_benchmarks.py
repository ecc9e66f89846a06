"""The benchmarks run, and compare what computes the same. How fast anything is, is no test's business."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from helpers import as_samples, random_batch, run_tool, set_total_steps

from slotcon_mm.datasets.picture_folder import list_pictures
from slotcon_mm.engine.lars import LARS
from slotcon_mm.models import SlotCon
from slotcon_mm.registry import MODELS

BENCHMARKS = Path(__file__).parents[2] / "tools/benchmarks"


@pytest.fixture(autouse=True)
def _scripts_folder(monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))  # as it is for a script that is started


@pytest.mark.parametrize(
    ("script", "arguments", "variants"),
    [
        ("input_pipeline", ["--pictures", "2", "--size", "32"], {"plain", "slotcon_mm", "decode only"}),
        (
            "training_step",
            ["--depth", "18", "--batch", "8", "--size", "96", "--device", "cpu", "--variants", "plain", "slotcon_mm"],
            {"plain", "slotcon_mm"},
        ),
        ("optimizer", ["--depth", "18", "--device", "cpu"], {"plain", "slotcon_mm", "of it LARS", "of it the teacher"}),
    ],
)
def test_a_benchmark_prints_its_table_and_writes_it(script, arguments, variants, scenes, tmp_path):
    given = [str(scenes / "train2017")] if script == "input_pipeline" else []
    out = tmp_path / "out.json"
    result = run_tool(f"tools/benchmarks/{script}.py", *given, *arguments, "--rounds", "2", "--json", str(out))
    assert result.code == 0, result.said
    record = json.loads(out.read_text())
    assert variants <= {row["variant"] for row in record["rows"]}
    assert next(row["ratio"] for row in record["rows"] if row["variant"] == record["base"]) == 1
    assert all(row["low"] <= row["median"] <= row["high"] for row in record["rows"])
    assert {"cpu", "cores", "python", "torch"} <= set(record["machine"])
    assert f"| variant | {record['unit']} |" in result.said


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
    for path in list_pictures(scenes / "train2017")[:8]:
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
