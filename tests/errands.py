"""Work for `sourceprint.workers`, in a module that a worker imports at once."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import threading
import time
from typing import cast

import numpy as np

from fingerprint.errors import DecodeError, IndexDamagedError, ParameterError

__all__ = ["add_to_ten", "ill_fated", "taking"]


def add_to_ten(n: int) -> int:
    """Return n + 10, but end the process without a word for 3: work for `sourceprint.workers`."""
    if n == 3:
        _refuse_here(f"n={n}")
        os._exit(1)
    return n + 10


def ill_fated(fate: str) -> str:
    """Return the word, or meet the fate that it names: an error, a signal, an exit; work for `sourceprint.workers`."""
    if fate in _ERRORS:
        raise _ERRORS[fate]
    if fate in ("SIGSEGV", "SIGKILL"):
        _refuse_here(fate)
        os.kill(os.getpid(), signal.Signals[fate])
    if fate == "exit":
        raise SystemExit(7)
    if fate == "deep":
        return ill_fated(fate)
    if fate == "odd":
        return cast(str, lambda: None)  # cannot be sent to another process
    return fate


def taking(what: str) -> str:
    """Return the word; take all the memory, all the time or the terminal first, if it asks for that."""
    _refuse_here(what)
    if what == "memory":
        return str(len(b"x" * (1 << 42)))
    if what == "much memory":
        return str(np.ones(400 << 17).nbytes)  # 400 MB
    if what == "time":
        while True:
            time.sleep(0.1)
    if what == "some time":
        time.sleep(0.2)
    if what == "terminal":
        os.write(2, b"Note: Illegal Audio-MPEG-Header\n")
    return what


def _refuse_here(what: str) -> None:
    """Fail the test rather than end the process of all tests, in which work is done where it cannot be forked."""
    assert multiprocessing.parent_process() is not None, f"{what}: is for a worker; threads: {threading.enumerate()}"


_ERRORS = {
    "ValueError": ValueError("cannot convert\x1b[31m s64"),
    "MemoryError": MemoryError(),
    "ParameterError": ParameterError("n=0: must be at least 1"),
    "DecodeError": DecodeError("a.wav: is no audio"),
    "damaged index": IndexDamagedError("index: is damaged"),
    "full disk": OSError(errno.ENOSPC, "No space left on device"),
    "Ctrl-C": KeyboardInterrupt(),
}
