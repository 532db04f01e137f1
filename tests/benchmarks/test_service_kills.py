"""The benchmark of kills in short: five on each database, and what its report makes of counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import service_kills
from benchmarks.data.corpus import SyntheticCorpus
from benchmarks.part import Job, as_text, new_report
from benchmarks.parts import load_part
from benchmarks.service_kill_chain import Chain, run_chain
from benchmarks.service_kill_work import Music, Receiver, make_music
from benchmarks.service_kills import figures, main, measure
from benchmarks.service_processes import drop_schemas
from fingerprint.errors import ParameterError


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Music:
    return make_music(tmp_path_factory.mktemp("kills") / "music")


@pytest.fixture
def place(database_place: str) -> Iterator[str]:
    """Yield the URL of a schema of PostgreSQL, or "" for SQLite."""
    if "://" not in database_place:
        yield ""
        return
    yield database_place
    drop_schemas(database_place)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds workers in /proc")
def test_nothing_is_lost_doubled_or_altered_by_five_kills(place: str, music: Music, tmp_path: Path) -> None:
    done = run_chain(Chain(0, 5, 1, database=place), music, tmp_path)
    assert done["failures"] == []
    assert done["kills"] >= 5
    assert sum(done["victims"].values()) == done["kills"]
    assert done["late_refused"] >= done["late"]  # a worker may hold several additions
    compared = done["compared"]
    assert min(compared[kind] for kind in ("scans", "checks", "additions", "webhooks", "checkpoints")) > 0


def test_a_receiver_refuses_one_message_in_four_once() -> None:
    receiver = Receiver()
    assert [receiver.take("a0", "x"), receiver.take("a0", "x"), receiver.take("a1", "x")] == [503, 204, 204]
    assert receiver.failures == []
    assert receiver.take("a1", "y") == 204
    assert receiver.failures == ["webhook a1: came with another body"]
    assert receiver.calls == {"a0": 1, "a1": 2}


def chain(failures: list[str], late_refused: int) -> dict[str, Any]:
    compared = {"scans": 30, "checks": 10, "additions": 15, "tried again": 7, "log entries": 200, "webhooks": 40}
    return {
        "kills": 100,
        "rounds": 40,
        "victims": {"worker": 60, "server": 40},
        "points": {"server: commit in the database": 100},
        "in_hand": {"scans running": 100},
        "late": 6,
        "late_refused": late_refused,
        "silent": 0,
        "repeats": 3,
        "compared": compared,
        "failures": failures,
    }


def test_figures_count_failures_and_late_outcomes_that_were_taken(tmp_path: Path) -> None:
    part = load_part("service_kills")
    report = new_report(part.name, Job(SyntheticCorpus(), tmp_path))
    report["runs"] = [{"seed": 0, "date": "2026-12-03", "commit": "0123456789ab", "kills": {"SQLite": 100}}]
    report["chains"] = {"SQLite": chain([], 6), "PostgreSQL": chain(["job 7: two outcomes"], 5)}
    shown = [(figure.value, figure.met) for figure in figures(report)]
    assert shown == [(100, True), (0, True), (0, True), (100, True), (1, False), (1, False)]
    assert "job 7: two outcomes" in as_text(part, report)
    report["chains"]["SQLite"]["kills"] = 99
    assert figures(report)[0].met is False


def test_runs_are_added_to_earlier_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kills = {"run-0": chain([], 6), "run-1": chain(["job 7: two outcomes"], 5) | {"victims": {"all processes": 100}}}
    monkeypatch.setattr(service_kills, "make_music", lambda folder: None)
    monkeypatch.setattr(service_kills, "run_chain", lambda asked, *_: kills[f"run-{asked.seed}"])
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    assert main(["--out", str(first), "--cache", str(tmp_path)]) == 0
    assert main(["--out", str(second), "--cache", str(tmp_path), "--seed", "1", "--earlier", str(first)]) == 0
    report = json.loads(second.read_text(encoding="utf-8"))
    assert [(run["seed"], run["kills"]) for run in report["runs"]] == [(0, {"SQLite": 100}), (1, {"SQLite": 100})]
    done = report["chains"]["SQLite"]
    assert (done["kills"], done["late_refused"], done["compared"]["scans"]) == (200, 11, 60)
    assert done["victims"] == {"worker": 60, "server": 40, "all processes": 100}
    assert done["failures"] == ["job 7: two outcomes"]


@pytest.mark.parametrize(
    ("content", "message"), [("{}", "no report of service_kills"), ('{"runs": [{"seed": 0}]}', "choose another")]
)
def test_earlier_runs_that_cannot_be_counted_are_refused(
    content: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "earlier.json").write_text(content, encoding="utf-8")
    assert main(["--earlier", str(tmp_path / "earlier.json"), "--cache", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("url", ["sqlite:///x", "mysql://host/name"])
def test_only_postgresql_can_be_named(tmp_path: Path, url: str) -> None:
    with pytest.raises(ParameterError, match="is no URL of PostgreSQL"):
        measure(Job(SyntheticCorpus(), tmp_path, quick=True, options={"database": url}))
