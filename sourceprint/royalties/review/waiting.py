"""The queue of uses that wait for a person, most money first: uses by what they would move, as estimated.

A use waits while it is current and in one of the states `WAITING`. Its first state stands in its document, a later one
in its last change; so the database picks the rows that may wait, and their documents decide.

Money of several currencies has no order: uses sort by currency, then by amount, then by attributed seconds, then by id.
Uses without an estimate come last. A use with amounts in several currencies has its place by the first of them.

A queue that was read is kept with the head of the chain, and holds as long as that is the head: every change of uses,
rights, licences and usage is an entry of it. After decisions and attributions alone, only the uses that these are on
are read again. So a page of a queue of 10 000 uses costs one query, and its sums are exact.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from fingerprint.errors import ParameterError
from sourceprint.royalties.garbage import rare_collections
from sourceprint.royalties.review.estimates import Estimate, Estimator, policies_of
from sourceprint.royalties.rights.chain.entries import Head, chain_head
from sourceprint.royalties.rights.database import in_chunks
from sourceprint.royalties.rights.schema import chain_entry, party, recording, use, use_event
from sourceprint.royalties.uses.use import Use, use_from_json

__all__ = [
    "WAITING",
    "Place",
    "QueueFilter",
    "QueuePage",
    "WaitingQueue",
    "WaitingUse",
    "page_of",
    "party_names",
    "place_of",
    "read_queue",
]

WAITING = ("review", "unresolved", "disputed")
"""States in which money is held until a person decides."""

_MOST_READ_AGAIN = 2_000  # so many changed uses are looked up one by one; else the queue is read anew
_NO_CURRENCY = "~"  # sorts after every code
_PLACE_PARTS = 4
_MOST_DIGITS = 80


Place = tuple[str, int, int, str]
"""Currency, amount and time, both negative so that most comes first, and id."""


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which uses of the queue are wanted.

    Attributes
    ----------
    state : str
        Of `WAITING`.
    licensee, recording_id : str
        Only of these; "" is any. A use whose recording is open is one of each of its candidates.
    currency : str
        Only uses with an estimate in it, which has their order then; "" is any.
    ids : frozenset of str or None
        Only these uses; None is any.
    text : str
        Only those with this text in the id, the name of the track, or the title, artists, ISRC or id of a recording;
        case and the hyphens of an ISRC do not count.
    """

    state: str = "review"
    licensee: str = ""
    recording_id: str = ""
    currency: str = ""
    ids: frozenset[str] | None = None
    text: str = ""


class WaitingUse(msgspec.Struct, frozen=True):
    """A use in the queue.

    Attributes
    ----------
    id, state, licensee, track_name, layer, recording_id : str
    candidates, work_ids : tuple of str
        As in `sourceprint.royalties.uses.use`.
    attributed_us : int
    confidence : str
        A number, as it stands in the document.
    estimate : Estimate
        The money that it would move.
    reason : str
        Why it waits: the rule of its first state, or the reason of its last change.
    since : str
        When it was given its state, in UTC; "" by its attribution.
    last_change : int
        Number of its last change; 0 without one.
    """

    id: str
    state: str
    licensee: str
    track_name: str
    layer: str
    recording_id: str
    candidates: tuple[str, ...]
    work_ids: tuple[str, ...]
    attributed_us: int
    confidence: str
    estimate: Estimate
    reason: str
    since: str
    last_change: int

    def place(self, currency: str = "") -> Place:
        """Return the place in the queue, or in that of one currency: uses sort by it."""
        return place_of(self.id, self.estimate, self.attributed_us, currency)

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


