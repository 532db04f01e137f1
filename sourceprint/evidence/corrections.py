"""Titles, artists and ISRCs on pages: those of the scan, or as the index or the user's list has them now.

A result has the titles, artists and ISRCs that the index had when the track was searched. Later corrections are taken
from a given index, else from a list of recordings; pages list the changes, or name the state of the index. The result
itself, and so a signed case, stays as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from index.storage.snapshot import Snapshot
from sourceprint.catalogue.recording_ids import derived_id
from sourceprint.items import Item
from sourceprint.scans.results import ResultMatch, ScanResult
from sourceprint.text.tables import counted

__all__ = ["CurrentWords", "RecordingWords", "words_of"]

_SHOWN_DIGEST: Final = 19  # "sha256:" and twelve digits


@dataclass(frozen=True, slots=True)
class RecordingWords:
    """Current metadata of a recording: `title`, `artists`, `isrc`, "" or () for none, and its `id`."""

    id: str
    title: str
    artists: tuple[str, ...]
    isrc: str


@dataclass(frozen=True, slots=True)
class CurrentWords:
    """Current titles, artists and ISRCs of recordings.

    Attributes
    ----------
    source : str
        A sentence on where that comes from; "" where nothing was named, and the words of the scan hold.
    recordings : mapping of str to RecordingWords
        By the id that results state.
    gone : frozenset of str
        Ids that the index has no more.
    """

    source: str = ""
    recordings: Mapping[str, RecordingWords] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()

    def of(self, result: ScanResult) -> "CurrentWords":
        """Return the part that concerns one result."""
        ids = _ids(result)
        known = {one: self.recordings[one] for one in ids if one in self.recordings}
        return CurrentWords(self.source, known, self.gone & ids)

    def applied(self, result: ScanResult) -> ScanResult:
        """Return a result with the words of now; its `raw` stays that of the scan."""
        if not self.recordings:
            return result
        current = msgspec.structs.replace(result, matches=tuple(map(self._match, result.matches)))
        current.__dict__["raw"] = result.raw
        return current

    def notes(self, results: Sequence[ScanResult], only: str = "") -> list[str]:
        """Return sentences on the words of pages about some results: the corrections and their source.

        Parameters
        ----------
        results : sequence of ScanResult
            As the scan stated them.
        only : str
            Id of the one recording that the page is about; "" for all.
        """
        stated = {
            match.recording_id: match
            for result in results
            for match in result.matches
            if not only or match.recording_id == only
        }
        notes = [
            note
            for recording_id, match in stated.items()
            if recording_id in self.recordings
            and (note := _changed(recording_id, match, self.recordings[recording_id]))
        ]
        notes += [f"{one}: not in the index any more; named as the scan found it" for one in stated if one in self.gone]
        states = sorted({result.index_digest for result in results if result.matches})
        if self.source:
            return [*notes, self.source] if states else notes
        if not states:
            return []
        state = states[0][:_SHOWN_DIGEST] if len(states) == 1 else counted(len(states), "state")
        said = f"in its state {state}" if len(states) == 1 else f"in {state}"
        return [f"Titles, artists and ISRCs are as the index had them when it was searched, {said}"]

    def _match(self, match: ResultMatch) -> ResultMatch:
        now = self.recordings.get(match.recording_id)
        if now is None:
            return match
        return msgspec.structs.replace(match, title=now.title or None, artists=now.artists, isrc=now.isrc or None)


def words_of(results: Sequence[ScanResult], *, index: Path | None, catalogue: Sequence[Item]) -> CurrentWords:
    """Return the current titles, artists and ISRCs of the recordings of some results.

    Parameters
    ----------
    results : sequence of ScanResult
        Of a scan.
    index : Path or None
        Folder of the index that says so.
    catalogue : sequence of Item
        Recordings of lists, which say so where no index is named, as far as they state a title, artists or an ISRC.

    Raises
    ------
    CatalogueError
        If the index cannot be opened.
    """
    ids = frozenset[str]().union(*map(_ids, results))
    if index is not None:
        snapshot = Snapshot.open(index)
        found = {one: snapshot.recordings.find(one) for one in sorted(ids)}
        recordings = {
            one: RecordingWords(now.id, now.title, now.artists, now.isrc)
            for one, ordinal in found.items()
            if ordinal is not None and (now := snapshot.recordings[ordinal])
        }
        state = snapshot.digest[:_SHOWN_DIGEST]
        source = f"Titles, artists and ISRCs are as the index has them now, in its state {state}"
        return CurrentWords(source, recordings, ids - recordings.keys())
    told = [item for item in catalogue if item.title or item.artists or item.isrc]
    listed = {item.id or derived_id(item.path): item for item in told} | {item.isrc: item for item in told if item.isrc}
    if not ids & listed.keys():
        return CurrentWords()
    before = {match.recording_id: match for result in results for match in result.matches}
    recordings = {
        one: RecordingWords(
            one,
            listed[one].title or before[one].title or "",
            listed[one].artists or before[one].artists,
            listed[one].isrc or before[one].isrc or "",
        )
        for one in sorted(ids & listed.keys())
    }
    return CurrentWords("Titles, artists and ISRCs are as the list of --catalogue has them, where it does", recordings)


def _ids(result: ScanResult) -> frozenset[str]:
    return frozenset(match.recording_id for match in result.matches)


def _changed(recording_id: str, match: ResultMatch, now: RecordingWords) -> str:
    """Return a sentence on the corrections since the scan; "" if there are none."""
    pairs = (
        ("title", match.title or "", now.title),
        ("artists", ", ".join(match.artists), ", ".join(now.artists)),
        ("ISRC", match.isrc or "", now.isrc),
    )
    said = [f"{what} corrected since this scan, which said {old or 'none'}" for what, old, new in pairs if old != new]
    if now.id != recording_id:
        said.append(f"its id is {now.id} now")
    return f"{recording_id}: {'; '.join(said)}" if said else ""
