"""The whole training step on a pretended GPU: what would break on a real one, and how much it launches there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import as_samples, random_batch, set_total_steps, tiny_slotcon
from runs import CONFIGS
from torch.utils._python_dispatch import TorchDispatchMode

from slotcon_mm.engine.optimizers.clipped_adamw import ClippedAdamW

BENCHMARKS = Path(__file__).parents[2] / "tools/benchmarks"
HOW = "tools/benchmarks/launches.py says what launches where. If it is worth it, write what was found into MOST"

COUNTED = "2.11"  # another version of torch may launch another number of kernels
# launches of each phase, collectives and copies from pageable memory: no step may need more
EVERYWHERE = {"preprocessing": 277, "copy from pageable memory": 6, "teacher's update": 18}
SCALED = {"optimizer": 109, "finite guard": 35}
PLAIN = {"optimizer": 89, "finite guard": 24}
MOST: dict[tuple[int, str, bool | None], dict[str, int]] = {  # by ranks, precision and views_in_one_pass
    (1, "bf16", None): {**EVERYWHERE, **SCALED, "forward": 1093, "backward": 747},
    (8, "fp32", None): {
        **EVERYWHERE, **PLAIN, "forward": 1623, "backward": 819, "averaging": 180, "_allgather_base_": 114,
        "allreduce_": 81,
    },
    (8, "fp16", False): {
        **EVERYWHERE, **SCALED, "forward": 2431, "backward": 1135, "averaging": 180, "_allgather_base_": 224,
        "allreduce_": 136,
    },
}  # fmt: skip
SLOTMIMS = {"finite guard": 30, "forward": 1257, "backward": 831, "optimizer": 234, "copy from pageable memory": 7}
MOST_OF_SLOTMIM: dict[tuple[int, str, bool | None], dict[str, int]] = {
    (1, "fp16", None): {**EVERYWHERE, **SLOTMIMS},
    (8, "bf16", None): {**EVERYWHERE, **SLOTMIMS, "averaging": 162, "_allgather_base_": 4, "allreduce_": 22},
}
CASES = [
    *[("slotcon_r50_coco", case, most) for case, most in MOST.items()],
    *[("slotmim_vit-b16_cocoplus", case, most) for case, most in MOST_OF_SLOTMIM.items()],
]


@pytest.fixture(autouse=True)
def _scripts_folder(monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))  # as it is for a script that is started


@pytest.mark.skipif(not torch.__version__.startswith(COUNTED), reason=f"counts are those of torch {COUNTED}")
@pytest.mark.parametrize(("config", "case", "most"), CASES, ids=[f"{config}-{case}" for config, case, _ in CASES])
def test_a_step_mixes_no_devices_or_types_reads_no_value_and_launches_no_more_than_it_did(config, case, most):
    from launches import count_step

    ranks, precision, one_pass = case
    file = CONFIGS / f"{config}.py"
    found = count_step(ranks=ranks, precision=precision, one_pass=one_pass, config=file).summary()
    grown = [
        f"{name}: {count} instead of {most.get(name, 0)}" for name, count in found.items() if count > most.get(name, 0)
    ]
    assert not grown, f"{'; '.join(grown)}. {HOW}. Found: {found}"


# What a pretended GPU refuses ------------------------------------------------------------------------------------
def on_pretended_gpu(program: Callable[[torch.Tensor], object]) -> list[str]:
    """Names of what the program does with nine numbers on the device."""
    from pretended_gpu import pretended_gpu

    done = []
    with pretended_gpu(1, lambda operation: done.append(operation.function._schema.name)):
        x = torch.zeros(3, 3, device="cuda")
        done.clear()
        program(x)
    return done


@pytest.mark.parametrize(
    "program",
    [
        lambda x: x + torch.ones(3),
        lambda x: x * torch.tensor(2.0),  # torch allows it
        lambda x: x[torch.tensor([0, 2])],  # and copies the index itself
        lambda x: x.index_copy_(0, torch.tensor([0]), x[:1]),
        lambda x: x @ x.half(),
        lambda x: torch.addmm(x[0].half(), x, x),
        lambda x: torch.nn.functional.linear(x.half(), x),
        lambda x: x.index_copy_(0, torch.zeros(1, device="cuda", dtype=torch.long), x[:1].half()),
        lambda x: torch.batch_norm_elemt(x, None, None, x[0].half(), x[0].half(), 1e-5),
        lambda x: torch._fused_adamw_(
            [x], [x], [x.T], [x], [], [x[0, 0]], lr=1.0, beta1=0.9, beta2=0.9, weight_decay=0.0, eps=1.0, amsgrad=False,
            maximize=False,
        ),
        lambda x: torch._fused_sgd_(
            [x], [x.half()], [], weight_decay=0.0, momentum=0.0, lr=1.0, dampening=0.0, nesterov=False, maximize=False,
            is_first_step=False,
        ),
    ],
)  # fmt: skip
def test_tensors_that_a_device_does_not_take_together_are_refused(program):
    from pretended_gpu import MixedError

    with pytest.raises(MixedError):
        on_pretended_gpu(program)


@pytest.mark.parametrize(
    "program",
    [
        lambda x: x.sum().item(),
        lambda x: bool(x.any()),
        lambda x: x.nonzero(),
        lambda x: x[x > 0],
        lambda x: x.tolist(),
        lambda x: x.cpu(),
        lambda x: torch.zeros(3, 3).copy_(x),
        lambda x: torch.zeros(3, 3).copy_(x, non_blocking=True),  # waits for memory that is not pinned
        lambda x: torch.zeros(3, 3, pin_memory=True).copy_(x),
    ],
)
def test_a_read_of_a_value_is_refused(program):
    from pretended_gpu import WaitError
    from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException

    with pytest.raises((WaitError, DataDependentOutputException, DynamicOutputShapeException)):
        on_pretended_gpu(program)


@pytest.mark.parametrize("alike", [True, False], ids=["fused", "of other layouts"])
@pytest.mark.parametrize("scale", [None, 8.0])
def test_clipped_adamw_reads_no_value(alike, scale):
    def program(x: torch.Tensor) -> None:
        param = torch.nn.Parameter(x)
        param.grad = torch.zeros_like(x) if alike else torch.zeros_like(x).T
        optimizer = ClippedAdamW([param])
        optimizer.found_inf = torch.zeros((), device="cuda")
        if scale is not None:
            optimizer.grad_scale = torch.full((), scale, device="cuda")
        for _ in range(2):
            optimizer.step()

    assert ("aten::_fused_adamw_" in on_pretended_gpu(program)) is alike


def test_copies_that_wait_for_nothing_and_work_of_the_host_are_allowed():
    def program(x: torch.Tensor) -> None:
        rows = (torch.tensor([3, 1]) > 2).nonzero().flatten()
        assert rows.tolist() == [0]
        x[rows.to("cuda")].half().float().relu_()
        assert torch.zeros(3, 3, pin_memory=True).copy_(x, non_blocking=True).is_pinned()

    done = on_pretended_gpu(program)
    assert done == [f"aten::{name}" for name in ("_to_copy", "index", "_to_copy", "_to_copy", "relu_", "copy_")]


def test_memory_that_is_not_pinned_or_sent_as_it_is_counts_as_pageable():
    from pretended_gpu import pretended_gpu

    found = []
    with pretended_gpu(1, lambda operation: found.append(operation.copied)):
        pinned = torch.zeros(4, 4).pin_memory()
        for source in (pinned, pinned[1:], torch.zeros(4), pinned[:, 0]):
            source.to("cuda", non_blocking=True)
        pinned.to("cuda", torch.float16, non_blocking=True)
    assert found == ["pinned", "pinned", "pageable", "pageable", "pageable"]


# What is counted -------------------------------------------------------------------------------------------------
class Operations(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.names: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        # the engine adds in place where nobody else holds the tensor
        self.names[func._schema.name.removesuffix("_")] += func._schema.name != "aten::detach"
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("one_pass", [False, True])
def test_the_backward_in_python_does_and_finds_what_torchs_engine_does(one_pass, autocast):
    import python_backward

    set_total_steps()
    found = []
    for backward in (torch.Tensor.backward, python_backward.backward):
        torch.manual_seed(0)
        model = tiny_slotcon(views_in_one_pass=one_pass, channels_last=True).float()
        views, boxes, flipped = random_batch()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            result = model([view.float() for view in views], as_samples(boxes.float(), flipped), mode="loss")
        with Operations() as done:
            backward(result["loss_group"] + result["loss_slot"])
        found.append(({name: p.grad for name, p in model.named_parameters() if p.grad is not None}, done.names))
    (gradients, names), (mine, my_names) = found
    torch.testing.assert_close(mine, gradients, rtol=0, atol=0)
    assert my_names == names


def test_lists_are_counted_as_torch_starts_them():
    from launches import launches_of
    from pretended_gpu import pretended_gpu

    found = []
    with pretended_gpu(1, lambda operation: found.append(launches_of(operation))):
        small, large = ([torch.empty(n, device="cuda") for _ in range(65)] for n in (10, 65536 * 10))
        found.clear()
        torch._foreach_add_(small, 1.0)  # up to 110 a launch
        torch._foreach_add_(small, small)  # up to 64 pairs
        torch._foreach_add_(large, 1.0)  # up to 320 blocks of 65,536 elements
        torch._foreach_mul_(small, [x[0] for x in small])  # not alike
    assert found[:3] == [1, 2, 3]
    assert found[-1] == 65
