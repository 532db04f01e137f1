"""Pairs of AI systems: lists read and refused, answers judged by hand-made cases, one small run from end to end."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from benchmarks import systems
from benchmarks.catalogues import Side
from benchmarks.data.corpus import FolderCorpus, SyntheticCorpus, read_corpus
from benchmarks.data.lists import CorpusError
from benchmarks.distortion.codecs import opus
from benchmarks.harness import json_bytes
from benchmarks.pairs import ARTIFICIAL_KINDS, Pair, artificial_pairs, find_pairs, read_pairs
from benchmarks.part import Job, Report, as_text, new_report
from benchmarks.systems import PART, agreement, judged, summary
from sourceprint.demo.synthesis import synthesize

RATE_HZ = 22050
HEADER = "source_file\toutput_file\tkind\tsystem\tsame_recording"


def a_pair(**changes: Any) -> Pair:
    known = {"source": "s", "output": "o", "source_path": "/s", "output_path": "/o", "kind": "codec", "system": "C"}
    return Pair(**{**known, "same_recording": "yes", **changes})


def a_passage(recording: str = "id", **changes: Any) -> dict[str, Any]:
    known: dict[str, Any] = {"id": recording, "also_fits": [], "reported": True, "score": 50.0, "false_per_1000h": 1e-4}
    known |= {"query_span": [1.0, 5.0], "reference_span": [1.0, 5.0], "ratio": 1.0, "cents": 0.0}
    return known | changes


def an_answer(*passages: Mapping[str, Any]) -> dict[str, Any]:
    reported = dict.fromkeys(one["id"] for one in passages if one["reported"])
    return {"status": "", "seconds": 9.0, "threshold": 25.0, "reported": list(reported), "found": list(passages)}


def a_row(pair: Pair, *passages: Mapping[str, Any], split: str = "held-out", status: str = "") -> dict[str, Any]:
    known = {key: value for key, value in asdict(pair).items() if not key.endswith("_path")}
    answer = judged(pair, "id", an_answer(*passages))
    return {**known, "split": split, "status": status, "seconds": 9.0, "standard": answer, "thorough": answer}


def a_report(rows: list[dict[str, Any]], **changes: Any) -> Report:
    report = new_report(
        "systems", Job(SyntheticCorpus(), Path()), list="mine.tsv", artificial=False, max_false_per_1000h=1.0,
        loose_false_per_1000h=1000.0, diagonal_seconds=0.5, same_cents=25.0,
    )  # fmt: skip
    report |= {
        "listed": {"pairs": len(rows), "taken": len(rows), "searched": len(rows)},
        "missing": {"files": [], "pairs": []},
        "sources_in_catalogue": [],
        "pairs": rows,
        "by_kind": summary(rows, "kind"),
        "by_system": summary(rows, "system"),
        **changes,
    }
    return json.loads(json_bytes(report))  # type: ignore[no-any-return]


# Lists.


def test_list_names_files_beside_it_or_anywhere(tmp_path: Path) -> None:
    tsv = tmp_path / "mine.tsv"
    tsv.write_text(
        f"{HEADER}\tsame_work\torigin\toffset_s\tpitch_cents\textra\n"
        "a/in.wav\t/data/out.wav\tcodec\tDAC\tyes\tyes\tme\t1.5\t-200\tx\n"
        "a/in.wav\tout2.wav\tstyle\tGen\tno\t\t\t\t\tx\n"
    )
    listed = read_pairs(tsv)
    assert (listed.name, listed.artificial) == ("mine.tsv", False)
    first, second = listed.pairs
    assert (first.source_path, first.output_path) == (str(tmp_path / "a" / "in.wav"), "/data/out.wav")
    assert (first.source, first.output, first.kind, first.system) == ("a/in.wav", "/data/out.wav", "codec", "DAC")
    assert (first.same_recording, first.same_work, first.origin) == ("yes", "yes", "me")
    assert (first.offset_seconds, first.pitch_cents) == (1.5, -200.0)
    assert (second.same_work, second.origin, second.offset_seconds, second.pitch_cents) == ("", "", None, None)
    assert second.missing() == ("a/in.wav", "out2.wav")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"mine\.tsv: no such list of pairs"),
        (f"{HEADER}\n", r"mine\.tsv: the list holds no pair"),
        ("source_file\toutput_file\nx\ty\n", r"mine\.tsv:1: no column 'kind'"),
        (f"{HEADER}\na\tb\tcodec\tDAC\tperhaps\n", r"mine\.tsv:2: column same_recording is 'perhaps'; expected yes"),
        (f"{HEADER}\na\t \tcodec\tDAC\tyes\n", r"mine\.tsv:2: column output_file is empty"),
        (f"{HEADER}\toffset_s\na\tb\tcodec\tDAC\tyes\tsoon\n", r"mine\.tsv:2: column offset_s is 'soon'"),
        (f"{HEADER}\tpitch_cents\na\tb\tcodec\tDAC\tyes\tnan\n", r"mine\.tsv:2: column pitch_cents is 'nan'"),
    ],
)
def test_list_that_cannot_be_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "mine.tsv").write_text(text)
    with pytest.raises(CorpusError, match=message):
        read_pairs(tmp_path / "mine.tsv")


def test_list_asked_for_comes_before_that_of_the_corpus(tmp_path: Path) -> None:
    (tmp_path / "ai_pairs.tsv").write_text(f"{HEADER}\na\tb\tcodec\tDAC\tyes\n")
    (tmp_path / "mine.tsv").write_text(f"{HEADER}\nc\td\tcodec\tDAC\tyes\n")
    corpus = FolderCorpus(folder=tmp_path, music=())
    for listed, source in ((None, "a"), (tmp_path / "mine.tsv", "c")):
        found = find_pairs(corpus, listed, tmp_path, jobs=1, seed=0, sources=1)
        assert [pair.source for pair in found.pairs] == [source]


@pytest.mark.slow
def test_artificial_pairs_are_made_once_and_the_same_again(tmp_path: Path) -> None:
    made = find_pairs(SyntheticCorpus(), None, tmp_path, jobs=1, seed=3, sources=1)
    assert made.artificial
    assert [pair.kind for pair in made.pairs] == list(ARTIFICIAL_KINDS)
    assert all(pair.kind.startswith("artificial ") and not pair.missing() for pair in made.pairs)
    assert [pair.pitch_cents for pair in made.pairs] == [0.0, 0.0, 200.0, None]
    seconds = [soundfile.info(path).duration for path in (made.pairs[0].source_path, made.pairs[0].output_path)]
    assert seconds == pytest.approx([24.0, 12.0], abs=0.01)
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in tmp_path.rglob("*.flac")}
    assert len(before) == 1 + len(ARTIFICIAL_KINDS)
    artificial_pairs(tmp_path, jobs=1, seed=3, sources=1)
    assert {path: path.stat().st_mtime_ns for path in before} == {path: known[0] for path, known in before.items()}
    shutil.rmtree(tmp_path)
    artificial_pairs(tmp_path, jobs=1, seed=3, sources=1)
    assert {path: path.read_bytes() for path in before} == {path: known[1] for path, known in before.items()}


# Judgement of an answer.


def test_pair_is_found_when_its_source_is_reported() -> None:
    answer = judged(a_pair(), "id", an_answer(a_passage(score=40.0), a_passage(score=60.0), a_passage("other")))
    assert (answer["found"], answer["first"], answer["only_also_fits"]) == (True, True, False)
    assert (answer["score"], answer["threshold"], answer["others"]) == (60.0, 25.0, ["other"])
    second = judged(a_pair(), "id", an_answer(a_passage("other"), a_passage()))
    assert (second["found"], second["first"], second["others"]) == (True, False, ["other"])


def test_weak_passage_has_a_score_but_is_not_found() -> None:
    weak = a_passage(score=18.0, false_per_1000h=300.0, reported=False)
    answer = judged(a_pair(), "id", an_answer(weak, a_passage("other")))
    assert (answer["found"], answer["first"], answer["score"], answer["others"]) == (False, False, 18.0, ["other"])
    nothing = judged(a_pair(), "id", an_answer())
    assert (nothing["found"], nothing["score"], nothing["false_per_1000h"]) == (False, None, None)
    assert "ratio" not in nothing


def test_source_named_beside_its_duplicate_is_found_and_no_other() -> None:
    twin = a_passage("twin", also_fits=["id"], score=70.0)
    answer = judged(a_pair(), "id", an_answer(twin, a_passage(score=18.0, reported=False)))
    assert (answer["found"], answer["first"], answer["only_also_fits"]) == (True, True, True)
    assert (answer["score"], answer["others"]) == (70.0, [])


def test_agreement_is_measured_in_the_middle_of_the_passage() -> None:
    passage = a_passage(query_span=[2.0, 6.0], reference_span=[3.0, 7.2], ratio=1.05, cents=110.0)
    off = agreement(passage, 0.0, 0.0)
    assert off["time_error"] == pytest.approx(5.1 - 4.0)
    assert off["ratio_error_percent"] == pytest.approx(5.0)
    assert (off["cents_error"], off["pitch"]) == (110.0, "whole semitones")
    told = agreement(passage, 1.0, 100.0)
    assert told["time_error"] == pytest.approx(0.1)
    assert (told["cents_error"], told["pitch"]) == (10.0, "as expected")


@pytest.mark.parametrize(
    ("cents", "word"),
    [(25.0, "as expected"), (-25.0, "as expected"), (26.0, "other"), (-60.0, "other"), (-1190.0, "whole semitones")],
)
def test_pitch_has_three_words(cents: float, word: str) -> None:
    assert agreement(a_passage(cents=cents), 0.0, 0.0)["pitch"] == word


def rows() -> list[dict[str, Any]]:
    style = a_pair(kind="style", system="G", same_recording="no", same_work="no", output="g1")
    return [
        a_row(a_pair(output="c1"), a_passage(score=60.0, ratio=1.01)),
        a_row(a_pair(output="c2"), a_passage(score=40.0, reference_span=[3.0, 7.0]), a_passage("other")),
        a_row(a_pair(output="c3"), a_passage(score=18.0, reported=False)),
        a_row(a_pair(output="c4", source="t"), status="too_short"),
        a_row(a_pair(output="c5"), a_passage(), split="development"),
        a_row(style, a_passage(score=30.0, false_per_1000h=0.2)),
        a_row(a_pair(**{**asdict(style), "output": "g2"})),
    ]


def test_pairs_are_counted_by_expectation_kind_and_split() -> None:
    tuned, codec, style = summary(rows(), "kind")
    assert (codec["kind"], codec["split"], codec["same_recording"]) == ("codec", "held-out", "yes")
    assert (codec["pairs"], codec["sources"], codec["unreadable"]) == (4, 2, 1)
    counted = codec["standard"]
    assert (counted["n"], counted["found"], counted["first"], counted["others"]) == (4, 2, 2, 1)
    assert counted["on_diagonal"] == 1
    assert counted["median_score"] == 50.0
    assert counted["median_ratio_error_percent"] == pytest.approx(0.5)
    assert counted["pitch"] == {"as expected": 2, "whole semitones": 0, "other": 0}
    assert (tuned["kind"], tuned["split"], tuned["pairs"]) == ("codec", "development", 1)
    assert (style["kind"], style["same_recording"], style["pairs"]) == ("style", "no", 2)
    assert [line["system"] for line in summary(rows(), "system")] == ["C", "C", "G"]


def test_tables_show_shares_and_name_pairs_to_listen_to() -> None:
    report = a_report(rows(), missing={"files": ["gone.wav"], "pairs": ["C: gone.wav"]})
    by_kind, by_system, agreed, to_hear, others, every, missing = PART.tables(report)
    assert list(by_kind.rows[1]) == ["codec", "yes", "4", "2", "50", "15-85", "50", "15-85", "2", "1"]
    assert by_kind.rows[0][0] == "codec, development"
    assert "1 pair(s) could not be read and count as not found: c4 (too_short)." in by_kind.note
    assert [row[0] for row in by_system.rows] == ["C, development", "C", "G"]
    assert list(agreed.rows[1]) == ["codec", "yes", "2", "0.50", "1/2", "0.0", "2", "0", "0"]
    assert "expected from the method" in agreed.note
    assert [tuple(row[:6]) for row in to_hear.rows] == [("g1", "s", "G", "no", "both", "30.0")]
    assert list(others.rows) == [("c2", "s", "C", "other")]
    assert to_hear.note.startswith("1 of 2 pairs")
    assert [row[:4] for row in every.rows if row[0] in ("c3", "g2")] == [
        ("c3", "C", "yes", "(18.0)"),
        ("g2", "G", "no", "-"),
    ]
    assert (list(missing.rows), missing.note) == ([("gone.wav",)], "1 pair(s) not measured.")
    for table in PART.tables(report):
        assert {len(row) for row in table.rows} <= {len(table.header)}
    assert "AI systems: 24 recordings" in as_text(PART, report, markdown=True)


def test_figures_want_recordings_found_and_style_not_named() -> None:
    found = {figure.name: figure for figure in PART.figures(a_report(rows()))}
    codec = found["AI systems, codec: found"]
    assert (codec.value, codec.unit, codec.better, codec.target, codec.headline) == (50.0, "%", "higher", 100.0, True)
    assert codec.detail == "2 of 4, 15-85 %"
    assert codec.met is False
    assert not found["AI systems, codec (development): found"].headline
    style = found["AI systems, style: named though not kept"]
    assert (style.value, style.better, style.target, style.headline) == (50.0, "lower", 0.0, False)
    assert found["AI systems, codec: found where it lies"].value == 50.0
    work_kept = [row | {"same_work": "yes"} for row in rows()]
    assert not [figure for figure in PART.figures(a_report(work_kept)) if "style" in figure.name]
    report = a_report(rows())
    report["settings"]["artificial"] = True
    assert not any(figure.headline or figure.target is not None for figure in PART.figures(report))


def test_picture_is_drawn_and_the_same_again(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "again").mkdir()
    (drawn,) = PART.pictures(a_report(rows()), tmp_path)
    PART.pictures(a_report(rows()), tmp_path / "again")
    assert drawn.name == "systems.svg"
    assert "artificial" not in drawn.caption.lower()
    assert (tmp_path / drawn.name).stat().st_size > 5000
    assert (tmp_path / drawn.name).read_bytes() == (tmp_path / "again" / drawn.name).read_bytes()
    assert PART.pictures(a_report([]), tmp_path) == []


# From end to end.


@pytest.fixture
def corpus(tmp_path: Path) -> FolderCorpus:
    folder = tmp_path / "corpus"
    (folder / "ai").mkdir(parents=True)
    pieces = {name: synthesize(seed, 10.0, sample_rate=RATE_HZ) for name, seed in {"m1": 1, "m2": 2, "s": 3}.items()}
    pieces["codec"] = opus(pieces["s"], RATE_HZ, kbps=16)
    pieces["known"] = opus(pieces["m1"], RATE_HZ, kbps=16)
    pieces["noted"] = np.zeros(5 * RATE_HZ, dtype=np.float32)
    pieces["silent"] = np.zeros(5 * RATE_HZ, dtype=np.float32)
    for name, y in pieces.items():
        soundfile.write(folder / "ai" / f"{name}.flac", y, RATE_HZ)
    (folder / "music.tsv").write_text(
        "file\ttitle\tduration_s\tsource\nai/m1.flac\tOne\t10\tx\nai/m2.flac\tTwo\t10\ty\n"
    )
    (folder / "ai_pairs.tsv").write_text(
        f"{HEADER}\tsame_work\tsource_s\toutput_s\torigin\n"
        "ai/s.flac\tai/codec.flac\tcodec\tA\tyes\tyes\t10\t10\tz\n"
        "ai/m1.flac\tai/known.flac\tcodec\tA\tyes\tyes\t10\t10\tz\n"
        "ai/s.flac\tai/silent.flac\tstyle\tB\tno\tno\t10\t5\tz\n"
        "ai/noted.flac\tai/codec.flac\tstyle\tC\tno\tno\t5\t10\tz\n"
        "ai/s.flac\tai/gone.flac\tstyle\tB\tno\tno\t10\t5\tz\n"
    )
    return read_corpus(folder)


@pytest.mark.slow
def test_small_run_finds_kept_sources_and_resumes(
    corpus: FolderCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    answer = systems._answer

    def stopped(task: systems._Search) -> dict[str, Any]:
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append(Path(task.file).name)
        return answer(task)

    def noted(task: systems._Search) -> dict[str, Any]:
        asked.append(Path(task.file).name)
        return answer(task)

    job = Job(corpus, tmp_path / "cache", jobs=1, options={"pairs": None})
    monkeypatch.setattr(systems, "_answer", stopped)
    with pytest.raises(KeyboardInterrupt):
        PART.measure(job)
    monkeypatch.setattr(systems, "_answer", noted)
    report = PART.measure(job)
    assert sorted(asked) == sorted(["codec.flac", "known.flac", "silent.flac"] * 2 + ["s.flac", "noted.flac"])
    assert report["missing"] == {"files": ["ai/gone.flac"], "pairs": ["B: ai/gone.flac"]}
    assert report["listed"] == {"pairs": 5, "taken": 5, "searched": 4}
    codec, known, silent, noted_source = report["pairs"]
    assert noted_source["status"].startswith("source: ")
    for row in (codec, known):
        assert (row["split"], row["status"]) == ("held-out", "")
        for mode in ("standard", "thorough"):
            assert row[mode]["first"]
            assert row[mode]["others"] == []
            assert abs(row[mode]["time_error"]) < 0.2
            assert row[mode]["pitch"] == "as expected"
    assert (silent["status"], silent["standard"]["found"]) == ("not_enough_music", False)
    assert report["sources_in_catalogue"] == []
    asked.clear()
    assert PART.measure(job)["pairs"] == report["pairs"]
    assert asked == []
    shutil.copy(corpus.folder / "ai" / "m2.flac", corpus.folder / "ai" / "silent.flac")
    changed = PART.measure(job)["pairs"][2]
    assert asked == ["silent.flac"] * 2
    assert changed["standard"]["others"] == ["ai/m2.flac"]


def test_pair_counts_where_its_source_was_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systems, "trained_on", lambda: frozenset({"t", "u"}))
    held_out, other = Side("", frozenset({"h"})), Side("p.npz", frozenset({"t"}))
    placed = systems._placed
    assert placed(a_pair(origin="new"), None, (held_out, other)) == ("held-out", held_out)
    assert placed(a_pair(origin="t"), None, (held_out, other)) == ("development", other)
    assert placed(a_pair(origin="u"), None, (held_out, other)) == ("trained on", held_out)
    assert placed(a_pair(origin="t"), "h", (held_out, other)) == ("held-out", held_out)
    assert placed(a_pair(origin="new"), "t", (held_out,)) == ("trained on", held_out)


def test_short_version_takes_two_of_each_system() -> None:
    pairs = [a_pair(output=str(n), system="A" if n < 3 else "B") for n in range(4)]
    assert [pair.output for pair in systems._some_of_each(pairs)] == ["0", "1", "3"]
