"""The register of issued statements: each entered once, as canonical JSON with its digest, and never changed.

A statement's files can be written from it again, byte for byte. As text: the list of issued statements, one per line,
and one statement on one screen: amounts owed by payee, unpaid amounts with the reason, and the proof of the sums.
"""

import hashlib
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    cast,
    func,
    insert,
    literal_column,
    select,
    update,
)

from fingerprint.errors import UnknownRightsError, printable
from sourceprint.royalties.deals.volumes import steps_text
from sourceprint.royalties.money import ZERO, Amount, shown_decimals, sum_of
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.chain.entries import unpacked
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.schema import in_order, statement_part
from sourceprint.royalties.rights.schema import statement as statement_table
from sourceprint.royalties.statements.amounts.lines import KINDS
from sourceprint.royalties.statements.files.statement_json import (
    DIGEST,
    CarriedOn,
    carried_of,
    digest_piece,
    parse_statement,
    pieces_of,
    statement_digest,
)
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.uses.ledger import current_uses
from sourceprint.royalties.uses.states import PAYING
from sourceprint.royalties.uses.usage import NOT_SCANNED, Usage
from sourceprint.signatures import PublicKey
from sourceprint.text.tables import counted, table

__all__ = [
    "StatementEntry",
    "StatementHead",
    "carried_from",
    "document_of",
    "heads_of",
    "keep_statement",
    "list_statements",
    "load_statement",
    "statement_at",
    "statement_of_period",
    "statement_text",
    "statements_of",
    "statements_text",
    "unreported_tracks",
]

_ROW = statement_table.c
_UTF_8: ColumnElement[str] = literal_column("'UTF8'")
_SHOWN_TRACKS = 10
_SHOWN_DIGEST = len("sha256:") + 12
_OUTSIDE = {"opted_out": "opted out, and used all the same", "term_ended": "past the term of the recording"}
_MEANING = {
    "payable": "owed to the parties above, before deductions",
    "unclaimed": "owed, but nobody is on file for it",
    "overclaim": "held: the shares on file exceed 100 %",
    "held": "held: the use or licence is in doubt; see each line",
    "unmatched": "no use accounts for it: it stays with the licensee",
}


@dataclass(frozen=True, slots=True)
class StatementEntry:
    """One row of the list of statements, without the statement's content."""

    id: str
    licensee: str
    currency: str
    period: str
    issued_on: str
    issued_at: str
    issued_by: str
    digest: str


@dataclass(frozen=True, slots=True)
class StatementHead:
    """The identity of a statement on file, without its content."""

    row_id: int
    id: str
    period: Period
    issued_on: str
    currency: str


def load_statement(database: Database, statement_id: str) -> Statement:
    """Return a statement that was issued.

    Raises
    ------
    UnknownRightsError
        If there is none with this id.
    VerificationError
        If the row was changed since it was kept.
    """
    with database.reading() as connection:
        row_id = connection.scalar(select(_ROW.row_id).where(_ROW.id == statement_id))
        if row_id is not None:
            return statement_at(connection, row_id)
    raise UnknownRightsError(
        f"statement {printable(statement_id)!r:.120}: was not issued from this database; `sourceprint statements` "
        "lists those that were"
    )


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


def issued_within(database: Database, licensee: str, period: Period) -> list[StatementEntry]:
    """Return the statements of a licensee that were issued for days of a period, in the order of issue."""
    return [
        one
        for one in list_statements(database, licensee)
        if (known := Period.parse(one.period)).start <= period.end and period.start <= known.end
    ]


def unreported_tracks(database: Database, statement: Statement) -> list[str]:
    """Return the tracks with uses to pay that were generated in the period and are in no row of the report, by name.

    A report without tracks, or with rows for all tracks of a territory, leaves none out.
    """
    usage = Usage(statement.usage, statement.usage_sha256)
    if not usage.names_tracks or usage.territory_rows:
        return []
    reported = {row.sha256 for row in usage.rows}
    with database.reading() as connection:
        uses = current_uses(connection, statement.licensee.id, generated_between=statement.period)
        return sorted({use.track_name for use in uses if use.state in PAYING and use.track_sha256 not in reported})


def heads_of(connection: Connection, licensee: str) -> list[StatementHead]:
    """Return the heads of a licensee's statements, in the order of issue; their content is not read."""
    table = statement_table.c
    query = (
        select(table.row_id, table.id, table.period_label, table.issued_on, table.currency)
        .where(table.licensee == licensee)
        .order_by(table.row_id)
    )
    return [
        StatementHead(row.row_id, row.id, Period.parse(row.period_label), row.issued_on, row.currency)
        for row in connection.execute(query)
    ]


