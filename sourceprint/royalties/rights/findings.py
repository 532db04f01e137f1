"""Findings of a check of the rights: problem, subject and remedy, as text and as JSON.

`find_circles` finds records that refer to each other in a circle: recordings that contain each other, licences that
replace each other.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fingerprint.errors import printable
from sourceprint.text.tables import counted

__all__ = ["KINDS", "SEVERITIES", "Finding", "find_circles", "finding_to_json", "findings_text"]

SCHEMA = "sourceprint/rights-finding/1"

SEVERITIES = ("error", "warning", "note")
"""`error`: money is held or goes to nobody until it is mended; `warning`: likely a mistake; `note`: may be intended."""

_MOST_ALIKE = 3

KINDS = (
    "overclaim",
    "unclaimed",
    "disputed",
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
        Record that it is about, such as "recording R1" or "licence LIC-1".
    sentence : str
        Problem, with values and limits.
    remedy : str
        Remedy, as an instruction.
    """

    kind: str
    severity: str
    subject: str
    sentence: str
    remedy: str


def finding_to_json(finding: Finding) -> dict[str, Any]:
    """Return a finding as plain JSON types."""
    return {"schema": SCHEMA, **asdict(finding)}


def findings_text(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield findings as lines for people, each safe for a terminal, then a line with the numbers by severity.

    Of recordings without a work, which are many where only recordings are licensed, a few are named and all counted.

    Examples
    --------
    >>> for line in findings_text([Finding("no_work", "warning", "recording R1", "R1 performs no work", "link it")]):
    ...     print(line)
    warning: no_work: R1 performs no work; link it
    1 finding: 0 errors, 1 warning, 0 notes
    """
    counts = dict.fromkeys(SEVERITIES, 0)
    without_work = 0
    for finding in findings:
        counts[finding.severity] += 1
        without_work += finding.kind == "no_work"
        if finding.kind != "no_work" or without_work <= _MOST_ALIKE:
            yield printable(f"{finding.severity}: {finding.kind}: {finding.sentence}; {finding.remedy}")
    if (more := without_work - _MOST_ALIKE) > 0:
        yield f"warning: no_work: {counted(more, 'more recording')} without a work on file; --jsonl lists all of them"
    total = sum(counts.values())
    of_each = ", ".join(counted(count, severity) for severity, count in counts.items())
    yield f"{counted(total, 'finding')}: {of_each}" if total else "no findings"


def find_circles(edges: Mapping[str, Iterable[str]]) -> list[tuple[str, ...]]:
    """Return circles of references; without their members no circle is left.

    Of circles that share a member only one comes out. Once it is mended, the next check shows the others.

    Parameters
    ----------
    edges : mapping of str to iterable of str
        Ids that an id refers to.

    Returns
    -------
    list of tuple of str
        Each in the order of reference, from its smallest id to the last before it comes again; sorted.

    Examples
    --------
    >>> find_circles({"a": ["b"], "b": ["c"], "c": ["b"], "d": ["d"]})
    [('b', 'c'), ('d',)]
    """
    after = {node: sorted(set(others)) for node, others in edges.items()}
    before: dict[str, list[str]] = {}
    for node, others in after.items():
        for other in others:
            before.setdefault(other, []).append(node)
    ways_on = {node: len(others) for node, others in after.items()}
    left = {node for node in after if ways_on[node]} | set(before)
    _drop([node for node in left if not ways_on.get(node)], left, before, ways_on)
    circles = []
    for start in sorted(left):
        while start in left:
            circle = _walk(start, left, after)
            circles.append(circle)
            _drop(list(circle), left, before, ways_on)
    return sorted(circles)


def _walk(start: str, left: set[str], after: Mapping[str, list[str]]) -> tuple[str, ...]:
    """Return the cycle that the smallest references from `start` lead into; every node in `left` leads into one."""
    path: dict[str, int] = {}
    node = start
    while node not in path:
        path[node] = len(path)
        node = next(other for other in after[node] if other in left)
    circle = list(path)[path[node] :]
    smallest = circle.index(min(circle))
    return tuple(circle[smallest:] + circle[:smallest])


def _drop(nodes: list[str], left: set[str], before: Mapping[str, list[str]], ways_on: dict[str, int]) -> None:
    """Remove nodes, then every node whose references are all removed."""
    left.difference_update(nodes)
    while nodes:
        for other in before.get(nodes.pop(), ()):
            ways_on[other] -= 1
            if not ways_on[other] and other in left:
                left.discard(other)
                nodes.append(other)
