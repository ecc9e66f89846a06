#!/usr/bin/env python
"""Convert weights between this package, the authors' code and the libraries that use a backbone.

python tools/convert_checkpoint.py from-official slotcon_coco_r50_800ep.pth slotcon_coco.pth
python tools/convert_checkpoint.py to-official work_dirs/slotcon_r50_coco official.pth
python tools/convert_checkpoint.py backbone work_dirs/slotcon_r50_coco backbone.pth --format torchvision
python tools/convert_checkpoint.py publish work_dirs/slotcon_r50_coco slotcon_r50_coco.pth

SRC is a checkpoint or a work dir; a DST that ends in .safetensors is written so. Files are read by safe loaders only.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import slotcon_mm  # noqa: F401
from slotcon_mm.checkpoints.backbone import SOURCES, backbone_of
from slotcon_mm.checkpoints.beyond_official import beyond_official
from slotcon_mm.checkpoints.exporting import export_file, network_in, other_features
from slotcon_mm.checkpoints.formats import FORMATS
from slotcon_mm.checkpoints.latest import resolve_checkpoint
from slotcon_mm.checkpoints.network_facts import NETWORK
from slotcon_mm.checkpoints.official import from_official, load_official, to_official
from slotcon_mm.checkpoints.publish import publish, write_weights
from slotcon_mm.checkpoints.safe_loading import load_from_safe_local, state_dict_of


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in {
        "from-official": "the authors' file to a checkpoint of this package",
        "to-official": "a checkpoint of this package to the authors' form",
        "backbone": "the backbone alone",
        "publish": "without optimizer; 8 digits of the sha256 are added to the name",
    }.items():
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("source_file", metavar="SRC", help="checkpoint or work dir to read")
        command.add_argument("target_file", metavar="DST", type=Path, help="file to write")
    command = commands.choices["backbone"]
    command.add_argument("--format", choices=FORMATS, default="mm", help="default: mm (OpenMMLab)")
    command.add_argument("--source", choices=[*SOURCES], help="default: the teacher")
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    try:
        print(convert(args))
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"error: {error}")


def convert(args: argparse.Namespace) -> str:
    """Does what was asked; returns the lines that say so."""
    if args.command == "backbone":
        return "\n".join(export_file(args.source_file, args.target_file, args.format, args.source))
    source = resolve_checkpoint(args.source_file, "SRC")
    if args.command == "from-official":
        converted = from_official(load_official(source))
        sha256 = write_weights(converted, args.target_file)
        return f"{args.target_file}: {len(converted['state_dict'])} tensors, sha256 {sha256}"
    checkpoint = load_from_safe_local(str(source), "cpu")
    network, notes = network_in(checkpoint)
    if args.command == "to-official":
        official = to_official(checkpoint, network)
        notes += other_features(network, backbone_of(checkpoint).tensors, "the authors' code")
        notes += beyond_official(official["model"], network)
        sha256 = write_weights(official, args.target_file)
        done = f"{args.target_file}: {len(official['model'])} tensors, sha256 {sha256}"
    else:
        meta = {**checkpoint.get("meta", {}), **({NETWORK: network} if network else {})}
        target, sha256 = publish(dict(checkpoint, state_dict=state_dict_of(checkpoint), meta=meta), args.target_file)
        done = f"{target}: {len(state_dict_of(checkpoint))} tensors, sha256 {sha256}"
    return "\n".join([done, *notes])


if __name__ == "__main__":
    main()
