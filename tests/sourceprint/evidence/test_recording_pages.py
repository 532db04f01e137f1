"""Pages of recordings, lanes, and the order of the overview: the main matches are seen, and none hides another."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from sourceprint.evidence.pages.addresses import NAMED, case_address, page_address, recording_address
from sourceprint.evidence.pages.file_view import file_view
from sourceprint.evidence.pages.geometry import rows_of_spans
from sourceprint.evidence.pages.overview import by_attention, outcome_of, overview
from sourceprint.evidence.pages.page import Shelf, file_page, overview_page, recording_page
from sourceprint.evidence.pages.recording_view import numbered, recording_view, reuses_of
from sourceprint.scans.results import ScanResult, read_result
from sourceprint.scans.summary import q_values
from tests.scan_records import a_failure, a_match, a_passage, a_result, an_alternative

ODD_NAMES = ("a #1.wav", "100 % ?.wav", "two  spaces .wav", "caf\udce9.wav", "\u590f.wav", "..", "a/b\\c.wav", "-.wav")


def results_of(*rows: dict[str, Any]) -> list[ScanResult]:
    return [read_result(row) for row in rows]


def view_of(results: list[ScanResult], recording_id: str) -> dict[str, Any]:
    (reuse,) = [one for one in reuses_of(results) if one.recording_id == recording_id]
    pages = {result.name: page_address(result) for result in results}
    return recording_view(reuse, pages, q_values(results), "")


def page_view(result: ScanResult) -> dict[str, Any]:
    return file_view(result, Path("none.spt"), {}, Shelf(True, "", ""), with_audio=False).values


# Recordings.


def test_a_recording_has_the_tracks_that_reuse_it_with_seconds_and_links() -> None:
    several = a_match("s1", [a_passage(0, 0), a_passage(5_000, 100_000), a_passage(100_000, 4_000)])
    results = results_of(a_result("in/a.wav", [several]), a_result("in/b.wav", [a_match("s1")]), a_result("in/c.wav"))
    view = view_of(results, "s1")
    assert view["verdict"] == ("Evidence of reuse in 2 tracks, for 0:35.0; 0:34.0 (17.0 %) of the recording is heard.")
    a, b = (page_address(result) for result in results[:2])
    rows = view["tracks"]["rows"]
    assert [(row["name"], row["page"], row["reused"], row["passages"]) for row in rows] == [
        ("in/a.wav", f"../{a}", "0:25.0", "3"),  # time that two passages cover counts once
        ("in/b.wav", f"../{b}", "0:10.0", "1"),
    ]
    assert [(row["name"], row["page"], row["recording"]) for row in view["passages"]["rows"]] == [
        ("in/a.wav, passage 1", f"../{a}#row-1", "0:00.0\u20130:10.0"),
        ("in/a.wav, passage 3", f"../{a}#row-3", "0:04.0\u20130:14.0"),
        ("in/b.wav, passage 1", f"../{b}#row-1", "1:00.0\u20131:10.0"),
        ("in/a.wav, passage 2", f"../{a}#row-2", "1:40.0\u20131:50.0"),
    ]
    for number in (1, 2, 3):  # and there they are
        assert f'id="row-{number}"'.encode() in file_page(page_view(results[0]), title="T", way="../", inside=True)


def test_a_recording_that_also_fits_leads_to_the_first_named_match() -> None:
    other = an_alternative("s9", isrc="USRC17607839")
    passage = a_passage(also_fits=["s9", "s8"], alternatives=[other])
    results = results_of(a_result("a.wav", [a_match("s1", [passage])]))
    view = view_of(results, "s9")
    assert view["verdict"].startswith(
        "No track is matched to this recording first. It fits passages of 1 track as well"
    )
    assert (view["name"], view["isrc"], view["n_tracks"]) == ("Title of s9", "USRC17607839", 0)
    (row,) = view["besides"]["rows"]
    assert (row["named"], row["named_page"]) == ("Title of s1 (s1)", f"../{recording_address('s1')}")
    assert row["how"] == "the same audio, unchanged in pitch and tempo, 110 landmarks"
    (bare,) = view_of(results, "s8")["besides"]["rows"]
    assert (bare["how"], bare["recording"]) == ("nearly as well", "")
    page = recording_page(view, title="T", inside=True).decode()
    assert "Tracks that reuse it" not in page
    whole = overview(results, {}, reuses_of(results))
    assert [row["others"] for row in whole["recordings"]["rows"]] == ["", "1", "1"]


def test_passages_have_one_number_on_all_pages() -> None:
    matches = [a_match("s2", [a_passage(9_000), a_passage(1_000)]), a_match("s1", [a_passage(9_000), a_passage(4_000)])]
    (result,) = results_of(a_result("a.wav", matches))
    order = [(number, match.recording_id, passage.track_start_ms) for number, match, passage in numbered(result)]
    assert order == [(1, "s2", 1_000), (2, "s1", 4_000), (3, "s1", 9_000), (4, "s2", 9_000)]
    assert [(row["number"], row["label"]["id"]) for row in page_view(result)["rows"]] == [
        (number, recording_id) for number, recording_id, _ in order
    ]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_addresses_need_no_escaping_for_any_name(name: str) -> None:
    (result,) = results_of(a_result(name, [a_match(name)]))
    for address in (page_address(result), case_address(result), recording_address(name)):
        folder, _, last = address.partition("/")
        assert folder in ("files", "cases", "recordings")
        assert NAMED.fullmatch(last.rpartition(".")[0])
    pages = {result.name: page_address(result)}
    whole = overview_page(overview([result], pages, reuses_of([result])), title="T", inside=True).decode()
    assert f'href="{page_address(result)}"' in whole
    assert f'href="{recording_address(name)}"' in whole
    of_recording = recording_page(view_of([result], name), title="T", inside=True).decode()
    assert of_recording.count(f"../{page_address(result)}") >= 3


def test_names_that_would_be_one_have_two_addresses() -> None:
    names = ["a b", "a-b", "A_B", "\u00e4 b"]
    assert len({recording_address(name).casefold() for name in names}) == 4
    same = results_of(a_result("x/a.wav"), a_result("y/a.wav"))
    assert page_address(same[0]) != page_address(same[1])


# Lanes.


def test_passages_that_overlap_lie_in_rows_of_their_own() -> None:
    passages = [a_passage(0, 0), a_passage(4_000, 100_000), a_passage(10_000, 30_000), a_passage(4_000, 150_000)]
    (result,) = results_of(a_result("a.wav", [a_match("s1", passages), a_match("s2", [a_passage(4_000)])]))
    first, second = page_view(result)["lanes"]
    assert [[bar["number"] for bar in row] for row in first["rows"]] == [[1, 5], [2], [3]]
    assert [[bar["number"] for bar in row] for row in second["rows"]] == [[4]]
    (lane,) = view_of([result], "s1")["lanes"]
    assert [len(row) for row in lane["rows"]] == [4]  # in the recording they lie apart


def test_a_passage_in_one_of_several_audio_streams_says_so() -> None:
    passages = [{**a_passage(0), "streams": [2]}, {**a_passage(2_000, 90_000), "streams": [1, 2]}]
    (result,) = results_of(a_result("a.mkv", [a_match("s1", passages)]))
    view = page_view(result)
    assert [row["stream"] for row in view["rows"]] == ["audio stream 2", "audio streams 1 and 2"]
    assert len(view["lanes"][0]["rows"]) == 2
    assert view["lanes"][0]["rows"][0][0]["text"].endswith(" of the recording, audio stream 2")


def test_no_two_spans_of_a_row_overlap() -> None:
    spans = sorted((float(start), float(start + length)) for start in range(0, 60, 7) for length in (3, 9, 20))
    rows = rows_of_spans(spans)
    for row in set(rows):
        own = [span for span, where in zip(spans, rows, strict=True) if where == row]
        assert all(one[1] <= other[0] for one, other in itertools.pairwise(own))
    assert max(rows) + 1 == max(sum(a <= at < b for a, b in spans) for at in (start for start, _ in spans))


# The order of the overview.


def test_rows_that_need_attention_come_first() -> None:
    undecided = a_match("s1", [a_passage(also_fits=["s2"])])
    results = results_of(
        a_result("gen-10.wav"),
        a_result("gen-9.wav"),
        a_failure("a-broken.wav"),
        a_result("half.mkv", track={"streams": 2, "unsearched_streams": [2]}),
        a_result("undecided.wav", [undecided]),
        a_result("small.wav", [a_match("s1")]),
        a_result("large.wav", [a_match("s1", [a_passage(0), a_passage(50_000)]), undecided | {"recording_id": "s3"}]),
    )
    ordered = by_attention(results)
    assert [(result.name, outcome_of(result)) for result in ordered] == [
        ("large.wav", "matched"),
        ("small.wav", "matched"),
        ("undecided.wav", "matched, unresolved"),
        ("a-broken.wav", "could not be read"),
        ("half.mkv", "no match, not all searched"),
        ("gen-9.wav", "no match"),
        ("gen-10.wav", "no match"),
    ]
    assert by_attention(results[::-1]) == ordered
    values = overview(results, {}, reuses_of(results))
    assert [row["name"] for row in values["failures"]] == ["a-broken.wav", "half.mkv"]
    assert values["failures"][1]["reason"] == "audio stream 2 could not be searched"
    assert values["tiles"][3][1:] == ("1", "1 more not in whole; listed below")
    assert values["files"]["choices"][:2] == ["matched", "matched, unresolved"]


def test_many_that_fit_are_counted_in_the_overview_and_all_named_among_the_recordings() -> None:
    others = [f"copy-{k}" for k in range(7)]
    results = results_of(a_result("a.wav", [a_match("s1", [a_passage(also_fits=others)])]))
    values = overview(results, {}, reuses_of(results))
    assert values["files"]["rows"][0]["source"] == "Title of s1 (s1) or copy-0 or copy-1 or copy-2 or 4 others"
    assert [row["name"] for row in values["recordings"]["rows"]] == ["Title of s1 (s1)", *others]


def test_a_report_of_nothing_found_is_whole() -> None:
    for results in ([], results_of(a_result("a.wav"))):
        page = overview_page(overview(results, {}, reuses_of(results)), title="T", inside=True).decode()
        assert "No recording was found in any file." in page
