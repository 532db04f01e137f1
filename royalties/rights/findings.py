"""Findings of a check of the rights: what is wrong or missing, about what, and what helps; as text and as JSON."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fingerprint.errors import printable

__all__ = ["KINDS", "SEVERITIES", "Finding", "finding_to_json", "findings_text"]

SCHEMA = "sourceprint/rights-finding/1"

SEVERITIES = ("error", "warning", "note")
"""`error`: money is held, or goes to nobody, until it is mended; `warning`: likely a mistake; `note`: may be meant."""

KINDS = (
    "overclaim",
    "unclaimed",
    "no_shares",
    "no_work",
    "dead_link",
    "duplicate_isrc",
    "duplicate_iswc",
    "duplicate_index_id",
    "circle",
    "reversed_dates",
    "not_in_index",
    "not_in_rights",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    Attributes
    ----------
    kind : str
        Of `KINDS`.
    severity : str
        Of `SEVERITIES`.
    subject : str
        What it is about, as "recording R1" or "licence LIC-1".
    sentence : str
        What was found, with values and limits.
    remedy : str
        What helps.
    """

    kind: str
    severity: str
    subject: str
    sentence: str
    remedy: str


def finding_to_json(finding: Finding) -> dict[str, Any]:
    """Return a finding as plain JSON types."""
    return {
        "schema": SCHEMA,
        "kind": finding.kind,
        "severity": finding.severity,
        "subject": finding.subject,
        "sentence": finding.sentence,
        "remedy": finding.remedy,
    }


def findings_text(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield findings as lines for people, each safe for a terminal, and at the end how many there are of each severity.

    Examples
    --------
    >>> for line in findings_text([Finding("no_work", "warning", "recording R1", "R1 performs no work", "link it")]):
    ...     print(line)
    warning: no_work: R1 performs no work; link it
    1 finding: 0 errors, 1 warning, 0 notes
    """
    counts = dict.fromkeys(SEVERITIES, 0)
    for finding in findings:
        counts[finding.severity] += 1
        yield printable(f"{finding.severity}: {finding.kind}: {finding.sentence}; {finding.remedy}")
    total = sum(counts.values())
    of_each = ", ".join(_counted(count, severity) for severity, count in counts.items())
    yield f"{_counted(total, 'finding')}: {of_each}" if total else "no findings"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
