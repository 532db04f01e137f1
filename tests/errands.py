"""Work for `sourceprint.workers`, in a module that a worker imports at once."""

from __future__ import annotations

import errno
import os
import signal
from typing import cast

from fingerprint.errors import DecodeError, IndexDamagedError, ParameterError

__all__ = ["add_to_ten", "ill_fated"]


def add_to_ten(n: int) -> int:
    """Return n + 10, but end the process without a word for 3: work for `sourceprint.workers`."""
    if n == 3:
        os._exit(1)
    return n + 10


def ill_fated(fate: str) -> str:
    """Return the word, or meet with what it names: an error, a signal, an exit; work for `sourceprint.workers`."""
    if fate in _ERRORS:
        raise _ERRORS[fate]
    if fate in ("SIGSEGV", "SIGKILL"):
        os.kill(os.getpid(), signal.Signals[fate])
    if fate == "exit":
        raise SystemExit(7)
    if fate == "deep":
        return ill_fated(fate)
    if fate == "odd":
        return cast(str, lambda: None)  # cannot be sent to another process
    return fate


_ERRORS = {
    "ValueError": ValueError("cannot convert\x1b[31m s64"),
    "MemoryError": MemoryError(),
    "ParameterError": ParameterError("n=0: must be at least 1"),
    "DecodeError": DecodeError("a.wav: is no audio"),
    "damaged index": IndexDamagedError("index: is damaged"),
    "full disk": OSError(errno.ENOSPC, "No space left on device"),
    "Ctrl-C": KeyboardInterrupt(),
}
