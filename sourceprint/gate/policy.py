"""The policy of the gate: which matches pass, which a person looks at, and which block a release.

docs/formats/gate-policy.md shows the file, `sourceprint.gate.policy_toml` reads it. Every threshold is in the units of
the scan result it is compared with: whole milliseconds, percentages from 0 to 100, confidence from 0 to 1.
"""

import unicodedata
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from typing import Literal, get_args

from sourceprint.identifiers.isrc import compact
from sourceprint.scans.results import ResultMatch

__all__ = [
    "ACTIONS",
    "BLOCK",
    "ERROR",
    "NEAR_LIMIT_PER_1000H",
    "PASS",
    "REVIEW",
    "SCHEMA",
    "USES",
    "Action",
    "GateLicence",
    "GatePolicy",
    "Names",
    "Purpose",
    "Rule",
    "worst",
]

SCHEMA = "sourceprint/gate-policy/1"

PASS = "pass"
REVIEW = "review"
BLOCK = "block"
Action = Literal["pass", "review", "block"]
ACTIONS: tuple[Action, ...] = get_args(Action)
"""Decisions on a match, from the mildest to the most severe."""

ERROR = "error"
"""Verdict on a file that could not be checked, under any policy."""

NEAR_LIMIT_PER_1000H = 1000.0
"""Measured on strangers: a review in two to three hours of music, for two thirds more of the uses near the limit."""

Purpose = Literal["train", "generate", "reference-audio"]
USES: tuple[Purpose, ...] = get_args(Purpose)
"""Uses that a licence can allow: the purposes of licences, in the same words."""


