"""Decisions on matches, the verdict on each file, and the report of one check with its exit code.

In comes one scan result, out comes its `Verdict`. For each match, in this order:

1. A licence that names the recording, and all of whose terms are kept, passes it. Where the same passage fits another
   recording nearly as well, and no licence covers that one, the reused recording is open: `unresolved`.
2. Where licences name the recording and each has a term that is broken, `outside_licence` decides, with that term.
3. Else the first rule that fits decides, and `otherwise` where none does.
4. A decision by 2 or 3 is `unresolved` where that is milder and every passage fits a licensed recording nearly as
   well: which of two copies is named first must not make the difference.

A hit just beyond the limit of the search (`GatePolicy.near_limit_per_1000h`) is no match, and no result states it: it
supports no claim, and never blocks. It passes where 1 to 4 pass it as a match; else it is for review.

A file gets the worst of its matches. A file that could not be searched is an error, unless the policy passes it.

`Report` holds the verdicts of one check. Its exit codes: 0 nothing at or above `fail_on`; 1 matches at or above it; 3
nothing could be read; 4 some files could not be checked, which outranks 1, as unchecked files may hold worse.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal, get_args

from fingerprint.errors import printable
from fingerprint.streams import notes_on_unsearched
from index.search.matches import union_seconds
from sourceprint.gate.policy import ACTIONS, BLOCK, ERROR, PASS, REVIEW, GatePolicy, worst
from sourceprint.items import OtherFile
from sourceprint.scans.results import ResultMatch, ResultPassage, ScanResult

__all__ = ["FAIL_ON", "UNREADABLE", "Decision", "FailOn", "Report", "Verdict", "decide"]


_WHOLE = 0.9  # of a passage, that a licensed alternative must fit: the rest is not licensed by it


@dataclass(frozen=True, slots=True)
class Decision:
    """Decision on one match.

    Attributes
    ----------
    found : ResultMatch
        The match.
    action : str
        Of `sourceprint.gate.policy.ACTIONS`.
    kind : str
        Id of the rule that decided, or licensed, outside_licence, unresolved, near_limit, otherwise.
    reference : str
        Of the licence that played a part; "" where none did.
    reason : str
        The broken term, the open question, or the weakness of the evidence; else "".
    near_limit : bool
        Whether it is no match, as it misses the limit of the search.
    """

    found: ResultMatch
    action: str
    kind: str
    reference: str = ""
    reason: str = ""
    near_limit: bool = False

    @property
    def rule(self) -> str:
        """The field `policy_rule` of a match: the kind, with the licence."""
        return f"{self.kind}: {self.reference}" if self.reference else self.kind


@dataclass(frozen=True, slots=True)
class Verdict:
    """Verdict on one file, or on an input that is no file.

    Attributes
    ----------
    name : str
        The path as it was given.
    action : str
        Of `ACTIONS`, or `ERROR`.
    status : str
        Of the scan result; "refused" where nothing was scanned.
    reason : str
        Why it could not be checked; else "".
    decisions : tuple of Decision
        In order of the matches, and then those near the limit.
    result : ScanResult or None
        Result of the scan; None where nothing was scanned.
    """

    name: str
    action: str
    status: str
    reason: str = ""
    decisions: tuple[Decision, ...] = ()
    result: ScanResult | None = None

    @property
    def path(self) -> str:
        """The name as the file system has it, where there is such a file."""
        return self.name if self.result is None else self.result.path

    @property
    def worst(self) -> Decision | None:
        """The first of the most severe decisions; None where nothing was found."""
        return max(self.decisions, key=lambda decision: ACTIONS.index(decision.action), default=None)


def decide(result: ScanResult, policy: GatePolicy, *, day: date, near: Sequence[ResultMatch] = ()) -> Verdict:
    """Return the verdict of a policy on one file.

    Parameters
    ----------
    result : ScanResult
        Result of a search with the settings of the policy.
    policy : GatePolicy
    day : date
        Of the release: licences must hold on it.
    near : sequence of ResultMatch
        Hits of the search between its limit and `GatePolicy.near_limit_per_1000h`.
    """
    if not result.searched:
        passed = {"too_short": policy.too_short, "not_enough_music": policy.not_enough_music}
        return Verdict(result.name, passed.get(result.status, ERROR), result.status, result.reason or "", result=result)
    total_ms = _unlicensed_ms(result, policy, day)
    decisions = (
        *(_decision(found, policy, day, total_ms) for found in result.matches),
        *(_near_limit(found, policy, day, total_ms) for found in near),
    )
    action = worst(tuple(decision.action for decision in decisions))
    missing = notes_on_unsearched(result.track.notes) if result.unsearched_streams else ""
    if not missing and policy.truncated == ERROR:
        missing = result.cut
    if not missing and policy.damaged == ERROR:
        missing = result.damage
    if missing and action != BLOCK:  # the missing part may hold more matches
        reason = f"not all of it was searched: {missing}"
        return Verdict(result.name, ERROR, result.status, reason, decisions, result)
    return Verdict(result.name, action, result.status, decisions=decisions, result=result)


def _unlicensed_ms(result: ScanResult, policy: GatePolicy, day: date) -> int:
    """Return how much of a file reuses recordings that no licence permits, in ms; overlaps count once."""
    spans = [
        (passage.track_start_ms, passage.track_end_ms)
        for found in result.matches
        if not _terms(found, found.recording_id, found.isrc or "", policy, day)[0]
        for passage in found.passages
    ]
    return round(union_seconds(spans))  # of milliseconds, milliseconds


def _decision(found: ResultMatch, policy: GatePolicy, day: date, total_ms: int) -> Decision:
    permitted, broken = _terms(found, found.recording_id, found.isrc or "", policy, day)
    isrcs = {one.recording_id: one.isrc or "" for passage in found.passages for one in passage.alternatives}
    if permitted:
        for other in found.also_fits:
            if not _terms(found, other, isrcs.get(other, ""), policy, day)[0]:
                reason = f"fits {printable(other)} nearly as well, which no licence permits"
                return Decision(found, policy.unresolved, "unresolved", permitted, reason)
        return Decision(found, PASS, "licensed", permitted)
    if broken:
        reason = "; ".join([broken[0][1], *(f"{reference}: {term}" for reference, term in broken[1:])])
        decision = Decision(found, policy.outside_licence, "outside_licence", broken[0][0], reason)
    else:
        rule = next((rule for rule in policy.rules if rule.fits(found, total_ms)), None)
        kind, action = ("otherwise", policy.otherwise) if rule is None else (rule.id, rule.action)
        decision = Decision(found, action, kind)
    if ACTIONS.index(decision.action) > ACTIONS.index(policy.unresolved):
        permitting = [
            next(
                (
                    (p, other)
                    for other in passage.also_fits
                    if _fits_whole(other, passage) and (p := _terms(found, other, isrcs.get(other, ""), policy, day)[0])
                ),
                None,
            )
            for passage in found.passages
        ]
        if permitting[0] is not None and None not in permitting:
            reference, other = permitting[0]
            reason = f"fits {printable(other)} nearly as well, which is licensed"
            return Decision(found, policy.unresolved, "unresolved", reference, reason)
    return decision


def _near_limit(found: ResultMatch, policy: GatePolicy, day: date, total_ms: int) -> Decision:
    as_match = _decision(found, policy, day, total_ms)
    rate = float(f"{found.false_per_1000h:.2g}")
    reason = f"below the limit of a match: about {rate:g} such in 1 000 h by chance"
    if as_match.action == PASS:
        return replace(as_match, reason=reason, near_limit=True)
    return Decision(found, REVIEW, "near_limit", reason=reason, near_limit=True)


def _fits_whole(recording_id: str, passage: ResultPassage) -> bool:
    """Whether an alternative fits most of a passage; where a result has no figures of it, it is said to."""
    spans = [(p.track_start_ms, p.track_end_ms) for p in passage.alternatives if p.recording_id == recording_id]
    return not spans or union_seconds(spans) >= _WHOLE * (passage.track_end_ms - passage.track_start_ms)


def _terms(
    found: ResultMatch, recording_id: str, isrc: str, policy: GatePolicy, day: date
) -> tuple[str, list[tuple[str, str]]]:
    """Return the licence that permits a match if it is of a recording, or "", and the terms that the others break."""
    broken = []
    for licence in policy.licences:
        if not licence.names.cover(recording_id, isrc):
            continue
        term = licence.broken_term(found, day=day, use=policy.use)
        if not term:
            return licence.reference, []
        broken.append((licence.reference, term))
    return "", broken


FailOn = Literal["review", "block"]
FAIL_ON: tuple[FailOn, ...] = get_args(FailOn)
"""From which decision on a check fails."""

UNREADABLE = ("refused", "decode_error")
"""States of what could not even be read."""


@dataclass(frozen=True, slots=True)
class Report:
    """One check, done.

    Attributes
    ----------
    policy : GatePolicy
    policy_file : str
        As given; "" for the default.
    day : date
        For which licences were asked.
    fail_on : str
        Of `FAIL_ON`.
    verdicts : tuple of Verdict
        First inputs that name no file, then the files in order.
    unknown_ids : tuple of str
        Recordings that the policy names by id and that the index has not.
    issuer : str
        Id of the key that signed the grant of a blind index, which was verified; "" where the index has none.
    by_clock : bool
        Whether the day is that of the machine's clock, and nobody named it.
    others : tuple of OtherFile
        Files in folders that are no audio.
    """

    policy: GatePolicy
    policy_file: str
    day: date
    fail_on: str
    verdicts: tuple[Verdict, ...]
    unknown_ids: tuple[str, ...] = ()
    issuer: str = ""
    by_clock: bool = False
    others: tuple[OtherFile, ...] = ()

    def __str__(self) -> str:
        from sourceprint.gate.report_text import summary_line, verdict_line

        return "\n".join([*map(verdict_line, self.verdicts), summary_line(self)])

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object that `check --format json` prints, as plain JSON types."""
        from sourceprint.gate.report import json_report

        document: dict[str, Any] = json.loads(json_report(self))
        return document

    def count(self, action: str) -> int:
        """Return how many files have this verdict."""
        return sum(verdict.action == action for verdict in self.verdicts)

    @property
    def counts(self) -> dict[str, int]:
        """Files by verdict."""
        return {action: self.count(action) for action in (*ACTIONS, ERROR)}

    def fails(self, decision: Decision | Verdict) -> bool:
        """Return whether a decision is at or above `fail_on`."""
        return decision.action == BLOCK or decision.action == self.fail_on

    @property
    def exit_code(self) -> int:
        """Of the command."""
        if all(verdict.action == ERROR and verdict.status in UNREADABLE for verdict in self.verdicts):
            return 3
        if self.count(ERROR):
            return 4
        return 1 if any(self.fails(verdict) for verdict in self.verdicts) else 0

    @property
    def index_digest(self) -> str:
        """State of the index that was searched; "" where nothing was."""
        return next((verdict.result.index_digest for verdict in self.verdicts if verdict.result is not None), "")
