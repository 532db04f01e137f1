"""The benchmark of a service under load in short, and what its report makes of its measurements."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.data.corpus import SyntheticCorpus
from benchmarks.part import Job, as_text, new_report
from benchmarks.parts import load_part
from benchmarks.service_kill_work import make_music
from benchmarks.service_load import figures
from benchmarks.service_load_steps import LoadMusic, LoadSizes, load_service
from benchmarks.service_processes import drop_schemas


@pytest.fixture
def place(database_place: str) -> Iterator[str]:
    """Yield the URL of a schema of PostgreSQL, or "" for SQLite."""
    if "://" not in database_place:
        yield ""
        return
    yield database_place
    drop_schemas(database_place)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads memory in /proc")
def test_a_service_is_measured_in_short(place: str, tmp_path: Path) -> None:
    made = make_music(tmp_path / "music")
    music = LoadMusic(made.index, {9: made.tracks[:3]})
    sizes = LoadSizes((1, 2), checks=2, rounds=1, upload_mb=30, waiting=200, claims=3, idle_seconds=0.3)
    measured = load_service(music, sizes, tmp_path / "service", place)
    assert [row["clients"] for row in measured["checks"]] == [1, 2]
    assert all(0 < row["p50"] <= row["p95"] and row["processor_seconds"] > 0 for row in measured["checks"])
    assert [(row["seconds"], row["n"], row["different"]) for row in measured["scans"]] == [(9, 3, 0)]
    assert measured["scans"][0]["service"] > 0
    upload = measured["upload"]
    assert upload["peak_mb"] - upload["before_mb"] < upload["mb"]  # it is streamed
    assert [row["waiting"] for row in measured["line"]] == [0, 200]
    assert all(row["submit"] > 0 and row["take"] > 0 for row in measured["line"])
    report = new_report("service_load", Job(SyntheticCorpus(), tmp_path)) | {"services": {"SQLite": measured}}
    assert "Processor time of a scan, SQLite" in as_text(load_part("service_load"), report)


def service(**changed: Any) -> dict[str, Any]:
    line = {"submit": 0.01, "take": 0.002, "check": 0.5, "idle": 0.02}
    return {
        "checks": [
            {"clients": 1, "n": 60, "p50": 0.5, "p95": 0.6, "per_second": 2.0, "processor_seconds": 0.4, "others": 0.1}
        ],
        "scans": [
            {"seconds": 30, "n": 24, "service": 0.44, "command": 0.4, "start": 1.0, "ratios": [1.1], "different": 0}
        ],
        "upload": {"mb": 600, "before_mb": 150.0, "peak_mb": 160.0, "seconds": 3.0},
        "line": [{"waiting": 0, **line}, {"waiting": 10_000, **line}],
        "batch_seconds": 2.0,
    } | changed


def met(tmp_path: Path, **changed: Any) -> list[str]:
    """Return the names of the figures whose target is missed."""
    report = new_report("service_load", Job(SyntheticCorpus(), tmp_path))
    report["services"] = {"SQLite": service(**changed)}
    assert as_text(load_part("service_load"), report)
    return [figure.name for figure in figures(report) if figure.met is False]


def test_figures_hold_each_target_and_whether_it_is_missed(tmp_path: Path) -> None:
    assert met(tmp_path) == []
    scan = service()["scans"][0]
    dear = met(tmp_path, scans=[scan | {"service": 0.5, "different": 2}])
    assert [name.partition(",")[0] for name in dear] == [
        "processor time of a scan of 30 s by the service",
        "rows that differ from the command's",
    ]
    (large,) = met(tmp_path, upload=service()["upload"] | {"peak_mb": 171.0})
    assert large == "memory that an upload of 600 MB adds to the server, SQLite"
    without, waiting = service()["line"]
    (slow,) = met(tmp_path, line=[without, waiting | {"take": 0.003}])
    assert slow.startswith("time to take it from the line while 10000 jobs wait")
