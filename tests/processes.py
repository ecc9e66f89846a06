"""Processes that begin with the package imported: Python's fork server, in place of a start of Python for each.

The server is a fresh Python, one for each process of pytest, that imports ``PRELOADED`` and does nothing else; what is
started is forked from it. So it has a process id, signals, files and an exit code of its own, and no state of any test.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any

import numpy as np

REPOSITORY = Path(__file__).parents[1]
PRELOADED = ["pytest", "helpers", "runs"]  # and all of the package and its hosts that these import

__all__ = ["REPOSITORY", "PythonProcess", "begin_as_new", "run_python", "run_ranks", "start_server"]


def start_server() -> None:
    """Does nothing where it runs."""
    forkserver.set_forkserver_preload(PRELOADED)
    with changed(PYTHONPATH=os.pathsep.join([str(REPOSITORY / "tests"), str(REPOSITORY), *sys.path])):
        forkserver.ensure_running()


@contextlib.contextmanager
def changed(**variables: str) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def begin_as_new(environment: Mapping[str, str]) -> None:
    """In a process that was forked: what a new one has of its own."""
    os.environ.clear()
    os.environ.update(environment)
    multiprocessing.set_start_method(None, force=True)  # the system's, as in any program
    np.random.seed()


class PythonProcess:
    """A running ``python ARGUMENTS``, in a session of its own; used as ``subprocess.Popen`` is.

    Args:
        arguments: A script or ``-c`` and code, and arguments of its own.
        log: A file to add all that it prints to.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path | str = REPOSITORY,
        env: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        start_server()
        self.files = [log.open("ab+")] if log else [tempfile.TemporaryFile() for _ in range(2)]  # noqa: SIM115
        environment = dict(os.environ if env is None else env)
        begun, begins = os.pipe()
        handles = Handles([self.files[0].fileno(), self.files[-1].fileno(), begins])
        self.process = multiprocessing.get_context("forkserver").Process(
            target=as_python, args=(list(arguments), str(cwd), environment, handles), name="MainProcess"
        )
        self.process.start()
        os.close(begins)
        os.read(begun, 1)  # up to its end, which comes when the session is there: signals may be sent to it from now on
        os.close(begun)
        self.pid: int = self.process.pid

    @property
    def returncode(self) -> int | None:
        return self.process.exitcode

    def poll(self) -> int | None:
        return self.process.exitcode

    def kill(self) -> None:
        self.process.kill()

    def wait(self, timeout: float = 600) -> int:
        self.process.join(timeout)
        if self.process.exitcode is None:
            raise subprocess.TimeoutExpired("python", timeout)
        return self.process.exitcode

    def communicate(self, timeout: float = 600) -> list[str]:
        """Waits for its end; what it printed, and what it printed as errors, or both as one where there is a log."""
        self.wait(timeout)
        for file in self.files:
            file.seek(0)
        return [file.read().decode() for file in self.files]

    def completed(self) -> subprocess.CompletedProcess[str]:
        try:
            said = self.communicate()
        finally:
            self.kill()
        return subprocess.CompletedProcess(["python"], self.returncode, *said)


def run_python(
    *arguments: str | Path, cwd: Path | str = REPOSITORY, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """``subprocess.run([sys.executable, *arguments], capture_output=True, text=True)``."""
    return PythonProcess([*map(str, arguments)], cwd=cwd, env=env).completed()


def run_ranks(*arguments: str | Path, port: int, count: int = 2) -> list[subprocess.CompletedProcess[str]]:
    """``python -m torch.distributed.run --nproc_per_node COUNT ARGUMENTS``, without what watches over them."""
    job = dict(WORLD_SIZE=count, LOCAL_WORLD_SIZE=count, MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    ranks = []
    for rank in range(count):
        given = {name: str(value) for name, value in dict(job, RANK=rank, LOCAL_RANK=rank).items()}
        ranks.append(PythonProcess([*map(str, arguments)], env={**os.environ, **given}))
    return [rank.completed() for rank in ranks]


class Handles(list):
    """Of files that are open in the process that is started, too."""

    def __reduce__(self) -> tuple[Any, ...]:
        return opened, tuple(DupFd(handle) for handle in self)


def opened(*handles: Any) -> Handles:
    return Handles(handle.detach() for handle in handles)


def as_python(arguments: list[str], cwd: str, environment: dict[str, str], handles: Handles) -> None:
    """What ``python ARGUMENTS`` does, in the process that was forked for it."""
    os.setsid()
    *outputs, begins = handles
    os.close(begins)
    for number, (name, handle) in enumerate(zip(("stdout", "stderr"), outputs, strict=True), start=1):
        os.dup2(handle, number)
        os.close(handle)
        own = getattr(sys, name)
        buffering = -1 if name == "stdout" else 1
        stream = os.fdopen(number, "w", buffering, encoding=own.encoding, errors=own.errors, closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    begin_as_new(environment)
    os.chdir(cwd)
    others = [place for place in environment.get("PYTHONPATH", "").split(os.pathsep) if place]
    others += [place for place in sys.path if not Path(place).is_relative_to(REPOSITORY / "tests")]
    script, *given = arguments
    try:
        if script == "-c":
            sys.argv, sys.path[:] = ["-c", *given[1:]], ["", *others]
            exec(compile(given[0], "<string>", "exec"), dict(__name__="__main__"))
        else:
            sys.argv, sys.path[:] = arguments, [str(Path(script).resolve().parent), *others]
            runpy.run_path(script, run_name="__main__")
    except SystemExit:
        raise
    except BaseException:
        sys.excepthook(*sys.exc_info())
        raise SystemExit(1) from None
    finally:
        atexit._run_exitfuncs()
