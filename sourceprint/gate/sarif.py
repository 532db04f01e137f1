"""The report as SARIF 2.1.0: one result per match, for code scanning and other collectors of findings.

block is an error, review a warning, pass a note. Locations are the files as they were named, as URIs; a file keeps its
finding over renames and new policies through its fingerprint, which is of the audio and the recording found. A file
that could not be checked is a notification of the invocation, which then was not successful; files in folders that are
no audio are counted in one of level note.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from msgspec import UnsetType

from fingerprint.digests import pretty_json
from fingerprint.errors import printable
from sourceprint.gate.policy import ERROR, REVIEW, GatePolicy
from sourceprint.gate.report_text import decision_text
from sourceprint.gate.unverified import not_verified
from sourceprint.gate.verdict import Decision, Report, Verdict
from sourceprint.inputs import other_files_text
from sourceprint.outputs import program_version
from sourceprint.scans.results import ResultMatch
from sourceprint.text.names import well_formed_json

__all__ = ["artifact_uri", "sarif_report"]

_SCHEMA_URI = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"pass": "note", "review": "warning", "block": "error"}
_FINGERPRINT = "sourceprintMatch/v1"
# Brackets would start a link and braces a placeholder (sections 3.11.5 and 3.11.6): a title must be able to do neither.
_LITERAL = str.maketrans({"\\": "\\\\", "[": "\\[", "]": "\\]", "{": "{{", "}": "}}"})
_BUILT_IN = {
    "licensed": "The recording is licensed, and the terms of the licence are kept.",
    "outside_licence": "Licences name the recording, and a term of each is broken.",
    "unresolved": "The passage fits a licensed and an unlicensed recording nearly as well.",
    "near_limit": "Below the limit of a match, and near it: for a person to hear.",
    "otherwise": "No rule of the policy fits the match.",
}


def sarif_report(report: Report) -> bytes:
    """Return the report as a SARIF log, UTF-8, indented."""
    rules = _rules(report.policy)
    places = {rule["id"]: place for place, rule in enumerate(rules)}
    run = {
        "tool": {"driver": {"name": "Sourceprint", "version": program_version(), "rules": rules}},
        "invocations": [_invocation(report)],
        "artifacts": [_artifact(verdict) for verdict in report.verdicts],
        "results": [
            _result(verdict, decision, index, places)
            for index, verdict in enumerate(report.verdicts)
            for decision in verdict.decisions
        ],
        "properties": {
            "policy": report.policy.name,
            "policySha256": report.policy.sha256,
            "day": report.day.isoformat(),
            "failOn": report.fail_on,
            "indexDigest": report.index_digest,
            "notVerified": [
                f"{one.what}{' of ' + printable(one.name) if one.name else ''}: {printable(one.reason)}"
                for one in not_verified(report)
            ],
        },
    }
    log = {"$schema": _SCHEMA_URI, "version": "2.1.0", "runs": [run]}
    return pretty_json(well_formed_json(log), indent=2)


def artifact_uri(name: str) -> str:
    """Return a path as a URI: relative where the path is, so that it is found in a checkout.

    Examples
    --------
    >>> artifact_uri("out/a b#1.wav"), artifact_uri("/x/é.wav"), artifact_uri("a:b.wav")
    ('out/a%20b%231.wav', 'file:///x/%C3%A9.wav', 'a%3Ab.wav')
    """
    path = Path(name)
    return path.as_uri() if path.is_absolute() else quote(os.fsencode(path), safe="/")


def _rules(policy: GatePolicy) -> list[dict[str, Any]]:
    described = [(rule.id, f"Rule of the policy: {rule.action}.", rule.action) for rule in policy.rules]
    actions = {
        "licensed": "pass",
        "outside_licence": policy.outside_licence,
        "unresolved": policy.unresolved,
        "near_limit": REVIEW,
        "otherwise": policy.otherwise,
    }
    described += [(kind, text, actions[kind]) for kind, text in _BUILT_IN.items()]
    return [
        {"id": kind, "shortDescription": {"text": text}, "defaultConfiguration": {"level": _LEVELS[action]}}
        for kind, text, action in described
    ]


def _invocation(report: Report) -> dict[str, Any]:
    failed = [(index, verdict) for index, verdict in enumerate(report.verdicts) if verdict.action == ERROR]
    return {
        "executionSuccessful": not failed,
        "exitCode": report.exit_code,
        "toolExecutionNotifications": [
            {
                "level": "error",
                "message": {
                    "text": _literal(f"{printable(verdict.name)} was not checked: {printable(verdict.reason)}")
                },
                "locations": [_location(verdict, index)],
            }
            for index, verdict in failed
        ]
        + [
            {"level": "note", "message": {"text": _literal(text)}, "locations": []}
            for text in [other_files_text(report.others)]
            if text
        ],
    }


def _artifact(verdict: Verdict) -> dict[str, Any]:
    fields: dict[str, Any] = {"location": {"uri": artifact_uri(verdict.path)}, "roles": ["analysisTarget"]}
    if verdict.result is not None and verdict.result.sha256:
        fields["hashes"] = {"sha-256": verdict.result.sha256}
    return fields


def _result(verdict: Verdict, decision: Decision, index: int, places: dict[str, int]) -> dict[str, Any]:
    found = decision.found
    sha256 = verdict.result.sha256 if verdict.result is not None else ""
    near = ["near_limit"] if decision.near_limit else []  # the same recording may be matched elsewhere in the file
    identity = json.dumps([sha256, found.recording_id, found.layer, *near])
    location = _location(verdict, index)
    location["physicalLocation"]["region"] = {"startLine": 1}  # audio has no lines, but code scanning wants one
    return {
        "ruleId": decision.kind,
        "ruleIndex": places[decision.kind],
        "level": _LEVELS[decision.action],
        "message": {"text": _literal(f"{_evidence(decision)} of reuse: {decision_text(decision)}")},
        "locations": [location],
        "partialFingerprints": {_FINGERPRINT: hashlib.sha256(identity.encode()).hexdigest()},
        "properties": {
            "decision": decision.action,
            "policyRule": decision.rule,
            "policyReason": decision.reason,
            "nearLimit": decision.near_limit,
            "recordingId": found.recording_id,
            "alsoFits": list(found.also_fits),
            "isrc": found.isrc or "",
            "confidence": found.confidence,
            "falsePer1000h": found.false_per_1000h,
            "trackMatchMs": found.track_match_ms,
            "trackMatchPercentage": found.track_match_percentage,
            "passagesMs": [
                [passage.track_start_ms, passage.track_end_ms, passage.recording_start_ms, passage.recording_end_ms]
                for passage in found.passages
            ],
            **_streams(found),
        },
    }


def _evidence(decision: Decision) -> str:
    return "Weak evidence" if decision.near_limit else "Evidence"


def _streams(found: ResultMatch) -> dict[str, Any]:
    """Return the audio streams of each passage, where the file has several."""
    streams = [list(passage.streams) for passage in found.passages if not isinstance(passage.streams, UnsetType)]
    return {"passagesStreams": streams} if streams else {}


def _location(verdict: Verdict, index: int) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": {"uri": artifact_uri(verdict.path), "index": index}}}


def _literal(text: str) -> str:
    return text.translate(_LITERAL)
