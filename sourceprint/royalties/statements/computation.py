"""Compute a statement from uses, reported usage, rights and a policy; the same inputs give the same statement.

Amounts are allocated to uses (`allocation`), divided among owners (`division`), gathered in lines, reduced by
deductions, and paid (`payments`). `proof` checks the arithmetic of the finished statement.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from functools import lru_cache
from itertools import chain, pairwise
from operator import attrgetter
from typing import NamedTuple

from fingerprint.errors import ParameterError, StatementError
from sourceprint.royalties.deals.advances import AdvanceAccount, recouped_by_party
from sourceprint.royalties.money import LIMIT_MINOR, ZERO, Amount, sum_of, validate_currency
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.licences import Licence
from sourceprint.royalties.rights.records import Party
from sourceprint.royalties.rights.rights import Rights
from sourceprint.royalties.statements.amounts.allocation import PricedUse, allocate, unused_revenue
from sourceprint.royalties.statements.amounts.deals import Earned, advance_accounts, with_guarantees
from sourceprint.royalties.statements.amounts.division import Division
from sourceprint.royalties.statements.amounts.exchange import Converter
from sourceprint.royalties.statements.amounts.lines import (
    AT_END,
    BY_DAY,
    GUARANTEE,
    Adjustment,
    Contribution,
    Deducted,
    Line,
    LineKey,
    Total,
    fields_of,
    key_of,
    line_order,
)
from sourceprint.royalties.statements.amounts.payments import payments
from sourceprint.royalties.statements.amounts.pools import opted_out_of_pools, pool_parts
from sourceprint.royalties.statements.amounts.reported_usage import ReportedUsage
from sourceprint.royalties.statements.amounts.tiered_rates import with_tiers
from sourceprint.royalties.statements.provenance import identified
from sourceprint.royalties.statements.statement import Balance, Conversion, Credit, HeldShare, OutsideShare, Statement
from sourceprint.royalties.uses.policy import Policy
from sourceprint.royalties.uses.usage import Usage, UsageRow
from sourceprint.royalties.uses.use import Use

__all__ = ["compute_statement"]

_SHOWN_REASONS = 4
_OUTSIDE_ORDER = attrgetter("use_id", "territory", "right", "recording_id", "work_id", "party_id", "share_id")


class _Counted(NamedTuple):
    """The day whose owners are paid for a use, whether it is reported, and the usages and time that count then."""

    day: date
    is_of_usage: bool
    usages: int
    attributed_us: int


class _Part(NamedTuple):
    """The part of a line that is of one use on one day."""

    contribution: Contribution
    terms: Licence
    priced: _Counted


@dataclass(slots=True)
class _Group:
    """The parts of one line."""

    parts: list[_Part] = field(default_factory=list)
    reasons: set[str] | None = None
    held: dict[str, tuple[Amount, str]] | None = None  # by party: how much, and why


def compute_statement(
    uses: Iterable[Use],
    rights: Rights,
    policy: Policy,
    *,
    licensee: str,
    period: Period,
    currency: str,
    issued_on: str,
    usage: Usage | None = None,
    rate_of: Callable[[str], Conversion] | None = None,
    fx_sha256: str = "",
    opening: Mapping[str, Amount] | None = None,
    minimum_before: Mapping[str, Amount] | None = None,
    charged: Collection[tuple[str, str]] = frozenset(),
    adjustments: Iterable[Adjustment] = (),
    adjusted_rights: Rights | None = None,
    earned_elsewhere: Iterable[Earned] | None = (),
    accounts: Iterable[AdvanceAccount] = (),
    usages_before: Mapping[str, int] | None = None,
) -> Statement:
    """Return the statement of one licensee for one period.

    Parameters
    ----------
    uses : iterable of Use
        In any order, each id once.
    rights : Rights
        Everything that concerns their recordings and works, and the licences of the licensee.
    policy : Policy
    licensee : str
        Id of the party who pays.
    period : Period
    currency : str
        Of the statement.
    issued_on : str
        YYYY-MM-DD.
    usage : Usage or None
        As reported; None where nothing was.
    rate_of : callable or None
        The rate of exchange from a currency to that of the statement; None where there are no rates.
    fx_sha256 : str
        Of the file of rates.
    opening : mapping of str to Amount
        Opening balance of each party.
    minimum_before : mapping of str to Amount or None
        The minimum payout of each party in earlier statements: it still holds for a party without a line now.
    charged : collection of (str, str)
        Tracks, by `UsageRow.key`, and territories that count in earlier statements: rates without `per_usage` are not
        charged for them again.
    adjustments : iterable of Adjustment
        To earlier statements.
    adjusted_rights : Rights or None
        Names and titles for the adjustments' subjects, besides `rights`.
    earned_elsewhere : iterable of Earned or None
        Earnings under each licence in other periods, which count for guarantees; None leaves guarantees out.
    accounts : iterable of AdvanceAccount
        Advances as the statement before left them.
    usages_before : mapping of str to int or None
        Usages that earlier statements count under each licence with tiers, in the span of this one.

    Raises
    ------
    StatementError
        If a use is given twice, or an input such as a rate is missing; the message names it.
    ParameterError
        If there is no such currency, or an amount is beyond the limit.
    """
    validate_currency(currency)
    usage = usage or Usage(())
    own = {licence_id: licence for licence_id, licence in rights.licences.items() if licence.licensee == licensee}
    rights = replace(rights, licences=own)
    ordered = sorted(uses, key=lambda use: use.id)
    if any(one.id == other.id for one, other in pairwise(ordered)):
        raise StatementError("uses: the same use twice; give each use once, in its latest state")
    converter = Converter(currency, rate_of or _no_rates(currency))
    reported = ReportedUsage(usage, ordered)
    division = Division()
    priced = allocate(ordered, reported, rights, policy, period=period, converter=converter, charged=charged)
    tiered, tiers = with_tiers(priced, own, usages_before or {}, period=period, converter=converter)
    groups = _gather(chain(tiered, pool_parts(own.values(), rights, period, converter)), division)
    held_of = {key: group.held for key, group in groups.items() if group.held}
    # Groups are as large as lines: each makes room for its line.
    lines = tuple(_line(number, key, groups.pop(key)) for number, key in enumerate(sorted(groups, key=line_order), 1))
    if earned_elsewhere is not None:
        lines = with_guarantees(lines, own, period, earned_elsewhere, converter)
    held = tuple(
        HeldShare(line.number, party_id, *of_party)
        for line in lines
        if line.kind == "held"
        for party_id, of_party in sorted(held_of.get(key_of(line), {}).items())
    )
    out = opted_out_of_pools(own.values(), rights, period)
    outside = tuple(sorted(division.outside, key=_OUTSIDE_ORDER))
    changes = tuple(adjustments)
    advances = advance_accounts(accounts, own, period, (*lines, *changes), converter)
    involved = {line.licence_id for line in lines} | {one.licence_id for one in outside} | division.contested
    recordings, works = _subjects(ordered, (*lines, *changes, *outside))
    recordings |= {one.recording_id for one in out}
    last = {licence_id: licence.on(period.end) for licence_id, licence in own.items()}
    minimum = {**(minimum_before or {}), **_minimum((*lines, *changes), last, converter)}
    balances = payments(lines, changes, opening or {}, minimum, currency=currency, recouped=recouped_by_party(advances))
    named = _with_names(rights, adjusted_rights)
    return identified(
        Statement(
            id="",
            period=period,
            issued_on=issued_on,
            licensee=named.parties.get(licensee, Party(licensee, licensee)),
            currency=currency,
            licences=tuple((licence_id, own[licence_id].digest) for licence_id in sorted(involved & own.keys())),
            policy_name=policy.name,
            policy_digest=policy.digest,
            rights_revision=rights.revision,
            usage=tuple(sorted(usage.rows, key=_row_order)),
            usage_sha256=usage.sha256,
            fx_sha256=fx_sha256 if converter.used else "",
            conversions=converter.used,
            lines=lines,
            totals=_totals(division.allotted, lines, currency),
            adjustments=changes,
            balances=balances,
            outside=outside,
            uses=tuple(ordered),
            parties=_parties(
                named,
                balances,
                (*lines, *outside, *held),
                own,
                involved,
                {party_id for one in out for party_id in one.party_ids},
            ),
            titles=_titles(named, recordings, works),
            credits=tuple(
                Credit(recording_id, recording.artists, recording.duration_ms)
                for recording_id, recording in sorted(named.recordings.items())
                if recording_id in recordings
            ),
            advances=advances,
            held=held,
            opted_out=out,
            tiers=tiers,
            unused_revenue=unused_revenue(reported, rights, policy, period=period, converter=converter),
        )
    )


def _no_rates(currency: str) -> Callable[[str], Conversion]:
    def refuse(source: str) -> Conversion:
        raise StatementError(f"exchange {source} to {currency}: no rates were given; give a file of rates of exchange")

    return refuse


def _gather(priced_uses: Iterable[PricedUse], division: Division) -> dict[LineKey, _Group]:
    groups: dict[LineKey, _Group] = {}
    for priced in priced_uses:
        of = _Counted(priced.shares_on, priced.is_day_of_usage, priced.usages, getattr(priced.use, "attributed_us", 0))
        for entry in division.entries(priced):
            group = groups.setdefault(entry.key, _Group())
            group.parts.append(_Part(entry.contribution, entry.terms, of))
            if entry.reason:
                group.reasons = group.reasons or set()
                group.reasons.add(entry.reason)
            if entry.held_for:
                group.held = group.held or {}
                before, _ = group.held.get(entry.held_for, (ZERO, ""))
                group.held[entry.held_for] = (before + entry.contribution.gross, entry.reason)
    return groups


def _line(number: int, key: LineKey, group: _Group) -> Line:
    fields = fields_of(key)
    contributions = [part.contribution for part in group.parts]
    gross = sum_of(part.gross for part in contributions)
    deductions = _deductions(group) if fields["kind"] == "payable" else ()
    is_matched = fields["kind"] != "unmatched"
    usages = {(one.use_id, of.day): of.usages for one, _, of in group.parts if one.use_id and is_matched}
    return Line(
        **fields,
        number=number,
        usages=sum(usages.values()),
        attributed_us=sum({one.use_id: of.attributed_us for one, _, of in group.parts}.values()),
        reason=_reason(group.reasons or ()),
        gross=gross,
        deductions=deductions,
        net=gross - sum_of(one.amount for one in deductions),
        contributions=tuple(
            sorted(contributions, key=lambda part: (part.use_id, part.share_id, part.basis, part.amount))
        ),
        shares_on=_shares_on(frozenset((of.day, of.is_of_usage) for *_, of in group.parts)) if is_matched else "",
    )


def _deductions(group: _Group) -> tuple[Deducted, ...]:
    """Return the deductions from a line, one a name, by name; each part at the rates that it is owed under."""
    gross: dict[int, tuple[Licence, Amount]] = {}
    for part, terms, _ in group.parts:
        _, before = gross.get(id(terms), (terms, ZERO))
        gross[id(terms)] = (terms, before + part.gross)
    amounts: dict[str, Amount] = {}
    for terms, amount in gross.values():
        for deduction in terms.rate_card.deductions:
            amounts[deduction.name] = amounts.get(deduction.name, ZERO) + amount.times(deduction.millionths)
    return tuple(Deducted(name, amount) for name, amount in sorted(amounts.items()))


@lru_cache(maxsize=1_000)
def _shares_on(days: frozenset[tuple[date, bool]]) -> str:
    """Return in words the days on which the holders of the shares are owed a line."""
    words = []
    for is_day_of_usage, what in ((True, BY_DAY), (False, AT_END)):
        dates = sorted(day for day, of_usage in days if of_usage is is_day_of_usage)
        if dates:
            span = f"{dates[0]}" if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
            words.append(f"{span}, {what}")
    return "; ".join(words)


def _totals(divided_up: Mapping[tuple[str, str], Amount], lines: Iterable[Line], currency: str) -> tuple[Total, ...]:
    """Return the amount to divide by territory and right, beside the sum of its lines."""
    allotted = dict(divided_up)
    divided: dict[tuple[str, str], Amount] = {}
    for line in lines:
        group = (line.territory, line.right)
        if line.right == GUARANTEE:
            allotted[group] = allotted.get(group, ZERO) + line.gross
        divided[group] = divided.get(group, ZERO) + line.gross
    limit = Amount.of_minor(LIMIT_MINOR, currency)
    if too_large := [group for group, total in sorted(allotted.items()) if abs(total) > limit]:
        (territory, right), total = too_large[0], allotted[too_large[0]]
        what = "guarantees" if right == GUARANTEE else "rates and revenue"
        raise ParameterError(f"{right} in {territory}: {total} {currency} in all, beyond {limit}; check {what}")
    groups = sorted({*allotted, *divided})
    return tuple(Total(*group, allotted.get(group, ZERO), divided.get(group, ZERO)) for group in groups)


def _reason(reasons: Collection[str]) -> str:
    shown = sorted(reasons)
    more = f"; and {len(shown) - _SHOWN_REASONS} more reasons" if len(shown) > _SHOWN_REASONS else ""
    return "; ".join(shown[:_SHOWN_REASONS]) + more


def _minimum(
    lines: Iterable[Line | Adjustment], licences: Mapping[str, Licence], converter: Converter
) -> dict[str, Amount]:
    """Return for each party that is owed something the largest minimum payout of the licences that it is owed under."""
    named: dict[str, set[str]] = {}
    for line in lines:
        if line.kind == "payable" and line.licence_id in licences:
            named.setdefault(line.party_id, set()).add(line.licence_id)
    found = {}
    for party_id, licence_ids in named.items():
        cards = [licences[licence_id].rate_card for licence_id in sorted(licence_ids)]
        amounts = [converter.convert(card.minimum_payout, card.currency) for card in cards if card.minimum_payout]
        found[party_id] = Amount.nearest(max(amounts, default=Fraction(0)), converter.currency)
    return found


def _subjects(uses: Iterable[Use], named: Iterable[Line | Adjustment | OutsideShare]) -> tuple[set[str], set[str]]:
    """Return the ids of the recordings and of the works that are named."""
    recordings: set[str] = set()
    works: set[str] = set()
    for use in uses:
        recordings.add(use.recording_id)
        recordings.update(contender for passage in use.passages for contender in passage.contenders)
        works.update(use.work_ids)
    for one in named:
        recordings.add(one.recording_id)
        works.add(one.work_id)
    return recordings - {""}, works - {""}


def _with_names(rights: Rights, more: Rights | None) -> Rights:
    if more is None:
        return rights
    return replace(
        rights,
        recordings={**more.recordings, **rights.recordings},
        works={**more.works, **rights.works},
        parties={**more.parties, **rights.parties},
    )


def _parties(
    rights: Rights,
    balances: Iterable[Balance],
    others: Iterable[Line | OutsideShare | HeldShare],
    licences: Mapping[str, Licence],
    involved: set[str],
    more: set[str],
) -> tuple[Party, ...]:
    named = more | {balance.party_id for balance in balances} | {one.party_id for one in others}
    named |= {licences[licence_id].licensor for licence_id in involved & licences.keys()}
    return tuple(rights.parties.get(party_id, Party(party_id, party_id)) for party_id in sorted(named - {""}))


def _titles(rights: Rights, recordings: set[str], works: set[str]) -> tuple[tuple[str, str, str, str], ...]:
    of_recordings = [
        ("recording", recording_id, rights.recordings[recording_id].isrc, rights.recordings[recording_id].title)
        for recording_id in recordings & rights.recordings.keys()
    ]
    of_works = [
        ("work", work_id, rights.works[work_id].iswc, rights.works[work_id].title)
        for work_id in works & rights.works.keys()
    ]
    return tuple(sorted(of_recordings + of_works))


def _row_order(row: UsageRow) -> tuple[str, str, str, int, Fraction, str, str, str, str]:
    return (
        row.territory,
        row.track,
        row.currency,
        row.usages,
        row.revenue or Fraction(0),
        row.generated_on,
        row.purpose,
        row.track_id,
        row.used_on,
    )
