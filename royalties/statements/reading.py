"""Statements as they are read back from their folder, or from a `statement.json` alone."""

from pathlib import Path

from fingerprint.errors import StatementError, printable
from royalties.statements.statement import Statement
from royalties.statements.statement_json import parse_statement

__all__ = ["read_statement", "statement_data"]


def read_statement(path: str | Path) -> Statement:
    """Return a statement.

    Parameters
    ----------
    path : path
        The folder of a statement, or a `statement.json`.

    Raises
    ------
    StatementError
        If there is none.
    VerificationError
        If it is not what was written.
    """
    return parse_statement(statement_data(path))


def statement_data(path: str | Path) -> bytes:
    """Return the bytes of a statement's JSON; as `read_statement`, without looking into them.

    Raises
    ------
    StatementError
        If there is none.
    """
    place = Path(path)
    document = place / "statement.json" if place.is_dir() else place
    try:
        return document.read_bytes()
    except OSError as error:
        raise StatementError(
            f"{printable(document)}: cannot be read ({error.strerror}); name the folder of a statement, or its "
            "statement.json"
        ) from error
