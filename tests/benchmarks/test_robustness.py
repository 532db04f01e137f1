"""The robustness table counts right, reads well, and a run that was stopped goes on where it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import catalogues, robustness, trials
from benchmarks.data import synthetic
from benchmarks.data.corpus import SyntheticCorpus
from benchmarks.distortion.conditions import CONDITIONS
from benchmarks.part import Job, Report, as_text
from benchmarks.robustness_counts import by_length, by_size, by_threshold, summarise, wrong_recordings
from benchmarks.robustness_pictures import pictures
from benchmarks.robustness_report import GROUPS, MEASURED, figures, label, tables
from fingerprint.errors import ParameterError

HELD = frozenset({"held"})


def answer(condition: str = "gsm", *, found: bool = True, source: str = "held", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "condition": condition,
        "file": f"{source}.ogg",
        "source": source,
        "start_seconds": 1.0,
        "seconds": 0.0,
        "index": 0,
        "status": "searched",
        "found": found,
        "first": found,
        "also_found": [],
        "others": [],
        "score": 50.0 if found else 10.0,
        "false_per_1000h": 1e-6 if found else 20.0,
        "fingerprint_seconds": 0.1,
        "match_seconds": 0.3,
    }
    return made | ({"cents_error": 2.0, "place_error": 0.01} if found else {}) | more


def other(name: str, rate: float) -> dict[str, Any]:
    return {"id": name, "false_per_1000h": rate, "score": 30.0}


# --- counting ---------------------------------------------------------------------------------------------------------


def test_row_counts_found_trials_and_leaves_out_meaningless_ones() -> None:
    tried = [
        answer(cents_error=1.0),
        answer(cents_error=4.0, first=False, others=[other("y", 0.5), other("z", 50.0)]),
        answer(found=False, only_also_fits=True),
        answer(source="dev"),
        answer(found=False, source="dev", status="not applicable"),
        {"condition": "gsm", "file": "q", "source": "dev", "start_seconds": 2.0, "found": False, "status": "too_short"},
    ]
    row = summarise("gsm", tried, HELD)
    assert [(row[side]["found"], row[side]["n"]) for side in ("held_out", "development", "all")] == [
        (2, 3),
        (1, 2),
        (3, 5),
    ]
    assert (row["not_applicable"], row["first"], row["only_also_fits"], row["wrong"]) == (1, 2, 1, 1)
    assert (row["target"], row["held_out_target"], row["met"], row["held_out_met"]) == (0.97, 0.98, False, False)
    assert row["median"]["cents_error"] == 2.0
    assert row["median_held_out"]["cents_error"] == 2.5
    assert row["median"]["start_error"] is None
    assert row["missed"] == ["held.ogg at 1.0 s", "q at 2.0 s"]
    assert row["seconds_per_query"] == pytest.approx(0.4)
    assert row["held_out"]["interval"] == pytest.approx([0.208, 0.939], abs=1e-3)


def test_target_is_met_at_its_value_and_unknown_without_answers() -> None:
    tried = [answer("music_-6db", found=i < 22) for i in range(25)]
    assert summarise("music_-6db", tried, HELD)["held_out_met"] is True  # 88 % exactly
    tried[0] = answer("music_-6db", found=False)
    assert summarise("music_-6db", tried, HELD)["held_out_met"] is False
    assert summarise("music_-6db", [answer("music_-6db", source="dev")], HELD)["held_out_met"] is None
    assert summarise("loudness_war", [answer("loudness_war")], HELD)["held_out_met"] is None


def test_both_of_two_sources_are_counted_apart() -> None:
    tried = [
        answer("two_sources", also_found=["b"]),
        answer("two_sources"),
        answer("two_sources", found=False, also_found=["b"]),
    ]
    row = summarise("two_sources", tried, HELD)
    assert (row["held_out"]["found"], row["both_found"]) == (2, 1)


def test_lengths_and_sizes_are_counted_apart() -> None:
    tried = [answer("mp3_128k", seconds=s, found=s > 1.0) for s in (0.0, 1.0, 1.0, 3.0)]
    one, three, whole, two = (by_length("mp3_128k", s, tried, HELD) for s in (1.0, 3.0, 0.0, 2.0))
    assert (one["held_out"]["n"], one["held_out"]["found"], one["held_out_target"], one["held_out_met"]) == (
        2,
        0,
        0.85,
        False,
    )
    assert (three["target"], three["held_out_target"], three["held_out_met"]) == (0.97, 0.99, True)
    assert (whole["seconds"], whole["held_out_target"], whole["held_out"]["n"]) == (10.0, None, 1)
    assert (two["held_out"]["n"], two["held_out_met"]) == (0, None)
    assert by_length("gsm", 1.0, [answer(seconds=1.0)], HELD)["held_out_target"] is None

    known = [{"hours": 2.0, "recordings": 3, "landmarks": 10}, {"hours": 6.0, "recordings": 9, "landmarks": 30}]
    sizes = by_size("gsm", known, [answer(index=0), answer(index=1, found=False, others=[other("y", 0.1)])])
    assert [(row["times"], row["held_out"]["found"], row["wrong"]) for row in sizes] == [(1.0, 1, 0), (3.0, 0, 1)]


def test_thresholds_count_matches_that_each_would_have_let_through() -> None:
    tried = [
        answer(false_per_1000h=0.5),
        answer(found=False, false_per_1000h=30.0, others=[other("y", 5.0), other("z", 500.0)]),
        answer(found=False, false_per_1000h=None),
        answer(found=False, source="dev", false_per_1000h=3.0, others=[other("y", 0.2)]),
        answer("splice_hard_cut"),
    ]
    (row,) = by_threshold(tried, HELD, (1.0, 10.0, 100.0, 1000.0))
    assert (row["group"], row["n"], row["searched"]) == ("everyday", 3, 4)
    assert row["found"] == [1, 1, 2, 2]
    assert row["wrong"] == [1, 2, 2, 3]


def test_wrong_recordings_keep_their_names() -> None:
    tried = [
        answer("gsm", others=[other("y", 0.5)]),
        answer("eq", others=[other("y", 0.5), other("x", 0.9)]),
        answer("eq", source="dev", others=[other("w", 2.0)]),
    ]
    assert wrong_recordings(tried) == [
        {"played": "held.ogg", "reported": "y", "times": 2, "conditions": ["gsm", "eq"]},
        {"played": "held.ogg", "reported": "x", "times": 1, "conditions": ["eq"]},
    ]


# --- showing ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def report() -> Report:
    """Return a report made by hand: ten held-out and five other excerpts per condition."""

    def tried(name: str, found: int, **more: Any) -> list[dict[str, Any]]:
        return [
            *(answer(name, found=i < found, **more) for i in range(10)),
            *(answer(name, found=i < 4, source="dev", **more) for i in range(5)),
        ]

    shares = {"mp3_128k": 10, "gsm": 9, "pitch_+2": 10, "music_-6db": 5, "two_sources": 8, "opus_6k": 2}
    whole = {name: tried(name, found) for name, found in shares.items()}
    whole["opus_6k"] += [answer("opus_6k", status="not applicable")] * 3
    splice = [answer("splice_hard_cut", start_error=0.1, end_error=0.3)]
    known = [
        {"hours": 4.8, "recordings": 3, "landmarks": 300_000},
        {"hours": 14.4, "recordings": 9, "landmarks": 900_000},
    ]
    lengths = [a for s, found in ((0.0, 10), (1.0, 8), (3.0, 10)) for a in tried("mp3_128k", found, seconds=s)]
    return {
        "part": "robustness",
        "corpus": {"name": "hand-made", "recordings": 3, "hours": 4.8, "missing": []},
        "facts": {
            "machine": {"cpu": "c", "cores": 2, "memory_gb": 1, "system": "s"},
            "date_utc": "2000-01-01",
            "versions": {},
            "params_digest": "sha256:0",
            "commit": "0",
        },
        "settings": {
            "held_out": ["held"],
            "development": ["dev"],
            "limits": [1.0, 10.0, 0.25],
            "strictest": {"false_per_1000h": 0.25, "hours": 12.0},
        },
        "left_out": ["silent.wav: holds nothing"],
        "conditions": [
            *(summarise(name, answers, HELD) for name, answers in whole.items()),
            summarise("splice_hard_cut", splice, HELD),
        ],
        "lengths": [by_length("mp3_128k", s, lengths, HELD) for s in (1.0, 3.0, 0.0)],
        "sizes": by_size("mp3_128k", known, [answer(index=i % 2, found=i != 3) for i in range(8)]),
        "thresholds": by_threshold([a for answers in whole.values() for a in answers], HELD, (1.0, 10.0, 0.25)),
        "wrong": [{"played": "a.ogg", "reported": "b.ogg", "times": 2, "conditions": ["gsm"]}],
    }


def test_tables_compare_findings_with_targets(report: Report) -> None:
    made = {table.title: table for table in tables(report)}
    assert list(made)[:2] == [GROUPS["clean"], GROUPS["everyday"]]
    gsm = made[GROUPS["everyday"]].rows[0]
    assert list(gsm[:7]) == ["gsm", "10", "90", "60-98", "98 SHORT", "80", "0"]
    assert made[GROUPS["clean"]].rows[0][4] == "99 met"
    assert "opus_6k: does not apply to 3 of 18" in made[GROUPS["codecs"]].note
    assert "two_sources: both found in 0 of 15" in made[GROUPS["reworked"]].note
    assert "music_-6db: of all sources 60 %, 80 were promised" in made[GROUPS["buried_deep"]].note
    assert made["Ten seconds in a minute of other music"].rows[0][-1] == "0.2 SHORT"
    lengths = made["By length of the clip"]
    assert list(lengths.header) == ["condition", "1 s", "3 s", "10 s"]
    assert [list(row) for row in lengths.rows] == [
        ["mp3_128k", "80 (49-94)", "100 (72-100)", "100 (72-100)"],
        ["  target", "85 SHORT", "99 met", ""],
        ["  development", "80", "80", "80"],
    ]
    sizes = made["By size of the catalogue"]
    assert list(sizes.header) == ["condition", "4.8 h (x 1.0)", "14.4 h (x 3.0)"]
    assert list(sizes.rows[0]) == ["mp3_128k", "100 (51-100)", "75 (30-95)"]
    assert list(sizes.rows[1]) == ["million landmarks", "0.30", "0.90"]
    thresholds = made["By threshold"]
    assert thresholds.header[-1] == "none in 12 h"
    assert ["Low bit rates", "10", "20.0", "20.0", "20.0"] in [list(row) for row in thresholds.rows]
    assert "silent.wav" in made["Other recordings that were reported"].note
    for table in made.values():
        assert all(len(row) == len(table.header) for row in table.rows), table.title
    assert "By size of the catalogue" in as_text(robustness.PART, report, markdown=True)


def test_figures_are_those_of_held_out_sources(report: Report) -> None:
    made = {figure.name: figure for figure in figures(report)}
    worst = made["found, the worst everyday condition"]
    assert (worst.value, worst.target, worst.met, worst.headline) == (90.0, 98.0, False, True)
    assert worst.detail == "GSM call, n=10, 60-98 %"
    assert made["found, everyday conditions, mean"].value == 95.0
    assert made["found, other music, 6 dB louder"].value == 50.0
    assert made["found, other music, 6 dB louder"].target == 88.0
    clean = made["found, clean, 1 s"]
    assert (clean.value, clean.target) == (80.0, 85.0)
    assert made["found, MP3 128 kbps, catalogue x 3"].value == 75.0
    boundary = made["boundary error, ten seconds in a minute"]
    assert (boundary.value, boundary.better, boundary.met) == (0.3, "lower", False)
    assert made["other recordings per 1 000 searches"].value == 0.0


@pytest.mark.slow
def test_pictures_are_drawn_alike_every_time(report: Report, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        made = pictures(report, tmp_path / folder)
    assert [picture.name for picture in made] == [
        "robustness_conditions.svg",
        "robustness_lengths.svg",
        "robustness_sizes.svg",
    ]
    for picture in made:
        drawn = (tmp_path / "one" / picture.name).read_bytes()
        assert drawn == (tmp_path / "two" / picture.name).read_bytes()
        assert len(drawn) > 5000
        assert picture.caption
    report["lengths"], report["sizes"] = [], []
    report["settings"]["development"] = []
    assert [picture.name for picture in pictures(report, tmp_path)] == ["robustness_conditions.svg"]


def test_every_condition_has_a_name_in_words_and_a_group_with_a_title() -> None:
    names = [label(name) for name in MEASURED]
    assert len(set(names)) == len(names)
    assert not [name for name in names if "_" in name]
    assert all(group in GROUPS for group in {row.group for row in CONDITIONS.values()})
    for chosen in (robustness.QUICK_CONDITIONS, robustness.LENGTH_CONDITIONS, robustness.SIZE_CONDITIONS):
        assert set(chosen) <= set(MEASURED)
    # Distractors at half speed are within reach of a thorough search.
    assert not [name for name in robustness.SIZE_CONDITIONS if CONDITIONS[name].group == "thorough"]


# --- running ----------------------------------------------------------------------------------------------------------


def test_unknown_condition_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert robustness.main(["--conditions", "gsm,warp", "--cache", str(tmp_path)]) == 2
    assert "no condition warp; choose from mp3_128k, mp3_64k" in capsys.readouterr().err
    assert robustness.main(["--per-condition", "-1", "--cache", str(tmp_path)]) == 2
    assert "per_condition=-1: must be at least 1" in capsys.readouterr().err


def test_calibration_gives_the_strictest_threshold(tmp_path: Path) -> None:
    sets = [
        {"tests": True, "length": 10.0, "hours": 9.0, "strongest": [{"false_per_1000h": 0.4}, {"false_per_1000h": 3}]},
        {"tests": True, "length": 10.0, "hours": 4.0, "strongest": [{"false_per_1000h": None}]},
        {"tests": False, "length": 10.0, "hours": 99.0, "strongest": [{"false_per_1000h": 1e-6}]},
        {"tests": True, "length": 0.0, "hours": 99.0, "strongest": [{"false_per_1000h": 1e-6}]},
    ]
    (tmp_path / "calibration.json").write_text(json.dumps({"sets": sets}))
    assert robustness._strictest(tmp_path / "calibration.json") == {"false_per_1000h": 0.4, "hours": 9.0}
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ParameterError, match=r"other\.json: no report of benchmarks\.calibration"):
        robustness._strictest(tmp_path / "other.json")


def test_projection_that_knows_both_halves_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    corpus = SyntheticCorpus(seconds=8.0)
    everything = frozenset(row.source for row in corpus.music)
    monkeypatch.setattr(catalogues, "trained_on", lambda: everything)
    with pytest.raises(ParameterError, match="belongs to the other half of this corpus; train it again on fold 0"):
        catalogues.sides(corpus, tmp_path, jobs=1)


@pytest.mark.slow
def test_whole_run_finds_everything_and_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The code may be edited while this runs; the cached answers would then rightly be stale.
    for module in (robustness, catalogues, trials):
        monkeypatch.setattr(module, "source_digest", lambda *places: "unchanged")
    for name, few in (
        ("QUICK_CONDITIONS", ("mp3_128k", "reordered_2s", "two_sources", "centre_removed")),
        ("QUICK_LENGTH_CONDITIONS", ("mp3_128k",)),
        ("QUICK_SIZE_CONDITIONS", ("mp3_128k",)),
        ("LENGTHS", (5.0,)),
        ("GROWTH_SPEEDS", ((1.9,),)),
    ):
        monkeypatch.setattr(robustness, name, few)
    monkeypatch.setattr(synthetic, "ALBUMS", 2)
    monkeypatch.setattr(synthetic, "STRANGERS", 2)

    def run(n: int = 2) -> Report:
        corpus = SyntheticCorpus(seconds=12.0)
        return robustness.measure(Job(corpus, tmp_path, jobs=1, quick=True, options={"per_condition": n}))

    report = run()
    rows = {row["condition"]: row for row in report["conditions"]}
    assert list(rows) == ["mp3_128k", "reordered_2s", "two_sources", "centre_removed", *robustness.SPLICES]
    for name in ("mp3_128k", "reordered_2s", "splice_hard_cut"):
        assert (rows[name]["held_out"]["found"], rows[name]["held_out"]["n"]) == (2, 2), name
        assert rows[name]["development"]["n"] == 0
    assert rows["mp3_128k"]["median"]["place_error"] < 0.05
    assert rows["reordered_2s"]["median"]["place_error"] is None
    assert rows["splice_hard_cut"]["median"]["start_error"] < 0.5
    assert [(row["seconds"], row["held_out"]["found"]) for row in report["lengths"]] == [(5.0, 2), (10.0, 2)]
    assert [row["held_out"]["found"] for row in report["sizes"]] == [2, 2]
    assert report["sizes"][1]["times"] == pytest.approx(1.0 + 1.0 / 1.9, abs=0.01)
    assert report["sizes"][1]["recordings"] == 12
    json.dumps(report, allow_nan=False)
    assert "Robustness: 6 recordings" in as_text(robustness.PART, report)

    folders = [tmp_path / name for name in ("trials", "distorted", "excerpts")]
    kept = {path: path.stat().st_mtime_ns for folder in folders for path in folder.iterdir()}
    kept |= {path: path.stat().st_mtime_ns for path in tmp_path.glob("index-*")}
    # Killed after all but one condition: that one alone is searched again, and nothing is distorted again.
    (gone,) = (path for path in kept if path.name.startswith("reordered_2s-"))
    gone.unlink()
    again = run()
    assert [again[key] for key in ("lengths", "sizes", "wrong")] == [
        report[key] for key in ("lengths", "sizes", "wrong")
    ]
    for row, before in zip(again["conditions"], report["conditions"], strict=True):
        assert row | {"seconds_per_query": 0} == before | {"seconds_per_query": 0}
    changed = [path for path, at in kept.items() if path.stat().st_mtime_ns != at]
    assert changed == [gone]
    # One more excerpt: the distorted files stay, the counts do not.
    run(3)
    assert all(path.stat().st_mtime_ns == at for path, at in kept.items() if path != gone)
    assert len(list((tmp_path / "trials").glob("mp3_128k-*"))) == 6
