"""Check a statement against the database that issued it: that it is on file, and that the chain is unchanged.

The statement names the head of the chain at its issue, so its holder can tell whether any earlier record was changed
since: rights, uses, decisions, earlier statements. Later records are unwitnessed, unless a later head is given too.

The statement is also computed again, from the database as it was at that head.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import zip_longest

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
from sourceprint.royalties.statements.statement import Statement

__all__ = ["compare_with_database"]


_LATER = frozenset({"held", "opted_out"})
"""Fields that statements of earlier versions are without; the file is held to the database all the same."""


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
    stated = statement_to_json(statement)
    for one, other in zip(stated["adjustments"], again["adjustments"], strict=False):
        other["reason"] = one[
            "reason"
        ]  # words, which a later version may put otherwise; the file is held to the database
    for name in sorted(stated.keys() | again.keys()):
        ours, theirs = stated.get(name), again.get(name)
        if ours is None and name in _LATER:
            continue
        if ours == theirs:
            continue
        where = name
        if isinstance(ours, list | tuple) and isinstance(theirs, list | tuple):
            rows = enumerate(zip_longest(ours, theirs), start=1)
            number, (ours, theirs) = next((number, pair) for number, pair in rows if pair[0] != pair[1])
            where += f", number {number}"
        if isinstance(ours, dict) and isinstance(theirs, dict):
            field = next(one for one in (*ours, *theirs) if ours.get(one) != theirs.get(one))
            ours, theirs, where = ours.get(field), theirs.get(field), f"{where}, {field}"
        yield f"{where}: is {_short(ours)}, and computed again from the database {_short(theirs)}"


def _short(value: object) -> str:
    return f"{'nothing' if value is None else json.dumps(value, ensure_ascii=False):.200}"


def _differences(connection: Connection, statement: Statement) -> Iterator[str]:
    table = statement_table.c
    row = connection.execute(
        select(table.row_id, table.document, table.digest).where(table.id == statement.id)
    ).one_or_none()
    if row is None:
        yield "is not on file: it was not issued from this database, or was taken out of it"
        return
    if row.document.encode() != statement_bytes(statement):
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
