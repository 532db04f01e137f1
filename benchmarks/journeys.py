"""The daily work of a label: a scan of thousands of files, as fast as `match`, and none the worse for being killed.

    python -m benchmarks.journeys              2 000 files and 100 kills: half an hour
    python -m benchmarks.journeys --quick      60 files and 6 kills

The batch is made by `benchmarks.journeys_files`; the commands are run by `benchmarks.journeys_steps`.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.data.corpus import Corpus
from benchmarks.journeys_files import Batch, make_batch
from benchmarks.journeys_report import figures, pictures, tables
from benchmarks.journeys_steps import Outcome, kill_chain, rows_of, run_command_line
from benchmarks.part import MEASURED, Job, Part, Report, new_report, run_command
from benchmarks.query_files import write_references
from fingerprint.errors import ParameterError

__all__ = ["PART", "Sizes", "main", "measure"]

ABOUT = """\
A batch of short files in six formats under odd names, of which one in twenty is no audio or too little, is searched
for in a catalogue of half of the corpus: by `match --jsonl` and by `scan`, in turn, twice each, with two workers, each
command in a process that was just started. *Memory* is that of the command and its workers together, pages that they
share counted once, looked at five times a second. Both must say the same of every file. Then scans of a part of the
batch are killed (SIGKILL) at random moments and continued by the same command; once done, rows and traces must be those
of a scan that nobody interrupted, byte for byte.
"""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is done: files in the batch, seconds of each, rounds of both commands, files of a run that is killed."""

    files: int
    seconds: float
    rounds: int
    killed_files: int
    kills: int


FULL: Final = Sizes(files=2000, seconds=20.0, rounds=2, killed_files=60, kills=100)
QUICK: Final = Sizes(files=60, seconds=8.0, rounds=1, killed_files=20, kills=6)
_BAD_SHARE: Final = 0.05
_JOBS: Final = 2


def measure(job: Job) -> Report:
    """Return the time and outcome of every command, and the state after kills.

    Raises
    ------
    ParameterError
        If the catalogue cannot be made of this corpus.
    """
    sizes = QUICK if job.quick else FULL
    job.cache.mkdir(parents=True, exist_ok=True)
    batch = make_batch(
        job.corpus,
        job.cache,
        n_files=sizes.files,
        seconds=sizes.seconds,
        bad_share=_BAD_SHARE,
        seed=job.seed,
        jobs=job.jobs,
    )
    with tempfile.TemporaryDirectory(prefix="journeys-", dir=job.cache) as name:
        folder = Path(name)
        index = _catalogue(job.corpus, batch, folder)
        search = ["--index", str(index), "--jobs", str(_JOBS), "--quiet"]
        return new_report("journeys", job, jobs=_JOBS) | {
            "batch": {
                "files": batch.n_files,
                "bad": batch.n_bad,
                "hours": batch.hours,
                "catalogue": len(batch.catalogue),
                "missing": batch.missing,
            },
            **_compared(batch, search, folder, sizes.rounds),
            "kills": _killed(batch, search, folder, sizes, job.seed),
        }


def _catalogue(corpus: Corpus, batch: Batch, folder: Path) -> Path:
    """Return an index of the catalogue."""
    names = {file: name for name, file in write_references(corpus, folder).items()}
    wanted = {names[file] for file in batch.catalogue if file in names}
    files = [str(path) for path in sorted((folder / "references").iterdir()) if path.stem in wanted]
    outcome = run_command_line(["add", *files, "--index", str(folder / "index"), "--quiet"])
    if outcome.exit_code != 0:
        raise ParameterError(f"corpus {corpus.name}: its catalogue cannot be made: {outcome.stderr[-300:]}")
    return folder / "index"


def _compared(batch: Batch, search: list[str], folder: Path, rounds: int) -> dict[str, Any]:
    """Return the runs of both commands in turn, and in how many files they differ."""
    runs: list[dict[str, Any]] = []
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for number in range(rounds):
        for command in ("match", "scan") if number % 2 == 0 else ("scan", "match"):
            out = folder / "whole"
            shutil.rmtree(out, ignore_errors=True)
            more = ["--jsonl"] if command == "match" else ["--out", str(out)]
            outcome = run_command_line([command, str(batch.folder), *search, *more])
            print(f"{command}: {outcome.seconds:.1f} s", file=sys.stderr)
            rows = outcome.stdout if command == "match" else (out / "results.jsonl").read_text(encoding="utf-8")
            found[command] = rows_of(rows)
            runs.append({"command": command, **_facts(outcome), "rows": len(found[command])})
    failed = [row for row in found["scan"].values() if row["status"] not in ("matched", "no_match")]
    return {
        "runs": runs,
        "differing": sum(
            _content(found["match"].get(name)) != _content(found["scan"].get(name))
            for name in found["match"].keys() | found["scan"].keys()
        ),
        "failed": len(failed),
        "matched": sum(row["status"] == "matched" for row in found["scan"].values()),
    }


def _content(row: dict[str, Any] | None) -> Any:
    """Return the values on which both commands must agree."""
    return row and (row["track"]["sha256"], row["status"], row["reason"], row["matches"])


def _facts(outcome: Outcome) -> dict[str, Any]:
    return {"exit_code": outcome.exit_code, "seconds": outcome.seconds, "peak_mb": outcome.peak_mb}


def _killed(batch: Batch, search: list[str], folder: Path, sizes: Sizes, seed: int) -> dict[str, Any]:
    names = sorted(path for path in batch.folder.rglob("*") if path.is_file())[: sizes.killed_files]
    words = ["scan", *map(str, names), *search]
    whole = folder / "uninterrupted"
    outcome = run_command_line([*words, "--out", str(whole)])
    if outcome.exit_code not in (0, 4):
        return {"kills": 0, "starts": 0, "runs": 0, "failures": [f"exit code {outcome.exit_code}: {outcome.stderr}"]}
    return {
        "files": len(names),
        **kill_chain(words, whole, folder / "killed", kills=sizes.kills, seed=seed),
    }


PART: Final = Part(
    "journeys",
    "A label's batch",
    "How fast is a scan of a label's batch, in how much memory, and how much do kills cost it?",
    ABOUT,
    measure,
    tables,
    figures,
    pictures,
    code=(*MEASURED, "sourceprint"),
)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    return run_command(PART, arguments)


if __name__ == "__main__":
    sys.exit(main())
