"""Passages: as long as the query lies on the line and no longer, refined, and not where nothing speaks for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from fingerprint.errors import ParameterError
from index.folder.index import Index, Recording
from index.search.alignment import FLOOR_SCORE, Aligner, Alignment
from index.search.hypotheses import Hypothesis, QueryLandmarks
from index.storage.layer_snapshot import LayerSnapshot
from index.storage.layers import BINS_PER_CELL, TIMES_PER_SECOND, LayerLandmarks
from tests.landmark_sets import LAYERS, NEVER, normalised, unit_vectors

SECONDS, DENSITY = 120.0, 12.0


class Laid(NamedTuple):
    """A query of 60 s of which one stretch lies on recording 1 of a catalogue, by a known line."""

    query: QueryLandmarks
    layer: LayerSnapshot
    ratio: float
    offset: float
    shift: float
    start: float
    end: float

    def hypothesis(
        self, at: float | None = None, *, ratio: float = 0.0, aside: float = 0.0, shift: float = 0.0
    ) -> Hypothesis:
        """Return the right hypothesis at a query time, or one that is so much wrong."""
        at = (self.start + self.end) / 2 if at is None else at
        slope = self.ratio * (1 + ratio)
        return Hypothesis(1, slope, self.ratio * at + self.offset + aside - slope * at, self.shift + shift, at, 9.0)


def lay(
    path: Path, *, seed: int = 0, ratio: float = 1.05, shift: float = -4.0, noise: float = 0.7, met: float = 0.7
) -> Laid:
    rng = np.random.default_rng(seed)
    n = round(SECONDS * DENSITY)
    catalogue = [
        LayerLandmarks(
            np.sort(rng.uniform(0, SECONDS, n)), rng.uniform(20, 200, n).astype(np.float32), unit_vectors(n, seed + k)
        )
        for k in range(3)
    ]
    index = Index.create(path, LAYERS)
    with index.writer(exact_limit=NEVER) as writer:
        for k, landmarks in enumerate(catalogue):
            writer.add(Recording(f"r{k}", duration_ms=round(1000 * SECONDS)), {"recording": landmarks})
    # Reference time = ratio x query time + offset, for query times from 20.3 to 39.7 s.
    offset, start, end = 31.0, 20.3, 39.7
    times, bins, vectors = catalogue[1].times, catalogue[1].bins, catalogue[1].vectors
    on_query = (times - offset) / ratio
    used = (on_query >= start) & (on_query < end) & (rng.random(n) < met)
    n_other = round(60 * DENSITY)
    scales = (0.85, 1.0, 1.18)
    best = int(np.argmin(np.abs(np.log(np.array(scales) / ratio))))
    heard = normalised(vectors[used] + noise * unit_vectors(int(used.sum()), seed + 50))
    all_times = np.r_[on_query[used] + rng.normal(0, 0.004, used.sum()), rng.uniform(0, 60, n_other)]
    all_bins = np.r_[bins[used] - shift + rng.normal(0, 0.2, used.sum()), rng.uniform(20, 200, n_other)]
    order = np.argsort(all_times)
    described = [
        np.concatenate(
            [heard if k == best else unit_vectors(len(heard), seed + 60 + k), unit_vectors(n_other, seed + 70 + k)]
        )
        for k in range(3)
    ]
    query = QueryLandmarks(all_times[order], all_bins[order].astype(np.float32), np.stack(described)[:, order], scales)
    return Laid(query, index.snapshot().layer("recording"), ratio, offset, shift, start, end)


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Laid:
    return lay(tmp_path_factory.mktemp("alignment") / "index")


def aligned(laid: Laid, hypothesis: Hypothesis, free: NDArray[np.bool_] | None = None) -> Alignment:
    found = Aligner(laid.query, laid.layer).align(hypothesis, free)
    assert found is not None
    return found


@pytest.mark.parametrize(("ratio", "shift"), [(1.05, -4.0), (0.8, 0.0), (1.25, 21.5), (1.0, -36.0)])
def test_a_passage_is_found_whole_wherever_it_was_first_seen(tmp_path: Path, ratio: float, shift: float) -> None:
    laid = lay(tmp_path / "index", ratio=ratio, shift=shift, seed=round(10 * ratio))
    for at in (22.0, 30.0, 38.0):
        found = aligned(laid, laid.hypothesis(at, ratio=0.01, aside=0.02, shift=0.5))
        assert found.recording == 1
        assert found.track_start_seconds == pytest.approx(laid.start, abs=0.5)
        assert found.track_end_seconds == pytest.approx(laid.end, abs=0.5)
        assert found.ratio == pytest.approx(ratio, abs=0.001)
        assert found.recording_at(30.0) == pytest.approx(ratio * 30.0 + laid.offset, abs=0.01)
        assert found.shift_cells == pytest.approx(shift, abs=0.1)
        assert found.score > 5 * FLOOR_SCORE


def test_the_landmarks_of_a_passage_lie_in_it_and_met_their_own(laid: Laid) -> None:
    found = aligned(laid, laid.hypothesis())
    times, bins, _ = laid.layer.landmarks_of(1)
    at = laid.query.seconds[found.landmarks]
    assert found.landmarks.size > 60
    assert (np.diff(found.landmarks) > 0).all()
    assert at.min() >= found.track_start_seconds
    assert at.max() <= found.track_end_seconds
    assert at.min() - found.track_start_seconds < 0.1  # it begins and ends with aligned landmarks, not on a grid
    assert found.track_end_seconds - at.max() < 0.1
    np.testing.assert_allclose(times[found.rows] / TIMES_PER_SECOND, found.offset_seconds + found.ratio * at, atol=0.06)
    assert (
        np.median(np.abs(bins[found.rows] / BINS_PER_CELL - laid.query.bins[found.landmarks] - found.shift_cells)) < 0.3
    )
    assert found.rows.shape == found.similarity.shape == found.landmarks.shape
    assert (found.similarity > 0.2).all()
    assert found.recording_start_seconds == pytest.approx(found.recording_at(found.track_start_seconds))
    assert found.recording_end_seconds == pytest.approx(found.recording_at(found.track_end_seconds))


def test_wrong_hypotheses_score_little_or_nothing(laid: Laid) -> None:
    aligner = Aligner(laid.query, laid.layer)
    right = aligned(laid, laid.hypothesis())
    wrong = [laid.hypothesis(aside=aside) for aside in (-7.0, -2.0, 0.5, 3.0)]
    wrong += [
        laid.hypothesis()._replace(recording=2),
        laid.hypothesis(shift=20.0),
        laid.hypothesis(at=10.0),
        laid.hypothesis(aside=1e5),
    ]
    for seed in wrong:
        found = aligner.align(seed)
        assert found is None or found.score < 0.3 * right.score
    assert aligner.align(laid.hypothesis(aside=1e5)) is None


def test_landmarks_that_are_not_free_are_not_used_again(laid: Laid) -> None:
    whole = aligned(laid, laid.hypothesis())
    free = np.ones(laid.query.seconds.size, dtype=np.bool_)
    free[whole.landmarks] = False
    again = Aligner(laid.query, laid.layer).align(laid.hypothesis(), free)
    assert again is None or again.score < 0.2 * whole.score
    assert again is None or not set(again.landmarks) & set(whole.landmarks)
    half = (laid.query.seconds < 30.0) | (laid.query.seconds > 50)
    left = aligned(laid, laid.hypothesis(at=25.0), half)
    assert left.track_end_seconds < 30.0
    assert left.track_start_seconds == pytest.approx(whole.track_start_seconds, abs=0.1)


def test_alignments_do_not_depend_on_earlier_ones(laid: Laid) -> None:
    used = Aligner(laid.query, laid.layer)
    for aside in (3.0, -4.0, 0.0):
        used.align(laid.hypothesis(aside=aside))
    again, fresh = used.align(laid.hypothesis()), aligned(laid, laid.hypothesis())
    assert again is not None
    assert (again.score, again.ratio, again.track_end_seconds) == (fresh.score, fresh.ratio, fresh.track_end_seconds)
    assert np.array_equal(again.landmarks, fresh.landmarks)


def test_an_alignment_keeps_its_arrays_when_the_aligner_goes_on(laid: Laid) -> None:
    aligner = Aligner(laid.query, laid.layer)
    found = aligner.align(laid.hypothesis())
    assert found is not None
    rows, similarity = found.rows.copy(), found.similarity.copy()
    aligner.align(laid.hypothesis(aside=2.0))
    assert np.array_equal(found.rows, rows)
    assert np.array_equal(found.similarity, similarity)


def test_chance_confirms_far_fewer_landmarks_than_the_passage(laid: Laid) -> None:
    aligner = Aligner(laid.query, laid.layer)
    found = aligned(laid, laid.hypothesis())
    chance = aligner.along(found).expected_by_chance()
    assert 0 <= chance < 0.1 * found.landmarks.size


def test_chance_confirms_as_many_where_the_reference_is_the_same_at_all_times(tmp_path: Path) -> None:
    """A drone: at every offset, the same landmarks align, and the number says so."""
    vector = np.repeat(unit_vectors(1, 3), 4000, axis=0)
    times = np.linspace(0.0, 79.98, 4000)
    index = Index.create(tmp_path / "index", LAYERS)
    with index.writer(exact_limit=NEVER) as writer:
        writer.add(Recording("drone"), {"recording": LayerLandmarks(times, np.full(4000, 50, np.float32), vector)})
    layer = index.snapshot().layer("recording")
    query = QueryLandmarks(times[:1000], np.full(1000, 50, np.float32), vector[None, :1000], (1.0,))
    aligner = Aligner(query, layer)
    found = aligner.align(Hypothesis(0, 1.0, 30.0, 0.0, 10.0, 9.0))
    assert found is not None
    assert found.landmarks.size > 500
    assert aligner.along(found).expected_by_chance() == pytest.approx(found.landmarks.size, rel=0.1)


def test_empty_queries_and_references_align_with_nothing(tmp_path: Path, laid: Laid) -> None:
    none = QueryLandmarks(np.empty(0), np.empty(0, np.float32), np.empty((1, 0, 64), np.float32), (1.0,))
    assert Aligner(none, laid.layer).align(laid.hypothesis()) is None
    index = Index.create(tmp_path / "index", LAYERS)
    with index.writer() as writer:
        writer.add(Recording("a"), {})
        writer.add(Recording("b"), {})
    assert Aligner(laid.query, index.snapshot().layer("recording")).align(laid.hypothesis()) is None


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        ([-1.0, 0.0], "from -1.000 to 0.000 s, must lie between 0 and"),
        ([-0.5, 0.0], "from -0.500 to 0.000 s, must lie between 0 and"),
        ([0.0, 2e6], "must lie between 0 and 1048576 s; cut the track"),
        ([1.0, 0.5], "must be finite and ascending"),
        ([0.0, np.nan], "must be finite and ascending"),
        ([-np.inf, 0.0], "must be finite and ascending"),
    ],
)
def test_times_that_would_lead_kernels_out_of_their_arrays_are_refused(seconds: list[float], message: str) -> None:
    vectors = np.zeros((1, 2, 64), dtype=np.float32)
    query = QueryLandmarks(np.array(seconds), np.zeros(2, dtype=np.float32), vectors, (1.0,))
    with pytest.raises(ParameterError, match=message):
        Aligner(query, None)  # type: ignore[arg-type]


def test_alignments_at_one_place_keep_their_line_when_they_are_joined(laid: Laid) -> None:
    found = aligned(laid, laid.hypothesis())
    end = found.track_end_seconds
    one = replace(found, track_start_seconds=end)
    for gap in (0.0, 1e-9):
        later = replace(found, track_start_seconds=end + gap, track_end_seconds=end + gap, offset_seconds=9.0)
        joined = one.joined(later)
        assert joined.ratio == found.ratio
        assert joined.recording_at(end) == pytest.approx(one.recording_at(end))


def test_a_reversed_query_runs_backwards(laid: Laid) -> None:
    query = laid.query
    mirrored = -query.vectors
    reverse = query.reversed(mirrored, 60.0)
    assert (np.diff(reverse.seconds) >= 0).all()
    np.testing.assert_allclose(reverse.seconds[::-1], 60.0 - query.seconds)
    assert np.array_equal(reverse.bins[::-1], query.bins)
    assert np.array_equal(reverse.vectors[:, ::-1], mirrored)
    assert reverse.scales == query.scales
    back = reverse.reversed(np.ascontiguousarray(query.vectors[:, ::-1]), 60.0)
    np.testing.assert_allclose(back.seconds, query.seconds)
    assert np.array_equal(back.vectors, query.vectors)


def passage(
    start: float, end: float, *, ratio: float = 1.0, offset: float = 10.0, n: int = 5, shift: float = 0.0
) -> Alignment:
    return Alignment(
        3, ratio, offset, shift, start, end, 2.0 * n,
        np.arange(n), np.linspace(start, end, n), np.arange(n) + 100, np.full(n, 0.5, np.float32), 0, n,
        np.ones(20, np.bool_),
    )  # fmt: skip


def test_joined_passages_are_one_on_the_line_through_both() -> None:
    first, second = passage(1.0, 4.0, n=4, shift=1.0), passage(5.0, 9.0, offset=10.1, n=12, shift=2.0)
    whole = first.joined(second)
    assert (whole.track_start_seconds, whole.track_end_seconds, whole.recording) == (1.0, 9.0, 3)
    assert whole.recording_start_seconds == pytest.approx(11.0)
    assert whole.recording_end_seconds == pytest.approx(19.1)
    assert whole.score == first.score + second.score
    assert whole.shift_cells == pytest.approx(1.75)
    assert whole.landmarks.size == whole.seconds.size == whole.rows.size == whole.similarity.size == 16
    assert whole.weighed == (first, second)
    assert whole.joined(passage(9.5, 12.0, offset=10.1)).weighed[:2] == (first, second)
    assert first.weighed == (first,)


def test_a_passage_does_not_start_before_its_reference() -> None:
    assert passage(2.0, 5.0, offset=-2.2).recording_start_seconds == 0.0
    assert passage(2.0, 5.0, offset=-1.5).recording_start_seconds == pytest.approx(0.5)
