"""An auditor's own world of royalties: who owns what, who may use it, and what was used; amounts are in `money_books`.

It knows nothing of the product's tables, modules or order of work: of `docs/money.md`, `docs/formats/licence.md`,
`docs/formats/policy.md` and `docs/formats/usage.md` it takes only the rules that a royalty manager reads there. Amounts
are in minor units, of the statement's currency unless another is named.

A line is told by territory, right, kind, party, recording, work and licence, as in a statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

MASTER = "Master"
STATED = "EUR"  # currency of all statements
PAID_STATES = ("claimed", "resolved")

Key = tuple[str, str, str, str, str, str, str]
Lines = dict[Key, Fraction]


@dataclass(frozen=True)
class Share:
    """A party's part of a right in a recording or work, from a day to a day."""

    subject: str
    right: str
    party: str
    part: Fraction
    first: date | None = None
    last: date | None = None

    def holds(self, day: date) -> bool:
        """Return whether it holds on a day."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


@dataclass(frozen=True)
class Terms:
    """Terms of a licence for the tracks of certain days; rates in minor units."""

    rights: Mapping[str, Fraction]
    everything: bool = False
    recordings: frozenset[str] = frozenset()
    works: frozenset[str] = frozenset()
    parties: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()  # territories that are excluded
    longest: Fraction | None = None  # seconds of one recording in one track
    per_second: Fraction | None = None
    per_match: Fraction | None = None
    royalty: Fraction | None = None
    per_usage: bool = True
    tiers: tuple[tuple[int, Fraction], ...] = ()  # after how many usages which rate, of the rate that is tiered
    deduction: Fraction = Fraction(0)
    precedence: int | None = None

    def covers(self, right: str, recording: str, work: str, party: str) -> bool:
        """Return whether a share is among those that it is about; the work is "" for a master."""
        named = self.everything or recording in self.recordings or (right != MASTER and work in self.works)
        return right in self.rights and named and (not self.parties or party in self.parties)


@dataclass(frozen=True)
class Licence:
    """A licence with its terms from their first days on; these ascend, and the first day is that of the licence."""

    id: str
    licensor: str
    versions: tuple[tuple[date, Terms], ...]
    last: date | None = None
    minimum: int = 0
    guarantee: tuple[int, str] | None = None  # of each "quarter" or "year"
    advance: tuple[int, date, Fraction] | None = None  # amount, paid on, part of payable amounts
    tiered: str = ""  # which rate has tiers: "per_second" or "per_match"
    tiers_period: str = ""  # over which usages are counted for them
    currency: str = STATED

    def on(self, day: date) -> Terms:
        """Return the terms for tracks that were generated on a day."""
        return [terms for first, terms in self.versions if first <= day or first == self.versions[0][0]][-1]

    def has(self, day: date) -> bool:
        """Return whether it is in force on a day."""
        return self.versions[0][0] <= day and (self.last is None or day <= self.last)

    def permits(self, use: Use, territory: str) -> bool:
        """Return whether a use is within its terms."""
        terms = self.on(use.made_on)
        return (
            self.has(use.made_on)
            and territory not in terms.without
            and (terms.longest is None or use.seconds <= terms.longest)
        )


@dataclass(frozen=True)
class Use:
    """Use of a recording by a track."""

    track: str
    recording: str
    seconds: Fraction
    state: str
    made_on: date
    territories: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """Reported usage of a track in a territory; on a day, where the report has one; revenue in minor units."""

    track: str
    territory: str
    usages: int
    used_on: date | None = None
    revenue: Fraction | None = None
    currency: str = STATED


@dataclass(frozen=True)
class Quarter:
    """A period."""

    year: int
    number: int

    @property
    def first(self) -> date:
        """First day."""
        return date(self.year, 3 * self.number - 2, 1)

    @property
    def last(self) -> date:
        """Last day."""
        after = date(self.year + self.number // 4, 3 * self.number % 12 + 1, 1)
        return after - timedelta(days=1)


@dataclass(frozen=True)
class Pool:
    """A licence for training, of everything or of some recordings: an amount for each "quarter" or "year"."""

    id: str
    licensor: str
    amount: int
    period: str
    division: str  # "equal", "seconds" or "weights"
    territory: str
    rights: Mapping[str, Fraction]
    recordings: frozenset[str] = frozenset()  # none: everything
    minimum: int = 0
    currency: str = STATED

    def covers(self, right: str, recording: str) -> bool:
        """Return whether a right in a recording, or in a work by way of it, is among those that it is about."""
        return right in self.rights and (not self.recordings or recording in self.recordings)


@dataclass(frozen=True)
class Choice:
    """An opt-in to training, or an opt-out, of a recording from a day on."""

    is_in: bool
    first: date | None
    weight: Fraction


@dataclass
class World:
    """All that is known now."""

    works: dict[str, tuple[str, ...]]  # of each recording, in equal parts
    shares: list[Share] = field(default_factory=list)
    licences: list[Licence] = field(default_factory=list)
    uses: dict[tuple[str, str], Use] = field(default_factory=dict)
    reports: dict[Quarter, tuple[Row, ...]] = field(default_factory=dict)
    pool: Pool | None = None
    choices: dict[str, Choice] = field(default_factory=dict)  # by recording
    lengths: dict[str, Fraction] = field(default_factory=dict)  # seconds of each recording
    rates: dict[tuple[str, Quarter], Fraction] = field(default_factory=dict)  # of exchange, at the end of each period

    def converted(self, amount: Fraction | int, currency: str, period: Quarter) -> Fraction:
        """Return an amount in the currency of the statements; all currencies have two decimals."""
        return Fraction(amount) if currency == STATED else amount * self.rates[currency, period]


@dataclass(frozen=True)
class Claim:
    """A share that a use touches; `part` is its fraction of the right in everything used."""

    right: str
    work: str
    party: str
    kind: str
    part: Fraction
    whole: Fraction  # the same for its right in this work altogether


def first_state(seconds: Fraction, confidence: float) -> str:
    """Return the state of a use that nobody decided on, by the thresholds of the shipped policies."""
    if seconds < 3 or confidence < 0.9:
        return "unresolved"
    return "claimed" if confidence >= 0.99 else "review"


# From a use to the shares that it touches.


def claims_of(world: World, use: Use, day: date, territory: str) -> Iterator[Claim]:
    """Yield who has which part of the master and of each right in each work, on a day."""
    yield from _claims(world, use.recording, MASTER, "", day, Fraction(1))
    works = world.works[use.recording]
    for work in works:
        on_file = {share.right for share in world.shares if share.subject == work and share.holds(day)}
        priced = {
            right
            for licence in world.licences
            if licence.permits(use, territory)
            for right in licence.on(use.made_on).rights
            if right != MASTER
            and any(
                licence.on(use.made_on).covers(right, use.recording, work, party)
                for party in {"", *(share.party for share in world.shares if share.subject == work)}
            )
        }
        for right in sorted(on_file | priced):
            yield from _claims(world, work, right, work, day, Fraction(1, len(works)))


def claims_in(world: World, recording: str, rights: Iterable[str], day: date) -> Iterator[Claim]:
    """Yield who has which part of some rights in a recording and its works, on a day."""
    works = world.works[recording]
    for right in sorted(rights):
        if right == MASTER:
            yield from _claims(world, recording, MASTER, "", day, Fraction(1))
            continue
        for work in works:
            yield from _claims(world, work, right, work, day, Fraction(1, len(works)))


def _claims(world: World, subject: str, right: str, work: str, day: date, weight: Fraction) -> Iterator[Claim]:
    shares = [one for one in world.shares if (one.subject, one.right) == (subject, right) and one.holds(day)]
    total = sum((one.part for one in shares), Fraction(0))
    if total > 1:
        yield Claim(right, work, "", "overclaim", weight, weight)
        return
    for one in shares:
        yield Claim(right, work, one.party, "payable", weight * one.part, weight)
    if total < 1:
        yield Claim(right, work, "", "unclaimed", weight * (1 - total), weight)


def licences_for(world: World, use: Use, territory: str, claim: Claim) -> tuple[str, list[Licence]]:
    """Return the outcome of a share, and the licences that permit it (several: it is held)."""
    covering = [
        licence
        for licence in world.licences
        if licence.on(use.made_on).covers(claim.right, use.recording, claim.work, claim.party)
    ]
    permitting = [licence for licence in covering if licence.permits(use, territory)]
    if not permitting:
        for_training = world.pool is not None and world.pool.covers(claim.right, use.recording)
        return ("outside_licence" if covering or for_training else "no_licence"), []
    first = max(_rank(licence, use) for licence in permitting)
    best = [licence for licence in permitting if _rank(licence, use) == first]
    return ("licensed" if len(best) == 1 else "held"), best


def _rank(licence: Licence, use: Use) -> int:
    precedence = licence.on(use.made_on).precedence
    return -1 if precedence is None else precedence
