"""The lines of a statement, everything spelled out, one row per line, as CSV and as Parquet; the only door to pyarrow.

A row has the fields of the line, the name and identifiers of the payee, titles and identifiers of recording and work,
and the statement it belongs to (`StatementRow`). Rows are in the order of the lines. After them, for each payee by id,
come rows without a number, of the kinds `opening` (carried from before), `adjustment` (one each, with the earlier
statement and the subject of its line), `recouped` (goes to advances, taken off) and `carried` (goes on to the next
statement, taken off), each where there is any: so the net amounts of a payee's rows sum to its payment, exactly. Last
come the adjustments that reach no payee: `adjusted_kind` is the kind of the line that each is to.

CSV: RFC 4180, UTF-8 without a mark, lines end with CR LF; time as `seconds` (six decimals), amounts exact, with all
decimals of the currency at least. A spreadsheet takes text that starts with = + - @ for a formula, and would run it:
such text, which comes from outside, gets an apostrophe before it. Numbers are written as numbers, a minus included.

Parquet: the same rows with real types, for data tools. Each amount has two columns: exact, as text (`gross_exact`),
and as decimal128 with 18 decimals, rounded to those, which tools can sum; seconds are decimal128 with six, counts
int64, days date32, text UTF-8 as it is. The metadata of the file has `schema`, `statement_id` and `statement_digest`.
Nothing of it depends on the time or place of writing; the bytes are the same for the same statement and version of
pyarrow.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from fingerprint.errors import VerificationError
from sourceprint.royalties.money import ZERO, Amount, sum_of
from sourceprint.royalties.rights.records import Party
from sourceprint.royalties.statements.amounts.lines import Adjustment
from sourceprint.royalties.statements.files.statement_json import statement_digest
from sourceprint.royalties.statements.statement import Balance, Statement

__all__ = [
    "COLUMNS",
    "LATER_COLUMNS",
    "StatementNames",
    "StatementRow",
    "read_parquet",
    "statement_csv",
    "statement_parquet",
    "statement_rows",
]

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_GROUP_ROWS = 10_000  # of Parquet, that are in memory at once
_TOOL_DECIMALS = 18  # of amounts in Parquet, whose decimals have 38 digits
SCHEMA = "sourceprint/statement-rows/2"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementRow:
    """One line of a statement, or one step from lines to a payment: the columns in order; "" where there is no value.

    Attributes
    ----------
    line : int
        Number of the line; 0 in the rows of a balance or adjustment.
    currency : str
        ISO 4217.
    deductions : Amount
        The sum of all.
    reason : str
        Why nobody is paid.
    shares_on : str
        Days on which the owners of the shares are owed the line; files of earlier versions are without it.
    adjusted_period, adjusted_statement, adjusted_kind : str
        Of an adjustment: the earlier statement, and the kind of line in it. Files of earlier versions are without them,
        and have one row of the kind `adjustments` for each payee, the sum.
    """

    statement_id: str
    period: str
    period_start: date
    period_end: date
    line: int = 0
    kind: str
    payee_id: str
    payee_name: str
    payee_ipi: str
    payee_isni: str
    recording_id: str = ""
    isrc: str = ""
    recording_title: str = ""
    work_id: str = ""
    iswc: str = ""
    work_title: str = ""
    right: str = ""
    territory: str = ""
    licence_id: str = ""
    usages: int = 0
    seconds: Decimal = Decimal("0.000000")
    currency: str
    gross: Amount
    deductions: Amount = ZERO
    net: Amount
    reason: str
    shares_on: str = ""
    adjusted_period: str = ""
    adjusted_statement: str = ""
    adjusted_kind: str = ""


_TYPES = get_type_hints(StatementRow)
_AMOUNTS = [name for name, kind in _TYPES.items() if kind is Amount]
COLUMNS = [name for name, kind in _TYPES.items() if kind is not date]
"""Of CSV, which leaves out the days of the period."""

LATER_COLUMNS = COLUMNS[COLUMNS.index("shares_on") :]
"""Those that came later, one version after the other, as the last."""


class StatementNames:
    """Names, titles and codes of the parties, recordings and works in a statement, by id.

    Parameters
    ----------
    statement : Statement
    """

    def __init__(self, statement: Statement) -> None:
        self._parties = {party.id: party for party in (statement.licensee, *statement.parties)}
        self._titles = {(kind, subject_id): (code, title) for kind, subject_id, code, title in statement.titles}

    def party(self, party_id: str) -> Party:
        """Return a party; one that is not named in the statement has its id as its name."""
        return self._parties.get(party_id) or Party(party_id, party_id)

    def title(self, kind: str, subject_id: str) -> str:
        """Return the title of a "recording" or "work"; its id where it has none."""
        return self._titles.get((kind, subject_id), ("", ""))[1] or subject_id

    def code(self, kind: str, subject_id: str) -> str:
        """Return the ISRC of a "recording" or the ISWC of a "work", or ""."""
        return self._titles.get((kind, subject_id), ("", ""))[0]


def statement_rows(statement: Statement, *, summed: bool = False) -> Iterator[StatementRow]:
    """Yield the rows of a statement: its lines in their order, then the rows that make them sum to each payment.

    Parameters
    ----------
    statement : Statement
    summed : bool
        Whether the adjustments of a payee are one row, as in files of earlier versions.
    """
    names = StatementNames(statement)
    whole: dict[str, Any] = {
        "statement_id": statement.id,
        "period": statement.period.label,
        "period_start": statement.period.start,
        "period_end": statement.period.end,
        "currency": statement.currency,
    }
    for line in statement.lines:
        yield StatementRow(
            **whole,
            **_payee(names, line.party_id),
            line=line.number,
            kind=line.kind,
            recording_id=line.recording_id,
            isrc=names.code("recording", line.recording_id),
            recording_title=names.title("recording", line.recording_id),
            work_id=line.work_id,
            iswc=names.code("work", line.work_id),
            work_title=names.title("work", line.work_id),
            right=line.right,
            territory=line.territory,
            licence_id=line.licence_id,
            usages=line.usages,
            seconds=Decimal(line.attributed_us).scaleb(-6),
            gross=line.gross,
            deductions=sum_of(deducted.amount for deducted in line.deductions),
            net=line.net,
            reason=line.reason,
            shares_on=line.shares_on,
        )
    if statement.document:  # lines of schema 1 were whole, and its files had nothing else
        return
    adjusted: dict[str, list[Adjustment]] = {}
    for one in () if summed else statement.adjustments:
        adjusted.setdefault(one.party_id if one.kind == "payable" else "", []).append(one)
    for balance in statement.balances:
        payee = _payee(names, balance.party_id)
        for kind, net, reason in _steps(balance):
            if kind == "adjustments" and not summed:
                yield from (
                    StatementRow(**whole, **payee, **_adjustment(names, one))
                    for one in adjusted.pop(balance.party_id, ())
                )
            elif net:
                yield StatementRow(**whole, **payee, kind=kind, gross=net, net=net, reason=reason)
    for one in adjusted.get("", ()):
        yield StatementRow(**whole, **_payee(names, ""), **_adjustment(names, one))


def _adjustment(names: StatementNames, one: Adjustment) -> dict[str, Any]:
    return {
        "kind": "adjustment",
        "recording_id": one.recording_id,
        "isrc": names.code("recording", one.recording_id),
        "recording_title": names.title("recording", one.recording_id),
        "work_id": one.work_id,
        "iswc": names.code("work", one.work_id),
        "work_title": names.title("work", one.work_id),
        "right": one.right,
        "territory": one.territory,
        "licence_id": one.licence_id,
        "gross": one.amount,
        "net": one.amount,
        "reason": one.reason,
        "adjusted_period": one.period,
        "adjusted_statement": one.statement_id,
        "adjusted_kind": one.kind,
    }


def _payee(names: StatementNames, party_id: str) -> dict[str, Any]:
    payee = names.party(party_id)
    return {"payee_id": party_id, "payee_name": payee.name, "payee_ipi": payee.ipi, "payee_isni": payee.isni}


def _steps(balance: Balance) -> Iterator[tuple[str, Amount, str]]:
    """Yield the steps from the net amounts of a party's lines to its payment."""
    yield "opening", balance.opening, "carried from the statement before"
    yield "adjustments", balance.adjustments, "to earlier statements, in sum"
    yield "recouped", -balance.recouped, "goes to advances first; negative is taken off"
    if balance.paid:
        why = "rounding of the payment"
    else:
        why = "less than nothing is due" if balance.due < ZERO else "less is due than is paid out"
    yield "carried", -balance.carried, f"{why}: carried to the next statement"


