"""The statements that were issued, as the database keeps them: entered once, listed, loaded; never changed.

A statement is kept as its canonical JSON with its digest, so that its files can be written again to the byte.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from fingerprint.errors import UnknownRightsError, printable
from royalties.rights.database import Database
from royalties.rights.schema import statement as statement_table
from royalties.statements.statement import Statement
from royalties.statements.statement_json import parse_statement, statement_bytes, statement_digest

__all__ = ["StatementEntry", "keep_statement", "list_statements", "load_statement", "statements_of"]


@dataclass(frozen=True, slots=True)
class StatementEntry:
    """One statement of the list: what tells it, not what it holds."""

    id: str
    licensee: str
    currency: str
    period: str
    issued_on: str
    issued_at: str
    issued_by: str
    digest: str


def load_statement(database: Database, statement_id: str) -> Statement:
    """Return a statement that was issued.

    Raises
    ------
    UnknownRightsError
        If there is none with this id.
    VerificationError
        If it is not what was kept.
    """
    with database.reading() as connection:
        query = select(statement_table.c.document).where(statement_table.c.id == statement_id)
        document = connection.scalar(query)
    if document is None:
        raise UnknownRightsError(
            f"statement {printable(statement_id)!r:.120}: was not issued from this database; `sourceprint "
            "statements` lists those that were"
        )
    return parse_statement(document.encode())


def list_statements(database: Database, licensee: str = "") -> list[StatementEntry]:
    """Return the statements that were issued, of one licensee or of all, in the order of issue."""
    table = statement_table.c
    query = select(
        table.id,
        table.licensee,
        table.currency,
        table.period_label,
        table.issued_on,
        table.issued_at,
        table.issued_by,
        table.digest,
    ).order_by(table.row_id)
    if licensee:
        query = query.where(table.licensee == licensee)
    with database.reading() as connection:
        return [StatementEntry(*row) for row in connection.execute(query)]


def statements_of(connection: Connection, licensee: str) -> list[Statement]:
    """Return the statements of a licensee, in the order of issue."""
    query = (
        select(statement_table.c.document)
        .where(statement_table.c.licensee == licensee)
        .order_by(statement_table.c.row_id)
    )
    return [parse_statement(document.encode()) for document in connection.scalars(query).all()]


def keep_statement(connection: Connection, statement: Statement, issued_by: str, issued_at: str) -> None:
    """Enter a statement; by whom, and when in UTC as `royalties.rights.database.timestamp` writes it."""
    connection.execute(
        insert(statement_table).values(
            id=statement.id,
            licensee=statement.licensee.id,
            currency=statement.currency,
            period_label=statement.period.label,
            period_start=statement.period.start.isoformat(),
            period_end=statement.period.end.isoformat(),
            issued_on=statement.issued_on,
            issued_at=issued_at,
            issued_by=issued_by,
            document=statement_bytes(statement).decode(),
            digest=statement_digest(statement),
        )
    )
