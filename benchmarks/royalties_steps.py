"""The steps from rights to a statement, each timed in a process of its own and checked against synthesised truth.

A step prepares, runs the timed work, then checks its result. Peak memory is that of the whole process, with the
interpreter and its libraries, and is given beside the memory before the work began. The measured code is imported by
the step that needs it, before it is timed, as the commands do: no step carries the libraries of another.
Nor does it carry those of the benchmark: `run_alone` starts this module as a program, which reads a step as JSON from
its input and writes its result as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.royalties_data import LICENSEE, Catalogue
from benchmarks.royalties_scans import GROUP_SEGMENTS, GROUP_TRACKS, TERRITORIES, write_results, write_usage
from fingerprint.errors import SourceprintError
from sourceprint.commands.terminal import expect_many_records

if TYPE_CHECKING:
    from sourceprint.royalties.statements.statement import Statement
    from sourceprint.royalties.tables.problems import ImportReport
    from sourceprint.royalties.uses.uses_text import AttributionReport

__all__ = ["MONTHS", "MONTH_SEGMENTS", "STEPS", "Step", "run_alone", "run_step"]

BY: Final = "benchmark"
POLICY: Final = "matched-seconds"
PERIOD: Final = "2026-Q3"
GENERATED_ON: Final = "2026-08-15"
ISSUED_ON: Final = "2026-10-15"
ROYALTY: Final = Fraction(125, 1000)
"""The part of revenue that every synthesised licence asks for."""


MONTH_SEGMENTS: Final = 430
"""Segments of the 301 tracks of each month, in the series of months."""
MONTHS: Final = {f"month {number}": number for number in range(1, 11)}
"""Steps of that series: each issues the statement of a month, in a database that holds all months before."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes
    ----------
    name : str
        Of `STEPS`.
    place : str
        Path or URL of the database.
    folder : str
        Folder of the synthesised files and of the files that the step writes.
    catalogue : Catalogue
    n_segments, revenue : int
        Synthesised amounts: segments of scan results, and cents of revenue.
    """

    name: str
    place: str
    folder: str
    catalogue: Catalogue
    n_segments: int
    revenue: int

    def path(self, name: str) -> Path:
        """Return a file or folder beside the synthesised ones."""
        return Path(self.folder) / name


@dataclass(frozen=True, slots=True)
class Checked:
    """Result of the checks of a step: counts to be shown, number of checks, and failures in words."""

    counts: Mapping[str, int]
    checks: int
    failures: tuple[str, ...] = ()


Check = Callable[[], Checked]
Work = Callable[[], Check]


def run_step(step: Step) -> dict[str, Any]:
    """Return the time, memory, counts and failed checks of a step; to be called once in a process."""
    work = STEPS[step.name](step)
    before = _memory_mb("VmRSS")
    started, processor = time.perf_counter(), time.process_time()
    check = work()
    seconds, processor = time.perf_counter() - started, time.process_time() - processor
    peak = _memory_mb("VmHWM")
    checked = check()
    return {
        "step": step.name,
        "seconds": seconds,
        "processor_seconds": processor,
        "before_mb": before,
        "peak_mb": peak,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "counts": dict(checked.counts),
        "checks": checked.checks,
        "failures": list(checked.failures),
    }


def run_alone(step: Step) -> dict[str, Any]:
    """Return the result of `run_step`, called in a process that is started for it.

    Raises
    ------
    SourceprintError
        If the process fails; the message ends with its last words.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.royalties_steps"],
        input=json.dumps(asdict(step)),  # not as an argument, which others may see: the URL may hold a password
        capture_output=True,
        text=True,
        cwd=Path(__file__).resolve().parent.parent,
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["nothing"]
        raise SourceprintError(f"step {step.name!r}: its process ended with {done.returncode} and said: {said[-1]}")
    row: dict[str, Any] = json.loads(done.stdout)
    return row


def _import(step: Step) -> Work:
    return _importing(step, "rights", added=step.catalogue.counts)


def _import_again(step: Step) -> Work:
    return _importing(step, "rights")


def _import_changes(step: Step) -> Work:
    return _importing(step, "changed", changed={"recording": step.catalogue.n_changed})


def _import_export(step: Step) -> Work:
    return _importing(step, "export")


def _import_spreadsheet(step: Step) -> Work:
    counts = dict(step.catalogue.counts)
    return _importing(
        step,
        "rights.csv",
        added={kind: n for kind, n in counts.items() if kind not in ("party", "recording_part", "licence")}
        | {"party": len(_owners(step.catalogue))},
    )


