"""The options of train.py and test.py."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

from slotcon_mm.launch.evaluation_while_training import add_evaluation_arguments

__all__ = ["add_common_arguments", "add_training_arguments", "parse_call", "training_arguments"]


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """What train.py and test.py share."""
    parser.add_argument("config", help="config file")
    parser.add_argument("--work-dir", help="folder for logs and checkpoints (default: work_dirs/CONFIG)")
    parser.add_argument(
        "--cfg-options", nargs="+", metavar="KEY=VALUE", help="change values of the config: key=value ..."
    )
    parser.add_argument("--launcher", choices=["none", "pytorch", "slurm", "mpi"], default="none", help="job launcher")
    parser.add_argument("--device", choices=["cpu"], help="cpu: leave a GPU alone")
    parser.add_argument("--local_rank", "--local-rank", type=int, default=0, help=argparse.SUPPRESS)


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """What train.py has besides."""
    parser.add_argument(
        "--resume",
        nargs="?",
        const="latest",
        metavar="CKPT|auto",
        help="continue from the newest checkpoint of the work dir, or from CKPT; auto: start afresh if there is none",
    )
    parser.add_argument(
        "--pretrained",
        metavar="WEIGHTS",
        help="start from these weights at step 0: a work dir, a file of this or another library, an address "
        "(torchvision://resnet50, timm://resnet50.a1_in1k); downstream configs also take scratch",
    )
    parser.add_argument(
        "--pretrained-source",
        choices=["teacher", "student"],
        help="whose backbone is taken of a file that holds both (default: the teacher's)",
    )
    parser.add_argument(
        "--strict-pretrained",
        action="store_true",
        help="stop, instead of warning, if the config makes another network of the weights of --pretrained than they "
        "were trained in (strides, norms, pixels, ...), or if it is unknown which one that was",
    )
    parser.add_argument(
        "--checkpoint-minutes",
        type=float,
        metavar="M",
        help="also write a checkpoint every M minutes, so that a kill costs no more than that",
    )
    parser.add_argument("--amp", action="store_true", help="train with automatic mixed precision")
    parser.add_argument("--auto-scale-lr", action="store_true", help="scale the learning rate with the whole batch")
    add_evaluation_arguments(parser)


def training_arguments(*given: str) -> argparse.Namespace:
    """As train.py parses them, for a training that another program starts."""
    parser = argparse.ArgumentParser()
    add_common_arguments(parser)
    add_training_arguments(parser)
    return parse_call(parser, given)


def parse_call(parser: argparse.ArgumentParser, given: Sequence[str]) -> argparse.Namespace:
    """Of a call from Python.

    Raises:
        ValueError: In place of a command line's usage and exit. Names of options are whole.
    """

    def refuse(message: str) -> NoReturn:
        raise ValueError(message)

    def stay(status: int = 0, message: str | None = None) -> NoReturn:
        raise ValueError(message or "expected options of a call, got --help")

    parser.error, parser.exit, parser.allow_abbrev = refuse, stay, False  # type: ignore[method-assign]
    return parser.parse_args(given)
