#!/usr/bin/env python
"""Group images: overlays as PNG, groups as JSON (COCO's RLE masks).

python tools/infer.py work_dirs/slotcon_r50_coco IMAGES... --out-dir groups/

IMAGES are files, folders and addresses; WEIGHTS a work dir, or a raw, published or converted pretraining checkpoint.
"""

from __future__ import annotations

import argparse
import sys

from tqdm import tqdm

from slotcon_mm.checks import listing
from slotcon_mm.inference.inferencer import SlotInferencer

AT_ONCE = 64  # images whose results are held


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", metavar="WEIGHTS")
    parser.add_argument("images", metavar="IMAGES", nargs="+")
    parser.add_argument("--out-dir", default="groups", help="default: groups/")
    parser.add_argument(
        "--size",
        type=int,
        help="pixels of the shorter side in the network (default: 320 for a training's views of 224)",
    )
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--device", help="cpu, cuda:0, ... (default: a GPU if there is one)")
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    try:
        inferencer = SlotInferencer(args.weights, device=args.device, size=args.size or "views", show_progress=False)
        images = inferencer.list_inputs(args.images)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    unreadable = []
    with tqdm(total=len(images), desc="images") as bar:
        for start in range(0, len(images), AT_ONCE):
            part = images[start : start + AT_ONCE]
            results = inferencer(part, batch_size=args.batch_size, out_dir=args.out_dir)
            unreadable += [result["name"] for result in results["predictions"] if "error" in result]
            bar.update(len(part))
    print(f"{len(images) - len(unreadable)} images in {args.out_dir}")
    if unreadable:
        sys.exit(f"error: {len(unreadable)} could not be read: {listing(unreadable, most=5)}")


if __name__ == "__main__":
    main()
