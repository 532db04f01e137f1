"""The catalogue that grows: drawn recordings are like real ones, and an interrupted growth goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.data.corpus import SyntheticCorpus
from benchmarks.part import Job
from benchmarks.scale import PART, SIZES, _sizes
from benchmarks.scale_catalogue import SECONDS, Landscape, drawn_id, grow, nearness
from fingerprint.errors import ParameterError
from index.folder.index import Index, LayerSpec
from tests.landmark_sets import unit_vectors


@pytest.fixture(scope="module")
def landscape() -> Landscape:
    """Return four recordings of 100 s, two of each source, with 20 landmarks per second."""
    rng = np.random.default_rng(4)
    n = 2000
    return Landscape(
        [f"{number}.wav" for number in range(4)],
        ["one", "one", "two", "two"],
        np.arange(5) * n,
        np.concatenate([np.sort(rng.uniform(0, 100, n)) for _ in range(4)]),
        rng.uniform(0, 230, 4 * n).astype(np.float32),
        unit_vectors(4 * n, 5),
        rng.uniform(0, 10, 4 * n).astype(np.float32),
        np.full(4, 100.0),
    )


def test_a_drawn_recording_is_the_same_for_the_same_number_and_like_a_recording(landscape: Landscape) -> None:
    times, bins, vectors, prominence = landscape.draw(7)
    assert 0.8 * 20 * SECONDS < times.size < 1.2 * 20 * SECONDS
    assert np.all(np.diff(times) >= 0)
    assert times[-1] < SECONDS
    assert 0 <= bins.min() <= bins.max() <= 230
    assert prominence.shape == times.shape
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    for one, other in zip(landscape.draw(7), (times, bins, vectors, prominence), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(landscape.draw(8)[0], times)


def test_a_drawn_descriptor_is_no_copy_and_is_near_one(landscape: Landscape) -> None:
    vectors = landscape.draw(3)[2]
    nearest = (vectors[:200] @ landscape.vectors.T).max(axis=1)
    assert np.median(nearest) > 0.85
    assert np.mean(nearest > 0.9999) < 0.1


def test_thinning_keeps_the_most_prominent(landscape: Landscape) -> None:
    kept = landscape.stored(1, per_second=5.0)
    assert kept.times.size == 500
    rows = slice(2000, 4000)
    least = np.sort(landscape.prominence[rows])[-500]
    wanted = np.rint(landscape.times[rows][landscape.prominence[rows] >= least] * 4096)
    np.testing.assert_array_equal(kept.times, wanted)


def test_sources_are_told_apart(landscape: Landscape) -> None:
    inside = landscape.of_sources(frozenset({"two"}), inside=True)
    outside = landscape.of_sources(frozenset({"two"}), inside=False)
    assert inside.files == ["2.wav", "3.wav"]
    assert outside.files == ["0.wav", "1.wav"]
    np.testing.assert_array_equal(inside.vectors, landscape.vectors[4000:])
    np.testing.assert_array_equal(outside.times, landscape.times[:4000])


def test_growth_goes_on_where_it_stopped(landscape: Landscape, tmp_path: Path) -> None:
    digests = []
    for name, steps in (("once", (7,)), ("twice", (5, 7))):
        path = tmp_path / name
        Index.create(path, {"recording": LayerSpec({"algorithm": "random/1"}, 64)})
        for step in steps:
            assert list(grow(path, landscape, landscape, step))[-1] == step
        snapshot = Index.open(path).snapshot()
        assert [recording.id for recording in snapshot.recordings] == [
            *landscape.files, drawn_id(4), drawn_id(5), drawn_id(6),
        ]  # fmt: skip
        with Index.open(path).writer() as writer:
            writer.compact()
        layer = Index.open(path).snapshot().layer("recording")
        digests.append([layer.landmarks_of(number)[0].tobytes() for number in range(7)])
    assert digests[0] == digests[1]


def test_nearness_compares_as_many_of_each(landscape: Landscape) -> None:
    table: list[dict[str, Any]] = nearness(unit_vectors(50, 9), landscape, (500, 8000, 9000), (0.5, 0.9))
    assert [row["size"] for row in table] == [500, 8000, 9000]
    assert [row["real"] is None for row in table] == [False, False, True]
    medians = [row["drawn"][0] for row in table]
    assert medians == sorted(medians)


@pytest.mark.parametrize("asked", ["1000,x", "1000,1000", "3,2", "0,5", ""])
def test_sizes_that_do_not_rise_are_refused(asked: str, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="sizes="):
        _sizes(Job(SyntheticCorpus(), tmp_path, options={"sizes": asked}))


def test_sizes_as_asked_or_as_they_are_by_default(tmp_path: Path) -> None:
    assert _sizes(Job(SyntheticCorpus(), tmp_path)) == SIZES
    assert _sizes(Job(SyntheticCorpus(), tmp_path, options={"sizes": "1_000,2000"})) == (1000, 2000)
    assert _sizes(Job(SyntheticCorpus(), tmp_path, quick=True)) < SIZES


def report_of(sizes: tuple[int, ...]) -> dict[str, Any]:
    found = [{"condition": "clean", "trials": 4, "found": 3, "first": 3, "others": 1, "drawn_reported": 1}]
    run = {
        "audio_seconds": 90.0,
        "fingerprint": 0.1,
        "neighbours": 0.3,
        "alignment": 0.1,
        "seconds": 0.5,
        "matches": 1.0,
    }
    return {
        "settings": {"quick": False, "conditions": ["clean"]},
        "sizes": [
            {
                "recordings": size, "added": size, "build_seconds": 60.0, "compact_seconds": 6.0,
                "landmarks": 4000 * size, "lists": 64, "hours": size / 17,
                "bytes": {"total": 10 * size}, "bytes_per_hour": 1_900_000,
                "probe": {
                    "open_seconds": 0.5, "first_seconds": 2.0, "memory": {"private_mb": 200.0, "mapped_mb": 900.0},
                    "match": {"in the catalogue": [run], "not in the catalogue": [run]},
                },
                "found": found, "strangers": {"hours": 2.0, "stated": [0.5, 700.0]},
                "add": {"audio_seconds": 4000.0, "seconds": 10.0},
            }
            for size in sizes
        ],
        "probes": [{"nprobe": 16, "found": found, "seconds": 9.0}],
        "nearness": [{"size": 10_000, "real": [0.1, 0.2, 0.3, 0.4], "drawn": [0.1, 0.2, 0.3, 0.4]}],
        "exact": {"recordings": 4, "exact": found, "lists": found},
        "densities": [{"recordings": 9, "landmarks_per_second": 20.0, "bytes_per_hour": 1_900_000, "found": found}],
    }  # fmt: skip


def test_the_report_lists_its_measurements(tmp_path: Path) -> None:
    report = report_of((10_000, 100_000))
    text = str([(table.title, table.rows) for table in PART.tables(report)])
    for words in ("1.90", "100 000", "75.0 %", "3/4", "1 (0.002)", "2 (2)", "1.00", "size ^ 0.00", "112 GB"):
        assert words in text, words
    values = {figure.name: figure for figure in PART.figures(report)}
    assert values["matching 3 minutes in the catalogue, 100 000 recordings"].value == pytest.approx(1.0)
    assert values["query time, 100 000 recordings to 10 000"].value == pytest.approx(1.0)
    assert values["recall lost to the exact index"].met
    assert values["adding, 100 000 recordings"].value == pytest.approx(400.0)
    assert values["false matches at the default, 100 000 recordings"].met is False
    pytest.importorskip("matplotlib")
    for drawn in PART.pictures(report, tmp_path):
        assert (tmp_path / drawn.name).stat().st_size > 1000
