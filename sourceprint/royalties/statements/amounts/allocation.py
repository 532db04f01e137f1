"""From uses and what is reported to exact amounts, each of one use in one territory, before rights and shares.

In come uses, reported usage and revenue, licences and a policy; out come *allotments*: amounts in the statement's
currency, whole 10**-12 minor units, with the rights that they divide into. For each licence and territory, the first
method of the policy whose inputs exist is taken:

===================  ===================================================================================================
`matched-seconds`    `per_second` of the licence x attributed seconds [x usages]; without such a rate, `royalty_rate` x
                     revenue of the track x the use's part of the attributed time of all uses of the track
`coverage-weighted`  `royalty_rate` x revenue of the track x attributed time / length of the track; rest unmatched
`equal`              `royalty_rate` x revenue of the track / number of recordings used in it
`pro-rata-pool`      `royalty_rate` x revenue of the territory x the use's part of attributed time x usages of all
`fixed-fee`          `per_match` [x usages]
===================  ===================================================================================================

What a licence owes for revenue is shared out among all that it was earned with, so that the parts sum to it exactly.
Rates without `per_usage` count once for each track and territory, in the statement that has it first. Further rules:

- Only uses that are licensed in the territory get an amount, of their licence. The others are listed; revenue that
  falls to them is unmatched, as is revenue of tracks without any use. Unmatched revenue is priced with the licensee's
  latest licence in force there on the day; where there is none, nothing is owed for it and nothing is listed.
- A withdrawn use counts for nothing. Uses that are held keep their weight, so that nobody is overpaid meanwhile.
- A use of a composition alone is owed the rights of the work, never the master: with revenue, that part is unmatched.
- Where the recording is not known but the work is, attribution gives two uses with the same passages: one of a
  recording without id, one of the composition. They weigh as one; the first takes the master, the second the rights of
  the work, so that no second is paid twice; this stays so once a person has named the recording.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from fingerprint.errors import StatementError, printable
from sourceprint.royalties.money import Amount, amount_text, format_percent
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.licences import Licence, RateCard
from sourceprint.royalties.rights.records import MASTER
from sourceprint.royalties.rights.rights import Rights
from sourceprint.royalties.statements.amounts.exchange import Converter
from sourceprint.royalties.statements.amounts.reported_usage import Pot, ReportedUsage, Track
from sourceprint.royalties.statements.amounts.weights import (
    ALL,
    MASTER_ONLY,
    WORKS_ONLY,
    RevenuePart,
    SharedPot,
    Unit,
    rights_owed,
    seconds,
    units_of,
    weights_of,
)
from sourceprint.royalties.statements.statement import OutsideUse
from sourceprint.royalties.territories import WORLDWIDE
from sourceprint.royalties.uses.policy import Policy
from sourceprint.royalties.uses.shares import UseShares
from sourceprint.royalties.uses.terms import OUTCOMES
from sourceprint.royalties.uses.use import Use

__all__ = ["Allocation", "Allotment", "allocate"]


class LicenceOutcome(NamedTuple):
    """What the licences say of a use in a territory."""

    outcome: str
    licence_id: str
    rule: str


@dataclass(frozen=True, slots=True)
class Allotment:
    """An exact amount of one use, or of revenue that no use accounts for, in one territory.

    Attributes
    ----------
    territory, licence_id, method : str
    amount : Amount
        Before it is divided into rights.
    rights : tuple of (str, int)
        The rights that are owed, with their parts of the amount in millionths.
    use : Use or None
    usages : int
    matched : bool
        False for what stays with the licensee.
    reason : str
        Why it is unmatched; "" where it is not.
    basis : str
        How the amount came about, with the numbers put in.
    """

    territory: str
    licence_id: str
    method: str
    amount: Amount
    rights: tuple[tuple[str, int], ...]
    use: Use | None
    usages: int
    matched: bool
    reason: str
    basis: str


@dataclass(frozen=True, slots=True)
class Allocation:
    """All allotments, by territory and track, and the uses that no licence permits."""

    allotments: tuple[Allotment, ...]
    outside: tuple[OutsideUse, ...]


def allocate(
    uses: Iterable[Use],
    reported: ReportedUsage,
    rights: Rights,
    policy: Policy,
    *,
    period: Period,
    converter: Converter,
    charged: Collection[tuple[str, str]] = frozenset(),
) -> Allocation:
    """Return what each use is worth in each territory.

    Parameters
    ----------
    uses : iterable of Use
        In any order; ids differ.
    reported : ReportedUsage
        Made with the same uses.
    rights : Rights
        With the licences that the uses' outcomes name.
    policy : Policy
    period : Period
        Its first day stands for tracks without a date.
    converter : Converter
        To the currency of the statement.
    charged : collection of (str, str)
        Tracks and territories that earlier statements have.

    Raises
    ------
    StatementError
        If a use has no outcome for a territory, a licence is not on file, or no method has what it needs.
    """
    counted = sorted((use for use in uses if use.state != "withdrawn"), key=lambda use: (use.track_sha256, use.id))
    by_track: dict[str, list[Use]] = {}
    for use in counted:
        by_track.setdefault(use.track_sha256, []).append(use)
    allotments: list[Allotment] = []
    outside: list[OutsideUse] = []
    shares = UseShares(rights)
    for territory in reported.territories:
        one = _Territory(territory, by_track, reported, shares, rights, policy, period, converter, charged)
        allotments += one.allotments()
        outside += one.outside
    return Allocation(tuple(allotments), tuple(sorted(outside, key=lambda use: (use.use_id, use.territory))))


class _Territory:
    """The allotments of one territory."""

    def __init__(
        self,
        territory: str,
        by_track: Mapping[str, list[Use]],
        reported: ReportedUsage,
        shares: UseShares,
        rights: Rights,
        policy: Policy,
        period: Period,
        converter: Converter,
        charged: Collection[tuple[str, str]],
    ) -> None:
        self.territory = territory
        self._shares = shares
        self.outside: list[OutsideUse] = []
        self._reported = reported
        self._licences = rights.licences
        self._policy = policy
        self._period = period
        self._converter = converter
        self._charged = charged
        self._tracks = reported.tracks(territory)
        self._units = {key: units_of(by_track.get(key, ())) for key in self._tracks}
        self._with_revenue = reported.states_revenue(territory)
        self._methods: dict[str, tuple[str, bool]] = {}

    def allotments(self) -> Iterator[Allotment]:
        """Yield the allotments; afterwards `outside` is complete."""
        outcomes = {
            use.id: self._outcome(use) for units in self._units.values() for unit in units for use, _ in unit.uses
        }
        self.outside = [
            OutsideUse(use_id, self.territory, outcome.outcome, outcome.licence_id, outcome.rule)
            for use_id, outcome in outcomes.items()
            if outcome.outcome != "licensed"
        ]
        for key, units in self._units.items():
            for unit in units:
                for use, part in unit.uses:
                    if outcomes[use.id].outcome == "licensed":
                        yield from self._by_rate(self._tracks[key], use, part, outcomes[use.id].licence_id)
        if not self._with_revenue:
            return
        method = next((name for name in self._policy.methods if name != "fixed-fee"), "")
        if method and self._revenue_counts(outcomes.values()):
            yield from self._pool(outcomes) if method == "pro-rata-pool" else self._track_pots(method, outcomes)

    def _outcome(self, use: Use) -> LicenceOutcome:
        """Return the best that the licences say of any share of the master here; of a composition, of the works."""
        said = list(self._shares.outcomes(replace(use, territories=(self.territory,))))
        found = [one.outcome for one in said if one.right == MASTER] or [one.outcome for one in said]
        best = min(found, key=lambda one: OUTCOMES.index(one.outcome))
        outcome = "licensed" if best.outcome == "held" else best.outcome
        return LicenceOutcome(outcome, best.licence_ids[0] if best.licence_ids else "", best.rule)

    def _licence(self, licence_id: str) -> Licence:
        if licence_id not in self._licences:
            raise StatementError(
                f"licence {printable(licence_id)!r:.80}: uses were attributed under it and it is not on file any more; "
                "import it again, or attribute again"
            )
        return self._licences[licence_id]

    def _method(self, licence: Licence) -> tuple[str, bool]:
        """Return the method for a licence here, and whether it goes by a rate of the licence; "" where none can."""
        if licence.id not in self._methods:
            card = licence.rate_card
            found = ("", False)
            for name in self._policy.methods:
                rate = {"matched-seconds": card.per_second, "fixed-fee": card.per_match}.get(name)
                if rate is not None:
                    found = (name, True)
                    break
                if name != "fixed-fee" and self._with_revenue and card.royalty_millionths is not None:
                    found = (name, False)
                    break
            self._methods[licence.id] = found
        return self._methods[licence.id]

    def _required_method(self, licence: Licence) -> tuple[str, bool]:
        name, by_rate = self._method(licence)
        if name:
            return name, by_rate
        card = licence.rate_card
        by_revenue = set(self._policy.methods) != {"fixed-fee"}
        missing = [
            *(["per_second"] if "matched-seconds" in self._policy.methods else []),
            *(["per_match"] if "fixed-fee" in self._policy.methods else []),
            *(["royalty_rate"] if by_revenue and card.royalty_millionths is None else []),
        ]
        revenue = "" if self._with_revenue else f" and no revenue is reported of {self.territory}"
        raise StatementError(
            f"licence {printable(licence.id)} in {self.territory}: no method of policy {printable(self._policy.name)} "
            f"({', '.join(self._policy.methods)}) has what it needs: the rate card has no "
            f"{', '.join(missing) or 'rate'}{revenue}; add a rate, report revenue, or take another policy"
        )

    def _by_rate(self, track: Track, use: Use, part: str, licence_id: str) -> Iterator[Allotment]:
        licence = self._licence(licence_id)
        method, by_rate = self._required_method(licence)
        rights = rights_owed(licence, part)
        if not by_rate or not rights:
            return
        card = licence.rate_card
        times, counted = self._times(track, card)
        if method == "fixed-fee":
            rate = card.per_match or Fraction(0)
            exact = rate * times
            basis = f"{amount_text(rate, card.currency)} per match{counted}"
        else:
            rate = card.per_second or Fraction(0)
            exact = rate * times * use.attributed_us / 1_000_000
            basis = f"{amount_text(rate, card.currency)} per second x {seconds(use.attributed_us)} s{counted}"
        amount = Amount.nearest(self._converter.convert(exact, card.currency), self._converter.currency)
        basis += f"{self._converter.basis(card.currency)} ({licence.id})"
        yield Allotment(
            self.territory, licence.id, method, amount, rights, use, track.usages, matched=True, reason="", basis=basis
        )

    def _times(self, track: Track, card: RateCard) -> tuple[int, str]:
        """Return how many times a rate counts, and that in words."""
        if card.per_usage:
            return track.usages, f" x {track.usages} usages"
        if any((track.key, where) in self._charged for where in (self.territory, WORLDWIDE)):
            return 0, " x 0, once for the track, stated in an earlier period"
        return 1, ", once for the track"

    def _revenue_counts(self, outcomes: Iterable[LicenceOutcome]) -> bool:
        """Return whether any licence that a use, or what is unmatched, comes under goes by revenue here."""
        used = {outcome.licence_id for outcome in outcomes if outcome.outcome == "licensed"}
        if any(not self._required_method(self._licence(licence_id))[1] for licence_id in sorted(used)):
            return True
        return any(self._usual(track.generated_on) for track in self._tracks.values()) or bool(self._usual(""))

    def _usual(self, generated_on: str) -> Licence | None:
        """Return the licence that unmatched revenue is priced with, None where there is none that goes by revenue."""
        day = date.fromisoformat(generated_on) if generated_on else self._period.start
        in_force = [
            licence
            for licence in self._licences.values()
            if licence.valid_from <= day
            and (licence.valid_to is None or day <= licence.valid_to)
            and licence.territories.covers(self.territory)
            and self._method(licence)[0]
            and not self._method(licence)[1]
        ]
        return min(in_force, key=lambda licence: (-licence.valid_from.toordinal(), licence.id), default=None)

    def _track_pots(self, method: str, outcomes: Mapping[str, LicenceOutcome]) -> Iterator[Allotment]:
        pots, unassigned = self._reported.pots(self.territory, self._converter)
        for key, track in self._tracks.items():
            if key not in pots:  # nothing is reported of it but no usages
                continue
            units = self._units[key]
            weights = weights_of(method, units)
            pot = self._shared(pots[key], [weight for weight, _ in weights])
            for at, unit in enumerate(units):
                yield from self._of_unit(method, RevenuePart(pot, at, weights[at][1]), unit, track, outcomes)
            rest, words = weights[-1]
            if rest:
                reason = f"no use in {'the rest of ' if units else ''}{printable(track.name)}"
                part = RevenuePart(pot, len(units), f"{words} ({reason})")
                yield from self._unmatched(method, part, reason, track.generated_on, None, ALL)
        if unassigned is not None:
            reason = f"no usages of tracks in {self.territory} that it could belong to"
            yield from self._unmatched(method, RevenuePart(self._shared(unassigned, [1]), 0), reason, "", None, ALL)

    def _shared(self, pot: Pot, weights: Sequence[int]) -> SharedPot:
        return SharedPot(pot, weights, self._converter.currency)

    def _pool(self, outcomes: Mapping[str, LicenceOutcome]) -> Iterator[Allotment]:
        pot = self._reported.pool(self.territory, self._converter)
        weighted = [
            (key, unit, unit.attributed_us * self._tracks[key].usages)
            for key, units in self._units.items()
            for unit in units
        ]
        whole = sum(weight for _, _, weight in weighted)
        if not whole:
            reason = f"no use in any track of {self.territory}"
            part = RevenuePart(self._shared(pot, [1]), 0)
            yield from self._unmatched("pro-rata-pool", part, reason, "", None, ALL)
            return
        shared = self._shared(pot, [weight for _, _, weight in weighted])
        for at, (key, unit, weight) in enumerate(weighted):
            track = self._tracks[key]
            basis = (
                f" x {seconds(weight)} of {seconds(whole)} s "
                f"({seconds(unit.attributed_us)} s attributed x {track.usages} usages)"
            )
            yield from self._of_unit("pro-rata-pool", RevenuePart(shared, at, basis), unit, track, outcomes)

    def _of_unit(
        self, method: str, part: RevenuePart, unit: Unit, track: Track, outcomes: Mapping[str, LicenceOutcome]
    ) -> Iterator[Allotment]:
        """Yield what a part of revenue gives to the uses of one unit; of a unit of one use, all rights of it."""
        alone = len(unit.uses) == 1
        for use, owed in unit.uses:
            lost = ALL if alone else owed  # the master of a composition alone is unmatched too, whatever the reason
            outcome = outcomes[use.id]
            if outcome.outcome != "licensed":
                reason = f"outside the licence: {outcome.rule}" if outcome.rule else "without a licence"
                yield from self._unmatched(method, part, reason, track.generated_on, use, lost)
                continue
            licence = self._licence(outcome.licence_id)
            name, by_rate = self._required_method(licence)
            if by_rate:
                reason = f"paid by {name} under {licence.id}"
                yield from self._unmatched(method, part, reason, track.generated_on, use, lost)
                continue
            yield from self._priced(method, part, licence, rights_owed(licence, owed), use, track.usages, "")
            if owed == WORKS_ONLY and alone:
                master = rights_owed(licence, MASTER_ONLY)
                yield from self._priced(method, part, licence, master, use, track.usages, "composition only")

    def _unmatched(
        self,
        method: str,
        part: RevenuePart,
        reason: str,
        generated_on: str,
        use: Use | None = None,
        owed: str = ALL,
    ) -> Iterator[Allotment]:
        licence = self._usual(generated_on)
        if licence is not None:
            yield from self._priced(method, part, licence, rights_owed(licence, owed), use, 0, reason)

    def _priced(
        self,
        method: str,
        part: RevenuePart,
        licence: Licence,
        rights: tuple[tuple[str, int], ...],
        use: Use | None,
        usages: int,
        reason: str,
    ) -> Iterator[Allotment]:
        """Yield a part of revenue at the royalty rate of a licence; nothing where no right is owed."""
        if not rights:
            return
        royalty = licence.rate_card.royalty_millionths or 0
        amount = part.pot.owed(part.at, royalty)
        basis = f"{part.pot.basis} x {format_percent(royalty)} ({licence.id}){part.basis}"
        yield Allotment(self.territory, licence.id, method, amount, rights, use, usages, not reason, reason, basis)
