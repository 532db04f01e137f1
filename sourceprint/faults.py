"""Contain the failure of one file: a sentence for the user, and an id of the error's kind and place.

Any exception in the work on one file costs that file and no other, be it an error of ours or an unexpected one. Errors
that would hit the next file too end the run: an index that is damaged, a full disk, an output that cannot be written,
Ctrl-C (`ends_run`). The traceback goes to the log of the run, and to the logger `sourceprint` at level DEBUG, which the
command prints where SOURCEPRINT_DEBUG is set.

The id is the same for the same kind of error at the same place, for any file: eight digits of a digest of the
error's type and the innermost function of ours. A process that dies leaves where it was (`fault_of_death`), as far as
`faulthandler` could still write it.
"""

import hashlib
import logging
import re
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from fingerprint.disk import is_full
from fingerprint.errors import AudioError, CatalogueError, EvidenceError, OutputError, SourceprintError, printable
from sourceprint.file_limits import MEMORY, TIME, most_memory_mb

__all__ = ["Fault", "contained", "ends_run", "fault_of", "fault_of_death", "fault_of_time", "log_fault"]

Result = TypeVar("Result")

_LOG = logging.getLogger("sourceprint")
_LOG.addHandler(logging.NullHandler())  # or Python prints records that nobody asked for

_MACHINERY = frozenset({__name__, "sourceprint.processes", "sourceprint.workers"})
_OURS = ("fingerprint", "index", "sourceprint", "benchmarks")
_ROOT = Path(__file__).parents[1]
_ID_DIGITS = 8
_MOST_MESSAGE = 120
_FRAME = re.compile(r'File "(?P<file>.*)", line (?P<line>\d+) in (?P<function>.*)')


@dataclass(frozen=True, slots=True)
class Fault:
    """Why one file could not be worked on.

    Attributes
    ----------
    reason : str
        For the user, fit for a message; names the id where there is one.
    id : str
        Eight hexadecimal digits; "" where the kind of error is a known one.
    traceback : str
        Lines for the developer; "" where nothing is known.
    """

    reason: str
    id: str = ""
    traceback: str = ""

    def __str__(self) -> str:
        return self.reason


def ends_run(error: BaseException) -> bool:
    """Return whether an error would hit the next file too: the index, the disk, the output, or an interruption."""
    if isinstance(error, KeyboardInterrupt | GeneratorExit | CatalogueError | EvidenceError | OutputError):
        return True
    return isinstance(error, OSError) and is_full(error)


def contained(call: Callable[[], Result]) -> Result | Fault:
    """Return what a call for one file returns, or the fault that kept it from returning.

    Raises
    ------
    BaseException
        The call's exception, if it ends the run.
    """
    try:
        return call()
    except BaseException as error:
        if ends_run(error):
            raise
        return fault_of(error)


def fault_of(error: BaseException) -> Fault:
    """Return the fault that an error amounts to."""
    lines = "".join(traceback.format_exception(error))
    if isinstance(error, AudioError):
        return Fault(str(error), traceback=lines)
    if isinstance(error, MemoryError):
        remedy = f"give fewer jobs, or cut it in parts; one file may take {most_memory_mb()} MB ({MEMORY})"
        return Fault(f"does not fit into the memory that is left; {remedy}", traceback=lines)
    module, function, line = _place(error.__traceback__)
    number = _id(type(error).__qualname__, module, function)
    if isinstance(error, SourceprintError):
        return Fault(f"{error} (fault {number})", number, lines)
    message = printable(_message(error))
    said = f": {message:.{_MOST_MESSAGE}}" if message else ""
    reason = (
        f"unexpected {type(error).__name__} in {module}, line {line}{said}; report it as fault {number}, and convert "
        "the file to FLAC meanwhile"
    )
    return Fault(reason, number, lines)


def fault_of_death(exit_code: int | None, last_words: str) -> Fault:
    """Return the fault of a file whose process ended under it.

    Parameters
    ----------
    exit_code : int or None
        Of the process; a signal is negative. None if it is not known.
    last_words : str
        Output of `faulthandler`; "" if none.
    """
    how = _how_it_ended(exit_code)
    module, function = "", ""
    for frame in _FRAME.finditer(last_words):
        name = _module_of(frame["file"])
        if name and name not in _MACHINERY:
            module, function = name, frame["function"]
            break
    number = _id(how, module, function)
    at = f" in {module}" if module else ""
    reason = (
        f"ended the process that worked on it, twice ({how}{at}); the file is damaged in a way that no decoder "
        f"expects, or needs more memory than there is; report it as fault {number}"
    )
    return Fault(reason, number, last_words)


def fault_of_time(seconds: float) -> Fault:
    """Return the fault of a file on which the work did not end within so many seconds."""
    return Fault(
        f"took longer than {seconds:.0f} s, which is all that a file of its size may take; it is damaged in a way that "
        f"keeps a decoder busy, or the machine is: play it to find out, or set {TIME} higher"
    )


def log_fault(fault: Fault, what: str) -> None:
    """Hand the traceback of a fault to the logger `sourceprint`."""
    _LOG.debug("%s: %s\n%s", what, fault.reason, fault.traceback)


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - an error's own `__str__` may fail
        return ""


def _place(trace: TracebackType | None) -> tuple[str, str, int]:
    """Return module, function and line of the innermost frame that is ours, else of the innermost one."""
    found = ("an unknown place", "", 0)
    is_ours = False
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "")
        ours = module.partition(".")[0] in _OURS and module not in _MACHINERY
        if ours or not is_ours:
            found, is_ours = (module, trace.tb_frame.f_code.co_name, trace.tb_lineno), ours
        trace = trace.tb_next
    return found


def _module_of(file: str) -> str:
    """Return the name of the module of ours in a file; "" if it is none."""
    path = Path(file)
    parts = path.relative_to(_ROOT).with_suffix("").parts if path.is_relative_to(_ROOT) else ("",)
    return ".".join(parts) if parts[0] in _OURS else ""


def _how_it_ended(exit_code: int | None) -> str:
    if exit_code is None or exit_code >= 0:
        return f"exit code {exit_code}" if exit_code is not None else "how is not known"
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f"signal {-exit_code}"


def _id(*facts: str) -> str:
    return hashlib.sha256("\0".join(facts).encode("utf-8", "surrogatepass")).hexdigest()[:_ID_DIGITS]
