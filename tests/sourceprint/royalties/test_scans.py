"""Scan results as attribution reads them: exactly, once per track, and nothing that is no scan result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fingerprint.errors import RightsError
from sourceprint.royalties.uses.scans import ScanFile
from tests.royalty_records import a_match, a_scan_result, a_segment, sha_of

ONE = a_scan_result("one.wav", a_match("R1", a_segment(0, 9000, confidence=0.123456789, p_false=1e-300)))
NONE = a_scan_result("none.wav")


def written(folder: Path, *results: Any, form: str = "jsonl") -> Path:
    path = folder / f"results.{form}"
    text = "".join(json.dumps(r) + "\n" for r in results) if form == "jsonl" else json.dumps(list(results), indent=1)
    path.write_text(text)
    return path


@pytest.mark.parametrize("form", ["jsonl", "json"])
def test_the_records_of_both_forms_are_the_same(tmp_path: Path, form: str) -> None:
    path = written(tmp_path, ONE, NONE, form=form)
    scans = ScanFile(path)
    one, none = list(scans)
    assert (one.sha256, one.name, one.track_ms, one.status) == (sha_of("one.wav"), "one.wav", 60_000, "matched")
    segment = one.matches[0].passages[0]
    assert (segment.track_start_ms, segment.track_end_ms, segment.aligned_landmarks) == (0, 9000, 90)
    assert (segment.confidence, segment.p_false) == (Decimal("0.123456789"), Decimal("1E-300"))
    assert (none.searched, none.matches) == (True, ())
    assert scans.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_long_array_is_read_piece_by_piece(tmp_path: Path) -> None:
    results = [a_scan_result(f"{n}.wav", a_match("R1", *[a_segment(s, s + 9) for s in range(900)])) for n in range(12)]
    path = written(tmp_path, *results, form="json")
    assert path.stat().st_size > 3 << 20
    assert [result.name for result in ScanFile(path)] == [f"{n}.wav" for n in range(12)]


def test_a_track_that_could_not_be_searched_is_a_record_too(tmp_path: Path) -> None:
    broken = a_scan_result("broken.wav", status="decode_error", reason="empty")
    broken["query"] |= {"sha256": None, "duration_ms": None}
    (result,) = ScanFile(written(tmp_path, broken))
    assert (result.searched, result.status, result.reason, result.sha256) == (False, "decode_error", "empty", "")


def test_the_same_result_twice_counts_once(tmp_path: Path) -> None:
    again = ONE | {"scan_id": "another", "timing_ms": {}, "query": ONE["query"] | {"name": "copy.wav"}}
    scans = ScanFile(written(tmp_path, ONE, again))
    assert [result.name for result in scans] == ["one.wav"]
    assert scans.repeated == 1


def test_two_results_of_one_track_are_refused(tmp_path: Path) -> None:
    other = a_scan_result("one.wav", a_match("R2", a_segment(0, 9000)))
    with pytest.raises(RightsError, match=r"line 2: one.wav is the same audio as on line 1, .* into a new folder"):
        list(ScanFile(written(tmp_path, ONE, other)))


def test_a_name_that_is_no_unicode_is_escaped(tmp_path: Path) -> None:
    (result,) = ScanFile(written(tmp_path, ONE | {"query": ONE["query"] | {"name": "a\udcff.wav"}}))
    assert result.name == "a\\udcff.wav"


def _set(*path: str | int, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(result: dict[str, Any]) -> None:
        at: Any = result
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = to

    return change


SEGMENT = ("matches", 0, "segments", 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set("schema", to="sourceprint/scan-result/2"), r"line 2: schema is 'sourceprint/scan-result/2', must be 'so"),
        (_set("query", to=None), r"line 2: query is missing, must be an object; write the file anew with sourceprint"),
        (_set("query", "sha256", to="ABC"), r"query.sha256 is 'ABC', must be 64 hexadecimal digits"),
        (_set("query", "sha256", to=None), r"query.sha256 is missing"),
        (_set("query", "duration_ms", to=-1), r"query.duration_ms is '-1', must be a whole number"),
        (_set("status", to="no_match"), r"status is 'no_match', must be what fits 1 matches"),
        (_set("matches", to=[]), r"status is 'matched'"),
        (_set("matches", to={}), r"matches is '\{\}', must be a list"),
        (_set("matches", 0, "layer", to="song"), r"matches\[0\].layer is 'song', must be recording or composition"),
        (_set("matches", 0, "asset_id", to=""), r"matches\[0\].asset_id is '', must be text"),
        (_set("matches", 0, "segments", to=[]), r"matches\[0\].segments is '\[\]', must be a list with at least one"),
        (_set(*SEGMENT, to=7), r"matches\[0\].segments\[0\] is '7', must be an object"),
        (_set(*SEGMENT, "query_end_ms", to=0), r"segments\[0\].query_end_ms is '0', must be after query_start_ms 0"),
        (_set(*SEGMENT, "asset_end_ms", to=1.5), r"segments\[0\].asset_end_ms is '1.5', must be a whole number"),
        (_set(*SEGMENT, "asset_start_ms", to=10**6), r"asset_end_ms is '9000', must be not before"),
        (_set(*SEGMENT, "confidence", to=1.5), r"confidence is '1.5', must be a number from 0 to 1"),
        (_set(*SEGMENT, "confidence", to=None), r"confidence is missing"),
        (_set(*SEGMENT, "p_false", to="1"), r"p_false is '1', must be a number from 0 to 1"),
        (_set(*SEGMENT, "aligned_landmarks", to=True), r"aligned_landmarks is 'True'"),
        (_set(*SEGMENT, "excluded", to=0), r"excluded is '0', must be true or false"),
        (_set(*SEGMENT, "also_fits", to=[1]), r"also_fits is '\[1\]', must be a list of ids"),
        (_set("index", to={}), r"index.digest is missing"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, change: Callable[[dict[str, Any]], None], message: str) -> None:
    wrong = json.loads(json.dumps(ONE))
    change(wrong)
    with pytest.raises(RightsError, match=message):
        list(ScanFile(written(tmp_path, NONE, wrong)))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "holds no results"),
        (b"track,score\n", "line 1: not JSON"),
        (b'{"schema": "x"}', "line 1: schema is 'x'"),
        (b'\n\n{"schema": ', "line 3: cut short; the scan was interrupted or is still running"),
        (b'{"a": NaN}\n', "line 1: not JSON .NaN is no number"),
        (b'{"a": "\xff"}\n', r"line 1: not UTF-8 \(byte 0xff\)"),
        (b"[" * 100_000 + b"\n", "line 1: "),
        (b'[\n{"schema": ', r"line 2: not JSON, or cut short"),
        (b"[", r"line 1: cut short; the array has no end"),
        (b"[1]", r"line 1: '1' is not expected here"),
        (b"[{},]", r"line 1: schema is None"),
        (b"[] x", r"line 1: 'x' is not expected here"),
        (b'["\xff"]', r"not UTF-8"),
    ],
)
def test_a_file_that_holds_no_results_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "results.jsonl"
    path.write_bytes(data)
    with pytest.raises(RightsError, match=message):
        list(ScanFile(path))


def test_an_empty_array_is_an_empty_scan(tmp_path: Path) -> None:
    assert list(ScanFile(written(tmp_path, form="json"))) == []


def test_a_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RightsError, match="these results cannot be read"):
        list(ScanFile(tmp_path / "none.jsonl"))
