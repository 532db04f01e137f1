"""Every error that Sourceprint raises on purpose, in one tree.

Each message names the value, the limit and the remedy; each class carries two facts for the code that reports it:

``status``
    The word that describes one *file* in a result (``decode_error``, ``too_short``, ``not_enough_music``), or ``""``
    where the error is not about one audio file.
``exit_code``
    The exit status of the command when nothing else could be done: 2 usage or configuration, 3 nothing readable,
    4 incomplete, 5 index, rights database or log missing, incompatible or damaged, 6 a proof that does not hold.
    A command that lost some files and went on exits with 4.

The tree::

    SourceprintError
    |-- ParameterError            (also a ValueError)
    |   `-- OutputError
    |-- AudioError
    |   |-- DecodeError
    |   |-- TooShortError
    |   |-- NotEnoughMusicError
    |   `-- FingerprintFileError
    |       `-- DamagedFingerprintError
    |-- RightsError
    |   |-- ListedError
    |   |   `-- AmbiguousSharesError
    |   |-- RightsDatabaseError
    |   |-- UnknownRightsError
    |   `-- StatementError
    |-- EvidenceError
    |-- VerificationError
    |   `-- LogDamagedError
    |-- LogError
    |-- SignInError
    `-- CatalogueError
        |-- IndexMissingError
        |-- IndexFormatError
        |-- IndexDamagedError
        |-- IndexLockedError
        |-- DuplicateRecordingError
        |-- UnknownRecordingError
        |-- GrantError
        `-- StorageFullError
"""

from __future__ import annotations

import os
from typing import ClassVar

__all__ = [
    "AmbiguousSharesError",
    "AudioError",
    "CatalogueError",
    "DamagedFingerprintError",
    "DecodeError",
    "DuplicateRecordingError",
    "EvidenceError",
    "FingerprintFileError",
    "GrantError",
    "IndexDamagedError",
    "IndexFormatError",
    "IndexLockedError",
    "IndexMissingError",
    "ListedError",
    "LogDamagedError",
    "LogError",
    "NotEnoughMusicError",
    "OutputError",
    "ParameterError",
    "RightsDatabaseError",
    "RightsError",
    "SignInError",
    "SourceprintError",
    "StatementError",
    "StorageFullError",
    "TooShortError",
    "UnknownRecordingError",
    "UnknownRightsError",
    "VerificationError",
    "printable",
]


class SourceprintError(Exception):
    """The root: ``except SourceprintError`` catches every expected failure, and no bug.

    Attributes
    ----------
    status : str
        Status word of one file in a result, ``""`` where the error is not about one audio file.
    exit_code : int
        Exit status of the command that could do nothing else.
    is_list : bool
        Whether several things are wrong: the message has a line for each, and every line is printable.
    """

    status: ClassVar[str] = ""
    exit_code: ClassVar[int] = 2
    is_list: bool = False


class ParameterError(SourceprintError, ValueError):
    """An argument or option is outside its limits, independent of the data.

    Examples
    --------
    >>> try:
    ...     raise ParameterError("n_fft=1000: must be a power of two; take 1024")
    ... except ValueError as error:
    ...     print(error)
    n_fft=1000: must be a power of two; take 1024
    """


class OutputError(ParameterError):
    """The place that was given for an output cannot be written to: that concerns every file, not the one in hand."""


class AudioError(SourceprintError):
    """One audio file cannot be used; other files are not concerned."""

    status: ClassVar[str] = "decode_error"
    exit_code: ClassVar[int] = 3


class DecodeError(AudioError):
    """The file cannot be opened or decoded: missing, empty, not audio, damaged from the start, of an absurd format."""

    status: ClassVar[str] = "decode_error"


class TooShortError(AudioError):
    """The file was decoded but lasts less than one descriptor needs."""

    status: ClassVar[str] = "too_short"


class NotEnoughMusicError(AudioError):
    """The file was decoded and is long enough but has too few landmarks: silence, a steady hum, a click."""

    status: ClassVar[str] = "not_enough_music"


class FingerprintFileError(AudioError):
    """A fingerprint file cannot stand for its audio: none at all, of another version, or made for something else."""

    status: ClassVar[str] = "decode_error"


