"""From exact amounts to who is owed them: each amount is divided by right, work and share.

In come allotments and rights; out come *entries*: the key of a line and what one allotment adds to it. The day for
shares is the day of generation where that lies in the period, else the first day of the period.

- Paid (`claimed`, `resolved`): the master by the shares of the recording; each right of the works first by the works'
  parts of the recording, then by the shares in that right of each work. Shares above 100 % hold the whole of it
  (`overclaim`); what is missing to 100 %, and shares that name no party, is `unclaimed`. A work in dispute is `held`.
- Not yet paid (`review`, `disputed`, `unresolved`): `held`, by right, not divided further.
- No use accounts for it: `unmatched`, by right.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from sourceprint.royalties.money import format_percent, largest_remainder
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.records import MASTER, WHOLE
from sourceprint.royalties.rights.rights import Rights
from sourceprint.royalties.statements.amounts.allocation import Allotment
from sourceprint.royalties.statements.statement import Contribution, LineKey
from sourceprint.royalties.uses.use import Use

__all__ = ["Division", "LineEntry"]

PAID_STATES = frozenset({"claimed", "resolved"})


@dataclass(frozen=True, slots=True)
class LineEntry:
    """What one allotment adds to one line, and why nobody is paid where that is so."""

    key: LineKey
    contribution: Contribution
    reason: str


@dataclass(frozen=True, slots=True)
class _Holder:
    kind: str
    party_id: str
    millionths: int
    share_id: str
    reason: str


class Division:
    """Divides allotments, with the shares of one reading of the rights and one period."""

    def __init__(self, rights: Rights, period: Period) -> None:
        self._rights = rights
        self._period = period
        self._holders: dict[tuple[str, str, str, date], tuple[_Holder, ...]] = {}

    def entries(self, allotment: Allotment) -> Iterator[LineEntry]:
        """Yield the entries of one allotment; their exact amounts sum to its amount x the sum of its rights."""
        use = allotment.use
        for right, right_millionths in allotment.rights:
            if use is None or not allotment.matched:
                yield _entry(allotment, right, right_millionths, _Holder("unmatched", "", WHOLE, "", allotment.reason))
            elif use.state not in PAID_STATES:
                work_id = use.work_ids[0] if right != MASTER and len(use.work_ids) == 1 else ""
                holder = _Holder("held", "", WHOLE, "", f"{use.state}: {use.state_rule}")
                yield _entry(allotment, right, right_millionths, holder, use.recording_id, work_id)
            elif right == MASTER:
                for holder in self._master(use, allotment.territory):
                    yield _entry(allotment, right, right_millionths, holder, use.recording_id)
            else:
                yield from self._works(allotment, use, right, right_millionths)

    def _master(self, use: Use, territory: str) -> tuple[_Holder, ...]:
        if not use.recording_id:
            return (_Holder("unclaimed", "", WHOLE, "", "no recording on file"),)
        return self._of(use.recording_id, MASTER, territory, self._day(use))

    def _works(self, allotment: Allotment, use: Use, right: str, right_millionths: int) -> Iterator[LineEntry]:
        if use.recording_id:
            weights = dict(self._rights.work_weights.get(use.recording_id, {}))
        else:
            weights = largest_remainder(WHOLE, dict.fromkeys(use.work_ids, 1)) if use.work_ids else {}
        if not weights:
            nobody = _Holder("unclaimed", "", WHOLE, "", "no work on file")
            yield _entry(allotment, right, right_millionths, nobody, use.recording_id)
        for work_id, weight in sorted(weights.items()):
            for holder in self._of(work_id, right, allotment.territory, self._day(use)):
                yield _entry(allotment, right, right_millionths, holder, use.recording_id, work_id, weight)

    def _day(self, use: Use) -> date:
        generated_on = date.fromisoformat(use.generated_on)
        return generated_on if generated_on in self._period else self._period.start

    def _of(self, subject_id: str, right: str, territory: str, day: date) -> tuple[_Holder, ...]:
        """Return who holds a right in a recording or work, there and then; their parts sum to the whole."""
        known = (subject_id, right, territory, day)
        if known not in self._holders:
            self._holders[known] = self._found(*known)
        return self._holders[known]

    def _found(self, subject_id: str, right: str, territory: str, day: date) -> tuple[_Holder, ...]:
        work = None if right == MASTER else self._rights.works.get(subject_id)
        if work is not None and work.disputed == "yes":
            return (_Holder("held", "", WHOLE, "", f"work {subject_id} is in dispute"),)
        table = self._rights.master_shares if right == MASTER else self._rights.work_shares
        shares = [s for s in table.get(subject_id, ()) if s.right == right and s.holds(territory, day)]
        total = sum(share.millionths for share in shares)
        if total > WHOLE:
            claims = ", ".join(f"{share.party_id or 'unknown'} {format_percent(share.millionths)}" for share in shares)
            reason = f"shares of {subject_id} sum to {format_percent(total)}: {claims}"
            return (_Holder("overclaim", "", WHOLE, "", reason),)
        holders = [
            _Holder("payable", share.party_id, share.millionths, share.id, "")
            if share.party_id
            else _Holder(
                "unclaimed", "", share.millionths, share.id, f"share {share.id} of {subject_id} names no party"
            )
            for share in shares
        ]
        if total < WHOLE:
            reason = (
                f"shares of {subject_id} sum to {format_percent(total)}"
                if shares
                else f"no shares of {subject_id} on file"
            )
            holders.append(_Holder("unclaimed", "", WHOLE - total, "", reason))
        return tuple(holders)


def _entry(
    allotment: Allotment,
    right: str,
    right_millionths: int,
    holder: _Holder,
    recording_id: str = "",
    work_id: str = "",
    work_millionths: int = WHOLE,
) -> LineEntry:
    key = (allotment.territory, right, holder.kind, holder.party_id, recording_id, work_id, allotment.licence_id)
    return LineEntry(
        key,
        Contribution(
            use_id=allotment.use.id if allotment.use else "",
            method=allotment.method,
            amount=allotment.amount,
            right_millionths=right_millionths,
            work_millionths=work_millionths,
            share_millionths=holder.millionths,
            share_id=holder.share_id,
            basis=allotment.basis,
        ),
        holder.reason,
    )
