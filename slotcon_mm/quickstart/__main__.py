"""The ten-minute tour: pretrain a small network on two CPU cores and look at what it groups.

bash tools/quickstart.sh                 on generated scenes, with scores
bash tools/quickstart.sh --data FOLDER   on your own images, without labels and so without scores
bash tools/quickstart.sh --data FOLDER --labels LABELS --classes classes.txt      with labels, and so with scores
bash tools/quickstart.sh --transfer      also fine-tunes with labels, from pretrained and from random weights
bash tools/quickstart.sh --method slotmim      a masked vision transformer in place of a ResNet
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from slotcon_mm.checks import RunStoppedError
from slotcon_mm.launch.console import hosts_kept_quiet
from slotcon_mm.launch.label_arguments import add_label_arguments, label_set_from
from slotcon_mm.launch.machine.device import select_device
from slotcon_mm.quickstart.material import GivenLabels
from slotcon_mm.quickstart.run import METHODS, run_quickstart

__all__ = ["main"]


def main() -> None:
    parser = argparse.ArgumentParser(
        "quickstart", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder of your own images, instead of generated scenes")
    add_label_arguments(parser)
    parser.add_argument(
        "--held-out",
        metavar="FOLDER",
        help="folder below --data whose labeled images are scored (default: 30 %% of them at random, by the seed)",
    )
    parser.add_argument(
        "--work-dir", type=Path, default=Path("work_dirs/quickstart"), help="default: work_dirs/quickstart"
    )
    parser.add_argument("--bit-depth", type=int, help="bits that 16-bit images of --data use, such as 12")
    parser.add_argument("--method", choices=[*METHODS], default="slotcon", help="default: slotcon")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument("--epochs", type=int, help="epochs of training (default: the config's)")
    parser.add_argument(
        "--lr", type=float, help="learning rate (default: the config's; with 0 nothing is learned, for comparison)"
    )
    parser.add_argument(
        "--transfer", action="store_true", help="fine-tune FCN and Mask R-CNN too (three seeds each, some 15 minutes)"
    )
    parser.add_argument("--device", choices=["cpu"], help="cpu: leave a GPU alone")
    args = parser.parse_args()
    try:
        with hosts_kept_quiet():
            select_device(args.device)
            report = run_quickstart(
                args.data, args.work_dir, seed=args.seed, epochs=args.epochs, lr=args.lr, transfer=args.transfer,
                bit_depth=args.bit_depth, labels=labels_of(args), method=args.method,
            )  # fmt: skip
    except (ValueError, OSError, RunStoppedError) as error:
        sys.exit(f"error: {error}")
    print(f"report: {report}")


def labels_of(args: argparse.Namespace) -> GivenLabels | None:
    """Those of the command line; ValueError where its options do not fit each other."""
    label_set = label_set_from(args)
    if args.labels is None:
        if args.held_out:
            raise ValueError(f"expected --labels with --held-out {args.held_out}, got none")
        return None
    return GivenLabels(args.labels, label_set, args.image_suffix, args.label_suffix, args.held_out)


if __name__ == "__main__":
    main()
