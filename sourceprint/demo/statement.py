"""The demo's second half: from the matches to a statement that adds up, with rights, a licence and revenue made up.

The recordings of the demo get two labels, writers and a publisher, one share of which nobody has claimed; the maker of
the tracks gets a licence for all of them and reports what it earned. Then the same code as behind ``sourceprint rights
import``, ``attribute``, ``statement`` and ``audit`` gets to work on them, with a database of its own.
"""

from __future__ import annotations

import csv
import json
import shlex
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.statements.audit import audit_statement, audit_text
from sourceprint.royalties.statements.files.folder import write_statement
from sourceprint.royalties.statements.issue import issue_statement
from sourceprint.royalties.statements.register import statement_text
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.tables.imports import import_rights
from sourceprint.royalties.tables.problems import import_report_text
from sourceprint.royalties.uses.ledger import attribute_results
from sourceprint.royalties.uses.policy import load_policy
from sourceprint.royalties.uses.usage import read_usage
from sourceprint.royalties.uses.uses_text import report_text
from sourceprint.scans.scan import Scan
from sourceprint.scans.scan_json import scan_result

__all__ = ["state_what_is_owed"]

PERIOD = "2026-Q3"
ISSUED_ON, GENERATED_ON = "2026-10-15", "2026-08-20"
POLICY = "coverage-weighted"
TERRITORIES = {"DE": "100.00", "FR": "40.00"}
"""Net revenue of each track, in EUR."""

_LABELS = ("Harbour Records", "Ridge Sound")
_WRITERS = ("Ada Ash", "Bo Birch", "Cy Cedar")
_PUBLISHER = "Hill Publishing"
_LICENSEE, _LICENSEE_NAME = "P-TONE", "Tonewell Generators"
_UNCLAIMED = 5
"""Of the work on this recording a quarter is claimed by nobody."""

_LICENCE = f"""\
schema = "sourceprint/licence/1"
id = "DEMO-LICENCE"
licensor = "party:harbour records"
licensee = "{_LICENSEE}"
valid_from = 2026-01-01
valid_to = 2026-12-31
purposes = ["generate"]

[scope]
everything = true

[rate_card]
currency = "EUR"
royalty_rate = "20 %"
minimum_payout = "3.00"

[rate_card.rights]
Master = "50 %"
MechanicalRight = "25 %"
PerformingRight = "25 %"

[[rate_card.deductions]]
name = "administration"
rate = "5 %"
"""


def state_what_is_owed(
    scans: Sequence[Scan],
    recordings: Sequence[str],
    folder: Path,
    out: Path,
    echo: Callable[[str], None],
) -> bool:
    """Print the royalties owed for the matches; True if the statement adds up.

    Parameters
    ----------
    scans : sequence of Scan
        Of all tracks.
    recordings : sequence of str
        Ids in the index, which are titles too.
    folder : Path
        For the inputs: rights, licence, usage, scan results, and the database of rights.
    out : Path
        New folder for the statement.
    echo : callable
        Takes each line of output.
    """
    rights = folder / "rights.csv"
    with rights.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(_rights_rows(recordings))
    parties = folder / "parties.tsv"
    parties.write_text(f"PartyRecordId\tFullName\n{_LICENSEE}\t{_LICENSEE_NAME}\n", encoding="utf-8")
    licence = folder / "licence.toml"
    licence.write_text(_LICENCE, encoding="utf-8")
    results = folder / "results.jsonl"
    results.write_text("".join(json.dumps(scan_result(scan).raw) + "\n" for scan in scans), encoding="utf-8")
    usage_file = folder / "usage.csv"
    with usage_file.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(_usage_rows(scans))

    database = Database.open(folder / "rights.sqlite", create=True)
    echo(f"Owed for it, with invented rights, licence and revenue (policy {POLICY}):")
    echo("")
    imported = import_rights(database, [rights, parties, licence], by="demo")
    if not imported.imported:
        echo(import_report_text(imported))
        return False
    usage = read_usage(usage_file)
    report = attribute_results(database, results, load_policy(POLICY), licensee=_LICENSEE, usage=usage, by="demo")
    said = (line for line in report_text(report).splitlines() if not line.startswith("policy"))  # it is, above
    echo(_indented("\n".join(said)))
    statement = issue_statement(
        database,
        licensee=_LICENSEE,
        period=Period.parse(PERIOD),
        issued_on=ISSUED_ON,
        usage=usage,
        by="demo",
        today=date.fromisoformat(ISSUED_ON),  # not the clock's day: the output is the same on every day
    )
    echo("")
    echo(_indented(statement_text(statement)))
    echo("")
    echo(_indented(_one_line(statement, out)))
    write_statement(statement, out)
    problems = audit_statement(out)
    if problems:
        echo(audit_text(out, problems))
    return not problems


def _rights_rows(recordings: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the rows of a spreadsheet with the rights of all recordings."""
    rows: list[tuple[str, ...]] = [
        ("index_id", "recording_title", "work_title", "writers", "party", "role", "right", "share")
    ]
    for number, recording in enumerate(recordings, 1):
        label = _LABELS[2 * (number - 1) // len(recordings)]
        writer = _WRITERS[number % len(_WRITERS)]
        publisher_share = "25 %" if number == _UNCLAIMED else "50 %"
        rows.append((recording, recording, "", "", label, "", "Master", "100 %"))
        for right in ("MechanicalRight", "PerformingRight"):
            of_work = (recording, recording, f"Song {number}", writer)
            rows.append((*of_work, writer, "Composer", right, "50 %"))
            rows.append((*of_work, _PUBLISHER, "MusicPublisher", right, publisher_share))
    return rows


def _usage_rows(scans: Sequence[Scan]) -> list[tuple[str, ...]]:
    header = ("track", "generated_on", "purpose", "territory", "usages", "net_revenue", "currency")
    rows = [
        (scan.path.name, GENERATED_ON, "generate", territory, "1000", revenue, "EUR")
        for scan in scans
        for territory, revenue in TERRITORIES.items()
    ]
    return [header, *rows]


def _one_line(statement: Statement, folder: Path) -> str:
    """Return in one sentence how the largest line that is paid came about."""
    lines = [line for line in statement.lines if line.kind == "payable"]
    if not lines:
        return "Nothing is paid."
    line = max(lines, key=lambda line: (line.gross, -line.number))
    part = line.contributions[0]
    name = {party.id: party.name for party in statement.parties}[line.party_id]
    amount = line.net.shown(statement.currency)
    return (
        f"Line {line.number}, for instance, {amount} {statement.currency} to {name} for {line.territory}, is\n"
        f"  {part.basis},\n"
        f"  of that the part of {line.right}, less deductions.\n"
        f"Every line is explained so: sourceprint explain {shlex.quote(str(folder))} {line.number}"
    )


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.splitlines())
