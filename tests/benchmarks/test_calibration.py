"""Stated against observed on cases with known answers: intervals, verdicts, false discovery, derived sounds, scans."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr

from benchmarks import calibration, calibration_counts, calibration_report, catalogues, derived, scans
from benchmarks.catalogues import LAYER, Side, catalogue
from benchmarks.data.corpus import CorpusError, SyntheticCorpus, TrackRow
from benchmarks.decoys import LEVELS, Accepted, Answer, Estimator, accepted, backwards, curve
from benchmarks.oddities import KINDS, oddity
from benchmarks.part import Job, as_text
from benchmarks.reliability import (
    conclude,
    count_interval,
    design_effect,
    rates,
    reliability,
    share_interval,
)
from fingerprint.errors import ParameterError
from fingerprint.extract import fingerprint_signal
from fingerprint.params import Params
from index.folder.index import Index
from index.search.match import STANDARD, match_track


class TestReliability:
    @pytest.mark.parametrize(
        ("successes", "trials", "low", "high"),
        # Values of R's binom.test.
        [(0, 10, 0.0, 0.3084971), (10, 10, 0.6915029, 1.0), (3, 20, 0.03207094, 0.3789268)],
    )
    def test_interval_of_a_share_is_that_of_clopper_and_pearson(
        self, successes: int, trials: int, low: float, high: float
    ) -> None:
        assert share_interval(successes, trials) == pytest.approx((low, high), abs=1e-6)

    @pytest.mark.parametrize(
        ("count", "low", "high"),
        # Values of R's poisson.test.
        [(0, 0.0, 3.688879), (1, 0.02531781, 5.571643), (10, 4.795389, 18.39036)],
    )
    def test_interval_of_a_count_is_that_of_garwood(self, count: int, low: float, high: float) -> None:
        assert count_interval(count) == pytest.approx((low, high), abs=1e-5)

    def test_intervals_refuse_impossible_counts(self) -> None:
        assert share_interval(0, 0) == (0.0, 1.0)
        with pytest.raises(ParameterError, match=r"5 successes of 4 trials"):
            share_interval(5, 4)
        with pytest.raises(ParameterError, match=r"count=-1"):
            count_interval(-1)

    def test_recordings_that_fail_as_one_count_as_one(self) -> None:
        # Five recordings of ten pieces; in one of them all pieces fail: five trials, not fifty.
        assert design_effect([10, 0, 0, 0, 0], [10] * 5) == pytest.approx(12.5)
        assert design_effect([1, 1, 1, 1, 1], [10] * 5) == 1.0
        assert design_effect([0, 0], [10, 10]) == design_effect([7], [10]) == 1.0
        # Twelve events in one of three equal hours: (4/3 of) 64 + 16 + 16 = 144 over 12.
        assert design_effect([12, 0, 0], [1.0, 1.0, 1.0], binomial=False) == pytest.approx(12.0)

    def test_interval_widens_with_shared_sources(self) -> None:
        alone = {f"r{i}": [0.05 if i < 10 else 1.0] for i in range(100)}
        shared = {f"r{i}": [0.05 if i < 1 else 1.0] * 10 for i in range(10)}
        one, other = (reliability(stated, [0.1])[0] for stated in (alone, shared))
        assert (one.observed, one.recordings) == (10, 10)
        assert one.expected == pytest.approx(10.0)
        assert (other.observed, other.recordings) == (10, 1)
        assert [one.factor, other.factor] == pytest.approx([1.0, 1.0])
        assert (one.low * 0.1, one.high * 0.1) == pytest.approx(share_interval(10, 100), rel=0.01)
        assert (one.verdict, other.verdict) == ("holds", "cannot be told")
        assert other.low < 0.1 * one.low
        assert other.high > 2 * one.high

    def test_thresholds_count_matches_of_at_most_that_probability(self) -> None:
        stated = {"a": [0.1, 0.01, 1.0, 1.0], "b": [0.02, 1e-6, 1.0, 1.0]}
        rows = reliability(stated, [1e-6, 0.1, 0.01])
        assert [row.stated for row in rows] == [0.1, 0.01, 1e-6]
        assert [row.observed for row in rows] == [4, 2, 1]
        assert [row.expected for row in rows] == pytest.approx([0.8, 0.08, 8e-6])

    def test_nothing_observed_is_as_scattered_as_the_last_that_was(self) -> None:
        stated = {f"r{i}": [0.05 if i == 0 else 1.0] * 10 for i in range(10)}
        tenth, hundredth = reliability(stated, [0.1, 0.01])
        assert hundredth.observed == 0
        effect = design_effect([10] + [0] * 9, [10] * 10)
        assert hundredth.high * 0.01 == pytest.approx(share_interval(0, 100 / effect)[1])
        assert tenth.high > 0

    def test_rates_count_matches_and_hours_without_any(self) -> None:
        rows = rates({"a": [0.5, 50.0, 900.0]}, {"a": 1.0, "b": 1.0, "c": 0.0}, [1.0, 1000.0])
        assert [(row.stated, row.observed, row.recordings) for row in rows] == [(1000.0, 3, 1), (1.0, 1, 1)]
        assert [row.expected for row in rows] == pytest.approx([2.0, 0.002])
        assert rows[1].verdict == "too many"

    @pytest.mark.parametrize(
        ("low", "high", "verdict"),
        [
            (0.34, 2.9, "holds"),
            (3.1, 9.0, "too many"),
            (0.0, 0.33, "too few"),
            (0.3, 2.0, "cannot be told"),
            (0.5, 3.2, "cannot be told"),
        ],
    )
    def test_verdict_needs_the_whole_interval(self, low: float, high: float, verdict: str) -> None:
        assert conclude(low, high) == verdict


def scored(score: float, p_false: float, decoy_score: float, right: bool) -> Answer:
    """Return an answer of which the decoy's probability follows its score as that of the query does."""
    return Answer(p_false, right, score, right, 10.0 ** -(decoy_score - 2) if decoy_score > 2 else 1.0, decoy_score)


