"""The report of a check in each of its formats, and its file: written whole or not at all.

The JSON report is one document, the same bytes for the same files, index, policy and day:

=================  =====================================================================================================
`schema`           name and version of this layout
`tool`             `name`, `version`
`policy`           `name`, `sha256` of the file, `file` as given (null for the default); `unknown_recordings`: ids
                   that it names and the index has not
`index`            `digest` of the state that was searched; `signed_by`: id of the key that signed the grant of a blind
                   index, which was verified; null for an index that nobody signed
`day`              for which licences were asked
`fail_on`          review or block
`exit_code`        of the command
`counts`           files by verdict: pass, review, block, error
`files`            a scan result (docs/formats/scan-result.md) for each file, without `scan_id` and `timing_ms`, which
                   differ from run to run; with its `decision` (pass, review, block, error), and on every match
                   `decision`, `policy_rule` and `policy_reason` (the term that is broken, or what is open; else null).
                   `near_limit`: hits beyond the limit of the search and within that of the policy, in the fields of a
                   match; no match, so readers of results skip it
`not_scanned`      inputs, and files in folders, that could not be scanned: `name`, `reason`
`other_files`      files in folders that are not taken for audio: `name`, `reason`
`not_verified`     inputs taken on trust or not searched (`sourceprint.gate.unverified`): `what` (index, policy, day,
                   file, streams, audio), `name` of the file or null, `reason`
=================  =====================================================================================================
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from fingerprint.digests import pretty_json
from fingerprint.errors import EvidenceError, printable
from fingerprint.new_files import expect_place
from index.storage.durable import publish
from sourceprint.gate.report_text import github_report, junit_report, verdict_line
from sourceprint.gate.sarif import sarif_report
from sourceprint.gate.unverified import not_verified
from sourceprint.gate.verdict import Decision, Report, Verdict
from sourceprint.inputs import other_files_json, other_files_text
from sourceprint.outputs import program_version, writing
from sourceprint.scans.results import ScanResult, plain_json
from sourceprint.text.names import well_formed_json

__all__ = ["FORMATS", "SCHEMA", "expect_output", "json_report", "rendered", "write_report"]

SCHEMA = "sourceprint/check/2"
_RUN_FIELDS = ("scan_id", "timing_ms")


def json_report(report: Report) -> bytes:
    """Return the report as JSON, UTF-8, indented."""
    document = {
        "schema": SCHEMA,
        "tool": {"name": "sourceprint", "version": program_version()},
        "policy": {
            "name": report.policy.name,
            "sha256": report.policy.sha256,
            "file": report.policy_file or None,
            "unknown_recordings": list(report.unknown_ids),
        },
        "index": {"digest": report.index_digest or None, "signed_by": report.issuer or None},
        "day": report.day.isoformat(),
        "fail_on": report.fail_on,
        "exit_code": report.exit_code,
        "counts": report.counts,
        "files": [_file(verdict, verdict.result) for verdict in report.verdicts if verdict.result is not None],
        "not_scanned": [
            {"name": verdict.name, "reason": verdict.reason} for verdict in report.verdicts if verdict.result is None
        ],
        "other_files": other_files_json(report.others),
        "not_verified": [
            {"what": one.what, "name": one.name or None, "reason": one.reason} for one in not_verified(report)
        ],
    }
    return pretty_json(well_formed_json(document), indent=2)


def _file(verdict: Verdict, result: ScanResult) -> dict[str, Any]:
    fields = {key: value for key, value in result.raw.items() if key not in _RUN_FIELDS}
    of_matches = [decision for decision in verdict.decisions if not decision.near_limit]
    matches = [_decided(match, decision) for match, decision in zip(fields["matches"], of_matches, strict=True)]
    near = [_decided(plain_json(one.found), one) for one in verdict.decisions if one.near_limit]
    return {**fields, "matches": matches, "near_limit": near, "decision": verdict.action}


def _decided(found: dict[str, Any], decision: Decision) -> dict[str, Any]:
    return {
        **found,
        "decision": decision.action,
        "policy_rule": decision.rule,
        "policy_reason": decision.reason or None,
    }


def _text_report(report: Report) -> bytes:
    lines = [*map(verdict_line, report.verdicts), *filter(None, [other_files_text(report.others)])]
    return "".join(f"{line}\n" for line in lines).encode()


FORMATS: dict[str, Callable[[Report], bytes]] = {
    "text": _text_report,
    "json": json_report,
    "sarif": sarif_report,
    "junit": junit_report,
    "github": github_report,
}
"""Writer of each format."""


def rendered(report: Report, layout: str) -> bytes:
    """Return a report in one of `FORMATS`."""
    return FORMATS[layout](report)


def expect_output(path: Path, inputs: Iterable[Path]) -> None:
    """Refuse a place for the report that cannot take it, before the work is done.

    Raises
    ------
    EvidenceError
        If its folder does not exist, it is a folder, or it is one of the files to be checked.
    OutputError
        If it is a link or a pipe.
    """
    name = printable(path)
    if not path.parent.is_dir():
        raise EvidenceError(f"{name}: its folder does not exist; make it, or name another file for the report")
    if path.is_dir():
        raise EvidenceError(f"{name}: is a folder; name a file for the report")
    for other in inputs:
        if path.exists() and other.exists() and os.path.samefile(path, other):
            raise EvidenceError(f"{name}: is one of the files to be checked; name another file for the report")
    expect_place(path)


def write_report(report: Report, layout: str, path: Path) -> None:
    """Write a report in one of `FORMATS`, atomically: readers get the old file or all of the new one.

    Raises
    ------
    StorageFullError
        If the disk is full; the file is as it was.
    EvidenceError
        If the file cannot be written.
    """
    with writing(path):
        publish(path, rendered(report, layout))