@dataclass(frozen=True, slots=True)
class Names:
    """Recordings that a policy names: by id, by ISRC, or by a pattern of either.

    Attributes
    ----------
    ids, isrcs : tuple of str
        `*` stands for any characters, `?` for one; everything else for itself. ISRCs in capitals without separators.
    """

    ids: tuple[str, ...] = ()
    isrcs: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.ids or self.isrcs)

    def cover(self, recording_id: str, isrc: str = "") -> bool:
        """Return whether the id or the ISRC of a recording is named.

        Examples
        --------
        >>> Names(("blue-*",), ("GBAYE*",)).cover("blue-1"), Names((), ("GBAYE*",)).cover("x", "gb-aye-01-00001")
        (True, True)
        >>> Names(("blue-[1]",)).cover("blue-1"), Names((), ("*",)).cover("x")
        (False, False)
        """
        written = unicodedata.normalize("NFC", recording_id)
        code = compact(isrc)
        return any(_fits(pattern, written) for pattern in self.ids) or (
            code != "" and any(_fits(pattern, code) for pattern in self.isrcs)
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its action applies to a match for which all of its conditions hold.

    Attributes
    ----------
    id : str
        Its name in reports.
    action : str
        Of `ACTIONS`.
    min_confidence : float or None
        From 0 to 1. None asks nothing, here and below.
    max_false_per_1000h : float or None
        Of the best passage.
    min_ms : int or None
        Milliseconds of the file that reuse the recording, overlaps counted once.
    min_total_ms : int or None
        Milliseconds of the file that reuse any recording without the permission of a licence, overlaps counted once.
    min_percent_of_file, min_percent_of_recording : float or None
        Coverage of the file and of the recording.
    layers : tuple of str
        Layers that found the match.
    names : Names
        Recordings that it is about.
    """

    id: str
    action: str
    min_confidence: float | None = None
    max_false_per_1000h: float | None = None
    min_ms: int | None = None
    min_total_ms: int | None = None
    min_percent_of_file: float | None = None
    min_percent_of_recording: float | None = None
    layers: tuple[str, ...] = ()
    names: Names = Names()

    def fits(self, found: ResultMatch, total_ms: int) -> bool:
        """Return whether every condition holds of a match, in a file with so many matched and unlicensed ms."""
        return (
            (self.min_confidence is None or found.confidence >= self.min_confidence)
            and (self.max_false_per_1000h is None or found.false_per_1000h <= self.max_false_per_1000h)
            and (self.min_ms is None or found.track_match_ms >= self.min_ms)
            and (self.min_total_ms is None or total_ms >= self.min_total_ms)
            and (self.min_percent_of_file is None or found.track_match_percentage >= self.min_percent_of_file)
            and (
                self.min_percent_of_recording is None
                or found.recording_match_percentage >= self.min_percent_of_recording
            )
            and (not self.layers or found.layer in self.layers)
            and (not self.names or self.names.cover(found.recording_id, found.isrc or ""))
        )


@dataclass(frozen=True, slots=True)
class GateLicence:
    """Recordings that are licensed, and the terms; None and () ask nothing.

    Attributes
    ----------
    reference : str
        By which the licence is known, such as its number.
    names : Names
    valid_from, valid_until : date or None
        First and last day.
    max_ms : int or None
        Milliseconds of one recording in one file.
    max_percent_of_file : float or None
        Part of a file that one recording may take.
    uses : tuple of str
        Of `USES`.
    """

    reference: str
    names: Names
    valid_from: date | None = None
    valid_until: date | None = None
    max_ms: int | None = None
    max_percent_of_file: float | None = None
    uses: tuple[str, ...] = ()

    def broken_term(self, found: ResultMatch, *, day: date, use: str) -> str:
        """Return the first term that a match breaks, in words, or "".

        Parameters
        ----------
        found : ResultMatch
            The match; whether the licence names its recording is not asked.
        day : date
            Of the release.
        use : str
            The use of the recording, of `USES`.
        """
        if self.valid_from is not None and day < self.valid_from:
            return f"valid_from {self.valid_from}, checked for {day}"
        if self.valid_until is not None and day > self.valid_until:
            return f"valid_until {self.valid_until}, checked for {day}"
        if self.uses and use not in self.uses:
            return f"uses {', '.join(self.uses)}, checked for {use}"
        if self.max_ms is not None and found.track_match_ms > self.max_ms:
            return f"max_seconds {self.max_ms / 1000:g}, reused {found.track_match_ms / 1000:g}"
        if self.max_percent_of_file is not None and found.track_match_percentage > self.max_percent_of_file:
            return f"max_percent_of_file {self.max_percent_of_file:g}, reused {found.track_match_percentage:g}"
        return ""


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """One policy, validated.

    Attributes
    ----------
    name : str
    sha256 : str
        Of the file, hexadecimal.
    rules : tuple of Rule
        In order: the first that fits decides.
    otherwise : str
        Decision where none fits.
    licences : tuple of GateLicence
        In order: the first whose terms are kept passes a match.
    outside_licence : str
        Decision on a match that breaks a term of every licence that names its recording.
    unresolved : str
        Decision where it is open whether the recording is a licensed one.
    use : str
        The checked files' use of recordings, of `USES`.
    too_short, not_enough_music : str
        `PASS`, or `ERROR`: decision on files that cannot be searched for these reasons.
    truncated : str
        `PASS`, or `ERROR`: decision on files whose end is missing, according to the file itself.
    damaged : str
        `PASS`, or `ERROR`: decision on files of whose sound more than a second, or a tenth, could not be decoded.
    max_false_per_1000h : float
        Of the search: false matches to put up with in 1 000 hours of audio.
    near_limit_per_1000h : float
        Rate up to which matches beyond that limit are for review; at or below the limit, none are.
    thorough : bool
        Whether tempo and speed from half to double are searched.
    """

    name: str
    sha256: str
    rules: tuple[Rule, ...]
    otherwise: str
    licences: tuple[GateLicence, ...] = ()
    outside_licence: str = BLOCK
    unresolved: str = REVIEW
    use: str = "generate"
    too_short: str = ERROR
    not_enough_music: str = ERROR
    truncated: str = ERROR
    damaged: str = ERROR
    max_false_per_1000h: float = 1.0
    near_limit_per_1000h: float = NEAR_LIMIT_PER_1000H
    thorough: bool = False

    @property
    def exact_ids(self) -> tuple[str, ...]:
        """Ids, no patterns, that rules and licences name; each once, in order."""
        named = [*(rule.names for rule in self.rules), *(licence.names for licence in self.licences)]
        ids = (one for names in named for one in names.ids if "*" not in one and "?" not in one)
        return tuple(dict.fromkeys(ids))


def worst(decisions: tuple[str, ...]) -> str:
    """Return the most severe of some decisions; `PASS` where there are none.

    Examples
    --------
    >>> worst(("pass", "block", "review")), worst(())
    ('block', 'pass')
    """
    return max(decisions, key=ACTIONS.index, default=PASS)


def _fits(pattern: str, text: str) -> bool:
    if "*" not in pattern and "?" not in pattern:
        return pattern == text
    return fnmatchcase(text, pattern.replace("[", "[[]"))  # a bracket stands for itself
