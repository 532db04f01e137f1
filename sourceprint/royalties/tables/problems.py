"""Problems of an import, by file, row, column, value, rule and remedy, and the report of an import.

Problems are kept in the temporary database of the import, so that a file of a million wrong rows takes no memory. The
printed form shows the first of them and counts the rest by rule. The complete list goes to a file: tab separated
values, or JSON lines where its name ends in .json or .jsonl.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from fingerprint.errors import printable
from index.storage.durable import publish_chunks
from sourceprint.royalties.rights.database import in_chunks
from sourceprint.royalties.rights.history import Applied
from sourceprint.text.tables import listed

__all__ = [
    "SHOWN",
    "ImportReport",
    "LicenceRead",
    "Severity",
    "TableProblem",
    "chunks_of",
    "import_report_text",
    "import_report_to_json",
    "write_problems",
]

Severity = Literal["error", "warning", "note"]
SHOWN = 50
"""Most printed problems of each severity, and most printed licences; the report file has all problems."""

_COLUMNS = ("severity", "file", "row", "column", "value", "rule", "remedy")
_BATCH = 1_000
_ROWS = 5  # rows that are named of problems with one sentence
_NAMES = {
    "party": "parties",
    "recording": "recordings",
    "work": "works",
    "recording_work": "works of recordings",
    "recording_part": "parts of recordings",
    "master_share": "master shares",
    "work_share": "work shares",
    "licence": "licences",
    "opt": "choices",
}


@dataclass(frozen=True, slots=True)
class TableProblem:
    """Error, warning or note about a row or a file.

    Attributes
    ----------
    severity : str
        "error": the row is refused; "warning": it is taken, but should be looked at; "note": for the record.
    file : str
        Name of the file; a kind of record where the problem is not about one file.
    row : int
        Line in the file, from 1; 0 where the problem is not about one row.
    column, value : str
        Heading of the column and text of the cell; "" where there is none.
    rule : str
        Short name of the rule, for counting.
    remedy : str
        Problem and remedy, as a sentence.
    """

    severity: Severity
    file: str
    row: int
    column: str
    value: str
    rule: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}, row {self.row}" if self.row else self.file
        column = f", {self.column}" if self.column else ""
        return f"{place}{column}: {self.remedy} [{self.rule}]"


@dataclass(frozen=True, slots=True)
class LicenceRead:
    """A licence of an import: its licensee, and the first and the last day (or None) on which it holds."""

    id: str
    licensee: str
    valid_from: str
    valid_to: str | None

    def __str__(self) -> str:
        until = "open-ended" if self.valid_to is None else f"until {self.valid_to}"
        return f"licence {printable(self.id)}: licensee {printable(self.licensee)}, from {self.valid_from}, {until}"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Result of an import, or of a dry run.

    Attributes
    ----------
    source, digest : str
        Paths that were imported, and "sha256:..." of their files.
    imported : bool
        Whether records were imported, or are on file as they were; False in a dry run.
    dry_run, partial : bool
        As given.
    revision : int or None
        Revision that was made; None where nothing changed or nothing was imported.
    rows : mapping of str to int
        Rows read, by file.
    applied : mapping of str to Applied
        Records added, changed and unchanged by table; in a dry run, those that would be.
    refused : int
        Rows left out of a partial import.
    counts : tuple of (str, str, int)
        Severity, rule and number of problems, sorted.
    problems : tuple of TableProblem
        The first errors, warnings and notes.
    taken : tuple of str
        Sentences about the columns and defaults that were taken from spreadsheets.
    licences : tuple of LicenceRead
        The first licences that were read and kept, in order.
    """

    source: str
    digest: str
    imported: bool
    dry_run: bool
    partial: bool
    revision: int | None = None
    rows: Mapping[str, int] = field(default_factory=dict)
    applied: Mapping[str, Applied] = field(default_factory=dict)
    refused: int = 0
    counts: tuple[tuple[Severity, str, int], ...] = ()
    problems: tuple[TableProblem, ...] = ()
    taken: tuple[str, ...] = ()
    licences: tuple[LicenceRead, ...] = ()

    @property
    def errors(self) -> int:
        """Number of errors, shown or not."""
        return sum(count for severity, _, count in self.counts if severity == "error")

    @property
    def exit_code(self) -> int:
        """Exit status of the command: 0 all rows are in, 2 none is, 4 some were left out."""
        if self.errors and not self.partial:
            return 2
        return 4 if self.errors else 0


