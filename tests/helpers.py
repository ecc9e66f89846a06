"""Small models, batches and process groups for tests."""

from __future__ import annotations

import gc
import io
import os
import runpy
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.multiprocessing as mp
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmpretrain.structures import DataSample
from processes import begin_as_new, start_server
from torch import Tensor, nn

from slotcon_mm.models import MaskedVisionTransformer, SlotCon, SlotMIM
from slotcon_mm.registry import MODELS

TOTAL_STEPS = 30


class TinyBackbone(nn.Module):
    """Two convolutions with BN between: (B, 3, H, W) to a tuple with (B, channels, H/4, W/4)."""

    def __init__(self, channels: int = 6, norm: type[nn.Module] = nn.BatchNorm2d) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, channels, 3, stride=2, padding=1, bias=False)
        self.norm1 = norm(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return (self.conv2(torch.relu(self.norm1(self.conv1(x)))),)


def tiny_slotcon(
    *, num_prototypes: int = 5, norm: type[nn.Module] = nn.BatchNorm2d, seed: int = 0, **kwargs: Any
) -> SlotCon:
    """A float64 model whose weights are large enough that every part of the losses moves."""
    torch.manual_seed(seed)
    model = SlotCon(
        backbone=TinyBackbone(norm=norm),
        neck=dict(
            type="slotcon_mm.GroupingNeck",
            in_channels=6,
            hidden_channels=8,
            out_channels=7,
            num_prototypes=num_prototypes,
        ),
        group_head=dict(type="slotcon_mm.GroupLossHead"),
        slot_head=dict(type="slotcon_mm.SlotLossHead", hidden_channels=9),
        **kwargs,
    ).double()
    model.init_weights()
    unsettle(model)
    return model.train()


def unsettle(model: SlotCon | SlotMIM) -> None:
    """Noise on everything that starts at 0 or as something else's copy."""
    with torch.no_grad():
        for name, value in model.named_parameters():
            if not name.startswith("teacher.") and "prototypes" not in name:
                value.add_(0.3 * torch.randn_like(value))
        for value in model.teacher.parameters():
            value.add_(0.2 * torch.randn_like(value))
        model.group_head.center.copy_(0.05 * torch.randn_like(model.group_head.center))


TINY_VIT = dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=24)


def tiny_slotmim(
    *, num_prototypes: int = 5, seed: int = 0, drop_path_rate: float = 0.0, norm: bool = False, **kwargs: Any
) -> SlotMIM:
    """A float64 SlotMIM for views of 16 x 16 pixels, 4 x 4 patches, whose weights move every part of its losses."""
    torch.manual_seed(seed)
    model = SlotMIM(
        backbone=MaskedVisionTransformer(
            arch=TINY_VIT, img_size=16, patch_size=4, out_type="featmap", drop_path_rate=drop_path_rate
        ),
        neck=dict(
            type="slotcon_mm.GroupingNeck", in_channels=16, hidden_channels=8, out_channels=7,
            num_prototypes=num_prototypes, norm=norm, epsilon=1e-12,
        ),
        group_head=dict(type="slotcon_mm.GroupLossHead"),
        slot_head=dict(type="slotcon_mm.SlotLossHead", hidden_channels=9, num_layers=2, norm=norm),
        **{"teacher_momentum": 0.996, "temperature_epochs": 4, **kwargs},
    ).double()  # fmt: skip
    model.init_weights()
    unsettle(model)
    return model.train()


def random_masks(images: int = 3, grid: int = 4, seed: int = 0) -> Tensor:
    """Masks (B, 2, h, w) of a third of the patches."""
    return torch.rand(images, 2, grid, grid, generator=torch.Generator().manual_seed(seed)) < 1 / 3


def random_batch(images: int = 3, size: int = 14, seed: int = 0) -> tuple[list[Tensor], Tensor, Tensor]:
    """Two float64 views, boxes (B, 2, 4) of which the last pair shares nothing, and flips (B, 2)."""
    generator = torch.Generator().manual_seed(seed)
    views = [torch.randn(images, 3, size, size, generator=generator, dtype=torch.float64) for _ in range(2)]
    corners = torch.rand(images, 2, 2, 2, generator=generator, dtype=torch.float64).sort(dim=2).values
    boxes = corners.flatten(2)
    boxes[-1] = 0
    flipped = torch.rand(images, 2, generator=generator) < 0.5
    return views, boxes, flipped


