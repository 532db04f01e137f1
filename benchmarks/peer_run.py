"""Running the programs of others: without a shell, in a folder of their own, for a limited time, with the time taken.

A program that is missing, fails, hangs or prints something unknown raises `PeerError` with the program and the reason;
the comparison reports it by name and goes on with the next.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fingerprint.errors import SourceprintError, printable

__all__ = ["Answer", "PeerError", "Runner", "folder_bytes"]

_LAST_WORDS = 300


class PeerError(SourceprintError):
    """A program that is compared could not do its part."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One recording that a program names for one query.

    Attributes
    ----------
    query, reference : str
        Names of the files, without folder and ending.
    offset_seconds : float
        Where in the reference the query starts, as far as the program says.
    score : float
        The program's own; higher is surer.
    """

    query: str
    reference: str
    offset_seconds: float
    score: float


@dataclass(slots=True)
class Runner:
    """Runs commands in one folder and adds up their time.

    Attributes
    ----------
    folder : Path
        Where they run, and may leave files.
    timeout_seconds : float
        How long one command may take.
    elapsed_seconds, processor_seconds : float
        Sums over all commands so far, of their children too.
    """

    folder: Path
    timeout_seconds: float
    elapsed_seconds: float = 0.0
    processor_seconds: float = 0.0

    def run(
        self, words: Sequence[str], *, environment: Mapping[str, str] | None = None, accepted: Collection[int] = (0,)
    ) -> str:
        """Return the standard output of a command.

        Parameters
        ----------
        words : sequence of str
            Program and arguments; no shell looks at them.
        environment : mapping, optional
            Variables that differ from those of this process.
        accepted : collection of int
            Exit statuses that are no failure.

        Raises
        ------
        PeerError
            If the program cannot be started, exits otherwise, or does not end in time; it is ended then, with all
            processes that it started.
        """
        program = printable(Path(words[0]).name)
        variables = {**os.environ, "LC_ALL": "C.UTF-8", **(environment or {})}
        before, started = _children_seconds(), time.perf_counter()
        try:
            process = subprocess.Popen(
                list(words),
                cwd=self.folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise PeerError(f"{program} cannot be started: {error.strerror}; check its path") from error
        try:
            out, err = process.communicate(timeout=self.timeout_seconds)
        except subprocess.TimeoutExpired as error:
            raise PeerError(
                f"{program} {self._said(words[1:2])} was ended: no end within {self.timeout_seconds:g} s; give a "
                "longer --timeout"
            ) from error
        finally:
            _end_group(process)
            self.elapsed_seconds += time.perf_counter() - started
            self.processor_seconds += _children_seconds() - before
        if process.returncode not in accepted:
            last = self._said([err.decode(errors="replace").strip() or out.decode(errors="replace").strip()])
            raise PeerError(f"{program} ended with status {process.returncode}: {last or 'no message'}")
        return out.decode(errors="replace")

    def _said(self, words: Sequence[str]) -> str:
        """Return the end of a text in one line, without the name of the folder."""
        text = " ".join(" ".join(words).split()).replace(f"{self.folder}{os.sep}", "").replace(str(self.folder), ".")
        return printable(text if len(text) <= _LAST_WORDS else "..." + text[-_LAST_WORDS:])


def folder_bytes(folder: Path) -> int:
    """Return the bytes that files below a folder take on disk; a sparse file counts its allocated blocks.

    A file that is named twice counts once.
    """
    sizes = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            status = path.stat()
            sizes[status.st_dev, status.st_ino] = min(status.st_size, 512 * status.st_blocks)
    return sum(sizes.values())


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started; nothing happens to one that has ended and left none behind."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
