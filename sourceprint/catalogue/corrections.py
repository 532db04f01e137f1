"""Correct the title, artists, ISRC and id of recordings, without audio and without a new search.

All corrections of one call are one commit, all or nothing. The digest of the index stays as it is, as nothing changes
that is searched, so results that were made before still stand. They keep the words and ids that they were made with; an
id that a recording had before finds it ever after (`index.folder.writer.Writer.rename`), and goes to no other.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fingerprint.errors import ParameterError, UnknownRecordingError, printable
from index.folder.index import Index
from index.storage.recordings import Recording
from sourceprint.catalogue.recording_ids import derived_id
from sourceprint.identifiers.isrc import validate
from sourceprint.sheets.columns import ColumnMap, matched_columns
from sourceprint.sheets.opened import open_sheet

__all__ = ["Correction", "correct", "correction_of", "read_corrections"]

_FIELDS = ("id", "path", "new_id", "title", "artists", "isrc")
_GUARDED = frozenset({"title", "isrc"})


@dataclass(frozen=True, slots=True)
class Correction:
    """New title, artists, ISRC or id of one recording; None leaves a field as it is.

    Attributes
    ----------
    id : str
        Of the recording, now or before.
    new_id, title, isrc : str or None
        "" as title or ISRC removes it.
    artists : tuple of str or None
        In order of billing.
    source : str
        Where it was read, for messages; or "".
    others : tuple of str
        Ids under which the recording may be, if not under `id`, in order of preference.
    """

    id: str
    new_id: str | None = None
    title: str | None = None
    artists: tuple[str, ...] | None = None
    isrc: str | None = None
    source: str = ""
    others: tuple[str, ...] = ()


def correction_of(
    recording_id: str,
    *,
    title: str | None = None,
    artists: Sequence[str] | None = None,
    isrc: str | None = None,
    new_id: str | None = None,
) -> Correction:
    """Return the correction of one recording, its ISRC and its artists checked.

    Raises
    ------
    ParameterError
        If an ISRC is none, or an artist is no text.

    Examples
    --------
    >>> correction_of("A-1", artists=[" Ann ", ""], isrc="qz-aaa-26-00001").isrc
    'QZAAA2600001'
    """
    if artists is not None and not all(isinstance(artist, str) for artist in artists):
        raise ParameterError(f"artists={artists!r:.80}: must be texts, such as ['Ann', 'Ben']")
    names = None if artists is None else tuple(filter(None, map(str.strip, artists)))
    return Correction(recording_id, new_id, title, names, validate(isrc) if isrc else isrc)


def correct(index: Index, corrections: Sequence[Correction]) -> int:
    """Make corrections, all or none; return how many recordings were changed.

    Raises
    ------
    UnknownRecordingError
        If a recording is not in the index.
    ParameterError
        If two corrections are of one recording, or an id or ISRC is none.
    DuplicateRecordingError
        If another recording has a new id, or had it before.
    IndexLockedError, StorageFullError
        As `Index.writer`, `Writer.commit`.
    """
    n_changed = 0
    seen: dict[str, str] = {}
    with index.writer() as writer:
        for correction in corrections:
            where = f"{correction.source}: " if correction.source else ""
            name = next((one for one in (correction.id, *correction.others) if one in writer), correction.id)
            try:
                before = writer.recording(name)
            except UnknownRecordingError as error:
                raise UnknownRecordingError(f"{where}{error}") from error
            if before.id in seen:
                raise ParameterError(
                    f"{where}recording {printable(before.id)!r} is corrected twice{seen[before.id]}; keep one row"
                )
            seen[before.id] = f", in {correction.source} too" if correction.source else ""
            after = _corrected(before, correction)
            writer.amend(after)
            new_id = before.id if correction.new_id is None else unicodedata.normalize("NFC", correction.new_id)
            if new_id != before.id:
                writer.rename(before.id, new_id)
            n_changed += after != before or new_id != before.id
    return n_changed


def read_corrections(path: Path, columns: ColumnMap, *, sheet: str | None = None) -> tuple[list[Correction], list[str]]:
    """Return the corrections that a sheet says, row by row, and notes on how it is read.

    A recording is found by the column `id`, else by its ISRC or the name of its file, as `add` gives ids. An empty cell
    leaves the field as it is.

    Raises
    ------
    ParameterError
        If the sheet cannot be read, says nothing that can be corrected, or a row names no recording or a wrong ISRC.
    """
    name = printable(path)
    with open_sheet(path, ParameterError, known=columns.names(), sheet=sheet) as opened:
        found = matched_columns(opened, _FIELDS, columns, ParameterError, guarded=_GUARDED)
        if not found.positions.keys() & {"id", "path", "isrc"}:
            raise ParameterError(f"{name}: no column identifies the recordings; add a column id with their ids")
        if not found.positions.keys() & {"new_id", "title", "artists", "isrc"}:
            raise ParameterError(f"{name}: no column to correct; add title, artist, isrc or new_id")
        corrections = []
        for line, cells in opened.rows:
            values = {known: cells[at].strip() for known, at in found.positions.items() if at < len(cells)}
            corrections.append(_correction(values, f"{name}, line {line}"))
        return corrections, [f"{name}: {sentence}" for sentence in (*opened.notes, *found.notes)]


def _corrected(before: Recording, correction: Correction) -> Recording:
    return replace(
        before,
        title=before.title if correction.title is None else correction.title,
        artists=before.artists if correction.artists is None else correction.artists,
        isrc=before.isrc if correction.isrc is None else correction.isrc,
    )


def _correction(values: dict[str, str], source: str) -> Correction:
    try:
        isrc = validate(values["isrc"]) if values.get("isrc") else None
    except ParameterError as error:
        raise ParameterError(f"{source}: {error}") from error
    path = values.get("path", "").replace("\\", "/")
    given = unicodedata.normalize("NFC", values.get("id", ""))
    ids = (given,) if given else tuple(filter(None, (isrc or "", derived_id(Path(path)) if path else "")))
    if not ids:
        raise ParameterError(f"{source}: names no recording; write its id, ISRC or file")
    artists = tuple(filter(None, map(str.strip, values.get("artists", "").split("|"))))
    return Correction(
        ids[0], values.get("new_id") or None, values.get("title") or None, artists or None, isrc, source, ids[1:]
    )
