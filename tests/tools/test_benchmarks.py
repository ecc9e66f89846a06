"""The benchmarks run, and compare what computes the same. How fast anything is, is no test's business."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from helpers import run_tool

from slotcon_mm.datasets.picture_folder import list_pictures
from slotcon_mm.engine.lars import LARS

BENCHMARKS = Path(__file__).parents[2] / "tools/benchmarks"


@pytest.fixture(autouse=True)
def _scripts_folder(monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))  # as it is for a script that is started


@pytest.mark.parametrize(
    ("script", "arguments", "variants"),
    [
        ("input_pipeline", ["--pictures", "2", "--size", "32"], {"plain", "slotcon_mm", "decode only"}),
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
