"""The formats of a report by name, and its file: written whole or not at all."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from evidence.gate.github import github_report
from evidence.gate.json_report import json_report
from evidence.gate.junit import junit_report
from evidence.gate.lines import verdict_line
from evidence.gate.report import Report
from evidence.gate.sarif import sarif_report
from evidence.outputs import writing
from fingerprint.errors import EvidenceError, printable
from index.durable import publish

__all__ = ["FORMATS", "expect_output", "rendered", "write_report"]


def _text_report(report: Report) -> bytes:
    return "".join(f"{verdict_line(verdict)}\n" for verdict in report.verdicts).encode()


FORMATS: dict[str, Callable[[Report], bytes]] = {
    "text": _text_report,
    "json": json_report,
    "sarif": sarif_report,
    "junit": junit_report,
    "github": github_report,
}
"""What writes each format."""


def rendered(report: Report, layout: str) -> bytes:
    """Return a report in one of `FORMATS`."""
    return FORMATS[layout](report)


def expect_output(path: Path, inputs: Iterable[Path]) -> None:
    """Refuse a place for the report that cannot take it, before the work is done.

    Raises
    ------
    EvidenceError
        If its folder does not exist, it is no regular file, or it is one of the files to be checked.
    """
    name = printable(path)
    if not path.parent.is_dir():
        raise EvidenceError(f"{name}: its folder does not exist; make it, or name another file for the report")
    if path.is_dir():
        raise EvidenceError(f"{name}: is a folder; name a file for the report")
    if path.exists() and not path.is_file():
        raise EvidenceError(f"{name}: is a device or a pipe; name a file, or leave -o out to have the report printed")
    for other in inputs:
        if path.exists() and other.exists() and os.path.samefile(path, other):
            raise EvidenceError(f"{name}: is one of the files to be checked; name another file for the report")


def write_report(report: Report, layout: str, path: Path) -> None:
    """Write a report in one of `FORMATS`: whoever opens the file reads what was there before or all of it.

    Raises
    ------
    StorageFullError
        If the disk is full; the file is as it was.
    EvidenceError
        If the file cannot be written.
    """
    with writing(path):
        publish(path, rendered(report, layout))
