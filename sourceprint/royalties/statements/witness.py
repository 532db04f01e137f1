"""Check a statement against the database that issued it: that it is on file, and that the chain is unchanged.

The statement names the head of the chain at its issue, so its holder can tell whether any earlier record was changed
since: rights, uses, decisions, earlier statements. Later records are unwitnessed, unless a later head is given too.

The statement is also computed again, from the database as it was at that head.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, select

from fingerprint.errors import RightsError
from sourceprint.royalties.rights.chain import Head, chain_head
from sourceprint.royalties.rights.chain.verification import ChainVerdict, HeldHead, verify_chain
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.schema import statement as statement_table
from sourceprint.royalties.statements.files.statement_json import (
    statement_bytes,
    statement_digest,
    statement_to_json,
)
from sourceprint.royalties.statements.issue import recompute_statement
from sourceprint.royalties.statements.register import document_of
from sourceprint.royalties.statements.statement import Statement

__all__ = ["compare_with_database"]


_LATER = frozenset({"held", "opted_out", "unused_revenue"})
"""Fields that statements of earlier versions are without; the file is held to the database all the same."""

_LINE = ("party_id", "kind", "right", "territory", "recording_id", "work_id", "licence_id")
_ROWS: dict[str, tuple[str, ...]] = {
    "adjustments": ("statement_id", *_LINE),
    "advances": ("licence_id",),
    "balances": ("party_id",),
    "conversions": ("source",),
    "credits": ("recording_id",),
    "held": ("party_id",),
    "lines": _LINE,
    "opted_out": ("licence_id", "recording_id"),
    "outside": ("party_id", "right", "territory", "use_id", "recording_id", "work_id", "share_id"),
    "parties": ("id",),
    "tiers": ("licence_id", "method"),
    "totals": ("territory", "right"),
    "unused_revenue": ("territory", "currency"),
    "usage": ("track", "track_id", "territory", "currency", "used_on"),
    "uses": ("id",),
}
"""What a row of each list is about, which tells it from the others."""

_PAIRS = {"licences": ("id",), "titles": ("kind", "id")}
"""The same of lists whose rows have no names."""

_MOST_NAMED = 20


def compare_with_database(
    database: Database, statement: Statement, held: Sequence[HeldHead] = ()
) -> tuple[ChainVerdict, list[tuple[str, str]]]:
    """Return the verdict on the chain, and the differences between a statement and its database.

    Parameters
    ----------
    database : Database
        That it was issued from.
    statement : Statement
    held : sequence of HeldHead
        Further heads that are held elsewhere.

    Returns
    -------
    verdict : ChainVerdict
    problems : list of (str, str)
        The place, and the difference in words.
    """
    heads = list(held)
    if statement.chain_head:
        heads.append(HeldHead(Head.parse(statement.chain_head), f"statement {statement.id}"))
    with database.reading() as connection:
        verdict = verify_chain(connection, heads)
        problems = [("chain", str(problem)) for problem in verdict.problems]
        found = list(_differences(connection, statement))
    if statement.chain_head:
        head = Head.parse(statement.chain_head)
        with database.reading_past(head.sequence) as connection:
            if chain_head(connection) == head:  # of another chain, nothing can be computed again
                found += _recomputed(connection, statement)
    return verdict, problems + [(f"statement {statement.id}", what) for what in found]


def _recomputed(connection: Connection, statement: Statement) -> Iterator[str]:
    """Yield the fields of the statement that differ from a computation on the database of then."""
    try:
        again = statement_to_json(recompute_statement(connection, statement))
    except RightsError as error:
        yield f"cannot be computed again from what was on file: {error}"
        return
    found = list(_between(statement_to_json(statement), again))
    yield from found[:_MOST_NAMED]
    if len(found) > _MOST_NAMED:
        yield f"{len(found) - _MOST_NAMED} more differences from what is computed again from the database"


def _between(stated: dict[str, Any], again: dict[str, Any]) -> Iterator[str]:
    """Yield the differences between a statement and its computation: of lists by the subject of each row."""
    lines = [{one["number"]: _about(_ROWS["lines"], one) for one in document["lines"]} for document in (stated, again)]
    for name in sorted(stated.keys() | again.keys()):
        ours, theirs = stated.get(name), again.get(name)
        if ours == theirs or (ours is None and name in _LATER):
            continue
        if name not in _ROWS and name not in _PAIRS:
            yield _differ(name, ours, theirs)
            continue
        before, after = (_keyed(name, rows or [], of) for rows, of in zip((ours, theirs), lines, strict=True))
        for key in sorted(before.keys() | after.keys()):
            row, other = before.get(key), after.get(key)
            where = ", ".join((name, *filter(None, key[:-1])))
            if row is None or other is None:
                said = "is missing, and is" if row is None else "is there, and not"
                yield f"{where}: {said} computed from the database"
                continue
            for field in sorted(row.keys() | other.keys()):
                # Words may be put otherwise by a later version, and numbers follow from the lines that there are.
                is_told = (name, field) not in (("adjustments", "reason"), ("lines", "number"), ("held", "line"))
                if is_told and row.get(field) != other.get(field):
                    yield _differ(f"{where}, {field}", row.get(field), other.get(field))


def _keyed(name: str, rows: Sequence[Any], lines: dict[int, tuple[str, ...]]) -> dict[tuple[str, ...], dict[str, Any]]:
    """Return the rows of a list by subject, and number among rows of the same subject."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    seen = Counter[tuple[str, ...]]()
    for row in rows:
        if name in _PAIRS:
            row = {_PAIRS[name][at] if at < len(_PAIRS[name]) else str(at): value for at, value in enumerate(row)}
        about = _about(_ROWS.get(name, _PAIRS.get(name, ())), row)
        if name == "held":
            about = (*lines.get(row["line"], ()), *about)
        seen[about] += 1
        found[*about, str(seen[about])] = row
    return found


def _about(names: Iterable[str], row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(row.get(name) or "") for name in names)


def _differ(where: str, ours: object, theirs: object) -> str:
    return f"{where}: is {_short(ours)}, and computed again from the database {_short(theirs)}"


def _short(value: object) -> str:
    return f"{'nothing' if value is None else json.dumps(value, ensure_ascii=False):.200}"


def _differences(connection: Connection, statement: Statement) -> Iterator[str]:
    table = statement_table.c
    row = connection.execute(select(table.row_id, table.digest).where(table.id == statement.id)).one_or_none()
    if row is None:
        yield "is not on file: it was not issued from this database, or was taken out of it"
        return
    if document_of(connection, row.row_id) != statement_bytes(statement):
        yield f"is on file with another content: with digest {row.digest}, not {statement_digest(statement)}"
    if statement.inputs is None:
        return
    before = connection.execute(
        select(table.id, table.digest)
        .where(table.licensee == statement.licensee.id, table.row_id < row.row_id)
        .order_by(table.row_id.desc())
        .limit(1)
    ).one_or_none()
    if (before.digest if before else "") != statement.inputs.earlier:
        found = f"the one on file before it, {before.id}, has {before.digest}" if before else "there is none on file"
        yield f"follows a statement with digest {statement.inputs.earlier or 'none'}, and {found}"
