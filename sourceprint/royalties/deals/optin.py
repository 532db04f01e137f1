"""Report of opt-ins and opt-outs: every recording with a choice on file, with its standing and the reason.

Input: a reading of the database, a purpose, a territory and a day. Output: entries, one per recording, by id; and the
subjects of choices without a recording on file, which decide nothing yet.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from sqlalchemy import Column, Connection, select

from fingerprint.errors import UnknownRightsError, printable
from sourceprint.royalties.deals.standing import standing_of
from sourceprint.royalties.rights import schema
from sourceprint.royalties.rights.database import in_chunks
from sourceprint.royalties.rights.records import OptChoice
from sourceprint.royalties.rights.rights import all_records, load_rights
from sourceprint.text.tables import counted, first_of, table

__all__ = ["OptEntry", "OptReport", "opt_report", "opt_report_text", "opt_report_to_json", "recordings_chosen"]

SCHEMA = "sourceprint/opt-report/1"

_SHOWN_IDS = 8


@dataclass(frozen=True, slots=True)
class OptEntry:
    """Standing of one recording, with time and author of the entry of its choice."""

    recording_id: str
    isrc: str
    title: str
    choice: str
    choice_id: str
    reason: str
    made_at: str
    made_by: str


@dataclass(frozen=True, slots=True)
class OptReport:
    """Standing of recordings for a purpose, in a territory, on a day.

    Attributes
    ----------
    purpose, territory : str
    day : date
    revision : int
        Revision of the rights.
    entries : tuple of OptEntry
        By recording; "" as choice where no choice on file holds for the purpose there and then.
    undeclared : int
        Number of recordings on file without any choice.
    without_recording : tuple of str
        Subjects of choices without a recording on file.
    """

    purpose: str
    territory: str
    day: date
    revision: int
    entries: tuple[OptEntry, ...]
    undeclared: int
    without_recording: tuple[str, ...]


def opt_report(
    connection: Connection,
    *,
    purpose: str,
    territory: str,
    day: date,
    recording_ids: Iterable[str] = (),
    revision: int | None = None,
) -> OptReport:
    """Return the standing of recordings.

    Parameters
    ----------
    recording_ids : iterable of str
        Recordings to report; none means all with a choice.

    Raises
    ------
    UnknownRightsError
        If there is no such revision, or a recording is not on file.
    """
    choices: list[OptChoice] = list(all_records(connection, schema.opt, revision))
    concerned = _recordings_of(connection, choices, revision)
    wanted = sorted(set(recording_ids)) or sorted({one for ids in concerned.values() for one in ids})
    rights = load_rights(connection, recording_ids=wanted, owners=False, revision=revision)
    if missing := [one for one in wanted if one not in rights.recordings]:
        raise UnknownRightsError(
            f"recording {printable(missing[0]):.80}: is not on file; `sourceprint rights show` finds it by its ISRC"
        )
    on_file = schema.valid_at(schema.recording, revision)
    everything = list(connection.scalars(select(schema.recording.c.id).where(on_file)))
    made = _made(connection, choices, revision)
    entries = []
    for recording_id in wanted:
        standing = standing_of(rights, recording_id, purpose, territory, day)
        recording = rights.recordings[recording_id]
        made_at, made_by = made.get(standing.choice_id, ("", ""))
        entries.append(
            OptEntry(
                recording_id,
                recording.isrc,
                recording.title,
                standing.choice,
                standing.choice_id,
                standing.reason if standing.choice else _not_here(recording_id, concerned, purpose, territory, day),
                made_at,
                made_by,
            )
        )
    without = sorted(f"{subject} {subject_id}" for (subject, subject_id), ids in concerned.items() if not ids)
    undeclared = set(everything) - {one for ids in concerned.values() for one in ids}
    return OptReport(purpose, territory, day, rights.revision, tuple(entries), len(undeclared), tuple(without))


def recordings_chosen(connection: Connection, purpose: str) -> set[str]:
    """Return the ids of the recordings that choices on a purpose concern, whether these hold now or not."""
    choices = [
        one
        for one in all_records(connection, schema.opt)
        if isinstance(one, OptChoice) and (not one.purposes or purpose in one.purposes)
    ]
    return {recording for ids in _recordings_of(connection, choices, None).values() for recording in ids}


def opt_report_to_json(report: OptReport) -> dict[str, Any]:
    """Return a report as plain JSON types."""
    return {"schema": SCHEMA, **asdict(report), "day": report.day.isoformat()}


def opt_report_text(report: OptReport) -> str:
    """Return a report as lines for people, without a line break at the end."""
    rows: list[Sequence[str]] = [("recording", "ISRC", "title", "choice", "why", "entered", "by")]
    for one in report.entries:
        texts = (one.recording_id, one.isrc, one.title, one.choice or "none", one.reason, one.made_at[:10], one.made_by)
        rows.append(tuple(printable(text) for text in texts))
    counts = {choice: sum(one.choice == choice for one in report.entries) for choice in ("in", "out", "")}
    said = (
        f"{report.purpose} in {report.territory} on {report.day}, rights revision {report.revision}: "
        f"{counted(counts['in'], 'recording')} in, {counts['out']} out, {counts['']} with choices that do not hold "
        f"there and then, {report.undeclared} without any choice"
    )
    lines = [table(rows), said] if report.entries else [said]
    if report.without_recording:
        shown = first_of(list(map(printable, report.without_recording)), _SHOWN_IDS)
        lines.append(f"choices without a recording on file: {shown}")
    return "\n".join(lines)


def _recordings_of(
    connection: Connection, choices: Iterable[OptChoice], revision: int | None
) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the ids of the recordings that each subject of a choice covers."""

    def column(wanted: Column[str], found: Column[str], values: Iterable[str]) -> Mapping[str, set[str]]:
        ids: dict[str, set[str]] = {}
        for chunk in in_chunks(sorted(set(values))):
            query = select(wanted, found).where(wanted.in_(chunk), schema.valid_at(wanted.table, revision))
            for value, one in connection.execute(query):
                ids.setdefault(value, set()).add(one)
        return ids

    by_subject: dict[str, list[str]] = {}
    for choice in choices:
        by_subject.setdefault(choice.subject, []).append(choice.subject_id)
    recording, work, link = schema.recording.c, schema.work.c, schema.recording_work.c
    master, right = schema.master_share.c, schema.work_share.c
    found: dict[str, Mapping[str, set[str]]] = {
        "recording": column(recording.id, recording.id, by_subject.get("recording", ())),
        "isrc": column(recording.isrc, recording.id, by_subject.get("isrc", ())),
        "party": column(master.party_id, master.recording_id, by_subject.get("party", ())),
    }
    works = {
        "work": {one: {one} for one in by_subject.get("work", ())},
        "iswc": column(work.iswc, work.id, by_subject.get("iswc", ())),
        "party": column(right.party_id, right.work_id, by_subject.get("party", ())),
    }
    performed = column(
        link.work_id, link.recording_id, {one for of_kind in works.values() for ids in of_kind.values() for one in ids}
    )
    subjects: dict[tuple[str, str], tuple[str, ...]] = {}
    for subject, ids in by_subject.items():
        for subject_id in ids:
            direct = found.get(subject, {}).get(subject_id, set())
            through = {r for w in works.get(subject, {}).get(subject_id, set()) for r in performed.get(w, set())}
            subjects[subject, subject_id] = tuple(sorted(direct | through))
    return subjects


def _made(connection: Connection, choices: Iterable[OptChoice], revision: int | None) -> dict[str, tuple[str, str]]:
    """Return time and author of the entry of each choice."""
    opt, made = schema.opt, schema.revision
    found: dict[str, tuple[str, str]] = {}
    for chunk in in_chunks(sorted(choice.id for choice in choices)):
        query = (
            select(opt.c.id, made.c.made_at, made.c.made_by)
            .join(made, made.c.id == opt.c.since)
            .where(opt.c.id.in_(chunk), schema.valid_at(opt, revision))
        )
        found |= {row.id: (row.made_at, row.made_by) for row in connection.execute(query)}
    return found


def _not_here(
    recording_id: str, concerned: Mapping[tuple[str, str], tuple[str, ...]], purpose: str, territory: str, day: date
) -> str:
    if not any(recording_id in ids for ids in concerned.values()):
        return "nothing was chosen"
    return f"no choice on file holds for {purpose} in {territory} on {day}"
