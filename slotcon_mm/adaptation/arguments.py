"""The options of adapt.py."""

from __future__ import annotations

import argparse
from pathlib import Path

from slotcon_mm.launch.evaluation_data import add_data_arguments

__all__ = ["adaptation_parser"]


def adaptation_parser(description: str | None = None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="IMAGES", help="your images, labeled or not, in any sub-folders")
    parser.add_argument(
        "--from", dest="weights", metavar="WEIGHTS", required=True,
        help="weights to start from: a file, a work dir, torchvision://NAME, timm://NAME",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="folder for the run, the weights and the report")
    parser.add_argument("--config", help="a pretraining config (default: that of configs/adapt for these weights)")
    parser.add_argument("--epochs", type=int, help="how long (default: the config's, or for the number of images)")
    parser.add_argument("--lr", type=float, help="learning rate of the heads (default: the config's)")
    parser.add_argument("--seed", type=int, default=0, help="of the run (default: 0)")
    parser.add_argument("--validations", type=int, default=10, metavar="N", help="while training (default: 10)")
    parser.add_argument("--no-guard", action="store_true", help="go on where the weights become worse than the start")
    parser.add_argument("--cfg-options", nargs="+", metavar="KEY=VALUE", help="change values of the config")
    parser.add_argument("--workers", type=int, default=2, help="processes that read images (default: 2)")
    parser.add_argument("--device", choices=["cpu"], help="cpu: leave a GPU alone")
    group = parser.add_argument_group(
        "labels", "of some of the images: they tell whether it helped, and guard the start"
    )
    group.add_argument("--evaluation-data", metavar="CONFIG", help="a config of configs/evaluation, in place of these:")
    add_data_arguments(group, images="IMAGES")
    return parser
