"""What the values of a label map mean: presets of published datasets, and sets that a config gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from slotcon_mm.datasets.label_set_dicts import label_set_of_dict
from slotcon_mm.datasets.label_values import IGNORED, LabelSet, classes_of
from slotcon_mm.datasets.scenes.objects import THINGS
from slotcon_mm.datasets.scenes.scene import CLASSES

__all__ = ["IGNORED", "LABEL_SETS", "LabelSet", "classes_of", "label_set_of"]


def label_set_of(given: str | Mapping[str, Any] | LabelSet) -> LabelSet:
    """A label set as a config gives it: the name of a preset, or the set itself.

    Args:
        given: A name of ``LABEL_SETS``, or a dict: see ``label_set_of_dict``.

    Raises:
        ValueError: There is no such preset, or the dict is not right.
    """
    if isinstance(given, LabelSet):
        return given
    if isinstance(given, Mapping):
        return label_set_of_dict(given)
    if not isinstance(given, str) or given not in LABEL_SETS:
        raise ValueError(
            f"expected a label set of {', '.join(LABEL_SETS)}, got {given}: or give your own, in a config as "
            "label_set=dict(classes=('a', 'b'), values=[0, 1]), on the command line as --classes FILE"
        )
    return LABEL_SETS[given]


def table(values: dict[int, int]) -> np.ndarray:
    found = np.full(256, IGNORED, np.uint8)
    found[list(values)] = list(values.values())
    return found


COCO_THINGS = (
    "electronic", "appliance", "food-thing", "furniture-thing", "indoor", "kitchen",
    "accessory", "animal", "outdoor", "person", "sports", "vehicle",
)  # fmt: skip
COCO_STUFF = (
    "ceiling", "floor", "food-stuff", "furniture-stuff", "rawmaterial", "textile", "wall", "window",
    "building", "ground", "plant", "sky", "solid", "structural", "water",
)  # fmt: skip
# of COCO-Stuff's ids 0 to 181, as IIC grouped them and PiCIE and STEGO use them
COCO_FINE_TO_COARSE = """
    9 11 11 11 11 11 11 11 11 8 8 8 8 8 8 7 7 7 7 7 7 7 7 7 7 6
    6 6 6 6 6 6 6 10 10 10 10 10 10 10 10 10 10 5 5 5 5 5 5 5 5 2
    2 2 2 2 2 2 2 2 2 3 3 3 3 3 3 3 3 3 3 0 0 0 0 0 0 1
    1 1 1 1 1 4 4 4 4 4 4 4 4 17 17 22 20 20 22 15 25 16 13 12 12 17
    17 23 15 15 17 15 21 15 25 13 13 13 13 13 22 26 14 14 15 22 21 21 24 20 22 15
    17 16 15 22 24 21 17 25 16 21 17 22 16 21 21 25 21 26 21 24 20 17 14 21 26 15
    23 20 21 24 15 24 22 25 15 20 17 17 22 14 18 18 18 18 18 18 18 26 26 19 19 24
"""
# ids that COCO-Stuff reserves and never draws; mmseg's conversion to 171 classes closes the gaps
COCO_UNUSED = (11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90)

CITYSCAPES = (
    "road", "sidewalk", "parking", "rail track", "building", "wall", "fence", "guard rail", "bridge", "tunnel",
    "pole", "polegroup", "traffic light", "traffic sign", "vegetation", "terrain", "sky", "person", "rider",
    "car", "truck", "bus", "caravan", "trailer", "train", "motorcycle", "bicycle",
)  # fmt: skip
VOC = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip

LABEL_SETS = {
    "coco-stuff-27": LabelSet(
        COCO_THINGS + COCO_STUFF,
        table({fine: int(coarse) for fine, coarse in enumerate(COCO_FINE_TO_COARSE.split())}),
        frozenset(COCO_THINGS),
        impossible=COCO_UNUSED,
        file_kind="COCO-Stuff's own (ids 0 to 181, stuffthingmaps_trainval2017.zip) rather than mmseg's files of 171 "
        "classes (*_labelTrainIds.png), whose numbers mean other classes",
    ),
    # labelIds 7 to 33, as PiCIE and STEGO
    "cityscapes-27": LabelSet(
        CITYSCAPES,
        table({7 + i: i for i in range(27)}),
        frozenset(CITYSCAPES[17:]),
        void=(*range(7), IGNORED),
        file_kind="Cityscapes' own (*_labelIds.png)",
    ),
    "voc-21": LabelSet(VOC, table({i: i for i in range(21)}), frozenset(VOC[1:])),
    # SceneParsing's annotations: 0 is unlabeled
    "ade20k-150": LabelSet(
        tuple(f"class {i}" for i in range(1, 151)), table({i + 1: i for i in range(150)}), void=(0, IGNORED)
    ),
    "scenes": LabelSet(tuple(CLASSES), table({i: i for i in range(len(CLASSES))}), frozenset(THINGS)),
}
