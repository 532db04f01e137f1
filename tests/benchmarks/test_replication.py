"""Forced replication: tracks agree with their truth, and the arithmetic of attribution on hand-made cases."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import catalogues, replication, replication_report, splicing
from benchmarks.attribution import Found, found_in, judge, seconds_in_common, seconds_of_several
from benchmarks.data.corpus import SyntheticCorpus, TrackRow
from benchmarks.part import Job, as_text
from benchmarks.splicing import FADE_SECONDS, GAP_SECONDS, RATE_HZ, SHORTEST_SECONDS, TRANSFORMATIONS, Cut, Piece, Plan
from fingerprint.errors import ParameterError
from index.search.matches import Match, MatchResult, Passage, Transformation
from index.storage.recordings import Recording
from sourceprint.demo.transformations import rms

Samples = NDArray[np.float32]

ROWS = [TrackRow(f"{source}{i}", "", 40.0 + 20 * i, source) for source in "abc" for i in range(4)]


def found(file: str, start: float, end: float, *also_fits: str, reference: float = 0.0) -> Found:
    return Found(file, start, end, reference, reference + end - start, also_fits)


class TestPlans:
    @pytest.mark.parametrize("percent", replication.PERCENTS)
    @pytest.mark.parametrize("n_sources", [1, 2, 4])
    def test_pieces_fill_the_share_and_keep_the_rules(self, percent: float, n_sources: int) -> None:
        for number in range(6):
            plan = splicing.draw_plan(
                number, ROWS, percent=percent, transformation="clean", layered=False, n_sources=n_sources, seconds=80.0
            )
            lengths = [cut.seconds for cut in plan.cuts]
            assert sum(lengths) == pytest.approx(percent / 100.0 * 80.0)
            assert min(lengths) >= SHORTEST_SECONDS - 1e-9
            files = {cut.file for cut in plan.cuts}
            assert len(files) == min(n_sources, int(percent / 100.0 * 80.0 / SHORTEST_SECONDS))
            assert len({file[0] for file in files}) == min(3, len(files))  # from different sources, as far as there are
            ends = [cut.at_seconds + cut.seconds for cut in plan.cuts]
            gaps = [cut.at_seconds - end for cut, end in zip(plan.cuts[1:], ends, strict=False)]
            assert all(gap >= (GAP_SECONDS if percent <= 50 else 0.0) - 1e-9 for gap in gaps)
            assert plan.cuts[0].at_seconds >= 0
            assert ends[-1] <= 80.0 + 1e-9
            for file in files:
                ours = [cut for cut in plan.cuts if cut.file == file]
                assert len(ours) == 1 or sorted(cut.between for cut in ours) == [(0.0, 0.5), (0.5, 1.0)]
                assert sum(cut.seconds for cut in ours) <= next(row.seconds for row in ROWS if row.file == file)
            if len(files) > 2:
                assert all(one.file != other.file for one, other in itertools.pairwise(plan.cuts))

    def test_same_seed_same_plan(self) -> None:
        def plan(number: int, seed: int) -> Plan:
            return splicing.draw_plan(
                number, ROWS, percent=50.0, transformation="clean", layered=True, n_sources=3, seconds=90.0, seed=seed
            )

        assert plan(1, 0) == plan(1, 0)
        assert len({plan(1, 0).cuts, plan(2, 0).cuts, plan(1, 1).cuts}) == 3

    def test_short_recordings_give_more_sources_and_too_short_ones_are_refused(self) -> None:
        short = [TrackRow(f"r{i}", "", 21.0, f"s{i}") for i in range(5)]

        def plan(rows: Sequence[TrackRow]) -> Plan:
            return splicing.draw_plan(
                0, rows, percent=100.0, transformation="clean", layered=False, n_sources=1, seconds=60.0
            )

        assert len(plan(short).cuts) > 3
        with pytest.raises(ParameterError, match="60 s of 60 s cannot be filled from 2 recordings of at most 20 s"):
            plan(short[:2])
        with pytest.raises(ParameterError, match=r"percent=0.0, transformation='clean'"):
            splicing.draw_plan(0, ROWS, percent=0.0, transformation="clean", layered=False, n_sources=1, seconds=60.0)


HZ = {"a": 500.0, "b": 900.0, "host": 2000.0}


class Tones(SyntheticCorpus):
    """Recordings of one steady tone each, and a stranger that is another."""

    @property
    def generated(self) -> tuple[TrackRow, ...]:
        return (TrackRow("host", "", 40.0, "host"),)

    def load(self, file: str, *, sample_rate: int) -> Samples:
        t = np.arange(40 * sample_rate) / sample_rate
        return np.sin(2 * np.pi * HZ[file] * t).astype(np.float32)


def level(y: Samples, hz: float, start: float, end: float) -> float:
    """Return the amplitude of a tone between two times."""
    part = y[round(start * RATE_HZ) : round(end * RATE_HZ)]
    t = np.arange(len(part)) / RATE_HZ
    return 2 * abs(complex(np.mean(part * np.exp(-2j * np.pi * hz * t))))


class TestRendering:
    CUTS = (Cut("a", 5.0, 4.0), Cut("b", 12.0, 6.0))

    @pytest.mark.parametrize("layered", [False, True])
    def test_track_agrees_with_its_truth(self, layered: bool) -> None:
        y, pieces = splicing.render(Plan(0, 50.0, "clean", layered, 20.0, self.CUTS), Tones())
        assert y.shape == (20 * RATE_HZ,)
        half = FADE_SECONDS / 2
        assert [p.file for p in pieces] == ["a", "b"]
        assert [p.query_start for p in pieces] == pytest.approx([5.0 + half, 12.0 + half], abs=1e-3)
        assert [p.query_end for p in pieces] == pytest.approx([9.0 + half, 18.0 + half], abs=1e-3)
        amplitude = splicing.LEVEL * np.sqrt(2)
        assert level(y, 500.0, 5.1, 8.9) == pytest.approx(amplitude, rel=0.02)
        assert level(y, 900.0, 12.1, 17.9) == pytest.approx(amplitude, rel=0.02)
        assert level(y, 500.0, 9.1, 20.0) < 0.01 * amplitude
        assert level(y, 2000.0, 0.0, 4.9) == pytest.approx(amplitude, rel=0.02)
        assert level(y, 2000.0, 5.1, 8.9) == pytest.approx(amplitude if layered else 0.0, rel=0.02, abs=1e-3)
        # Where a piece begins, half its power has come.
        at = pieces[0].query_start
        assert level(y, 500.0, at - 0.004, at + 0.004) == pytest.approx(amplitude * np.sqrt(0.5), rel=0.25)

    def test_neighbours_fade_into_each_other(self) -> None:
        cuts = (Cut("a", 0.0, 5.0), Cut("b", 5.0, 5.0))
        y, pieces = splicing.render(Plan(0, 100.0, "clean", False, 10.0, cuts), Tones())
        assert pieces[0].query_end == pytest.approx(pieces[1].query_start, abs=1e-3)
        assert pieces[1].query_end == pytest.approx(10.0, abs=1e-3)
        assert level(y, 2000.0, 0.1, 9.9) < 1e-3
        assert min(rms(y[i : i + 200]) for i in range(2000, len(y) - 200, 200)) > 0.08

    @pytest.mark.parametrize("name", list(TRANSFORMATIONS))
    def test_reference_times_follow_the_transformation(self, name: str) -> None:
        # Clicks at whole seconds of the recording must come where the map says.
        class Clicks(Tones):
            def load(self, file: str, *, sample_rate: int) -> Samples:
                y = np.zeros(40 * sample_rate, dtype=np.float32)
                if file != "host":
                    rng = np.random.default_rng(0)
                    burst = rng.standard_normal(400).astype(np.float32) * np.exp(-np.arange(400) / 80)
                    for at in range(1, 40):
                        y[at * sample_rate : at * sample_rate + 400] = burst
                    return y
                return y + np.float32(1e-4)

        y, (piece,) = splicing.render(Plan(3, 50.0, name, False, 12.0, (Cut("a", 2.0, 8.0),)), Clicks())
        ratio = (piece.reference_end - piece.reference_start) / (piece.query_end - piece.query_start)
        assert ratio == pytest.approx(1.08 if name == "tempo 1.08" else 1.0, rel=0.003)
        meant = [
            piece.query_start + (at - piece.reference_start) / ratio
            for at in range(40)
            if piece.reference_start + 0.3 < at < piece.reference_end - 0.3
        ]
        assert len(meant) >= 6
        for at in meant:
            near = y[round((at - 0.1) * RATE_HZ) : round((at + 0.1) * RATE_HZ)]
            loudest = int(np.argmax(np.convolve(near**2, np.ones(220), mode="same"))) / RATE_HZ - 0.1
            assert loudest == pytest.approx(0.005, abs=0.02)


class TestArithmetic:
    def test_share_is_the_union_of_passages(self) -> None:
        truth = [
            Piece("a", 10.0, 20.0, 0.0, 10.0),
            Piece("a", 50.0, 60.0, 30.0, 40.0),
            Piece("b", 70.0, 90.0, 5.0, 25.0),
        ]
        passages = [
            found("a", 10.0, 17.0),
            found("a", 15.0, 20.0, reference=5.0),
            found("a", 51.0, 59.0),
            found("b", 70.5, 89.5, reference=5.5),
        ]
        judged = judge(truth, passages, 100.0)
        assert set(judged.shares) == {"a", "b"}
        assert judged.shares["a"] == pytest.approx((20.0, 18.0))
        assert judged.shares["b"] == pytest.approx((20.0, 19.0))
        assert [judged.true_percent, judged.attributed_percent] == pytest.approx([40.0, 37.0])
        assert (judged.double_seconds, judged.stranger_seconds, judged.overhang_seconds) == (0.0, 0.0, 0.0)
        assert [piece.found for piece in judged.pieces] == [True, True, True]
        assert [piece.start_error for piece in judged.pieces] == pytest.approx([0.0, 1.0, 0.5])
        assert [piece.end_error for piece in judged.pieces] == pytest.approx([0.0, -1.0, -0.5])
        # The second passage of "a" names the place 0, the piece lies at 30; that of "b" is right.
        assert judged.pieces[1].reference_error == pytest.approx(31.0)
        assert judged.pieces[2].reference_error == pytest.approx(0.0)

    def test_seconds_too_many_are_told_apart(self) -> None:
        truth = [Piece("a", 10.0, 20.0, 0.0, 10.0)]
        passages = [found("a", 8.0, 20.0), found("a", 40.0, 45.0), found("x", 18.0, 26.0), found("y", 19.0, 22.0)]
        judged = judge(truth, passages, 100.0)
        assert judged.overhang_seconds == pytest.approx(2.0 + 5.0)
        assert judged.stranger_seconds == pytest.approx(8.0 + 3.0)
        assert judged.strangers == ("x", "y")
        # a and x over 18-20, x and y over 20-22: counted once, however many there are.
        assert judged.double_seconds == pytest.approx(4.0)
        assert judged.shares["a"] == pytest.approx((10.0, 17.0))
        assert judged.attributed_percent == pytest.approx(12.0 + 5.0 + 6.0)

    def test_two_that_are_there_at_once_are_not_counted_twice(self) -> None:
        true = {"a": [(0.0, 10.0)], "b": [(5.0, 15.0)]}
        assert seconds_of_several({"a": [(0.0, 12.0)], "b": [(4.0, 15.0)]}, true) == pytest.approx(1.0 + 2.0)
        assert seconds_of_several({"a": [(0.0, 3.0), (1.0, 4.0)]}, true) == 0.0
        assert seconds_of_several({}, true) == 0.0

    def test_duplicate_that_says_so_counts_for_the_true_one(self) -> None:
        truth = [Piece("a", 10.0, 20.0, 0.0, 10.0)]
        judged = judge(truth, [found("copy", 10.0, 20.0, "other", "a")], 50.0)
        assert (judged.by_also_fits, judged.strangers) == (1, ())
        assert judged.shares == {"a": (20.0, 20.0)}
        assert judged.pieces[0].found
        silent = judge(truth, [found("copy", 10.0, 20.0, "other")], 50.0)
        assert (silent.by_also_fits, silent.strangers, silent.shares) == (0, ("copy",), {"a": (20.0, 0.0)})
        elsewhere = judge(truth, [found("copy", 30.0, 40.0, "a")], 50.0)
        assert elsewhere.strangers == ("copy",)
        both = judge(truth, [found("a", 10.0, 20.0, "copy"), found("copy", 10.0, 20.0, "a")], 50.0)
        assert (both.by_also_fits, both.double_seconds, both.shares) == (1, 0.0, {"a": (20.0, 20.0)})

    def test_half_a_piece_is_found_less_is_missed(self) -> None:
        truth = [Piece("a", 10.0, 20.0, 0.0, 10.0)]
        assert judge(truth, [found("a", 10.0, 15.0)], 50.0).pieces[0].found
        missed = judge(truth, [found("a", 10.0, 14.9), found("b", 14.0, 20.0)], 50.0)
        assert not missed.pieces[0].found
        assert missed.pieces[0].covered == pytest.approx(4.9)
        assert missed.pieces[0].start_error is None
        assert judge(truth, [], 50.0).shares == {"a": (20.0, 0.0)}

    def test_common_seconds(self) -> None:
        assert seconds_in_common([(0.0, 2.0), (4.0, 6.0)], [(1.0, 5.0)]) == pytest.approx(2.0)
        assert seconds_in_common([], [(1.0, 5.0)]) == 0.0

    def test_passages_of_a_search_come_in_order_of_time(self) -> None:
        def segment(start: float) -> Passage:
            return Passage(start, start + 2.0, 5.0, 7.0, 1.0, Transformation(0.0, 100.0, 100.0), 50.0, 20, 1.0, 1e-9,
                           1e-6, 1.0, ("z",))  # fmt: skip

        matches = tuple(
            Match(Recording(name), "recording", tuple(map(segment, starts)))
            for name, starts in (("x", (1.0, 9.0)), ("y", (4.0,)))
        )
        listed = found_in(MatchResult(matches, 0, 0, 0.0, 0.0, 0.0))
        assert [(one.file, one.query_start, one.also_fits) for one in listed] == [
            ("x", 1.0, ("z",)),
            ("y", 4.0, ("z",)),
            ("x", 9.0, ("z",)),
        ]


def track(number: int, sources: str = "held out", *, percent: float = 25.0, layered: bool = False) -> dict[str, Any]:
    """Return a track of 100 s of which two recordings have 15 and 10 s: one is found to a second, the other missed."""
    truth = [Piece("a", 10.0, 25.0, 0.0, 15.0), Piece("b", 60.0, 70.0, 40.0, 50.0)]
    passages = [found("a", 10.2, 24.4, reference=0.2), found("x", 80.0, 83.0)]
    return {
        "number": number, "percent": percent, "transformation": "clean", "layered": layered, "seconds": 100.0,
        "status": "", "sources": sources, "truth": [asdict(piece) for piece in truth],
        "found": [asdict(one) for one in passages], **replication._compact(judge(truth, passages, 100.0)),
    }  # fmt: skip


class TestReport:
    def test_summary_of_known_tracks(self) -> None:
        row = replication.summary([track(0), track(1)])
        assert (row["tracks"], row["pieces"], row["pieces_found"]) == (2, 4, 2)
        assert (row["recordings"], row["recordings_found"], row["with_strangers"]) == (4, 2, 2)
        assert row["boundary_median"] == pytest.approx(0.4)
        assert [row["start_bias"], row["end_bias"]] == pytest.approx([0.2, -0.6])
        assert row["share_mean"] == pytest.approx((0.8 + 10.0) / 2)
        assert row["share_interval"][0] < row["share_mean"] < row["share_interval"][1]
        assert row["share_bias"] == pytest.approx(-5.4)
        assert row["total_mean"] == pytest.approx(abs(14.2 + 3.0 - 25.0))
        assert [row["stranger_seconds"], row["double_seconds"]] == pytest.approx([6.0, 0.0])
        nothing = replication.summary([])
        assert nothing["share_mean"] is nothing["boundary_median"] is nothing["share_interval"] is None

    @pytest.mark.slow
    def test_tables_figures_and_pictures_show_the_findings(self, tmp_path: Path) -> None:
        report = hand_made()
        tables = {table.title: table for table in replication_report.tables(report)}
        (quarter, other) = tables["By the share that is reused"].rows
        assert quarter[:3] == ["25 %", "held out", "2"]
        assert other[:2] == ["25 %", "development"]
        assert quarter[3] == "50.0 (15-85) of 4"
        assert quarter[4] == "0.40, 90 % 0.60"
        assert quarter[5].startswith("5.40 (")
        assert quarter[5].endswith("median 5.40")
        assert [row[1] for row in tables["Attribution of tracks that reuse the catalogue"].rows] == [
            "held out", "development", "both"]  # fmt: skip
        wrong = tables["Attributed where it is not, seconds a minute"]
        assert wrong.rows[0][2:6] == ["3", "0.00", "1.80", "0.00"]
        assert "0 passage(s) count for a recording" in wrong.note
        figures = {figure.name: figure for figure in replication_report.figures(report)}
        share = figures["error of the attributed share at 25 % replication, mean"]
        assert share.value == pytest.approx(5.4)
        assert share.met is False
        assert "development 5.40" in share.detail
        boundary = figures["boundary error in replication, median"]
        assert [boundary.value, boundary.target] == pytest.approx([0.4, 0.2])
        assert boundary.met is False
        assert figures["pieces found in replication"].value == 50.0
        made = replication_report.pictures(report, tmp_path)
        before = {one.name: (tmp_path / one.name).read_bytes() for one in made}
        assert len(before) == 2
        replication_report.pictures(report, tmp_path)
        assert {one.name: (tmp_path / one.name).read_bytes() for one in made} == before
        assert "Forced replication" in as_text(replication.PART, report, markdown=True)

    def test_report_of_one_side_of_the_split(self, tmp_path: Path) -> None:
        report = hand_made(sides=("held out",))
        (table, *_) = replication_report.tables(report)
        assert [row[1] for row in table.rows] == ["held out"]
        assert "development" not in replication_report.figures(report)[0].detail


def hand_made(sides: Sequence[str] = ("held out", "development")) -> dict[str, Any]:
    tracks = [track(i, sources, layered=layered) for i, (sources, layered) in
              enumerate(itertools.product(sides, (False, True)))]  # fmt: skip
    return {
        "part": "replication",
        "corpus": {"name": "test", "recordings": 3, "hours": 0.1, "missing": []},
        "facts": {"machine": {"cpu": "", "cores": 1, "memory_gb": 1, "system": ""}, "versions": {}, "commit": "",
                  "date_utc": "2000-01-01", "params_digest": ""},
        "settings": {"hosts": "generated"},
        "example": tracks[0],
        "tracks": tracks,
        "rows": replication._rows(tracks),
    }  # fmt: skip


@pytest.mark.slow
def test_whole_part_on_synthesised_music_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Few(SyntheticCorpus):
        @property
        def music(self) -> tuple[TrackRow, ...]:
            return super().music[:9:3]

        def load_stereo(self, file: str, *, sample_rate: int) -> Samples:
            return SyntheticCorpus(seconds=self.seconds).load_stereo(file, sample_rate=sample_rate)

    # The code may be edited while this runs; the cached tracks would then rightly be stale.
    for module in (replication, catalogues):
        monkeypatch.setattr(module, "source_digest", lambda *places: "unchanged")
    monkeypatch.setattr(replication, "QUICK_SECONDS", 20.0)
    monkeypatch.setattr(replication, "_cells", lambda quick: [(50.0, "clean", False), (25.0, "MP3 64 kbps", True)])
    job = Job(Few(seconds=30.0), tmp_path, jobs=1, quick=True)
    report = replication.measure(job)
    assert [one["percent"] for one in report["tracks"]] == [50.0, 25.0]
    first = report["tracks"][0]
    assert all(piece["found"] for piece in first["pieces"])
    assert first["attributed_percent"] == pytest.approx(50.0, abs=10.0)
    assert len(json.dumps(report, allow_nan=False)) < 50_000
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "replication").iterdir()}
    assert sorted(path.suffix for path in kept) == [".flac", ".flac", ".json", ".json", ".json", ".json"]
    (tmp_path / "replication" / min(path.name for path in kept if "-" in path.name)).unlink()
    again = replication.measure(job)
    assert again["tracks"] == report["tracks"]
    after = {path: path.stat().st_mtime_ns for path in kept}
    assert sum(after[path] != kept[path] for path in kept) == 1
    other = Job(Few(seconds=30.0), tmp_path, jobs=1, quick=True, seed=1)
    assert replication.measure(other)["tracks"] != report["tracks"]
    assert len(list((tmp_path / "replication").iterdir())) == 12
