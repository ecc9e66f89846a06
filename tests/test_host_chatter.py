"""What the hosts say at every start is known, and nothing else is."""

from __future__ import annotations

import pytest

from slotcon_mm.host_chatter import is_chatter

CHATTER = "Fail to import ``MultiScaleDeformableAttention`` from ``mmcv.ops.multi_scale_deform_attn``"


@pytest.mark.parametrize(
    "message",
    [
        CHATTER,
        '"FileClient" will be deprecated in future. Please use io functions in ...',
        '"HardDiskBackend" is the alias of "LocalBackend" and the former will be deprecated in future.',
        "pkg_resources is deprecated as an API.",
        "`torch.cuda.amp.GradScaler(args...)` is deprecated. Please use "
        "`torch.amp.GradScaler('cuda', args...)` instead.",
        "Exp name: slotcon_r50_coco_20260101_000000",
        "loading annotations into memory...",
        "Done (t=0.26s)",
        "Accumulating evaluation results...",
        "Loads checkpoint by safe_local backend from path: a.pth",
    ],
)
def test_chatter_is_known(message):
    assert is_chatter(message)


@pytest.mark.parametrize(
    "message", ["loss is not finite", "the Exp name: x", "checkpoint is deprecated", "Done", "I am Done (t=1)"]
)
def test_news_are_not(message):
    assert not is_chatter(message)
