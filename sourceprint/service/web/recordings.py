"""Recordings of the caller's organisation: listed and searched, found, changed, removed; every change is in the log."""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from threading import Lock
from typing import Any, Literal, NamedTuple

from pydantic import Field

from fingerprint.errors import UnknownRecordingError
from index.folder.index import Index
from index.storage.recordings import Recording
from index.storage.tags import parse_ranges
from sourceprint.catalogue.annotations import change_exclusions, change_tags, remove_recordings
from sourceprint.catalogue.corrections import Correction, correct
from sourceprint.identifiers import isrc
from sourceprint.service.store.outbox import note_event
from sourceprint.service.web.bodies import Body
from sourceprint.service.web.caller import Caller
from sourceprint.service.web.shapes import ExcludedRange, Isrc, Line, TagText

__all__ = [
    "RecordingChange",
    "RecordingsFound",
    "change_own_recording",
    "find_own_recording",
    "find_own_recordings",
    "remove_own_recording",
]

_MOST_KEPT = 4  # catalogues; the texts of 100 000 recordings take about 40 MB


class RecordingChange(Body):
    """A change of a recording; fields that are not given stay."""

    title: Line | None = Field(None, max_length=1_000)
    artists: list[Line] | None = Field(None, max_length=100)
    isrc: Isrc | Literal[""] | None = None
    add_tags: list[TagText] = Field([], max_length=100)
    remove_tags: list[TagText] = Field([], max_length=100)
    exclude: list[ExcludedRange] | None = Field(
        None, max_length=1_000, description='Ranges that never count, such as "1:00-1:20", in place of those before'
    )


@dataclass(frozen=True, slots=True)
class RecordingsFound:
    """A page of recordings, by id.

    Attributes
    ----------
    items : list of Recording
    next : str or None
        The last id, if there are more.
    """

    items: list[Recording]
    next: str | None


class _Row(NamedTuple):
    """Text of a recording, in which words are looked for."""

    id: str
    ordinal: int
    text: str
    isrc: str
    tags: tuple[str, ...]


_KEPT: OrderedDict[int, tuple[Sequence[Recording], list[_Row]]] = OrderedDict()
_LOCK = Lock()


def _rows_of(table: Sequence[Recording]) -> list[_Row]:
    """Return the rows of a catalogue by id; parsed once for each of its commits, as that takes most of a search."""
    key = id(table)  # which stands for it as long as it is kept
    with _LOCK:
        if key not in _KEPT:
            parsed = enumerate(table)
            rows = [
                _Row(one.id, n, " ".join((one.id, one.title, *one.artists, one.isrc)).casefold(), one.isrc, one.tags)
                for n, one in parsed
            ]
            _KEPT[key] = table, sorted(rows)
        _KEPT.move_to_end(key)
        while len(_KEPT) > _MOST_KEPT:
            _KEPT.popitem(last=False)
        return _KEPT[key][1]


def find_own_recordings(caller: Caller, words: str, *, tag: str, after: str, limit: int) -> RecordingsFound:
    """Return recordings by id: those with some words in id, title, artists or ISRC, and a tag; "" for all."""
    opened, wanted = caller.server.catalogue(caller.organisation), words.casefold()
    if opened is None:
        return RecordingsFound([], None)
    table, code = opened.recordings, isrc.compact(words)  # as people write it, with hyphens
    rows = _rows_of(table)
    found: list[Recording] = []
    for one in rows[bisect_right(rows, after, key=attrgetter("id")) :]:
        if (wanted in one.text or code == one.isrc != "") and (not tag or tag in one.tags):
            found.append(table[one.ordinal])
            if len(found) > limit:
                break
    shown = found[:limit]
    return RecordingsFound(shown, shown[-1].id if len(found) > limit else None)


def find_own_recording(caller: Caller, recording_id: str) -> Recording:
    """Return a recording by its id or one that it had before; UnknownRecordingError if there is none."""
    opened = caller.server.catalogue(caller.organisation)
    if opened is None:
        raise UnknownRecordingError(f"{recording_id[:512]}: is not in the catalogue, which is empty")
    return opened.recording(recording_id)


def change_own_recording(caller: Caller, recording_id: str, change: RecordingChange) -> Recording:
    """Correct words, give or take tags, exclude ranges of one recording; return it as it is then."""
    found, store = find_own_recording(caller, recording_id), _store(caller)
    for text in change.exclude or ():
        parse_ranges(text)
    words = (change.title, change.artists, change.isrc)
    _note(caller, "recording.change begun", found.id)
    if words != (None, None, None):
        artists = None if change.artists is None else tuple(change.artists)
        code = isrc.validate(change.isrc) if change.isrc else change.isrc
        correct(store, [Correction(found.id, title=change.title, artists=artists, isrc=code, source="")])
    if change.add_tags or change.remove_tags:
        change_tags(store, [found.id], added=change.add_tags, removed=change.remove_tags)
    if change.exclude is not None:
        change_exclusions(store, found.id, change.exclude, clear=True)
    _note(caller, "recording.changed", found.id, fields=sorted(change.model_fields_set))
    return find_own_recording(caller, found.id)


def remove_own_recording(caller: Caller, recording_id: str) -> None:
    """Remove a recording: it is found no more; results that name it stay."""
    found = find_own_recording(caller, recording_id)
    _note(caller, "recording.removal begun", found.id)
    remove_recordings(_store(caller), [found.id])
    _note(caller, "recording.removed", found.id)


def _store(caller: Caller) -> Index:
    return Index.open(caller.server.folder.organisation(caller.organisation).index)


def _note(caller: Caller, event: str, recording_id: str, **data: Any) -> None:
    """Enter a change of the index, which is no transaction of the database: when it begins, and when it is done."""
    opened = caller.server.catalogue(caller.organisation)
    facts = {"index": opened.digest} if opened is not None else {}
    with caller.server.database.writing() as connection:
        note_event(
            connection, event, at=caller.server.database.now(), organisation=caller.organisation, actor=caller.actor,
            subject=f"recording:{recording_id}", data=facts | data,
        )  # fmt: skip
