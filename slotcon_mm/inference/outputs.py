"""Where an image's groups are written: a tree like that of the inputs, in which no image overwrites another's."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import urlparse

import numpy as np
from mmengine.logging import print_log
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pycocotools import mask as coco_mask

from slotcon_mm.checks import printable
from slotcon_mm.datasets.image_lists import list_images

__all__ = [
    "Source",
    "begins_with",
    "digest_of",
    "free_path",
    "is_free",
    "is_own_png",
    "list_sources",
    "save_png",
    "write_outputs",
]

OWNER = "slotcon_mm input"  # in a PNG's text: the identity of the input that it was made from
SUFFIXES = (".png", ".json")  # of outputs
MOST_BYTES = 230  # of a name: file systems take 255, and a suffix, a digest and numbers come behind it
MOST_OF_SUFFIX = 10
Owner = Callable[[Path, str], bool]  # whether a file is an output of the input of that identity


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
    def identity(self) -> str:
        """A digest: of a file's whole path, of an address, or of an array's shape and pixels."""
        if isinstance(self.given, np.ndarray):
            return hashlib.sha256(repr(self.given.shape).encode() + self.given.tobytes()).hexdigest()
        return digest_of(whole_name(self.given))


def list_sources(inputs: Any, *, once: bool = True) -> list[Source]:
    """Files, all images below folders, arrays and addresses, in their order, each with a stem of its own.

    Of one folder, stems are its images' paths without their suffix. Of several inputs, a folder's name comes before
    them. Images that would share a stem keep their suffix (``a.jpg`` and ``a.png``), and if that is not enough, get a
    number; so do those whose outputs would have the name of a folder of the tree. Stems that differ in case only count
    as one, since some file systems do not tell them apart. Long names are shortened.

    PNGs below a folder that this package wrote are no images of it.

    Args:
        inputs: As of ``SlotInferencer``.
        once: Whether a file or address that is given again, by a folder or itself, is left out.

    Raises:
        ValueError: A folder has no image.
    """
    items = inputs if isinstance(inputs, list | tuple) else [inputs]
    places = [place for item in items for place in places_of(item, alone=len(items) == 1)]
    places = first_of_each(places) if once else places
    shared = count_folded(path.with_suffix("") for _, path in places)
    folders = {fold(folder) for _, path in places for folder in path.parents}
    shared_folder = common_folder(items)
    used: set[str] = set()
    found = []
    for given, path in places:
        short = path.with_suffix("")
        stem = str(path if shared[fold(short)] > 1 or names_folder(short, folders) else short)
        numbered = (stem, *(f"{stem}-{number}" for number in range(2, len(places) + len(folders) + 1)))
        chosen = next(name for name in numbered if fold(name) not in used and not names_folder(name, folders))
        used.add(fold(chosen))
        found.append(Source(given, chosen, name_below(shared_folder, given, chosen)))
    return found


def first_of_each(places: list[tuple[Any, PurePosixPath]]) -> list[tuple[Any, PurePosixPath]]:
    """Without files and addresses that come again; arrays stay."""
    found: dict[Any, tuple[Any, PurePosixPath]] = {}
    for number, place in enumerate(places):
        found.setdefault(number if isinstance(place[0], np.ndarray) else whole_name(place[0]), place)
    if left := len(places) - len(found):
        print_log(f"images that are given more than once are taken once: {left} left out", "current", level=30)
    return [*found.values()]


def names_folder(stem: Any, folders: set[str]) -> bool:
    """Whether an output of that stem would have the name of a folder of the tree."""
    return any(f"{fold(stem)}{suffix}" in folders for suffix in SUFFIXES)


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


def whole_name(given: Any) -> str:
    """A file's whole path, or an address."""
    return os.path.abspath(given) if is_local(given) else os.fspath(given)


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
    return [(path, safe_path([*top, *Path(path).relative_to(name).parts])) for path in images_below(name)]


def images_below(folder: str) -> list[str]:
    """Those that this package has not written."""
    images = list_images(folder)
    written = {path for path in images if path.lower().endswith(".png") and mark_of(path)}
    if len(written) == len(images):
        raise ValueError(
            f"expected images below {printable(folder)}, got only {len(written)} PNGs that infer.py has written: name "
            "the files themselves if you mean these"
        )
    if written:
        print_log(
            f"not read as images below {printable(folder)}: {len(written)} PNGs that infer.py has written, "
            f"{printable(min(written))} for one",
            "current", level=30,
        )  # fmt: skip
    return [path for path in images if path not in written]


