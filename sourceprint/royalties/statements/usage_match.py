"""Reported usage matched to the tracks that were scanned: which track each row is about, and by which of its names.

In come the rows as they were reported and the scans of the licensee on file; out come the same rows with the SHA-256 of
the track, found by the first of these that names one:

==========  ============================================================================================================
`digest`    the row has the SHA-256 of the audio file
`id`        the row has the licensee's own id, and a scan result or an earlier usage report gave a track that id
`name`      the row has the path of the file as it was scanned, or the file name alone
`stem`      the same without the suffix of the format, T1.wav and T1.mp3; only if the policy says so, and only one track
            can be meant
==========  ============================================================================================================

A wrong match pays the wrong people. So a name of two tracks is refused, as is a track that goes by two names; a near
name is shown and not taken; and a row about a track that no scan is of stops the statement, unless the policy lists it
as not scanned. Rows without any usage or revenue need no track.
"""

import difflib
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from os.path import splitext
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, select

from fingerprint.errors import ListedError, StatementError, printable
from sourceprint.folders.names import AUDIO_SUFFIXES
from sourceprint.royalties.rights.database import in_chunks
from sourceprint.royalties.rights.schema import scanned_track
from sourceprint.royalties.uses.policy import Policy
from sourceprint.royalties.uses.searches import file_name
from sourceprint.royalties.uses.usage import NOT_SCANNED, Usage, UsageRow
from sourceprint.scans.results import SEARCHED
from sourceprint.text.nearest import is_slip

__all__ = ["UnmatchedTrack", "match_usage", "unmatched_tracks"]

_SHOWN_TRACKS = 20
_SHOWN_NEAR = 3
_NEAR_NAMES = 20_000  # so many names are looked through at most, to show one that is near
_ALIKE = 0.5  # T1 and T9
_DIGEST_DIGITS = 64


class UnmatchedTrack(NamedTuple):
    """A reported track that no scan on file is of so far.

    Attributes
    ----------
    track : str
        Its name or SHA-256 as it was reported, or "id:" and the licensee's id.
    reason : str
        Why it is not matched.
    nearest : tuple of str
        Names of scanned tracks that are near; of the first twenty tracks alone.
    """

    track: str
    reason: str
    nearest: tuple[str, ...]


class _Scanned(NamedTuple):
    sha256: str
    name: str
    track_id: str
    status: str


