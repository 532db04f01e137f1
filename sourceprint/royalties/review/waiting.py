"""The queue of uses that wait for a person: most attributed seconds first, then by id.

A use waits while it is current and in one of the states `WAITING`. Its first state stands in its document, a later one
in its last change; so the database picks the rows that may wait, and their documents decide. Of each document only the
fields of a list are read, so a queue of 10 000 uses is read whole for every page, and its sums are exact.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, and_, func, or_, select

from fingerprint.errors import ParameterError
from sourceprint.royalties.rights.database import in_chunks
from sourceprint.royalties.rights.schema import party, recording, use, use_event

__all__ = [
    "WAITING",
    "QueueFilter",
    "QueuePage",
    "WaitingUse",
    "find_waiting",
    "licensees_of",
    "names_of",
    "page_of",
    "party_names",
]

WAITING = ("review", "unresolved", "disputed")
"""States in which money is held until a person decides."""


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which uses of the queue are wanted.

    Attributes
    ----------
    state : str
        Of `WAITING`.
    licensee, recording_id : str
        Only of these; "" is any. A use whose recording is open is one of each of its candidates.
    text : str
        Only those with this text in the id, the name of the track, or the title, artists, ISRC or id of a recording;
        case and the hyphens of an ISRC do not count.
    """

    state: str = "review"
    licensee: str = ""
    recording_id: str = ""
    text: str = ""


class WaitingUse(msgspec.Struct, frozen=True):
    """A use in the queue.

    Attributes
    ----------
    id, licensee, track_name, layer, recording_id : str
    candidates, work_ids : tuple of str
        As in `sourceprint.royalties.uses.use`.
    attributed_us : int
    confidence : str
        A number, as it stands in the document.
    reason : str
        Why it waits: the rule of its first state, or the reason of its last change.
    last_change : int
        Number of its last change; 0 without one.
    """

    id: str
    licensee: str
    track_name: str
    layer: str
    recording_id: str
    candidates: tuple[str, ...]
    work_ids: tuple[str, ...]
    attributed_us: int
    confidence: str
    reason: str
    last_change: int

    @property
    def place(self) -> tuple[int, str]:
        """The place in the queue: uses sort by it."""
        return -self.attributed_us, self.id

    @property
    def recordings(self) -> tuple[str, ...]:
        """The recording, or all that it may be of."""
        return (self.recording_id,) if self.recording_id else self.candidates

    @property
    def is_open(self) -> bool:
        """Whether it is open whom it would pay."""
        return not self.recording_id and (self.layer == "recording" or not self.work_ids)


@dataclass(frozen=True, slots=True)
class QueuePage:
    """A page of the queue.

    Attributes
    ----------
    items : sequence of WaitingUse
    first : int
        Place of the first item, from 1.
    next : str
        The use after which the next page begins; "" on the last.
    """

    items: Sequence[WaitingUse]
    first: int
    next: str


class _Track(msgspec.Struct):
    name: str


class _Document(msgspec.Struct):
    state: str
    state_rule: str
    licensee: str
    layer: str
    track: _Track
    recording_id: str
    attributed_us: int
    confidence: str
    work_ids: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()


_DECODER = msgspec.json.Decoder(_Document)


def find_waiting(connection: Connection, wanted: QueueFilter) -> list[WaitingUse]:
    """Return the uses that wait, in the order of the queue.

    Raises
    ------
    ParameterError
        If nothing waits in such a state.
    """
    if wanted.state not in WAITING:
        raise ParameterError(f"state {wanted.state!r:.40}: nothing waits in it; choose from {', '.join(WAITING)}")
    last = select(use_event.c.use_id, func.max(use_event.c.id).label("number")).group_by(use_event.c.use_id).subquery()
    # Quotes inside texts of JSON are escaped, so this text is the field, in a use or in none of its texts.
    stated = use.c.document.contains(f'"state":{json.dumps(wanted.state)}')
    query = (
        select(use.c.id, use.c.document, last.c.number, use_event.c.reason, use_event.c.document.label("named"))
        .outerjoin(last, last.c.use_id == use.c.id)
        .outerjoin(use_event, use_event.c.id == last.c.number)
        .where(use.c.superseded_by.is_(None))
        .where(or_(use_event.c.state == wanted.state, and_(last.c.number.is_(None), stated)))
    )
    if wanted.licensee:
        query = query.where(use.c.licensee == wanted.licensee)
    found = []
    for use_id, document, number, why, named in connection.execute(query):
        read = _DECODER.decode(named or document)
        if number is None and read.state != wanted.state:
            continue
        found.append(_waiting(use_id, read, read.state_rule if number is None else why, number or 0))
    if wanted.recording_id:
        found = [one for one in found if wanted.recording_id in one.recordings]
    if wanted.text.strip():
        found = _with_text(connection, found, wanted.text.strip().casefold())
    return sorted(found, key=lambda one: (-one.attributed_us, one.id))


