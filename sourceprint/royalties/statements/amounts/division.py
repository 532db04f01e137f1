"""Divide the amounts of uses among owners: share by share, each under the licence that covers it.

The inputs are priced uses. The results are *entries*, the key of a line and the amount that one use adds to it, and
the shares that no licence permits.

===================  ===================================================================================================
a share is           and its amount is
===================  ===================================================================================================
licensed             its part of the use's allotment, by right, work and share: `payable` to its party, or
                     `unclaimed`, `overclaim` or `held` as the share is; `held` while the use is under review, disputed
                     or unresolved
covered by several   `held`, under the licence of the largest amount; all are named
outside, unlicensed  nothing; it is listed in `outside`
===================  ===================================================================================================

Of a use that may be of several recordings, each right is held as for the recording that would get most for it; it is
listed as outside where none of them would get anything.

A licence that goes by revenue accounts for all of its part: the rest after its shares is `unmatched` under it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from sourceprint.royalties.money import ZERO, Amount
from sourceprint.royalties.rights.licences import Licence
from sourceprint.royalties.rights.records import MASTER, WHOLE
from sourceprint.royalties.statements.amounts.allocation import Allotment, PricedUse
from sourceprint.royalties.statements.amounts.lines import Contribution, LineKey
from sourceprint.royalties.statements.amounts.weights import WORKS_ONLY, is_owed
from sourceprint.royalties.statements.statement import OutsideShare
from sourceprint.royalties.uses.shares import JudgedShare
from sourceprint.royalties.uses.terms import OUTCOMES, ShareOutcome

__all__ = ["Division", "LineEntry"]

PAID_STATES = frozenset({"claimed", "resolved"})
_NOT_LICENSED = "without a licence"
_NO_LICENCE = ShareOutcome("no_licence")


@dataclass(frozen=True, slots=True)
class LineEntry:
    """The amount that one use adds to one line, its terms, and the reason if nobody is paid.

    `held_for` is the party whose share is held; "" where none is, or not that of one alone.
    """

    key: LineKey
    contribution: Contribution
    terms: Licence
    reason: str
    held_for: str = ""


@dataclass(frozen=True, slots=True)
class _Claim:
    """A share and where its money goes: under which licence, as which kind of line; "" under none."""

    share: JudgedShare
    licence_id: str
    kind: str
    reason: str


class Division:
    """Divides priced uses.

    Attributes
    ----------
    outside : dict of OutsideShare
        Shares that no licence permits, in the order found.
    contested : set of str
        Licences that permit a share which they hold up together.
    allotted : dict of (str, str) to Amount
        By territory and right: the amount to divide.
    """

    def __init__(self) -> None:
        self.outside: dict[OutsideShare, None] = {}
        self.contested: set[str] = set()
        self.allotted: dict[tuple[str, str], Amount] = {}

    def entries(self, priced: PricedUse) -> Iterator[LineEntry]:
        """Yield the entries of one priced use."""
        claims = list(_claims(priced)) if priced.use is not None else []
        for claim in claims:
            if not claim.licence_id:
                self._list(priced, claim.share)
            elif claim.share.outcome.outcome == "held":
                self.contested.update(claim.share.outcome.licence_ids)
        # A licence by revenue without any allotment: nothing is reported of the track but no usages.
        covered = [claim for claim in claims if claim.licence_id in priced.allotments]
        is_open = priced.use is not None and priced.use.state not in PAID_STATES
        for claim in _by_right(covered) if is_open else covered:
            yield _entry(priced, priced.allotments[claim.licence_id], claim)
        for licence_id, allotment in priced.allotments.items():
            mine = [claim for claim in covered if claim.licence_id == licence_id]
            if allotment.by_rate:
                for claim in mine:
                    self._count(priced.territory, claim.share.right, _amount(priced, claim.share, licence_id))
            else:
                yield from self._rest(priced, allotment, mine, claims)

    def _rest(
        self, priced: PricedUse, allotment: Allotment, mine: Sequence[_Claim], claims: Sequence[_Claim]
    ) -> Iterator[LineEntry]:
        """Yield the rest of a licence that accounts for revenue: it is owed to nobody under it."""
        licence_id = allotment.terms.id
        for right, millionths in allotment.terms.rate_card.rights:
            is_alone = priced.owed == WORKS_ONLY and priced.is_alone and right == MASTER
            if not is_alone and not is_owed(right, priced.owed):
                continue
            self._count(priced.territory, right, allotment.amount.times(millionths))
            reason = priced.reason or ("composition only" if is_alone else "")
            reason = reason or _elsewhere(priced, licence_id, right, claims)
            for weight, over in _left(right, mine, claims):
                share = JudgedShare(right, "", "", weight, "unmatched", "", "", over, "", _NO_LICENCE)
                kind = "held" if priced.is_held else "unmatched"
                yield _entry(priced, allotment, _Claim(share, licence_id, kind, reason))

    def _count(self, territory: str, right: str, amount: Amount) -> None:
        self.allotted[territory, right] = self.allotted.get((territory, right), ZERO) + amount

    def _list(self, priced: PricedUse, share: JudgedShare) -> None:
        outcome = share.outcome
        is_certain = priced.use is not None and not priced.use.candidates
        one = OutsideShare(
            use_id=priced.use.id if priced.use else "",
            territory=priced.territory,
            outcome=outcome.outcome,
            licence_id=outcome.licence_ids[0] if outcome.licence_ids else "",
            rule=outcome.rule,
            right=share.right,
        )
        if is_certain:
            one = replace(
                one,
                recording_id=share.recording_id,
                work_id=share.work_id,
                party_id=share.party_id,
                share_id=share.share_id,
                work_millionths=share.work_millionths,
                share_millionths=share.millionths,
            )
        self.outside.setdefault(one)


def _by_right(claims: Iterable[_Claim]) -> Iterator[_Claim]:
    """Yield one claim for all shares of a right in a work under one licence: they are held together."""
    held: dict[tuple[str, ...], _Claim] = {}
    for claim in claims:
        key = (claim.licence_id, claim.share.right, claim.share.work_id, claim.reason)
        before = held[key].share.millionths if key in held else 0
        whole = before + claim.share.millionths
        held[key] = replace(claim, share=replace(claim.share, millionths=whole, share_id="", party_id=""))
    yield from held.values()


def _left(right: str, mine: Iterable[_Claim], claims: Iterable[_Claim]) -> Iterator[tuple[int, int]]:
    """Yield the rest of a right after some claims: a work's part, and the part of the right in it, in millionths."""
    weights = {one.share.work_id: one.share.work_millionths for one in claims if one.share.right == right}
    taken: dict[str, int] = {}
    for claim in mine:
        if claim.share.right == right:
            taken[claim.share.work_id] = taken.get(claim.share.work_id, 0) + claim.share.millionths
    if not taken:
        yield WHOLE, WHOLE
        return
    for work_id, weight in sorted(weights.items()):
        if over := WHOLE - taken.get(work_id, 0):
            yield weight, over
    if others := WHOLE - sum(weights.values()):  # works in which nobody has or prices such a right
        yield others, WHOLE


