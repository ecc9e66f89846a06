"""The names in annotations in VOC's format are those of the classes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from mmdet.datasets import WIDERFaceDataset, XMLDataset
from mmengine.config import Config
from mmengine.fileio import list_from_file

from slotcon_mm.checks import listing, printable
from slotcon_mm.launch.labeled_data.class_names import classes_of
from slotcon_mm.launch.labeled_data.host_sets import file_of, sets_of

__all__ = ["expect_xml_names"]


def expect_xml_names(config: Config) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Compares the classes of datasets in VOC's format with the names in their annotations.

    mmdet (3.3.0) passes over an object whose name is no class, and over the images that then have none. Files are read
    until each class is found in one, of any dataset: a small validation may lack some.

    Returns:
        Lines for the log (classes that no annotation has), and each dataset's list with its classes.

    Raises:
        ValueError: No annotation has a class, and some have a name that is none.
    """
    files = []
    wanted: list[str] = []
    strange: set[str] = set()
    count = 0
    sets = list(xml_sets(config))
    for path, dataset, kind in sets:
        classes = classes_of(dataset, kind) or []
        files.append((printable(str(path)), classes))
        wanted = wanted or classes
    missing = set(wanted)
    for path, dataset, kind in sets:
        for annotation in annotations_of(path, dataset, kind):
            if not missing:
                break
            names = names_in(annotation)
            count += 1
            missing -= names
            strange |= names - set(wanted)
    if not missing or not count:
        return [], files
    absent = listing([name for name in wanted if name in missing], most=5)
    lists = listing(list(dict.fromkeys(name for name, _ in files)), most=5)
    if strange or missing == set(wanted):
        raise ValueError(
            f"expected objects of each class in the annotations of {lists}, got none of {absent} in {count} files. "
            f"Other names in them: {listing(sorted(strange), most=30)}. Set metainfo=dict(classes=(...)) of each "
            "dataset, and num_classes of the heads"
        )
    return [f"{lists}: no annotation has an object of these classes: {absent}"], files


def xml_sets(config: Config) -> Iterator[tuple[Path, Any, Any]]:
    """Lists of images, configs and types of datasets of mmdet's XMLDataset, and of types that inherit its reading."""
    for _, node, kind in sets_of(config, XMLDataset):
        if path := file_of(node):
            yield path, node, kind


def annotations_of(path: Path, dataset: Any, kind: Any) -> Iterator[Path]:
    """Where mmdet looks for the annotations of the images in a list; what is not there, the host will name."""
    prefix = dataset.get("data_prefix") or {}
    root = Path(dataset.get("data_root") or "")
    folder = (
        root / (prefix.get("img") or "")
        if issubclass(kind, WIDERFaceDataset)
        else root / prefix.get("sub_data_root", "")
    )
    for image in list_from_file(str(path)):
        found = folder / dataset.get("ann_subdir", "Annotations") / f"{image}.xml"
        if found.is_file():
            yield found


def names_in(path: Path) -> set[str]:
    """ValueError, with the file's name, for what mmdet cannot read."""
    try:
        objects = ElementTree.parse(path).getroot().findall("object")  # noqa: S314 - mmdet reads it so, too
    except ElementTree.ParseError as error:
        raise ValueError(f"expected annotations in XML, got {printable(str(path))} ({error})") from None
    names = [item.findtext("name") for item in objects]
    if None in names:
        raise ValueError(f"expected a name of each object in {printable(str(path))}, got one without")
    return {name for name in names if name is not None}