def _importing(
    step: Step, source: str, *, added: Mapping[str, int] | None = None, changed: Mapping[str, int] | None = None
) -> Work:
    """Return the work of an import that should add and change so many records of each kind, and no others."""
    from sourceprint.royalties.rights.database import Database
    from sourceprint.royalties.tables.imports import import_rights

    def work() -> Check:
        database = Database.open(step.place, create=True)
        report = import_rights(database, [step.path(source)], by=BY, shares="percent")
        return lambda: _checked_import(report, added or {}, changed or {})

    return work


def _checked_import(report: ImportReport, added: Mapping[str, int], changed: Mapping[str, int]) -> Checked:
    applied = report.applied.items()
    found = [
        ("added", {kind: one.added for kind, one in applied if one.added}, dict(added)),
        ("changed", {kind: one.changed for kind, one in applied if one.changed}, dict(changed)),
        ("errors", report.errors, 0),
        ("a revision", report.revision is not None, bool(added or changed)),
    ]
    counts = {
        "added": sum(one.added for _, one in applied),
        "changed": sum(one.changed for _, one in applied),
        "unchanged": sum(one.unchanged for _, one in applied),
    }
    return Checked(counts, len(found), _differences(found))


def _export(step: Step) -> Work:
    from sourceprint.royalties.rights.database import Database
    from sourceprint.royalties.tables.exports import export_rights

    def work() -> Check:
        report = export_rights(Database.open(step.place), step.path("export"))
        records, wanted = sum(report.records.values()), sum(step.catalogue.counts.values())

        def check() -> Checked:
            # Unclaimed shares are exported as well; every record itself must be there.
            return Checked({"rows": records}, 1, _differences([("all records exported", records >= wanted, True)]))

        return check

    return work


def _check(step: Step) -> Work:
    from sourceprint.royalties.rights.checks import Records, check_rights
    from sourceprint.royalties.rights.database import Database
    from sourceprint.royalties.rights.findings import KINDS

    def work() -> Check:
        with Database.open(step.place).reading() as connection:
            findings = list(check_rights(Records.read(connection)))

        def check() -> Checked:
            works = [one for one in findings if one.subject.startswith("work ")]
            subjects = {kind: {one.subject.split()[1] for one in works if one.kind == kind} for kind in KINDS}
            errors = Counter(one.kind for one in findings if one.severity == "error")
            found = [
                ("overclaims", subjects["overclaim"], step.catalogue.overclaimed),
                ("unclaimed works", subjects["unclaimed"], step.catalogue.unclaimed),
                ("other errors", errors.keys() - {"overclaim"}, set()),
            ]
            return Checked({"findings": len(findings)}, len(found), _differences(found))

        return check

    return work


def _attribute(step: Step) -> Work:
    return _attributing(step, again=False)


def _attribute_again(step: Step) -> Work:
    return _attributing(step, again=True)


def _attributing(
    step: Step,
    *,
    again: bool,
    results: str = "results.jsonl",
    usage: str = "usage.csv",
    generated_on: str = GENERATED_ON,
) -> Work:
    from sourceprint.royalties.rights.database import Database
    from sourceprint.royalties.uses.ledger import attribute_results
    from sourceprint.royalties.uses.policy import load_policy
    from sourceprint.royalties.uses.usage import read_usage

    def work() -> Check:
        report = attribute_results(
            Database.open(step.place),
            step.path(results),
            load_policy(POLICY),
            licensee=LICENSEE,
            usage=read_usage(step.path(usage)),
            generated_on=generated_on,
            territories=TERRITORIES,
            by=BY,
        )
        return lambda: _checked_attribution(report, step, again=again)

    return work