@dataclass(slots=True)
class _Tracks:
    """The scanned tracks that rows may be about, by each of their names, as far as rows ask for these."""

    asked: Collection[str] = ()
    asked_stems: Collection[str] = ()
    by_digest: dict[str, str] = field(default_factory=dict)
    by_id: dict[str, set[str]] = field(default_factory=dict)
    by_name: dict[str, set[str]] = field(default_factory=dict)
    by_stem: dict[str, set[str]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def add(self, track: _Scanned) -> None:
        whole = unicodedata.normalize("NFC", track.name)
        if track.status not in SEARCHED:
            self.failed |= dict.fromkeys((track.sha256, f"id:{track.track_id}", whole, file_name(whole)), track.status)
            return
        self.by_digest[track.sha256] = track.sha256
        self.names[track.sha256] = track.name
        if track.track_id:
            self.by_id.setdefault(track.track_id, set()).add(track.sha256)
        for name in {whole, file_name(whole)}:
            if name in self.asked:
                self.by_name.setdefault(name, set()).add(track.sha256)
            if self.asked_stems and (stem := _stem(name)) in self.asked_stems:
                self.by_stem.setdefault(stem, set()).add(track.sha256)

    def find(self, row: UsageRow, *, stems: bool) -> tuple[str, str]:
        """Return the SHA-256 of the track of a row, and the kind of match; "" and `NOT_SCANNED` where there is none.

        Raises
        ------
        StatementError
            If its id or name is that of several tracks, or they are those of different ones.
        """
        if row.track in self.by_digest:
            return row.track, "digest"
        of_id = self.by_id.get(row.track_id, set()) if row.track_id else set()
        named = self.by_name.get(row.track, set()) if row.track else set()
        if of_id and named and not of_id & named:
            track_id, name = printable(row.track_id), printable(row.track)
            raise StatementError(
                f"usage of track {name!r:.80}: track_id {track_id!r:.80} is that of {self._shown(of_id)}, another "
                "track than that of this name; correct one of them"
            )
        found, by = (of_id, "id") if of_id else (named, "name")
        if not found and stems and row.track:
            found, by = self.by_stem.get(_stem(row.track), set()), "stem"
        if len(found) > 1:
            raise StatementError(
                f"usage of track {printable(row.key)!r:.80}: two generated tracks have this {by}, "
                f"{' and '.join(sorted(found)[:2])}; name them by their SHA-256"
            )
        return (next(iter(found)), by) if found else ("", NOT_SCANNED)

    def _shown(self, tracks: Iterable[str]) -> str:
        return ", ".join(printable(self.names[sha256]) for sha256 in sorted(tracks)[:_SHOWN_NEAR])


def match_usage(
    connection: Connection, licensee: str, usage: Usage, policy: Policy | None, *, stop: bool = True
) -> Usage:
    """Return usage with its rows about tracks matched to scanned tracks, or marked as not scanned.

    Parameters
    ----------
    connection : Connection
        Inside a transaction of `Database`.
    licensee : str
        Party id of who reports.
    usage : Usage
        Rows that are matched already stay as they are.
    policy : Policy or None
        Says whether usage of tracks that were not scanned stops, and whether names without their suffix count; None is
        exact names, and stops nothing.
    stop : bool
        False lets such usage pass under any policy: for usage that was accepted before.

    Raises
    ------
    ListedError
        If usage of tracks that were not scanned stops; the message names them, and the nearest tracks by name.
    StatementError
        If a name is that of two tracks, or a track goes by two names.
    """
    stems = policy is not None and policy.usage.names == "stem"
    open_rows = [row for row in usage.rows if row.key and not row.sha256]
    if not open_rows:
        return usage
    tracks = _tracks(connection, licensee, open_rows, stems=stems)
    found = {(row.track, row.track_id): tracks.find(row, stems=stems) for row in open_rows}
    keys: dict[str, str] = {}
    for (name, track_id), (sha256, _) in sorted(found.items()):
        key = name or f"id:{track_id}"
        if sha256 and keys.setdefault(sha256, key) != key:
            raise StatementError(
                f"usage of track {printable(key)!r:.80}: is the track that the usage also calls "
                f"{printable(keys[sha256])!r:.80}; give each track one name, best its SHA-256"
            )
    if stop and policy is not None and policy.usage.not_scanned == "stop":
        missing = [row for row in open_rows if not found[row.track, row.track_id][0] and (row.usages or row.revenue)]
        if missing:
            raise ListedError(_missing_text(connection, licensee, missing, tracks))
    rows = [
        row
        if not row.key or row.sha256
        else replace(row, sha256=found[row.track, row.track_id][0], matched_by=found[row.track, row.track_id][1])
        for row in usage.rows
    ]
    return Usage(tuple(rows), usage.sha256)


def unmatched_tracks(connection: Connection, licensee: str, usage: Usage) -> list[UnmatchedTrack]:
    """Return the tracks with usage or revenue that are not matched by their exact names, in order.

    A statement would stop at them, or mark them as not scanned. They may be scanned and attributed until then.
    """
    rows = {row.key: row for row in usage.rows if row.key and not row.sha256 and (row.usages or row.revenue)}
    tracks = _tracks(connection, licensee, rows.values(), stems=False)
    reasons: dict[str, str] = {}
    for key, row in sorted(rows.items()):
        try:
            if not tracks.find(row, stems=False)[0]:
                failed = tracks.failed.get(key)
                reasons[key] = f"could not be searched ({failed})" if failed else "no scan on file is of it"
        except StatementError as error:
            reasons[key] = str(error)
    names = {key: rows[key].track or rows[key].track_id for key in list(reasons)[:_SHOWN_TRACKS]}
    near = _near(connection, licensee, names)
    return [UnmatchedTrack(key, reason, tuple(near.get(key, ()))) for key, reason in reasons.items()]


def _tracks(connection: Connection, licensee: str, rows: Collection[UsageRow], *, stems: bool) -> _Tracks:
    track = scanned_track.c
    asked = {row.track for row in rows} - {""}
    asked_stems = sorted(set(map(_stem, asked))) if stems else []
    tracks = _Tracks(asked, frozenset(asked_stems))
    digests = sorted({row.track for row in rows if len(row.track) == _DIGEST_DIGITS})
    ids = sorted({row.track_id for row in rows} - {""})
    names = sorted(set(map(file_name, asked)))
    for column, values in ((track.track_sha256, digests), (track.track_id, ids), (track.file_name, names)):
        for chunk in in_chunks(values):
            _read(connection, licensee, column.in_(chunk), tracks)
    for stem in asked_stems:
        _read(connection, licensee, track.file_name.startswith(f"{file_name(stem)}.", autoescape=True), tracks)
    return tracks


def _read(connection: Connection, licensee: str, condition: ColumnElement[bool], tracks: _Tracks) -> None:
    track = scanned_track.c
    query = select(track.track_sha256, track.track_name, track.track_id, track.status)
    for row in connection.execute(query.where(track.licensee == licensee, condition).order_by(track.row_id)):
        tracks.add(_Scanned(*row))


def _stem(name: str) -> str:
    """Return a name without the suffix of a format of audio."""
    suffix = splitext(file_name(name))[1]
    return name.removesuffix(suffix) if suffix.lower() in AUDIO_SUFFIXES else name


def _missing_text(connection: Connection, licensee: str, missing: Iterable[UsageRow], tracks: _Tracks) -> str:
    """Return one line per reported track without a scan: its territories, and the nearest names."""
    by_key: dict[str, list[UsageRow]] = {}
    for row in missing:
        by_key.setdefault(row.key, []).append(row)
    shown = dict(sorted(by_key.items())[:_SHOWN_TRACKS])
    near = _near(connection, licensee, {key: rows[0].track or rows[0].track_id for key, rows in shown.items()})
    lines = []
    for key, rows in shown.items():
        where = ", ".join(sorted({row.territory for row in rows}))
        failed = tracks.failed.get(key)
        nearest = ", ".join(printable(name) for name in near[key])
        said = f"could not be searched ({failed})" if failed else f"nearest: {nearest}" if nearest else "nothing near"
        lines.append(f"  {printable(key):.120} in {where:.60}: {said}")
    more = f"\n  and {len(by_key) - len(shown)} more" if len(by_key) > len(shown) else ""
    count = f"{len(by_key)} track{'s' if len(by_key) > 1 else ''}"
    return (
        f"usage of {count} that no scan on file is of; scan them and `sourceprint attribute` the results, once more if "
        "that was done by a version that kept no track without a match; or name them as they were scanned, by SHA-256 "
        "or by track_id; or take a policy whose usage.not_scanned is hold:\n" + "\n".join(lines) + more
    )


def _near(connection: Connection, licensee: str, names: Mapping[str, str]) -> dict[str, list[str]]:
    """Return for each name the nearest file names of tracks on file: those of the same stem, else those most alike."""
    column = scanned_track.c.file_name
    query = select(column).where(scanned_track.c.licensee == licensee, scanned_track.c.status.in_(SEARCHED)).distinct()
    by_stem: dict[str, str] = {}
    for name in sorted(connection.scalars(query.limit(_NEAR_NAMES))):
        by_stem.setdefault(_stem(name), name)
    found: dict[str, list[str]] = {}
    for key, name in names.items():
        stem = _stem(file_name(name))
        same = connection.scalars(query.where(column.startswith(f"{stem}.", autoescape=True)).limit(_SHOWN_NEAR))
        alike = difflib.get_close_matches(stem, by_stem, n=_SHOWN_NEAR, cutoff=_ALIKE)
        found[key] = sorted(same) or [by_stem[one] for one in alike if is_slip(stem, one)]
    return found
