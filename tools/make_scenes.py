#!/usr/bin/env python
"""Generate a dataset of scenes in COCO's layout.

python tools/make_scenes.py data/scenes
python tools/make_scenes.py data/night --style night        # the same classes look another way
"""

from __future__ import annotations

import argparse
import os
import sys

from slotcon_mm.datasets.scenes import STYLES, write_scenes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", help="folder to write")
    parser.add_argument("--num-train", type=int, default=1000, help="images in train2017 (default: 1000)")
    parser.add_argument("--num-val", type=int, default=200, help="images in val2017 (default: 200)")
    parser.add_argument("--width", type=int, default=256, help="of an image, in pixels (default: 256)")
    parser.add_argument("--height", type=int, default=192, help="of an image, in pixels (default: 192)")
    parser.add_argument("--seed", type=int, default=0, help="another seed makes other scenes (default: 0)")
    described = ", or ".join(f"{name} ({style.description})" for name, style in STYLES.items())
    parser.add_argument("--style", default="day", help=f"what scenes look like: {described} (default: day)")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one for each core)"
    )
    args = vars(parser.parse_args())
    try:
        write_scenes(args.pop("root"), **args)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
