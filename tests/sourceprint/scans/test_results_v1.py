"""Scan results of version 1: frozen samples read as version 2 does, alone, mixed, and by all that takes results.

`tests/data/results-v1` was written by the last version of the program that wrote version 1, `tests/data/results-v2` by
the first that wrote version 2, of the same files, index and settings: two recordings reused, one of them with a copy of
the file and one in a file that was moved, no match, audio that is too short, and a text. The run of version 1 has its
traces. `blind.jsonl` is of a blind index.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fingerprint.errors import ParameterError, RightsError
from index.storage.recordings import Recording
from sourceprint.blind.tokens import TOKEN, Revealer, reveal_file
from sourceprint.evidence.cases.archive import RESULT, open_archive
from sourceprint.royalties.uses.scans import ScanFile
from sourceprint.scans.diff import compare
from sourceprint.scans.result_file import ResultFile
from sourceprint.scans.results import SCHEMA, ScanResult, expect_consistent, read_result
from sourceprint.scans.results.version_1 import SCHEMA_1
from sourceprint.scans.run_folder import Run, results_of
from sourceprint.scans.session import Session
from tests.command_line import run
from tests.places import DATA, ROOT
from tests.sourceprint.scans.test_runs import SEARCHED, fill, pretended

V1, V2 = DATA / "results-v1", DATA / "results-v2"
SECRET = bytes.fromhex("c8626406672e5f5be18fac347db312c4cd09ed1b75fd5912b88e19a35c937849")  # of the sample's label
NAMES = ["done/two.flac", "keep/broken.mp3", "keep/copy.wav", "keep/matched.wav", "keep/none.wav", "keep/short.wav"]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def timeless(result: ScanResult) -> ScanResult:
    return msgspec.structs.replace(result, scan_id=None, timing_ms=None)


@pytest.fixture
def old_run(tmp_path: Path) -> Path:
    """Return a copy of the run of version 1."""
    return Path(shutil.copytree(V1 / "run", tmp_path / "run"))


@pytest.mark.parametrize("name", ["explained.jsonl", "blind.jsonl"])
def test_both_versions_of_a_printed_result_read_the_same(name: str) -> None:
    old, new = lines(V1 / name), lines(V2 / name)
    assert len(old) == len(new) > 1
    for one, other in zip(old, new, strict=True):
        assert (one["schema"], other["schema"]) == (SCHEMA_1, SCHEMA)
        assert timeless(read_result(one)) == timeless(read_result(other))
        assert list(read_result(one).raw) == list(other)  # in the same order


def test_both_versions_of_a_row_are_the_same_row() -> None:
    old, new = lines(V1 / "run" / "results.jsonl"), lines(V2 / "run.jsonl")
    assert [read_result(row).raw for row in old] == new
    assert {read_result(row).status for row in old} == {"matched", "no_match", "too_short", "decode_error"}
    assert [read_result(row).moved_from for row in old if "moved_from" in row["query"]] == ["drop/two.flac"]


def test_explanations_are_renamed_inside() -> None:
    told = json.dumps([read_result(record).raw["explanation"] for record in lines(V1 / "explained.jsonl")[:3]])
    assert '"track_landmarks"' in told
    assert '"rivals"' in told
    assert "asset_" not in told
    assert "query" not in told
    assert "reference" not in told


def test_an_array_of_version_1_is_read_too() -> None:
    found = [result for _, result in ResultFile(V1 / "matches.json")]
    assert [timeless(result) for result in found] == [
        msgspec.structs.replace(timeless(read_result(record)), explanation=msgspec.UNSET)
        for record in lines(V1 / "explained.jsonl")
    ]


def test_unknown_fields_of_both_versions_are_kept() -> None:
    for path in (V1 / "blind.jsonl", V2 / "blind.jsonl"):
        record = lines(path)[0]
        record["later"] = {"query": 1}
        track, passages = ("query", "segments") if path.parent == V1 else ("track", "passages")
        record[track]["genre"] = "waltz"
        record["matches"][0][passages][0]["key"] = "C"
        raw = json.loads(json.dumps(read_result(record).raw))
        assert (raw["later"], raw["track"]["genre"], raw["matches"][0]["passages"][0]["key"]) == (
            {"query": 1},
            "waltz",
            "C",
        )


def test_names_of_version_2_mean_nothing_in_version_1() -> None:
    record = lines(V1 / "blind.jsonl")[0]
    record["matches"][0]["recording_id"] = "another"
    assert read_result(record) == read_result(lines(V1 / "blind.jsonl")[0])
    del record["matches"][0]["asset_id"]
    with pytest.raises(ParameterError, match=r"matches\[0\].asset_id: is missing; scan the file again"):
        read_result(record)


def _set(*path: str | int, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(result: dict[str, Any]) -> None:
        at: Any = result
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set("query", to=None), r"query: is missing"),
        (_set("query", "duration_ms", to=-1), r"query.duration_ms=-1: must be a whole number"),
        (_set("index", "tracks", to="3"), r"index.tracks='3': must be a whole number"),
        (_set("searched", "recordings", to=True), r"searched.recordings=True: must be a whole number"),
        (_set("matches", 0, "asset_id", to=5), r"matches\[0\].asset_id=5: must be text"),
        (_set("matches", 0, "segments", to=[]), r"matches\[0\].segments=\[\]: must be a list that is not empty"),
        (_set("matches", 0, "segments", 0, "query_end_ms", to=0.5), r"segments\[0\].query_end_ms=0.5: must be a whole"),
        (_set("matches", 0, "segments", 0, "p_false", to=2), r"segments\[0\].p_false=2: must be a number from 0 to 1"),
    ],
)
def test_a_wrong_field_has_the_name_that_it_has_in_the_file(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    record = lines(V1 / "explained.jsonl")[0]
    change(record)
    with pytest.raises(ParameterError, match=message):
        read_result(record)
    (tmp_path / "results.jsonl").write_text(json.dumps(record) + "\n")
    with pytest.raises(RightsError, match=f"results.jsonl, line 1: .*{message}.*; write the file anew"):
        list(ScanFile(tmp_path / "results.jsonl"))


def test_a_run_that_version_1_began_goes_on(tmp_path: Path) -> None:
    items = fill(tmp_path / "music", {"a.wav": b"aaaa", "b.wav": b"aaaa", "c.wav": b"new"})
    sha256 = hashlib.sha256(b"aaaa").hexdigest()
    old: dict[str, Any] = {
        "schema": SCHEMA_1,
        "scan_id": "0",
        "query": {"name": str(items[0].path), "sha256": sha256, "duration_ms": 400, "bytes": 4, "later": 1},
        "index": {"digest": SEARCHED.digest, "algorithm": "landmark/1", "params_digest": "sha256:2", "tracks": 3},
        "searched": {"only": [], "exclude": [], "recordings": 3, "settings_digest": SEARCHED.settings_digest},
        "status": "no_match",
        "reason": None,
        "matches": [],
        "timing_ms": None,
    }
    line = json.dumps(old, separators=(",", ":")) + "\n"
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "results.jsonl").write_text(line)
    search = pretended()
    with Session(tmp_path / "run", search) as session:
        assert [outcome.kind for outcome in session.scan(session.plan(items))] == ["no match", "no match"]
    assert search.asked == [str(items[2].path)]  # a is known, and b is a copy of it
    text = (tmp_path / "run" / "results.jsonl").read_text()
    assert text.startswith(line)  # as it was, byte for byte
    rows = [json.loads(row) for row in text.splitlines()]
    assert [row["schema"] for row in rows] == [SCHEMA_1, SCHEMA, SCHEMA]
    assert rows[1]["track"] | {"name": ""} == old["query"] | {"name": ""}
    assert [result.name for result in Run.open(tmp_path / "run").results()] == [str(item.path) for item in items]


def test_results_of_a_run_are_printed_in_version_2(old_run: Path) -> None:
    printed = run("results", old_run, "--format", "jsonl")
    assert printed.exit_code == 0
    rows = [json.loads(line) for line in printed.stdout.splitlines()]
    assert [row["track"]["name"] for row in rows] == NAMES
    assert rows == sorted(lines(V2 / "run.jsonl"), key=lambda row: str(row["track"]["name"]))


def test_nothing_differs_between_the_versions(old_run: Path) -> None:
    assert not compare(results_of(old_run), results_of(V2 / "run.jsonl"))
    assert run("diff", old_run, V2 / "run.jsonl").exit_code == 0


def test_pages_and_cases_are_made_of_version_1(old_run: Path, tmp_path: Path) -> None:
    made = run("report", old_run, "--out", tmp_path / "report", "--jobs", "1", "--quiet")
    assert (made.exit_code, made.stderr) == (0, "")
    assert len(list((tmp_path / "report" / "files").iterdir())) == 3
    assert run("keys", "create", "--name", "label", "-o", tmp_path / "keys").exit_code == 0
    case = tmp_path / "case.zip"
    words = ("evidence", old_run, "keep/matched.wav", "-o", case, "--sign-with", tmp_path / "keys" / "label.pem")
    signed = run(*words, "--quiet")
    assert signed.exit_code == 0, signed.stderr
    assert run("verify", case, "--key", tmp_path / "keys" / "label.pub").exit_code == 0
    held = json.loads(open_archive(case.read_bytes(), name="case").members[RESULT])
    assert held["schema"] == SCHEMA
    assert held == next(row for row in lines(V2 / "run.jsonl") if row["track"]["name"] == "keep/matched.wav")


@pytest.mark.parametrize("folder", [V1, V2])
def test_tokens_of_both_versions_are_revealed(folder: Path) -> None:
    recordings = [Recording(f"s{number}", title=f"Title {number}") for number in (1, 2, 3)]
    revealed = b"".join(reveal_file(folder / "blind.jsonl", Revealer(recordings, SECRET)))
    assert not TOKEN.search(revealed.decode())
    found = [read_result(json.loads(line)) for line in revealed.splitlines()]
    titles = [(match.recording_id, match.title) for result in found for match in result.matches]
    assert sorted(titles) == [("s1", "Title 1"), ("s2", "Title 2"), ("s3", "Title 3")]


def test_money_reads_the_same_of_both_versions(tmp_path: Path) -> None:
    rows = [row for row in lines(V1 / "run" / "results.jsonl") if row["query"]["name"] != "keep/copy.wav"]
    newer = [row for row in lines(V2 / "run.jsonl") if row["track"]["name"] != "keep/copy.wav"]
    mixed = tmp_path / "mixed.jsonl"
    mixed.write_text("".join(json.dumps(row) + "\n" for row in [*rows, *newer]))
    scans = ScanFile(mixed)
    assert [result.raw["track"]["name"] for result in scans] == [
        *(row["query"]["name"] for row in rows),
        *(row["track"]["name"] for row in newer if row["status"] not in ("matched", "no_match")),
    ]
    assert scans.repeated == 3
    example = list(ScanFile(ROOT / "docs" / "money" / "example" / "results.jsonl"))
    assert example
    assert lines(ROOT / "docs" / "money" / "example" / "results.jsonl")[0]["schema"] == SCHEMA_1


def a_v1_result() -> dict[str, Any]:
    """Return the first result with a match of the frozen run."""
    rows = (DATA / "results-v1" / "run" / "results.jsonl").read_text(encoding="utf-8").splitlines()
    found: dict[str, Any] = next(row for row in map(json.loads, rows) if row["matches"])
    return found


def test_null_for_a_list_means_none_in_version_1() -> None:
    record = a_v1_result()
    record["query"]["notes"] = record["searched"]["only"] = record["matches"][0]["artists"] = None
    result = read_result(record)
    assert (result.track.notes, result.matches[0].artists) == ((), ())


def test_money_names_the_fields_of_version_1() -> None:
    record = a_v1_result()
    passage = record["matches"][0]["segments"][0]
    passage["query_end_ms"] = passage["query_start_ms"]
    with pytest.raises(ParameterError, match=r"matches\[0\]\.segments\[0\]\.query_end_ms=.*after query_start_ms"):
        expect_consistent(read_result(record))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("\udcff", 1, "half a character"),
        ("reason", ["\udcff"], "reason="),
        ("status", "x - at `$.foo`", "status="),
        ("explanation", None, "nested too deep"),
    ],
)
def test_crafted_files_are_refused_by_name(field: str, value: Any, message: str) -> None:
    record = a_v1_result()
    if field == "explanation":
        value = []
        for _ in range(5000):
            value = [value]
        value = {"references": value}
    record[field] = value
    with pytest.raises(ParameterError, match=message):
        read_result(record)
