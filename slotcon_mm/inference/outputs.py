"""Where an image's groups are written: a tree like that of the inputs, in which no image overwrites another's."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import urlparse

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from slotcon_mm.checks import printable
from slotcon_mm.datasets.image_lists import list_images

__all__ = ["Source", "digest_of", "free_path", "list_sources", "write_outputs"]


class Source(NamedTuple):
    """An input.

    Attributes:
        given: A file, an address or an array.
        stem: The path of its outputs below the output folder, without a suffix.
        file_name: Its own path below the folder that all inputs share; of an address or an array as it is called.
    """

    given: Any
    stem: str
    file_name: str

    @property
    def name(self) -> str:
        """As the input was given."""
        return "array" if isinstance(self.given, np.ndarray) else str(self.given)


def list_sources(inputs: Any) -> list[Source]:
    """Files, all images below folders, arrays and addresses, in their order, each with a stem of its own.

    Of one folder, stems are its images' paths without their suffix. Of several inputs, a folder's name comes before
    them. Images that would share a stem keep their suffix (``a.jpg`` and ``a.png``), and if that is not enough, get a
    number. Stems that differ in case only count as one, since some file systems do not tell them apart.
    """
    items = inputs if isinstance(inputs, list | tuple) else [inputs]
    places = [place for item in items for place in places_of(item, alone=len(items) == 1)]
    shared = count_folded(path.with_suffix("") for _, path in places)
    stems = [str(path if shared[fold(path.with_suffix(""))] > 1 else path.with_suffix("")) for _, path in places]
    shared_folder = common_folder(items)
    used: set[str] = set()
    found = []
    for (given, _), stem in zip(places, stems, strict=True):
        numbered = (stem, *(f"{stem}-{number}" for number in range(2, len(stems) + 1)))
        chosen = next(name for name in numbered if fold(name) not in used)
        used.add(fold(chosen))
        found.append(Source(given, chosen, name_below(shared_folder, given, chosen)))
    return found


def common_folder(items: Iterable[Any]) -> str:
    """The innermost folder with all given folders and files; empty where there is none."""
    names = [os.path.abspath(item) for item in items if is_local(item)]
    try:
        return os.path.commonpath([name if os.path.isdir(name) else os.path.dirname(name) for name in names])
    except ValueError:  # no file, or drives of Windows
        return ""


def name_below(folder: str, given: Any, stem: str) -> str:
    if isinstance(given, np.ndarray):
        return stem
    if not folder or not is_local(given):
        return os.fspath(given)
    return Path(os.path.abspath(given)).relative_to(folder).as_posix()


def is_local(given: Any) -> bool:
    return not isinstance(given, np.ndarray) and "://" not in os.fspath(given)


def places_of(item: Any, *, alone: bool) -> list[tuple[Any, PurePosixPath]]:
    """The images of an input, and where each lies in the tree."""
    if isinstance(item, np.ndarray):
        return [(item, PurePosixPath("array"))]
    name = os.fspath(item)
    if "://" in name:
        return [(item, safe_path([PurePosixPath(urlparse(name).path).name or "image"]))]
    if not os.path.isdir(name):
        return [(item, safe_path([os.path.basename(name)]))]
    top = [] if alone else [os.path.basename(os.path.abspath(name))]
    return [(path, safe_path([*top, *Path(path).relative_to(name).parts])) for path in list_images(name)]


def safe_path(parts: Iterable[str]) -> PurePosixPath:
    return PurePosixPath(*(printable(part).replace("\\", "_") for part in parts))


def fold(stem: Any) -> str:
    return str(stem).casefold()


def count_folded(paths: Iterable[PurePosixPath]) -> Counter[str]:
    return Counter(map(fold, paths))


def write_outputs(folder: Path, stem: str, prediction: dict[str, Any], overlay: np.ndarray) -> Path:
    """Writes ``STEM.png``, the overlay, and ``STEM.json``, the groups as COCO's RLE masks; returns the overlay's path.

    An earlier call's outputs of the same input are replaced. Those of another input stay: a digest of the name is then
    part of the new ones.
    """
    path = free_path(folder / f"{stem}.json", prediction["name"], belongs_to)
    image = path.with_name(f"{path.name.removesuffix('.json')}.png")
    # not imwrite, which fails without a word: on a full disk, and on Windows for names of other than its own code page
    image.write_bytes(cv2.imencode(".png", cv2.cvtColor(overlay, cv2.COLOR_RGB2BGR))[1].tobytes())
    path.write_text(json.dumps(as_coco(prediction)))
    return image


def free_path(path: Path, name: str, is_own: Callable[[Path, str], bool]) -> Path:
    """The path, with a digest of the input's name if a file lies there that is not its own. The folder is made."""
    if path.is_file() and not is_own(path, name):
        path = path.with_name(f"{path.stem}-{digest_of(name)[:8]}{path.suffix}")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def digest_of(name: str) -> str:
    return hashlib.sha256(os.fsencode(name)).hexdigest()


def belongs_to(path: Path, name: str) -> bool:
    """Whether a JSON file holds this input's groups, or broke off while an earlier call wrote it."""
    try:
        content = json.loads(path.read_text())
    except ValueError:
        return True
    return isinstance(content, dict) and content.get("file_name") == name


def as_coco(prediction: dict[str, Any]) -> dict[str, Any]:
    """The groups as COCO's RLE masks; a group's ``category_id`` is its prototype."""
    groups = []
    for prototype, area in zip(prediction["prototypes"], prediction["areas"], strict=True):
        rle = coco_mask.encode(np.asfortranarray(prediction["group_map"] == prototype, np.uint8))
        mask = dict(size=list(rle["size"]), counts=rle["counts"].decode("ascii"))
        box = coco_mask.toBbox(rle).tolist()
        groups.append(dict(category_id=int(prototype), area=int(area), bbox=box, segmentation=mask))
    height, width = prediction["group_map"].shape
    return dict(file_name=prediction["name"], height=height, width=width, groups=groups)
