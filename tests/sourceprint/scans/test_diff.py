"""Changes between two scans of the same files, and their possible causes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fingerprint.errors import ParameterError
from sourceprint.scans.diff import Difference, Tolerance, compare
from sourceprint.scans.diff_report import diff_json, diff_text
from sourceprint.scans.results import read_result
from tests.command_line import run
from tests.scan_records import INDEX_DIGEST, a_failure, a_match, a_passage, a_result, write_results

OTHER_INDEX = {"digest": "sha256:" + "9" * 64}


def changes(before: list[dict[str, Any]], after: list[dict[str, Any]], **tolerance: float) -> Difference:
    limits = Tolerance(**tolerance)
    return compare([read_result(each) for each in before], [read_result(each) for each in after], limits)


def test_the_same_results_are_no_difference() -> None:
    records = [a_result("a", [a_match()]), a_result("b"), a_failure("c")]
    difference = changes(records, records)
    assert not difference
    assert (difference.n_unchanged, difference.searched) == (3, {})
    assert diff_text(difference) == "A: 3 files, B: 3 files: 3 unchanged, 0 changed, 0 only in A, 0 only in B"


def test_two_empty_scans_are_no_difference() -> None:
    assert not compare([], [])


def test_a_recording_that_is_found_now_is_gained_and_one_that_is_not_is_lost() -> None:
    difference = changes([a_result("a", [a_match("s1")])], [a_result("a", [a_match("s2")], index=OTHER_INDEX)])
    (change,) = difference.files
    assert [found.recording_id for found in change.gained] == ["s2"]
    assert [found.recording_id for found in change.lost] == ["s1"]
    assert (change.changed, change.status_changed, change.because) == ((), False, ("index_digest",))
    assert difference.searched == {"index_digest": ((INDEX_DIGEST,), (OTHER_INDEX["digest"],))}


def test_the_same_recording_in_another_layer_is_another_match() -> None:
    (change,) = changes([a_result("a", [a_match("s1")])], [a_result("a", [a_match("s1", layer="composition")])]).files
    assert (len(change.gained), len(change.lost), change.changed) == (1, 1, ())


def test_a_span_is_changed_beyond_the_tolerance_only() -> None:
    before = [a_result("a", [a_match("s1", [a_passage(10_000)])])]
    within = [a_result("a", [a_match("s1", [a_passage(10_250)])])]
    beyond = [a_result("a", [a_match("s1", [a_passage(10_251)])])]
    assert not changes(before, within)
    assert [each.what for each in changes(before, beyond).files[0].changed] == [("span",)]
    assert not changes(before, beyond, span_seconds=0.3)
    in_recording = [a_result("a", [a_match("s1", [a_passage(recording_end_ms=70_300)])])]
    assert changes(before, in_recording).files[0].changed[0].what == ("span",)


def test_another_copy_beside_a_match_is_a_change() -> None:
    before = [a_result("a", [a_match("s1", [a_passage(also_fits=["s2", "s3"])])])]
    assert not changes(before, [a_result("a", [a_match("s1", [a_passage(also_fits=["s3", "s2"])])])])
    difference = changes(before, [a_result("a", [a_match("s1")])])
    assert difference.files[0].changed[0].what == ("also_fits",)
    assert "fits nearly as well s2, s3 -> nothing else" in diff_text(difference)
    (changed,) = diff_json(difference)["changed"][0]["changed"]
    assert [one["passages"][0]["also_fits"] for one in (changed["a"], changed["b"])] == [("s2", "s3"), ()]


def test_another_number_of_passages_is_a_changed_span() -> None:
    two = a_match("s1", [a_passage(), a_passage(100_000, 150_000)], track_match_percentage=5.56)
    (change,) = changes([a_result("a", [a_match("s1")])], [a_result("a", [two])]).files
    assert change.changed[0].what == ("span",)


@pytest.mark.parametrize(
    ("what", "fields"),
    [
        ("pitch", {"pitch_cents": 10.1}),
        ("tempo", {"tempo_percent": 100.6}),
        ("speed", {"speed_percent": 99.4}),
        ("confidence", {"confidence": 0.98}),
    ],
)
def test_each_figure_of_a_passage_is_compared(what: str, fields: dict[str, Any]) -> None:
    before, after = [a_result("a", [a_match("s1")])], [a_result("a", [a_match("s1", [a_passage(**fields)])])]
    assert [each.what for each in changes(before, after).files[0].changed] == [(what,)]


def test_the_share_of_the_file_is_compared() -> None:
    before, after = (a_result("a", [a_match("s1", track_match_percentage=share)]) for share in (5.0, 6.1))
    assert changes([before], [after]).files[0].changed[0].what == ("share",)


def test_files_are_paired_by_content_under_any_name() -> None:
    before = [a_result("old/a.wav", [a_match()], track={"sha256": "1" * 64})]
    after = [a_result("new/b.wav", [a_match()], track={"sha256": "1" * 64})]
    assert not changes(before, after)


def test_copies_of_one_content_are_paired_by_name() -> None:
    same = {"sha256": "1" * 64}
    before = [a_result("a", [a_match("s1")], track=same), a_result("b", track=same)]
    after = [a_result("b", track=same), a_result("a", [a_match("s1")], track=same)]
    assert not changes(before, after)
    more = changes(before, [*after, a_result("c", track=same)])
    assert ([each.name for each in more.only_after], more.files) == (["c"], ())


def test_a_file_whose_content_was_replaced_is_paired_by_name_and_that_is_the_cause() -> None:
    before = [a_result("a", [a_match("s1")], track={"sha256": "1" * 64})]
    after = [a_result("a", track={"sha256": "2" * 64})]
    (change,) = changes(before, after).files
    assert change.because == ("content",)
    assert (change.before.status, change.after.status) == ("matched", "no_match")


def test_a_swap_of_names_follows_the_content() -> None:
    one, two = {"sha256": "1" * 64}, {"sha256": "2" * 64}
    before = [a_result("a", [a_match()], track=one), a_result("b", track=two)]
    after = [a_result("b", [a_match()], track=one), a_result("a", track=two)]
    assert not changes(before, after)


def test_files_that_could_not_be_read_are_paired_by_name() -> None:
    gone = {"sha256": None}
    difference = changes([a_failure("a", track=gone), a_failure("b", track=gone)], [a_result("a"), a_result("c")])
    assert [(each.before.name, each.after.status) for each in difference.files] == [("a", "no_match")]
    assert [each.name for each in difference.only_before] == ["b"]
    assert [each.name for each in difference.only_after] == ["c"]
    assert difference.files[0].because == ()


def test_fields_missing_in_older_results_are_no_cause() -> None:
    before = a_result("a", searched={"settings_digest": None, "max_false_per_1000h": None})
    (change,) = changes([before], [a_result("a", [a_match()])]).files
    assert change.because == ()


def test_every_difference_of_the_search_is_named() -> None:
    other = a_result(
        "a",
        [a_match()],
        index={**OTHER_INDEX, "algorithm": "landmark/2", "params_digest": "sha256:p"},
        searched={"recordings": 4, "settings_digest": "sha256:s", "max_false_per_1000h": 10.0},
    )
    difference = changes([a_result("a")], [other])
    every = ("index_digest", "recordings", "algorithm", "params_digest", "settings_digest", "max_false_per_1000h")
    assert difference.files[0].because == every
    assert tuple(difference.searched) == every
    assert difference.searched["max_false_per_1000h"] == ((1.0,), (10.0,))


def test_the_text_is_exactly_this() -> None:
    before = [
        a_result("a.wav"),
        a_result("b.wav", [a_match("s1"), a_match("s2", title=None)]),
        a_result("c.wav"),
        a_result("gone.wav"),
        a_result("same.wav", [a_match()]),
    ]
    after = [
        a_result("a.wav", [a_match("s1")], index=OTHER_INDEX),
        a_result("b.wav", [a_match("s1", [a_passage(11_000, pitch_cents=200.0, confidence=0.5)])], index=OTHER_INDEX),
        a_failure("c.wav", "is no\naudio", index=OTHER_INDEX),
        a_result("new\x1b.wav", index=OTHER_INDEX),
        a_result("same.wav", [a_match()], index=OTHER_INDEX),
    ]
    assert diff_text(changes(before, after)) == "\n".join(
        [
            "A: 5 files, B: 5 files: 1 unchanged, 3 changed, 1 only in A, 1 only in B",
            f"index: {INDEX_DIGEST} -> {OTHER_INDEX['digest']}",
            "",
            "a.wav: no_match -> matched",
            '  + s1 "Title of s1": track 0:10.0-0:20.0, confidence 0.99999999',
            "  differs: index",
            "",
            "b.wav: matched",
            "  - s2: track 0:10.0-0:20.0, confidence 0.99999999",
            '  ~ s1 "Title of s1": track 0:10.0-0:20.0 -> 0:11.0-0:21.0; recording 1:00.0-1:10.0 -> 1:00.0-1:10.0; '
            "pitch +0.00 st -> +2.00 st; confidence 0.99999999 -> 0.5",
            "  differs: index",
            "",
            "c.wav: no_match -> decode_error (is no\\naudio)",
            "  differs: index",
            "",
            "only in A:",
            "  gone.wav: no_match",
            "",
            "only in B:",
            "  new\\x1b.wav: no_match",
        ]
    )


def test_a_change_without_a_stated_cause_is_said_to_have_none() -> None:
    text = diff_text(changes([a_result("a")], [a_result("a", [a_match()])]))
    assert "nothing that results state about the search differs: another version of the program" in text
    assert "differs:" not in text.splitlines()[-1]


def test_a_renamed_file_that_changed_has_both_names() -> None:
    same = {"sha256": "1" * 64}
    text = diff_text(changes([a_result("a", track=same)], [a_result("b", [a_match()], track=same)]))
    assert "a (in B b): no_match -> matched" in text


def test_the_json_has_all_changes_and_counts_unchanged_files() -> None:
    before = [a_result("a"), a_result("b"), a_result("x", [a_match("s1")])]
    after = [a_result("a", [a_match("s2")]), a_result("b"), a_result("x", [a_match("s1", [a_passage(0)])])]
    document = json.loads(json.dumps(diff_json(changes(before, after)), allow_nan=False))
    assert document["schema"] == "sourceprint/scan-diff/2"
    assert document["files"] == {"a": 3, "b": 3, "unchanged": 1, "changed": 2, "only_a": 0, "only_b": 0}
    first, second = document["changed"]
    assert (first["a"]["status"], first["b"]["status"], first["gained"][0]["recording_id"]) == (
        "no_match",
        "matched",
        "s2",
    )
    (moved,) = second["changed"]
    assert moved["what"] == ["span"]
    assert (moved["a"]["passages"][0]["track_start_ms"], moved["b"]["passages"][0]["track_start_ms"]) == (10_000, 0)
    assert document["only_a"] == document["only_b"] == []


@pytest.mark.parametrize("seconds", [-0.1, float("nan"), float("inf")])
def test_a_tolerance_is_a_number_from_0(seconds: float) -> None:
    with pytest.raises(ParameterError, match=r"span_seconds=.*: must be a number from 0"):
        Tolerance(span_seconds=seconds)


# The command.


def test_the_command_exits_with_0_unless_asked_to_tell_by_its_exit_code(tmp_path: Path) -> None:
    a = write_results(tmp_path / "a.jsonl", [a_result("x")])
    b = write_results(tmp_path / "b.jsonl", [a_result("x", [a_match()])])
    shown = run("diff", a, b)
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert "x: no_match -> matched" in shown.stdout
    assert run("diff", a, b, "--exit-code").exit_code == 1
    assert run("diff", a, a, "--exit-code").exit_code == 0
    assert json.loads(run("diff", a, b, "--json").stdout)["files"]["changed"] == 1


def test_the_command_takes_folders_of_runs_and_a_tolerance(tmp_path: Path) -> None:
    for name, start in (("A", 10_000), ("B", 11_000)):
        (tmp_path / name).mkdir()
        write_results(tmp_path / name / "results.jsonl", [a_result("x", [a_match("s1", [a_passage(start)])])])
    words = ("diff", tmp_path / "A", tmp_path / "B", "--exit-code")
    assert run(*words).exit_code == 1
    assert run(*words, "--tolerance", "1").exit_code == 0
    refused = run(*words, "--tolerance", "-1")
    assert refused.exit_code == 2
    assert "must be a number from 0" in refused.stderr


def test_a_place_without_results_is_usage(tmp_path: Path) -> None:
    a = write_results(tmp_path / "a.jsonl", [])
    result = run("diff", a, tmp_path / "gone", "--exit-code")
    assert result.exit_code == 2
    assert "gone: there is no such run or file" in result.stderr
