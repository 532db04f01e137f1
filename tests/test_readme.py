"""The README and the guide, run as they stand, on the music of the demo."""

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
GUIDE = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
pytestmark = pytest.mark.slow  # all tests here look at the files of one demo

REUSING = {f"Track {number}.wav" for number in range(1, 7)}


def blocks(document: str, name: str, language: str = "sh") -> list[str]:
    """Return the fenced blocks of a document that follow a mark, in order."""
    return re.findall(rf"<!-- ci: {name} -->\n```{language}\n(.*?)```", document, re.DOTALL)


class Shell:
    """Bash in a folder, with `sourceprint` and `python` on its path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        programs = folder / "bin"
        programs.mkdir()
        for name, words in (("sourceprint", "-m cli"), ("python", "")):
            (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
            (programs / name).chmod(0o755)
        outside = {name: value for name, value in os.environ.items() if not name.startswith("SOURCEPRINT_")}
        self.environment = {
            **outside,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
        }

    def run(self, commands: str, *, stdin: str = "") -> str:
        bash = shutil.which("bash")
        if bash is None:
            pytest.skip("no bash to run the README with")
        ended = subprocess.run(
            [bash, "-euo", "pipefail", "-c", commands], cwd=self.folder, env=self.environment, input=stdin,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
        return ended.stdout


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Return a shell in a folder with the demo of the guide, and a copy under the name that the README expects."""
    shell = Shell(tmp_path_factory.mktemp("journeys"))
    shell.run(blocks(GUIDE, "journeys")[0])
    shutil.copytree(shell.folder / "demo", shell.folder / "sourceprint-demo")
    return shell


@pytest.fixture(scope="module")
def done(shell: Shell) -> tuple[Path, str]:
    """Run both journeys of the guide; return the folder of the demo, and the output."""
    journeys = blocks(GUIDE, "journeys")
    assert len(journeys) == 3
    exports = "".join(f"{line}\n" for line in journeys[0].splitlines() if line.startswith("export "))
    return shell.folder / "demo", shell.run(exports + "\n".join(journeys[1:]))


def masked(text: str) -> str:
    """Return text without the figures and digests that differ between machines, and the folder of the demo."""
    return re.sub(r"\bU?[0-9a-fS-]*\d[0-9a-f.:-]*\b", "#", text.replace("sourceprint-demo/", "demo/"))


@pytest.mark.parametrize("name", ["match", "explain"])
def test_a_command_of_the_readme_prints_the_shown_output(shell: Shell, name: str) -> None:
    (block,) = blocks(README, name, "console")
    command, _, shown = block.partition("\n")
    assert command.startswith("$ ")
    assert masked(shell.run(command.removeprefix("$ "))) == masked(shown)


def test_the_report_of_the_readme_is_written(shell: Shell) -> None:
    (block,) = blocks(README, "report")
    shell.run(block)
    assert (shell.folder / "sourceprint-demo" / "report" / "index.html").is_file()


def test_python_of_the_readme_runs(shell: Shell) -> None:
    (block,) = blocks(README, "python", "python")
    assert "Recording 7" in shell.run("python -", stdin=block)


def test_a_label_finds_shows_and_proves_reuse(done: tuple[Path, str]) -> None:
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