class WaitingQueue:
    """All that waits, as it was at one head of the chain.

    Parameters
    ----------
    head : Head
    uses : mapping of str to sequence of WaitingUse
        By state, in order.
    recordings : mapping of str to (str, str, str)
        Title, artists and ISRC of the recordings on file, by id.
    licensees : mapping of str to str
        Names of the licensees, by id; "" where not on file.
    """

    def __init__(
        self,
        head: Head,
        uses: Mapping[str, Sequence[WaitingUse]],
        recordings: Mapping[str, tuple[str, str, str]],
        licensees: Mapping[str, str],
    ) -> None:
        self.head = head
        self.uses = uses
        self.recordings = recordings
        self.licensees = licensees

    def find(self, wanted: QueueFilter) -> list[WaitingUse]:
        """Return the uses that a filter leaves, in order.

        Raises
        ------
        ParameterError
            If nothing waits in such a state.
        """
        if wanted.state not in WAITING:
            raise ParameterError(f"state {wanted.state!r:.40}: nothing waits in it; choose from {', '.join(WAITING)}")
        found = list(self.uses[wanted.state])
        if wanted.ids is not None:
            found = [one for one in found if one.id in wanted.ids]
        if wanted.licensee:
            found = [one for one in found if one.licensee == wanted.licensee]
        if wanted.recording_id:
            found = [one for one in found if wanted.recording_id in one.recordings]
        if wanted.currency:
            found = [one for one in found if any(code == wanted.currency for code, _ in one.estimate.amounts)]
            found.sort(key=lambda one: one.place(wanted.currency))
        if text := wanted.text.strip().casefold():
            found = self._with_text(found, text)
        return found

    def currencies(self, state: str) -> list[str]:
        """Return the currencies of the estimates in a state, sorted."""
        return sorted({code for one in self.uses[state] for code, _ in one.estimate.amounts})

    def _with_text(self, found: Iterable[WaitingUse], text: str) -> list[WaitingUse]:
        plain = text.replace("-", "")
        known: dict[str, bool] = {}

        def is_named(recording_id: str) -> bool:
            if recording_id not in known:
                title, artists, isrc = self.recordings.get(recording_id, ("", "", ""))
                known[recording_id] = any(text in one.casefold() for one in (recording_id, title, artists)) or (
                    bool(plain) and plain in isrc.replace("-", "").casefold()
                )
            return known[recording_id]

        return [
            one
            for one in found
            if text in one.id.casefold() or text in one.track_name.casefold() or any(map(is_named, one.recordings))
        ]


@rare_collections()
def read_queue(connection: Connection, known: WaitingQueue | None = None) -> WaitingQueue:
    """Return all that waits.

    Parameters
    ----------
    connection : Connection
        Inside a transaction of `Database`.
    known : WaitingQueue or None
        As it was read before: returned if it holds; after decisions and attributions alone, only their uses are read
        again.
    """
    head = chain_head(connection)
    if known is not None and known.head == head:
        return known
    again = None if known is None else _changed_since(connection, known.head, head)
    if known is None or again is None:
        return _with_names(connection, head, _by_state(_read(connection)), {}, {})
    read = {one.id: one for chunk in in_chunks(again) for one in _read(connection, use.c.id.in_(chunk))}
    kept = [one for listed in known.uses.values() for one in listed if one.id not in again]
    return _with_names(connection, head, _by_state([*kept, *read.values()]), known.recordings, known.licensees)


def place_of(use_id: str, estimate: Estimate, attributed_us: int, currency: str = "") -> Place:
    """Return the place of a use in the queue, or in that of one currency."""
    for code, amount in estimate.amounts:
        if not currency or code == currency:
            return code, -amount.grains, -attributed_us, use_id
    return _NO_CURRENCY, 0, -attributed_us, use_id


def page_of(found: Sequence[WaitingUse], *, after: str = "", size: int = 50, currency: str = "") -> QueuePage:
    """Return a page of a queue.

    Parameters
    ----------
    after : str
        The `next` of the page before: a place, which holds though its use was decided meanwhile; "" is the first page.
    currency : str
        That of the filter.

    Raises
    ------
    ParameterError
        If `after` is no place.
    """
    start = 0
    if after:
        place = _place(after)
        start = next((at for at, one in enumerate(found) if one.place(currency) > place), len(found))
    items = found[start : start + size]
    if len(found) <= start + size:
        return QueuePage(items, start + 1, "")
    code, grains, attributed_us, use_id = items[-1].place(currency)
    return QueuePage(items, start + 1, f"{code}_{-grains}_{-attributed_us}_{use_id}")


def _place(after: str) -> Place:
    parts = after.split("_", _PLACE_PARTS - 1)
    numbers = parts[1:3]
    if len(parts) != _PLACE_PARTS or not all(
        one.isascii() and one.isdigit() and len(one) <= _MOST_DIGITS for one in numbers
    ):
        raise ParameterError(f"after {after!r:.60}: is no place of the queue; begin at its first page")
    return parts[0], -int(numbers[0]), -int(numbers[1]), parts[3]


