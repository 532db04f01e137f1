"""Searches: the recordings and methods of a track's scan, kept with the track, to tell whether a later one is as full.

A later scan of a track supersedes the uses of an earlier one if it could have found every recording that the earlier
one found in that track. It is compared with every earlier scan in the same index as those uses, by

- the recordings: in the same index (by digest), the words of `--only` and `--exclude`; in another index, whether the
  later scan found the recording itself, named it in `--only id:...`, or has it in an index that is at hand;
- the method: layer, time scales, the limit of false matches, and audio streams that could not be searched.

A track that could not be searched at all supersedes nothing. Of scans on file that are older than this record, only the
index is known: they are taken to have searched all of it.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, insert, select

from fingerprint.digests import canonical_json
from sourceprint.royalties.rights.database import in_chunks
from sourceprint.royalties.rights.schema import scan, scanned_track
from sourceprint.scans.results import SEARCHED, ScanResult

__all__ = ["Holds", "ScanLog", "TrackSearch", "file_name", "search_of"]

Holds = Callable[[str, str], bool]
"""Whether the index of a digest is at hand and holds the recording of an id in it."""

_NAMED = "id:"


class TrackSearch(msgspec.Struct, frozen=True, omit_defaults=True):
    """The search of one track: fields of `index`, `search` and `track` in its scan result.

    A field that the result does not have is empty, 0, or None for `max_false_per_1000h`.
    """

    index_digest: str
    algorithm: str = ""
    params_digest: str = ""
    index_recordings: int = 0
    recordings: int = 0
    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    layer: str = ""
    scales: tuple[float, ...] = ()
    max_false_per_1000h: float | None = None
    settings_digest: str = ""
    unsearched_streams: tuple[int, ...] = ()

    @property
    def filtered(self) -> bool:
        """Whether recordings of the index were left out."""
        return self.recordings < self.index_recordings

    def narrower_than(
        self, earlier: "TrackSearch", found: Iterable[str], mentioned: Iterable[str], holds: Holds
    ) -> str:
        """Return in which respect this search is not as full as an earlier one of the same track; "" where it is.

        Parameters
        ----------
        found : iterable of str
            Ids in the index of the recordings that the earlier one found.
        mentioned : iterable of str
            Ids in the index of all recordings that this one found.
        holds : callable
            As `Holds`.
        """
        if left := set(self.unsearched_streams) - set(earlier.unsearched_streams):
            return f"audio streams {', '.join(map(str, sorted(left)))} could not be searched"
        if earlier.layer and self.layer != earlier.layer:
            return f"layer {self.layer or 'unknown'} was searched, not {earlier.layer}"
        if missing := set(earlier.scales) - set(self.scales):
            return f"time scales {', '.join(f'{scale:g}' for scale in sorted(missing))} were not searched"
        limits = (self.max_false_per_1000h, earlier.max_false_per_1000h)
        if limits[0] is not None and limits[1] is not None and limits[0] < limits[1]:
            return f"the limit was {limits[0]:g} false matches in 1000 h, not {limits[1]:g}"
        if self.index_digest == earlier.index_digest:
            return self._narrower_filter(earlier)
        named = {word.removeprefix(_NAMED) for word in self.only if word.startswith(_NAMED)}
        known = {*mentioned, *(() if self.exclude else named)}
        for recording in sorted(set(found) - known):
            if self.filtered:
                return f"{self._words()} of another index were searched"
            if not holds(self.index_digest, recording):
                return f"another index was searched, and it is not known to hold {recording}"
        return ""

    def _narrower_filter(self, earlier: "TrackSearch") -> str:
        if not self.filtered or (self.settings_digest and self.settings_digest == earlier.settings_digest):
            return ""
        worded = bool(self.only or self.exclude)
        only = not self.only or set(self.only) == set(earlier.only)
        if worded and only and set(self.exclude) <= set(earlier.exclude):
            return ""
        return f"{self._words()} were searched"

    def _words(self) -> str:
        """Return how many recordings a filter left, and the words of the filter."""
        words = [*(f"--only {word}" for word in self.only), *(f"--exclude {word}" for word in self.exclude)]
        by = f" ({' '.join(words)})" if words else ""
        return f"{self.recordings} of {self.index_recordings} recordings{by}"


def search_of(result: ScanResult) -> TrackSearch:
    """Return the search that the scan of a track made."""
    index, search = result.index, result.search
    return TrackSearch(
        index_digest=index.digest,
        algorithm=index.algorithm,
        params_digest=index.params_digest,
        index_recordings=index.recordings,
        recordings=search.recordings,
        only=search.only,
        exclude=search.exclude,
        layer=search.layer or "",
        scales=search.scales,
        max_false_per_1000h=search.max_false_per_1000h,
        settings_digest=search.settings_digest or "",
        unsearched_streams=result.unsearched_streams,
    )


def file_name(name: str) -> str:
    """Return the last part of the name of a track.

    Examples
    --------
    >>> file_name("out/one.wav")
    'one.wav'
    """
    return re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]


class _Entry(NamedTuple):
    """One scanned track as a row has it; `document` is its search as JSON."""

    sha256: str
    name: str
    track_id: str
    status: str
    document: str


@dataclass(slots=True)
class ScanLog:
    """The scans of one licensee: those on file, and those that an attribution adds.

    Attributes
    ----------
    connection : Connection
        Inside a transaction of `Database`.
    licensee : str
        Party id.
    reason : str
        Why the new scans supersede all earlier searches; "" where they need not.
    """

    connection: Connection
    licensee: str
    reason: str = ""
    _scans: dict[str, int] = field(default_factory=dict)  # scans entered, by their document
    _documents: dict[TrackSearch, str] = field(default_factory=dict)

    def earlier(self, tracks: Iterable[str]) -> dict[str, list[TrackSearch]]:
        """Return the searches on file of tracks (by SHA-256), in the order of entry; failed ones are left out."""
        found: dict[str, list[TrackSearch]] = {}
        for chunk in in_chunks(sorted(tracks)):
            for entry in self._entries(scanned_track.c.track_sha256.in_(chunk)):
                if entry.status in SEARCHED:
                    search = msgspec.json.decode(entry.document, type=TrackSearch)
                    found.setdefault(entry.sha256, []).append(search)
        return found

    def enter(self, scanned: Iterable[tuple[ScanResult, str]], number: Callable[[], int]) -> None:
        """Enter scans that are not on file; with a reason, all of them.

        Parameters
        ----------
        scanned : iterable of (ScanResult, str)
            Each with the licensee's own id of the track, or "".
        number : callable
            Returns the number of the attribution; called if there is something to enter.
        """
        entries = [
            _Entry(
                result.sha256,
                result.name,
                track_id,
                result.status,
                self._document(search_of(result)),
            )
            for result, track_id in scanned
        ]
        new = dict.fromkeys(entries)
        for known in [] if self.reason else self._known(entries):
            new.pop(known, None)
        if new:
            self.connection.execute(insert(scanned_track), [self._row(entry, number) for entry in new])

    def _document(self, search: TrackSearch) -> str:
        if search not in self._documents:  # many tracks are searched alike
            self._documents[search] = canonical_json(msgspec.to_builtins(search)).decode()
        return self._documents[search]

    def _known(self, entries: Sequence[_Entry]) -> Iterator[_Entry]:
        """Yield the entries on file of the same tracks; of files that could not be read, of the same name."""
        for chunk in in_chunks(sorted({entry.sha256 for entry in entries} - {""})):
            yield from self._entries(scanned_track.c.track_sha256.in_(chunk))
        for chunk in in_chunks(sorted({file_name(entry.name) for entry in entries if not entry.sha256})):
            yield from self._entries(and_(scanned_track.c.track_sha256 == "", scanned_track.c.file_name.in_(chunk)))

    def _entries(self, condition: ColumnElement[bool]) -> Iterator[_Entry]:
        track = scanned_track.c
        query = (
            select(track.track_sha256, track.track_name, track.track_id, track.status, scan.c.document)
            .join(scan, scan.c.id == track.scan_id)
            .where(track.licensee == self.licensee, condition)
            .order_by(track.row_id)
        )
        return (_Entry(*row) for row in self.connection.execute(query))

    def _row(self, entry: _Entry, number: Callable[[], int]) -> dict[str, object]:
        if entry.document not in self._scans:
            values = {"attribution_id": number(), "document": entry.document, "reason": self.reason}
            made = self.connection.execute(insert(scan).values(values).returning(scan.c.id))
            self._scans[entry.document] = made.scalar_one()
        return {
            "attribution_id": number(),
            "scan_id": self._scans[entry.document],
            "licensee": self.licensee,
            "track_sha256": entry.sha256,
            "track_name": entry.name,
            "file_name": file_name(entry.name),
            "track_id": entry.track_id,
            "status": entry.status,
        }
