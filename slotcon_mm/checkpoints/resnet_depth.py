"""The depth of a ResNet, read off the names of its tensors."""

from __future__ import annotations

import re
from collections.abc import Collection

__all__ = ["resnet_depth"]

# blocks a stage, and whether they are bottlenecks
DEPTHS: dict[tuple[tuple[int, ...], bool], int] = {
    ((2, 2, 2, 2), False): 18,
    ((3, 4, 6, 3), False): 34,
    ((3, 4, 6, 3), True): 50,
    ((3, 4, 23, 3), True): 101,
    ((3, 8, 36, 3), True): 152,
}


def resnet_depth(names: Collection[str]) -> int:
    """Of the names that ``resnet.state_dict()`` gives; ValueError for those of no ResNet of depth 18 to 152."""
    blocks = [re.match(r"layer(\d)\.(\d+)\.", name) for name in names]
    counts = tuple(1 + max((int(m[2]) for m in blocks if m and m[1] == stage), default=-1) for stage in "1234")
    bottleneck = "layer1.0.conv3.weight" in names
    if (counts, bottleneck) not in DEPTHS:
        raise ValueError(
            f"expected a ResNet of depth 18 to 152, got blocks {counts}: keep the config in the checkpoint"
        )
    return DEPTHS[counts, bottleneck]
