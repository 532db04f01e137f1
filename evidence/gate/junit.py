"""The report as JUnit XML: a testcase per file, for build servers that show test results.

A file whose decision fails the check has one `failure`, whose text has a line for each finding that does; one that
could not be checked has an `error`; one that is for review without failing is `skipped`, with the reason. One element
per testcase, as the stricter of the schemas in use ask, so the sums of the suite are those of its testcases.
"""

from xml.etree import ElementTree as ET

from evidence.gate.deciding import Verdict
from evidence.gate.lines import decision_text
from evidence.gate.policy import ERROR, REVIEW
from evidence.gate.report import Report
from fingerprint.errors import printable

__all__ = ["junit_report"]

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
    for name, value in (
        ("policy", report.policy.name),
        ("policy_sha256", report.policy.sha256),
        ("day", report.day.isoformat()),
        ("fail_on", report.fail_on),
        ("index_digest", report.index_digest),
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
