"""The policy of the gate: which matches pass, which a person looks at, and which block a release.

docs/formats/gate-policy.md shows the file, `sourceprint.gate.policy_toml` reads it. Every threshold is in the units of
the scan result it is compared with: whole milliseconds, percentages from 0 to 100, confidence from 0 to 1.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import MISSING, dataclass
from datetime import date, datetime
from fnmatch import fnmatchcase
from functools import partial
from typing import Annotated, Any, Literal, get_args

from fingerprint.errors import ParameterError, printable
from index.search.significance import LEAST_FALSE_PER_1000H, MOST_CONFIDENCE
from index.storage.manifest import layer_specs
from sourceprint.identifiers.isrc import compact, validate
from sourceprint.scans.results import ResultMatch
from sourceprint.toml_documents import (
    FLAG,
    Location,
    TomlTable,
    checked,
    keys_of,
    list_of,
    number,
    one_of,
    some_of,
    tables,
    text,
)
from sourceprint.toml_faults import Place

__all__ = [
    "ACTIONS",
    "BLOCK",
    "ERROR",
    "NEAR_LIMIT_PER_1000H",
    "PASS",
    "RESERVED",
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

RESERVED = ("licensed", "outside_licence", "unresolved", "near_limit", "otherwise")
"""Names of decisions that are no rule of the policy; reports say them where they say the id of a rule."""

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


def _milliseconds(value: Any, where: Location) -> int:
    seconds: float = _NUMBER.read(value, where)
    if abs(seconds * 1000 - round(seconds * 1000)) > 1e-6:
        raise ParameterError(f"{where.name} is {value!r}; write at most three decimals; times are whole milliseconds")
    return round(seconds * 1000)


def _codes(value: Any, where: Location) -> tuple[str, ...]:
    """Return ISRCs without separators; one with a star or a question mark is a pattern."""
    written: tuple[str, ...] = _RECORDINGS.read(value, where)
    try:
        return tuple(compact(one) if "*" in one or "?" in one else validate(one) for one in written)
    except ParameterError as error:
        remedy = "mend it, or write * for what may be anything"
        raise ParameterError(f"{where.name}: {printable(str(error))}; {remedy}") from error


_NUMBER = number(0, 1_000_000)
_SECONDS = _NUMBER.but(read=_milliseconds)
_RATE = number(LEAST_FALSE_PER_1000H, 1_000_000)
_PERCENT = number(0, 100)
_WORD = r"\S(.*\S)?"  # no spaces at its ends: no id has any
_TEXT = text(pattern=_WORD)
_RULE_ID = text(
    pattern="[A-Za-z0-9][A-Za-z0-9._-]{0,99}", remedy="write up to 100 letters, digits, dots, hyphens and underscores"
)
_RECORDINGS = list_of(partial(unicodedata.normalize, "NFC"), pattern=_WORD)
_ISRCS = _RECORDINGS.but(read=_codes)
_DAY = checked(
    "write a day without quotation marks and time, as 2026-12-31",
    lambda value: isinstance(value, date) and not isinstance(value, datetime),
)
_HELD_BACK = one_of((REVIEW, BLOCK))
_UNSEARCHED = one_of((PASS, ERROR))


@dataclass(frozen=True, slots=True)
class Rule(TomlTable):
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
    recordings, isrcs : tuple of str
        Recordings that it is about, as in `Names`.
    """

    id: Annotated[str, _RULE_ID]
    action: Annotated[str, one_of(ACTIONS)]
    min_confidence: Annotated[float | None, number(0, MOST_CONFIDENCE)] = None
    max_false_per_1000h: Annotated[float | None, _RATE] = None
    min_ms: Annotated[int | None, _SECONDS.but(name="min_seconds")] = None
    min_total_ms: Annotated[int | None, _SECONDS.but(name="min_total_seconds")] = None
    min_percent_of_file: Annotated[float | None, _PERCENT] = None
    min_percent_of_recording: Annotated[float | None, _PERCENT] = None
    layers: Annotated[tuple[str, ...], some_of(layer_specs())] = ()
    recordings: Annotated[tuple[str, ...], _RECORDINGS] = ()
    isrcs: Annotated[tuple[str, ...], _ISRCS] = ()

    def flaws(self) -> Iterator[tuple[Place, str]]:
        """Yield the faults of a rule with a name that is taken, or without a condition."""
        if self.id in RESERVED:
            yield ("id",), f" is {self.id!r}; {', '.join(RESERVED)} have a meaning of their own; choose another"
        conditions = {name: key for name, key in keys_of(Rule).items() if key.default is not MISSING}
        if all(getattr(self, key.field) == key.default for key in conditions.values()):
            remedy = f"give one of {', '.join(conditions)}, or write otherwise at the top of the file"
            yield (), f": has no condition and would decide everything; {remedy}"

    @property
    def names(self) -> Names:
        """Recordings that it is about."""
        return Names(self.recordings, self.isrcs)

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
class GateLicence(TomlTable):
    """Recordings that are licensed, and the terms; None and () ask nothing.

    Attributes
    ----------
    reference : str
        By which the licence is known, such as its number.
    recordings, isrcs : tuple of str
        As in `Names`.
    valid_from, valid_until : date or None
        First and last day.
    max_ms : int or None
        Milliseconds of one recording in one file.
    max_percent_of_file : float or None
        Part of a file that one recording may take.
    uses : tuple of str
        Of `USES`.
    """

    reference: Annotated[str, _TEXT]
    recordings: Annotated[tuple[str, ...], _RECORDINGS] = ()
    isrcs: Annotated[tuple[str, ...], _ISRCS] = ()
    valid_from: Annotated[date | None, _DAY] = None
    valid_until: Annotated[date | None, _DAY] = None
    max_ms: Annotated[int | None, _SECONDS.but(name="max_seconds")] = None
    max_percent_of_file: Annotated[float | None, _PERCENT] = None
    uses: Annotated[tuple[str, ...], some_of(USES)] = ()

    def flaws(self) -> Iterator[tuple[Place, str]]:
        """Yield the faults of a licence of no recording, or of no day."""
        if not self.names:
            yield (), ": names no recording; give recordings or isrcs"
        if self.valid_from is not None and self.valid_until is not None and self.valid_until < self.valid_from:
            fault = f"it lies before valid_from {self.valid_from}; exchange them"
            yield ("valid_until",), f" is {self.valid_until}; {fault}"

    @property
    def names(self) -> Names:
        """Recordings that are licensed."""
        return Names(self.recordings, self.isrcs)

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
class GatePolicy(TomlTable):
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
    stated_near_limit : float or None
        Rate up to which matches beyond that limit are for review; at or below the limit, none are. None is
        `NEAR_LIMIT_PER_1000H`.
    thorough : bool
        Whether tempo and speed from half to double are searched.
    """

    name: Annotated[str, _TEXT]
    otherwise: Annotated[str, one_of(ACTIONS)]
    outside_licence: Annotated[str, _HELD_BACK] = BLOCK
    unresolved: Annotated[str, _HELD_BACK] = REVIEW
    use: Annotated[str, one_of(USES)] = "generate"
    too_short: Annotated[str, _UNSEARCHED] = ERROR
    not_enough_music: Annotated[str, _UNSEARCHED] = ERROR
    truncated: Annotated[str, _UNSEARCHED] = ERROR
    damaged: Annotated[str, _UNSEARCHED] = ERROR
    max_false_per_1000h: Annotated[float, _RATE] = 1.0
    stated_near_limit: Annotated[float | None, number(0, 1_000_000).but(name="near_limit_per_1000h")] = None
    thorough: Annotated[bool, FLAG] = False
    rules: Annotated[tuple[Rule, ...], tables(Rule)] = ()
    licences: Annotated[tuple[GateLicence, ...], tables(GateLicence).but(name="licensed")] = ()
    sha256: str = ""

    def flaws(self) -> Iterator[tuple[Place, str]]:
        """Yield the faults of a policy that holds nothing back, of its limits, and of names that are given twice."""
        if self.otherwise == PASS and not self.licences and all(rule.action == PASS for rule in self.rules):
            remedy = 'write "review", by which no check fails unless it is asked to'
            yield ("otherwise",), f" is 'pass'; nothing could ever be held back; {remedy}"
        if self.stated_near_limit and self.stated_near_limit < self.max_false_per_1000h:
            limit = f"max_false_per_1000h {self.max_false_per_1000h:g}, up to which matches are reported"
            fault = f"it lies below {limit}; write a greater rate, or 0 for none"
            yield ("near_limit_per_1000h",), f" is {self.stated_near_limit:g}; {fault}"
        names = {("rules", "id"): [one.id for one in self.rules]}
        names["licensed", "reference"] = [one.reference for one in self.licences]
        for (section, key), values in names.items():
            for at, value in enumerate(values):
                if value in values[:at]:
                    fault = "as in an earlier one; give each a name of its own"
                    yield (section, at, key), f" is {value!r:.60}, {fault}"

    @property
    def near_limit_per_1000h(self) -> float:
        """Rate up to which matches beyond the limit are for review."""
        return NEAR_LIMIT_PER_1000H if self.stated_near_limit is None else self.stated_near_limit

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
