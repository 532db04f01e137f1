"""Inputs of one format, each read in a process that may die of it, and counted by outcome.

A format makes an input of a seed and a number, always the same one, and reads it as the product does. Outcomes:

- accepted, or refused with one of the errors that its reader documents
- a traceback: any other exception; a warning; or one of those errors, raised because the machine noticed what the
  reader should have (memory that ran out, an index outside of its array)
- a signal: the process died
- a hang: more time was taken than one input may take, twice

An input that failed is kept, and can be made again (`replay`). Numba leaves indices unchecked unless NUMBA_BOUNDSCHECK
is set when it is loaded: with `checked`, in the process that reads.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final

from fingerprint.errors import ParameterError, SourceprintError
from index.vectors.exact import use_threads
from sourceprint.processes import WorkerProcess, can_fork

__all__ = ["Failure", "Format", "Fuzzer", "Tally", "replay"]

OUTCOMES: Final = ("accepted", "refused", "traceback", "signal", "hang")
_NOTICED_BY_THE_MACHINE: Final = (MemoryError, SystemError)  # themselves: FFmpeg refuses sizes by an error of its own
_BOUNDS: Final = "index is out of bounds"  # of a kernel that checks
_PATIENCE_SECONDS: Final = 5.0  # with a process that has closed its pipe
_START_SECONDS: Final = 300.0
_MEMORY_DISK: Final = "/dev/shm"


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file, and everything in the product that reads it.

    Attributes
    ----------
    name : str
        In a word or two.
    make : callable
        From a source of chance and an empty folder to the input in it: a file or a folder. Same chance, same bytes.
    read : callable
        Reads the input and uses it as the product does. Its return value is ignored.
    refusals : tuple of type
        Errors with which it may refuse; the narrower, the sharper.
    seconds, memory_bytes : float, int
        Limits for one input: seconds of time, bytes of memory.
    """

    name: str
    make: Callable[[random.Random, Path], Path]
    read: Callable[[Path], object]
    refusals: tuple[type[SourceprintError], ...]
    seconds: float = 60.0
    memory_bytes: int = 3 << 30


@dataclass(frozen=True, slots=True)
class Failure:
    """An input that its reader neither took nor refused, with its outcome and the numbers to make it again."""

    format: str
    seed: int
    number: int
    outcome: str
    text: str

    @property
    def name(self) -> str:
        """The argument of `--replay`: format, seed and number."""
        return f"{self.format}:{self.seed}:{self.number}"


@dataclass(slots=True)
class Tally:
    """Outcomes of the inputs of one format.

    Attributes
    ----------
    format : str
        Its name.
    counts : dict of str to int
        By outcome.
    slowest_seconds : float
        Longest time that one input took.
    failures : list of Failure
        All that were neither accepted nor refused.
    """

    format: str
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    slowest_seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)

    @property
    def inputs(self) -> int:
        """How many there were."""
        return sum(self.counts.values())


