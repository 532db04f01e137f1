"""Parts of the benchmark suite: a measurement, and the tables, figures and pictures of its report.

A module that measures something ends with a `PART`. `run_command` is its command line, `benchmarks.suite` runs several,
`benchmarks.results` writes RESULTS.md from their reports. All three see a report only through the functions named here,
and a report is plain JSON: a report of last year can be read today.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from benchmarks.data.corpus import Corpus, open_corpus
from benchmarks.harness import (
    default_cache,
    facts,
    facts_line,
    json_bytes,
    markdown_table,
    text_table,
    write_atomically,
)
from fingerprint.errors import ParameterError, SourceprintError

__all__ = ["MEASURED", "Figure", "Job", "Part", "Picture", "Report", "Table", "as_text", "new_report", "run_command"]

Report = dict[str, Any]

MEASURED: Final = ("fingerprint", "index")
"""Folders of the product whose code most parts measure."""


@dataclass(frozen=True, slots=True)
class Job:
    """Input and settings of one measurement.

    Attributes
    ----------
    corpus : Corpus
        The recordings.
    cache : Path
        Cache folder, kept between runs; everything in it can be made again.
    jobs : int
        Processes.
    seed : int
        Seed of every draw.
    quick : bool
        The short version: minutes on synthesised music, wide intervals.
    options : dict
        Values of the part's own command-line options, by name; absent ones at their defaults.
    """

    corpus: Corpus
    cache: Path
    jobs: int = 2
    seed: int = 0
    quick: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # A step may run in a process of its own, in another folder.
        object.__setattr__(self, "cache", self.cache.absolute())
        whole = {name: value.absolute() if isinstance(value, Path) else value for name, value in self.options.items()}
        object.__setattr__(self, "options", whole)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a report, cells as text, with a title and a remark to stand below it."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that was written: its file name and its caption, one sentence."""

    name: str
    caption: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure that is compared between versions of the core.

    Attributes
    ----------
    name : str
        Name of the quantity, the same in every version: "found, other music louder by 6 dB".
    value : float or None
        None where it could not be measured.
    unit : str
        "%", "s", "x real time", "MB/h" or "" for counts.
    better : {"higher", "lower"}
        Which way is better.
    detail : str
        How sure it is: "n=60, 91-100 %".
    target : float or None
        Promised value.
    headline : bool
        Whether it belongs in the README.
    """

    name: str
    value: float | None
    unit: str
    better: Literal["higher", "lower"] = "higher"
    detail: str = ""
    target: float | None = None
    headline: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target or a value."""
        if self.target is None or self.value is None:
            return None
        return self.value >= self.target - 1e-9 if self.better == "higher" else self.value <= self.target + 1e-9


def _no_options(parser: argparse.ArgumentParser) -> None:
    """Add nothing."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the suite.

    Attributes
    ----------
    name, title : str
        The name of report and command; the heading in RESULTS.md.
    question : str
        The question that it answers, in one sentence.
    about : str
        Quantities, method, and how to read the tables: a paragraph or two of Markdown.
    measure : callable
        From a job to its report, which starts as `new_report`.
    tables, figures : callable
        The tables to print of a report, and the figures to compare between versions.
    pictures : callable
        Writes pictures of a report into a folder.
    add_options : callable
        Adds the options that only this part has; they arrive in `Job.options`.
    code : tuple of str
        Folders whose code it measures; where that changes, so does the key of its report.
    """

    name: str
    title: str
    question: str
    about: str
    measure: Callable[[Job], Report]
    tables: Callable[[Report], list[Table]]
    figures: Callable[[Report], list[Figure]]
    pictures: Callable[[Report, Path], list[Picture]]
    add_options: Callable[[argparse.ArgumentParser], None] = _no_options
    code: tuple[str, ...] = MEASURED


def new_report(name: str, job: Job, **settings: Any) -> Report:
    """Return the start of a report: part, format, facts of the machine and code, corpus, settings."""
    return {
        "part": name,
        "format": 1,
        "facts": facts(),
        "corpus": {
            "name": job.corpus.name,
            "recordings": len(job.corpus.music),
            "hours": sum(row.seconds for row in job.corpus.music) / 3600.0,
            "missing": list(job.corpus.missing()),
        },
        "settings": {"seed": job.seed, "quick": job.quick, **settings},
    }


def as_text(part: Part, report: Report, *, markdown: bool = False) -> str:
    """Return the tables of a report, to be read."""
    table = markdown_table if markdown else text_table
    corpus = report["corpus"]
    lines = [f"{part.title}: {corpus['recordings']} recordings, {corpus['hours']:.1f} h ({corpus['name']})"]
    if corpus["missing"]:
        named = ", ".join(corpus["missing"][:5]) + (", ..." if len(corpus["missing"]) > 5 else "")
        lines.append(f"{len(corpus['missing'])} file(s) of the corpus are missing: {named}")
    for one in part.tables(report):
        lines.append(one.title)
        lines.append(table(one.header, one.rows) if one.rows else "(nothing)")
        lines += [one.note] if one.note else []
    return "\n\n".join([*lines, facts_line(report["facts"])])


def run_command(part: Part, arguments: Sequence[str] | None = None) -> int:
    """Run one part from the command line; returns the exit status: 0, or 2 for a request that cannot be met."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{part.name}", description=part.title)
    parser.add_argument("--corpus", help="corpus folder; default: $SOURCEPRINT_CORPUS, else synthesised music")
    parser.add_argument("--quick", action="store_true", help="the short version: minutes, wide intervals")
    parser.add_argument("--seed", type=int, default=0, help="seed of every draw (0)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (2)")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="folder for files kept between runs")
    parser.add_argument("--out", type=Path, help="write the report there as JSON")
    parser.add_argument("--markdown", action="store_true", help="print Markdown tables")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="write the pictures there")
    part.add_options(parser)
    asked = vars(parser.parse_args(arguments))
    common = {name: asked.pop(name) for name in ("quick", "seed", "jobs", "cache")}
    folder, out, markdown, pictures = (asked.pop(name) for name in ("corpus", "out", "markdown", "pictures"))
    try:
        if common["seed"] < 0:
            raise ParameterError(f"seed={common['seed']}: must not be negative")
        started = time.perf_counter()
        report = part.measure(Job(open_corpus(folder), **common, options=asked))
        report["elapsed_seconds"] = time.perf_counter() - started
        if out is not None:
            write_atomically(out, json_bytes(report))
        if pictures is not None:
            pictures.mkdir(parents=True, exist_ok=True)
            part.pictures(report, pictures)
    except SourceprintError as error:
        print(f"{part.name}: {error}", file=sys.stderr)
        return 2
    print(as_text(part, report, markdown=markdown))
    return 0
