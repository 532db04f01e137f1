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
from tests.royalty_records import a_match, a_passage, a_scan_result, sha_of

ONE = a_scan_result("one.wav", a_match("R1", a_passage(0, 9000, confidence=0.123456789, p_false=1e-300)))
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
    assert (one.sha256, one.name, one.duration_ms, one.status) == (sha_of("one.wav"), "one.wav", 60_000, "matched")
    segment = one.matches[0].passages[0]
    assert (segment.track_start_ms, segment.track_end_ms, segment.aligned_landmarks) == (0, 9000, 90)
    assert (segment.confidence.exact, segment.p_false.exact) == (Decimal("0.123456789"), Decimal("1E-300"))
    assert (none.searched, none.matches) == (True, ())
    assert scans.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_long_array_is_read_piece_by_piece(tmp_path: Path) -> None:
    results = [a_scan_result(f"{n}.wav", a_match("R1", *[a_passage(s, s + 9) for s in range(900)])) for n in range(12)]
    path = written(tmp_path, *results, form="json")
    assert path.stat().st_size > 3 << 20
    assert [result.name for result in ScanFile(path)] == [f"{n}.wav" for n in range(12)]


def test_a_track_that_could_not_be_searched_is_a_record_too(tmp_path: Path) -> None:
    broken = a_scan_result("broken.wav", status="decode_error", reason="empty")
    broken["track"] |= {"sha256": None, "duration_ms": None}
    (result,) = ScanFile(written(tmp_path, broken))
    assert (result.searched, result.status, result.reason, result.sha256) == (False, "decode_error", "empty", "")


def test_the_same_result_twice_counts_once(tmp_path: Path) -> None:
    again = ONE | {"scan_id": "another", "timing_ms": {}, "track": ONE["track"] | {"name": "copy.wav"}}
    scans = ScanFile(written(tmp_path, ONE, again))
    assert [result.name for result in scans] == ["one.wav"]
    assert scans.repeated == 1


def test_two_results_of_one_track_are_refused(tmp_path: Path) -> None:
    other = a_scan_result("one.wav", a_match("R2", a_passage(0, 9000)))
    with pytest.raises(RightsError, match=r"line 2: one.wav is the same audio as on line 1, .* into a new folder"):
        list(ScanFile(written(tmp_path, ONE, other)))


def test_a_name_that_is_no_unicode_is_escaped(tmp_path: Path) -> None:
    (result,) = ScanFile(written(tmp_path, ONE | {"track": ONE["track"] | {"name": "a\udcff.wav"}}))
    assert result.name == "a\\udcff.wav"


def _set(*path: str | int, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(result: dict[str, Any]) -> None:
        at: Any = result
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = to

    return change


PASSAGE = ("matches", 0, "passages", 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            _set("schema", to="sourceprint/scan-result/3"),
            r"line 2: schema='sourceprint/scan-result/3': must be",
        ),
        (_set("track", to=None), r"line 2: track: is missing; write the file anew with `sourceprint match"),
        (_set("track", to=[]), r"line 2: track=\[\]: must be an object; write the file anew with `sourceprint match"),
        (_set("track", "sha256", to="ABC"), r"track.sha256='ABC': must be 64 hexadecimal digits"),
        (
            _set("track", "sha256", to=None),
            r"track.sha256: is missing: must be 64 hexadecimal",
        ),
        (_set("track", "duration_ms", to=-1), r"track.duration_ms=-1: must be a whole number"),
        (_set("track", "name", to=""), r"track.name='': must be text that is not empty"),
        (_set("status", to="no_match"), r"status='no_match': must be what fits 1 matches"),
        (_set("status", to="found"), r"status='found': must be one of matched, no_match, too_short"),
        (_set("matches", to=[]), r"status='matched': must be what fits 0 matches"),
        (_set("matches", to={}), r"matches=\{\}: must be a list"),
        (_set("matches", 0, "layer", to="song"), r"matches\[0\].layer='song': must be recording or composition"),
        (_set("matches", 0, "recording_id", to=""), r"matches\[0\].recording_id='': must be text that is not empty"),
        (_set("matches", 0, "passages", to=[]), r"matches\[0\].passages=\[\]: must be a list that is not empty"),
        (_set(*PASSAGE, to=7), r"matches\[0\].passages\[0\]=7: must be an object"),
        (_set(*PASSAGE, "track_end_ms", to=0), r"passages\[0\].track_end_ms=0: must be after track_start_ms 0"),
        (_set(*PASSAGE, "track_start_ms", to=9001), r"track_end_ms=9000: must be not before track_start_ms 9001"),
        (_set(*PASSAGE, "track_end_ms", to=2**53), r"track_end_ms=9007199254740992: must be a whole number"),
        (_set(*PASSAGE, "recording_end_ms", to=1.5), r"passages\[0\].recording_end_ms=1.5: must be a whole number"),
        (
            _set(*PASSAGE, "recording_start_ms", to=10**6),
            r"recording_end_ms=9000: must be not before",
        ),
        (_set(*PASSAGE, "confidence", to=1.5), r"confidence=1.5: must be a number from 0 to 1"),
        (_set(*PASSAGE, "confidence", to=None), r"confidence: is missing"),
        (_set(*PASSAGE, "p_false", to="1"), r"p_false='1': must be a number from 0 to 1"),
        (_set(*PASSAGE, "p_false", to=True), r"p_false=True: must be a number from 0 to 1"),
        (_set(*PASSAGE, "aligned_landmarks", to=True), r"aligned_landmarks=True: must be a whole number"),
        (_set(*PASSAGE, "excluded", to=0), r"excluded=0: must be true or false"),
        (_set(*PASSAGE, "also_fits", to=[1]), r"also_fits\[0\]=1: must be text"),
        (_set(*PASSAGE, "also_fits", to=[""]), r"also_fits\[0\]='': must be text that is not empty"),
        (_set(*PASSAGE, "also_fits", to=None), r"also_fits=None: must be a list"),
        (_set("index", to={}), r"index.digest: is missing"),
        (_set("index", "digest", to=""), r"index.digest='': must be text that is not empty"),
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
        (b'{"schema": "x"}', "line 1: schema='x': must be"),
        (b'\n\n{"schema": ', "line 3: cut short; the scan was interrupted or is still running"),
        (b'{"a": NaN}\n', "line 1: not JSON .NaN is no number"),
        (b'{"a": "\xff"}\n', r"line 1: not UTF-8 \(byte 0xff\)"),
        (b"[" * 100_000 + b"\n", "line 1: "),
        (b'[\n{"schema": ', r"line 2: not JSON, or cut short"),
        (b"[", r"line 1: cut short; the array has no end"),
        (b"[1]", r"line 1: '1' is not expected here"),
        (b"[{},]", r"line 1: schema=None: must be"),
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
