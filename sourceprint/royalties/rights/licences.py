"""Licences: permission of a licensor for a licensee to use recordings or works, with territories, days and rates.

Each table of a licence is a class, and each field names the `Key` by which TOML and stored documents are read and
written. docs/formats/licence.md describes every key.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Annotated, Any

from fingerprint.errors import ParameterError
from sourceprint.royalties.deal_terms import NO_DEAL, DealTerms
from sourceprint.royalties.licence_keys import (
    CURRENCY,
    DAY,
    ID,
    IDS,
    MINIMUM,
    PERCENT,
    RATE,
    SECONDS,
)
from sourceprint.royalties.percentages import format_percent
from sourceprint.royalties.rate_tiers import TIER_PERIOD, TIER_PERIODS, TIERS, Tier
from sourceprint.royalties.rights.records import MASTER, WHOLE, WORK_RIGHTS, RightsRecording
from sourceprint.royalties.territories import EVERYWHERE, WORLDWIDE, Territories
from sourceprint.toml_documents import (
    FLAG,
    Key,
    Location,
    TomlTable,
    document_of,
    expect_table,
    read_record,
    read_values,
    table,
    tables,
    whole_number,
)
from sourceprint.toml_faults import Place

__all__ = [
    "PURPOSES",
    "RIGHTS",
    "SCHEMA",
    "Amendment",
    "Conditions",
    "Deduction",
    "Licence",
    "RateCard",
    "Scope",
    "validate_purpose",
]

SCHEMA = "sourceprint/licence/1"
PURPOSES = ("train", "generate", "reference-audio")
RIGHTS = (MASTER, *WORK_RIGHTS)
"""Keys of `[rate_card.rights]`."""

_RIGHTS = {right: PERCENT.but(field=right) for right in RIGHTS}


def validate_purpose(purpose: str) -> str:
    """Return a purpose; raises ParameterError unless it is of `PURPOSES`."""
    if purpose not in PURPOSES:
        raise ParameterError(f"purpose {purpose!r:.40}: write one of {', '.join(PURPOSES)}")
    return purpose


@dataclass(frozen=True, slots=True)
class Scope(TomlTable):
    """Subjects that a licence covers: everything, or all that any of its lists names; lists are sorted.

    Attributes
    ----------
    everything : bool
    recordings, works : tuple of str
        Ids.
    tags, labels : tuple of str
        Of recordings.
    parties : tuple of str
        Parties whose shares are covered; empty covers all shares, also those without a known party.
    """

    everything: Annotated[bool, FLAG] = False
    recordings: Annotated[tuple[str, ...], IDS] = ()
    works: Annotated[tuple[str, ...], IDS] = ()
    tags: Annotated[tuple[str, ...], IDS] = ()
    labels: Annotated[tuple[str, ...], IDS] = ()
    parties: Annotated[tuple[str, ...], IDS] = ()

    def flaws(self) -> Iterator[tuple[Place, str]]:
        """Yield the fault of a scope that names nothing or parties alone, or everything and more."""
        named = [key for key in ("recordings", "works", "tags", "labels") if getattr(self, key)]
        if self.everything and named:
            yield (), f": everything = true and {named[0]} as well; write one of them"
        if not self.everything and not named and self.parties:
            yield (), ": parties only narrows a scope; add everything = true, or list recordings, works, tags or labels"
        elif not self.everything and not named:
            yield (), ": names nothing; list recordings, works, tags or labels, or write everything = true"

    def covers_recording(self, recording_id: str, recording: RightsRecording | None) -> bool:
        """Return whether the scope covers a recording.

        Parameters
        ----------
        recording_id : str
            "" where unknown: then only `everything` covers it.
        recording : RightsRecording or None
            Its record, for tags and label; None if it is not on file.
        """
        if self.everything or _listed(self.recordings, recording_id):
            return True
        if recording is None:
            return False
        return (recording.label != "" and _listed(self.labels, recording.label)) or any(
            _listed(self.tags, tag) for tag in recording.tags
        )

    def covers_work(self, work_id: str) -> bool:
        """Return whether the scope covers a work, through any recording."""
        return self.everything or _listed(self.works, work_id)

    def covers_party(self, party_id: str) -> bool:
        """Return whether the shares of a party are covered; "" is a part without a known party."""
        return not self.parties or _listed(self.parties, party_id)


@dataclass(frozen=True, slots=True)
class Conditions(TomlTable):
    """Limits on a use; None and False set none.

    Attributes
    ----------
    max_consecutive_ms, max_total_ms : int or None
        Longest passage, and sum of passages, of one recording in one generated track.
    max_share_of_track_millionths : int or None
        Largest part of a generated track that one recording may take.
    no_vocals : bool
        Recordings with vocals must not be used.
    """

    max_consecutive_ms: Annotated[int | None, SECONDS.but(name="max_consecutive_seconds")] = None
    max_total_ms: Annotated[int | None, SECONDS.but(name="max_total_seconds")] = None
    max_share_of_track_millionths: Annotated[int | None, PERCENT.but(name="max_share_of_track")] = None
    no_vocals: Annotated[bool, FLAG] = False


@dataclass(frozen=True, slots=True)
class Deduction(TomlTable):
    """Part of the gross amount that is kept back, such as an administration fee."""

    name: Annotated[str, ID]
    millionths: Annotated[int, PERCENT.but(name="rate")]


def _rights(value: Any, where: Location) -> tuple[tuple[str, int], ...] | None:
    rights = tuple(sorted(read_values(expect_table(value, where), _RIGHTS, where).items()))
    for right, millionths in rights:
        if not millionths:
            where.at(right).note(": is 0 %; leave the right out")
    total = sum(millionths for _, millionths in rights)
    if total != WHOLE and not where.is_faulty:
        where.note(f": sum to {format_percent(total)}; they must sum to 100 %")
    return None if where.is_faulty else rights


@dataclass(frozen=True, slots=True)
class RateCard(TomlTable):
    """Price of a use, and its division among rights.

    Attributes
    ----------
    currency : str
        ISO 4217; of all amounts under the licence.
    rights : tuple of (str, int)
        Right and its part of every amount in millionths, sorted by right; they sum to 1 000 000.
    royalty_millionths : int or None
        Part of net revenue that is owed.
    per_second, per_match : Fraction or None
        Exact, in minor units of the currency.
    per_usage : bool
        Whether `per_second` and `per_match` count once per usage, else once per generated track and territory, in the
        statement that has it first.
    minimum_payout : int
        Minor units; a party with less due is paid later.
    deductions : tuple of Deduction
        In the order written; each is a part of the gross amount.
    tiers : tuple of Tier
        Ascending; changes of `per_second` and `per_match` with the number of usages.
    tiers_period : str
        Period over which usages are counted for tiers: statement, month, quarter, year or term; "" without tiers.
    """

    currency: Annotated[str, CURRENCY.but(fixed=True)]
    rights: Annotated[
        tuple[tuple[str, int], ...],
        Key(_rights, lambda rights, _: {right: format_percent(part) for right, part in rights}),
    ]
    royalty_millionths: Annotated[int | None, PERCENT.but(name="royalty_rate")] = None
    per_second: Annotated[Fraction | None, RATE] = None
    per_match: Annotated[Fraction | None, RATE] = None
    per_usage: Annotated[bool, FLAG.but(stated=True)] = True
    minimum_payout: Annotated[int, MINIMUM.but(stated=True)] = 0
    deductions: Annotated[tuple[Deduction, ...], tables(Deduction)] = ()
    tiers: Annotated[tuple[Tier, ...], TIERS] = ()
    tiers_period: Annotated[str, TIER_PERIOD] = ""

    def flaws(self) -> Iterator[tuple[Place, str]]:
        """Yield the faults between deductions, between tiers, and between tiers and the rates that they change."""
        names: set[str] = set()
        for number, deduction in enumerate(self.deductions):
            if deduction.name in names:
                yield ("deductions", number), f": {deduction.name!r} is there twice; give each its own name"
            names.add(deduction.name)
        total = sum(deduction.millionths for deduction in self.deductions)
        if total > WHOLE:
            yield ("deductions",), f": sum to {format_percent(total)}; more than all cannot be taken off"
        if self.tiers_period and not self.tiers:
            yield ("tiers_period",), ": there are no [[rate_card.tiers]]; leave it out"
        if self.tiers and not self.tiers_period:
            yield ("tiers_period",), f" is missing; write one of {', '.join(TIER_PERIODS)}"
        if self.tiers and not self.per_usage:
            yield ("tiers",), ": count usages, and per_usage = false counts none; leave one of them out"
        before = 0
        for number, tier in enumerate(self.tiers):
            if tier.from_usages <= before:
                fault = f"must be above {before}, that of the tier before; sort them"
                yield ("tiers", number), f": from_usages {tier.from_usages}: {fault}"
            for rate in tier.rates:
                if getattr(self, rate) is None:
                    fault = f"the rate card has no {rate} for usages below the first tier; add it"
                    yield ("tiers", number), f": {rate}: {fault}"
            before = tier.from_usages


@dataclass(frozen=True, slots=True)
class TerritoriesTable(TomlTable):
    """Codes of `Territories`, as they are written in a licence."""

    include: Annotated[tuple[str, ...], IDS.but(stated=True)] = (WORLDWIDE,)
    exclude: Annotated[tuple[str, ...], IDS] = ()

    def flaws(self) -> Iterator[tuple[Place, str]]:
        """Yield the fault of a licence that holds nowhere."""
        if not self.include:
            yield ("include",), ': is empty; name countries, or "Worldwide"'


def _territories(value: Any, where: Location) -> Territories | None:
    codes = read_record(TerritoriesTable, value, where)
    return None if codes is None else Territories.of(codes.include, codes.exclude)


def _territories_document(territories: Territories, currency: str) -> dict[str, Any]:
    return document_of(TerritoriesTable(territories.included, territories.excluded), currency)


def _purposes(value: Any, where: Location) -> tuple[str, ...]:
    purposes: tuple[str, ...] = IDS.read(value, where)
    for purpose in purposes:
        if purpose not in PURPOSES:
            raise ParameterError(f"{where.name}: {purpose!r:.60} is none of {', '.join(PURPOSES)}")
    if not purposes:
        raise ParameterError(f"{where.name}: is empty; name one or more of {', '.join(PURPOSES)}")
    return purposes


def _replaces(value: Any, where: Location) -> Any:
    return "" if value == "" else ID.read(value, where)


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence(TomlTable):
    """One licence, in one version.

    Attributes
    ----------
    id : str
    licensor, licensee : str
        Ids of parties.
    valid_from : date
    valid_to : date or None
        Last day; None is open.
    purposes : tuple of str
        Of `PURPOSES`, sorted.
    territories : Territories
    scope : Scope
    conditions : Conditions
    rate_card : RateCard
    replaces : str
        Id of the licence that this one follows, or "".
    precedence : int or None
        Where several licences cover a share, the highest pays; None is the lowest.
    amendments : tuple of Amendment
        By day.
    deal : DealTerms
        Guarantee, advance, pool for training and audit window, where there are any.
    digest : str
        "sha256:" and the digest of the licence as written, in canonical form.
    """

    id: Annotated[str, ID.but(fixed=True)]
    licensor: Annotated[str, ID.but(fixed=True)]
    licensee: Annotated[str, ID.but(fixed=True)]
    valid_from: Annotated[date, DAY.but(fixed=True)]
    valid_to: Annotated[date | None, DAY] = None
    purposes: Annotated[tuple[str, ...], Key(_purposes, lambda purposes, _: list(purposes))]
    replaces: Annotated[str, Key(_replaces, fixed=True)] = ""
    precedence: Annotated[int | None, whole_number(0, 1_000_000)] = None
    scope: Annotated[Scope, table(Scope)]
    territories: Annotated[Territories, Key(_territories, _territories_document, stated=True)] = EVERYWHERE
    conditions: Annotated[Conditions, table(Conditions)] = Conditions()
    rate_card: Annotated[RateCard, table(RateCard)]
    amendments: "tuple[Amendment, ...]" = ()
    deal: DealTerms = NO_DEAL
    digest: str = ""

    def on(self, day: date) -> "Licence":
        """Return the terms that hold for tracks generated on a day: this licence, or its latest amendment by then."""
        terms = self
        for amendment in self.amendments:
            if amendment.valid_from <= day:
                terms = amendment.terms
        return terms


@dataclass(frozen=True, slots=True)
class Amendment:
    """Terms from a day on: the whole licence as amended, without amendments and digest."""

    valid_from: date
    terms: Licence


def _listed(names: tuple[str, ...], name: str) -> bool:
    """Return whether a name is in a sorted tuple, which may list a whole catalogue."""
    place = bisect_left(names, name)
    return place < len(names) and names[place] == name
