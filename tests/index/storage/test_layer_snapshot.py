"""Rows beyond 32 bits: a million recordings have 4.3 billion landmarks, and every step takes their numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.folder.index import Recording, Snapshot
from index.search.hypotheses import Neighbours, QueryLandmarks, gather_votes
from index.storage.layer_snapshot import LayerSnapshot
from index.storage.recordings import TablePart
from index.storage.segment import Segment, SegmentLayer
from index.vectors.exact import best_first
from tests.landmark_sets import ALWAYS, NEVER, fill, landmarks, unit_vectors

FAR = (1 << 33) + 5  # rows of a removed recording before all others


def beyond(snapshot: Snapshot) -> LayerSnapshot:
    """Return the landmarks of a snapshot after those of a removed recording, which take no memory."""
    near = snapshot.segments[0].layers["recording"]
    table = TablePart(np.empty(0, np.uint8), np.zeros(2, np.int64), np.zeros((1, 3), np.uint64))

    def column(like: Any) -> Any:
        return np.broadcast_to(np.zeros(like.shape[1:], like.dtype), (FAR, *like.shape[1:]))

    columns = {name: column(one) for name, one in near.columns.items()}
    none = np.zeros(1, np.uint64), np.ones(1, np.bool_)
    far = SegmentLayer(near.folder, np.array([0, FAR]), columns, *none, None, table, {})
    first = Segment(
        near.folder, "000000", table, np.zeros((1, 32), np.uint8), np.empty((0, 3), np.int64), {"recording": far}
    )
    return LayerSnapshot(
        "recording",
        snapshot.manifest.layers["recording"],
        (first, *snapshot.segments),
        np.concatenate([[False], *(snapshot.alive(i) for i in range(len(snapshot.segments)))]),
        snapshot.exclusions(),
        snapshot.trees.get("recording"),
        snapshot.apart,
    )


@pytest.mark.parametrize("exact_limit", [NEVER, ALWAYS])
def test_rows_beyond_32_bits_are_found_and_read_like_all_others(tmp_path: Path, exact_limit: int) -> None:
    index = fill(tmp_path / "index", {"a": 60, "b": 50}, exact_limit=exact_limit)
    with index.writer(exact_limit=exact_limit) as writer:
        twice = Recording("c", duration_ms=100_000, excluded=((10_000, 50_000),))
        writer.add(twice, {"recording": landmarks(60, 0)})  # equal to a: ties, at any row
        writer.remove("b")
    snapshot = index.snapshot()
    near, far = snapshot.layer("recording"), beyond(snapshot)
    assert (far.n_rows, far.n_landmarks) == (FAR + near.n_rows, near.n_landmarks)
    vectors = np.concatenate([landmarks(60, 0).vectors, unit_vectors(20, 9)])
    for allowed in (None, np.array([True, False])):
        rows, similarity = near.search(vectors, 3, allowed=allowed)
        found, cosines = far.search(vectors, 3, allowed=allowed)
        np.testing.assert_array_equal(found, np.where(rows >= 0, rows + FAR, -1))
        np.testing.assert_array_equal(cosines, similarity)
        np.testing.assert_array_equal(far.recording_of(found), near.recording_of(rows))
        for one, other in zip(far.take(found), near.take(rows), strict=True):
            np.testing.assert_array_equal(one, other)
    rows, similarity = near.search(vectors, 3)
    assert set(near.recording_of(rows[:60]).ravel().tolist()) - {-1} == {0, 1}
    recordings = near.recording_of(rows[:60, 0])
    np.testing.assert_array_equal(far.excluded(rows[:60, 0] + FAR, recordings), near.excluded(rows[:60, 0], recordings))
    query = QueryLandmarks(np.linspace(0, 40, len(vectors)), np.zeros(len(vectors), np.float32), vectors[None], (1.0,))
    votes = [
        gather_votes(Neighbours(query, layer, one[None], similarity[None]))
        for layer, one in ((near, rows), (far, rows + FAR))
    ]
    assert votes[0].recordings.size > 20
    for name in ("recordings", "landmarks", "track_seconds", "recording_seconds", "shifts", "weights"):
        np.testing.assert_array_equal(getattr(votes[1], name), getattr(votes[0], name))
    for ordinal in range(2):
        assert far.first_row(ordinal) == near.first_row(ordinal) + FAR
        for one, other in zip(far.landmarks_of(ordinal), near.landmarks_of(ordinal), strict=True):
            np.testing.assert_array_equal(one, other)


def test_ties_start_at_any_row_beyond_32_bits() -> None:
    rows = np.array([[3, 1 << 31, 1 << 32, (1 << 33) + 1]])
    found, _ = best_first(rows, np.full((1, 4), 0.5, np.float32), 4, first_row=np.array([1 << 32]))
    assert found.tolist() == [[1 << 32, (1 << 33) + 1, 3, 1 << 31]]
