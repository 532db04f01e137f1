"""The demo finds its hidden passages, prints them readably, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fingerprint.errors import CatalogueError
from index.folder.index import Index
from sourceprint.demo import demo, music
from sourceprint.demo.synthesis import synthesize
from sourceprint.demo.transformations import rms
from sourceprint.royalties.money import Amount, sum_of
from sourceprint.royalties.statements.files.folder import read_statement
from tests.places import ROOT


@pytest.mark.slow
def test_everything_hidden_is_found_and_nothing_else(tmp_path: Path) -> None:
    printed: list[str] = []
    steps: list[None] = []
    assert demo.run_demo(printed.append, tmp_path, jobs=1, step=lambda: steps.append(None))
    assert len(steps) == demo.N_STEPS
    text = "\n".join(printed)
    lines = text.splitlines()
    n = len(music.PASSAGES)
    assert f"Found {n} of {n} reused passages, and nothing else." in lines
    n_found = text.count("\n  found  ") - len(music.CLEAN_TRACKS)
    assert f"The results have {n_found} passages: " in text
    assert f"{n_found} passages\n" in text.partition("Owed for it")[2]
    assert text.count("\n  truth") == n
    assert "WRONG" not in text
    assert "NOT FOUND" not in text
    assert max(len(line.replace(str(tmp_path), "")) for line in lines) <= 100
    for track in music.HOST_SEEDS:
        assert text.count(f"\n{track}: ") == sum(passage.track == track for passage in music.PASSAGES) or (
            f"\n{track}: reuses nothing\n  found   nothing" in text
        )
    assert len(Index.open(tmp_path / "index").snapshot().recordings) == music.N_RECORDINGS
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index", "money", "music", "statement"]
    names = {path.name: sorted(file.stem for file in path.iterdir()) for path in (tmp_path / "music").iterdir()}
    assert names == {
        "catalogue": sorted(f"Recording {number}" for number in range(1, music.N_RECORDINGS + 1)),
        "generated": sorted(music.HOST_SEEDS),
    }
    # Eight tracks earned 140 EUR each, of which 20 % are owed: the statement adds up to that, and says so.
    assert "  sum of lines = total in each: yes; together 224.00 EUR" in lines
    statement = read_statement(tmp_path / "statement")
    assert sum_of(line.gross for line in statement.lines) == Amount.parse("224")
    assert {use.recording_id for use in statement.uses} == {
        f"index:Recording {passage.recording}" for passage in music.PASSAGES
    }
    assert {line.kind for line in statement.lines} == {"payable", "unclaimed", "unmatched"}
    assert sum_of(balance.lines for balance in statement.balances) == sum_of(
        line.net for line in statement.lines if line.kind == "payable"
    )


def test_folder_that_is_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(CatalogueError, match="exists already; give the demo a new folder"):
        demo.run_demo(lambda line: None, tmp_path)
    with pytest.raises(CatalogueError, match="exists already"):
        demo.run_demo(lambda line: None, tmp_path / "mine.txt")
    with pytest.raises(CatalogueError, match=r"cannot be written \(Not a directory\); give the demo a folder that can"):
        demo.run_demo(lambda line: None, tmp_path / "mine.txt" / "demo")
    assert (tmp_path / "mine.txt").read_text() == "keep me"


@pytest.mark.slow
@pytest.mark.parametrize("passage", music.PASSAGES, ids=lambda passage: f"{passage.track}-{passage.recording}")
def test_passage_goes_where_the_truth_says(passage: music.HiddenPassage) -> None:
    sr = music.SAMPLE_RATE
    recording = synthesize(passage.recording, music.RECORDING_SECONDS, sample_rate=sr)
    host = synthesize(5, music.TRACK_SECONDS, sample_rate=sr)
    out = music.hide(passage, recording, host, np.random.default_rng(0))
    assert out.shape == host.shape
    assert out.dtype == np.float32
    changed = np.flatnonzero(np.abs(out - host) > 1e-6) / sr
    assert changed[0] == pytest.approx(passage.at_seconds, abs=0.05)
    assert changed[-1] == pytest.approx(passage.until_seconds, abs=0.05)
    there = slice(round(passage.at_seconds * sr), round(passage.until_seconds * sr))
    assert rms(out[there]) == pytest.approx(rms(host[there]), rel=0.05)


def test_truth_that_is_not_found_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_make", lambda name, music: "")
    monkeypatch.setattr(demo, "_search", lambda *arguments: [])
    monkeypatch.setattr(demo, "_found_passages", lambda tracks, scans: [])
    monkeypatch.setattr(demo, "state_what_is_owed", lambda *arguments: True)
    lines: list[str] = []
    assert not demo.run_demo(lines.append, tmp_path)
    assert f"Found 0 of {len(music.PASSAGES)} reused passages, and nothing else." in lines


def test_finding_where_nothing_is_hidden_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = [
        demo._FoundPassage(
            passage.track,
            f"Recording {passage.recording}",
            passage.at_seconds,
            passage.until_seconds,
            passage.from_seconds,
            passage.from_seconds + music.PASSAGE_SECONDS,
            passage.ratio,
            passage.cents,
            1e-9,
        )
        for passage in music.PASSAGES
    ]
    stray = demo._FoundPassage("Track 7", "Recording 1", 1.0, 5.0, 2.0, 6.0, 1.0, 0.0, 1e-9)
    monkeypatch.setattr(demo, "_make", lambda name, music: "")
    monkeypatch.setattr(demo, "_search", lambda *arguments: [])
    monkeypatch.setattr(demo, "_found_passages", lambda tracks, scans: [*right, stray])
    monkeypatch.setattr(demo, "state_what_is_owed", lambda *arguments: True)
    lines: list[str] = []
    assert not demo.run_demo(lines.append, tmp_path)
    assert f"Found {len(right)} of {len(right)} reused passages, and 1 else." in lines
    assert sum(line.endswith("WRONG") for line in lines) == 1


def test_statement_that_does_not_add_up_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "PASSAGES", ())
    monkeypatch.setattr(demo, "_make", lambda name, music: "")
    monkeypatch.setattr(demo, "_search", lambda *arguments: [])
    monkeypatch.setattr(demo, "_found_passages", lambda tracks, scans: [])
    monkeypatch.setattr(demo, "state_what_is_owed", lambda *arguments: False)
    assert not demo.run_demo(lambda line: None, tmp_path / "a")
    monkeypatch.setattr(demo, "state_what_is_owed", lambda *arguments: True)
    assert demo.run_demo(lambda line: None, tmp_path / "b")


WITHOUT_BENCHMARKS = """
import importlib, pkgutil, sys

sys.modules["benchmarks"] = None  # an import of it fails, as where it is not installed
import cli, fingerprint, index, sourceprint

for package in (fingerprint, index, sourceprint):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith(".migrations.env"):  # runs only inside alembic
            importlib.import_module(module.name)
assert "sourceprint.demo.demo" in sys.modules
cli.main(["bench", "--list"])
"""


@pytest.mark.slow
def test_only_bench_needs_the_benchmarks() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_BENCHMARKS], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.endswith("Error: the benchmarks are not installed here; run it in a checkout of the source\n")
