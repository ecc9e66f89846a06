"""What the hosts say at every start is held back, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import warnings

import pytest

from slotcon_mm.host_chatter import hold_back_chatter, is_chatter, take_held_back

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
    ],
)
def test_chatter_is_known(message):
    assert is_chatter(message)


@pytest.mark.parametrize("message", ["loss is not finite", "the Exp name: x", "checkpoint is deprecated"])
def test_news_are_not(message):
    assert not is_chatter(message)


def test_chatter_waits_and_other_warnings_are_shown(monkeypatch):
    shown: list[str] = []
    monkeypatch.setattr(warnings, "showwarning", lambda message, *rest: shown.append(str(message)))
    take_held_back()
    hold_back_chatter()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        # catch_warnings keeps the function that shows them
        warnings.warn(CHATTER, UserWarning, stacklevel=1)
        warnings.warn("news", UserWarning, stacklevel=1)
    assert shown == ["news"]
    held = take_held_back()
    assert len(held) == 1
    assert "test_host_chatter.py" in held[0]
    assert CHATTER in held[0]
    assert take_held_back() == []


def test_importing_the_package_prints_nothing():
    script = "import slotcon_mm; from slotcon_mm.registry import MODELS; MODELS.get('slotcon_mm.SlotCon')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""