def as_samples(boxes: Tensor, flipped: Tensor, masks: Tensor | None = None) -> list[DataSample]:
    samples = []
    for i, (box, flip) in enumerate(zip(boxes, flipped, strict=True)):
        sample = DataSample()
        sample.set_field(box, "overlap_boxes")
        sample.set_field(flip, "flipped")
        if masks is not None:
            sample.set_field(masks[i], "masks")
        samples.append(sample)
    return samples


def set_total_steps(steps: int = TOTAL_STEPS) -> None:
    MessageHub.get_current_instance().update_info("max_iters", steps)


TINY_CONFIG: dict[str, Any] = dict(
    type="slotcon_mm.SlotCon",
    backbone=dict(type="ResNet", depth=18, base_channels=8, stem_channels=8),
    neck=dict(type="slotcon_mm.GroupingNeck", in_channels=64, hidden_channels=12, out_channels=6, num_prototypes=5),
    group_head=dict(type="slotcon_mm.GroupLossHead"),
    slot_head=dict(type="slotcon_mm.SlotLossHead", hidden_channels=10),
)


def write_tiny_checkpoint(folder: Path) -> Path:
    """A work dir with untrained weights of ``TINY_CONFIG``, as a run leaves it."""
    torch.manual_seed(0)
    model = MODELS.build({"_scope_": "mmpretrain", **TINY_CONFIG})
    model.init_weights()
    meta = dict(cfg=Config(dict(model=TINY_CONFIG)).pretty_text, iter=3)
    torch.save(dict(state_dict=model.state_dict(), meta=meta, optimizer={}), folder / "epoch_1.pth")
    return folder


def run_on_two_processes(function: Callable[..., Any], folder: Path, *args: Any) -> list[Any]:
    """``function(rank, *args)`` on two new gloo processes; what each returns (saved by torch)."""
    start_server()
    given = (dict(os.environ), function, str(folder), args)
    mp.start_processes(_on_one, nprocs=2, args=given, start_method="forkserver")
    return [torch.load(folder / f"rank{rank}.pt", weights_only=False) for rank in range(2)]


def _on_one(
    rank: int, environment: dict[str, str], function: Callable[..., Any], folder: str, args: tuple[Any, ...]
) -> None:
    begin_as_new(environment)
    torch.set_num_threads(1)
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2", LOCAL_WORLD_SIZE="2")
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    torch.save(function(rank, *args), os.path.join(folder, f"rank{rank}.pt"))
    gc.collect()  # runners are cycles, and a wrapped model must be gone before its process group
    torch.distributed.destroy_process_group()


class Payload:
    """What a malicious pickle does, harmlessly: whoever unpickles it makes the folder ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


def coordinate_image(width: int, height: int) -> np.ndarray:
    """Float32 (H, W, 3) whose first two channels are each pixel's x and y center."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return np.stack([x + 0.5, y + 0.5, np.zeros_like(x)], axis=-1)


class ToolResult(NamedTuple):
    """Of a tool: its exit code, and all that it printed."""

    code: int
    said: str

    def last_line(self) -> str:
        assert self.code != 0, self.said[-500:]
        return self.said.strip().splitlines()[-1]


def run_tool(script: str, *arguments: str) -> ToolResult:
    """A tool in this process (a start of Python for each would take minutes); an exception is the test's."""
    said, argv = io.StringIO(), sys.argv
    sys.argv = [script, *arguments, *(["--device", "cpu"] if script in ("tools/train.py", "tools/test.py") else [])]
    try:
        with redirect_stdout(said), redirect_stderr(said):
            runpy.run_path(str(Path(__file__).parents[1] / script), run_name="__main__")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        return ToolResult(code, said.getvalue() + (end.code if isinstance(end.code, str) else ""))
    finally:
        sys.argv = argv
    return ToolResult(0, said.getvalue())


__all__ = [
    "TINY_CONFIG",
    "TOTAL_STEPS",
    "Payload",
    "TinyBackbone",
    "ToolResult",
    "as_samples",
    "coordinate_image",
    "random_batch",
    "random_masks",
    "run_on_two_processes",
    "run_tool",
    "set_total_steps",
    "tiny_slotcon",
    "tiny_slotmim",
    "write_tiny_checkpoint",
]
