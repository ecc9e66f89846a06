#!/usr/bin/env python
"""Group images, and write overlays as PNG and groups as JSON (COCO's RLE masks), in a tree like that of the inputs.

python tools/infer.py work_dirs/slotcon_r50_coco IMAGES... --out-dir groups/
python tools/infer.py work_dirs/slotcon_r50_coco IMAGES... --out-dir masks/ --names names.json --format coco

With names of prototypes ("names.json", made on the page of visualize_slots.py), it writes masks of what was named: one
COCO JSON, palette PNGs, or a labelme JSON for each image.
Masks and overlays are of images as viewers show them: turned as their EXIF orientation says. Fine-tuning reads labeled
images as stored: turn the files themselves first if some carry an orientation.
IMAGES are files, folders and addresses; WEIGHTS a work dir, or a raw, published or converted pretraining checkpoint.
"""

from __future__ import annotations

import argparse
import sys

from slotcon_mm.checks import listing
from slotcon_mm.inference.inferencer import NAMED_FORMATS, SlotInferencer
from slotcon_mm.launch.console import hosts_kept_quiet


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", metavar="WEIGHTS", help="work dir or pretraining checkpoint")
    parser.add_argument("images", metavar="IMAGES", nargs="+", help="files, folders and addresses")
    parser.add_argument("--out-dir", default="groups", help="folder to write into (default: groups/)")
    parser.add_argument(
        "--size",
        type=int,
        help="pixels of the shorter side in the network (default: 320 for a training's views of 224)",
    )
    parser.add_argument("--batch-size", type=int, default=8, help="images that are read at a time (default: 8)")
    parser.add_argument(
        "--bit-depth", type=int, help="bits that 16-bit images use, such as 12 (default: as the training read them)"
    )
    parser.add_argument("--names", metavar="FILE", help="names.json: write masks of the prototypes that it names")
    parser.add_argument(
        "--format",
        choices=[*NAMED_FORMATS],
        help="of these masks: coco (one instances.json of polygons), labelmap (palette PNGs with legends, in Pascal "
        "VOC's layout) or labelme (a JSON for each image)",
    )
    parser.add_argument("--device", help="cpu, cuda:0, ... (default: a CUDA device if there is one)")
    args = parser.parse_args()
    if bool(args.names) != bool(args.format):
        parser.error(
            "expected --names and --format together; without both, overlays and masks of all groups are written"
        )
    return args


def main() -> None:
    with hosts_kept_quiet():
        run(parse_arguments())


def run(args: argparse.Namespace) -> None:
    try:
        options = {} if args.bit_depth is None else dict(bit_depth=args.bit_depth)
        inferencer = SlotInferencer(
            args.weights, device=args.device, size="views" if args.size is None else args.size, **options
        )
        if args.names:
            written = inferencer.write_named(args.images, args.out_dir, args.names, args.format, args.batch_size)
        else:
            written = inferencer.write(args.images, args.out_dir, args.batch_size)
        results = list(written)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    unreadable = [result["name"] for result in results if "error" in result]
    files = {result["path"] for result in results if "path" in result}
    place = files.pop() if args.format == "coco" and files else args.out_dir
    print(f"{len(results) - len(unreadable)} images in {place}")
    if unreadable:
        sys.exit(f"error: {len(unreadable)} could not be read: {listing(unreadable, most=5)}")


if __name__ == "__main__":
    main()
