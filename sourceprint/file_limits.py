"""Limits of time and memory for one file, so that a hang or a bomb costs that file alone.

The limits are far beyond the needs of any recording. Both may be set in the environment, in whole numbers:
SOURCEPRINT_FILE_SECONDS, the time for a file besides the allowance for its size, and SOURCEPRINT_FILE_MB, the memory.
How long decoded audio may be for the size of its file is a rule of `fingerprint.audio.stream`.
"""

import os
import resource
import sys
from contextlib import suppress
from pathlib import Path

from fingerprint.errors import ParameterError, printable

__all__ = ["MEMORY", "TIME", "limit_memory", "most_memory_mb", "most_seconds"]

TIME = "SOURCEPRINT_FILE_SECONDS"
MEMORY = "SOURCEPRINT_FILE_MB"

_SECONDS = 1800  # for any file: a slow machine, ten other processes on it, a disk on the network
_BYTES_PER_SECOND = 20_000  # and a second more for so many bytes: an hour of mp3 takes a minute, and is allowed fifty
_LEAST_MEMORY_MB = 4096
_SHARE_OF_MEMORY = 2  # half of the machine's


def most_seconds(path: Path) -> float:
    """Return how many seconds the work on a file may take.

    Raises
    ------
    ParameterError
        If the environment states no number.
    """
    try:
        size = os.stat(path).st_size
    except (OSError, ValueError):  # the work on it will say so
        size = 0
    return _stated(TIME, _SECONDS) + size / _BYTES_PER_SECOND


def most_memory_mb() -> int:
    """Return how much memory the work on a file may take, in MB, beside the memory in use before.

    Raises
    ------
    ParameterError
        If the environment states no number.
    """
    try:
        there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    except (AttributeError, ValueError, OSError):
        there = 0
    return _stated(MEMORY, max(_LEAST_MEMORY_MB, there // _SHARE_OF_MEMORY))


def limit_memory(mb: int) -> None:
    """Let this process take so much more memory than it has, on Linux; a wish for more raises MemoryError.

    Only memory that it writes to counts: an index on the disk is mapped, and does not.
    """
    if sys.platform != "linux":
        return
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/self/status").read_text("ascii", "replace").splitlines()
        held_kb = next(int(line.split()[1]) for line in lines if line.startswith("VmData:"))
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = (held_kb << 10) + (mb << 20)
        resource.setrlimit(resource.RLIMIT_DATA, (wanted if most < 0 else min(wanted, most), most))


def _stated(name: str, usual: int) -> int:
    text = os.environ.get(name, "").strip()
    if not text:
        return usual
    if not text.isascii() or not text.isdigit() or not int(text):
        raise ParameterError(f"{name}={printable(text[:40])}: must be a whole number above 0; {usual} is usual here")
    return int(text)
