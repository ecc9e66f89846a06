"""The worked example in the map of the code runs as it is written."""

from __future__ import annotations

import re

import torch
from runs import CONFIGS, build_run, pretraining_options, train

from slotcon_mm.registry import MODELS

MAP = (CONFIGS.parent / "slotcon_mm/README.md").read_text()


def code_blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", MAP, flags=re.DOTALL)


def test_the_worked_example_trains(scenes, tmp_path, monkeypatch):
    head, config = code_blocks()
    (tmp_path / "sharp_head.py").write_text(head)
    (tmp_path / "sharp.py").write_text(config)
    (tmp_path / "configs").symlink_to(CONFIGS)
    monkeypatch.syspath_prepend(str(tmp_path))
    runner = train(build_run(tmp_path / "sharp.py", tmp_path / "work", options=pretraining_options(scenes, epochs=2)))
    assert type(runner.model.group_head).__name__ == "SharpGroupLossHead"
    assert runner.model.group_head.entropy_weight == 0.05

    plain = MODELS.build(dict(type="slotcon_mm.GroupLossHead", num_prototypes=16))
    scores = [torch.zeros(2, 16, 3, 3) for _ in range(2)]
    shared = torch.ones(2, dtype=torch.bool)
    sharp_loss, plain_loss = (head(scores, scores, shared) for head in (runner.model.group_head, plain))
    uniform = torch.log(torch.tensor(16.0))  # the entropy of 16 shares alike
    torch.testing.assert_close(sharp_loss - plain_loss, 0.05 * 2 * uniform, rtol=1e-3, atol=1e-3)