class TestDecoys:
    @pytest.mark.parametrize("estimator", ["p", "score"])
    def test_decoys_that_stand_count_the_false_ones(self, estimator: Estimator) -> None:
        # Best first: 9 right, 8 right, 7 decoy, 6 false, 5 right; a query with nothing at all does not stand.
        answers = [
            scored(9.0, 1e-7, 1.0, True),
            scored(8.0, 1e-6, 2.0, True),
            scored(3.0, 0.5, 7.0, False),
            scored(6.0, 1e-4, 0.0, False),
            scored(5.0, 1e-3, 4.0, True),
            scored(0.0, 1.0, 0.0, False),
        ]
        steps = curve(answers, estimator)
        assert [(step.matches, step.false) for step in steps] == [(1, 0), (2, 0), (2, 0), (3, 1), (4, 1)]
        # (1 + decoys) / matches: 1/1, 1/2, 2/2, 2/3, 2/4; each then the least from there on.
        assert [step.estimated for step in steps] == pytest.approx([0.5, 0.5, 0.5, 0.5, 0.5])
        assert accepted(steps, 0.5) == Accepted(0.5, 4, 1)
        assert accepted(steps, 0.49) == Accepted(0.0, 0, 0)
        assert accepted(steps, 0.5).true_rate == 0.25

    def test_stated_matches_and_best_scores_are_judged_apart(self) -> None:
        answers = [Answer(1e-3, True, 9.0, False, 0.1, 3.0)]
        (by_p,), (by_score,) = curve(answers, "p"), curve(answers, "score")
        assert (by_p.matches, by_p.false, by_score.matches, by_score.false) == (1, 0, 1, 1)

    def test_a_tie_goes_to_the_decoy_and_is_never_divided(self) -> None:
        answers = [
            Answer(0.1, True, 5.0, True, 0.1, 5.0),
            Answer(0.1, True, 5.0, True),
            Answer(0.1, False, 5.0, False),
        ]
        for estimator in ("p", "score"):
            (step,) = curve(answers, estimator)
            assert (step.matches, step.false, step.estimated) == (2, 1, 1.0)
        (step,) = curve(answers, "stated")
        assert (step.matches, step.false) == (3, 1)
        assert step.estimated == pytest.approx(0.1)

    def test_stated_probabilities_estimate_as_benjamini_and_hochberg_do(self) -> None:
        # Ten queries; p = 0.001, 0.01, 0.03, 0.2 found something: 10 p / rank, then the least from there on.
        answers = [Answer(p, p < 0.02, 9.0) for p in (0.001, 0.01, 0.03, 0.2)] + [Answer()] * 6
        steps = curve(answers, "stated")
        assert [step.estimated for step in steps] == pytest.approx([0.01, 0.05, 0.1, 0.5])
        assert [(step.matches, step.false) for step in steps] == [(1, 0), (2, 0), (3, 1), (4, 2)]
        assert accepted(steps, 0.1).interval == pytest.approx(share_interval(1, 3))

    def test_query_that_runs_backwards_twice_is_itself(self) -> None:
        y = SyntheticCorpus(seconds=12.0).load("album00/track0", sample_rate=Params().sample_rate)
        query = fingerprint_signal(y, role="track", scales=STANDARD.scales)
        turned = backwards(query)
        assert np.all(np.diff(turned.times) >= 0)
        assert turned.times[0] == pytest.approx(query.duration_seconds - query.times[-1])
        np.testing.assert_array_equal(turned.vectors[:, 0], query.mirrored[:, -1])
        again = backwards(turned)
        np.testing.assert_allclose(again.times, query.times, atol=1e-9)
        np.testing.assert_array_equal(again.vectors, query.vectors)
        np.testing.assert_array_equal(again.mirrored, query.mirrored)


