"""The report of a check as text: lines for people, commands for GitHub Actions, JUnit XML for build servers.

For people, one line for each file, with its most severe match; and one line for all:

    BLOCK   mix.wav  12.3 s of "Title" (blue-1), confidence 0.99999999: certain; 1 more match
    PASS    ok.wav   no match in 0:31.0
    ERROR   gone.wav  no such file; check the spelling and the folder

For GitHub Actions, an annotation for each match and each file not checked:

    ::error file=out/mix.wav,title=Sourceprint%3A block::12.3 s of "Title" (blue-1), ...

A match that fails the check is an error, and so is a file not checked; a match for review that fails nothing is a
warning; a pass has no annotation.

JUnit XML has a testcase per file. A file whose verdict fails the check has one `failure`, whose text has a line for
each match that does; one that could not be checked has an `error`; one that is for review without failing is `skipped`,
with the reason. One element per testcase, as the stricter of the schemas in use ask, so the sums of the suite are those
of its testcases.

All text from outside is escaped: no title and no file name can forge a line or give a command of its own.
"""

from xml.etree import ElementTree as ET

from fingerprint.errors import printable
from sourceprint.gate.policy import ERROR, PASS, REVIEW
from sourceprint.gate.unverified import not_verified_line
from sourceprint.gate.verdict import Decision, Report, Verdict
from sourceprint.inputs import other_files_text
from sourceprint.scans.results import ResultMatch
from sourceprint.text.tables import clock, confidence_text, counted

__all__ = ["decision_text", "github_report", "junit_report", "recording_text", "summary_line", "verdict_line"]

_MOST_OTHERS = 3  # recordings named beside the one that was found
_LONGEST_TITLE = 60


def verdict_line(verdict: Verdict) -> str:
    """Return the line of one file."""
    return f"{verdict.action.upper():6}  {printable(verdict.name)}  {_about(verdict)}"


def summary_line(report: Report) -> str:
    """Return the counts of verdicts, and the policy; on a line of its own, files in folders that are no audio.

    Examples
    --------
    >>> from datetime import date
    >>> from sourceprint.gate.policy_toml import default_policy
    >>> summary_line(Report(default_policy(), "", date(2026, 1, 1), "block", ()))
    '0 files: 0 block, 0 review, 0 pass, 0 not checked; policy default (sha256 ...)'
    """
    counts = report.counts
    others = other_files_text(report.others)
    return (
        f"{counted(len(report.verdicts), 'file')}: {counts['block']} block, {counts['review']} review, "
        f"{counts['pass']} pass, {counts[ERROR]} not checked; "
        f"policy {printable(report.policy.name)} (sha256 {report.policy.sha256})" + (f"\n{others}" if others else "")
    )


def decision_text(decision: Decision) -> str:
    """Return a match and the decision on it, in words."""
    found = decision.found
    reason = f": {decision.reason}" if decision.reason else ""
    return (
        f"{found.track_match_ms / 1000:.1f} s of {recording_text(found)}{_others_text(found)}, "
        f"confidence {confidence_text(found.confidence)}: {printable(decision.rule)}{reason}"
    )


def recording_text(found: ResultMatch) -> str:
    """Return the title of a recording and its id, or the id alone."""
    name = printable(found.recording_id)
    title = printable(found.title or "")
    if len(title) > _LONGEST_TITLE:
        title = title[: _LONGEST_TITLE - 3] + "..."
    return f'"{title}" ({name})' if title else name


def _others_text(found: ResultMatch) -> str:
    """Return the alternatives, the first of them by id."""
    others = found.also_fits
    if not others:
        return ""
    more = f" and {len(others) - _MOST_OTHERS} more" if len(others) > _MOST_OTHERS else ""
    return f" or {', '.join(printable(other) for other in others[:_MOST_OTHERS])}{more}"


