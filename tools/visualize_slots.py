#!/usr/bin/env python
"""Show what each prototype stands for: its best-fitting images in a dataset, as a page to browse and a sheet.

On the page each prototype can be given a name; "names.json", downloaded from it, is for "tools/infer.py --names".

python tools/visualize_slots.py work_dirs/slotcon_r50_coco data/coco/val2017 --out-dir prototypes/
python tools/visualize_slots.py work_dirs/slotcon_r50_coco data/coco/val2017 \\
    --labels data/coco/stuffthingmaps/val2017 --label-set coco-stuff-27        # adds purity, and proposes names
python tools/visualize_slots.py work_dirs/run images --labels labels --classes classes.txt    # classes of your own
python tools/visualize_slots.py work_dirs/run images --labels instances.json                  # COCO's JSON
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import slotcon_mm  # noqa: F401
from slotcon_mm.atomic_files import write_atomically
from slotcon_mm.checkpoints.build import build_from_checkpoint
from slotcon_mm.checkpoints.latest import resolve_checkpoint
from slotcon_mm.checkpoints.safe_loading import load_from_safe_local
from slotcon_mm.checkpoints.view_size import bit_depth_of_checkpoint, views_of_checkpoint
from slotcon_mm.datasets.white_value import expect_bit_depth
from slotcon_mm.inference.fill_gallery import fill_gallery, read_square
from slotcon_mm.inference.group_names import fingerprint_of, names_as_text, propose_names
from slotcon_mm.launch.console import hosts_kept_quiet
from slotcon_mm.launch.label_arguments import add_label_arguments, label_set_from
from slotcon_mm.launch.machine.device import device_named
from slotcon_mm.visualization.gallery_page import write_gallery


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", metavar="WEIGHTS", help="work dir, or a raw, published or converted checkpoint")
    parser.add_argument("images", metavar="FOLDER", help="folder of images, in any sub-folders")
    parser.add_argument(
        "--out-dir", type=Path, default=Path("prototypes"), help="folder to write the page into (default: prototypes/)"
    )
    parser.add_argument("--top", type=int, default=8, help="images to show for each prototype (default: 8)")
    parser.add_argument("--size", type=int, help="pixels of the middle square (default: those of the training's views)")
    parser.add_argument(
        "--bit-depth", type=int, help="bits that 16-bit images use, such as 12 (default: as the training read them)"
    )
    add_label_arguments(parser)
    parser.add_argument("--batch-size", type=int, default=32, help="images at a time (default: 32)")
    parser.add_argument(
        "--workers",
        type=int,
        default=min(4, os.cpu_count() or 1),
        help="processes that read images (default: at most 4)",
    )
    parser.add_argument("--device", help="cpu, cuda:0, ... (default: a CUDA device if there is one)")
    return parser.parse_args()


def main() -> None:
    with hosts_kept_quiet():
        run(parse_arguments())


def run(args: argparse.Namespace) -> None:
    try:
        args.out_dir.mkdir(parents=True, exist_ok=True)
        label_set = label_set_from(args)
        checkpoint = resolve_checkpoint(args.weights, "WEIGHTS")
        loaded = load_from_safe_local(str(checkpoint), "cpu")
        views = views_of_checkpoint(loaded)
        size = min(views) if args.size is None else args.size
        bit_depth = bit_depth_of_checkpoint(loaded) if args.bit_depth is None else args.bit_depth
        expect_bit_depth(bit_depth)
        model = build_from_checkpoint(loaded).to(device_named(args.device))
        gallery, unreadable = fill_gallery(
            model, args.images, top=args.top, size=size, batch_size=args.batch_size, workers=args.workers,
            labels=args.labels, label_set=label_set, image_suffix=args.image_suffix, label_suffix=args.label_suffix,
            bit_depth=bit_depth, views=views,
        )  # fmt: skip
        proposed = propose_names(gallery.confusion_KC, gallery.class_names)
        fingerprint = fingerprint_of(model)
        title = f"Prototypes of {checkpoint}"
        page = write_gallery(
            gallery,
            args.out_dir,
            read=lambda path: read_square(path, size, exif=not args.labels, bit_depth=bit_depth),
            class_names=gallery.class_names,
            title=title,
            fingerprint=fingerprint,
            names=proposed,
        )
        print(page)
        if proposed:
            proposal = args.out_dir / "names-proposed.json"  # names.json is the user's own
            text = names_as_text(proposed, model.neck.num_prototypes, fingerprint)
            write_atomically(proposal, text.encode())
            print(f"{proposal}: each prototype has the class of most of its labeled pixels; infer.py --names takes it")
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    if unreadable:
        sys.exit(f"error: {len(unreadable)} images could not be read: {'; '.join(unreadable[:3])}")


if __name__ == "__main__":
    main()
