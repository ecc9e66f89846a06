"""Loader workers that outlive the signals which announce a job's end, so that their process can finish its step."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable

__all__ = ["WorkerStart"]

LOOK_SECONDS = 5.0  # as often as torch's workers look for their parent


class WorkerStart:
    """A loader's ``worker_init_fn``: the one given, and then SIGTERM and SIGUSR1 are the parent's affair.

    Schedulers send them to all of a job's processes. The parent notes them and writes a checkpoint; its workers go on.
    They end when the parent ends, or by a SIGTERM of the parent's own: torch and Python send it to workers that are
    stuck when a loader or the program is over.

    Nothing changes where the operating system does not tell whose a signal is (macOS, Windows).

    Args:
        given: What else to call with the worker's number.
    """

    def __init__(self, given: Callable[[int], None] | None) -> None:
        self.given = given

    def __call__(self, worker: int) -> None:
        if hasattr(signal, "sigtimedwait"):
            leave_signals_to_parent()
        if self.given is not None:
            self.given(worker)


def leave_signals_to_parent() -> None:
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    # threads that start later inherit the mask: the signal waits for the one that asks whose it is
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=end_with_parent, args=(parent.pid,), daemon=True).start()


def end_with_parent(parent: int) -> None:
    """Ends this process when its parent has ended or sends SIGTERM, in the middle of anything, as the signal would."""
    while os.getppid() == parent:
        came = signal.sigtimedwait({signal.SIGTERM}, LOOK_SECONDS)
        if came is not None and came.si_pid == parent:
            break
    os._exit(0)
