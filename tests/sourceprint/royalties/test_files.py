"""Statements as JSON, rows, Parquet and folders."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fingerprint.errors import StatementError, VerificationError
from sourceprint.royalties.rights.records import MASTER
from sourceprint.royalties.statements.files.line_tables import COLUMNS, read_parquet, statement_csv, statement_parquet
from sourceprint.royalties.statements.files.statement_json import (
    parse_statement,
    statement_bytes,
    statement_digest,
    statement_from_json,
    statement_to_json,
)
from sourceprint.royalties.statements.statement import Statement
from tests import statement_samples as samples

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
AMOUNTS = st.fractions(min_value=0, max_value=10**9, max_denominator=10**6)


@st.composite
def statements(draw: st.DrawFn) -> Statement:
    rows: list[samples.Row] = [
        (
            draw(st.sampled_from(("DE", "JP", "Worldwide"))),
            draw(st.sampled_from((MASTER, "PerformingRight"))),
            draw(st.sampled_from(("payable", "unclaimed", "overclaim", "held", "unmatched"))),
            draw(TEXT),
            draw(TEXT),
            draw(TEXT),
            draw(TEXT),
            draw(TEXT),
            (samples.part(draw(TEXT), draw(AMOUNTS), draw(st.integers(0, 1_000_000))),),
        )
        for _ in range(draw(st.integers(0, 6)))
    ]
    return samples.assemble(rows, currency=draw(st.sampled_from(("EUR", "JPY", "KWD"))), uses=(samples.use(1),))


@given(statements())
def test_a_statement_comes_back_from_its_json_as_it_was(statement: Statement) -> None:
    document = json.loads(json.dumps(statement_to_json(statement)))
    assert statement_from_json(document) == statement
    data = statement_bytes(statement)
    assert parse_statement(data) == statement
    assert (
        data == json.dumps(json.loads(data), sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    )


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
def test_a_rich_statement_comes_back_from_its_json_as_it_was(currency: str) -> None:
    statement = samples.rich(currency)
    assert parse_statement(statement_bytes(statement)) == statement
    assert {line.kind for line in statement.lines} == {"payable", "unclaimed", "overclaim", "held", "unmatched"}


def test_amounts_are_exact_decimals_in_the_unit_of_the_currency() -> None:
    documents = {currency: statement_to_json(samples.rich(currency)) for currency in ("EUR", "JPY", "KWD")}
    first = [document["lines"][1] for document in documents.values()]
    assert [line["gross"] for line in first] == ["17.8571428571428575", "1785.71428571428575", "1.78571428571428575"]
    assert documents["EUR"]["balances"][0]["paid"] == "66.98"
    assert documents["JPY"]["usage"][0]["revenue"] == "123457/3"


def test_the_written_form_is_canonical_and_carries_its_digest() -> None:
    data = statement_bytes(samples.rich())
    document = json.loads(data)
    assert data == json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    assert document["digest"] == statement_digest(samples.rich())


def test_any_alteration_of_the_written_form_is_noticed() -> None:
    data = statement_bytes(samples.rich())
    with pytest.raises(VerificationError, match="altered after it was written"):
        parse_statement(
            data.replace(b'"rights_revision":7}', b'"rights_revision":8}').replace(b"2026-10-15", b"2026-10-16")
        )
    with pytest.raises(VerificationError, match="the digest holds, the bytes are not those of Sourceprint"):
        parse_statement(b" " + data)
    with pytest.raises(StatementError, match="not JSON in UTF-8"):
        parse_statement(data[:-10])
    with pytest.raises(StatementError, match="this version reads sourceprint/statement/1"):
        parse_statement(data.replace(b"sourceprint/statement/2", b"sourceprint/statement/3"))


@pytest.mark.parametrize("field", ["lines", "period", "licensee", "usage", "uses", "titles"])
def test_a_field_that_is_missing_is_a_damaged_statement(field: str) -> None:
    document = statement_to_json(samples.rich())
    del document[field]
    with pytest.raises(VerificationError, match=f"a field is missing or damaged.*{field}"):
        statement_from_json(document)
    with pytest.raises(VerificationError, match="a field is missing or damaged"):
        statement_from_json({**statement_to_json(samples.rich()), field: 1.5})


@pytest.mark.parametrize(
    ("place", "value", "named"),
    [
        (("licensee", "name"), 3, "`$.licensee.name`"),
        (("issued_on",), {}, "`$.issued_on`"),
        (("rights_revision",), True, "`$.rights_revision`"),
        (("lines", 0, "usages"), 10**19, "`$.lines[0].usages`"),
        (("lines", 0, "kind"), "owed", "kind 'owed' is none of payable,"),
        (("currency",), "EU", "currency 'EU'"),
        (("usage", 0, "currency"), "XXQ", "currency 'XXQ'"),
        (("lines", 0, "number"), "1", "`$.lines[0].number`"),
        (("titles", 0, 3), None, "`$.titles[0][3]`"),
        (("lines", 0, "gross"), 1, "`$.lines[0].gross`"),
        (("lines", 0, "net"), "1e3", "not a decimal number such as"),
        (("conversions", 0, "rate"), "1", "conversions"),
        (("usage", 0, "revenue"), "1/0", "Fraction(1, 0)"),
        (("uses", 0, "track", "duration_ms"), 1.5, "`$.track_ms`"),
        (("uses", 0, "attributed_us"), 10**19, "`$.attributed_us`"),
        (("uses", 0, "confidence"), "NaN", "confidence NaN"),
        (("uses", 0, "spans", 0), "abc", "a field is missing or damaged"),
    ],
)
def test_a_field_of_another_type_is_a_damaged_statement(
    place: tuple[str | int, ...], value: object, named: str
) -> None:
    document = json.loads(statement_bytes(samples.rich()))
    holder = document
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = value
    with pytest.raises(VerificationError, match=re.escape(named)):
        statement_from_json(document)


def test_numbers_that_are_none_are_no_json() -> None:
    data = statement_bytes(samples.rich())
    for text in (b'{"more":NaN,', b'{"more":1e999,', b'{"id":"",', b'{"more":' + b"[" * 70 + b"]" * 70 + b","):
        with pytest.raises(StatementError, match="not JSON in UTF-8"):
            parse_statement(text + data[1:])


def test_text_that_is_no_unicode_is_refused_in_words() -> None:
    statement = samples.assemble([("DE", MASTER, "held", "", "R\udcff", "", "", "", (samples.part("", 1),))])
    with pytest.raises(StatementError, match="text that is no Unicode"):
        statement_bytes(statement)
    escaped = statement_bytes(samples.rich()).replace(b"Zweites", b"\\ud800", 1)
    with pytest.raises(StatementError, match="text that is no Unicode"):
        parse_statement(escaped)


def test_a_row_of_the_csv_is_a_line_and_its_numbers_are_numbers() -> None:
    for currency, decimals in (("EUR", 2), ("JPY", 0), ("KWD", 3)):
        statement = samples.rich(currency)
        data = statement_csv(statement)
        assert data.count(b"\r\n") >= len(statement.lines) + 1
        rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
        assert [int(row["line"]) for row in rows if row["line"] != "0"] == [line.number for line in statement.lines]
        for row, line in zip(rows, statement.lines, strict=False):
            assert Decimal(row["gross"]) == Decimal(str(line.gross))
            assert len(row["gross"].partition(".")[2]) >= decimals
            assert Decimal(row["gross"]) - Decimal(row["deductions"]) == Decimal(row["net"])
            assert Decimal(row["seconds"]) * 1_000_000 == line.attributed_us
        assert any(row["gross"].startswith("-") for row in rows)
        for balance in statement.balances:
            of_payee = [Decimal(row["net"]) for row in rows if row["payee_id"] in (balance.party_id,)]
            assert sum(of_payee) == Decimal(str(balance.paid))


def test_each_adjustment_is_a_row_with_the_statement_that_it_is_to() -> None:
    statement = samples.rich()
    rows = list(csv.DictReader(io.StringIO(statement_csv(statement).decode(), newline="")))
    of_lines, found = rows[: len(statement.lines)], [row for row in rows if row["kind"] == "adjustment"]
    assert {row["adjusted_statement"] for row in of_lines} == {""}
    columns = ("payee_id", "adjusted_kind", "adjusted_period", "adjusted_statement", "recording_id", "right", "net")
    assert [tuple(row[column] for column in columns) for row in found] == [
        (one.party_id, one.kind, one.period, one.statement_id, one.recording_id, one.right, one.amount.text("EUR"))
        for one in statement.adjustments
    ]
    assert [row["reason"] for row in found] == [one.reason for one in statement.adjustments]
    summed = list(csv.DictReader(io.StringIO(statement_csv(statement, COLUMNS[:-3]).decode(), newline="")))
    assert [(row["payee_id"], row["net"]) for row in summed if row["kind"] == "adjustments"] == [
        (one.party_id, one.adjustments.text("EUR")) for one in statement.balances if one.adjustments
    ]


def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe() -> None:
    rows = list(csv.DictReader(io.StringIO(statement_csv(samples.rich()).decode(), newline="")))
    assert {row["payee_name"] for row in rows if row["payee_id"] == "P-BO/../X"} == {"'" + samples.HOSTILE}
    assert {row["recording_title"] for row in rows if row["recording_id"] == "R2"} == {"'-2+3 (Second)"}
    texts = [row[column] for row in rows for column in ("payee_name", "recording_title", "reason", "payee_id")]
    assert not [text for text in texts if text.startswith(("=", "+", "-", "@"))]


def test_the_parquet_file_has_the_rows_with_real_types_and_the_digest() -> None:
    statement = samples.rich("KWD")
    rows, metadata = read_parquet(statement_parquet(statement))
    assert metadata["statement_digest"] == statement_digest(statement)
    of_lines = rows[: len(statement.lines)]
    assert [row["gross_exact"] for row in of_lines] == [line.gross.text("KWD") for line in statement.lines]
    assert all(abs(row["gross"] - Decimal(row["gross_exact"])) < Decimal("1e-18") for row in rows)
    assert rows[0]["period_end"] == date(2026, 9, 30)
    assert isinstance(rows[0]["usages"], int)
    assert {row["payee_name"] for row in rows if row["payee_id"] == "P-BO/../X"} == {samples.HOSTILE}
    assert statement_parquet(statement) == statement_parquet(samples.rich("KWD"))
    with pytest.raises(VerificationError, match="no Parquet file"):
        read_parquet(b"PAR1")
    with pytest.raises(VerificationError, match="or a damaged one"):  # a name of a column that is no UTF-8
        read_parquet(statement_parquet(statement).replace(b"payee_id", b"paye\xf6_id"))
