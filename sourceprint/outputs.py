"""Write files for people and other programs, with errors that name the file and the remedy.

`index.storage.durable` writes; its messages are about the index. Exports, reports of the gate and cases are no part of
the index, so a refusal names the file, the reason and the remedy.

Rows that are in a database stay there when the disk is full for its files: `once_kept` adds that to the error.

Which version of the program speaks: it stands in runs, exports, reports and cases.
"""

import importlib.metadata
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from fingerprint.disk import refusals
from fingerprint.errors import EvidenceError, SourceprintError, printable
from fingerprint.new_files import expect_place, is_device

__all__ = ["expect_free", "once_kept", "program_version", "writing"]


def expect_free(path: Path, *, replace: bool) -> None:
    """Make sure that a file may be written at a place.

    Parameters
    ----------
    path : Path
        The file.
    replace : bool
        Whether a file that is there may be replaced.

    Raises
    ------
    EvidenceError
        If there is a folder, or a file that may not be replaced.
    OutputError
        If there is a link or a pipe.
    """
    if is_device(path):
        return
    if path.is_dir():
        raise EvidenceError(f"{printable(path)}: is a folder; name a file")
    if os.path.lexists(path) and not replace:
        raise EvidenceError(f"{printable(path)}: is there already; name another file, or give --force")
    expect_place(path)


def writing(path: Path) -> AbstractContextManager[None]:
    """Refusals while an output is written, as `StorageFullError` or `EvidenceError`."""
    remedy = "see to the folder it is in, and its permissions"
    return refusals(path, EvidenceError, "cannot be written", remedy=remedy)


@contextmanager
def once_kept(told: str) -> Iterator[None]:
    """Add to an error of ours inside the block the work that was done before and holds; the kind of error stays.

    Examples
    --------
    >>> with once_kept("statement S-1: is issued, and kept"):
    ...     raise EvidenceError("no space left")
    Traceback (most recent call last):
    fingerprint.errors.EvidenceError: statement S-1: is issued, and kept. no space left
    """
    try:
        yield
    except SourceprintError as error:
        raise type(error)(f"{told}. {error}") from error


def program_version() -> str:
    """Return the version of Sourceprint; "unknown" where it runs from the source without having been installed."""
    try:
        return importlib.metadata.version("sourceprint")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
