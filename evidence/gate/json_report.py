"""The report as JSON: the scan results, with `decision` and `policy_rule` on every match.

One document, the same bytes for the same files, index, policy and day:

=================  =====================================================================================================
`schema`           name and version of this layout
`tool`             `name`, `version`
`policy`           `name`, `sha256` of the file, `file` as given (null for the default); `unknown_recordings`: ids
                   that it names and the index has not
`day`              for which licences were asked
`fail_on`          review or block
`exit_code`        of the command
`counts`           files by verdict: pass, review, block, error
`files`            a scan result (`index.scan_json`) for each file, without `scan_id` and `timing_ms`, which differ from
                   run to run; with its `decision` (pass, review, block, error), and on every match `decision`,
                   `policy_rule` and `policy_reason` (the term that is broken, or what is not settled; else null)
`not_scanned`      what was named and is no file that could be scanned: `name`, `reason`
=================  =====================================================================================================
"""

import json
from typing import Any

from evidence.gate.deciding import Verdict
from evidence.gate.report import Report
from evidence.results import FileResult
from evidence.version import program_version

__all__ = ["SCHEMA", "json_report"]

SCHEMA = "sourceprint/check/1"
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
        "day": report.day.isoformat(),
        "fail_on": report.fail_on,
        "exit_code": report.exit_code,
        "counts": report.counts,
        "files": [_file(verdict, verdict.result) for verdict in report.verdicts if verdict.result is not None],
        "not_scanned": [
            {"name": verdict.name, "reason": verdict.reason} for verdict in report.verdicts if verdict.result is None
        ],
    }
    return (json.dumps(document, indent=2) + "\n").encode("ascii")


def _file(verdict: Verdict, result: FileResult) -> dict[str, Any]:
    fields = {key: value for key, value in result.raw.items() if key not in _RUN_FIELDS}
    matches = [
        {
            **match,
            "decision": decision.action,
            "policy_rule": decision.rule,
            "policy_reason": decision.reason or None,
        }
        for match, decision in zip(fields["matches"], verdict.decisions, strict=True)
    ]
    return {**fields, "matches": matches, "decision": verdict.action}