def _claims(priced: PricedUse) -> Iterator[_Claim]:
    """Yield where the money of each share goes; of the reading that gets most for a right, where there are several."""
    use = priced.use
    readings = [
        [_claim(priced, share) for share in shares if is_owed(share.right, priced.owed)] for shares in priced.readings
    ]
    if use is None or len(readings) == 1:
        yield from (claim for claims in readings for claim in claims)
        return
    for right in sorted({claim.share.right for claims in readings for claim in claims}):
        of_right = [[claim for claim in claims if claim.share.right == right] for claims in readings]
        yield from max(of_right, key=lambda claims: _worth(priced, claims))  # the first of equals


def _claim(priced: PricedUse, share: JudgedShare) -> _Claim:
    outcome = share.outcome
    if outcome.outcome not in ("licensed", "held"):
        return _Claim(share, "", "", "")
    kind, reason, licence_id = share.kind, share.reason, outcome.licence_ids[0]
    if outcome.outcome == "held":
        licence_id = max(outcome.licence_ids, key=lambda one: _amount(priced, share, one))  # the first of equals
        whose = f"{share.party_id}: " if share.party_id else ""
        kind, reason = "held", f"{whose}{outcome.rule}"
    if priced.use is not None and priced.use.state not in PAID_STATES:
        kind, reason = "held", f"{priced.use.state}: {priced.use.state_rule}"
        if outcome.outcome == "held":
            reason = f"{reason}; {outcome.rule}"
    return _Claim(share, licence_id, kind, reason)


def _amount(priced: PricedUse, share: JudgedShare, licence_id: str) -> Amount:
    """Return the amount of a share under a licence."""
    if licence_id not in priced.allotments:
        return ZERO
    allotment = priced.allotments[licence_id]
    part = dict(allotment.terms.rate_card.rights).get(share.right, 0)
    return allotment.amount.times(part, share.work_millionths, share.millionths)


def _worth(priced: PricedUse, claims: Iterable[_Claim]) -> tuple[int, Amount, int]:
    """Return a sort key for readings of one right: any licence at all, the money, how near to a licence."""
    total, best, licensed = ZERO, len(OUTCOMES), 0
    for claim in claims:
        best = min(best, OUTCOMES.index(claim.share.outcome.outcome))
        if claim.licence_id:
            licensed = 1
            total += _amount(priced, claim.share, claim.licence_id)
    return licensed, total, -best


def _elsewhere(priced: PricedUse, licence_id: str, right: str, claims: Iterable[_Claim]) -> str:
    """Return why the shares of a right are not paid under a licence that has it on its rate card."""
    others = [claim for claim in claims if claim.licence_id != licence_id]
    mine = [claim for claim in others if claim.share.right == right] or others
    reasons = set()
    for claim in mine:
        if not claim.licence_id:
            rule = claim.share.outcome.rule
            reasons.add(f"outside the licence: {rule}" if rule else _NOT_LICENSED)
        elif claim.kind == "held":
            reasons.add(f"held under {claim.licence_id}")
        else:
            allotment = priced.allotments.get(claim.licence_id)
            reasons.add(f"paid by {allotment.method if allotment else 'nothing'} under {claim.licence_id}")
    return "; ".join(sorted(reasons)) or _NOT_LICENSED


def _entry(priced: PricedUse, allotment: Allotment, claim: _Claim) -> LineEntry:
    share = claim.share
    licence_id = allotment.terms.id
    is_certain = priced.use is None or not priced.use.candidates
    key = (
        priced.territory,
        share.right,
        claim.kind,
        share.party_id if claim.kind == "payable" else "",
        share.recording_id if is_certain else "",
        share.work_id if is_certain else "",
        licence_id,
    )
    contribution = Contribution(
        use_id=priced.use.id if priced.use else "",
        method=allotment.method,
        amount=allotment.amount,
        right_millionths=dict(allotment.terms.rate_card.rights)[share.right],
        work_millionths=share.work_millionths,
        share_millionths=share.millionths,
        share_id=share.share_id,
        basis=allotment.basis,
    )
    held_for = share.party_id if claim.kind == "held" else ""
    return LineEntry(key, contribution, allotment.terms, claim.reason, held_for)
