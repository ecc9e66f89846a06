"""A function over many files in several processes, one of which a file may kill."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import TypeVar

__all__ = ["map_surviving"]

CHUNK = 32
Result = TypeVar("Result")


def map_surviving(
    function: Callable[[str], Result], names: Sequence[str], *, workers: int, lost: Callable[[str], Result]
) -> Iterator[list[Result]]:
    """``function`` of every name, in no order, a chunk at a time; ``lost`` of a name whose process died.

    When a process dies, the names that were in work are done again, each in a process of its own: so one file that
    crashes the decoder or eats the memory costs itself alone.
    """
    chunks = [names[start : start + CHUNK] for start in range(0, len(names), CHUNK)][::-1]
    while chunks:
        in_work: dict[Future, Sequence[str]] = {}
        try:
            with ProcessPoolExecutor(workers) as pool:
                while chunks or in_work:
                    while chunks and len(in_work) < 2 * workers:
                        chunk = chunks.pop()
                        in_work[pool.submit(each, function, chunk)] = chunk
                    done, _ = wait(in_work, return_when=FIRST_COMPLETED)
                    for future in done:
                        results = future.result()
                        del in_work[future]
                        yield results
        except BrokenProcessPool:
            for name in (name for chunk in in_work.values() for name in chunk):
                yield [alone(partial(function, name), partial(lost, name))]


def each(function: Callable[[str], Result], names: Sequence[str]) -> list[Result]:
    return [function(name) for name in names]


def alone(call: Callable[[], Result], lost: Callable[[], Result]) -> Result:
    with ProcessPoolExecutor(1) as pool:
        try:
            return pool.submit(call).result()
        except BrokenProcessPool:
            return lost()