def statement_csv(statement: Statement, columns: Sequence[str] = COLUMNS) -> bytes:
    """Return the lines of a statement as a CSV file, with a row of column names first.

    Parameters
    ----------
    statement : Statement
        Of schema 1, the file is written as it was.
    columns : sequence of str
        All, or those of an earlier version.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    if statement.document:
        columns = COLUMNS[: -len(LATER_COLUMNS)]
    writer.writerow(columns)
    for row in statement_rows(statement, summed="adjusted_kind" not in columns):
        writer.writerow([_cell(getattr(row, column), row.currency) for column in columns])
    return text.getvalue().encode()


def _cell(value: Any, currency: str) -> str:
    if isinstance(value, Amount):
        return value.text(currency)
    if not isinstance(value, str):
        return str(value)
    # Spreadsheets skip spaces before they look for a formula.
    return f"'{value}" if value.lstrip(" \u00a0").startswith(_STARTS_A_FORMULA) else value


def statement_parquet(statement: Statement, *, summed: bool = False) -> bytes:
    """Return the lines of a statement as a Parquet file; `summed` is as in `statement_rows`."""
    names = _names()
    schema = pa.schema(
        [pa.field(name, _type(name), nullable=False) for name in names],
        metadata={
            "schema": SCHEMA,
            "statement_id": statement.id,
            "statement_digest": statement_digest(statement),
        },
    )
    rows = statement_rows(statement, summed=summed)
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, schema, compression="zstd", version="2.6") as writer:
        while group := list(islice(rows, _GROUP_ROWS)):
            arrays = [pa.array([_value(row, name) for row in group], type=schema.field(name).type) for name in names]
            writer.write_table(pa.table(arrays, schema=schema))
    return sink.getvalue()


def read_parquet(data: bytes) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return the rows of such a file as mappings of column to value, and its metadata.

    Raises
    ------
    VerificationError
        If it is no Parquet file of statement rows.
    """
    try:
        table = pq.read_table(io.BytesIO(data), use_threads=False, pre_buffer=False)  # no thread outlives the reading
        rows = table.to_pylist()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise VerificationError("no Parquet file, or a damaged one; write the statement again") from error
    metadata = {key.decode(errors="replace"): value.decode(errors="replace") for key, value in _metadata(table)}
    if metadata.get("schema") != SCHEMA:
        raise VerificationError(f"a Parquet file without the schema {SCHEMA}; write the statement again")
    return rows, metadata


def _metadata(table: Any) -> list[tuple[bytes, bytes]]:
    return list((table.schema.metadata or {}).items())


def _names() -> list[str]:
    """Return the columns: amounts exact in their place, and once more, as tools can sum them, before the words."""
    names = [f"{name}_exact" if name in _AMOUNTS else name for name in _TYPES]
    words = names.index("reason")
    return [*names[:words], *_AMOUNTS, *names[words:]]


def _type(name: str) -> Any:
    kind = _TYPES.get(name, str)
    decimals = {Amount: _TOOL_DECIMALS, Decimal: 6}
    if kind in decimals:
        return pa.decimal128(38, decimals[kind])
    return {int: pa.int64(), date: pa.date32(), str: pa.string()}[kind]


def _value(row: StatementRow, name: str) -> Any:
    value = getattr(row, name.removesuffix("_exact"))
    if not isinstance(value, Amount):
        return value
    return value.text(row.currency) if name.endswith("_exact") else Decimal(value.rounded_text(_TOOL_DECIMALS))
