"""Records of rights: parties, recordings, works, their links, and shares.

A *recording* is a sound recording (ISRC); a *work* is the composition that it performs (ISWC). A *master share* is a
party's part of a recording, a *right share* its part of one right in a work. Shares are in whole millionths, times in
whole milliseconds. Ids are given by the owner of the catalogue and compared as written. An empty text is an unknown
value.

Source of the vocabulary: the tables of DDEX BWARM, and the rights of the DSR allowed value list.
"""

from dataclasses import dataclass
from datetime import date

from sourceprint.royalties.territories import EVERYWHERE, Territories

__all__ = [
    "MASTER",
    "OPT_SUBJECTS",
    "WHOLE",
    "WORK_RIGHTS",
    "OptChoice",
    "Party",
    "RecordingPart",
    "RecordingWork",
    "RightsRecording",
    "Share",
    "Work",
]

WHOLE = 1_000_000
"""The whole, in millionths."""

MASTER = "Master"
"""Right in a recording, as against the rights in a work."""

WORK_RIGHTS = (
    "MechanicalRight",
    "PerformingRight",
    "ReproductionRight",
    "MakeAvailableRight",
    "SynchronizationRight",
    "PrintRight",
    "UserDefined",
)

OPT_SUBJECTS = ("recording", "isrc", "work", "iswc", "party")
"""Subjects of a choice."""


@dataclass(frozen=True, slots=True)
class Party:
    """A person or company: writer, publisher, label, society, licensee.

    Attributes
    ----------
    id, name : str
        Own id, and the name as printed.
    ipi, isni, dpid : str
        Compact and valid, or "".
    """

    id: str
    name: str
    ipi: str = ""
    isni: str = ""
    dpid: str = ""


@dataclass(frozen=True, slots=True)
class RightsRecording:
    """A sound recording.

    Attributes
    ----------
    id, title, subtitle, label : str
    artists : tuple of str
        In order of billing.
    isrc : str
        Compact, or "".
    duration_ms : int or None
        None where unknown.
    index_id : str
        Id of its fingerprints in the index, the `recording_id` of scan results; "" where it is in no index.
    vocals : str
        "yes", "no", or "" where unknown.
    tags : tuple of str
        Sorted; licences may name them.
    """

    id: str
    title: str
    artists: tuple[str, ...] = ()
    isrc: str = ""
    subtitle: str = ""
    label: str = ""
    duration_ms: int | None = None
    index_id: str = ""
    vocals: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Work:
    """A composition.

    Attributes
    ----------
    id, title : str
    iswc : str
        Compact and valid, or "".
    writers : tuple of str
        Names, in order.
    disputed : str
        "yes" while its ownership is in dispute, so that all of its shares are held; "no"; or "" where unknown.
    """

    id: str
    title: str
    iswc: str = ""
    writers: tuple[str, ...] = ()
    disputed: str = ""


@dataclass(frozen=True, slots=True)
class RecordingWork:
    """Link of a recording to a work that it performs.

    Attributes
    ----------
    recording_id, work_id : str
    weight_millionths : int or None
        Part of the work in a recording that performs several, such as a medley; None is an equal part.
    """

    recording_id: str
    work_id: str
    weight_millionths: int | None = None


@dataclass(frozen=True, slots=True)
class RecordingPart:
    """Passage of a recording that is taken from another one, such as a sample.

    Attributes
    ----------
    recording_id, part_id : str
        The containing recording, and the contained one.
    start_ms, end_ms : int
        Bounds of the passage on the timeline of the containing recording; start < end.
    """

    recording_id: str
    part_id: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Share:
    """A party's share of a recording, or of one right in a work.

    Attributes
    ----------
    id : str
        Own id.
    subject_id : str
        Id of the recording (master shares) or of the work (right shares).
    party_id : str
        Owner; "" where unknown (copyright control), so that its part stays unclaimed.
    right : str
        `MASTER`, or one of `WORK_RIGHTS`.
    millionths : int
        From 1 to 1 000 000.
    territories : Territories
        Territories in which it holds.
    valid_from, valid_to : date or None
        First and last day on which it holds; None is open.
    role : str
        Role of the party, such as Composer or MusicPublisher, or "".
    """

    id: str
    subject_id: str
    party_id: str
    right: str
    millionths: int
    territories: Territories = EVERYWHERE
    valid_from: date | None = None
    valid_to: date | None = None
    role: str = ""

    @property
    def is_reversed(self) -> bool:
        """Whether it ends before it begins, so that it holds on no day."""
        return self.valid_from is not None and self.valid_to is not None and self.valid_to < self.valid_from

    def holds(self, territory: str, day: date) -> bool:
        """Return whether the share holds in a territory on a day."""
        return _is_within(day, self.valid_from, self.valid_to) and self.territories.covers(territory)


@dataclass(frozen=True, slots=True)
class OptChoice:
    """Choice of an owner for recordings or works: whether they may be used for some purposes.

    Attributes
    ----------
    id : str
        Own id.
    subject : str
        Of `OPT_SUBJECTS`: kind of `subject_id`. A choice by ISRC or ISWC holds for all records with that code, now or
        later; one by party for all recordings and works in which the party has a share.
    subject_id : str
    choice : str
        "in" or "out".
    purposes : tuple of str
        Sorted; empty is every purpose.
    territories : Territories
        Territories in which it holds.
    valid_from, valid_to : date or None
        First and last day on which it holds; None is open.
    weight_millionths : int or None
        Weight in the pool of a licence that divides by weights; None where none is declared.
    reason : str
        Free text, such as "letter of the artist, 3 May", or "".
    """

    id: str
    subject: str
    subject_id: str
    choice: str
    purposes: tuple[str, ...] = ()
    territories: Territories = EVERYWHERE
    valid_from: date | None = None
    valid_to: date | None = None
    weight_millionths: int | None = None
    reason: str = ""

    def concerns(self, purpose: str, day: date) -> bool:
        """Return whether the choice is about a purpose and holds on a day, in any territory."""
        return (not self.purposes or purpose in self.purposes) and _is_within(day, self.valid_from, self.valid_to)


def _is_within(day: date, first: date | None, last: date | None) -> bool:
    return (first is None or first <= day) and (last is None or day <= last)