def import_report_text(report: ImportReport) -> str:
    """Return the report of an import as lines of text, without a line break at the end."""
    lines = [*_outcome(report)]
    for severity, heading in (("error", "Errors"), ("warning", "Warnings"), ("note", "Notes")):
        total = sum(count for kind, _, count in report.counts if kind == severity)
        if not total:
            continue
        shown = [problem for problem in report.problems if problem.severity == severity]
        lines += ["", f"{heading}: {total}", *_grouped(shown)]
        if total > len(shown):
            rules = ", ".join(f"{rule} {count}" for kind, rule, count in report.counts if kind == severity)
            lines.append(f"  ... and {total - len(shown)} more; by rule: {rules}; write all of them with --report FILE")
    return "\n".join(lines)


def import_report_to_json(report: ImportReport) -> dict[str, object]:
    """Return the report of an import as plain JSON types, with the problems that are shown."""
    document = asdict(report)
    document["counts"] = [{"severity": kind, "rule": rule, "count": count} for kind, rule, count in report.counts]
    document["problems"] = [asdict(problem) for problem in report.problems]
    document["exit_code"] = report.exit_code
    return document


def write_problems(path: Path, problems: Iterable[TableProblem]) -> None:
    """Write all problems to a file in one step; raises the errors of `index.storage.durable`."""
    as_json = path.suffix.lower() in (".json", ".jsonl")
    publish_chunks(path, chunks_of(_json_lines(problems) if as_json else _tsv_lines(problems)))


def _outcome(report: ImportReport) -> Iterator[str]:
    if report.errors and not report.partial:
        alone = len(report.rows) == 1 and next(iter(report.rows)).lower().endswith(".toml")  # has no good rows
        remedy = "correct them" if alone else "correct them, or import the good rows with --partial"
        yield f"{report.source}: nothing was imported, errors: {report.errors}; {remedy}"
        return
    verb = "would be imported" if report.dry_run else "imported"
    if report.revision is None and not report.dry_run:
        yield f"{report.source}: imported; nothing changed"
    else:
        yield f"{report.source}: {verb}" + (f" as revision {report.revision}" if report.revision is not None else "")
    shown = [(name, one) for name, one in report.applied.items() if _total(one)]
    if shown:
        rows = [("", "added", "changed", "unchanged")]
        rows += [(_NAMES.get(name, name), str(n.added), str(n.changed), str(n.unchanged)) for name, n in shown]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        for label, *numbers in rows:
            cells = [number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True)]
            yield "  " + "  ".join([label.ljust(widths[0]), *cells])
    yield from (f"  {one}" for one in report.licences)
    n_licences = _total(report.applied.get("licence"))
    if n_licences > len(report.licences):
        yield f"  ... and {n_licences - len(report.licences)} more licences"
    if report.refused:
        rows_left = "1 row that is wrong or depends on a wrong one"
        if report.refused != 1:
            rows_left = f"{report.refused} rows that are wrong or depend on wrong ones"
        yield f"  left out: {rows_left}"


def _grouped(problems: Iterable[TableProblem]) -> Iterator[str]:
    """Yield a line per problem, those that differ by their row alone in one."""
    groups: dict[TableProblem, list[int]] = {}
    for problem in problems:
        groups.setdefault(replace(problem, row=0, value=""), []).append(problem.row)
    for problem, rows in groups.items():
        if len(rows) == 1 or not rows[0]:
            yield from (f"  {replace(problem, row=row)}" for row in rows)
        else:
            yield f"  {replace(problem, file=f'{problem.file}, rows {listed(map(str, rows), most=_ROWS)}')}"


def _total(applied: Applied | None) -> int:
    return 0 if applied is None else applied.added + applied.changed + applied.unchanged


def _tsv_lines(problems: Iterable[TableProblem]) -> Iterator[str]:
    yield "\t".join(_COLUMNS)
    for problem in problems:
        yield "\t".join(printable(str(getattr(problem, column))) for column in _COLUMNS)


def _json_lines(problems: Iterable[TableProblem]) -> Iterator[str]:
    for problem in problems:
        yield json.dumps(asdict(problem), ensure_ascii=False, sort_keys=True)


def chunks_of(lines: Iterable[str]) -> Iterator[bytes]:
    """Yield the bytes of lines, in large blocks."""
    for batch in in_chunks(lines, _BATCH):
        yield ("\n".join(batch) + "\n").encode()
