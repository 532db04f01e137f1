"""The benchmark of a label's batch: its files are as described, and differences are noticed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import journeys_steps
from benchmarks.data.corpus import SyntheticCorpus
from benchmarks.journeys_files import Batch, make_batch
from benchmarks.journeys_report import figures, tables
from benchmarks.journeys_steps import Outcome, kill_chain, rows_of, same_rows
from benchmarks.parts import load_part
from fingerprint.audio.stream import open_audio
from fingerprint.errors import AudioError


def small(cache: Path, seed: int = 0) -> Batch:
    corpus = SyntheticCorpus()
    return make_batch(corpus, cache, n_files=12, seconds=1.0, bad_share=0.25, seed=seed, jobs=1)


def content(batch: Batch) -> dict[str, bytes]:
    """Return the files by name, without the bytes of streams in Ogg, which have a random number in every page."""
    return {
        str(path.relative_to(batch.folder)): b"" if path.suffix in (".ogg", ".opus") else path.read_bytes()
        for path in batch.folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.slow
def test_a_batch_is_as_large_as_asked_for_and_the_same_every_time(tmp_path: Path) -> None:
    batch = small(tmp_path / "a")
    files = content(batch)
    assert (len(files), batch.n_files, batch.n_bad) == (12, 12, 3)
    assert content(small(tmp_path / "b")) == files
    assert content(small(tmp_path / "a")) == files  # from the cache
    assert content(small(tmp_path / "c", seed=1)) != files
    formats = {name.rpartition(".")[2] for name in files}
    assert len(formats) > 3
    assert batch.hours == pytest.approx(9 / 3600)
    unreadable = 0
    for name in files:
        try:
            with open_audio(batch.folder / name) as stream:
                unreadable += sum(block.size for block in stream.blocks()) == 0
        except AudioError:
            unreadable += 1
    assert 1 <= unreadable <= batch.n_bad  # of the others there is too little to search


def test_rows_are_compared_without_fields_that_vary_by_run(tmp_path: Path) -> None:
    def row(name: str, scan_id: str, status: str = "no_match") -> str:
        return json.dumps({"track": {"name": name}, "scan_id": scan_id, "timing_ms": {"search": 3}, "status": status})

    assert rows_of(row("a", "1") + "\n" + row("b", "2")) == rows_of(row("b", "3") + "\n" + row("a", "4"))
    assert rows_of(row("a", "1")) != rows_of(row("a", "1", "matched"))
    for name, lines in {"x": "1\n2\n", "y": "2\n1\n", "z": "1\n2\n2\n"}.items():
        (tmp_path / name).write_text(lines)
    assert same_rows(tmp_path / "x", tmp_path / "y")
    assert not same_rows(tmp_path / "x", tmp_path / "z")


@pytest.mark.parametrize(("differs", "failures"), [(False, 0), (True, 1)])
def test_an_index_changed_by_kills_is_a_failure(
    differs: bool, failures: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[float | None] = []

    def run(words: list[str], *, kill_after_seconds: float | None = None) -> Outcome:
        starts.append(kill_after_seconds)
        out = Path(words[-1])
        (out / "traces").mkdir(parents=True, exist_ok=True)
        (out / "results.jsonl").write_text("row\n" if differs and out.name != "whole" else "the row\n")
        is_killed = kill_after_seconds is not None and len(starts) % 3 != 0
        return Outcome(-9 if is_killed else 0, 1.0, None, "", "")

    monkeypatch.setattr(journeys_steps, "run_command_line", run)
    run(["--out", str(tmp_path / "whole")])
    counts = kill_chain(["scan"], tmp_path / "whole", tmp_path / "killed", kills=4, seed=0)
    assert len(counts["failures"]) == failures
    assert counts["kills"] == (0 if differs else 4)
    assert all(after is None or 0.3 <= after <= 1.0 for after in starts)


def a_report(**changes: Any) -> dict[str, Any]:
    run = {"exit_code": 4, "peak_mb": 500.0, "rows": 2000}
    report: dict[str, Any] = {
        "part": "journeys",
        "facts": {"date": "d", "machine": "m", "versions": {}, "params": "p", "commit": "c"},
        "corpus": {"name": "x", "recordings": 10, "hours": 1.0, "missing": []},
        "settings": {"seed": 0, "quick": False, "jobs": 2},
        "batch": {"files": 2000, "bad": 100, "hours": 10.0, "catalogue": 5, "missing": {}},
        "runs": [{"command": "match", "seconds": 90.0, **run}, {"command": "scan", "seconds": 100.0, **run}],
        "differing": 0,
        "failed": 100,
        "matched": 900,
        "kills": {"files": 60, "kills": 100, "starts": 130, "runs": 30, "failures": []},
    }
    return {**report, **changes}


def test_figures_state_each_target_and_whether_it_is_met() -> None:
    met = {figure.name: figure.met for figure in figures(a_report())}
    assert [name for name, kept in met.items() if kept is False] == []
    assert met["scan of a batch, as fast as match"] is True
    broken = a_report(differing=3, kills={"kills": 9, "starts": 9, "runs": 1, "failures": ["run 1: other rows"]})
    assert sum(figure.met is False for figure in figures(broken)) == 3
    assert any("run 1: other rows" in row for table in tables(broken) for row in table.rows)


def test_a_report_is_read_as_tables() -> None:
    part = load_part("journeys")
    assert part.name == "journeys"
    titles = [table.title for table in part.tables(a_report())]
    assert titles[1] == "Scans that were killed and continued"