class DamagedFingerprintError(FingerprintFileError):
    """A fingerprint file is cut short, altered, or was made by a faulty program; it can be made again."""


class RightsError(SourceprintError):
    """Rights, licences, policies or reported usage cannot be used as they were given; nothing was changed."""

    exit_code: ClassVar[int] = 2


class ListedError(RightsError):
    """Several things are wrong: the message has a line for each, and in every line text from outside is printable."""

    is_list = True


class AmbiguousSharesError(ListedError):
    """Shares are written as bare numbers, and nobody has said whether they are percentages or fractions of one."""


class RightsDatabaseError(RightsError):
    """The database of rights cannot be reached, is of another version, or is in use by another writer."""

    exit_code: ClassVar[int] = 5


class UnknownRightsError(RightsError):
    """An id is not in the database of rights, uses and statements."""


class StaleDecisionError(RightsError):
    """A use was decided on, or a recording changed, after the state that the person saw; nothing was written."""


class StatementError(RightsError):
    """A statement cannot be made from the data on file."""


class EvidenceError(SourceprintError):
    """A run, a policy of the gate, a key or a case cannot be used as it was given; nothing was changed."""

    exit_code: ClassVar[int] = 2


class VerificationError(SourceprintError):
    """A statement, a signature or a case fails its check: it does not add up, or differs from the original."""

    exit_code: ClassVar[int] = 6


class LogDamagedError(VerificationError):
    """A file of a transparency log is missing, cut short, or does not fit to the others.

    Attributes
    ----------
    name : str
        The file, as a name in the folder of the log.
    fault : str
        The damage, without name and remedy.
    """

    def __init__(self, name: str, fault: str) -> None:
        super().__init__(
            f"{name}: {fault}; the log is cut or altered: put the file back from a backup, and run "
            "`sourceprint log verify` on the folder"
        )
        self.name = name
        self.fault = fault


class LogError(SourceprintError):
    """A transparency log is missing, belongs to another key or origin, is in use by a writer, or cannot be read."""

    exit_code: ClassVar[int] = 5


class SignInError(SourceprintError):
    """A passkey, a one-time link or a session is refused: a person has not shown who they are."""


class CatalogueError(SourceprintError):
    """The index folder, or a request to it, is not in order."""

    exit_code: ClassVar[int] = 5


class IndexMissingError(CatalogueError):
    """There is no index at the place named."""


class IndexFormatError(CatalogueError):
    """The index was written in another format version or with other parameters; the message names both."""


class IndexDamagedError(CatalogueError):
    """A file of the index is missing, cut short, fails its checksum, or has content that no index can have.

    Attributes
    ----------
    path : path-like or None
        The file, where one is to blame.
    fault : str
        The damage, without path and remedy.
    """

    def __init__(self, message: str, *, path: os.PathLike[str] | None = None, fault: str = "") -> None:
        super().__init__(message)
        self.path = path
        self.fault = fault


class IndexLockedError(CatalogueError):
    """Another process is writing to the index."""


class DuplicateRecordingError(CatalogueError):
    """A recording id is in the catalogue already; the caller may want to replace it instead."""

    exit_code: ClassVar[int] = 2


class UnknownRecordingError(CatalogueError):
    """A recording id is not in the catalogue."""

    exit_code: ClassVar[int] = 2


class GrantError(CatalogueError):
    """The index is blind, and the grant that comes with it has expired, was altered, or is for someone else."""


class StorageFullError(CatalogueError):
    """The disk has no room for the new data; the index is as it was before."""

    exit_code: ClassVar[int] = 4


def printable(name: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> str:
    r"""Return a file name, or any text from outside, fit to stand in a message of one line.

    Control characters, line breaks, marks that turn the direction of writing, and bytes that are no UTF-8 are escaped:
    a name must not be able to forge a second message, nor to send commands to a terminal.

    Parameters
    ----------
    name : str or bytes or path-like
        Any name that the file system has, or has not.

    Returns
    -------
    str

    Examples
    --------
    >>> print(printable("Ω/two\nlines\x1b[31m.wav"))
    Ω/two\nlines\x1b[31m.wav
    """
    text = os.fsdecode(name)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