def statements_of(connection: Connection, licensee: str) -> list[Statement]:
    """Return the statements of a licensee, in the order of issue."""
    return [statement_at(connection, head.row_id) for head in heads_of(connection, licensee)]


def statement_at(connection: Connection, row_id: int) -> Statement:
    """Return the statement in a row that `heads_of` named."""
    return parse_statement(document_of(connection, row_id))


def statement_of_period(connection: Connection, licensee: str, period: Period) -> Statement | None:
    """Return the statement that was issued to a licensee for a period; None where none was."""
    column = statement_table.c
    query = select(column.row_id).where(
        column.licensee == licensee,
        column.period_start == period.start.isoformat(),
        column.period_end == period.end.isoformat(),
    )
    row_id = connection.scalar(query)
    return None if row_id is None else statement_at(connection, row_id)


def carried_from(connection: Connection, row_id: int) -> CarriedOn:
    """Return the balances and other values that later statements carry on, from the row of a `StatementHead`."""
    digest = connection.execute(select(_ROW.digest).where(_ROW.row_id == row_id)).scalar_one()
    if (carried := carried_of(_pieces(connection, row_id), digest)) is not None:
        return carried
    one = statement_at(connection, row_id)  # from before there were parts, or damaged: that is refused
    return CarriedOn(one.parties, one.balances, one.advances, one.licences, statement_digest(one))


def keep_statement(connection: Connection, statement: Statement, issued_by: str, issued_at: str) -> int:
    """Enter a statement and return its row; when, in UTC, is as `sourceprint.royalties.rights.database.timestamp`."""
    values = {
        "id": statement.id,
        "licensee": statement.licensee.id,
        "currency": statement.currency,
        "period_label": statement.period.label,
        "period_start": statement.period.start.isoformat(),
        "period_end": statement.period.end.isoformat(),
        "issued_on": statement.issued_on,
        "issued_at": issued_at,
        "issued_by": issued_by,
        "document": "",
        "digest": "",
    }
    connection.execute(insert(statement_table), values)
    row_id = connection.execute(select(_ROW.row_id).where(_ROW.id == statement.id)).scalar_one()
    digest = hashlib.sha256()
    for name, piece in pieces_of(statement):
        digest.update(piece)
        _keep_part(connection, row_id, name, piece)
    _keep_part(connection, row_id, DIGEST, digest_piece(digest))
    stated = {"digest": f"sha256:{digest.hexdigest()}"}
    connection.execute(update(statement_table).where(_ROW.row_id == row_id), stated)
    return int(row_id)


def _keep_part(connection: Connection, row_id: int, field: str, piece: bytes) -> None:
    content = zlib.compress(piece, 1)
    connection.execute(insert(statement_part), {"statement_row": row_id, "field": field, "content": content})


def document_of(connection: Connection, row_id: int) -> bytes | bytearray:
    """Return the JSON of a statement from its row, as it was kept; damage shows in its digest."""
    document = bytearray()
    for _, piece in _pieces(connection, row_id):
        document += piece
    return document or connection.execute(select(_as_bytes(connection)).where(_ROW.row_id == row_id)).scalar_one()


def _pieces(connection: Connection, row_id: int) -> Iterator[tuple[str, bytes]]:
    """Yield the kept pieces of a statement with their fields; none of one from before there were any."""
    part = statement_part.c
    query = select(part.field, part.content).where(part.statement_row == row_id)
    query = query.order_by(in_order(connection, part.field), part.row_id).execution_options(yield_per=1)
    for field, content in connection.execute(query):
        yield field, b"".join(unpacked(content))


def _as_bytes(connection: Connection) -> ColumnElement[bytes]:
    """Return the column of statements' documents as bytes in UTF-8: as a text of Python it would be twice as long."""
    if connection.dialect.name == "postgresql":
        return func.convert_to(_ROW.document, _UTF_8, type_=LargeBinary)
    return cast(_ROW.document, LargeBinary)


