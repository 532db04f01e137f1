"""Adjustments by hand to closed statements, read from a table that a person writes.

CSV, TSV or XLSX, one row for each adjustment, columns in any order:

    statement                party_id  amount  reason            licence_id  recording_id  work_id  right   territory
    S-P-GEN-2026-Q1-0123...  P-LABEL   -12.50  settled on 3 May  LIC-1       R1                     Master  DE

The first four are needed. `amount` is in the currency of the statement, with its decimals: added to the party's
balance, or taken from it. A statement that is still open is not adjusted by hand: it is computed again with every later
one.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection, Select, select

from fingerprint.errors import ParameterError, RightsError, StatementError, printable
from sourceprint.royalties.money import ZERO, Amount, parse_amount
from sourceprint.royalties.rights.schema import party as party_table
from sourceprint.royalties.statements.amounts.lines import Adjustment, key_of
from sourceprint.royalties.statements.register import StatementHead
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.territories import WORLDWIDE, validate_territory
from sourceprint.sheets.typed_rows import typed_rows

__all__ = ["HandAdjustment", "adjusted_by_hand", "corrections_in", "read_corrections"]

_NEEDED = ("statement", "party_id", "amount", "reason")
_COLUMNS = (*_NEEDED, "licence_id", "recording_id", "work_id", "right", "territory")
_LONGEST_REASON = 2000
_BY_HAND = "by hand: "


@dataclass(frozen=True, slots=True)
class HandAdjustment:
    """One row: `amount` as it was written, the other fields as in `Adjustment`."""

    statement: str
    party_id: str
    amount: str
    reason: str
    licence_id: str = ""
    recording_id: str = ""
    work_id: str = ""
    right: str = ""
    territory: str = WORLDWIDE


def read_corrections(path: Path) -> tuple[HandAdjustment, ...]:
    """Return the rows of a table of adjustments.

    Raises
    ------
    RightsError
        As `typed_rows`; also if there is no row.
    """
    found, _ = typed_rows(path, _COLUMNS, [(name,) for name in _NEEDED], lambda _: _correction)
    if not found:
        raise RightsError(f"{printable(path)}: no rows under the header; leave the file out")
    return found


def adjusted_by_hand(
    connection: Connection,
    corrections: Iterable[HandAdjustment],
    heads: Sequence[StatementHead],
    *,
    is_closed: Callable[[StatementHead], bool],
    statement_of: Callable[[StatementHead], Statement],
    so_far: Callable[[StatementHead], Iterable[Adjustment]],
) -> tuple[Adjustment, ...]:
    """Return the adjustments of a table, in its order.

    Parameters
    ----------
    connection : Connection
        Inside a transaction of `Database`.
    corrections : iterable of HandAdjustment
    heads : sequence of StatementHead
        The statements before the one that carries the adjustments.
    is_closed : callable
        Whether a statement is not computed again any more.
    statement_of : callable
        A statement with its lines.
    so_far : callable
        Adjustments that were made to a statement.

    Raises
    ------
    StatementError
        If a statement is not on file or still open, a party is not on file, or an amount is nothing or too fine.
    """
    known = {head.id: head for head in heads}
    made: list[Adjustment] = []
    for one in corrections:
        name = f"adjustment of {printable(one.statement)!r:.120}"
        head = known.get(one.statement)
        if head is None:
            raise StatementError(
                f"{name}: no statement of this id was issued before; `sourceprint statements` lists them"
            )
        if not is_closed(head):
            raise StatementError(
                f"{name}: is open, and computed again with every later statement; correct the rights, uses or usage "
                "that it is made from, and the next statement carries the difference"
            )
        if connection.scalar(_current_party(one.party_id)) is None:
            raise StatementError(f"{name}: party {printable(one.party_id)!r:.80} is not on file; check the id")
        try:
            minor = parse_amount(one.amount, head.currency)
        except ParameterError as error:
            raise StatementError(f"{name}: {error}") from error
        if not minor:
            raise StatementError(f"{name}: the amount is 0; leave the row out")
        amount = Amount.of_minor(minor, head.currency)
        made.append(_adjustment(one, head, amount, statement_of(head), [*so_far(head), *made]))
    return tuple(made)


def corrections_in(statement: Statement) -> tuple[HandAdjustment, ...]:
    """Return the adjustments by hand that a statement was issued with, as they were read."""
    return tuple(
        HandAdjustment(
            one.statement_id,
            one.party_id,
            one.amount.text(statement.currency),
            one.reason.removeprefix(_BY_HAND),
            one.licence_id,
            one.recording_id,
            one.work_id,
            one.right,
            one.territory,
        )
        for one in statement.adjustments
        if one.by_hand
    )


def _correction(_line: int, values: dict[str, str]) -> HandAdjustment:
    if empty := [name for name in _NEEDED if not values.get(name)]:
        raise ParameterError(f"{empty[0]} is empty; every row needs one")
    if len(values["reason"]) > _LONGEST_REASON:
        raise ParameterError(f"reason: has {len(values['reason'])} characters, at most {_LONGEST_REASON}")
    territory = validate_territory(values["territory"]) if values.get("territory") else WORLDWIDE
    return HandAdjustment(**{**values, "territory": territory, "reason": printable(values["reason"])})


def _current_party(party_id: str) -> Select[tuple[str]]:
    return select(party_table.c.id).where(party_table.c.id == party_id, party_table.c.until.is_(None))


def _adjustment(
    one: HandAdjustment, head: StatementHead, amount: Amount, statement: Statement, before: Iterable[Adjustment]
) -> Adjustment:
    made = Adjustment(
        period=head.period.label,
        statement_id=head.id,
        kind="payable",
        party_id=one.party_id,
        recording_id=one.recording_id,
        work_id=one.work_id,
        right=one.right,
        territory=one.territory,
        licence_id=one.licence_id,
        stated=ZERO,
        now=amount,
        amount=amount,
        reason=_BY_HAND + one.reason,
        by_hand=True,
    )
    stated = ZERO
    for line in statement.lines:
        if key_of(line) == key_of(made):
            stated += line.net
    for adjustment in before:
        if adjustment.statement_id == head.id and key_of(adjustment) == key_of(made):
            stated += adjustment.amount
    return replace(made, stated=stated, now=stated + amount)
