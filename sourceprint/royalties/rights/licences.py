"""Licences: permission of a licensor for a licensee to use recordings or works, with territories, days and rates.

A licence is written as TOML, one file each:

    schema = "sourceprint/licence/1"
    id = "LIC-2026-07"
    licensor = "P-LABEL"              # ids of parties
    licensee = "P-GENERATOR"
    valid_from = 2026-01-01
    valid_to = 2026-12-31             # optional: open without it
    purposes = ["generate"]           # train, generate, reference-audio
    replaces = "LIC-2025-07"          # optional
    precedence = 10                   # where several licences cover a share, the highest precedence pays

    [scope]                           # one or more of these; everything = true stands alone
    recordings = ["R1"]               # with their works, for the rights in works of the rate card
    works = ["W1"]                    # a work gives no right to a recording of it
    tags = ["catalogue-a"]
    labels = ["Blue Label"]
    parties = ["P-LABEL"]             # only the shares of these; all shares without it

    [territories]
    include = ["Worldwide"]
    exclude = ["US"]

    [conditions]                      # each is optional
    max_consecutive_seconds = "15"    # of one recording in one generated track
    max_total_seconds = "30"
    max_share_of_track = "50 %"
    no_vocals = true

    [rate_card]
    currency = "EUR"
    royalty_rate = "12.5 %"           # of net revenue: for the methods that divide revenue
    per_second = "0.002"              # for matched-seconds without revenue
    per_match = "0.10"                # for fixed-fee
    per_usage = true                  # per_second and per_match count once per usage; false: once per track, territory
    minimum_payout = "20.00"          # less is carried forward
    tiers_period = "quarter"          # rates that change with volume: sourceprint.royalties.rate_tiers

    [rate_card.rights]                # how an amount divides; must sum to 100 %
    Master = "50 %"
    MechanicalRight = "25 %"
    PerformingRight = "25 %"

    [[rate_card.deductions]]
    name = "administration"
    rate = "10 %"

    [[amendments]]                    # changed keys, for tracks generated from a day on
    from = 2026-07-01
    rate_card = { per_second = "0.003" }
    remove = ["conditions.no_vocals"]

Decimal numbers are written as text, so that they are read exactly. `sourceprint.royalties.deal_terms` shows the keys of
guarantees, advances, pools for training and audit windows.
"""

from bisect import bisect_left
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from fingerprint.errors import ParameterError
from sourceprint.royalties.deal_terms import NO_DEAL, DealTerms
from sourceprint.royalties.rate_tiers import Tier
from sourceprint.royalties.rights.records import RightsRecording
from sourceprint.royalties.territories import Territories

__all__ = ["PURPOSES", "Amendment", "Conditions", "Deduction", "Licence", "RateCard", "Scope", "validate_purpose"]

SCHEMA = "sourceprint/licence/1"
PURPOSES = ("train", "generate", "reference-audio")


def validate_purpose(purpose: str) -> str:
    """Return a purpose; raises ParameterError unless it is of `PURPOSES`."""
    if purpose not in PURPOSES:
        raise ParameterError(f"purpose {purpose!r:.40}: write one of {', '.join(PURPOSES)}")
    return purpose


@dataclass(frozen=True, slots=True)
class Scope:
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

    everything: bool = False
    recordings: tuple[str, ...] = ()
    works: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    parties: tuple[str, ...] = ()

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
class Conditions:
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

    max_consecutive_ms: int | None = None
    max_total_ms: int | None = None
    max_share_of_track_millionths: int | None = None
    no_vocals: bool = False


@dataclass(frozen=True, slots=True)
class Deduction:
    """Part of the gross amount that is kept back, such as an administration fee."""

    name: str
    millionths: int


@dataclass(frozen=True, slots=True)
class RateCard:
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

    currency: str
    rights: tuple[tuple[str, int], ...]
    royalty_millionths: int | None = None
    per_second: Fraction | None = None
    per_match: Fraction | None = None
    per_usage: bool = True
    minimum_payout: int = 0
    deductions: tuple[Deduction, ...] = ()
    tiers: tuple[Tier, ...] = ()
    tiers_period: str = ""


@dataclass(frozen=True, slots=True)
class Licence:
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

    id: str
    licensor: str
    licensee: str
    valid_from: date
    valid_to: date | None
    purposes: tuple[str, ...]
    territories: Territories
    scope: Scope
    conditions: Conditions
    rate_card: RateCard
    replaces: str = ""
    precedence: int | None = None
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
