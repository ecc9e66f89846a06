"""Options of the commands that take labels: where they are, and which classes they have."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from slotcon_mm.datasets.class_files import read_classes
from slotcon_mm.datasets.label_sets import LABEL_SETS
from slotcon_mm.datasets.label_sources import labels_are_instances

__all__ = ["add_class_arguments", "add_label_arguments", "classes_from", "label_set_from"]


def add_label_arguments(parser: argparse._ActionsContainer) -> None:
    """``--labels`` and its suffixes, and those of ``add_class_arguments``."""
    parser.add_argument(
        "--labels",
        metavar="FOLDER_OR_JSON",
        help="a label map for each image, at the same place below this folder; or instances in COCO's JSON",
    )
    add_class_arguments(parser)
    parser.add_argument(
        "--image-suffix",
        default="",
        metavar="END",
        help="end of an image's name that its label map has not: _leftImg8bit",
    )
    parser.add_argument(
        "--label-suffix",
        default=".png",
        metavar="END",
        help="what label maps have there: _gtFine_labelIds.png (default: .png)",
    )


def add_class_arguments(parser: argparse._ActionsContainer) -> None:
    """``--label-set``, ``--classes``, ``--ignore``: what the values of label maps mean."""
    parser.add_argument(
        "--label-set", choices=[*LABEL_SETS], help="what the values of label maps mean: a published set"
    )
    parser.add_argument(
        "--classes",
        metavar="FILE",
        help="or your own: a text file, a name a line (and its value or color after a comma), or COCO's JSON",
    )
    parser.add_argument(
        "--ignore",
        nargs="+",
        metavar="VALUE",
        help="with --classes: values or colors (#rrggbb) that do not count, or none (default: 255; of colors, none)",
    )


def label_set_from(args: argparse.Namespace) -> str | dict[str, Any] | None:
    """The label set of ``add_label_arguments``'s options; None without labels, and where a JSON tells it.

    Raises:
        ValueError: Options lack each other or contradict; it is said what to pass.
    """
    given = [option for option in ("--label-set", "--classes") if value_of(args, option) is not None]
    if args.labels is None:
        strange = given + [option for option in ("--ignore", "--image-suffix") if value_of(args, option)]
        strange += ["--label-suffix"] if args.label_suffix != ".png" else []
        if strange:
            raise ValueError(f"expected --labels with {' and '.join(strange)}, got none: pass --labels FOLDER_OR_JSON")
        return None
    if labels_are_instances(args.labels):
        if given or args.ignore:
            raise ValueError(
                f"expected no {' or '.join(given or ['--ignore'])} with --labels {args.labels}, whose categories are "
                "the classes: leave it out"
            )
        return None
    if not Path(args.labels).is_dir():
        raise ValueError(f"expected --labels to be a folder of label maps or a .json file, got {args.labels}")
    return classes_from(args, f"--labels {args.labels}")


def classes_from(args: argparse.Namespace, reason: str) -> str | dict[str, Any]:
    """The label set of ``add_class_arguments``'s options; ``reason`` is what needs them, for the ValueError."""
    if (args.label_set is None) == (args.classes is None):
        got = "none" if args.classes is None else "both"
        raise ValueError(
            f"expected --label-set or --classes with {reason}, got {got}: values alone do not tell their classes. Pass "
            f"--label-set {'|'.join(LABEL_SETS)} or --classes FILE, a name a line"
        )
    if args.classes is None:
        if args.ignore:
            raise ValueError(f"expected --ignore with --classes, got --label-set {args.label_set}, which has its own")
        return args.label_set
    return read_classes(args.classes, None if args.ignore is None else ignored(args.ignore))


def value_of(args: argparse.Namespace, option: str) -> Any:
    return getattr(args, option.removeprefix("--").replace("-", "_"))


def ignored(given: list[str]) -> list[int | str]:
    return [] if given == ["none"] else [value_or_color(text) for text in given]


def value_or_color(text: str) -> int | str:
    """ValueError for what is neither."""
    if re.fullmatch(r"\d+", text):
        return int(text)
    if re.fullmatch("#[0-9a-fA-F]{6}", text):
        return text
    raise ValueError(f"expected --ignore with integers from 0 to 255 or colors as #rrggbb, or none, got {text}")
