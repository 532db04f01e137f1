"""Files for people and other programs: where one may be written, and what is said when the system refuses.

`index.storage.durable` writes; its messages are about the index. What is written here (exports, reports of the gate,
cases) is none, so a refusal names the file, why it cannot be written, and what to do.

Which version of the program speaks: it stands in runs, exports, reports and cases.
"""

import importlib.metadata
import os
from contextlib import AbstractContextManager
from pathlib import Path

from fingerprint.disk import refusals
from fingerprint.errors import EvidenceError, printable
from fingerprint.new_files import expect_place, is_device

__all__ = ["expect_free", "program_version", "writing"]


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


def program_version() -> str:
    """Return the version of Sourceprint; "unknown" where it runs from the source without having been installed."""
    try:
        return importlib.metadata.version("sourceprint")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
