"""Parts of the suite that measure nothing and take no time, in place of the real ones."""

from __future__ import annotations

import argparse
import os
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import comparison, parts, results, suite
from benchmarks.part import Figure, Job, Part, Picture, Report, Table, new_report

__all__ = ["NAMES", "install", "make_folder_slowly", "small_report"]

NAMES = ("alpha", "beta", "gamma")


def small_report(name: str, job: Job) -> Report:
    """Return the report that a small part makes: 90 of 100 found, plus the seed."""
    return new_report(name, job, limit=1.0) | {"found": 90 + job.seed, "depth": job.options.get("depth", 1)}


def make_folder_slowly(path: str) -> None:
    """Make a folder, and take so long that several hundred of them cannot be done at once; a task for processes."""
    time.sleep(0.02)
    os.mkdir(path)


def install(monkeypatch: pytest.MonkeyPatch, **measures: Callable[[Job], Report]) -> list[str]:
    """Put three small parts in place of the real ones; returns the list in which they note that they were run.

    `measures` replace the measurements of a part, by its name.
    """
    run: list[str] = []
    for module in (parts, comparison, results, suite):
        monkeypatch.setattr(module, "PARTS", NAMES)
    for name in NAMES:
        part = _part(name, measures.get(name), run)
        monkeypatch.setitem(sys.modules, f"benchmarks.{name}", types.SimpleNamespace(PART=part))
    return run


def _part(name: str, other: Callable[[Job], Report] | None, run: list[str]) -> Part:
    def measure(job: Job) -> Report:
        run.append(name)
        return small_report(name, job) if other is None else other(job)

    def tables(report: Report) -> list[Table]:
        return [
            Table(f"What {name} found", ("what", "n"), [("a|b", str(report["found"]))], "A remark."),
            Table("What it did not find", ("what", "n"), []),
        ]

    def figures(report: Report) -> list[Figure]:
        return [
            Figure(f"{name}: found", float(report["found"]), "%", "higher", "n=100", 98.0, headline=name != "gamma"),
            Figure(f"{name}: false", 0.0, "", "lower", "5.3 h", 0.0, headline=name == "alpha"),
            Figure(f"{name}: error", 0.056, "s", "lower", target=0.2),
        ]

    def pictures(report: Report, folder: Path) -> list[Picture]:
        (folder / f"{name}.svg").write_text("<svg/>")
        return [Picture(f"{name}.svg", f"What {name} looks like.")]

    def add_options(parser: argparse.ArgumentParser) -> None:
        if name != "gamma":
            parser.add_argument("--depth", type=int, default=1 if name == "alpha" else 2, help="How deep.")
        if name == "beta":
            parser.add_argument("--file", help="A file.")

    return Part(
        name, f"Part {name}", f"Is {name} found?", f"About {name}.\n", measure, tables, figures, pictures, add_options
    )
