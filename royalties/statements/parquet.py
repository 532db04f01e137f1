"""The lines of a statement as Parquet: the rows of the CSV with real types, for data tools; the only door to pyarrow.

Amounts are decimal128 with the decimals of the currency, seconds decimal128 with six, counts int64, days date32, text
UTF-8 as it is. The metadata of the file has `schema`, `statement_id` and `statement_digest`. Nothing of it depends on
when or where it is written; the bytes are the same for the same statement and version of pyarrow.
"""

import io
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fingerprint.errors import VerificationError
from royalties.money import currency_exponent, format_amount
from royalties.statements.rows import StatementRow, seconds_text, statement_rows
from royalties.statements.statement import Statement
from royalties.statements.statement_json import statement_digest

__all__ = ["read_parquet", "statement_parquet"]

SCHEMA = "sourceprint/statement-rows/1"

_AMOUNTS = ("gross", "deductions", "net")
_COUNTS = ("line", "usages")
_DAYS = ("period_start", "period_end")


def statement_parquet(statement: Statement) -> bytes:
    """Return the lines of a statement as a Parquet file."""
    columns: dict[str, list[Any]] = {name: [] for name in _names()}
    for row in statement_rows(statement):
        for name, values in columns.items():
            values.append(_value(row, name))
    schema = pa.schema(
        [pa.field(name, _type(name, statement.currency), nullable=False) for name in columns],
        metadata={
            "schema": SCHEMA,
            "statement_id": statement.id,
            "statement_digest": statement_digest(statement),
        },
    )
    table = pa.table(
        [pa.array(values, type=schema.field(name).type) for name, values in columns.items()], schema=schema
    )
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", version="2.6")
    return sink.getvalue()


def read_parquet(data: bytes) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return the rows of such a file as mappings of column to value, and its metadata.

    Raises
    ------
    VerificationError
        If it is no Parquet file of statement rows.
    """
    try:
        table = pq.read_table(io.BytesIO(data))
    except (pa.ArrowException, OSError) as error:
        raise VerificationError("no Parquet file, or a damaged one; write the statement again") from error
    metadata = {key.decode(errors="replace"): value.decode(errors="replace") for key, value in _metadata(table)}
    if metadata.get("schema") != SCHEMA:
        raise VerificationError(f"a Parquet file without the schema {SCHEMA}; write the statement again")
    return table.to_pylist(), metadata


def _metadata(table: Any) -> list[tuple[bytes, bytes]]:
    return list((table.schema.metadata or {}).items())


def _names() -> list[str]:
    names = list(StatementRow.__dataclass_fields__)
    names[names.index("attributed_us")] = "seconds"
    return names


def _type(name: str, currency: str) -> Any:
    if name in _AMOUNTS:
        return pa.decimal128(38, currency_exponent(currency))
    if name == "seconds":
        return pa.decimal128(38, 6)
    if name in _COUNTS:
        return pa.int64()
    return pa.date32() if name in _DAYS else pa.string()


def _value(row: StatementRow, name: str) -> Any:
    if name == "seconds":
        return Decimal(seconds_text(row.attributed_us))
    value = getattr(row, name)
    if name in _AMOUNTS:
        return Decimal(format_amount(value, row.currency))
    return date.fromisoformat(value) if name in _DAYS else value
