"""A folder's images, all decoded once; goes on where it was interrupted; writes lists."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from mmengine.logging import print_log
from tqdm import tqdm

from slotcon_mm.atomic_files import write_atomically
from slotcon_mm.checks import expect_positive
from slotcon_mm.datasets.check.examine import Finding, examine
from slotcon_mm.datasets.check.parallel import map_surviving
from slotcon_mm.datasets.image_lists import find_images, lines_of
from slotcon_mm.datasets.image_samples import too_dark, what_is_odd

__all__ = ["Report", "check_folder"]

JOURNAL, CLEAN = "findings.jsonl", "clean.txt"


class Report(NamedTuple):
    """What was found, and where the lists are.

    Attributes:
        images: Files named like images.
        bad: Names of unreadable ones and why; ``bad.txt``.
        odd: Names of unusual ones and why; they stay in the clean list; ``odd.txt``.
        duplicates: A name and that of the first file of the same content; ``duplicates.txt``.
        too_dark: Why ``bit_depth`` is to be set, if all 16-bit images use fewer bits; else empty.
        clean: The list that ``UnlabeledImageDataset(ann_file=...)`` takes: readable, each content once.
    """

    images: int
    bad: list[tuple[str, str]]
    odd: list[tuple[str, str]]
    duplicates: list[tuple[str, str]]
    too_dark: str
    clean: Path


def check_folder(
    root: str, out_dir: Path, *, folders: Sequence[str] = ("",), workers: int = 2, progress: bool = True
) -> Report:
    """Examines every file named like an image below ``folders`` of ``root`` and writes the lists of a ``Report``.

    Findings are noted as they come; a second call examines only what is new or was changed.

    Raises:
        ValueError: A folder does not exist or holds no image.
    """
    expect_positive(workers=workers)
    names = list_names(root, folders)
    out_dir.mkdir(parents=True, exist_ok=True)
    known = read_journal(out_dir / JOURNAL)
    findings = {name: known[name] for name in names if name in known and is_current(root, known[name])}
    todo = [name for name in names if name not in findings]
    with open(out_dir / JOURNAL, "a", encoding="ascii") as journal, tqdm(
        total=len(names), initial=len(findings), desc="images", disable=not progress
    ) as bar:  # fmt: skip
        for found in map_surviving(
            partial(examine, root), todo, workers=workers, lost=partial(ended_its_process, root)
        ):
            journal.writelines(json.dumps(finding) + "\n" for finding in found)
            journal.flush()
            findings.update((finding.name, finding) for finding in found)
            bar.update(len(found))
    return write_lists([findings[name] for name in names], out_dir)


def list_names(root: str, folders: Sequence[str]) -> list[str]:
    """Relative to ``root``, as ``list_images`` sorts them; what is no file too, to be named as bad."""
    names: list[str] = []
    for folder in sorted(set(folders)):
        top = os.path.join(root, folder) if folder else root
        if not os.path.isdir(top):
            raise ValueError(f"expected a folder of images, got {top}, which does not exist")
        found = find_images(top)
        for note in [*found.left_out(), *what_is_odd(found.images)]:
            print_log(note, "current", level=30)
        names += [os.path.relpath(path, root) for path in sorted([*found.images, *found.strange])]
    if not names:
        raise ValueError(f"expected images below {root}, got none")
    return [*dict.fromkeys(names)]  # folders may lie in one another


def read_journal(path: Path) -> dict[str, Finding]:
    return {finding.name: finding for finding in journal_entries(path)}


def journal_entries(path: Path) -> Iterator[Finding]:
    for line in path.read_text(encoding="ascii").splitlines() if path.is_file() else ():
        try:
            yield Finding(*json.loads(line))
        except (ValueError, TypeError):  # the line at which an earlier call was killed
            continue


def is_current(root: str, finding: Finding) -> bool:
    if finding.problem and not finding.sha256:  # it was not read, for a reason that a file's size and time do not show
        return False
    try:
        status = os.stat(os.path.join(root, finding.name))
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) == (finding.size, finding.changed)


def ended_its_process(root: str, name: str) -> Finding:
    return Finding(name, 0, 0, "reading it ended the process: a crash of the decoder, or out of memory", [], "", 0)


def write_lists(findings: Sequence[Finding], out_dir: Path) -> Report:
    bad = [(found.name, found.problem) for found in findings if found.problem]
    odd = [(found.name, "; ".join(found.oddities)) for found in findings if found.oddities]
    by_content = defaultdict(list)
    for found in findings:
        if not found.problem:
            by_content[found.sha256].append(found.name)
    duplicates = [(other, first) for first, *others in by_content.values() for other in others]
    kept = {first for first, *_ in by_content.values()}
    clean = [found.name for found in findings if found.name in kept and "\n" not in found.name]
    for name, rows in dict(bad=bad, odd=odd, duplicates=duplicates).items():
        write_atomically(out_dir / f"{name}.txt", lines_of(f"{one}\t{other}" for one, other in rows))
    write_atomically(out_dir / CLEAN, lines_of(clean))
    too_dark_ones = too_dark([found.highest for found in findings if found.highest])
    return Report(len(findings), bad, odd, duplicates, too_dark_ones, out_dir / CLEAN)
