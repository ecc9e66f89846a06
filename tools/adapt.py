#!/usr/bin/env python
"""Adapt existing weights to your own images without labels, and learn whether it helped.

python tools/adapt.py FOLDER --from torchvision://resnet50 --out work_dirs/adapted
python tools/adapt.py FOLDER --from dinov2_vits14_pretrain.pth --out work_dirs/adapted \\
    --labels MASKS --classes classes.txt

It checks the images, trains SlotCon from the weights, measures features before and after, and writes report.html and
backbone.pth into --out. With labels of some images, training stops where the weights become worse than the start, and
backbone.pth is then the start. Started again with the same --out, it continues.
"""

from __future__ import annotations

import sys

import slotcon_mm  # noqa: F401
from slotcon_mm.adaptation.arguments import adaptation_parser
from slotcon_mm.adaptation.run import run_adaptation
from slotcon_mm.checks import PreemptedError, RunStoppedError
from slotcon_mm.datasets.image_files import UnreadableImageError
from slotcon_mm.datasets.label_files import BadLabelMapError
from slotcon_mm.launch.console import hosts_kept_quiet, last_paragraph


def main() -> None:
    args = adaptation_parser(__doc__).parse_args()
    with hosts_kept_quiet():
        try:
            found = run_adaptation(args)
        except PreemptedError as error:
            print(error, file=sys.stderr)
            sys.exit(error.exit_code)
        except (ValueError, OSError, ImportError, BadLabelMapError, UnreadableImageError, RunStoppedError) as error:
            sys.exit(f"error: {last_paragraph(error)}")
    print(found.verdict)
    print(f"{found.backbone} ({found.handed_back}); {found.report}")


if __name__ == "__main__":
    main()