def statement_text(statement: Statement) -> str:
    """Return the summary of a statement as text, without a line break at the end; all of it is in the statement."""
    names = {party.id: party.name for party in statement.parties}

    def money(amount: Amount) -> str:
        return amount.rounded(shown_decimals(statement.currency)).text(statement.currency)

    recouped = ["recouped"] if any(balance.recouped for balance in statement.balances) else []
    fields = ["opening", "lines", "adjustments", *recouped, "paid", "carried"]
    payees = [("payee", *(field.replace("adjustments", "adjusted") for field in fields))] + [
        (
            f"{printable(names.get(balance.party_id, ''))} ({printable(balance.party_id)})",
            *(money(getattr(balance, field)) for field in fields),
        )
        for balance in statement.balances
    ]
    proof = [("territory", "right", "total", "sum of lines")] + [
        (total.territory, total.right, money(total.total), money(total.lines_sum)) for total in statement.totals
    ]
    by_kind = {kind: [line for line in statement.lines if line.kind == kind] for kind in KINDS}
    kinds = [("lines", "number", "gross", "")] + [
        (kind, str(len(lines)), money(sum_of(line.gross for line in lines)), _MEANING[kind])
        for kind, lines in by_kind.items()
        if lines
    ]
    holds = all(total.total == total.lines_sum for total in statement.totals)
    total = sum_of(total.total for total in statement.totals)
    mark = ["PROVISIONAL: not issued, and nothing is owed by it", ""] if statement.provisional else []
    return "\n".join(
        [
            *mark,
            f"{statement.id}: {printable(statement.licensee.name)} for {statement.period}, in {statement.currency}",
            "",
            *_aligned(payees),
            *_advances(statement),
            *(f"tiers of {printable(pot.licence_id)}, {steps_text(pot)}" for pot in statement.tiers),
            "",
            *_aligned(kinds, left=(0, 3)),
            *_outside(statement),
            *_not_scanned(statement),
            *(f"revenue reported, and not used: {one.text(statement)}" for one in statement.unused_revenue),
            *_opted_out(statement),
            "",
            *_aligned(proof, left=(0, 1)),
            f"sum of lines = total in each: {'yes' if holds else 'NO'}; together {money(total)} {statement.currency}",
            *([f"backdated: {printable(statement.backdated)}"] if statement.backdated else []),
            _signed(statement),
        ]
    )


def _outside(statement: Statement) -> list[str]:
    """Return the number of shares that are not owed, one line per reason: outside, opted out, past its term."""
    found = Counter(_OUTSIDE.get(one.outcome, "outside any licence") for one in statement.outside)
    return [f"{what}: {counted(n, 'share')} of uses, by territory" for what, n in sorted(found.items())]


def _signed(statement: Statement) -> str:
    if not statement.signer:
        return "not signed: this statement does not show who issued it"
    key = PublicKey.parse(statement.signer)
    return f"signed by key {key.id} ({key.name})"


def _not_scanned(statement: Statement) -> list[str]:
    """Return the tracks that usage is reported of and no scan is of, in a line."""
    names = sorted({row.track or row.track_id for row in statement.usage if row.matched_by == NOT_SCANNED})
    if not names:
        return []
    shown = ", ".join(map(printable, names[:_SHOWN_TRACKS]))
    more = f" and {len(names) - _SHOWN_TRACKS} more" if len(names) > _SHOWN_TRACKS else ""
    return [f"reported, not scanned: {shown}{more}"]


def _opted_out(statement: Statement) -> Iterable[str]:
    """Yield the recordings that get nothing of a pool for training, as they are opted out."""
    shown = statement.opted_out[:_SHOWN_TRACKS]
    if shown:
        yield f"opted out of training, and no part of a pool: {counted(len(statement.opted_out), 'recording')}"
    yield from (f"  {printable(one.licence_id)}: {printable(one.reason)}" for one in shown)
    if len(statement.opted_out) > len(shown):
        yield f"  and {len(statement.opted_out) - len(shown)} more; statement.json has all"


def _advances(statement: Statement) -> Iterable[str]:
    """Yield the advances of which something is left, or was recouped or given back just now."""
    currency = statement.currency
    for one in statement.advances:
        now = sum_of(part.now for part in one.recouped)
        if one.balance or now:
            moved = f"{abs(now).text(currency)} {currency} {'given back' if now < ZERO else 'recouped'} now"
            left = f"{one.balance.text(currency)} {currency} left"
            yield f"advance of {printable(one.licence_id)}, {one.stated} paid on {one.paid_on}: {moved}, {left}"


def statements_text(entries: Iterable[StatementEntry]) -> str:
    """Return the statements that were issued as a table, in the order given; digests are cut, ids are not."""
    rows: list[Sequence[str]] = [("statement", "licensee", "period", "currency", "issued on", "by", "digest")]
    for one in entries:
        texts = (one.id, one.licensee, one.period, one.currency, one.issued_on, one.issued_by)
        rows.append((*map(printable, texts), one.digest[:_SHOWN_DIGEST]))
    return table(rows)


def _aligned(rows: Sequence[Sequence[str]], *, left: Sequence[int] = (0,)) -> Iterable[str]:
    """Yield a table: the columns named to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  " + "  ".join(cells).rstrip()