class TestDerived:
    corpus = derived.Derived(SyntheticCorpus(seconds=12.0))

    def load(self, file: str) -> np.ndarray[Any, np.dtype[np.float32]]:
        return self.corpus.load(file, sample_rate=11025)

    def test_recordings_are_changed_as_their_names_say(self) -> None:
        row = self.corpus.music[0]
        y = self.load(row.file)
        (turned,) = derived.backwards([row])
        np.testing.assert_array_equal(self.load(turned.file), y[::-1])
        for speed in (0.5, 2.0):
            (changed,) = derived.at_speed([row], speed)
            assert changed.seconds == row.seconds / speed
            assert len(self.load(changed.file)) == pytest.approx(len(y) / speed, abs=2)
        (there,) = derived.at_speed([row], 0.5)
        (back,) = derived.at_speed([there], 2.0)
        assert back.file == "made:speed,2/made:speed,0.5/album00/track0"
        assert len(self.load(back.file)) == pytest.approx(len(y), abs=2)
        # Synthesised noises differ between sampling rates; distorted sounds are rendered at 22 050 Hz.
        y = soxr.resample(self.corpus.load(row.file, sample_rate=22050), 22050, 11025)
        (copy,) = derived.as_mp3([row], 64)
        assert np.corrcoef(self.load(copy.file)[: len(y)], y)[0, 1] > 0.95
        cut = derived.excerpt(row, 3.0, 4.0, "mp3_64k")
        assert len(self.load(cut.file)) == pytest.approx(4.0 * 11025, abs=2)
        at = round(3.0 * 11025)
        assert np.corrcoef(self.load(cut.file)[:44000], y[at : at + 44000])[0, 1] > 0.95
        piece = derived.synthesised(7, 2, 3.0)
        assert len(self.load(piece.file)) == 3 * 11025
        assert self.corpus.path(piece.file) is None

    def test_name_goes_back_to_its_recording(self) -> None:
        row = self.corpus.music[0]
        for made in (*derived.backwards([row]), *derived.as_mp3(derived.at_speed([row], 0.5), 64),
                     derived.excerpt(row, 1.0, 2.0, "gsm"), row):  # fmt: skip
            assert derived.original(made.file) == row.file
        (odd,) = derived.odd_sounds([3], 45.0, ["drone"])
        assert derived.original(odd.file) == odd.file

    @pytest.mark.parametrize(
        "file", ["made:louder/album00/track0", "made:speed/album00/track0", "made:excerpt,0,1,warp/x"]
    )
    def test_name_that_means_nothing_is_refused(self, file: str) -> None:
        with pytest.raises(CorpusError, match="no such sound can be made"):
            self.load(file)

    def test_corpora_of_other_music_have_other_names(self) -> None:
        other = derived.Derived(SyntheticCorpus(seed=1, seconds=12.0))
        assert other.name != self.corpus.name
        assert self.corpus.name == derived.Derived(SyntheticCorpus(seconds=12.0)).name

    @pytest.mark.parametrize("kind", KINDS)
    def test_odd_sounds_are_reproducible_and_differ(self, kind: str) -> None:
        one, other = (oddity(kind, number, 6.0, sample_rate=11025) for number in (1, 3))
        assert one.shape == (66150,)
        assert np.isfinite(one).all()
        np.testing.assert_array_equal(one, oddity(kind, 1, 6.0, sample_rate=11025))
        assert not np.array_equal(one, other)
        assert np.abs(one).max() == pytest.approx(0.5 if kind != "silence" else 2.0**-13, rel=0.01)

    def test_even_silence_is_digital_zero(self) -> None:
        assert not oddity("silence", 0, 1.0).any()
        with pytest.raises(ParameterError, match="kind='hum'"):
            oddity("hum", 0, 1.0)

    def test_loop_repeats(self) -> None:
        y = oddity("loop", 4, 12.0, sample_rate=11025).astype(np.float64)
        spectrum = np.fft.rfft(y, 2 * len(y))
        likeness = np.fft.irfft(np.abs(spectrum) ** 2)[: len(y)] / np.arange(len(y), 0, -1)
        assert likeness[2 * 11025 : 5 * 11025 + 2].max() > 0.95 * likeness[0]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[SyntheticCorpus, Side, Path]:
    """Return a corpus, the projection that ships, and the folder with an index of three of its tracks."""
    corpus, cache = SyntheticCorpus(seconds=22.0), tmp_path_factory.mktemp("calibration")
    side = Side("", frozenset(row.source for row in corpus.music))
    return corpus, side, catalogue(corpus, corpus.music[:3], side, cache, jobs=1)