class Fuzzer:
    """A process that reads hostile inputs, started again whenever one ends it. A context manager.

    Parameters
    ----------
    keep : Path, optional
        Folder for the inputs that failed.
    checked : bool
        Whether kernels check their indices; compiled code is then kept in `checked_cache`.
    checked_cache : Path, optional
        Needed with `checked`: numba would take code from its cache whether or not it checks bounds.
    """

    def __init__(self, *, keep: Path | None = None, checked: bool = False, checked_cache: Path | None = None) -> None:
        if checked and checked_cache is None:
            raise ParameterError("checked_cache=None: must be a folder where bounds are checked; name one")
        self._keep = keep
        self._environment = {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(checked_cache)} if checked else {}
        self._worker: WorkerProcess | None = None
        memory = _MEMORY_DISK if os.access(_MEMORY_DISK, os.W_OK) else None  # flushing takes most of the time elsewhere
        self._root = Path(tempfile.mkdtemp(prefix="sourceprint-fuzz-", dir=memory))
        self._folder = self._root / "input"
        self._folder.mkdir()

    def __enter__(self) -> Fuzzer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()
        shutil.rmtree(self._root, ignore_errors=True)

    def run(self, format_: Format, *, seed: int, inputs: int | None = None, seconds: float | None = None) -> Tally:
        """Read inputs of a format until there were enough, or the time is up, whichever comes first.

        Raises
        ------
        ParameterError
            If neither is given.
        RuntimeError
            If an input could not be made: that is a fault of the format's `make`.
        """
        if inputs is None and seconds is None:
            raise ParameterError("inputs=None, seconds=None: one of them must be a number, as the limit of the run")
        tally = Tally(format_.name)
        started = time.perf_counter()
        while (inputs is None or tally.inputs < inputs) and (
            seconds is None or time.perf_counter() - started < seconds
        ):
            number = tally.inputs
            began = time.perf_counter()
            outcome, text = self._outcome(format_, seed, number)
            if outcome == "hang":  # kernels may have been compiled meanwhile, or the machine been busy
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder.mkdir()
                outcome, text = self._outcome(format_, seed, number)
            tally.counts[outcome] += 1
            tally.slowest_seconds = max(tally.slowest_seconds, time.perf_counter() - began)
            if outcome not in ("accepted", "refused"):
                tally.failures.append(Failure(format_.name, seed, number, outcome, text))
                self._keep_input(tally.failures[-1])
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir()
        return tally

    def _outcome(self, format_: Format, seed: int, number: int) -> tuple[str, str]:
        worker = self._started()
        try:
            worker.pipe.send((format_, seed, number, self._folder))
            if not worker.pipe.poll(format_.seconds):
                self._end()
                return "hang", f"more than {format_.seconds:g} s"
            _, answer = worker.pipe.recv()
        except (EOFError, OSError):
            fault = worker.end(patience_seconds=_PATIENCE_SECONDS)
            self._worker = None
            return "signal", fault.traceback or fault.reason
        if not isinstance(answer, tuple):
            raise RuntimeError(f"{format_.name}:{seed}:{number}: {answer}")
        outcome, text = answer
        if outcome == "unmade":
            raise RuntimeError(f"{format_.name}:{seed}:{number} cannot be made: {text}")
        return outcome, text

    def _started(self) -> WorkerProcess:
        if self._worker is None:
            forked = can_fork() and not self._environment
            with _environment(self._environment):
                worker = WorkerProcess(_try, forked=forked)
            if not worker.pipe.poll(_START_SECONDS):
                raise RuntimeError(f"no worker started within {_START_SECONDS:g} s: {worker.end().reason}")
            worker.pipe.recv()
            self._worker = worker
        return self._worker

    def _end(self) -> None:
        if self._worker is not None:
            self._worker.end()
            self._worker = None

    def _keep_input(self, failure: Failure) -> None:
        if self._keep is not None:
            place = self._keep / failure.name.replace(":", "-").replace(" ", "_")
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(self._folder, place, symlinks=True)
            (place / "FAILURE.txt").write_text(f"{failure.outcome}\n{failure.text}\n", encoding="utf-8")


def replay(format_: Format, *, seed: int, number: int, folder: Path) -> Path:
    """Make one input again and read it in this process, with no exception caught.

    Returns
    -------
    Path
        The input, if its reader took it.
    """
    path = format_.make(_chance(format_, seed, number), folder)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        format_.read(path)
    return path


def _try(task: tuple[Format, int, int, Path]) -> tuple[str, str]:
    """Make and read one input; returns its outcome and the traceback, if any. Runs in the worker."""
    format_, seed, number, folder = task
    use_threads(1)  # those of FAISS that the parent may have had are not in a fork, which would wait for them
    tempfile.tempdir = str(folder.parent)  # files that a format keeps between inputs are removed with the fuzzer
    try:
        path = format_.make(_chance(format_, seed, number), folder)
    except BaseException:  # noqa: BLE001 - a fault of the fuzzer, raised in its own process
        return "unmade", traceback.format_exc()
    try:
        with _limited(format_.memory_bytes), warnings.catch_warnings():
            warnings.simplefilter("error")
            format_.read(path)
    except BaseException as error:  # noqa: BLE001 - any exception is an outcome
        if isinstance(error, format_.refusals) and not _noticed_by_the_machine(error):
            return "refused", ""
        return "traceback", traceback.format_exc()
    return "accepted", ""


def _chance(format_: Format, seed: int, number: int) -> random.Random:
    return random.Random(f"{format_.name} {seed} {number}")


def _noticed_by_the_machine(error: BaseException | None) -> bool:
    while error is not None:
        if type(error) in _NOTICED_BY_THE_MACHINE or (isinstance(error, IndexError) and _BOUNDS in str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def _limited(memory_bytes: int) -> Iterator[None]:
    """Give the process this much more address space than it has now; where the system counts it."""
    if sys.platform != "linux":
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + memory_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextmanager
def _environment(more: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in more}
    os.environ.update(more)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
