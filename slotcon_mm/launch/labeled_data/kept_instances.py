"""Which annotations in COCO's format mmdet learns from, and why it leaves out the others."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from slotcon_mm.launch.labeled_data.coco_files import CocoFile

__all__ = ["Kept", "expect_images", "expect_kept", "kept_instances"]

CROWD = "of a crowd (iscrowd), which is not learned"
NO_IMAGE = "whose image_id is that of no image"


class Kept(NamedTuple):
    """Of a file's annotations, in the categories that are taken.

    Attributes:
        instances: That mmdet keeps; crowds are among them, and are ignored in its losses.
        reasons: How many it leaves out, or ignores, by reason.
        with_category: How many there are.
        annotations: How many the file has, of any category.
    """

    instances: list[dict[str, Any]]
    reasons: Counter[str]
    with_category: int
    annotations: int


def kept_instances(file: CocoFile, category_ids: set[Any], *, reads_masks: bool) -> Kept:
    """What ``CocoDataset.parse_data_info`` and ``LoadAnnotations`` (mmdet 3.3.0) do, with the reasons."""
    sizes = {image["id"]: (image["width"], image["height"]) for image in file.images}
    instances, reasons, count = [], Counter[str](), 0
    for annotation in file.annotations:
        if annotation["category_id"] not in category_ids:
            continue
        count += 1
        reason = reason_to_leave_out(annotation, sizes.get(annotation["image_id"]))
        if reason is None:
            instances.append(annotation)
            reason = reason_to_ignore(annotation, reads_masks=reads_masks)
        if reason:
            reasons[reason] += 1
    return Kept(instances, reasons, count, len(file.annotations))


def reason_to_leave_out(annotation: dict[str, Any], size: tuple[float, float] | None) -> str | None:
    if size is None:
        return NO_IMAGE
    if annotation.get("ignore"):
        return "that say ignore"
    x, y, width, height = annotation["bbox"]
    if width < 1 or height < 1:
        shares = max(annotation["bbox"]) <= 1
        return "whose box is less than a pixel wide or high" + (
            " (it looks like shares of the image: multiply them by its width and height)" if shares else ""
        )
    if min(x + width, size[0]) <= max(x, 0) or min(y + height, size[1]) <= max(y, 0):
        return "whose box lies outside of the image"
    return "whose area is not above 0" if annotation["area"] <= 0 else None


def reason_to_ignore(annotation: dict[str, Any], *, reads_masks: bool) -> str | None:
    if annotation.get("iscrowd"):
        return CROWD
    polygons = annotation.get("segmentation")
    if not reads_masks or not polygons or isinstance(polygons, dict):
        return None
    has_one = any(len(polygon) >= 6 and len(polygon) % 2 == 0 for polygon in polygons)
    return None if has_one else "whose mask has no polygon of three points or more"


def expect_kept(kept: Kept, name: str, *, only: bool) -> list[str]:
    """Lines for the log: how many annotations are left out.

    Args:
        kept: Of the file.
        name: Of the file.
        only: No other dataset stands beside it, as images without any object may.

    Raises:
        ValueError: None is learned.
    """
    if not kept.with_category:
        if only:
            raise ValueError(
                f"expected annotations of the classes in {name}, got none: "
                + (
                    f"the category_id of its {kept.annotations} annotations is that of another or of no category"
                    if kept.annotations
                    else "its list of annotations is empty"
                )
            )
        return [f"{name}: no annotation is of the classes, and all of its images are background"]
    if kept.reasons.total() == kept.with_category:
        raise ValueError(
            f"expected annotations of the classes in {name} that mmdet takes, got none of {kept.with_category}: "
            f"{described(kept.reasons)}. Correct them"
        )
    # crowds are ignored on purpose
    faults = Counter({reason: count for reason, count in kept.reasons.items() if reason != CROWD})
    if not faults:
        return []
    return [
        f"{name}: mmdet leaves out {faults.total()} of {kept.with_category} annotations of the classes: "
        f"{described(faults)}"
    ]


def described(reasons: Counter[str]) -> str:
    return "; ".join(f"{count} {reason}" for reason, count in reasons.most_common())


def expect_images(file: CocoFile, category_ids: set[Any], filters: Any) -> None:
    """ValueError, with the cause, where no image passes the ``filter_cfg`` of a training."""
    if not file.images:
        raise ValueError(f"expected images in {file.name}, got none: correct ann_file")
    smallest = (filters or {}).get("min_size", 0)
    wanted = {item["image_id"] for item in file.annotations if item["category_id"] in category_ids}
    large = [image for image in file.images if min(image["width"], image["height"]) >= smallest]
    if not large:
        raise ValueError(
            f"expected images of {smallest} pixels or more (filter_cfg.min_size) in {file.name}, got none of "
            f"{len(file.images)}: correct their height and width, or lower min_size"
        )
    if (filters or {}).get("filter_empty_gt") and wanted and not any(image["id"] in wanted for image in large):
        raise ValueError(
            f"expected images with annotations of the classes in {file.name}, got none among the {len(large)} of "
            f"{len(file.images)} images that have {smallest} pixels or more (filter_cfg.min_size): correct the "
            "image_id of its annotations, or lower min_size"
        )
