"""Neighbours: true ones told from others, and a small catalogue that is built and searched by two versions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import neighbours
from benchmarks.data.corpus import SyntheticCorpus
from benchmarks.part import Job, as_text
from benchmarks.scale_catalogue import Landscape
from fingerprint.errors import ParameterError


def test_a_neighbour_is_true_in_the_right_recording_at_the_right_place() -> None:
    real = Landscape(
        ["a", "b"],
        ["a", "b"],
        np.array([0, 2, 4]),
        np.array([1.0, 2.0, 1.0, 2.0]),
        np.array([10.0, 20.0, 10.0, 20.0], dtype=np.float32),
        np.zeros((4, 64), dtype=np.float32),
        np.zeros(4, dtype=np.float32),
        np.array([3.0, 3.0]),
    )
    asked = neighbours.Asked(
        np.zeros((6, 64), dtype=np.float32),
        np.array([0, 0, 0, 1, 1, 1]),
        np.array([1.05, 1.1, 1.0, 2.0, 2.0, 2.0]),
        np.array([11.0, 10.0, 13.0, 20.0, 20.0, 20.0]),
    )
    rows = np.array([[5, 0], [0, -1], [0, 1], [1, 3], [1, 2], [-1, 9]])
    #        true, too late, too high, true, wrong recording or place, drawn
    assert neighbours.true_among(rows, asked, real).tolist() == [True, False, False, True, False, False]


def test_an_earlier_version_needs_its_benchmarks(tmp_path: Path) -> None:
    job = Job(SyntheticCorpus(seconds=16.0), tmp_path, quick=True, options={"before": str(tmp_path)})
    with pytest.raises(ParameterError, match="holds no benchmarks; name a checkout"):
        neighbours.measure(job)


@pytest.mark.slow
def test_two_versions_that_are_the_same_find_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "QUERIES", 300)
    monkeypatch.setattr(neighbours, "QUICK_CONDITIONS", ("mp3_64k",))
    monkeypatch.setattr(neighbours, "_code", lambda _: "committed")
    options = {"before": str(neighbours.ROOT), "sizes": [40_000], "probes": [1, 8]}
    job = Job(SyntheticCorpus(seconds=16.0), tmp_path, jobs=1, quick=True, options=options)
    report = neighbours.measure(job)
    before, now = ([row for row in report["rows"] if row["version"] == name] for name in ("before", "now"))
    found = ("landmarks", "bytes", "true", "found", "drawn", "nprobe")
    assert [[row[key] for key in found] for row in before] == [[row[key] for key in found] for row in now]
    few, many = now
    assert many["landmarks"] > 40_000 - neighbours.DRAWN_LANDMARKS
    assert many["true"] > few["true"] > 0.05
    assert many["found"]["mp3_64k"] == (2, 2)
    assert many["most_on_disk"] >= many["bytes"] > 1_000_000
    text = as_text(neighbours.PART, report)
    assert "What is found" in text
    assert "build, s" in text
    assert len(neighbours.figures(report)) == 2
    assert neighbours.pictures(report, tmp_path) == []

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr(neighbours, "_run", refuse)
    assert neighbours.measure(job)["rows"] == report["rows"]
    assert sorted(path.suffix for path in (tmp_path / "neighbours").iterdir()) == [".json"] * 4 + [".npy"] * 3 + [
        ".npz"
    ]