def _changed_since(connection: Connection, known: Head, head: Head) -> set[str] | None:
    """Return the uses that were decided, made or superseded between two heads; None if more was changed, or too much.

    An attribution changes no use that stays: rights, licences and usage, which estimates rest on, have entries of their
    own.
    """
    entry = chain_entry.c
    if known.sequence and connection.scalar(select(entry.hash).where(entry.sequence == known.sequence)) != known.hash:
        return None  # another database
    since = select(entry.kind, entry.first_id, entry.last_id).where(entry.sequence > known.sequence)
    rows = connection.execute(since.where(entry.sequence <= head.sequence)).all()
    if any(row.kind not in ("decision", "attribution", "statement", "person") for row in rows):
        return None
    columns: dict[str, Sequence[tuple[ColumnElement[str], ColumnElement[int]]]] = {
        "decision": [(use_event.c.use_id, use_event.c.id)],
        "attribution": [(use.c.id, use.c.attribution_id), (use.c.id, use.c.superseded_by)],
    }
    found: set[str] = set()
    for kind, pairs in columns.items():
        ranges = [(row.first_id, row.last_id) for row in rows if row.kind == kind]
        for (use_id, number), chunk in product(pairs, list(in_chunks(ranges, 200))):
            within = or_(*(number.between(*one) for one in chunk))
            found.update(connection.scalars(select(use_id).where(within).limit(_MOST_READ_AGAIN + 1)))
    return found if len(found) <= _MOST_READ_AGAIN else None


def _read(connection: Connection, *where: ColumnElement[bool]) -> list[WaitingUse]:
    """Return the uses that wait, in any order, with their estimates."""
    last = select(use_event.c.use_id, func.max(use_event.c.id).label("number")).group_by(use_event.c.use_id)
    if where:
        last = last.where(use_event.c.use_id.in_(select(use.c.id).where(*where)))
    changes = last.subquery()
    # Quotes inside texts of JSON are escaped, so this text is the field, in a use or in none of its texts.
    stated = or_(*(use.c.document.contains(f'"state":{json.dumps(one)}') for one in WAITING))
    number = changes.c.number
    event = use_event.c
    query = (
        select(use.c.attribution_id, use.c.document, number, event.state, event.reason, event.made_at, event.document)
        .outerjoin(changes, changes.c.use_id == use.c.id)
        .outerjoin(use_event, use_event.c.id == number)
        .where(use.c.superseded_by.is_(None), *where)
        .where(or_(event.state.in_(WAITING), and_(number.is_(None), stated)))
    )
    found: list[tuple[Use, str, str, int]] = []
    attributions: set[int] = set()
    for attribution_id, document, last_change, state, reason, made_at, named in connection.execute(query):
        read = use_from_json(msgspec.json.decode(named or document))
        if last_change is None and read.state not in WAITING:
            continue
        attributions.add(attribution_id)
        if last_change is not None:
            read = replace(read, state=state)
        found.append((read, read.state_rule if last_change is None else reason, made_at or "", last_change or 0))
    policies = policies_of(connection, attributions)
    by_licensee: dict[str, list[Use]] = {}
    for one, *_ in found:
        by_licensee.setdefault(one.licensee, []).append(one)
    estimators = {name: Estimator(connection, name, uses, policies) for name, uses in by_licensee.items()}
    return [
        _waiting(one, estimators[one.licensee].of(one), reason, since, last_change)
        for one, reason, since, last_change in found
    ]


def _by_state(found: Iterable[WaitingUse]) -> dict[str, list[WaitingUse]]:
    by_state: dict[str, list[WaitingUse]] = {state: [] for state in WAITING}
    for one in found:
        by_state[one.state].append(one)
    for listed in by_state.values():
        listed.sort(key=WaitingUse.place)
    return by_state


def _with_names(
    connection: Connection,
    head: Head,
    uses: Mapping[str, Sequence[WaitingUse]],
    recordings: Mapping[str, tuple[str, str, str]],
    licensees: Mapping[str, str],
) -> WaitingQueue:
    """Return a queue with the names of all that is in it; those that are known are not read again."""
    listed = [one for of_state in uses.values() for one in of_state]
    new = {name for one in listed for name in one.recordings} - recordings.keys()
    parties = {one.licensee for one in listed}
    names = dict.fromkeys(sorted(parties), "") | {one: licensees[one] for one in parties & licensees.keys()}
    names |= party_names(connection, parties - licensees.keys())
    return WaitingQueue(head, uses, {**recordings, **_names_of(connection, new)}, names)


def _names_of(connection: Connection, recording_ids: Iterable[str]) -> dict[str, tuple[str, str, str]]:
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


def _waiting(one: Use, estimate: Estimate, reason: str, since: str, last_change: int) -> WaitingUse:
    return WaitingUse(
        id=one.id,
        state=one.state,
        licensee=one.licensee,
        track_name=one.track_name,
        layer=one.layer,
        recording_id=one.recording_id,
        candidates=one.candidates,
        work_ids=one.work_ids,
        attributed_us=one.attributed_us,
        confidence=str(one.confidence),
        estimate=estimate,
        reason=reason,
        since=since,
        last_change=last_change,
    )