def _about(verdict: Verdict) -> str:
    if verdict.action == ERROR:
        return printable(verdict.reason)
    first = verdict.worst
    if first is None:
        if verdict.reason:
            return f"not searched, {verdict.status}: {printable(verdict.reason)}"
        length = verdict.result.duration_ms if verdict.result is not None else 0
        return f"no match in {clock(length / 1000)}{_unsearched(verdict)}"
    near = sum(decision.near_limit for decision in verdict.decisions if decision is not first)
    more = len(verdict.decisions) - 1 - near
    matches = f"; {counted(more, 'more match')}" if more else ""
    return decision_text(first) + matches + (f"; {near} more near the limit" if near else "") + _unsearched(verdict)


def _unsearched(verdict: Verdict) -> str:
    """Return the sound that was not searched in a file that the policy passes all the same."""
    result = verdict.result
    notes = () if result is None else (result.cut, result.damage)
    return "".join(f"; {printable(note)}" for note in notes if note)


def github_report(report: Report) -> bytes:
    """Return the report as lines of workflow commands, UTF-8; empty where there is nothing to say."""
    lines = [line for verdict in report.verdicts for line in _lines(verdict, report)]
    return "".join(f"{line}\n" for line in lines).encode()


def _lines(verdict: Verdict, report: Report) -> list[str]:
    if verdict.action == ERROR:
        return [_command("error", verdict.name, "not checked", printable(verdict.reason))]
    return [
        _command(
            "error" if report.fails(decision) else "warning", verdict.name, decision.action, decision_text(decision)
        )
        for decision in verdict.decisions
        if decision.action != PASS
    ]


def _command(level: str, name: str, title: str, message: str) -> str:
    return f"::{level} file={_property(printable(name))},title={_property(f'Sourceprint: {title}')}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


_CLASS = "sourceprint.check"


def junit_report(report: Report) -> bytes:
    """Return the report as JUnit XML, UTF-8, indented."""
    n_failures = sum(verdict.action != ERROR and report.fails(verdict) for verdict in report.verdicts)
    n_skipped = sum(verdict.action == REVIEW and not report.fails(verdict) for verdict in report.verdicts)
    sums = {"tests": str(len(report.verdicts)), "failures": str(n_failures), "errors": str(report.count(ERROR))}
    suites = ET.Element("testsuites", sums)
    # The layout asks for a time; none is kept, so that the same input gives the same bytes.
    suite = ET.SubElement(suites, "testsuite", {"name": _CLASS, **sums, "skipped": str(n_skipped), "time": "0"})
    properties = ET.SubElement(suite, "properties")
    others = other_files_text(report.others)
    for name, value in (
        *([("other_files", others)] if others else []),
        ("policy", report.policy.name),
        ("policy_sha256", report.policy.sha256),
        ("day", report.day.isoformat()),
        ("fail_on", report.fail_on),
        ("index_digest", report.index_digest),
        ("not_verified", not_verified_line(report).partition(": ")[2]),
    ):
        ET.SubElement(properties, "property", {"name": name, "value": value})
    for verdict in report.verdicts:
        _testcase(suite, verdict, report)
    ET.indent(suites)
    document: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _testcase(suite: ET.Element, verdict: Verdict, report: Report) -> None:
    name = printable(verdict.name)
    case = ET.SubElement(suite, "testcase", {"classname": _CLASS, "name": name, "time": "0"})
    if verdict.action == ERROR:
        reason = printable(verdict.reason)
        ET.SubElement(case, "error", {"type": verdict.status, "message": reason}).text = f"{name}: {reason}"
    elif report.fails(verdict):
        failing = [decision for decision in verdict.decisions if report.fails(decision)]
        first = verdict.worst or failing[0]
        failure = ET.SubElement(case, "failure", {"type": first.kind, "message": decision_text(first)})
        failure.text = "\n".join(f"{decision.action}: {decision_text(decision)}" for decision in failing)
    elif verdict.action == REVIEW and verdict.worst is not None:
        ET.SubElement(case, "skipped", {"message": f"review: {decision_text(verdict.worst)}"})
