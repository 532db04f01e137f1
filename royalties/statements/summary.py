"""A statement on one screen: what is owed to whom, what is not paid and why, and the proof that it adds up.

Also the list of the statements that were issued, one per line.
"""

from collections.abc import Iterable, Sequence

from fingerprint.errors import printable
from index.tables import table
from royalties.money import format_amount
from royalties.statements.issued import StatementEntry
from royalties.statements.statement import KINDS, Statement

__all__ = ["statement_text", "statements_text"]

_SHOWN_DIGEST = len("sha256:") + 12
_MEANING = {
    "payable": "owed to the parties above, before deductions",
    "unclaimed": "owed, but nobody is on file for it",
    "overclaim": "held: the shares on file exceed 100 %",
    "held": "held: the use is in review, disputed or unresolved",
    "unmatched": "no use accounts for it: it stays with the licensee",
}


def statement_text(statement: Statement) -> str:
    """Return the summary of a statement as text, without a line break at the end; all of it is in the statement."""
    money = _Money(statement.currency)
    names = {party.id: party.name for party in statement.parties}
    payees = [("payee", "opening", "lines", "adjusted", "paid", "carried")] + [
        (
            f"{printable(names.get(balance.party_id, ''))} ({printable(balance.party_id)})",
            *(
                money(amount)
                for amount in (balance.opening, balance.lines, balance.adjustments, balance.paid, balance.closing)
            ),
        )
        for balance in statement.balances
    ]
    proof = [("territory", "right", "total", "sum of lines")] + [
        (total.territory, total.right, money(total.total), money(total.lines_sum)) for total in statement.totals
    ]
    by_kind = {kind: [line for line in statement.lines if line.kind == kind] for kind in KINDS}
    kinds = [("lines", "number", "gross", "")] + [
        (kind, str(len(lines)), money(sum(line.gross for line in lines)), _MEANING[kind])
        for kind, lines in by_kind.items()
        if lines
    ]
    holds = all(total.total == total.lines_sum for total in statement.totals)
    total = sum(total.total for total in statement.totals)
    return "\n".join(
        [
            f"{statement.id}: {printable(statement.licensee.name)} for {statement.period}, in {statement.currency}",
            "",
            *_aligned(payees),
            "",
            *_aligned(kinds, left=(0, 3)),
            *([f"outside any licence: {len(statement.outside)}, by use and territory"] if statement.outside else []),
            "",
            *_aligned(proof, left=(0, 1)),
            f"sum of lines = total in each: {'yes' if holds else 'NO'}; together {money(total)} {statement.currency}",
        ]
    )


def statements_text(entries: Iterable[StatementEntry]) -> str:
    """Return the statements that were issued as a table, in the order given; digests are cut, ids are not."""
    rows: list[Sequence[str]] = [("statement", "licensee", "period", "currency", "issued on", "by", "digest")]
    for one in entries:
        texts = (one.id, one.licensee, one.period, one.currency, one.issued_on, one.issued_by)
        rows.append((*map(printable, texts), one.digest[:_SHOWN_DIGEST]))
    return table(rows)


class _Money:
    def __init__(self, currency: str) -> None:
        self._currency = currency

    def __call__(self, amount: int) -> str:
        return format_amount(amount, self._currency)


def _aligned(rows: Sequence[Sequence[str]], *, left: Sequence[int] = (0,)) -> Iterable[str]:
    """Yield a table: the columns named to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  " + "  ".join(cells).rstrip()
