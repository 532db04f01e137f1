"""Excerpts and their distorted files: the same draws for any number of them, distorted once, placed exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import trials
from benchmarks.data.corpus import SyntheticCorpus, TrackRow


def test_excerpts_are_spread_over_sources() -> None:
    rows = [TrackRow(f"a{i}", "", 60.0, "a") for i in range(20)] + [TrackRow("b", "", 60.0, "b")]
    chosen = trials.spread(rows, 4, np.random.default_rng(0))
    assert sum(row.source == "b" for row in chosen) == 1
    assert len({row.file for row in chosen}) == 4
    assert len(trials.spread(rows, 50, np.random.default_rng(0))) == 50
    assert trials.spread([], 3, np.random.default_rng(0)) == []


def test_excerpts_depend_on_their_number_and_not_on_how_many_there_are(tmp_path: Path) -> None:
    corpus = SyntheticCorpus(seconds=30.0)
    few, many = (trials.draw_excerpts(corpus, n, 3, tmp_path) for n in (2, 40))
    assert many[:2] == few
    assert len({excerpt.path for excerpt in many}) == 40
    assert trials.draw_excerpts(corpus, 2, 4, tmp_path)[0].path != few[0].path
    assert trials.draw_excerpts(SyntheticCorpus(seed=1, seconds=30.0), 2, 3, tmp_path)[0].path != few[0].path


def test_excerpt_is_moved_out_of_a_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    y = np.zeros((2, 60 * trials.TRIAL_RATE_HZ), dtype=np.float32)
    y[:, 30 * trials.TRIAL_RATE_HZ :] = 0.1
    monkeypatch.setattr(SyntheticCorpus, "load_stereo", lambda self, file, sample_rate: y)
    trials.open_worker(SyntheticCorpus(), ())
    (excerpt,) = trials.draw_excerpts(SyntheticCorpus(seconds=10.6), 1, 0, tmp_path)
    moved = trials.cut_excerpt(excerpt)
    assert excerpt.start_seconds < 1.0
    assert moved.start_seconds > 20.0
    assert np.load(moved.path).any()
    assert trials.cut_excerpt(excerpt) == moved


@pytest.mark.slow
def test_distorted_excerpt_is_made_once_and_says_where_it_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = SyntheticCorpus(seconds=12.0)
    trials.open_worker(corpus, ())
    (excerpt,) = (trials.cut_excerpt(one) for one in trials.draw_excerpts(corpus, 1, 0, tmp_path / "excerpts"))
    made = trials.make(trials.Trial("tempo_0.9_pv", excerpt, 0), tmp_path)
    y = made.load()
    assert (made.status, made.begin_seconds) == ("made", 0.0)
    assert made.end_seconds == pytest.approx(10.0 / 0.9, abs=0.01)
    assert len(y) / trials.TRIAL_RATE_HZ == pytest.approx(made.end_seconds)
    assert made.to_source(5.0) == pytest.approx(4.5)
    with monkeypatch.context() as without_effects:
        without_effects.setattr(trials, "_distorted", None)  # nothing is made again
        assert trials.make(trials.Trial("tempo_0.9_pv", excerpt, 0), tmp_path) == made
        with pytest.raises(TypeError, match="not callable"):
            trials.make(trials.Trial("tempo_0.9_pv", excerpt, 1), tmp_path)
    stereo = trials.make(trials.Trial("out_of_phase", excerpt, 0), tmp_path).load()
    assert np.allclose(stereo[0], -stereo[1], atol=1e-4)
    np.save(excerpt.path, np.load(excerpt.path)[0])
    none = trials.make(trials.Trial("centre_removed", excerpt, 0), tmp_path)
    assert (none.status, none.path) == ("not applicable", "")
    assert "mono" in none.why


@pytest.mark.slow
def test_splice_says_where_in_its_host_the_excerpt_lies(tmp_path: Path) -> None:
    corpus = SyntheticCorpus(seconds=12.0)
    trials.open_worker(corpus, ())
    (excerpt,) = (trials.cut_excerpt(one) for one in trials.draw_excerpts(corpus, 1, 0, tmp_path / "excerpts"))
    made = trials.make(trials.Trial("splice_hard_cut", excerpt, 0), tmp_path)
    assert made.end_seconds - made.begin_seconds == pytest.approx(10.0, abs=0.01)
    assert 5.0 <= made.begin_seconds <= 45.0
    there = made.load()[round(made.begin_seconds * trials.TRIAL_RATE_HZ) :][: 10 * trials.TRIAL_RATE_HZ]
    original = np.load(excerpt.path).mean(axis=0)
    assert np.corrcoef(there, original[: len(there)])[0, 1] > 0.99
