"""The journeys of the README, run as they stand there, on the music of the demo."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
pytestmark = pytest.mark.slow  # both tests look at what the journeys leave

REUSING = {f"Track {number}.wav" for number in range(1, 7)}


def blocks(name: str) -> list[str]:
    """Return the fenced blocks of the README that follow a mark, in order."""
    return re.findall(rf"<!-- ci: {name} -->\n```sh\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Run both journeys in an empty folder; return the folder, and what was printed."""
    folder = tmp_path_factory.mktemp("journeys")
    programs = folder / "bin"
    programs.mkdir()
    (programs / "sourceprint").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cli "$@"\n')
    (programs / "sourceprint").chmod(0o755)
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash to run the README with")
    outside = {name: value for name, value in os.environ.items() if not name.startswith("SOURCEPRINT_")}
    environment = {**outside, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    journeys = blocks("journeys")
    assert len(journeys) == 3
    ended = subprocess.run(
        [bash, "-euo", "pipefail", "-c", "\n".join(journeys)],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return folder / "demo", ended.stdout


def test_a_label_finds_shows_and_proves_what_was_reused(done: tuple[Path, str]) -> None:
    demo, printed = done
    with (demo / "passages.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {Path(row["name"]).name for row in rows if row["status"] == "matched"} == REUSING
    assert (demo / "report" / "index.html").is_file()
    assert len(list((demo / "report" / "files").glob("*.html"))) == len(REUSING)
    n_passages = sum(row["status"] == "matched" for row in rows)
    assert n_passages >= 7  # where other music covers a passage for a moment, it comes in parts
    assert len(list((demo / "report").rglob("*.ogg"))) == 2 * n_passages  # of both sides of each
    assert f"{demo / 'case.zip'}: holds." in printed or "demo/case.zip: holds." in printed
    assert "next best, no match" in printed


def test_a_licensee_is_held_back_without_seeing_the_catalogue(done: tuple[Path, str]) -> None:
    demo, printed = done
    assert "held back: exit code 1" in printed
    # Track 7 reuses nothing. The recordings have its instruments: it may come near the limit.
    (run,) = json.loads((demo / "check.sarif").read_text())["runs"]
    assert {result["ruleId"] for result in run["results"]} <= {"near_limit"}
    blind, revealed = ((demo / name).read_text(encoding="utf-8") for name in ("findings.json", "revealed.json"))
    assert "Recording" not in blind
    assert {f"Recording {number}" for number in (3, 5, 6, 7, 8, 9, 11)} <= set(re.findall(r"Recording \d+", revealed))
    assert json.loads(blind)["exit_code"] == 1
