"""The worked example of royalties: one licensee's two quarters and six short stories, as a document for an auditor.

    python -m benchmarks.royalties_example --out docs/money/EXAMPLE.md

The inputs are in `docs/money/example`. They go through the functions behind the commands, in a temporary database, on
fixed days; `benchmarks.royalties_example_text` writes the outcome as Markdown. `benchmarks.royalties_example_stories`
adds the stories, which are worked on paper in `stories/chapters.md`. The same inputs give the same bytes.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from benchmarks.harness import write_atomically
from benchmarks.royalties_example_stories import stories_text
from benchmarks.royalties_example_story import Decision, Story
from benchmarks.royalties_example_text import example_text
from fingerprint.errors import RightsError, SourceprintError
from sourceprint.royalties.periods import Period
from sourceprint.royalties.rights.checks import Records, check_rights
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.findings import Finding
from sourceprint.royalties.rights.rights import Rights, load_rights
from sourceprint.royalties.statements.issue import issue_statement
from sourceprint.royalties.tables.imports import import_rights
from sourceprint.royalties.uses.ledger import attribute_results, current_uses
from sourceprint.royalties.uses.policy import load_policy
from sourceprint.royalties.uses.states import change_state
from sourceprint.royalties.uses.usage import read_usage
from sourceprint.royalties.uses.use import Use

__all__ = ["EXAMPLE", "main", "run_example"]

EXAMPLE: Final = Path(__file__).resolve().parent.parent / "docs" / "money" / "example"
LICENSEE: Final = "P-TONE"
POLICY: Final = "matched-seconds"

_BY: Final = "auditor"
_IMPORTED: Final = datetime(2026, 10, 1, 9, tzinfo=UTC)
_ATTRIBUTED: Final = datetime(2026, 10, 12, 9, tzinfo=UTC)
_DECIDED: Final = datetime(2026, 12, 1, 9, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Decided:
    """A decision about the use of a recording in a track, before its id is known."""

    track: str
    recording_id: str
    state: str
    reason: str


_DECISIONS: Final = (
    _Decided("T6.wav", "R3", "resolved", "both passages listened to: the same recording"),
    _Decided("T3.wav", "R4", "disputed", "Tonewell Generators: from a sample pack, licensed from its maker"),
)


def run_example(example: Path, database: Database) -> Story:
    """Take the example through two quarters, and return all that came out.

    Parameters
    ----------
    example : Path
        Folder of the inputs.
    database : Database
        Empty.

    Raises
    ------
    SourceprintError
        If an input is missing or wrong.
    """
    _import(database, example / "rights", _IMPORTED)
    rights, findings = _rights(database)
    policy = load_policy(POLICY)
    usage = read_usage(example / "usage.csv")
    attribute_results(
        database, example / "results.jsonl", policy, licensee=LICENSEE, usage=usage, by=_BY, now=_ATTRIBUTED
    )
    first = issue_statement(
        database,
        licensee=LICENSEE,
        period=Period.parse("2026-Q3"),
        issued_on="2026-10-15",
        usage=usage,
        by=_BY,
        today=date(2026, 10, 15),
    )
    _import(database, example / "rights-2026-Q4", _DECIDED)
    decisions = []
    for decided in _DECISIONS:
        use = _use(database, decided)
        change_state(database, [use.id], decided.state, decided.reason, by=_BY, now=_DECIDED)
        decisions.append(Decision(use, decided.state, decided.reason))
    second = issue_statement(
        database,
        licensee=LICENSEE,
        period=Period.parse("2026-Q4"),
        issued_on="2027-01-15",
        usage=read_usage(example / "usage-2026-Q4.csv"),
        by=_BY,
        today=date(2027, 1, 15),
    )
    return Story(
        rights=rights,
        corrected=_rights(database)[0],
        findings=findings,
        policy=policy,
        first=first,
        decisions=tuple(decisions),
        second=second,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status: 0, or 2 where the document cannot be made."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.royalties_example", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--example", type=Path, default=EXAMPLE, help="folder of the inputs (docs/money/example)")
    parser.add_argument("--out", type=Path, default=EXAMPLE.parent / "EXAMPLE.md", help="what to write")
    asked = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as folder:
            story = run_example(asked.example, Database.open(str(Path(folder) / "rights.sqlite"), create=True))
        write_atomically(asked.out, with_contents(example_text(story) + "\n" + stories_text(asked.example)).encode())
    except SourceprintError as error:
        print(f"royalties_example: {error}", file=sys.stderr)
        return 2
    return 0


def with_contents(text: str) -> str:
    """Return the document with a list of its chapters before the first."""
    titles = re.findall("^## (.+)$", text, re.MULTILINE)
    anchors = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]
    contents = [f"- [{title}](#{anchor})" for title, anchor in zip(titles, anchors, strict=True)]
    return text.replace("## ", "\n".join(contents) + "\n\n## ", 1)


def _import(database: Database, folder: Path, now: datetime) -> None:
    report = import_rights(database, [folder], by=_BY, now=now)
    if not report.imported:
        raise RightsError(f"{folder}: was not imported; run sourceprint rights import on it to see why")


def _rights(database: Database) -> tuple[Rights, tuple[Finding, ...]]:
    """Return all rights on file, and the findings of a check."""
    with database.reading() as connection:
        records = Records.read(connection)
        recording_ids = [recording.id for recording in records.recordings]
        findings = tuple(check_rights(Records.read(connection)))
        return load_rights(connection, recording_ids=recording_ids, licensee=LICENSEE), findings


def _use(database: Database, decided: _Decided) -> Use:
    with database.reading() as connection:
        of_track = current_uses(connection, LICENSEE, tracks=[decided.track])
        found = [use for use in of_track if use.recording_id == decided.recording_id]
    if len(found) != 1:
        raise RightsError(
            f"track {decided.track}: has {len(found)} uses of {decided.recording_id}; the example needs 1"
        )
    return found[0]


if __name__ == "__main__":
    sys.exit(main())
