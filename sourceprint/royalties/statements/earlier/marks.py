"""The dependences of each statement, and the earlier statements that a change affects.

Two things are noted beside every issued statement, which follow from the database and can be made again from it: a
*mark*, the last numbers of five append-only tables, and the *dependences* of the statement, the tracks, recordings and
works in it. So the next statement finds the earlier ones to compute again by a few indexed queries: those that depend
on a row newer than the mark. The others would come out the same.

Where the answer would take more than that, all are computed again: the licences of the licensee changed, or a choice by
code or party. A statement that was issued before marks were kept is computed again, and noted then.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, Connection, Table, delete, func, insert, or_, select

from fingerprint.digests import exact_json
from sourceprint.royalties.deals.volumes import counted_under
from sourceprint.royalties.money import Amount
from sourceprint.royalties.rights import schema
from sourceprint.royalties.rights.database import in_chunks
from sourceprint.royalties.statements.statement import Statement

__all__ = [
    "Dependence",
    "Mark",
    "Noted",
    "adjusting",
    "changed_since",
    "charged_before",
    "counted_of",
    "dependence_of",
    "latest_mark",
    "note_statement",
    "notes_of",
    "stating",
]

_COUNTED = {
    "attribution": schema.attribution.c.id,
    "event": schema.use_event.c.id,
    "track": schema.scanned_track.c.row_id,
    "report": schema.usage_report.c.id,
    "revision": schema.revision.c.id,
}
"""The columns whose last numbers make a mark."""

_ROWS = 5_000

Mark = Mapping[str, int]
"""Last numbers, by the keys of `_COUNTED`."""


@dataclass(frozen=True, slots=True)
class Dependence:
    """The dependences of a statement, and the values that other statements take from it.

    Attributes
    ----------
    tracks, recordings, works : frozenset of str
        SHA-256 of tracks; ids.
    by_period : bool
        Whether it takes all tracks that were generated in its period, with any names.
    has_open_usage : bool
        Whether it has usage of named tracks of which no scan is known; one may be attributed later.
    counted : frozenset of (str, str)
        Tracks, by `UsageRow.key`, and territories that count in it; rates without `per_usage` are charged once for
        each pair, so later statements leave it out.
    earned : mapping of str to Amount
        By licence.
    has_pool : bool
        Whether a pool for training falls due in it, which anything on file may concern.
    adjusts : frozenset of str
        Ids of the statements that its adjustments are about.
    usages : mapping of str to int
        Usages counted in it, by licence with tiers; later statements of the same span of tiers start after them.
    """

    tracks: frozenset[str]
    recordings: frozenset[str]
    works: frozenset[str]
    by_period: bool
    has_open_usage: bool
    counted: frozenset[tuple[str, str]]
    earned: Mapping[str, Amount]
    has_pool: bool = False
    adjusts: frozenset[str] = frozenset()
    usages: Mapping[str, int] = field(default_factory=dict)


def dependence_of(
    statement: Statement, counted: Iterable[tuple[str, str]], earned: Mapping[str, Amount], *, has_pool: bool
) -> Dependence:
    """Return the dependences of a statement, as it was computed.

    Parameters
    ----------
    statement : Statement
    counted : iterable of (str, str)
        The tracks and territories that count in it.
    earned : mapping of str to Amount
        By licence.
    has_pool : bool
        Whether a pool for training falls due in it.
    """
    named = {row.sha256 for row in statement.usage if row.sha256}
    recordings = {one for use in statement.uses for one in (use.recording_id, *use.candidates)}
    contenders = {one for use in statement.uses for passage in use.passages for one in passage.contenders}
    return Dependence(
        tracks=frozenset(named | {use.track_sha256 for use in statement.uses}),
        recordings=frozenset((recordings | contenders) - {""}),
        works=frozenset(work_id for use in statement.uses for work_id in use.work_ids),
        by_period=not any(row.key for row in statement.usage) or any(not row.key for row in statement.usage),
        has_open_usage=any(row.key and not row.sha256 for row in statement.usage),
        counted=frozenset(counted),
        earned=dict(earned),
        has_pool=has_pool,
        adjusts=frozenset(one.statement_id for one in statement.adjustments),
        usages=counted_under(statement.tiers),
    )


def latest_mark(connection: Connection) -> Mark:
    """Return the last number of everything that is only ever added to."""
    return {name: connection.scalar(select(func.max(column))) or 0 for name, column in _COUNTED.items()}


def note_statement(connection: Connection, row_id: int, depends: Dependence, mark: Mark | None = None) -> None:
    """Note a statement's dependences, in place of those noted before, and its mark; None keeps the old mark.

    Parameters
    ----------
    connection : Connection
        Inside a transaction of `Database` that writes.
    row_id : int
        Of the statement.
    depends : Dependence
    mark : Mark or None
    """
    marks, subjects = schema.statement_mark, schema.statement_subject
    known = connection.scalar(select(marks.c.mark).where(marks.c.statement_row == row_id))
    for table in (subjects, marks):
        connection.execute(delete(table).where(table.c.statement_row == row_id))
    figures = {
        "by_period": depends.by_period,
        "has_open_usage": depends.has_open_usage,
        "earned": {licence_id: str(amount) for licence_id, amount in sorted(depends.earned.items())},
        "has_pool": depends.has_pool,
        **({"usages": dict(sorted(depends.usages.items()))} if depends.usages else {}),
    }
    connection.execute(
        insert(marks).values(
            statement_row=row_id,
            mark=known or "{}" if mark is None else exact_json(dict(mark)).decode(),
            figures=exact_json(figures).decode(),
        )
    )
    territories: dict[str, list[str]] = {}
    for track, territory in sorted(depends.counted):
        territories.setdefault(track, []).append(territory)
    rows = [
        *({"kind": "track", "key": key} for key in sorted(depends.tracks)),
        *({"kind": "recording", "key": key} for key in sorted(depends.recordings)),
        *({"kind": "work", "key": key} for key in sorted(depends.works)),
        *({"kind": "adjusts", "key": key} for key in sorted(depends.adjusts)),
        *({"kind": "counted", "key": key, "territories": "|".join(where)} for key, where in territories.items()),
    ]
    for chunk in in_chunks(rows, _ROWS):
        values = [{"territories": "", **row, "statement_row": row_id} for row in chunk]
        connection.execute(insert(subjects), values)


@dataclass(frozen=True, slots=True)
class Noted:
    """The notes on a statement: `earned` and `usages` are by licence, as in `Dependence`."""

    mark: Mark
    by_period: bool
    has_open_usage: bool
    earned: Mapping[str, Amount]
    has_pool: bool
    usages: Mapping[str, int]


def notes_of(connection: Connection, row_ids: Iterable[int]) -> dict[int, Noted]:
    """Return the notes on statements, by row; statements without notes are missing."""
    table = schema.statement_mark
    found: dict[int, Noted] = {}
    for chunk in in_chunks(row_ids):
        for row in connection.execute(select(table).where(table.c.statement_row.in_(chunk))):
            figures: dict[str, Any] = json.loads(row.figures)
            found[row.statement_row] = Noted(
                json.loads(row.mark),
                figures["by_period"],
                figures["has_open_usage"],
                {licence_id: Amount.parse(text) for licence_id, text in figures["earned"].items()},
                figures.get("has_pool", False),
                figures.get("usages", {}),
            )
    return found


def changed_since(
    connection: Connection,
    licensee: str,
    mark: Mark,
    periods: Mapping[int, tuple[str, str]],
    noted: Mapping[int, Noted],
) -> frozenset[int]:
    """Return the rows of the statements that changes since a mark affect.

    Parameters
    ----------
    connection : Connection
        Inside a transaction of `Database`.
    licensee : str
        Whose statements they are.
    mark : Mark
        Of the last statement among them: the state that they were compared with last.
    periods : mapping of int to (str, str)
        First and last day of each statement, by row.
    noted : mapping of int to Noted
        By row; a statement of which nothing is noted has changed.
    """
    if not mark:
        return frozenset(periods)
    subjects = _changed_records(connection, licensee, mark)
    if subjects is None:
        return frozenset(periods)
    changed = {row for row in periods if row not in noted}
    tracks = _changed_tracks(connection, licensee, mark)
    subjects += [("track", sha256) for sha256 in tracks]
    changed |= _depending(connection, subjects) & periods.keys()
    days = {day for of_track in tracks.values() for day in of_track}
    reported = _reported_periods(connection, licensee, mark)
    table = schema.scanned_track.c
    scanned = select(table.row_id).where(table.row_id > mark["track"], table.licensee == licensee).limit(1)
    was_scanned = connection.scalar(scanned) is not None
    is_revised = (connection.scalar(select(func.max(schema.revision.c.id))) or 0) > mark["revision"]
    for row, (first, last) in periods.items():
        note = noted.get(row)
        if note is None:
            continue
        of_period = note.by_period and any(first <= day <= last for day in days)
        of_flags = (note.has_open_usage and was_scanned) or (note.has_pool and is_revised)
        if of_period or of_flags or (first, last) in reported:
            changed.add(row)
    return frozenset(changed)


def charged_before(connection: Connection, row_ids: Sequence[int], tracks: Iterable[str]) -> set[tuple[str, str]]:
    """Return tracks and territories that count in some earlier statements, of some tracks, as they were noted."""
    table = schema.statement_subject.c
    rows, found = set(row_ids), set()
    for chunk in in_chunks(sorted(set(tracks))):
        query = select(table.statement_row, table.key, table.territories).where(
            table.kind == "counted", table.key.in_(chunk)
        )
        for row in connection.execute(query):
            if row.statement_row in rows:
                found |= {(row.key, territory) for territory in row.territories.split("|")}
    return found


def adjusting(connection: Connection, statement_id: str) -> set[int]:
    """Return the rows of the statements that have adjustments to one."""
    return _depending(connection, [("adjusts", statement_id)])


def stating(connection: Connection, tracks: Iterable[str]) -> set[int]:
    """Return the rows of the statements that depend on any of some tracks, by SHA-256, as far as it was noted."""
    return _depending(connection, [("track", sha256) for sha256 in tracks])


def counted_of(connection: Connection, row_id: int) -> frozenset[tuple[str, str]]:
    """Return the tracks and territories that count in a statement, as it was noted."""
    table = schema.statement_subject.c
    query = select(table.key, table.territories).where(table.statement_row == row_id, table.kind == "counted")
    return frozenset((key, one) for key, territories in connection.execute(query) for one in territories.split("|"))


def _changed_records(connection: Connection, licensee: str, mark: Mark) -> list[tuple[str, str]] | None:
    """Return the recordings and works of which something changed on file; None if it may be any."""
    if connection.scalar(select(func.max(schema.revision.c.id))) in (None, mark["revision"]):
        return []

    def since(table: Table, *columns: Column[Any]) -> list[Any]:
        changed = or_(table.c.since > mark["revision"], table.c.until > mark["revision"])
        return list(connection.execute(select(*columns).where(changed).distinct()))

    licence, opt = schema.licence, schema.opt
    if any(row.licensee == licensee for row in since(licence, licence.c.licensee)):
        return None
    choices = since(opt, opt.c.subject, opt.c.subject_id)
    if any(row.subject not in ("recording", "work") for row in choices):
        return None
    found = {(row.subject, row.subject_id) for row in choices}
    for table, column, kind in (
        (schema.recording, schema.recording.c.id, "recording"),
        (schema.recording_work, schema.recording_work.c.recording_id, "recording"),
        (schema.master_share, schema.master_share.c.recording_id, "recording"),
        (schema.work, schema.work.c.id, "work"),
        (schema.work_share, schema.work_share.c.work_id, "work"),
    ):
        found |= {(kind, row[0]) for row in since(table, column)}
    return sorted(found)


def _changed_tracks(connection: Connection, licensee: str, mark: Mark) -> dict[str, set[str]]:
    """Return the tracks whose uses were made, superseded or decided on, and when they were generated."""
    use, event = schema.use.c, schema.use_event.c
    columns = select(use.track_sha256, use.generated_on).where(use.licensee == licensee).distinct()
    made = or_(use.attribution_id > mark["attribution"], use.superseded_by > mark["attribution"])
    found: dict[str, set[str]] = {}
    decided = columns.join(schema.use_event, event.use_id == use.id).where(event.id > mark["event"])
    for query in (columns.where(made), decided):
        for row in connection.execute(query):
            found.setdefault(row.track_sha256, set()).add(row.generated_on)
    return found


def _reported_periods(connection: Connection, licensee: str, mark: Mark) -> set[tuple[str, str]]:
    """Return the periods for which usage was reported after a mark."""
    report = schema.usage_report.c
    query = select(report.period_start, report.period_end).where(
        report.licensee == licensee, report.id > mark["report"]
    )
    return {(row.period_start, row.period_end) for row in connection.execute(query)}


def _depending(connection: Connection, subjects: Iterable[tuple[str, str]]) -> set[int]:
    """Return the rows of the statements that depend on any of some subjects."""
    table = schema.statement_subject.c
    by_kind: dict[str, set[str]] = {}
    for kind, key in subjects:
        by_kind.setdefault(kind, set()).add(key)
    found: set[int] = set()
    for kind, keys in sorted(by_kind.items()):
        for chunk in in_chunks(sorted(keys)):
            query = select(table.statement_row).where(table.kind == kind, table.key.in_(chunk)).distinct()
            found.update(connection.scalars(query))
    return found
