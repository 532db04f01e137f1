"""The product reads the results of the builder."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from fingerprint.errors import ParameterError
from index.search.matches import Match, Passage, Transformation
from index.storage.recordings import Recording
from sourceprint.scans.results import (
    ResultIndex,
    ResultMatch,
    ResultPassage,
    ResultSearch,
    ResultTiming,
    ResultTrack,
    ScanResult,
    expect_consistent,
    plain_json,
    read_result,
)
from sourceprint.scans.scan import Scan, Searched
from sourceprint.scans.scan_json import scan_result
from tests.places import DATA, ROOT
from tests.scan_records import a_failure, a_match, a_passage, a_result, an_alternative


def test_built_results_are_scan_results() -> None:
    twice = a_match("s1", [a_passage(0), a_passage(5_000, 65_000)])
    result = read_result(a_result("mix.wav", [twice, a_match("s2")]))
    assert (result.name, result.status, result.searched) == ("mix.wav", "matched", True)
    assert [found.recording_id for found in result.matches] == ["s1", "s2"]
    assert (result.matches[0].track_match_ms, result.matches[0].recording_match_ms) == (15_000, 15_000)
    assert read_result(a_result()).status == "no_match"
    failure = read_result(a_failure())
    assert (failure.status, failure.reason, failure.duration_ms) == ("decode_error", "is no audio file", 0)


def test_alternatives_are_written_and_read_again_with_their_passage() -> None:
    other = an_alternative()
    result = read_result(a_result(matches=[a_match("s1", [a_passage(also_fits=["s9"], alternatives=[other])])]))
    (passage,) = result.matches[0].passages
    assert plain_json(passage)["alternatives"] == [other]
    assert result.matches[0].also_fits == ("s9",)
    expect_consistent(result)
    stray = read_result(a_result(matches=[a_match("s1", [a_passage(alternatives=[other])])]))
    with pytest.raises(ParameterError, match=r"alternatives\[0\]\.recording_id='s9': must be one of matches\[0\]"):
        expect_consistent(stray)
    turned = a_passage(also_fits=["s9"], alternatives=[an_alternative(track_end_ms=9_000)])
    with pytest.raises(ParameterError, match=r"track_end_ms=9000: must be not before track_start_ms 10000"):
        read_result(a_result(matches=[a_match("s1", [turned])]))


def test_built_results_have_the_fields_that_a_scan_writes() -> None:
    segment = Passage(
        track_start_seconds=10.0,
        track_end_seconds=20.0,
        recording_start_seconds=60.0,
        recording_end_seconds=70.0,
        ratio=1.0,
        transformation=Transformation(0.0, 100.0, 100.0),
        score=50.0,
        aligned_landmarks=120,
        expected_by_chance=1.5,
        p_false=1e-9,
        false_per_1000h=2e-5,
        confidence=0.999999999,
    )
    searched = Searched("sha256:1", "landmark/1", "sha256:2", 3)
    match = Match(Recording("s1", duration_ms=200_000), "recording", (segment,))
    scan = Scan(Path("a.wav"), searched, "matched", matches=(match,), duration_seconds=180.0)
    written = scan_result(scan).raw
    built = a_result("a.wav", [a_match("s1")])
    assert built.keys() <= written.keys()
    for part in ("track", "index", "searched"):
        assert built[part].keys() <= written[part].keys()
    assert built["matches"][0].keys() <= written["matches"][0].keys()
    assert built["matches"][0]["passages"] == written["matches"][0]["passages"]
    assert built["matches"][0]["track_match_percentage"] == written["matches"][0]["track_match_percentage"]


def test_a_field_that_results_do_not_have_is_refused() -> None:
    with pytest.raises(TypeError, match="confidense: no such field"):
        a_passage(confidense=0.5)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400])
def test_a_number_that_no_computation_could_use_is_refused(value: float) -> None:
    with pytest.raises(ParameterError, match=r"confidence=.*: must be a number"):
        read_result(a_result(matches=[a_match("s1", confidence=value)]))


@pytest.mark.parametrize(
    ("group", "field", "value", "message"),
    [
        ("track", "name", "a\ud800.wav", r"track\.name='a\\\\ud800\.wav': must be a name that a file can have"),
        ("track", "name", "a\0.wav", r"track\.name=.*: must be a name that a file can have"),
        ("track", "moved_from", "\udd00", r"track\.moved_from=.*: must be a name that a file can have"),
        ("index", "digest", "sha256:\ud800", r"index\.digest=.*: must be a digest, in ASCII"),
        ("index", "params_digest", "é", r"index\.params_digest=.*: must be a digest, in ASCII"),
        ("searched", "settings_digest", "\udcff", r"searched\.settings_digest=.*: must be a digest, in ASCII"),
    ],
)
def test_texts_that_can_name_no_file_are_refused(group: str, field: str, value: str, message: str) -> None:
    record = a_result()
    record[group] = {**record[group], field: value}
    with pytest.raises(ParameterError, match=message):
        read_result(record)


def test_fields_that_nobody_knows_are_kept_to_a_depth_that_any_reader_takes() -> None:
    for depth in (62, 900):
        record = {**a_result(), "newer": json.loads('{"a":' * depth + "1" + "}" * depth)}
        if depth < 64:
            assert read_result(record).raw["newer"] == record["newer"]
        else:
            with pytest.raises(ParameterError, match="nested too deep, 64 levels are possible"):
                read_result(record)


def test_a_name_with_bytes_that_are_no_utf_8_is_a_name() -> None:
    record = a_result()
    record["track"] = {**record["track"], "name": "caf\udce9.wav"}
    assert read_result(record).path == "caf\udce9.wav"


def test_the_documentation_has_an_example_that_reads_and_every_field() -> None:
    text = (ROOT / "docs" / "formats" / "scan-result.md").read_text(encoding="utf-8")
    example = json.loads(text.split("```json\n")[1].split("```")[0])
    result = read_result(example)
    assert plain_json(result) == example
    for record in (ScanResult, ResultTrack, ResultIndex, ResultSearch, ResultMatch, ResultPassage, ResultTiming):
        for name in record.__struct_encode_fields__:
            assert re.search(rf"`(track\.)?{name}`", text.split("```")[2]), name


def test_the_mapping_in_the_documentation_is_the_mapping_in_the_code() -> None:
    text = (ROOT / "docs" / "formats" / "scan-result.md").read_text(encoding="utf-8").split("## Version 1")[1]
    rows = [re.findall(r"`(\w+)`", row.partition("|")[2]) for row in re.findall(r"\n\| [^|]+(\|.*) \|", text)]
    pairs = {
        old: new for names in rows for old, new in zip(names[: len(names) // 2], names[len(names) // 2 :], strict=True)
    }
    sample = (DATA / "results-v1" / "explained.jsonl").read_text(encoding="utf-8")
    old_names = set(re.findall(r'"((?:query|asset)\w*|segments|references)":', sample)) | {"tracks"}
    assert set(pairs) == old_names
