"""Messages of the hosts that are no news to a user."""

from __future__ import annotations

import re

__all__ = ["is_chatter"]

MESSAGES = (
    # mmengine 0.10.7, at every start, of calls that it makes itself
    r'"FileClient" will be deprecated',
    r'"HardDiskBackend" is the alias of "LocalBackend"',
    # mmengine 0.10.7, before the last line of every epoch
    r"^Exp name: ",
    # mmengine 0.10.7; a line of ours says that each micro-batch has its own statistics
    r"^Gradient accumulative may slightly decrease performance",
    # mmengine 0.10.7 with paramwise_cfg, of every parameter of the teacher
    r"^\S+ is skipped since its requires_grad=False",
    # mmengine 0.10.7, printed beside the log
    r"^Loads checkpoint by ",
    # onedl-mmpretrain 1.3.6, onedl-mmdetection 3.5.1, printed by their import, of datasets from their makers' platform
    r"^Could not import OneDL",
    # pycocotools, printed at every start and every evaluation
    r"^(loading annotations into memory|Done \(t=|DONE \(t=|creating index|index created!)",
    r"^(Loading and preparing results|Running per image evaluation|Evaluate annotation type|Accumulating evaluation)",
    # mmcv 2.1.0 without compiled operators, which pretraining does not need
    r"Fail to import ``MultiScaleDeformableAttention``",
    # mmengine 0.10.7 in several processes, of a setting that it makes itself
    r"^Setting (OMP|MKL)_NUM_THREADS environment variable",
    # mmengine and mmcv with setuptools from 67 on
    r"pkg_resources is deprecated",
    # mmengine 0.10.7 with torch from 2.4 on
    r"`torch\.cuda\.amp\.\w+\(args\.\.\.\)` is deprecated",
)
CHATTER = re.compile("|".join(MESSAGES))


def is_chatter(message: str) -> bool:
    return CHATTER.search(message) is not None
