"""The reports of the gate, to the letter where people read them and by their schemas where machines do."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from fingerprint.errors import EvidenceError, OutputError
from sourceprint.commands import check as release
from sourceprint.gate.policy_toml import parse_policy
from sourceprint.gate.report import FORMATS, expect_output, rendered, write_report
from sourceprint.gate.report_text import summary_line, verdict_line
from sourceprint.gate.unverified import not_verified, not_verified_line
from sourceprint.gate.verdict import FAIL_ON, Report, Verdict, decide
from sourceprint.items import OtherFile
from sourceprint.scans.results import read_result
from tests.scan_records import INDEX_DIGEST, a_failure, a_match, a_passage, a_result

DAY = date(2026, 7, 1)
POLICY = parse_policy(
    b"""schema = "sourceprint/gate-policy/1"
name = "p"
otherwise = "review"
[[rules]]
id = "certain"
action = "block"
min_confidence = 0.999
[[licensed]]
reference = "LIC-1"
recordings = ["blue-*"]
max_seconds = 15
""",
    name="p.toml",
)
HOSTILE = 'x\n::error::y</failure>]]>&[a](http://b){0}\x1b[31m"%'


def scanned(name: str, *matches: dict[str, Any], status: str = "", reason: str | None = None) -> Verdict:
    record = a_failure(name, reason, status=status) if reason else a_result(name, matches)
    return decide(read_result(record), POLICY, day=DAY)


def match(recording_id: str, confidence: float, *, ms: int = 12_340, title: str | None = None) -> dict[str, Any]:
    segment = a_passage(0, 5, track_end_ms=ms, recording_end_ms=ms + 5)
    return a_match(recording_id, [segment], title=title, confidence=confidence)


def report(*verdicts: Verdict, fail_on: str = "block") -> Report:
    return Report(POLICY, "policy.toml", DAY, fail_on, verdicts, ("gone",))


BLOCKED = scanned("out/a b.wav", match("blue-1", 0.99999951), match("red-1", 0.9999, title="Red"), match("r2", 0.5))
REVIEWED = scanned("rev.wav", match("red-2", 0.5))
LICENSED = scanned("lic.wav", match("blue-1", 0.99999951))
OUTSIDE = scanned("outside.wav", match("blue-1", 1.0, ms=20_000))
CLEAN = scanned("ok.wav")
FAILED = scanned("/abs/\u00e9.wav", status="decode_error", reason="holds text, not audio")
SHORT = scanned("s.wav", status="too_short", reason="lasts 0.1 s")
REFUSED = Verdict("folder", "error", "refused", "a folder without audio files")
ALL = report(REFUSED, BLOCKED, REVIEWED, LICENSED, OUTSIDE, CLEAN, FAILED)


def test_formats_and_thresholds_of_the_command_are_those_of_the_report() -> None:
    options = {option.name: option for option in release.check.params}
    assert tuple(options["layout"].type.choices) == tuple(FORMATS)  # type: ignore[attr-defined]
    assert tuple(options["fail_on"].type.choices) == FAIL_ON  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("verdicts", "fail_on", "code"),
    [
        ((CLEAN, LICENSED), "review", 0),
        ((CLEAN, REVIEWED), "block", 0),
        ((CLEAN, REVIEWED), "review", 1),
        ((CLEAN, BLOCKED), "block", 1),
        ((CLEAN, BLOCKED), "review", 1),
        ((BLOCKED, FAILED), "block", 4),
        ((CLEAN, REFUSED), "block", 4),
        ((SHORT,), "block", 4),
        ((SHORT, FAILED), "block", 4),
        ((FAILED, REFUSED), "block", 3),
        ((), "block", 3),
    ],
)
def test_errors_outrank_findings_and_nothing_readable_is_its_own_exit_code(
    verdicts: tuple[Verdict, ...], fail_on: str, code: int
) -> None:
    assert report(*verdicts, fail_on=fail_on).exit_code == code


def test_people_get_one_line_per_file() -> None:
    assert rendered(ALL, "text").decode().splitlines() == [
        "ERROR   folder  a folder without audio files",
        'BLOCK   out/a b.wav  12.3 s of "Red" (red-1), confidence 0.9999: certain; 2 more matches',
        "REVIEW  rev.wav  12.3 s of red-2, confidence 0.5: otherwise",
        "PASS    lic.wav  12.3 s of blue-1, confidence 0.99999951: licensed: LIC-1",
        "BLOCK   outside.wav  20.0 s of blue-1, confidence 1.0: outside_licence: LIC-1: max_seconds 15, reused 20",
        "PASS    ok.wav  no match in 3:00.0",
        "ERROR   /abs/\u00e9.wav  holds text, not audio",
    ]
    assert summary_line(ALL) == (
        f"7 files: 2 block, 1 review, 2 pass, 2 not checked; policy p (sha256 {POLICY.sha256})"
    )


def test_a_file_that_passes_without_having_been_searched_says_so() -> None:
    passed = Verdict("s.wav", "pass", "too_short", "lasts 0.1 s")
    assert verdict_line(passed) == "PASS    s.wav  not searched, too_short: lasts 0.1 s"


def test_nothing_from_outside_can_forge_a_line() -> None:
    hostile = scanned(HOSTILE, match(HOSTILE, 0.9999, title=HOSTILE * 3))
    text = rendered(report(hostile), "text").decode()
    assert text.count("\n") == 1
    assert "\x1b" not in text
    (command,) = rendered(report(hostile), "github").decode().splitlines()
    assert command.startswith('::error file=x\\n%3A%3Aerror%3A%3Ay</failure>]]>&[a](http%3A//b){0}\\x1b[31m"%25,title=')
    assert command.endswith(": certain")
    case = ET.fromstring(rendered(report(hostile), "junit")).find(".//testcase")
    assert case is not None
    assert case.get("name") == 'x\\n::error::y</failure>]]>&[a](http://b){0}\\x1b[31m"%'
    (run,) = json.loads(rendered(report(hostile), "sarif"))["runs"]
    assert "\\[a\\](http://b){{0}}" in run["results"][0]["message"]["text"]


# JSON.


def test_json_has_the_scan_results_with_their_decisions() -> None:
    document = json.loads(rendered(ALL, "json"))
    files = document.pop("files")
    version = document.pop("tool")
    assert version["name"] == "sourceprint"
    assert document == {
        "schema": "sourceprint/check/2",
        "policy": {"name": "p", "sha256": POLICY.sha256, "file": "policy.toml", "unknown_recordings": ["gone"]},
        "index": {"digest": INDEX_DIGEST, "signed_by": None},
        "day": "2026-07-01",
        "fail_on": "block",
        "exit_code": 4,
        "counts": {"pass": 2, "review": 1, "block": 2, "error": 2},
        "not_scanned": [{"name": "folder", "reason": "a folder without audio files"}],
        "not_verified": [
            {"what": one.what, "name": one.name or None, "reason": one.reason} for one in not_verified(ALL)
        ],
        "other_files": [],
    }
    assert [file["decision"] for file in files] == ["block", "review", "pass", "block", "pass", "error"]
    assert [
        (found["recording_id"], found["decision"], found["policy_rule"], found["policy_reason"])
        for found in files[0]["matches"] + files[3]["matches"]
    ] == [
        ("blue-1", "pass", "licensed: LIC-1", None),
        ("red-1", "block", "certain", None),
        ("r2", "review", "otherwise", None),
        ("blue-1", "block", "outside_licence: LIC-1", "max_seconds 15, reused 20"),
    ]
    assert all("scan_id" not in file and "timing_ms" not in file for file in files)
    assert all(file["near_limit"] == [] for file in files)
    # They can be read as scan results again.
    assert [read_result(file).name for file in files][:2] == ["out/a b.wav", "rev.wav"]


def test_every_report_lists_files_that_are_no_audio() -> None:
    others = tuple(
        OtherFile(f"out/{name}", kind, kind) for name, kind in [("a", "text"), ("b", "image"), ("c", "text")]
    )
    of = replace(ALL, others=others)
    folded = "3 other files, not taken for audio: 2 text, 1 image"
    assert json.loads(rendered(of, "json"))["other_files"] == [
        {"name": "out/a", "reason": "text"},
        {"name": "out/b", "reason": "image"},
        {"name": "out/c", "reason": "text"},
    ]
    assert rendered(of, "text").decode().splitlines()[-1] == summary_line(of).splitlines()[-1] == folded
    (told,) = [one for one in sarif(of)["invocations"][0]["toolExecutionNotifications"] if one["level"] == "note"]
    assert told["message"]["text"] == folded
    suite = ET.fromstring(rendered(of, "junit"))
    assert [one.get("value") for one in suite.iter("property") if one.get("name") == "other_files"] == [folded]
    assert of.exit_code == ALL.exit_code


@pytest.mark.parametrize("layout", sorted(FORMATS))
def test_the_same_report_is_the_same_bytes(layout: str) -> None:
    assert rendered(ALL, layout) == rendered(ALL, layout)
    assert rendered(ALL, layout).endswith(b"\n")


# Near the limit.


def near_the_limit(*claimed: dict[str, Any], name: str = "near.wav") -> Verdict:
    weak = a_match("blue-2", [a_passage(0, 5, track_end_ms=3_400, false_per_1000h=32.19)], title=None, confidence=0.9)
    weak |= {"recording_id": "green-2", "track_match_ms": 3_400}
    near = read_result(a_result(matches=[weak])).matches
    return decide(read_result(a_result(name, claimed)), POLICY, day=DAY, near=near)


def test_near_limit_passages_are_in_every_format_and_a_match_in_none() -> None:
    weak = (
        "3.4 s of green-2, confidence 0.9: near_limit: below the limit of a match: about 32 such in 1 000 h by chance"
    )
    of = report(near_the_limit(), near_the_limit(match("red-1", 0.9999), name="both.wav"))
    assert rendered(of, "text").decode().splitlines() == [
        f"REVIEW  near.wav  {weak}",
        "BLOCK   both.wav  12.3 s of red-1, confidence 0.9999: certain; 1 more near the limit",
    ]
    first, second = json.loads(rendered(of, "json"))["files"]
    assert (first["status"], first["matches"], first["decision"]) == ("no_match", [], "review")
    assert [found["recording_id"] for found in second["matches"]] == ["red-1"]
    for file in (first, second):
        (near,) = file["near_limit"]
        assert (near["recording_id"], near["decision"], near["policy_rule"]) == ("green-2", "review", "near_limit")
        assert near["policy_reason"].startswith("below the limit of a match: about 32 such")
        assert near["passages"][0]["false_per_1000h"] == 32.19
    assert [len(read_result(file).matches) for file in (first, second)] == [0, 1]  # readers of results leave it
    assert rendered(of, "github").decode().splitlines() == [
        f"::warning file=near.wav,title=Sourceprint%3A review::{weak}",
        "::error file=both.wav,title=Sourceprint%3A block::12.3 s of red-1, confidence 0.9999: certain",
        f"::warning file=both.wav,title=Sourceprint%3A review::{weak}",
    ]
    (skipped,) = ET.fromstring(rendered(of, "junit")).iter("skipped")
    assert skipped.get("message") == f"review: {weak}"
    run = sarif(of)
    told = [(one["ruleId"], one["level"], one["properties"]["nearLimit"]) for one in run["results"]]
    assert told == [("near_limit", "warning", True), ("certain", "error", False), ("near_limit", "warning", True)]
    assert run["results"][0]["message"]["text"] == f"Weak evidence of reuse: {weak}"
    again = sarif(report(near_the_limit(match("green-2", 0.9999))))["results"]
    assert len({one["partialFingerprints"]["sourceprintMatch/v1"] for one in again}) == 2
    assert report(near_the_limit()).exit_code == 0
    assert report(near_the_limit(), fail_on="review").exit_code == 1


# Facts that were not verified.


def test_inputs_taken_on_trust_or_not_searched_are_told() -> None:
    track = {"notes": ["truncated: header says 20.00 s", "stream 2 of 2: not searched: no decoder"], "streams": 2}
    odd = decide(read_result(a_result("odd.wav", track={**track, "unsearched_streams": [2]})), POLICY, day=DAY)
    passed = Verdict("s.wav", "pass", "too_short", "lasts 0.1 s")
    of = report(REFUSED, odd, passed, CLEAN)
    assert [(one.what, one.name, one.reason.partition(":")[0]) for one in not_verified(of)] == [
        ("index", "", "not signed"),
        ("policy", "", "not signed"),
        ("file", "folder", "not searched, refused"),
        ("streams", "odd.wav", "stream 2 of 2"),
        ("audio", "odd.wav", "truncated"),
        ("file", "s.wav", "not searched, too_short"),
    ]
    assert not_verified_line(of) == (
        "not verified: index (not signed), policy (not signed), 2 files not searched, 1 file with streams that were "
        "not searched, 1 file with notes on the audio"
    )
    properties = {item.get("name"): item.get("value") for item in ET.fromstring(rendered(of, "junit")).iter("property")}
    assert f"not verified: {properties['not_verified']}" == not_verified_line(of)
    told = sarif(of)["properties"]["notVerified"]
    assert len(told) == 6
    assert told[3] == "streams of odd.wav: stream 2 of 2: not searched: no decoder"


def test_a_signed_index_was_verified_and_a_day_by_the_clock_was_not() -> None:
    signed = replace(report(CLEAN), issuer="0123456789abcdef", policy_file="")
    assert not_verified(signed) == ()
    assert not_verified_line(signed) == ""
    assert json.loads(rendered(signed, "json"))["index"]["signed_by"] == "0123456789abcdef"
    assert [one.what for one in not_verified(replace(signed, by_clock=True))] == ["day"]
    untimed = replace(report(CLEAN), by_clock=True, policy_file="")  # no term of the policy depends on the day
    assert [one.what for one in not_verified(untimed)] == ["index"]


# SARIF 2.1.0: the objects that are written, with all that the standard says about them.

_MESSAGE = {
    "type": "object", "additionalProperties": False, "required": ["text"],
    "properties": {"text": {"type": "string", "minLength": 1}},
}  # fmt: skip
_LEVEL = {"enum": ["none", "note", "warning", "error"]}
_LOCATION = {
    "type": "object", "additionalProperties": False, "required": ["physicalLocation"],
    "properties": {
        "physicalLocation": {
            "type": "object", "additionalProperties": False, "required": ["artifactLocation"],
            "properties": {
                "artifactLocation": {
                    "type": "object", "additionalProperties": False, "required": ["uri", "index"],
                    "properties": {
                        "uri": {"type": "string", "format": "uri-reference"},
                        "index": {"type": "integer", "minimum": 0},
                    },
                },
                "region": {
                    "type": "object", "additionalProperties": False,
                    "properties": {"startLine": {"type": "integer", "minimum": 1}},
                },
            },
        }
    },
}  # fmt: skip
SARIF = {
    "type": "object", "additionalProperties": False, "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {"type": "array", "minItems": 1, "items": {
            "type": "object", "additionalProperties": False, "required": ["tool"],
            "properties": {
                "tool": {"type": "object", "additionalProperties": False, "required": ["driver"], "properties": {
                    "driver": {"type": "object", "additionalProperties": False, "required": ["name"], "properties": {
                        "name": {"type": "string"}, "version": {"type": "string"},
                        "rules": {"type": "array", "uniqueItems": True, "items": {
                            "type": "object", "additionalProperties": False, "required": ["id"], "properties": {
                                "id": {"type": "string"}, "shortDescription": _MESSAGE,
                                "defaultConfiguration": {
                                    "type": "object", "additionalProperties": False, "properties": {"level": _LEVEL},
                                },
                            },
                        }},
                    }},
                }},
                "invocations": {"type": "array", "items": {
                    "type": "object", "additionalProperties": False, "required": ["executionSuccessful"],
                    "properties": {
                        "executionSuccessful": {"type": "boolean"}, "exitCode": {"type": "integer"},
                        "toolExecutionNotifications": {"type": "array", "items": {
                            "type": "object", "additionalProperties": False, "required": ["message"], "properties": {
                                "level": _LEVEL, "message": _MESSAGE,
                                "locations": {"type": "array", "uniqueItems": True, "items": _LOCATION},
                            },
                        }},
                    },
                }},
                "artifacts": {"type": "array", "uniqueItems": True, "items": {
                    "type": "object", "additionalProperties": False, "properties": {
                        "location": {"type": "object", "additionalProperties": False, "properties": {
                            "uri": {"type": "string", "format": "uri-reference"},
                        }},
                        "roles": {"type": "array", "uniqueItems": True, "items": {"enum": ["analysisTarget"]}},
                        "hashes": {"type": "object", "additionalProperties": {"type": "string"}},
                    },
                }},
                "results": {"type": "array", "items": {
                    "type": "object", "additionalProperties": False, "required": ["message"], "properties": {
                        "ruleId": {"type": "string"}, "ruleIndex": {"type": "integer", "minimum": -1},
                        "level": _LEVEL, "message": _MESSAGE,
                        "locations": {"type": "array", "items": _LOCATION},
                        "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
                        "properties": {"type": "object"},
                    },
                }},
                "properties": {"type": "object"},
            },
        }},
    },
}  # fmt: skip


def sarif(of: Report) -> dict[str, Any]:
    log = json.loads(rendered(of, "sarif"))
    jsonschema.Draft7Validator(SARIF).validate(log)
    run: dict[str, Any] = log["runs"][0]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    places = [place for result in run["results"] + run["invocations"][0]["toolExecutionNotifications"]
              for place in result["locations"]]  # fmt: skip
    for place in places:
        location = place["physicalLocation"]["artifactLocation"]
        assert run["artifacts"][location["index"]]["location"]["uri"] == location["uri"]
    return run


def test_sarif_has_a_result_per_match_with_its_level_and_place() -> None:
    run = sarif(ALL)
    assert [
        (result["ruleId"], result["level"], result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
        for result in run["results"]
    ] == [
        ("licensed", "note", "out/a%20b.wav"),
        ("certain", "error", "out/a%20b.wav"),
        ("otherwise", "warning", "out/a%20b.wav"),
        ("otherwise", "warning", "rev.wav"),
        ("licensed", "note", "lic.wav"),
        ("outside_licence", "error", "outside.wav"),
    ]
    first = run["results"][1]
    assert first["message"]["text"] == 'Evidence of reuse: 12.3 s of "Red" (red-1), confidence 0.9999: certain'
    assert first["properties"]["passagesMs"] == [[0, 12_340, 5, 12_345]]
    assert run["properties"]["policySha256"] == POLICY.sha256


def test_near_equal_alternatives_are_named_beside_the_match() -> None:
    many = [f"s{k}" for k in range(2, 7)]
    for others, told in ((["s2"], "s1 or s2"), (many, "s1 or s2, s3, s4 and 2 more")):
        match = a_match("s1", [a_passage(also_fits=others)], title=None)
        verdict = decide(read_result(a_result("x.wav", [match])), POLICY, day=DAY)
        (result,) = sarif(report(verdict))["results"]
        assert result["properties"]["alsoFits"] == others
        assert result["message"]["text"].startswith(f"Evidence of reuse: 10.0 s of {told}, confidence")


def test_sarif_names_the_audio_streams_of_each_passage_where_there_are_several() -> None:
    passages = [{**a_passage(0), "streams": [1]}, {**a_passage(50_000), "streams": [1, 2]}]
    verdict = decide(read_result(a_result("film.mkv", [a_match("s1", passages)])), POLICY, day=DAY)
    (result,) = sarif(report(verdict))["results"]
    assert result["properties"]["passagesStreams"] == [[1], [1, 2]]
    assert all("passagesStreams" not in each["properties"] for each in sarif(ALL)["results"])


def test_sarif_lists_unchecked_files_and_an_unsuccessful_run() -> None:
    (invocation,) = sarif(ALL)["invocations"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (False, 4)
    assert [notification["message"]["text"] for notification in invocation["toolExecutionNotifications"]] == [
        "folder was not checked: a folder without audio files",
        "/abs/\u00e9.wav was not checked: holds text, not audio",
    ]
    (done,) = sarif(report(BLOCKED))["invocations"]
    assert done == {"executionSuccessful": True, "exitCode": 1, "toolExecutionNotifications": []}


def test_sarif_places_are_uris_that_lead_back_to_the_file() -> None:
    for name in ("a b#?%.wav", "x:y.wav", "d/\u97f3.wav", "../[1].wav", "/abs/ a.wav"):
        (artifact,) = sarif(report(scanned(name)))["artifacts"]
        parts = urlsplit(artifact["location"]["uri"])
        assert parts.scheme == ("file" if name.startswith("/") else "")
        assert not parts.query
        assert not parts.fragment
        assert unquote(parts.path) == name


def test_sarif_fingerprints_follow_the_audio_and_the_recording_alone() -> None:
    def fingerprint(verdict: Verdict) -> str:
        (result,) = sarif(report(verdict))["results"]
        return str(result["partialFingerprints"]["sourceprintMatch/v1"])

    assert fingerprint(scanned("a.wav", match("x", 0.5))) == fingerprint(scanned("a.wav", match("x", 0.9999)))
    moved = a_result("b/a.wav", [match("x", 0.5)], track={"sha256": a_result("a.wav")["track"]["sha256"]})
    renamed = decide(read_result(moved), POLICY, day=DAY)
    assert fingerprint(scanned("a.wav", match("x", 0.5))) == fingerprint(renamed)
    assert fingerprint(scanned("a.wav", match("x", 0.5))) != fingerprint(scanned("a.wav", match("y", 0.5)))
    assert fingerprint(scanned("a.wav", match("x", 0.5))) != fingerprint(scanned("other.wav", match("x", 0.5)))


# JUnit.


def test_junit_has_a_testcase_per_file_and_sums_that_hold() -> None:
    suites = ET.fromstring(rendered(ALL, "junit"))
    assert suites.tag == "testsuites"
    (suite,) = suites
    cases = suite.findall("testcase")
    assert [case.get("name") for case in cases] == [verdict.name for verdict in ALL.verdicts]
    assert all(len(case) <= 1 for case in cases), "the stricter schemas allow one element in a testcase"
    found = {kind: len(suite.findall(f"testcase/{kind}")) for kind in ("failure", "error", "skipped")}
    assert found == {"failure": 2, "error": 2, "skipped": 1}
    sums = {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")}
    assert sums == {"tests": "7", "failures": "2", "errors": "2", "skipped": "1"}
    # The order that the schemas ask for: properties first.
    assert [child.tag for child in suite] == ["properties"] + 7 * ["testcase"]
    properties = {item.get("name"): item.get("value") for item in suite.findall("properties/property")}
    assert properties["policy_sha256"] == POLICY.sha256
    assert all(suite.get(key) for key in ("name", "time"))
    assert all(case.get("classname") and case.get("time") for case in cases)


def test_junit_failures_list_every_finding_that_fails() -> None:
    suites = ET.fromstring(rendered(report(BLOCKED, REVIEWED, fail_on="review"), "junit"))
    first, second = suites.findall("testsuite/testcase/failure")
    assert first.get("message") == '12.3 s of "Red" (red-1), confidence 0.9999: certain'
    assert (first.text or "").splitlines() == [
        'block: 12.3 s of "Red" (red-1), confidence 0.9999: certain',
        "review: 12.3 s of r2, confidence 0.5: otherwise",
    ]
    assert second.text == "review: 12.3 s of red-2, confidence 0.5: otherwise"


# GitHub.


def test_github_annotates_blocked_reviewed_and_unchecked_files() -> None:
    assert rendered(ALL, "github").decode().splitlines() == [
        "::error file=folder,title=Sourceprint%3A not checked::a folder without audio files",
        '::error file=out/a b.wav,title=Sourceprint%3A block::12.3 s of "Red" (red-1), confidence 0.9999: certain',
        "::warning file=out/a b.wav,title=Sourceprint%3A review::12.3 s of r2, confidence 0.5: otherwise",
        "::warning file=rev.wav,title=Sourceprint%3A review::12.3 s of red-2, confidence 0.5: otherwise",
        "::error file=outside.wav,title=Sourceprint%3A block::"
        "20.0 s of blue-1, confidence 1.0: outside_licence: LIC-1: max_seconds 15, reused 20",
        "::error file=/abs/\u00e9.wav,title=Sourceprint%3A not checked::holds text, not audio",
    ]
    assert rendered(report(REVIEWED, fail_on="review"), "github").startswith(b"::error ")
    assert rendered(report(CLEAN, LICENSED), "github") == b""


# The file.


def test_a_report_replaces_its_file_in_one_step_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "check.json"
    file.write_text("old")
    write_report(ALL, "json", file)
    assert file.read_bytes() == rendered(ALL, "json")
    assert [path.name for path in tmp_path.iterdir()] == ["check.json"]


def test_a_place_that_cannot_take_the_report_is_refused_before_the_work(tmp_path: Path) -> None:
    audio = tmp_path / "a.wav"
    audio.write_bytes(b"audio")
    (tmp_path / "link.wav").symlink_to(audio)
    expect_output(tmp_path / "new.json", [audio])
    expect_output(Path(os.devnull), [audio])
    (tmp_path / "other.json").symlink_to("new.json")
    with pytest.raises(OutputError, match=r"is a link to new\.json; output is never written through links"):
        expect_output(tmp_path / "other.json", [audio])
    for place, message in (
        (tmp_path / "none" / "r.json", "its folder does not exist"),
        (tmp_path, "is a folder"),
        (tmp_path / "link.wav", "is one of the files to be checked"),
    ):
        with pytest.raises(EvidenceError, match=message):
            expect_output(place, [tmp_path / "gone.wav", audio])
    with pytest.raises(EvidenceError, match=r"r\.json: cannot be written \("):
        write_report(ALL, "json", tmp_path / "none" / "r.json")
