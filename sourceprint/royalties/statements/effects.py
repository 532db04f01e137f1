"""Compute the changes of money that an attribution would cause, before it is kept, by recording, right and party.

Every issued statement is computed twice: from the ledger as it is, and from the ledger as it would be; in a dry run, so
is every period with usage on file that was not stated. The next statement takes back a party's loss in an issued one,
so the loss needs agreement first.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Connection

from fingerprint.errors import ListedError, RightsError, printable
from sourceprint.royalties.money import ZERO, Amount
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.statements.amounts.exchange import Rates
from sourceprint.royalties.statements.earlier.recomputation import recompute
from sourceprint.royalties.statements.issue import draft_on_file
from sourceprint.royalties.statements.register import heads_of, statements_of
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.statements.usage_reports import reports_of
from sourceprint.royalties.uses.uses_text import AttributionReport
from sourceprint.text.tables import table

__all__ = ["Announcement", "Effect", "effects_text", "effects_to_json"]

_Key = tuple[str, str, str, str, str, str, str, str]


@dataclass(frozen=True, slots=True, order=True)
class Effect:
    """The change for one party, recording or work, and right in one period.

    Attributes
    ----------
    period : str
        Period of usage, as text.
    statement_id : str
        The statement that was issued for it; "" where there is only usage on file.
    currency : str
    kind, party_id, recording_id, work_id, right : str
        As in a line of the statement.
    before, after : Amount
        Net, over all territories and licences, as computed without and with the attribution.
    adjusted_in : tuple of str
        The later statements that stated a part of `before`, as adjustments, in order of issue.
    """

    period: str
    statement_id: str
    currency: str
    kind: str
    party_id: str
    recording_id: str
    work_id: str
    right: str
    before: Amount
    after: Amount
    adjusted_in: tuple[str, ...] = ()

    @property
    def is_claw_back(self) -> bool:
        """Whether a party loses money that a statement owed it."""
        return self.kind == "payable" and bool(self.statement_id) and self.after < self.before


@dataclass(slots=True)
class Announcement:
    """Check an attribution before it is kept, and refuse losses that nobody has agreed to.

    Attributes
    ----------
    database : Database
    licensee : str
        Party id.
    today : date
    dry_run : bool
        Whether the attribution is shown and never kept; losses are then no error.
    accepted : bool
        Whether losses were agreed to.
    effects : list of Effect
        The changes, after the call.
    unknown : list of str
        Periods that cannot be computed, with the reason.
    """

    database: Database
    licensee: str
    today: date
    dry_run: bool = False
    accepted: bool = False
    effects: list[Effect] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def __call__(self, connection: Connection, tracks: Collection[str], report: AttributionReport) -> None:
        """Compute the changes of an attribution; none unless it supersedes uses of stated tracks, or is a dry run.

        Parameters
        ----------
        connection : Connection
            In which the attribution was entered and is not committed yet.
        tracks : collection of str
            SHA-256 of the tracks of which uses were added or superseded.
        report : AttributionReport

        Raises
        ------
        ListedError
            If a party would lose money of an issued statement, and nobody agreed; the message lists all changes.
        """
        if not tracks or not (report.superseded or self.dry_run):
            return
        issued = statements_of(connection, self.licensee)
        if not self.dry_run and not any(use.track_sha256 in tracks for one in issued for use in one.uses):
            return
        with self.database.reading() as before_it:
            before = self._money(before_it, issued)
        after = self._money(connection, issued)
        keys = sorted({*before, *after})
        adjusted = _adjusted(issued)
        found = [
            Effect(*key, before.get(key, ZERO), after.get(key, ZERO), tuple(adjusted.get((key[1], *key[3:]), ())))
            for key in keys
        ]
        self.effects = [effect for effect in found if effect.before != effect.after]
        losses = [effect for effect in self.effects if effect.is_claw_back]
        if losses and not (self.dry_run or self.accepted):
            raise ListedError(
                "these results take back what issued statements owe; nothing was entered. Look at the uses, and give "
                "--yes to enter them: the next statement takes it back\n" + effects_text(self.effects)
            )

    def _money(self, connection: Connection, issued: list[Statement]) -> dict[_Key, Amount]:
        day = self.today.isoformat()
        sums: dict[_Key, Amount] = {}
        try:
            heads = heads_of(connection, self.licensee)
            earlier = recompute(connection, self.licensee, heads, rates=Rates(), issued_on=day, everything=True)
            for statement, again in earlier.again:
                _add(sums, again, statement.id)
        except RightsError as error:
            self._not_known(str(error))
        if not self.dry_run:
            return sums
        stated = {(one.period.start, one.period.end) for one in issued}
        for period in self._reported(connection):
            if (period.start, period.end) not in stated:
                try:
                    _add(sums, draft_on_file(connection, self.licensee, period, issued_on=day), "")
                except RightsError as error:
                    self._not_known(f"{period}: {error}")
        return sums

    def _reported(self, connection: Connection) -> Iterable[Period]:
        return dict.fromkeys(report.period for report in reports_of(connection, self.licensee))

    def _not_known(self, text: str) -> None:
        if text not in self.unknown:
            self.unknown.append(text)


def effects_text(effects: Iterable[Effect]) -> str:
    """Return the changes as a text table: one recording, right and party per line."""
    rows: list[tuple[str, ...]] = [("period", "subject", "right", "party", "before", "after", "change", "", "")]
    for one in effects:
        change = one.after - one.before
        amounts = (amount.text(one.currency) for amount in (one.before, one.after, change))
        party = one.party_id or one.kind
        stated = f"stated in {one.statement_id}" if one.statement_id else "not stated yet"
        stated += f", adjusted in {', '.join(one.adjusted_in)}" if one.adjusted_in else ""
        of = one.recording_id or one.work_id or "no recording"
        kind = "" if one.kind == "payable" or not one.party_id else f", {one.kind}"
        rows.append((one.period, printable(of), one.right, printable(party) + kind, *amounts, one.currency, stated))
    return table(rows)


def effects_to_json(announcement: Announcement) -> dict[str, Any]:
    """Return the changes as plain JSON types; amounts as exact decimal text."""
    return {
        "effects": [
            {
                "period": one.period,
                "statement": one.statement_id or None,
                "adjusted_in": list(one.adjusted_in),
                "currency": one.currency,
                "kind": one.kind,
                "party_id": one.party_id,
                "recording_id": one.recording_id,
                "work_id": one.work_id,
                "right": one.right,
                "before": one.before.text(one.currency),
                "after": one.after.text(one.currency),
            }
            for one in announcement.effects
        ],
        "not_computed": announcement.unknown,
    }


def _adjusted(issued: Iterable[Statement]) -> dict[tuple[str, ...], dict[str, None]]:
    """Return the statements with adjustments, by the adjusted statement and the subject."""
    found: dict[tuple[str, ...], dict[str, None]] = {}
    for statement in issued:
        for one in statement.adjustments:
            about = (one.kind, one.party_id, one.recording_id, one.work_id, one.right)
            found.setdefault((one.statement_id, *about), {})[statement.id] = None
    return found


def _add(sums: dict[_Key, Amount], statement: Statement, statement_id: str) -> None:
    for line in statement.lines:
        names = (line.kind, line.party_id, line.recording_id, line.work_id, line.right)
        key = (statement.period.label, statement_id, statement.currency, *names)
        sums[key] = sums.get(key, ZERO) + line.net