class TestScans:
    def test_whole_recording_and_its_pieces_are_queries(
        self, small: tuple[SyntheticCorpus, Side, Path], tmp_path: Path
    ) -> None:
        corpus, side, index = small
        track = corpus.music[0]
        scan = scans.Scan(track.file, side, (str(index),), (0.0, 10.0), decoys=True)
        (queries,) = scans.scan_all(corpus, [scan], tmp_path, jobs=1, what="test")
        assert [(q["length"], q["start_seconds"], q["seconds"]) for q in queries] == [
            (0.0, 0.0, 22.0),
            (10.0, 0.0, 10.0),
            (10.0, 10.0, 10.0),
        ]
        for query in queries:
            (answer,) = query["answers"]
            assert answer["best"] == track.file
            assert answer["right"]
            assert answer["p_false"] < 1e-6
            assert answer["score_right"]
            assert answer["score"] > 5 * answer["decoy_score"]
            assert answer["decoy_p"] > 1e-3

    def test_nothing_is_held_back(self, small: tuple[SyntheticCorpus, Side, Path], tmp_path: Path) -> None:
        corpus, side, index = small
        stranger = corpus.generated[0]
        scan = scans.Scan(stranger.file, side, (str(index),))
        ((query,),) = scans.scan_all(corpus, [scan], tmp_path, jobs=1, what="test")
        params, projection = side.load()
        described = fingerprint_signal(
            corpus.load(stranger.file, sample_rate=params.sample_rate),
            role="track", scales=STANDARD.scales, params=params, projection=projection,
        )  # fmt: skip
        result = match_track(
            described, Index.open(index).snapshot(), options=replace(STANDARD, layer=LAYER, max_false_per_1000h=1e12)
        )
        passages = [segment for match in result.matches for segment in match.passages]
        assert query["answers"][0]["p_false"] == min(segment.p_false for segment in passages)
        assert not query["answers"][0]["right"]
        assert query["answers"][0]["rates"] == sorted(
            s.false_per_1000h for s in passages if s.false_per_1000h <= scans._RATES_KEPT
        )

    def test_silence_counts_as_a_query_without_a_match(
        self, small: tuple[SyntheticCorpus, Side, Path], tmp_path: Path
    ) -> None:
        corpus, side, index = small
        (silence,) = derived.odd_sounds([0], 12.0, ["silence"])
        scan = scans.Scan(silence.file, side, (str(index),), (10.0,), decoys=True)
        ((query,),) = scans.scan_all(derived.Derived(corpus), [scan], tmp_path, jobs=1, what="test")
        assert query["status"] == "not_enough_music"
        assert (query["answers"][0]["p_false"], query["answers"][0]["rates"]) == (1.0, [])

    def test_run_that_was_stopped_goes_on_where_it_was(
        self, small: tuple[SyntheticCorpus, Side, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        corpus, side, index = small
        monkeypatch.setattr(scans, "source_digest", lambda *places: "unchanged")
        monkeypatch.setattr(scans, "_TOGETHER", 1)
        done: list[str] = []

        def stopped(scan: scans.Scan) -> list[dict[str, Any]]:
            if len(done) == 2:
                raise KeyboardInterrupt
            done.append(scan.file)
            return [{"status": "", "file": scan.file}]

        listed = [scans.Scan(row.file, side, (str(index),)) for row in corpus.music[:4]]
        monkeypatch.setattr(scans, "_queries", stopped)
        with pytest.raises(KeyboardInterrupt):
            scans.scan_all(corpus, listed, tmp_path, jobs=1, what="test")
        monkeypatch.setattr(scans, "_queries", lambda scan: [{"status": "later", "file": scan.file}])
        made = scans.scan_all(corpus, listed, tmp_path, jobs=1, what="test")
        assert [query["file"] for (query,) in made] == [scan.file for scan in listed]
        assert [query["status"] for (query,) in made] == ["", "", "later", "later"]
        other = [scans.Scan(row.file, side, (str(index),), (10.0,)) for row in corpus.music[:2]]
        assert [q["status"] for (q,) in scans.scan_all(corpus, other, tmp_path, jobs=1, what="test")] == ["later"] * 2


def heard(file: str, *p_false: float, rates: tuple[float, ...] = ()) -> list[tuple[scans.Scan, dict[str, Any]]]:
    scan = scans.Scan(file, Side("", frozenset()), ("index",))
    return [
        (scan, {"length": 10.0, "start_seconds": 10.0 * i, "seconds": 360.0, "status": "", "answers": [
            {**asdict(Answer(p_false=p)), "best": "x" if p < 1 else "", "rates": list(rates) if i == 0 else []}]})
        for i, p in enumerate(p_false)
    ]  # fmt: skip


class TestReport:
    def test_row_counts_queries_matches_and_hours(self) -> None:
        queries = [*heard("a", 0.05, 1.0, rates=(0.5, 2000.0)), *heard("made:backwards/a", 0.5), *heard("b", 1.0)]
        queries.append((queries[0][0], {"status": "decode_error", "seconds": 0.0, "answers": []}))
        row = calibration_counts.counted("music", "held out", 10.0, queries)
        assert (row["recordings"], row["queries"], row["hours"]) == (2, 4, pytest.approx(0.4))
        assert row["unsearchable"] == {"decode_error": 1}
        tenth = row["probabilities"][0]
        assert (tenth["stated"], tenth["observed"], tenth["expected"]) == (0.1, 1, pytest.approx(0.4))
        by_limit = {one["stated"]: one for one in row["rates"]}
        assert (by_limit[1.0]["observed"], by_limit[10000.0]["observed"]) == (1, 2)
        assert by_limit[10000.0]["expected"] == pytest.approx(4.0)
        assert [(one["file"], one["p_false"]) for one in row["strongest"]] == [("a", 0.05), ("made:backwards/a", 0.5)]

    def test_batch_tells_estimate_and_truth(self) -> None:
        answers = [Answer(1e-6, True, 20.0, True)] * 30 + [Answer(0.2, False, 7.0, False, 0.1, 8.0)] * 30
        answers += [Answer(0.01, False, 9.0, False)] * 3
        batch = calibration_counts.discovery("catalogue", "half", answers)
        at = {one["level"]: one for one in batch["p"]["levels"]}
        assert batch["score"]["levels"] == batch["p"]["levels"]
        assert set(at) == set(LEVELS)
        assert (at[0.05]["matches"], at[0.05]["false"], at[0.05]["estimated"]) == (33, 3, pytest.approx(1 / 33))
        assert at[0.05]["true_rate"] == pytest.approx(3 / 33)
        assert at[0.01]["matches"] == 0
        stated = {one["level"]: one for one in batch["stated"]["levels"]}
        assert (stated[0.05]["matches"], stated[0.02]["matches"]) == (33, 33)
        json.dumps(batch, allow_nan=False)

    @pytest.mark.slow
    def test_tables_figures_and_pictures_show_the_findings(self, tmp_path: Path) -> None:
        report = hand_made()
        tables = {table.title: table for table in calibration_report.tables(report)}
        pieces = tables["Stated against observed: pieces of ten seconds"].rows
        assert ["music, held out", "100", "0.1", "10.0", "10 in 10", "1.0 (0.49-1.8)", "holds"] in pieces
        assert ["music, held out", "100", "0.01", "1.0", "0", "0 (0-3.7)", "cannot be told"] in pieces
        assert ["music, held out", "100", "0.001 and less", "0.1", "0", "-", "no data"] in pieces
        assert not any("held out and development" in row[0] for row in pieces)
        own = next(row for row in pieces if row[0] == calibration_report.OWN_DECOY)
        assert own[-1] == "tests nothing"
        circumstances = tables["The same by circumstance"]
        assert circumstances.rows[0][:3] == ["drone", "of other sources", "60"]
        assert circumstances.rows[0][3].endswith("too many")
        assert "1 silent recording(s) have no landmarks and are refused" in circumstances.note
        batches = next(table for title, table in tables.items() if title.startswith("False discovery rate"))
        assert batches.rows[0][-2:] == ["none", "none"]
        figures = {figure.name: figure for figure in calibration_report.figures(report)}
        assert figures["false matches on music that is not in the catalogue, at the default"].value == 0
        off = figures["stated probabilities off by more than a factor of 3"]
        assert (off.value, off.met) == (0, True)
        assert figures["false discoveries where decoys estimate 10 %"].detail == "5 of 15"  # estimated at 1 / 15
        assert calibration.PART.name == "calibration"
        made = calibration_report.pictures(report, tmp_path)
        assert len(made) == 3
        before = {one.name: (tmp_path / one.name).read_bytes() for one in made}
        assert all(data.startswith(b"<?xml") for data in before.values())
        calibration_report.pictures(report, tmp_path)
        assert {one.name: (tmp_path / one.name).read_bytes() for one in made} == before
        assert "Stated against observed" in as_text(calibration.PART, report, markdown=True)


def hand_made() -> dict[str, Any]:
    """Return a report of known counts."""
    alone = [pair for i in range(100) for pair in heard(f"r{i}", 0.05 if i < 10 else 1.0)]
    certain = [pair for i in range(60) for pair in heard(f"d{i}", 0.009 if i < 40 else 1.0)]
    rows = [
        calibration_counts.counted(name, sources, length, alone, tests=name != calibration_report.OWN_DECOY)
        for length in (10.0, 0.0)
        for name, sources in (
            ("music", "held out"),
            ("music", calibration_report.BOTH),
            ("synthesised strangers", ""),
            (calibration_report.OWN_DECOY, ""),
            (calibration_report.ALL, ""),
        )
    ]
    answers = [Answer(1e-6, True, 20.0, True)] * 10 + [Answer(0.01, False, 9.0)] * 5
    return {
        "part": "calibration",
        "corpus": {"name": "test", "recordings": 3, "hours": 0.1, "missing": []},
        "facts": {"machine": {"cpu": "", "cores": 1, "memory_gb": 1, "system": ""}, "versions": {}, "commit": "",
                  "date_utc": "2000-01-01", "params_digest": ""},
        "settings": {"limits": list(calibration_counts.LIMITS), "thresholds": list(calibration_counts.THRESHOLDS)},
        "sets": rows,
        "circumstances": [calibration_counts.counted("drone", "", 10.0, certain) | {"catalogue": "of other sources"}],
        "refused": {"made:odd,silence,0/60": "not_enough_music"},
        "batches": [calibration_counts.discovery(calibration_report.BASE, "one in ten", answers)],
    }  # fmt: skip


class Few(SyntheticCorpus):
    """Two sources of one track each, and one stranger."""

    @property
    def music(self) -> tuple[TrackRow, ...]:
        return super().music[:6:3]

    @property
    def generated(self) -> tuple[TrackRow, ...]:
        return super().generated[:1]

    def load_stereo(self, file: str, *, sample_rate: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        return SyntheticCorpus(seconds=self.seconds).load_stereo(file, sample_rate=sample_rate)


@pytest.mark.slow
def test_whole_part_on_synthesised_music(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("OTHER_SPEEDS", (1.7,)), ("DISTRACTOR_SPEEDS", (3.0,)), ("ODD_SECONDS", 10.0),
                        ("SYNTHETIC_SECONDS", 10.0), ("KINDS", ("drone", "silence"))):  # fmt: skip
        monkeypatch.setattr(calibration, name, value)
    monkeypatch.setattr(calibration, "_SHORT", calibration.Size(1, 1, 1, 1))
    monkeypatch.setattr(calibration, "SyntheticCorpus", Few)
    # The code may be edited while this runs; the cached answers would then rightly be stale.
    for module in (scans, derived, catalogues):
        monkeypatch.setattr(module, "source_digest", lambda *places: "unchanged")
    job = Job(Few(seconds=12.0), tmp_path, jobs=1, quick=True)
    report = calibration.measure(job)
    names = {(row["name"], row["length"]) for row in report["sets"]}
    assert {("generated music", 0.0), ("music backwards", 10.0), ("synthesised strangers", 0.0)} <= names
    assert {row["catalogue"] for row in report["circumstances"]} == {batch["catalogue"] for batch in report["batches"]}
    assert len(json.dumps(report, allow_nan=False)) < 200_000
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "scans").iterdir()}
    assert kept
    assert calibration.measure(job)["sets"] == report["sets"]
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "scans").iterdir()} == kept
    assert "Stated against observed" in as_text(calibration.PART, report)
