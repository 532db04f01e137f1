"""The entries of the chain that cover one use, statement or record: who made each change, when, and what it was."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, literal, select

from sourceprint.royalties.rights.schema import (
    attribution,
    chain_entry,
    licence,
    party,
    recording,
    revision,
    statement,
    use,
    use_event,
    work,
)

__all__ = ["THINGS", "ChainPlace", "chain_places"]

_RECORDS = {"recording": recording, "work": work, "party": party, "licence": licence}
THINGS = ("use", "statement", *_RECORDS)
"""Kinds of things that the chain covers."""


@dataclass(frozen=True, slots=True)
class ChainPlace:
    """A change of a thing, and the entry of the chain that covers it.

    Attributes
    ----------
    sequence : int
        Of the entry.
    made_at, made_by : str
    what : str
        In a few words: the new state with its reason, the imported file.
    """

    sequence: int
    made_at: str
    made_by: str
    what: str


def chain_places(connection: Connection, kind: str, thing_id: str) -> list[ChainPlace]:
    """Return the changes of a thing in the order of the chain; none of an id that is not on file.

    Parameters
    ----------
    connection : Connection
    kind : str
        Of `THINGS`.
    thing_id : str
    """
    found: list[ChainPlace] = []
    for of_chain, query in _queries(kind, thing_id):
        rows = {row.number: row for row in connection.execute(query)}
        for sequence, number in _sequences(connection, of_chain, rows):
            row = rows[number]
            what = f"{row.word}: {row.more}" if row.more else row.word
            found.append(ChainPlace(sequence, row.made_at, row.made_by, what))
    return sorted(found, key=lambda one: (one.sequence, one.made_at))


def _queries(kind: str, thing_id: str) -> Iterable[tuple[str, Select[Any]]]:
    """Yield kinds of entries, each with the query of number, time, author and words of the changes in them."""
    if kind == "use":
        one, made = use.c, attribution.c
        for column, word in ((one.attribution_id, "attributed"), (one.superseded_by, "superseded")):
            query = select(
                made.id.label("number"), made.made_at, made.made_by, _text(word), made.licensee.label("more")
            )
            yield "attribution", query.join(use, column == made.id).where(one.id == thing_id)
        event = use_event.c
        yield (
            "decision",
            select(
                event.id.label("number"), event.made_at, event.made_by, event.state.label("word"),
                event.reason.label("more"),
            ).where(event.use_id == thing_id),
        )  # fmt: skip
    elif kind == "statement":
        of = statement.c
        yield (
            "statement",
            select(
                of.row_id.label("number"), of.issued_at.label("made_at"), of.issued_by.label("made_by"),
                _text("issued"), of.period_label.label("more"),
            ).where(of.id == thing_id),
        )  # fmt: skip
    elif kind in _RECORDS:
        record, made = _RECORDS[kind].c, revision.c
        for column, word in ((record.since, "entered"), (record.until, "replaced")):
            query = select(made.id.label("number"), made.made_at, made.made_by, _text(word), made.source.label("more"))
            yield "revision", query.join(_RECORDS[kind], column == made.id).where(record.id == thing_id)


def _text(word: str) -> Any:
    return literal(word).label("word")


def _sequences(connection: Connection, kind: str, numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return the sequences of the entries that cover some numbers of a kind, each with its number."""
    wanted = sorted(numbers)
    if not wanted:
        return []
    entry = chain_entry.c
    query = (
        select(entry.sequence, entry.first_id, entry.last_id)
        .where(entry.kind == kind, entry.first_id <= wanted[-1], entry.last_id >= wanted[0])
        .order_by(entry.sequence)
    )
    return [
        (row.sequence, number)
        for row in connection.execute(query)
        for number in wanted
        if row.first_id <= number <= row.last_id
    ]