def safe_path(parts: Iterable[str]) -> PurePosixPath:
    return PurePosixPath(*(fitting(printable(part).replace("\\", "_")) for part in parts))


def fitting(name: str) -> str:
    """A name that is too long, with a digest in place of its end, before its suffix."""
    if len(name.encode()) <= MOST_BYTES:
        return name
    suffix = PurePosixPath(name).suffix
    end = f"-{digest_of(name)[:8]}{suffix if len(suffix.encode()) <= MOST_OF_SUFFIX else ''}"
    return name.encode()[: MOST_BYTES - len(end.encode())].decode(errors="ignore") + end


def fold(stem: Any) -> str:
    return str(stem).casefold()


def count_folded(paths: Iterable[PurePosixPath]) -> Counter[str]:
    return Counter(map(fold, paths))


def write_outputs(folder: Path, source: Source, prediction: dict[str, Any], overlay: np.ndarray) -> Path:
    """Writes ``STEM.png``, the overlay, and ``STEM.json``, the groups as COCO's RLE masks; returns the overlay's path.

    An earlier call's outputs of the same input are replaced. Any other file stays: a digest of the input is then part
    of the new ones' names.
    """
    path = free_path(folder, f"{source.stem}.json", source.identity, {".json": is_own, ".png": is_own_png})
    save_png(path.with_suffix(".png"), Image.fromarray(overlay), source.identity)
    groups = json.dumps(as_coco(prediction)).removeprefix("{")
    path.write_text(f"{beginning_of(source.identity)}, {groups}")
    return path.with_suffix(".png")


def is_own(path: Path, identity: str) -> bool:
    return begins_with(path, beginning_of(identity))


def beginning_of(identity: str) -> str:
    return f'{{"input": "{identity}"'


def free_path(folder: Path, name: str, identity: str, owners: Mapping[str, Owner]) -> Path:
    """The first of ``STEM``, ``STEM-DIGEST``, ``STEM-DIGEST-2``, ... that no file but this input's own has.

    The folders are made.

    Args:
        folder: To write into.
        name: The path below it, with the stem.
        identity: Of the input.
        owners: Of each suffix that is written, whether a file is an earlier call's output of that input.
    """
    path = PurePosixPath(name)
    inner = made_folder(folder, path.parent.parts)
    marked = f"{path.stem}-{identity[:8]}"
    numbered = (f"{marked}-{number}" for number in itertools.count(2))
    candidates = (inner / f"{stem}{path.suffix}" for stem in itertools.chain((path.stem, marked), numbered))
    return next(
        candidate
        for candidate in candidates
        if all(is_free(candidate.with_suffix(suffix), identity, owns) for suffix, owns in owners.items())
    )


def made_folder(folder: Path, parts: Iterable[str]) -> Path:
    """The folder at ``parts`` below another; a part whose name a file has gets a number."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in parts:
        names = itertools.chain((part,), (f"{part}-{number}" for number in itertools.count(2)))
        folder = next(path for name in names if (path := folder / name).is_dir() or not os.path.lexists(path))
        folder.mkdir(exist_ok=True)
    return folder


def is_free(path: Path, identity: str, owns: Owner) -> bool:
    """Whether a path may be written to: nothing lies there, or an empty file, or this input's own."""
    return not path.exists() or (path.is_file() and (path.stat().st_size == 0 or owns(path, identity)))


def digest_of(name: str) -> str:
    return hashlib.sha256(os.fsencode(name)).hexdigest()


def begins_with(path: Path, beginning: str) -> bool:
    """Whether a text file, which may have broken off later, does."""
    with open(path, "rb") as file:
        return file.read(len(beginning.encode())) == beginning.encode()


def save_png(path: Path, image: Image.Image, identity: str) -> None:
    """A PNG that tells which input it was made from."""
    text = PngInfo()
    text.add_text(OWNER, identity)
    image.save(path, pnginfo=text)


def is_own_png(path: Path, identity: str) -> bool:
    """Whether a PNG, which may have broken off later, tells that it was made from this input."""
    return mark_of(path) == identity


def mark_of(path: str | Path) -> str | None:
    """What ``save_png`` wrote; read from the file's beginning."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its size, which is said where pixels are read
            with Image.open(path) as image:
                return image.info.get(OWNER)
    except Exception:  # decoders raise many kinds
        return None


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
