"""Allocate amounts to uses: exact, each of one use in one territory, before rights and shares.

The inputs are uses, reported usage and revenue, licences and a policy. The results are *allotments*: amounts in the
statement's currency, whole 10**-12 minor units, with the rights that they divide into. For each licence and territory,
the first method of the policy whose inputs exist is taken:

===================  ===================================================================================================
`matched-seconds`    `per_second` of the licence x attributed seconds [x usages]; without such a rate, `royalty_rate` x
                     revenue of the track x the use's part of the attributed time of all uses of the track
`coverage-weighted`  `royalty_rate` x revenue of the track x attributed time / length of the track; rest unmatched
`equal`              `royalty_rate` x revenue of the track / number of recordings used in it
`pro-rata-pool`      `royalty_rate` x revenue of the territory x the use's part of attributed time x usages of all
`fixed-fee`          `per_match` [x usages]
===================  ===================================================================================================

A royalty on revenue is shared out among all uses that the revenue was earned with, so that the parts sum to it exactly.
Rates without `per_usage` count once for each track and territory, in the statement that has it first. Further rules:

- Each licence that covers a share of a use prices the use as a whole, by its own method and rates as they hold on the
  day of generation; `division` then takes the part that the licence covers, and lists the shares that none covers.
- Each licence that goes by revenue accounts for all of it: the rest after its own uses is `unmatched` under it, of
  every track that was generated while it was in force there (tracks without a date: on the first day of the period).
- Revenue of a track that was not scanned is held, under each licence that accounts for it.
- Revenue that no licence accounts for is used for nothing, and listed: it is converted by no rate of exchange.
- A withdrawn use counts for nothing. Uses that are held keep their weight, so that nobody is overpaid meanwhile.
- A use of a composition alone is owed the rights of the work, never the master: with revenue, that part is unmatched.
- Where the recording is not known but the work is, attribution gives two uses with the same passages: one of a
  recording without id, one of the composition. They weigh as one; the first takes the master, the second the rights of
  the work, so that no second is paid twice; this stays so once a person has named the recording.
- Usages that are reported by day count on their day, the others on the last day of the period: who owns a share then
  is paid.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from fingerprint.errors import printable
from sourceprint.royalties.money import Amount, amount_text
from sourceprint.royalties.percentages import format_percent
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.licences import Licence, RateCard
from sourceprint.royalties.rights.rights import Rights
from sourceprint.royalties.statements.amounts.exchange import Converter, amounts_of
from sourceprint.royalties.statements.amounts.methods import PolicyMethods
from sourceprint.royalties.statements.amounts.reported_usage import Pot, ReportedUsage, Track
from sourceprint.royalties.statements.amounts.weights import (
    ALL,
    RevenuePart,
    SharedPot,
    Unit,
    is_owed,
    seconds,
    units_of,
    weights_of,
)
from sourceprint.royalties.statements.statement import UnusedRevenue
from sourceprint.royalties.territories import WORLDWIDE
from sourceprint.royalties.uses.policy import Policy
from sourceprint.royalties.uses.shares import JudgedShare, UseShares
from sourceprint.royalties.uses.usage import NOT_SCANNED, UsageRow
from sourceprint.royalties.uses.use import Use

__all__ = ["Allotment", "PricedUse", "allocate", "unused_revenue"]


@dataclass(frozen=True, slots=True)
class Allotment:
    """The amount of one licence for one use, or for revenue that no use accounts for, before rights and shares.

    Attributes
    ----------
    terms : Licence
        As they hold on the day of generation.
    method : str
    amount : Amount
    by_rate : bool
        Whether it is owed for the covered part alone; else the licence accounts for all of it.
    basis : str
        How the amount came about, with the numbers put in.
    """

    terms: Licence
    method: str
    amount: Amount
    by_rate: bool
    basis: str


@dataclass(frozen=True, slots=True)
class PricedUse:
    """One use in one territory, on one day of usage: its shares, and its allotment under each licence.

    Attributes
    ----------
    territory : str
    use : Use or None
        None is revenue that no use accounts for.
    owed : str
        Which rights: `ALL`, `MASTER_ONLY` or `WORKS_ONLY`.
    is_alone : bool
        Whether the rest of the rights, if any, is no other use's.
    usages : int
    shares_on : date
        The day whose owners are paid.
    is_day_of_usage : bool
        Whether that is reported; else it is the last of the period.
    readings : tuple of tuple of JudgedShare
        The shares, as those of each recording that it may be of.
    allotments : mapping of str to Allotment
        By id of the licence: of all that cover a share, and of all that account for the revenue.
    reason : str
        Why no use accounts for it.
    is_held : bool
        Whether one may yet: the track was not scanned.
    """

    territory: str
    use: Use | None
    owed: str
    is_alone: bool
    usages: int
    shares_on: date
    is_day_of_usage: bool
    readings: tuple[tuple[JudgedShare, ...], ...]
    allotments: Mapping[str, Allotment]
    reason: str = ""
    is_held: bool = False


def allocate(
    uses: Iterable[Use],
    reported: ReportedUsage,
    rights: Rights,
    policy: Policy,
    *,
    period: Period,
    converter: Converter,
    charged: Collection[tuple[str, str]] = frozenset(),
) -> Iterator[PricedUse]:
    """Yield the uses with the allotment of each licence, in each territory; by territory and track.

    Parameters
    ----------
    uses : iterable of Use
        In any order; ids differ. Withdrawn ones are left out.
    reported : ReportedUsage
        Made with the same uses.
    rights : Rights
        With everything that concerns the uses, and the licences of the licensee.
    policy : Policy
    period : Period
    converter : Converter
        To the currency of the statement.
    charged : collection of (str, str)
        Tracks and territories that earlier statements have.

    Raises
    ------
    StatementError
        If no method has its inputs for a licence, a rate of exchange is missing, an amount is beyond the limit, or some
        tracks of a territory state revenue and others none.
    """
    counted = sorted((use for use in uses if use.state != "withdrawn"), key=lambda use: (use.track_sha256, use.id))
    by_track: dict[str, list[Use]] = {}
    for use in counted:
        by_track.setdefault(use.track_sha256, []).append(use)
    units = {key: units_of(of_track) for key, of_track in by_track.items()}
    shares = UseShares(rights)
    for territory in reported.territories:
        yield from _Territory(territory, units, reported, shares, rights, policy, period, converter, charged).priced()


def unused_revenue(
    reported: ReportedUsage, rights: Rights, policy: Policy, *, period: Period, converter: Converter
) -> tuple[UnusedRevenue, ...]:
    """Return the reported revenue that no licence accounts for, summed by territory and currency; parameters as above.

    Such revenue is of tracks that were generated on a day without a licence, or all licences go by rates.
    """
    sums: dict[tuple[str, str], Fraction] = {}
    shares = UseShares(rights)
    for territory in reported.territories:
        place = _Territory(territory, {}, reported, shares, rights, policy, period, converter, ())
        for row in place.unused():
            key = (territory, row.currency)
            sums[key] = sums.get(key, Fraction(0)) + (row.revenue or 0)
    return tuple(UnusedRevenue(*key, revenue) for key, revenue in sorted(sums.items()) if revenue)


class _Territory:
    """The uses of one territory, and their prices."""

    def __init__(
        self,
        territory: str,
        units: Mapping[str, tuple[Unit, ...]],
        reported: ReportedUsage,
        shares: UseShares,
        rights: Rights,
        policy: Policy,
        period: Period,
        converter: Converter,
        charged: Collection[tuple[str, str]],
    ) -> None:
        self._territory = territory
        self._units = units
        self._shares = shares
        self._reported = reported
        self._licences = rights.licences
        self._policy = policy
        self._period = period
        self._converter = converter
        self._charged = charged
        self._tracks = reported.tracks(territory)
        self._with_revenue = reported.states_revenue(territory)
        self._methods = PolicyMethods(policy, territory, with_revenue=self._with_revenue)
        self._accounting: dict[str, tuple[Licence, ...]] = {}

    def priced(self) -> Iterator[PricedUse]:
        """Yield the uses, and the revenue that no use accounts for, in order of track."""
        method = self._revenue_method()
        if not method:
            for track in self._tracks.values():
                for unit in self._units_of(track):
                    yield from self._of_unit(method, track, unit, None)
        elif method == "pro-rata-pool":
            yield from self._pool()
        else:
            yield from self._track_pots(method)

    def unused(self) -> Iterator[UsageRow]:
        """Yield the rows of revenue that no licence accounts for."""
        method = self._revenue_method()
        for track in self._tracks.values():
            if not (method == "pro-rata-pool" or (method and self._accounting_on(track.generated_on))):
                yield from track.rows
        if not method:
            yield from self._reported.rows_as_a_whole(self._territory)

    def _revenue_method(self) -> str:
        """Return the method that shares out revenue here; "" where none is reported, or no licence accounts for it."""
        method = next((name for name in self._policy.amount.methods if name != "fixed-fee"), "")
        days = {"", *(track.generated_on for track in self._tracks.values())}
        return method if self._with_revenue and any(map(self._accounting_on, sorted(days))) else ""

    def _units_of(self, track: Track) -> tuple[Unit, ...]:
        return self._units.get(track.key, ())

    def _track_pots(self, method: str) -> Iterator[PricedUse]:
        pots, unassigned = self._reported.pots(self._territory, self._converter)
        for key, track in self._tracks.items():
            units = self._units_of(track)
            if key not in pots:  # nothing is reported of it but no usages
                for unit in units:
                    yield from self._of_unit(method, track, unit, None)
                continue
            weights = weights_of(method, units)
            pot = self._shared(pots[key], [weight for weight, _ in weights])
            for at, unit in enumerate(units):
                yield from self._of_unit(method, track, unit, RevenuePart(pot, at, weights[at][1]))
            rest, words = weights[-1]
            if rest:
                reason = f"no use in {'the rest of ' if units else ''}{printable(track.name)}"
                if not track.is_scanned:
                    reason = f"{NOT_SCANNED}: {printable(track.name)}"
                part = RevenuePart(pot, len(units), f"{words} ({reason})")
                yield self._unmatched(method, part, track.generated_on, reason, is_held=not track.is_scanned)
        if unassigned is not None:
            reason = f"no usages of tracks in {self._territory} that it could belong to"
            yield self._unmatched(method, RevenuePart(self._shared(unassigned, [1]), 0), "", reason)

    def _pool(self) -> Iterator[PricedUse]:
        pot = self._reported.pool(self._territory, self._converter)
        weighted = [
            (track, unit, unit.attributed_us * track.usages)
            for track in self._tracks.values()
            for unit in self._units_of(track)
        ]
        whole = sum(weight for _, _, weight in weighted)
        shared = self._shared(pot, [weight for _, _, weight in weighted] if whole else [1])
        for at, (track, unit, weight) in enumerate(weighted):
            basis = (
                f" x {seconds(weight)} of {seconds(whole)} s "
                f"({seconds(unit.attributed_us)} s attributed x {track.usages} usages)"
            )
            yield from self._of_unit("pro-rata-pool", track, unit, RevenuePart(shared, at, basis) if whole else None)
        if not whole:
            reason = f"no use in any track of {self._territory}"
            yield self._unmatched("pro-rata-pool", RevenuePart(shared, 0), "", reason)
        for track, own in self._reported.not_scanned(self._territory, self._converter):
            reason = f"{NOT_SCANNED}: {printable(track.name)}"
            part = RevenuePart(self._shared(own, [1]), 0, f" ({reason})")
            yield self._unmatched("pro-rata-pool", part, track.generated_on, reason, is_held=True)

    def _shared(self, pot: Pot, weights: Sequence[int]) -> SharedPot:
        return SharedPot(pot, weights, self._converter.currency)

    def _of_unit(self, method: str, track: Track, unit: Unit, part: RevenuePart | None) -> Iterator[PricedUse]:
        """Yield the uses of one unit, with their allotments by the licences' rates and from a part of revenue."""
        shares_on = date.fromisoformat(track.used_on) if track.used_on else self._period.end
        of_revenue = self._of_revenue(method, part, track.generated_on) if part is not None else {}
        for use, owed in unit.uses:
            readings = tuple(
                self._shares.of(reading, self._territory, shares_on) for reading in self._shares.terms.readings(use)
            )
            covering = {
                licence_id
                for shares in readings
                for share in shares
                if share.outcome.outcome in ("licensed", "held") and is_owed(share.right, owed)
                for licence_id in share.outcome.licence_ids
            }
            of_rates = {
                licence_id: self._of_rate(name, track, use, terms)
                for licence_id in sorted(covering)
                for terms in [self._licences[licence_id].on(date.fromisoformat(use.generated_on))]
                for name, by_rate in [self._methods.required(terms)]
                if by_rate
            }
            yield PricedUse(
                territory=self._territory,
                use=use,
                owed=owed,
                is_alone=len(unit.uses) == 1,
                usages=track.usages,
                shares_on=shares_on,
                is_day_of_usage=bool(track.used_on),
                readings=readings,
                allotments={**of_revenue, **of_rates},
            )

    def _unmatched(
        self, method: str, part: RevenuePart, generated_on: str, reason: str, *, is_held: bool = False
    ) -> PricedUse:
        return PricedUse(
            territory=self._territory,
            use=None,
            owed=ALL,
            is_alone=True,
            usages=0,
            shares_on=self._period.end,
            is_day_of_usage=False,
            readings=(),
            allotments=self._of_revenue(method, part, generated_on),
            reason=reason,
            is_held=is_held,
        )

    def _of_revenue(self, method: str, part: RevenuePart, generated_on: str) -> dict[str, Allotment]:
        """Return a part of revenue at the royalty rate of each licence that accounts for it."""
        found = {}
        for terms in self._accounting_on(generated_on):
            royalty = terms.rate_card.royalty_millionths or 0
            basis = f"{part.pot.basis} x {format_percent(royalty)} ({terms.id}){part.basis}"
            with amounts_of(f"licence {printable(terms.id)} in {self._territory}, {basis}"):
                amount = part.pot.owed(part.at, royalty)
            found[terms.id] = Allotment(terms, method, amount, by_rate=False, basis=basis)
        return found

    def _of_rate(self, method: str, track: Track, use: Use, terms: Licence) -> Allotment:
        """Return the price of a use by a rate of a licence."""
        card = terms.rate_card
        times, counted = self._times(track, card)
        if method == "fixed-fee":
            rate = card.per_match or Fraction(0)
            exact = rate * times
            basis = f"{amount_text(rate, card.currency)} per match{counted}"
        else:
            rate = card.per_second or Fraction(0)
            exact = rate * times * use.attributed_us / 1_000_000
            basis = f"{amount_text(rate, card.currency)} per second x {seconds(use.attributed_us)} s{counted}"
        with amounts_of(f"licence {printable(terms.id)} in {self._territory}, {basis}"):
            amount = Amount.nearest(self._converter.convert(exact, card.currency), self._converter.currency)
        basis += f"{self._converter.basis(card.currency)} ({terms.id})"
        return Allotment(terms, method, amount, by_rate=True, basis=basis)

    def _times(self, track: Track, card: RateCard) -> tuple[int, str]:
        """Return how many times a rate counts, and that in words."""
        if card.per_usage:
            return track.usages, f" x {track.usages} usages"
        if any((track.key, where) in self._charged for where in (self._territory, WORLDWIDE)):
            return 0, " x 0, once for the track, stated in an earlier period"
        if not track.is_first:
            return 0, " x 0, once for the track, on an earlier day"
        return 1, ", once for the track"

    def _accounting_on(self, generated_on: str) -> tuple[Licence, ...]:
        """Return the licences that account for the revenue of tracks of a day, by id; "" is the first of the period."""
        if generated_on not in self._accounting:
            day = date.fromisoformat(generated_on) if generated_on else self._period.start
            terms = (
                licence.on(day)
                for licence in self._licences.values()
                if self._shares.terms.in_force(licence, day, self._territory)
            )
            methods = ((one, *self._methods.of(one)) for one in terms)
            self._accounting[generated_on] = tuple(one for one, name, by_rate in methods if name and not by_rate)
        return self._accounting[generated_on]