def _checked_attribution(report: AttributionReport, step: Step, *, again: bool) -> Checked:
    uses = sum(n for n, _ in report.states.values())
    found = [
        ("segments", report.passages, step.n_segments),
        ("tracks", sum(report.tracks.values()), step.n_segments // GROUP_SEGMENTS * GROUP_TRACKS),
        ("superseded uses", report.superseded, 0),
        ("added uses", report.added, 0 if again else uses),
        ("unchanged uses", report.unchanged, uses if again else 0),
        ("an entry in the ledger", report.attribution_id is not None, not again),
        ("uses that are claimed", report.states.get("claimed", (0, 0))[0] > 0, True),
    ]
    return Checked(
        {"uses": uses, "added": report.added, "unchanged": report.unchanged}, len(found), _differences(found)
    )


def _state(step: Step) -> Work:
    return _stating(step, before=0, after=1)


def _state_again(step: Step) -> Work:
    return _stating(step, before=1, after=1)


def _month(step: Step) -> Work:
    """Return the work of issuing the statement of a month; its tracks are attributed before, and not timed."""
    number = MONTHS[step.name]
    if number == 1:
        _import(step)()
    usage = step.path("month.csv")
    n_tracks = write_results(step.catalogue, step.n_segments, step.path("month.jsonl"), batch=number)
    revenue = write_usage(step.catalogue, n_tracks, usage, batch=number)
    day = f"2026-{number:02d}-15"
    _attributing(step, again=False, results="month.jsonl", usage=usage.name, generated_on=day)()
    return _stating(
        replace(step, revenue=revenue),
        before=number - 1,
        after=number,
        usage=usage.name,
        period=day[:7],
        issued_on=f"2026-{number + 1:02d}-15",
    )


def _stating(
    step: Step,
    *,
    before: int,
    after: int,
    usage: str = "usage.csv",
    period: str = PERIOD,
    issued_on: str = ISSUED_ON,
) -> Work:
    from sourceprint.royalties.money import sum_of
    from sourceprint.royalties.periods import Period
    from sourceprint.royalties.rights.database import Database
    from sourceprint.royalties.statements.issue import issue_statement
    from sourceprint.royalties.statements.proof import prove
    from sourceprint.royalties.statements.register import list_statements
    from sourceprint.royalties.uses.usage import read_usage

    def work() -> Check:
        database = Database.open(step.place)
        known = len(list_statements(database))
        statement = issue_statement(
            database,
            licensee=LICENSEE,
            period=Period.parse(period),
            issued_on=issued_on,
            usage=read_usage(step.path(usage)),
            by=BY,
            today=date.fromisoformat(issued_on),
        )

        def check() -> Checked:
            prove(statement)
            blanket = [line for line in statement.lines if line.licence_id == "LIC-2026-A"]
            owed = sum_of(line.gross for line in blanket)  # it holds everywhere, and accounts for all revenue
            off = abs(owed.minor(statement.currency) - ROYALTY * step.revenue)
            found = [
                ("statements before", known, before),
                ("statements after", len(list_statements(database)), after),
                ("what is owed is the royalty, to less than a cent", off < 1, True),
                (
                    "sum of all lines",
                    sum_of(line.gross for line in statement.lines),
                    sum_of(total.total for total in statement.totals),
                ),
            ]
            return Checked(_counts_of(statement), len(found), _differences(found))

        return check

    return work


def _write(step: Step) -> Work:
    from sourceprint.royalties.rights.database import Database
    from sourceprint.royalties.statements.files.folder import write_statement
    from sourceprint.royalties.statements.register import list_statements, load_statement

    database = Database.open(step.place)
    statement = load_statement(database, list_statements(database)[-1].id)

    def work() -> Check:
        paths = write_statement(statement, step.path("statement"))
        return lambda: Checked(
            {"files": len(paths), "megabytes": round(sum(path.stat().st_size for path in paths) / 1e6)}, 0
        )

    return work


def _audit(step: Step) -> Work:
    from sourceprint.royalties.statements.audit import audit_statement

    def work() -> Check:
        problems = audit_statement(step.path("statement"))
        failures = tuple(f"audit: {problem}" for problem in problems[:5])
        return lambda: Checked({"problems": len(problems)}, 1, failures)

    return work


STEPS: Final[dict[str, Callable[[Step], Work]]] = {
    "import": _import,
    "import again": _import_again,
    "import changes": _import_changes,
    "export": _export,
    "import export": _import_export,
    "check": _check,
    "import spreadsheet": _import_spreadsheet,
    "attribute": _attribute,
    "attribute again": _attribute_again,
    "statement": _state,
    "statement again": _state_again,
    "write": _write,
    "audit": _audit,
    **dict.fromkeys(MONTHS, _month),
}


def _differences(found: Sequence[tuple[str, object, object]]) -> tuple[str, ...]:
    """Return the differences from the synthesised data, in words."""
    return tuple(f"{what}: {_short(got)}, must be {_short(wanted)}" for what, got, wanted in found if got != wanted)


def _short(value: object) -> str:
    text = str(sorted(value) if isinstance(value, set | frozenset) else value)
    return text if len(text) <= 200 else f"{text[:200]}..."


def _counts_of(statement: Statement) -> dict[str, int]:
    return {
        "lines": len(statement.lines),
        "uses": len(statement.uses),
        "parties": len(statement.balances),
        "contributions": sum(len(line.contributions) for line in statement.lines),
    }


def _owners(catalogue: Catalogue) -> set[str]:
    return {row[2] for rows in (catalogue.master_shares(), catalogue.work_shares()) for row in rows}


def _memory_mb(field: str) -> float | None:
    """Return the memory of this process, now or at its highest, in MB; Linux tells, elsewhere only the highest.

    Of Linux not `ru_maxrss`: a process inherits the highest of the one that started it.
    """
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) / 1024
    if field == "VmHWM":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes, on macOS
    return None


if __name__ == "__main__":
    expect_many_records()  # as the commands do
    asked = json.load(sys.stdin)
    json.dump(run_step(Step(**asked | {"catalogue": Catalogue(**asked["catalogue"])})), sys.stdout)
