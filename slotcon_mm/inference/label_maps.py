"""Named groups as palette images in Pascal VOC's layout, which CVAT imports as "Segmentation mask"."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from slotcon_mm.inference.group_names import BACKGROUND, GroupNames
from slotcon_mm.inference.outputs import Source, free_path, is_free, is_own_png, save_png
from slotcon_mm.visualization.overlay import color_table

__all__ = ["label_maps"]

MOST = 255  # categories that a palette image can hold beside background
PALETTE = np.concatenate([np.zeros((1, 3), np.uint8), color_table(MOST + 1)[1:]])


@contextmanager
def label_maps(
    folder: Path, names: GroupNames, sources: Sequence[Source]
) -> Iterator[Callable[[Source, dict[str, Any]], Path]]:
    """What is yielded writes an image's ``SegmentationClass/STEM.png`` and returns its path; values are category ids.

    Beside that folder: ``classes.txt`` with lines ``name,value``; ``labelmap.txt`` with CVAT's ``name:r,g,b::``; and
    ``ImageSets/Segmentation/default.txt``, the list of stems.

    Raises:
        ValueError: There are too many names, or one that the legends cannot hold; or images of another call lie there
            that were drawn with other names; or legends that no call has written.
    """
    expect_fit(names)
    legend = [BACKGROUND, *names.categories]
    classes = "".join(f"{name},{value}\n" for value, name in enumerate(legend))
    colors = PALETTE[: len(legend)].tolist()
    legends = {
        folder / "classes.txt": classes,
        folder / "labelmap.txt": "".join(f"{n}:{r},{g},{b}::\n" for n, (r, g, b) in zip(legend, colors, strict=True)),
    }
    kept = stems_of_others(folder, classes, sources)
    for path, text in legends.items():
        expect_own(path, text, folder)
    for path, text in legends.items():
        write(path, text)
    written: set[str] = set()

    def add(source: Source, prediction: dict[str, Any]) -> Path:
        path = free_path(folder, f"SegmentationClass/{source.stem}.png", source.identity, {".png": is_own_png})
        image = Image.fromarray(names.category_map(prediction["group_map"]))
        image.putpalette(PALETTE.tobytes())
        save_png(path, image, source.identity)
        written.add(path.relative_to(folder / "SegmentationClass").with_suffix("").as_posix())
        return path

    yield add
    write(list_of(folder), "".join(f"{stem}\n" for stem in sorted(kept | written)))


def expect_fit(names: GroupNames) -> None:
    if len(names.categories) > MOST:
        raise ValueError(
            f"expected at most {MOST} names for --format labelmap, got {len(names.categories)}: give some prototypes "
            "the same name, or take --format coco"
        )
    for name in names.categories:
        if set(name) & set(",:") or name.startswith("#"):
            raise ValueError(
                f'expected names without commas and colons, and without "#" at their start, for --format labelmap, '
                f'whose legends use them, got "{name}": rename it, or take --format coco'
            )


def stems_of_others(folder: Path, classes: str, sources: Sequence[Source]) -> set[str]:
    """Stems that an earlier call listed and this one does not write anew."""
    if not list_of(folder).is_file():
        return set()
    own = {source.stem: source.identity for source in sources}
    listed = set(list_of(folder).read_text(encoding="utf-8").split("\n")) - {""}
    others = {stem for stem in listed if stem not in own or not is_free(map_of(folder, stem), own[stem], is_own_png)}
    legend = folder / "classes.txt"
    if others and legend.is_file() and legend.read_text(encoding="utf-8") != classes:
        raise ValueError(
            f"expected the names of {legend}, by which {len(others)} other images in this folder are drawn "
            f"({sorted(others)[0]}, say), got other names: write into another folder"
        )
    return others


def expect_own(legend: Path, text: str, folder: Path) -> None:
    """A legend that lies where no list of stems does is somebody's own."""
    if legend.is_file() and not list_of(folder).is_file() and legend.read_text(encoding="utf-8") != text:
        raise ValueError(f"expected a folder to write {legend.name} into, got one with another file of that name: "
                         f"{legend}. Write into another folder")  # fmt: skip


def map_of(folder: Path, stem: str) -> Path:
    return folder / "SegmentationClass" / f"{stem}.png"


def list_of(folder: Path) -> Path:
    return folder / "ImageSets" / "Segmentation" / "default.txt"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
