"""Licences: what a licensor allows a licensee to do with which recordings or works, where, when, and for what money.

A licence is written as TOML, one file each:

    schema = "sourceprint/licence/1"
    id = "LIC-2026-07"
    licensor = "P-LABEL"              # ids of parties
    licensee = "P-GENERATOR"
    valid_from = 2026-01-01
    valid_to = 2026-12-31             # may be left out: open
    purposes = ["generate"]           # train, generate, reference-audio
    replaces = "LIC-2025-07"          # may be left out

    [scope]                           # any of these; everything = true is all there is
    recordings = ["R1"]
    works = ["W1"]                    # for uses of the composition alone: a work gives no right to a recording of it
    tags = ["catalogue-a"]
    labels = ["Blue Label"]

    [territories]
    include = ["Worldwide"]
    exclude = ["US"]

    [conditions]                      # each may be left out
    max_consecutive_seconds = "15"    # of one recording in one generated track
    max_total_seconds = "30"
    max_share_of_track = "50 %"
    no_vocals = true

    [rate_card]
    currency = "EUR"
    royalty_rate = "12.5 %"           # of net revenue: for the methods that share out revenue
    per_second = "0.002"              # for matched-seconds without revenue
    per_match = "0.10"                # for fixed-fee
    per_usage = true                  # per_second and per_match count once per usage; false: once per track, territory
    minimum_payout = "20.00"          # less is carried forward

    [rate_card.rights]                # how an amount divides; must sum to 100 %
    Master = "50 %"
    MechanicalRight = "25 %"
    PerformingRight = "25 %"

    [[rate_card.deductions]]
    name = "administration"
    rate = "10 %"

Numbers with decimals are written as text, so that they are read exactly.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from sourceprint.royalties.rights.records import RightsRecording
from sourceprint.royalties.territories import Territories

__all__ = ["PURPOSES", "Conditions", "Deduction", "Licence", "RateCard", "Scope"]

SCHEMA = "sourceprint/licence/1"
PURPOSES = ("train", "generate", "reference-audio")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a licence covers: everything, or whatever any of the lists names; all sorted.

    Attributes
    ----------
    everything : bool
    recordings, works : tuple of str
        Ids.
    tags, labels : tuple of str
        Of recordings.
    """

    everything: bool = False
    recordings: tuple[str, ...] = ()
    works: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    def covers(self, *, recording_id: str, recording: RightsRecording | None, work_ids: Iterable[str]) -> bool:
        """Return whether a licence of this scope is about a recording; where none is known, about any of the works.

        Whoever licenses a work cannot license somebody else's recording of it: for a recording, works do not count.

        Parameters
        ----------
        recording_id : str
            "" where only works are used.
        recording : RightsRecording or None
            What is on file about it: its tags and its label.
        work_ids : iterable of str
            The works that are used; any one of them is enough.
        """
        if self.everything:
            return True
        if not recording_id:
            return any(_listed(self.works, work_id) for work_id in work_ids)
        if _listed(self.recordings, recording_id):
            return True
        if recording is None:
            return False
        return (recording.label != "" and _listed(self.labels, recording.label)) or any(
            _listed(self.tags, tag) for tag in recording.tags
        )


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a use must keep to; None and False ask nothing.

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
    """A part of the gross amount that is kept back, such as a fee of administration."""

    name: str
    millionths: int


@dataclass(frozen=True, slots=True)
class RateCard:
    """What a use costs, and how that divides.

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
        Minor units; a party that is owed less is paid later.
    deductions : tuple of Deduction
        In the order written; each is taken off the gross amount.
    """

    currency: str
    rights: tuple[tuple[str, int], ...]
    royalty_millionths: int | None = None
    per_second: Fraction | None = None
    per_match: Fraction | None = None
    per_usage: bool = True
    minimum_payout: int = 0
    deductions: tuple[Deduction, ...] = ()


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
    digest : str
        "sha256:" and the digest of what was written, in canonical form.
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
    digest: str = ""


def _listed(names: tuple[str, ...], name: str) -> bool:
    """Return whether a name is in a sorted tuple, which may list a whole catalogue."""
    place = bisect_left(names, name)
    return place < len(names) and names[place] == name
