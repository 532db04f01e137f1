"""List the inputs that a check took on trust or did not search: its verdict is worth no more than they are.

Named are an index or a policy that nobody signed, the clock of the machine where terms depend on the day, anything odd
about the audio of a file, its streams that could not be searched, and files that were not searched at all, those that
the policy passes all the same among them.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from fingerprint.streams import is_unsearched, notes_on_unsearched
from sourceprint.gate.policy import ERROR
from sourceprint.gate.verdict import Report, Verdict
from sourceprint.text.tables import counted

__all__ = ["Unverified", "not_verified", "not_verified_line"]


@dataclass(frozen=True, slots=True)
class Unverified:
    """One thing that was not verified.

    Attributes
    ----------
    what : str
        Of "index", "policy", "day", "file", "streams", "audio".
    name : str
        Of the file; "" where it concerns the whole check.
    reason : str
        In words.
    """

    what: str
    name: str
    reason: str


def not_verified(report: Report) -> tuple[Unverified, ...]:
    """Return all that was not verified: entries on the whole check, then file by file in their order."""
    return (*_of_the_check(report), *(one for verdict in report.verdicts for one in _of_a_file(verdict)))


def not_verified_line(report: Report) -> str:
    """Return the same in one line, files by number; "" where all was verified.

    Examples
    --------
    >>> from datetime import date
    >>> from sourceprint.gate.policy_toml import default_policy
    >>> not_verified_line(Report(default_policy(), "", date(2026, 1, 1), "block", ()))
    'not verified: index (not signed)'
    """
    found = not_verified(report)
    whole = [f"{one.what} ({one.reason.partition(':')[0]})" for one in found if not one.name]
    files = Counter(what for what, _ in dict.fromkeys((one.what, one.name) for one in found if one.name))
    words = {
        "file": "not searched",
        "streams": "with streams that were not searched",
        "audio": "with notes on the audio",
    }
    counts = [f"{counted(files[what], 'file')} {text}" for what, text in words.items() if files[what]]
    return f"not verified: {', '.join([*whole, *counts])}" if whole or counts else ""


def _of_the_check(report: Report) -> Iterator[Unverified]:
    if not report.issuer:
        yield Unverified(
            "index", "", "not signed: it agrees with its own checksums, and nobody vouches for its being the one meant"
        )
    if report.policy_file:
        yield Unverified("policy", "", "not signed: compare its SHA-256 with that of the policy that was agreed")
    terms = any(licence.valid_from or licence.valid_until for licence in report.policy.licences)
    if report.by_clock and (terms or report.issuer):
        yield Unverified("day", "", "by the clock of this machine: terms of licences and grants depend on it")


def _of_a_file(verdict: Verdict) -> Iterator[Unverified]:
    result = verdict.result
    if result is None or not result.searched:
        if verdict.action == ERROR or verdict.reason:
            yield Unverified("file", verdict.name, f"not searched, {verdict.status}: {verdict.reason}")
        return
    if result.unsearched_streams:
        yield Unverified("streams", verdict.name, notes_on_unsearched(result.track.notes))
    for note in result.track.notes:
        if not is_unsearched(note):
            yield Unverified("audio", verdict.name, note)
