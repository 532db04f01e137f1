"""Verdicts as text for people: one line for each file, with its most severe match; and one line for all.

    BLOCK   mix.wav  12.3 s of "Title" (blue-1), confidence 0.999999: certain; 1 more match
    PASS    ok.wav   no match in 0:31.0
    ERROR   gone.wav  no such file; check the spelling and the folder

Whatever comes from outside is escaped: nothing in a title or a file name can forge a line.
"""

from evidence.gate.deciding import Decision, Verdict
from evidence.gate.policy import ERROR
from evidence.gate.report import Report
from evidence.results import Found
from fingerprint.errors import printable
from index.tables import clock, confidence_text, counted

__all__ = ["decision_text", "recording_text", "summary_line", "verdict_line"]

_LONGEST_TITLE = 60


def verdict_line(verdict: Verdict) -> str:
    """Return the line of one file."""
    return f"{verdict.action.upper():6}  {printable(verdict.name)}  {_about(verdict)}"


def summary_line(report: Report) -> str:
    """Return what became of all files, under which policy.

    Examples
    --------
    >>> from datetime import date
    >>> from evidence.gate.policy_text import default_policy
    >>> summary_line(Report(default_policy(), "", date(2026, 1, 1), "block", ()))
    '0 files: 0 block, 0 review, 0 pass, 0 not checked; policy default (sha256 ...)'
    """
    counts = report.counts
    return (
        f"{counted(len(report.verdicts), 'file')}: {counts['block']} block, {counts['review']} review, "
        f"{counts['pass']} pass, {counts[ERROR]} not checked; "
        f"policy {printable(report.policy.name)} (sha256 {report.policy.sha256})"
    )


def decision_text(decision: Decision) -> str:
    """Return what was found and what decided, in words: one finding."""
    found = decision.found
    reason = f": {decision.reason}" if decision.reason else ""
    return (
        f"{found.query_match_ms / 1000:.1f} s of {recording_text(found)}, "
        f"confidence {confidence_text(found.confidence)}: {printable(decision.rule)}{reason}"
    )


def recording_text(found: Found) -> str:
    """Return the title of a recording and its id, or the id alone."""
    name = printable(found.asset_id)
    title = printable(found.title)
    if len(title) > _LONGEST_TITLE:
        title = title[: _LONGEST_TITLE - 3] + "..."
    return f'"{title}" ({name})' if title else name


def _about(verdict: Verdict) -> str:
    if verdict.action == ERROR:
        return printable(verdict.reason)
    first = verdict.worst
    if first is None:
        if verdict.reason:
            return f"not searched, {verdict.status}: {printable(verdict.reason)}"
        length = verdict.result.duration_ms if verdict.result is not None else 0
        return f"no match in {clock(length / 1000)}"
    more = len(verdict.decisions) - 1
    return decision_text(first) + (f"; {counted(more, 'more match')}" if more else "")
