"""The images of an evaluation, from options or from a config."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATASETS

from slotcon_mm.datasets.image_lists import find_images
from slotcon_mm.datasets.image_samples import expect_known_bit_depth
from slotcon_mm.launch.data_configs import expect_data_only
from slotcon_mm.launch.label_arguments import add_label_arguments, label_set_from, labels_are_instances

__all__ = [
    "add_data_arguments", "data_options", "dataset_configs", "expect_no_data_options", "open_unlabeled", "read_preset",
]  # fmt: skip

SPLIT = "{split}"


def add_data_arguments(parser: argparse._ActionsContainer, *, images: str | None = None) -> None:
    """Where labeled images are, which of them are held out, and what their labels mean.

    Args:
        parser: Or a group of one.
        images: What ``--images`` is by default, in words.
    """
    default = f" (default: {images})" if images else ""
    parser.add_argument("--images", metavar="FOLDER", help=f"images, in any sub-folders{default}")
    add_label_arguments(parser)
    parser.add_argument(
        "--instances",
        metavar="JSON",
        help="with label maps: instances of the held-out images in COCO's format, for FG-ARI",
    )
    parser.add_argument(
        "--splits",
        nargs=2,
        metavar=("TRAIN", "HELD_OUT"),
        help="sub-folders of images and labels, or text files of names ('{split}' in other paths stands for the name); "
        "default: a random split",
    )
    parser.add_argument(
        "--held-out-share", type=float, default=0.3, metavar="S", help="of a random split (default: 0.3)"
    )
    parser.add_argument("--split-seed", type=int, default=0, metavar="N", help="of a random split (default: 0)")
    parser.add_argument(
        "--most-images", type=int, metavar="N", help="at most N images of each part, spread over it (default: all)"
    )
    parser.add_argument("--bit-depth", type=int, help="bits that 16-bit labeled images use, such as 12")


def data_options(args: argparse.Namespace) -> list[str]:
    """Those of ``add_data_arguments`` that were given another value than their default."""
    parser = argparse.ArgumentParser()
    add_data_arguments(parser)
    usual = vars(parser.parse_args([]))
    return [f"--{name.replace('_', '-')}" for name, value in usual.items() if getattr(args, name) != value]


def expect_no_data_options(args: argparse.Namespace, config: str) -> None:
    """ValueError for options that say again where labeled images are, beside the option ``config`` that names a file.

    ``--most-images`` may be given with both.
    """
    if strange := [name for name in data_options(args) if name != "--most-images"]:
        raise ValueError(
            f"expected {config} or {' and '.join(strange)}, got both: the config says where labeled images are, how "
            "they are split and what their labels mean"
        )


def dataset_configs(args: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Any]]:
    """Configs of the training and of the held-out part, of ``add_data_arguments``'s options.

    Raises:
        ValueError: Options lack each other.
    """
    if not args.images or not args.labels:
        raise ValueError(
            "expected --images FOLDER and --labels FOLDER_OR_JSON, or a config of configs/evaluation, got "
            f"{'--labels' if args.labels else '--images' if args.images else 'neither'}"
            f"{' alone' if args.labels or args.images else ''}"
        )
    if args.splits:
        to_learn_from = argparse.Namespace(**{**vars(args), "instances": None})  # they are of the held-out images
        return part_config(to_learn_from, args.splits[0], "all"), part_config(args, args.splits[1], "all")
    if SPLIT in args.images + args.labels:
        raise ValueError(f"expected --splits TRAIN HELD_OUT with {SPLIT} in a path, got none")
    random = dict(share=args.held_out_share, seed=args.split_seed)
    return part_config(args, "", dict(part="train", **random)), part_config(args, "", dict(part="held-out", **random))


def open_unlabeled(args: argparse.Namespace) -> Any:
    """The dataset of ``--images`` without ``--labels``.

    Raises:
        ValueError: Options that say something about labels, or no folder with images.
    """
    about_images = ("--images", "--most-images", "--bit-depth")
    if strange := [name for name in data_options(args) if name not in about_images]:
        raise ValueError(f"expected --labels FOLDER_OR_JSON with {' and '.join(strange)}, got none: pass --labels")
    if not Path(args.images).is_dir():
        raise ValueError(f"expected --images to be a folder, got {args.images}")
    expect_known_bit_depth(find_images(args.images).images, args.bit_depth, "Pass --bit-depth BITS")
    loading = dict(type="slotcon_mm.LoadImage", bit_depth=args.bit_depth)
    return DATASETS.build(dict(type="slotcon_mm.UnlabeledImageDataset", data_root=args.images, pipeline=[loading]))


def part_config(args: argparse.Namespace, split: str, subset: Any) -> dict[str, Any]:
    if split and Path(split).is_file():
        split, subset = "", split
    images, labels, instances = (within(path, split) for path in (args.images, args.labels, args.instances))
    as_json = labels_are_instances(labels)
    resolved = argparse.Namespace(**{**vars(args), "labels": labels})
    pipeline = [
        dict(type="slotcon_mm.LoadImage", exif=False, bit_depth=args.bit_depth),
        dict(type="slotcon_mm.LoadLabels"),
    ]
    if as_json or instances:
        pipeline.append(dict(type="slotcon_mm.LoadInstances"))
    maps = {} if as_json else dict(seg_map_path=labels)
    return dict(
        type="slotcon_mm.LabelMapDataset",
        data_root="",
        data_prefix=dict(img_path=images, **maps),
        ann_file=labels if as_json else instances,
        label_set=label_set_from(resolved),
        subset=subset,
        img_suffix=args.image_suffix,
        seg_map_suffix=args.label_suffix,
        pipeline=pipeline,
    )


def within(path: str | None, split: str) -> str:
    """A path of one split: with its name in place of '{split}', or the sub-folder of that name."""
    if not path:
        return ""
    if SPLIT in path:
        return path.replace(SPLIT, split)
    return str(Path(path) / split) if split and not path.lower().endswith(".json") else path


def read_preset(path: str) -> Config:
    """A config of ``configs/evaluation``: ``train``, ``held_out`` and ``choices``.

    Raises:
        ValueError: It has no such parts.
    """
    expect_data_only(path)
    config = Config.fromfile(path)
    if missing := [name for name in ("train", "held_out") if name not in config]:
        raise ValueError(f"expected train and held_out datasets in {path}, got none of {', '.join(missing)}")
    return config