def page_of(found: Sequence[WaitingUse], *, after: str = "", size: int = 50) -> QueuePage:
    """Return a page of a queue.

    Parameters
    ----------
    after : str
        The `next` of the page before: a place, which holds though its use was decided meanwhile; "" is the first page.

    Raises
    ------
    ParameterError
        If `after` is no place.
    """
    start = 0
    if after:
        seconds, _, use_id = after.partition("-")
        if not seconds.isascii() or not seconds.isdigit() or len(seconds) > 18 or not use_id:
            raise ParameterError(f"after {after!r:.60}: is no place of the queue; begin at its first page")
        place = (-int(seconds), use_id)
        start = next((at for at, one in enumerate(found) if one.place > place), len(found))
    items = found[start : start + size]
    more = len(found) > start + size
    return QueuePage(items, start + 1, f"{items[-1].attributed_us}-{items[-1].id}" if more else "")


def licensees_of(connection: Connection) -> dict[str, str]:
    """Return the names of the licensees with current uses, by id."""
    found = connection.scalars(select(use.c.licensee).where(use.c.superseded_by.is_(None)).distinct())
    ids = sorted(found)
    return dict.fromkeys(ids, "") | party_names(connection, ids)


def names_of(connection: Connection, recording_ids: Iterable[str]) -> dict[str, tuple[str, str, str]]:
    """Return title, artists and ISRC of recordings on file, by id."""
    columns = (recording.c.id, recording.c.title, recording.c.artists, recording.c.isrc)
    found: dict[str, tuple[str, str, str]] = {}
    for chunk in in_chunks(sorted(set(recording_ids))):
        query = select(*columns).where(recording.c.until.is_(None), recording.c.id.in_(chunk))
        found |= {row.id: (row.title, row.artists.replace("|", ", "), row.isrc) for row in connection.execute(query)}
    return found


def party_names(connection: Connection, party_ids: Iterable[str]) -> dict[str, str]:
    """Return the names of parties on file, by id."""
    found: dict[str, str] = {}
    for chunk in in_chunks(sorted(set(party_ids))):
        query = select(party.c.id, party.c.name).where(party.c.until.is_(None), party.c.id.in_(chunk))
        found |= {row.id: row.name for row in connection.execute(query)}
    return found


def _waiting(use_id: str, read: _Document, reason: str, number: int) -> WaitingUse:
    return WaitingUse(
        id=use_id,
        licensee=read.licensee,
        track_name=read.track.name,
        layer=read.layer,
        recording_id=read.recording_id,
        candidates=read.candidates,
        work_ids=read.work_ids,
        attributed_us=read.attributed_us,
        confidence=read.confidence,
        reason=reason,
        last_change=number,
    )


def _with_text(connection: Connection, found: Iterable[WaitingUse], text: str) -> list[WaitingUse]:
    listed = list(found)
    named = names_of(connection, {one for each in listed for one in each.recordings})
    plain = text.replace("-", "")

    def is_named(recording_id: str) -> bool:
        title, artists, isrc = named.get(recording_id, ("", "", ""))
        return any(text in one.casefold() for one in (recording_id, title, artists)) or (
            bool(plain) and plain in isrc.replace("-", "").casefold()
        )

    fits = {one: is_named(one) for each in listed for one in each.recordings}
    return [
        one
        for one in listed
        if text in one.id.casefold() or text in one.track_name.casefold() or any(fits[r] for r in one.recordings)
    ]
