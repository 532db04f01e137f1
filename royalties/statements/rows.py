"""The lines of a statement with everything spelled out, one row per line, and names for whoever prints them.

A row has the fields of the line, the name and identifiers of the payee, titles and identifiers of recording and work,
and the statement it belongs to. Amounts are whole minor units, time is whole microseconds; each format writes them in
its own way. Rows are in the order of the lines.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from royalties.rights.records import Party
from royalties.statements.statement import Statement

__all__ = ["Names", "StatementRow", "seconds_text", "statement_rows"]


@dataclass(frozen=True, slots=True)
class StatementRow:
    """One line of a statement, spelled out; "" is what there is not.

    Attributes
    ----------
    statement_id, period, period_start, period_end : str
        The statement; first and last day as YYYY-MM-DD.
    line : int
        Number of the line.
    kind, payee_id, payee_name, payee_ipi, payee_isni : str
    recording_id, isrc, recording_title, work_id, iswc, work_title : str
    right, territory, licence_id : str
    usages : int
    attributed_us : int
        Microseconds.
    currency : str
        ISO 4217.
    gross, deductions, net : int
        Minor units; `deductions` is the sum of all.
    reason : str
        Why nobody is paid.
    """

    statement_id: str
    period: str
    period_start: str
    period_end: str
    line: int
    kind: str
    payee_id: str
    payee_name: str
    payee_ipi: str
    payee_isni: str
    recording_id: str
    isrc: str
    recording_title: str
    work_id: str
    iswc: str
    work_title: str
    right: str
    territory: str
    licence_id: str
    usages: int
    attributed_us: int
    currency: str
    gross: int
    deductions: int
    net: int
    reason: str


class Names:
    """Names, titles and codes of what a statement mentions, by id.

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


def statement_rows(statement: Statement) -> Iterator[StatementRow]:
    """Yield the rows of a statement, in the order of its lines."""
    names = Names(statement)
    for line in statement.lines:
        payee = names.party(line.party_id)
        yield StatementRow(
            statement_id=statement.id,
            period=statement.period.label,
            period_start=statement.period.start.isoformat(),
            period_end=statement.period.end.isoformat(),
            line=line.number,
            kind=line.kind,
            payee_id=line.party_id,
            payee_name=payee.name,
            payee_ipi=payee.ipi,
            payee_isni=payee.isni,
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
            attributed_us=line.attributed_us,
            currency=statement.currency,
            gross=line.gross,
            deductions=sum(deducted.amount for deducted in line.deductions),
            net=line.net,
            reason=line.reason,
        )


def seconds_text(microseconds: int) -> str:
    """Return a length of time in seconds, exactly, with six decimals.

    Examples
    --------
    >>> seconds_text(21_300_000), seconds_text(7)
    ('21.300000', '0.000007')
    """
    sign = "-" if microseconds < 0 else ""
    whole, rest = divmod(abs(microseconds), 1_000_000)
    return f"{sign}{whole}.{rest:06d}"
