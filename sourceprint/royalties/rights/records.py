"""The records of the catalogue of rights: parties, recordings, works, what links them, and shares.

A *recording* is a sound recording (ISRC); a *work* is the composition that it performs (ISWC). A *master share* is a
party's part of a recording, a *right share* its part of one right in a work. Shares are whole millionths, times whole
milliseconds. Every record has an id of its own, given by whoever keeps the catalogue; ids are compared as they are
written. An empty text is something that is not known.

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
"""All of something, in millionths."""

MASTER = "Master"
"""The right in a recording, as against the rights in a work."""

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
"""What a choice can be about."""


@dataclass(frozen=True, slots=True)
class Party:
    """A person or company: writer, publisher, label, society, licensee.

    Attributes
    ----------
    id, name : str
        Own id, and the name as it is printed.
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
        Id of its fingerprints in the index, the `recording_id` of scan results; "" where it is not in one.
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
        "yes" while parties dispute who owns how much of it, which holds all of its shares; "no", or "" where unknown.
    """

    id: str
    title: str
    iswc: str = ""
    writers: tuple[str, ...] = ()
    disputed: str = ""


@dataclass(frozen=True, slots=True)
class RecordingWork:
    """That a recording performs a work.

    Attributes
    ----------
    recording_id, work_id : str
    weight_millionths : int or None
        The work's part of the recording where it performs several, as a medley does; None is an equal part.
    """

    recording_id: str
    work_id: str
    weight_millionths: int | None = None


@dataclass(frozen=True, slots=True)
class RecordingPart:
    """That a passage of a recording is taken from another one, as a sample is.

    Attributes
    ----------
    recording_id, part_id : str
        The recording that contains, and the one that is contained.
    start_ms, end_ms : int
        The passage, on the timeline of the recording that contains it; start < end.
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
        Its own id.
    subject_id : str
        Id of the recording (master shares) or of the work (right shares).
    party_id : str
        Who owns it; "" where that is not known (copyright control): that part stays unclaimed.
    right : str
        `MASTER`, or one of `WORK_RIGHTS`.
    millionths : int
        From 1 to 1 000 000.
    territories : Territories
        Where it holds.
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
        """Whether it ends before it begins, and so holds on no day."""
        return self.valid_from is not None and self.valid_to is not None and self.valid_to < self.valid_from

    def holds(self, territory: str, day: date) -> bool:
        """Return whether the share holds in a territory on a day."""
        return _is_within(day, self.valid_from, self.valid_to) and self.territories.covers(territory)


@dataclass(frozen=True, slots=True)
class OptChoice:
    """What is chosen for a recording or work: that it may be used for some purposes, or may not.

    Attributes
    ----------
    id : str
        Its own id.
    subject : str
        Of `OPT_SUBJECTS`: what `subject_id` is. A choice by ISRC or ISWC holds for whatever is on file under it, now or
        later; one of a party for all recordings and works that the party has a share in.
    subject_id : str
    choice : str
        "in" or "out".
    purposes : tuple of str
        Sorted; empty is every purpose.
    territories : Territories
        Where it holds.
    valid_from, valid_to : date or None
        First and last day on which it holds; None is open.
    weight_millionths : int or None
        Weight in the pool of a licence that divides by weights; None where none is declared.
    reason : str
        Such as "letter of the artist, 3 May", or "".
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
        """Return whether it is about a purpose, and holds on a day, wherever that may be."""
        return (not self.purposes or purpose in self.purposes) and _is_within(day, self.valid_from, self.valid_to)


def _is_within(day: date, first: date | None, last: date | None) -> bool:
    return (first is None or first <= day) and (last is None or day <= last)
