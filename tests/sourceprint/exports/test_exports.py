"""Scan results in the formats of other tools: exact bytes, the tools' own readers, and hostile names."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import unicodedata
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fingerprint.errors import EvidenceError, OutputError, ParameterError, StorageFullError
from sourceprint.commands.scan import results as results_command
from sourceprint.exports import formats as writing
from sourceprint.exports.acrcloud import acrcloud_record
from sourceprint.exports.audacity import audacity_labels
from sourceprint.exports.formats import write_export
from sourceprint.exports.jams import jams_files
from sourceprint.exports.kinds import FOLDERS, FORMATS, TEXTS
from sourceprint.exports.parquet import passage_parquet
from sourceprint.exports.table import COLUMNS, passage_csv
from sourceprint.scans.results import ScanResult, read_result
from sourceprint.scans.run_folder import results_of
from sourceprint.scans.summary import q_values
from sourceprint.text.names import safe_names
from tests.command_line import run
from tests.places import ROOT
from tests.scan_records import (
    INDEX_DIGEST,
    PARAMS_DIGEST,
    SETTINGS_DIGEST,
    a_failure,
    a_match,
    a_passage,
    a_result,
    an_alternative,
    write_results,
)

HOSTILE = (
    "=HYPERLINK(\"http://x\",\"y\")",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " \u00a0=1",
    "\uff1d1",
    "a;=1",
    "a; \t@SUM(A1)",
    'a;"-1',
    "a\tb",
    "a\r\nb",
    "a\x01b\x1b[31m",
    "<script>alert(1)</script>",
    'a"b,c',
    "../../etc/passwd",
    "/abs/olute.wav",
    "caf\udce9.wav",
    "\u202egpj.wav",
    "\u2028x",
    "x" * 300 + ".wav",
    "é" * 300,
    "",
    ".",
    "..",
    ".hidden",
    "-rf",
    "CON.wav",
    "a/",
    "夏　祭り.wav",
)  # fmt: skip


def read(*records: dict[str, Any]) -> list[ScanResult]:
    return [read_result(record) for record in records]


def table(results: Iterable[ScanResult], **q: Any) -> list[dict[str, str]]:
    data = b"".join(passage_csv(results, q.get("q_values", {})))
    return list(csv.DictReader(io.StringIO(data.decode(), newline=""), strict=True))


# Rows.


def test_csv_of_a_match_a_miss_and_a_failure_is_exactly_this() -> None:
    segment = a_passage(
        10_000, 60_000, pitch_cents=-100.0, tempo_percent=104.5, also_fits=["s8", "s9"], alternatives=[an_alternative()]
    )
    match = a_match("s1", [segment], isrc="QZAAA2600001", title='Say "hi", please', artists=["A", "B"])
    results = read(a_result("gen-1.wav", [match]), a_result("gen-2.wav"), a_failure("gen-3.wav", "is no audio file"))
    data = b"".join(passage_csv(results, {("gen-1.wav", "s1"): 1e-06}))
    end = f"1.0,landmark/1,{INDEX_DIGEST},{PARAMS_DIGEST},{SETTINGS_DIGEST},"
    first, second, third = (result.sha256 for result in results)
    alternatives = '"' + json.dumps([an_alternative()]).replace('"', '""') + '"'
    assert data.decode().split("\r\n") == [
        "name,sha256,duration_ms,status,reason,notes,recording_id,isrc,title,artists,layer,match_confidence,q_value,"
        "track_match_ms,track_match_percentage,recording_match_ms,recording_match_percentage,passage,track_start_ms,"
        "track_end_ms,recording_start_ms,recording_end_ms,pitch_cents,speed_percent,tempo_percent,aligned_landmarks,"
        "expected_by_chance,p_false,false_per_1000h,confidence,also_fits,alternatives,streams,max_false_per_1000h,"
        "algorithm,index_digest,params_digest,settings_digest,track_id",
        f'gen-1.wav,{first},180000,matched,,,s1,QZAAA2600001,"Say ""hi"", please",A | B,recording,0.999999999,1e-06,'
        "10000,5.56,10000,5.0,1,10000,20000,60000,70000,-100.0,100.0,104.5,120,1.5,1e-09,2e-05,0.999999999,"
        f"s8 | s9,{alternatives},,{end}",
        f"gen-2.wav,{second},180000,no_match,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,{end}",
        f"gen-3.wav,{third},,decode_error,is no audio file,,,,,,,,,,,,,,,,,,,,,,,,,,,,,{end}",
        "",
    ]


def test_csv_has_a_row_per_passage_numbered_within_its_recording() -> None:
    twice = a_match("s1", [a_passage(0), a_passage(40_000, 90_000)])
    rows = table(read(a_result("x.wav", [twice, a_match("s2")])))
    assert [(row["recording_id"], row["passage"], row["track_start_ms"]) for row in rows] == [
        ("s1", "1", "0"),
        ("s1", "2", "40000"),
        ("s2", "1", "10000"),
    ]
    assert {row["track_match_ms"] for row in rows[:2]} == {"20000"}


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_no_text_from_outside_is_a_formula_or_leaves_its_cell(text: str) -> None:
    match = a_match(text or "s1", title=text, artists=[text, "B"], isrc=text)
    results = read(a_result(text, [match], track={"notes": [text]}), a_failure("z", text))
    data = b"".join(passage_csv(results, {}))
    lines = data.decode("utf-8").split("\r\n")
    assert len(lines) == 4, "a header, two rows, and the end of the last line"
    assert lines[-1] == ""
    rows = list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))
    assert {len(row) for row in rows} == {len(COLUMNS)}
    for cell in (cell for row in rows for cell in row):
        assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in cell)
        for part in cell.split(";"):  # where semicolons separate cells, each is one
            assert not unicodedata.normalize("NFKC", part).lstrip(' "').startswith(("=", "+", "-", "@"))


def test_harmless_text_is_in_the_csv_as_it_is() -> None:
    title = "夏　祭り don't <stop> 100 % 👩‍🎤"
    (row,) = table(read(a_result("a b.wav", [a_match(title=title)])))
    assert (row["name"], row["title"]) == ("a b.wav", title)


def test_csv_of_nothing_is_the_header() -> None:
    assert b"".join(passage_csv([], {})) == (",".join(COLUMNS) + "\r\n").encode()


def test_every_column_is_described() -> None:
    described = (ROOT / "docs" / "formats" / "exports.md").read_text(encoding="utf-8")
    assert [column for column in COLUMNS if f"`{column}`" not in described] == []
    assert [form for form in FORMATS if f"| `{form}` |" not in described] == []


def test_parquet_has_the_rows_of_the_csv_with_types_and_nulls() -> None:
    match = a_match("s1", [a_passage(pitch_cents=-50.0)], artists=["A", "B"])
    results = read(a_result("a.wav", [match]), a_result("b.wav"), a_failure("c.wav"))
    read_back = pq.read_table(io.BytesIO(passage_parquet(results, {("a.wav", "s1"): 0.25})))
    assert read_back.schema.names == list(COLUMNS)
    assert read_back.schema.field("track_start_ms").type == pa.int64()
    assert read_back.schema.field("p_false").type == pa.float64()
    assert read_back.schema.field("artists").type.value_type == pa.string()
    metadata = {key.decode(): value.decode() for key, value in read_back.schema.metadata.items()}
    assert metadata.pop("version")
    assert metadata == {
        "schema": "sourceprint/passage-rows/2",
        "index.digest": INDEX_DIGEST,
        "params.digest": PARAMS_DIGEST,
        "settings.digest": SETTINGS_DIGEST,
    }
    found, missed, failed = read_back.to_pylist()
    assert (found["pitch_cents"], found["artists"], found["q_value"], found["passage"]) == (-50.0, ["A", "B"], 0.25, 1)
    assert (missed["status"], missed["recording_id"], missed["artists"], missed["p_false"]) == ("no_match",) + (
        None,
    ) * 3
    assert (failed["reason"], failed["duration_ms"], failed["notes"]) == ("is no audio file", None, [])


def test_parquet_keeps_text_exactly_but_for_invalid_utf8() -> None:
    results = read(*(a_result(name, [a_match("s1", title=name)]) for name in HOSTILE))
    names = pq.read_table(io.BytesIO(passage_parquet(results, {})))["name"].to_pylist()
    assert names == [name.replace("\udce9", "\\udce9") for name in HOSTILE]


def test_parquet_of_nothing_has_the_schema_and_results_of_two_indexes_name_both() -> None:
    empty = pq.read_table(io.BytesIO(passage_parquet([], {})))
    assert (empty.num_rows, empty.schema.names) == (0, list(COLUMNS))
    two = read(a_result("a", index={"digest": "sha256:b"}), a_result("b", index={"digest": "sha256:a"}))
    metadata = pq.read_table(io.BytesIO(passage_parquet(two, {}))).schema.metadata
    assert metadata[b"index.digest"] == b"sha256:a sha256:b"


def test_results_of_older_versions_have_nulls_for_missing_fields() -> None:
    results = read(a_result("a.wav", searched={"settings_digest": None, "max_false_per_1000h": None}))
    assert math.isnan(results[0].max_false_per_1000h)
    (row,) = pq.read_table(io.BytesIO(passage_parquet(results, {}))).to_pylist()
    assert (row["max_false_per_1000h"], row["settings_digest"]) == (None, None)


# Labels and annotations.


def test_labels_are_a_file_of_the_track_and_one_of_each_recording() -> None:
    first = a_match("s1", [a_passage(30_000, 5_250), a_passage(10_000, 60_000)])
    second = a_match("s2", [a_passage(20_000, 0, pitch_cents=200.0)], title=None)
    files = audacity_labels(read(a_result("mix/gen-1.wav", [first, second]), a_result("gen-2.wav"), a_failure()))
    same = "pitch +0.00 st, tempo 100.0 %, speed 100.0 %, confidence 0.99999999"
    up = "pitch +2.00 st, tempo 100.0 %, speed 100.0 %, confidence 0.99999999"
    assert {name: data.decode() for name, data in files.items()} == {
        "gen-1.wav.track.txt": f'10.000000\t20.000000\ts1 "Title of s1" 1:00.0-1:10.0, {same}\n'
        f"20.000000\t30.000000\ts2 0:00.0-0:10.0, {up}\n"
        f'30.000000\t40.000000\ts1 "Title of s1" 0:05.2-0:15.2, {same}\n',
        "gen-1.wav.recording.s1.txt": f"5.250000\t15.250000\tmix/gen-1.wav 0:30.0-0:40.0, {same}\n"
        f"60.000000\t70.000000\tmix/gen-1.wav 0:10.0-0:20.0, {same}\n",
        "gen-1.wav.recording.s2.txt": f"0.000000\t10.000000\tmix/gen-1.wav 0:20.0-0:30.0, {up}\n",
    }


def test_labels_name_the_audio_stream_where_the_track_has_several() -> None:
    passage = {**a_passage(), "streams": [2, 1]}
    files = audacity_labels(read(a_result("film.mkv", [a_match("s1", [passage])])))
    assert [data.decode().partition("0.99999999")[2] for data in files.values()] == 2 * [
        ", in audio streams 1 and 2 of the track\n"
    ]


def test_a_label_stays_on_its_line_with_any_names() -> None:
    for text in HOSTILE:
        for data in audacity_labels(read(a_result(text, [a_match(text, title=text)]))).values():
            (line,) = data.decode().splitlines()
            assert line.count("\t") == 2


def load_jams(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those that the library raises about its own dependencies
        import jams
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = jams.load(str(path), validate=True, strict=True)
        assert loaded.validate(strict=True)
    return loaded


def test_the_jams_library_reads_and_validates_the_annotations(tmp_path: Path) -> None:
    first = a_match("s1", [a_passage(30_000, 5_000), a_passage(10_000, 60_000, confidence=0.75)])
    second = a_match("s2", [a_passage(20_500, 0, pitch_cents=200.0)])
    results = read(a_result("mix/gen-1.wav", [first, second]), a_result("gen-2.wav"), a_failure())
    write_export(results, "jams", tmp_path / "out", {("mix/gen-1.wav", "s2"): 0.5})
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["gen-1.wav.jams", "gen-2.wav.jams"]
    loaded = load_jams(tmp_path / "out" / "gen-1.wav.jams")
    assert loaded.file_metadata.duration == 180.0
    assert loaded.file_metadata.identifiers["sha256"] == results[0].sha256
    (annotation,) = loaded.search(namespace="segment_open")
    observations = [(each.time, each.duration, each.value, each.confidence) for each in annotation.data]
    assert observations == [
        (10.0, 10.0, "s1", 0.75),
        (20.5, 10.0, "s2", 0.999999999),
        (30.0, 10.0, "s1", 0.999999999),
    ]
    passages = annotation.sandbox["passages"]
    assert [(each["recording_id"], each["recording_start_ms"], each["q_value"]) for each in passages] == [
        ("s1", 60_000, None),
        ("s2", 0, 0.5),
        ("s1", 5_000, None),
    ]
    assert passages[1]["pitch_cents"] == 200.0
    assert loaded.sandbox["index_digest"] == INDEX_DIGEST
    unmatched = load_jams(tmp_path / "out" / "gen-2.wav.jams")
    assert [len(annotation.data) for annotation in unmatched.annotations] == [0]


def test_annotations_of_hostile_names_are_valid_too(tmp_path: Path) -> None:
    results = read(*(a_result(text, [a_match(text, title=text)]) for text in HOSTILE))
    assert write_export(results, "jams", tmp_path / "out", {}) == len(HOSTILE)
    written = sorted((tmp_path / "out").iterdir())
    assert len(written) == len(HOSTILE)
    titles = {load_jams(path).annotations[0].sandbox["passages"][0]["title"] for path in written}
    assert titles == {text.replace("\udce9", "\\udce9") for text in HOSTILE}


# Names.


def test_names_are_safe_short_and_unlike_each_other() -> None:
    names = safe_names([*HOSTILE, "a/x.wav", "b/X.wav", "cafe\u0301", "caf\u00e9", "x.wav-3971ddcad82537f2"])
    assert len({unicodedata.normalize("NFC", name.casefold()) for name in names.values()}) == len(names)
    for safe in names.values():
        assert 0 < len(safe.encode()) <= 96
        assert not set(safe) & set('/\\<>:"|?*\0\n\t')
        assert safe[0] not in ".-"
        assert safe == safe.strip()
    assert names["夏　祭り.wav"].startswith("夏")
    assert names["caf\u00e9"] != "caf\u00e9", "it shares its name with the decomposed one"


def test_a_name_does_not_depend_on_the_order_of_the_others() -> None:
    assert safe_names(HOSTILE) == safe_names(reversed(HOSTILE))
    assert safe_names(["dir/one two (1).wav"]) == {"dir/one two (1).wav": "one two (1).wav"}


def test_a_name_that_looks_like_one_with_a_digest_is_not_overwritten() -> None:
    names = safe_names(["a/x.wav", "b/x.wav"])
    forged = names["a/x.wav"]
    again = safe_names(["a/x.wav", "b/x.wav", forged])
    assert again["a/x.wav"] == forged
    assert again[forged] not in (forged, again["b/x.wav"])


# Alternatives.


def test_every_format_names_near_equal_alternatives() -> None:
    passage = a_passage(also_fits=["s9"], alternatives=[an_alternative()])
    results = read(a_result("x.wav", [a_match("s1", [passage])]))
    (row,) = table(results)
    assert (row["also_fits"], json.loads(row["alternatives"])) == ("s9", [an_alternative()])
    (columns,) = pq.read_table(io.BytesIO(passage_parquet(results, {}))).to_pylist()
    assert (columns["also_fits"], json.loads(columns["alternatives"])) == (["s9"], [an_alternative()])
    (annotations,) = jams_files(results, {}).values()
    (kept,) = json.loads(annotations)["annotations"][0]["sandbox"]["passages"]
    assert (kept["also_fits"], kept["alternatives"]) == (["s9"], [an_alternative()])
    (labels,) = (text for name, text in audacity_labels(results).items() if name.endswith(".track.txt"))
    assert labels.decode().endswith(", fits nearly as well: s9\n")
    (entry,) = acrcloud_record(results[0])["metadata"]["music"]
    assert entry["sourceprint"] == {"also_fits": ["s9"]}


def test_tables_name_the_streams_in_which_a_passage_was_found() -> None:
    results = read(a_result("x.mka", [a_match("s1", [{**a_passage(), "streams": [1, 3]}, a_passage(40_000, 90_000)])]))
    assert [row["streams"] for row in table(results)] == ["1 | 3", ""]
    columns = pq.read_table(io.BytesIO(passage_parquet(results, {}))).to_pylist()
    assert [row["streams"] for row in columns] == [["1", "3"], []]


# ACRCloud.


def test_acrcloud_record_of_a_match_is_exactly_this() -> None:
    match = a_match("s1", [a_passage(10_500, 60_000, confidence=0.874)], isrc="QZAAA2600001", artists=["A", "B"])
    (result,) = read(a_result("gen-1.wav", [match]))
    assert acrcloud_record(result) == {
        "status": {"msg": "Success", "code": 0, "version": "1.0"},
        "metadata": {
            "music": [
                {
                    "acrid": "s1",
                    "title": "Title of s1",
                    "artists": [{"name": "A"}, {"name": "B"}],
                    "album": {"name": ""},
                    "label": "",
                    "external_ids": {"isrc": "QZAAA2600001"},
                    "duration_ms": 200_000,
                    "score": 87,
                    "play_offset_ms": 70_000,
                    "sample_begin_time_offset_ms": 10_500,
                    "sample_end_time_offset_ms": 20_500,
                    "db_begin_time_offset_ms": 60_000,
                    "db_end_time_offset_ms": 70_000,
                }
            ]
        },
        "result_type": 0,
        "sourceprint": {
            "name": "gen-1.wav",
            "sha256": result.sha256,
            "status": "matched",
            "reason": None,
            "index_digest": INDEX_DIGEST,
        },
    }


def test_acrcloud_music_goes_by_score_then_time() -> None:
    sure, unsure = a_passage(50_000), a_passage(0, confidence=0.8)
    (result,) = read(a_result("x", [a_match("s1", [unsure, sure]), a_match("s2", [a_passage(20_000)])]))
    music = acrcloud_record(result)["metadata"]["music"]
    assert [(each["acrid"], each["score"]) for each in music] == [("s2", 100), ("s1", 100), ("s1", 80)]


def test_acrcloud_says_why_there_is_nothing() -> None:
    records = [a_result("a"), a_failure("b"), a_failure("c", "is too short", status="too_short")]
    shaped = [acrcloud_record(result) for result in read(*records)]
    assert [record["status"]["code"] for record in shaped] == [1001, 2005, 2004]
    assert ["metadata" in record for record in shaped] == [False] * 3
    assert shaped[2]["sourceprint"]["reason"] == "is too short"


def test_acrcloud_claims_no_length_where_nothing_is_known_of_it() -> None:
    (result,) = read(a_result("x", [a_match("s1", recording_duration_ms=None, isrc=None)]))
    (music,) = acrcloud_record(result)["metadata"]["music"]
    assert (music["duration_ms"], music["external_ids"]) == (0, {})


# Reading, and rates.


def test_of_a_name_with_several_rows_the_last_counts_and_names_are_in_order(tmp_path: Path) -> None:
    rows = [a_failure("b.wav"), a_result("a.wav"), a_result("b.wav", [a_match()])]
    run_folder = tmp_path / "RUN"
    run_folder.mkdir()
    write_results(run_folder / "results.jsonl", rows)
    expected = [("a.wav", "no_match"), ("b.wav", "matched")]
    assert [(result.name, result.status) for result in results_of(run_folder)] == expected
    assert results_of(write_results(tmp_path / "file.jsonl", rows)) == results_of(run_folder)


def test_a_place_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match=r"gone: there is no such run or file"):
        results_of(tmp_path / "gone")
    with pytest.raises(EvidenceError, match=r"a folder without results\.jsonl, so no run"):
        results_of(tmp_path)
    (tmp_path / "x.jsonl").write_text('{"schema": "other"}\n')
    with pytest.raises(EvidenceError, match=r"x\.jsonl, line 1: schema='other'"):
        results_of(tmp_path / "x.jsonl")


def naive_q_values(results: list[ScanResult]) -> dict[tuple[str, str], float]:
    hours = sum(result.duration_ms for result in results if result.searched) / 3_600_000
    rates = {(result.name, found.recording_id): found.false_per_1000h for result in results for found in result.matches}
    return {
        key: min(
            1.0,
            *(
                limit * hours / 1000 / sum(r <= limit for r in rates.values())
                for limit in rates.values()
                if limit >= rate
            ),
        )
        for key, rate in rates.items()
    }


def test_q_values_are_those_of_their_definition() -> None:
    rates = [2e-5, 0.5, 0.5, 900.0, 1e5, 3.0, 2e-5, 3.5]
    results = read(
        *(a_result(f"{i}", [a_match("s1", [a_passage(false_per_1000h=rate)])]) for i, rate in enumerate(rates)),
        *(a_result(f"none-{i}") for i in range(10)),
        a_failure(),
    )
    values = q_values(results)
    assert values == pytest.approx(naive_q_values(results))
    assert values["4", "s1"] == 1.0
    assert values["1", "s1"] == values["2", "s1"]
    by_rate = [values[f"{i}", "s1"] for i in sorted(range(len(rates)), key=rates.__getitem__)]
    assert by_rate == sorted(by_rate)


# Writing.


@pytest.mark.parametrize("form", FORMATS)
def test_an_export_is_the_same_each_time_and_is_not_overwritten_unasked(form: str, tmp_path: Path) -> None:
    results = read(a_result("a.wav", [a_match()]), a_result("b.wav"), a_failure())
    rates = q_values(results)
    target = tmp_path / "out"
    write_export(results, form, target, rates)
    with pytest.raises(EvidenceError, match=r"out: is .*--force"):
        write_export(results, form, target, rates)
    before = contents(target)
    assert before
    write_export(results, form, target, rates, replace=True)
    assert contents(target) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"], "nothing half-written is left"


def contents(target: Path) -> dict[str, bytes]:
    paths = target.iterdir() if target.is_dir() else [target]
    return {path.name: path.read_bytes() for path in paths}


def test_a_folder_with_anything_else_in_it_is_refused_even_when_asked(tmp_path: Path) -> None:
    results = read(a_result("a.wav", [a_match()]))
    (tmp_path / "mine.jams").write_text("kept")
    with pytest.raises(EvidenceError, match=r"holds mine\.jams, which is not written now"):
        write_export(results, "jams", tmp_path, {}, replace=True)
    assert contents(tmp_path) == {"mine.jams": b"kept"}


def test_an_empty_folder_and_a_link_to_one_are_filled(tmp_path: Path) -> None:
    results = read(a_result("a.wav", [a_match()]))
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    write_export(results, "jams", tmp_path / "link", {})
    assert (tmp_path / "link").is_symlink()
    assert [path.name for path in (tmp_path / "empty").iterdir()] == ["a.wav.jams"]


def test_a_file_is_no_folder_and_a_folder_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(EvidenceError, match="is a file; name a new or an empty folder"):
        write_export([], "audacity", tmp_path / "file", {}, replace=True)
    with pytest.raises(EvidenceError, match="is a folder; name a file"):
        write_export([], "csv", tmp_path, {}, replace=True)


def test_neither_a_pipe_nor_a_link_is_replaced_or_followed_and_a_device_is_written_to(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "out").symlink_to("pipe")
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("real.csv")
    (tmp_path / "lost.csv").symlink_to("nowhere.csv")
    before = sorted(path.name for path in tmp_path.iterdir())
    for place, what in (
        ("pipe", "is a pipe, a socket or a disk"),
        ("out", "is a link to pipe; output is never written through links: name the file itself, or remove the link"),
        ("link.csv", "is a link to real.csv"),
        ("lost.csv", "is a link to nowhere.csv"),
    ):
        with pytest.raises(OutputError, match=what):
            write_export([], "csv", tmp_path / place, {}, replace=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert (tmp_path / "real.csv").read_text() == "old"
    for device in (os.devnull, "/dev/stdout"):
        write_export([], "csv", Path(device), {})
    assert capfd.readouterr().out.startswith("name,sha256,")
    assert Path(os.devnull).is_char_device()


def test_an_export_never_replaces_its_input(tmp_path: Path) -> None:
    (tmp_path / "run" / "traces").mkdir(parents=True)
    write_results(tmp_path / "run" / "results.jsonl", [a_result("a.wav", [a_match()])])
    (tmp_path / "link").symlink_to("run")
    kept = (tmp_path / "run" / "results.jsonl").read_bytes()
    for place, target in (
        ("run", "run/results.jsonl"),
        ("run", "link/results.jsonl"),
        ("run", "run/log.jsonl"),
        ("run", "run/traces/x.csv"),
        ("run/results.jsonl", "link/results.jsonl"),
    ):
        result = run("results", tmp_path / place, "--format", "csv", "-o", tmp_path / target, "--force")
        assert result.exit_code == 2
        assert "is the results file itself; name another file" in result.stderr
    assert run("results", tmp_path / "run", "--format", "csv", "-o", tmp_path / "run" / "mine.csv").exit_code == 0
    assert (tmp_path / "run" / "results.jsonl").read_bytes() == kept


@pytest.mark.parametrize("form", ["csv", "audacity"])
def test_a_place_that_cannot_be_written_is_a_clear_error(form: str, tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match=r"gone/out: cannot be written \(No such file or directory\)"):
        write_export(read(a_result("a", [a_match()])), form, tmp_path / "gone" / "out", {})


@pytest.mark.parametrize("form", ["csv", "audacity", "jams"])
def test_a_full_disk_leaves_nothing_behind(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFullError, match="out: no space left on the disk"):
        write_export(read(a_result("a", [a_match()])), form, tmp_path / "out", {})
    assert list(tmp_path.iterdir()) == []


def test_unknown_formats_are_refused() -> None:
    with pytest.raises(ParameterError, match="format 'xml': is not one file; take one of jsonl, csv"):
        writing.export_chunks([], "xml", {})
    with pytest.raises(ParameterError, match="format 'csv': is no folder of files"):
        writing.export_files([], "csv", {})


# The command.


def test_every_format_has_one_maker_and_is_offered_and_described_by_the_command() -> None:
    assert set(writing._MANY_FILES) == set(FOLDERS)
    assert set(writing._ONE_FILE) == set(FORMATS) - set(FOLDERS)
    form, place = (next(one for one in results_command.params if one.name == name) for name in ("form", "target"))
    assert isinstance(form.type, click.Choice)
    assert isinstance(form, click.Option)
    assert isinstance(place, click.Option)
    assert tuple(form.type.choices) == tuple(FORMATS)
    assert all(f"{name}: {kind.meaning}" in str(form.help) for name, kind in FORMATS.items())
    assert all(name in str(place.help) for name in FORMATS if name not in TEXTS)


def test_texts_go_to_standard_output(tmp_path: Path) -> None:
    records = [a_result("a.wav", [a_match()]), a_result("b.wav"), a_failure("c.wav")]
    place = write_results(tmp_path / "results.jsonl", records)
    whole = run("results", tmp_path, "--format", "jsonl")
    assert (whole.exit_code, whole.stdout_bytes, whole.stderr) == (0, place.read_bytes(), "")
    matched = run("results", place, "--format", "jsonl", "--only-matched")
    assert [json.loads(line) for line in matched.stdout.splitlines()] == records[:1]
    shaped = run("results", place, "--format", "acrcloud")
    assert [json.loads(line)["status"]["code"] for line in shaped.stdout.splitlines()] == [0, 1001, 2005]
    results = list(results_of(place))
    printed = run("results", place, "--format", "csv")
    assert printed.stdout_bytes == b"".join(passage_csv(results, q_values(results)))


def test_q_values_are_of_the_whole_batch_even_if_only_matches_are_exported(tmp_path: Path) -> None:
    segment = a_passage(false_per_1000h=1.0)
    place = write_results(tmp_path / "r.jsonl", [a_result("a", [a_match("s1", [segment])]), a_result("b")])
    printed = run("results", place, "--format", "csv", "--only-matched")
    (row,) = csv.DictReader(io.StringIO(printed.stdout, newline=""))
    assert float(row["q_value"]) == pytest.approx(1.0 * 0.1 / 1000)


def test_folders_name_missing_files(tmp_path: Path) -> None:
    place = write_results(tmp_path / "r.jsonl", [a_result("a.wav", [a_match()]), a_result("b"), a_failure("c")])
    labels = run("results", place, "--format", "audacity", "-o", tmp_path / "labels")
    assert (labels.exit_code, labels.stdout) == (0, "")
    expected = "2 files about 1 file scanned; 2 files that matched nothing left out"
    assert labels.stderr == f"Note: {tmp_path}/labels: {expected}\n"
    assert sorted(contents(tmp_path / "labels")) == ["a.wav.recording.s1.txt", "a.wav.track.txt"]
    quiet = run("results", place, "--format", "jams", "-o", tmp_path / "jams", "--quiet")
    assert (quiet.exit_code, quiet.stdout, quiet.stderr) == (0, "", "")
    assert jams_files(results_of(place), q_values(results_of(place))) == contents(tmp_path / "jams")


@pytest.mark.parametrize("form", sorted(set(FORMATS) - set(TEXTS)))
def test_a_format_that_is_no_text_needs_a_place(form: str, tmp_path: Path) -> None:
    result = run("results", write_results(tmp_path / "r.jsonl", []), "--format", form)
    assert result.exit_code == 2
    assert f"--format {form} is no single text: name its place with -o" in result.stderr


@pytest.mark.parametrize("form", FORMATS)
def test_an_empty_run_can_be_exported(form: str, tmp_path: Path) -> None:
    place = write_results(tmp_path / "r.jsonl", [])
    result = run("results", place, "--format", form, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "out").exists()


def test_errors_of_the_command_are_usage(tmp_path: Path) -> None:
    missing = run("results", tmp_path / "gone", "--format", "csv")
    assert missing.exit_code == 2
    assert missing.stderr.startswith(f"Error: {tmp_path}/gone: there is no such run or file")
    place = write_results(tmp_path / "r.jsonl", [a_result("a", [a_match()])])
    (tmp_path / "other.csv").write_text("kept")
    again = run("results", place, "--format", "csv", "-o", tmp_path / "other.csv")
    assert (again.exit_code, "is there already; name another file, or give --force" in again.stderr) == (2, True)
    forced = run("results", place, "--format", "csv", "-o", tmp_path / "other.csv", "--force")
    assert (forced.exit_code, (tmp_path / "other.csv").read_bytes()[:5]) == (0, b"name,")
