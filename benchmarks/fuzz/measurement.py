"""Whether anything that a file can say gets past its reader: hostile files of every format, counted by outcome.

Every format is read twice over, plainly and with kernels that check their indices, each with inputs of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from tqdm import tqdm

from benchmarks.fuzz.harness import OUTCOMES, Fuzzer, Tally
from benchmarks.fuzz.registry import FORMATS, load_format
from benchmarks.part import Figure, Job, Part, Picture, Report, Table, new_report
from fingerprint.errors import ParameterError

__all__ = ["PART", "measure"]

FULL_INPUTS: Final = 10_000
QUICK_INPUTS: Final = 100
WANTED_INPUTS: Final = 100_000.0
_EXAMPLES: Final = 20
_LONGEST_EXAMPLE: Final = 2_000
_FAILED: Final = ("signal", "traceback", "hang")

ABOUT = """\
Every reader must accept a file or refuse it with a documented error. For every format files are made that are damaged
at random, and files that an attacker would write: valid ones, checksums and signatures included, in which any field may
be negative, huge, infinite, no number, out of order, doubled, missing, of another kind or nested five thousand deep.
Each is read and used as the product uses it, in a process that may die of it, within limits of time and memory. A
*traceback* is anything but one of the errors that the reader documents: warnings, memory that ran out and indices
outside of an array included. Half of the inputs are read by kernels that check their indices (`NUMBA_BOUNDSCHECK=1`).
"""


def measure(job: Job) -> Report:
    """Return the outcomes of all inputs, as plain JSON types."""
    names: list[str] = job.options.get("formats") or list(FORMATS)
    seconds: float | None = job.options.get("seconds")
    inputs: int | None = job.options.get("inputs")
    if inputs is None and seconds is None:
        inputs = QUICK_INPUTS if job.quick else FULL_INPUTS
    keep: Path | None = job.options.get("keep")
    rows = [row for path in job.options.get("add") or () for row in _rows_of(path)]
    bar = tqdm(total=2 * len(names), desc="fuzz", file=sys.stderr, leave=False, disable=None, dynamic_ncols=True)
    for checked in (False, True):
        seed = 2 * job.seed + checked  # other inputs with bounds checks than without
        with Fuzzer(keep=keep, checked=checked, checked_cache=job.cache.resolve() / "checked-kernels") as fuzzer:
            for name in names:
                format_ = load_format(name)
                share = None if inputs is None else inputs - inputs // 2 if checked else inputs // 2
                tally = fuzzer.run(format_, seed=seed, inputs=share, seconds=None if seconds is None else seconds / 2)
                rows.append(_row(tally, checked=checked))
                bar.update()
    bar.close()
    return new_report("fuzz", job, inputs=inputs, seconds=seconds) | {"formats": rows}


def _rows_of(path: Path) -> list[dict[str, Any]]:
    """Return the rows of an earlier report.

    Raises
    ------
    ParameterError
        If it is none.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        rows: list[dict[str, Any]] = report["formats"] if report["part"] == "fuzz" else []
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ParameterError(f"{path}: no report of the part fuzz ({error}); give one that --out wrote") from error
    return rows


def _row(tally: Tally, *, checked: bool) -> dict[str, Any]:
    return {
        "format": tally.format,
        "checked": checked,
        **tally.counts,
        "slowest_seconds": tally.slowest_seconds,
        "failures": [
            {"input": failure.name, "outcome": failure.outcome, "text": failure.text[-_LONGEST_EXAMPLE:]}
            for failure in tally.failures[:_EXAMPLES]
        ],
    }


def _tables(report: Report) -> list[Table]:
    rows = []
    for name in dict.fromkeys(row["format"] for row in report["formats"]):
        both = [row for row in report["formats"] if row["format"] == name]
        sums = {outcome: sum(row[outcome] for row in both) for outcome in OUTCOMES}
        checked = sum(row[outcome] for row in both for outcome in OUTCOMES if row["checked"])
        slowest = max(row["slowest_seconds"] for row in both)
        counts = [str(sums[outcome]) for outcome in ("accepted", "refused", *_FAILED)]
        rows.append([name, str(sum(sums.values())), str(checked), *counts, f"{slowest:.1f}"])
    failures = [
        (failure["input"], failure["outcome"], failure["text"].strip().rpartition("\n")[2])
        for row in report["formats"]
        for failure in row["failures"]
    ]
    header = ("format", "inputs", "with bounds checks", "accepted", "refused", "signals", "tracebacks", "hangs")
    made = [Table("Hostile files", (*header, "slowest, s"), rows)]
    return [*made, Table("Failures", ("input", "outcome", "last line"), failures)] if failures else made


def _figures(report: Report) -> list[Figure]:
    sums = {outcome: sum(row[outcome] for row in report["formats"]) for outcome in OUTCOMES}
    n = sum(sums.values())
    target = None if report["settings"]["quick"] else WANTED_INPUTS
    formats = len({row["format"] for row in report["formats"]})
    words = {"signal": "signals", "traceback": "tracebacks", "hang": "hangs"}
    return [
        Figure("hostile files read", float(n), "", detail=f"{formats} formats", target=target, headline=True),
        *(
            Figure(f"{words[outcome]} from them", float(sums[outcome]), "", "lower", f"n={n}", 0.0, headline=True)
            for outcome in _FAILED
        ),
    ]


def _pictures(report: Report, folder: Path) -> list[Picture]:
    return []


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--formats", nargs="+", choices=list(FORMATS), help="some of the formats (all)")
    parser.add_argument("--inputs", type=int, help=f"inputs of each format ({FULL_INPUTS}, or {QUICK_INPUTS} --quick)")
    parser.add_argument("--seconds", type=float, help="time for each format, instead of or beside --inputs")
    parser.add_argument("--add", type=Path, nargs="+", metavar="JSON", help="count the inputs of earlier reports too")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the inputs that fail")


PART = Part(
    name="fuzz",
    title="Hostile files",
    question="Does any content of a file get past its reader?",
    about=ABOUT,
    measure=measure,
    tables=_tables,
    figures=_figures,
    pictures=_pictures,
    add_options=_add_options,
    code=("fingerprint", "index", "sourceprint"),
)
