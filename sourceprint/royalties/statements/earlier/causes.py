"""Causes of adjustments: the changes on file since a statement was computed, by whom and why, in words.

The inputs are two revisions of the rights, the subjects of the differing lines, and the differing uses. The results are
`RightsChange`s, each with its subject, so that a line names its own, and the decisions and attributions that changed
uses. Several changes of one share are one; of a licence, every version is named, with the reason of a correction.


A share that ends on the day before another begins is a sale, or a transfer that pays as one does.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Column, Connection, Row, Table, and_, func, or_, select

from fingerprint.errors import printable
from sourceprint.royalties.deals.standing import choice_words
from sourceprint.royalties.percentages import format_percent
from sourceprint.royalties.rights import schema
from sourceprint.royalties.rights.database import in_chunks
from sourceprint.royalties.rights.records import OptChoice, RecordingWork, RightsRecording, Share, Work
from sourceprint.royalties.rights.rows import Record, record_of
from sourceprint.royalties.territories import EVERYWHERE, WORLDWIDE, Territories
from sourceprint.royalties.uses.states import latest_states

__all__ = ["RightsChange", "by_whom", "report_author", "rights_changes", "use_authors"]

_CORRECTION = re.compile(r"\(correction: (.*)\)$", re.DOTALL)
_FIELDS = {"duration_ms": "length in ms", "label": "label", "tags": "tags", "vocals": "vocals", "isrc": "ISRC"}
_MOST_CHOICES = 1000


@dataclass(frozen=True, slots=True)
class RightsChange:
    """One change of the rights on file.

    Attributes
    ----------
    kind, subject_id : str
        The subject: a "recording", "work", "isrc", "iswc", "party" or "licence".
    right : str
        The right whose shares changed; "" is all.
    territories : Territories
    choice : bool
        Whether it is an opt-in or opt-out.
    words : str
        The change, who made it, and when.
    """

    kind: str
    subject_id: str
    right: str
    territories: Territories
    choice: bool
    words: str

    def concerns(self, subjects: Collection[tuple[str, str]], right: str, territory: str) -> bool:
        """Return whether a line is about it: of some subjects, a right and a territory."""
        return (
            (self.kind, self.subject_id) in subjects
            and self.right in ("", right)
            and (territory == WORLDWIDE or self.territories.covers(territory))
        )


@dataclass(frozen=True, slots=True)
class _Edit:
    """A record before and after; either may be none."""

    before: Record | None
    after: Record | None
    author: str


def by_whom(made_by: str, made_at: str) -> str:
    """Return who did something and on which day.

    Examples
    --------
    >>> by_whom("Ann", "2026-10-03T09:00:00Z")
    'by Ann, 2026-10-03'
    """
    return f"by {printable(made_by)}, {made_at[:10]}"


def rights_changes(
    connection: Connection,
    revisions: tuple[int, int],
    subjects: Iterable[tuple[str, str]],
    *,
    licensee: str,
    names: Mapping[str, str],
    all_choices: bool,
) -> list[RightsChange]:
    """Return the changes of rights that concern some subjects, after one revision and up to another.

    Parameters
    ----------
    connection : Connection
        Inside a transaction of `Database`.
    revisions : (int, int)
    subjects : iterable of (str, str)
        Kinds and ids of the lines' subjects: "recording", "work" and "party".
    licensee : str
        Whose licences.
    names : mapping of str to str
        Names of parties by id.
    all_choices : bool
        Whether any opt-in or opt-out may be a cause, as it is of a part of a pool; the first 1 000 are returned.
    """
    if revisions[0] >= revisions[1]:
        return []
    wanted: dict[str, set[str]] = {"recording": set(), "work": set(), "party": set()}
    for kind, subject_id in subjects:
        wanted[kind].add(subject_id)
    reader = _Reader(connection, revisions)
    found = list(_choices(reader, None if all_choices else {one for ids in wanted.values() for one in ids}))
    found += _licences(reader, licensee)
    for table, column, kind in (
        (schema.master_share, schema.master_share.c.recording_id, "recording"),
        (schema.work_share, schema.work_share.c.work_id, "work"),
    ):
        found += _shares(kind, reader.edits(table, column, wanted[kind]), names)
    found += map(_link, reader.edits(schema.recording_work, schema.recording_work.c.recording_id, wanted["recording"]))
    for table, kind in ((schema.recording, "recording"), (schema.work, "work")):
        for edit in reader.edits(table, table.c.id, wanted[kind]):
            found += _fields(kind, edit)
    return found


def use_authors(connection: Connection, use_ids: Iterable[str]) -> dict[str, tuple[str, str, str]]:
    """Return who changed uses last, when, and why where a reason was given: a person, or an attribution."""
    wanted = sorted(set(use_ids))
    use, made = schema.use.c, schema.attribution.c
    found: dict[str, tuple[str, str, str]] = {}
    for chunk in in_chunks(wanted):
        query = (
            select(use.id, made.made_by, made.made_at, schema.scan.c.reason)
            .select_from(schema.use)
            .join(schema.attribution, made.id == func.coalesce(use.superseded_by, use.attribution_id))
            .outerjoin(schema.scan, and_(schema.scan.c.attribution_id == made.id, schema.scan.c.reason != ""))
            .where(use.id.in_(chunk))
            .order_by(use.row_id, schema.scan.c.id)
        )
        for row in connection.execute(query):
            found[row.id] = (row.made_by, row.made_at, row.reason or "")
    for use_id, change in latest_states(connection, wanted).items():
        if use_id not in found or change.made_at >= found[use_id][1]:
            found[use_id] = (change.made_by, change.made_at, "")
    return found


def report_author(connection: Connection, licensee: str, start: str, end: str, version: int) -> str:
    """Return who entered a version of a usage report, and when, as `by_whom`; "" where it is not on file."""
    report = schema.usage_report.c
    row = connection.execute(
        select(report.made_by, report.made_at).where(
            report.licensee == licensee,
            report.period_start == start,
            report.period_end == end,
            report.version == version,
        )
    ).first()
    return by_whom(row.made_by, row.made_at) if row else ""


class _Reader:
    """Reads the changes between two revisions."""

    def __init__(self, connection: Connection, revisions: tuple[int, int]) -> None:
        self.connection = connection
        self.after, self.until = revisions

    def rows(self, table: Table, column: Column[Any], wanted: Iterable[str] | None) -> dict[str, list[Row[Any]]]:
        """Return the versions of changed records, by id, the oldest first; None is of any subject."""
        since, until = table.c.since, table.c.until
        between = or_(and_(since > self.after, since <= self.until), and_(until > self.after, until <= self.until))
        query = select(table).where(between).order_by(table.c.row_id)
        queries = [query.limit(_MOST_CHOICES)]
        if wanted is not None:
            queries = [query.where(column.in_(chunk)) for chunk in in_chunks(sorted(wanted))]
        found: dict[str, list[Row[Any]]] = {}
        for one in queries:
            for row in self.connection.execute(one):
                found.setdefault(row.id, []).append(row)
        return dict(sorted(found.items()))

    def edits(self, table: Table, column: Column[Any], wanted: Iterable[str] | None) -> Iterator[_Edit]:
        """Yield the changed records of some subjects, by id, each as it was and as it is."""
        rows = self.rows(table, column, wanted)
        authors = self.authors(
            number for versions in rows.values() for row in versions for number in (row.since, row.until)
        )
        for versions in rows.values():
            before = next((row for row in versions if self._holds(row, self.after)), None)
            after = next((row for row in versions if self._holds(row, self.until)), None)
            was, now = (None if row is None else record_of(table, row._mapping) for row in (before, after))
            if was != now:
                at = after.since if after is not None else versions[-1].until
                yield _Edit(was, now, by_whom(*authors[at][:2]))

    def authors(self, numbers: Iterable[int | None]) -> dict[int, tuple[str, str, str]]:
        """Return the author, time and source of revisions."""
        table = schema.revision.c
        found: dict[int, tuple[str, str, str]] = {}
        for chunk in in_chunks(sorted({number for number in numbers if number})):
            query = select(table.id, table.made_by, table.made_at, table.source).where(table.id.in_(chunk))
            found |= {row.id: (row.made_by, row.made_at, row.source) for row in self.connection.execute(query)}
        return found

    def _holds(self, row: Row[Any], at: int) -> bool:
        return row.since <= at and (row.until is None or row.until > at)


def _choices(reader: _Reader, subject_ids: Collection[str] | None) -> Iterator[RightsChange]:
    wanted = None
    if subject_ids is not None:
        codes = [(schema.recording, schema.recording.c.isrc), (schema.work, schema.work.c.iswc)]
        wanted = set(subject_ids)
        for table, code in codes:
            for chunk in in_chunks(sorted(subject_ids)):
                query = select(code).where(table.c.id.in_(chunk), code != "").distinct()
                wanted.update(reader.connection.scalars(query))
    for edit in reader.edits(schema.opt, schema.opt.c.subject_id, wanted):
        one = edit.after or edit.before
        if isinstance(one, OptChoice):
            said = choice_words(one, ", ".join(one.purposes) or "every purpose")
            if edit.after is None:
                said = f"withdrawn: {said}"
            elif edit.before is not None:
                said = f"changed: {said}"
            yield RightsChange(one.subject, one.subject_id, "", one.territories, True, f"{said} ({edit.author})")


def _licences(reader: _Reader, licensee: str) -> Iterator[RightsChange]:
    table = schema.licence
    rows = reader.rows(table, table.c.licensee, [licensee])
    authors = reader.authors(
        number for versions in rows.values() for row in versions for number in (row.since, row.until)
    )
    for licence_id, versions in rows.items():
        for number, row in enumerate(versions):
            if row.since > reader.after:
                before = versions[number - 1] if number and versions[number - 1].until == row.since else None
                made_by, made_at, source = authors[row.since]
                correction = _CORRECTION.search(source)
                what = _version_words(None if before is None else json.loads(before.document), json.loads(row.document))
                if correction and before is not None:
                    what = f"corrected: {printable(correction[1])}"
                yield _of_licence(licence_id, what, by_whom(made_by, made_at))
        last = versions[-1].until
        if last is not None and last <= reader.until:
            yield _of_licence(licence_id, "withdrawn", by_whom(*authors[last][:2]))


def _of_licence(licence_id: str, what: str, author: str) -> RightsChange:
    words = f"licence {printable(licence_id)} {what} ({author})"
    return RightsChange("licence", licence_id, "", EVERYWHERE, False, words)


def _version_words(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> str:
    """Return the difference of a licence's version from the one before it, in words."""
    if before is None:
        return f"new, in force from {after['valid_from']}"
    earlier = before.get("amendments", [])
    added = [one["from"] for one in after.get("amendments", []) if one not in earlier]
    if added:
        return f"amended from {', '.join(sorted(added))}"
    keys = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    return f"changed: {', '.join(keys) or 'nothing'}"


def _shares(kind: str, edits: Iterable[_Edit], names: Mapping[str, str]) -> Iterator[RightsChange]:
    groups: dict[tuple[str, str], list[_Edit]] = {}
    for edit in edits:
        one = edit.after or edit.before
        if isinstance(one, Share):
            groups.setdefault((one.subject_id, one.right), []).append(edit)
    for (subject_id, right), of_one in sorted(groups.items()):
        what = f"{right} of {printable(subject_id)}"
        if sold := _sale(of_one, names):
            authors = "; ".join(dict.fromkeys(edit.author for edit in of_one))
            words = f"sale: {what} {sold} ({authors})"
            yield RightsChange(kind, subject_id, right, _where(of_one), False, words)
            continue
        for edit in of_one:
            words = f"{_share_words(edit, what, names)} ({edit.author})"
            yield RightsChange(kind, subject_id, right, _where([edit]), False, words)


def _sale(edits: Sequence[_Edit], names: Mapping[str, str]) -> str:
    """Return in words that shares pass to others on a day; "" where they do not."""
    ended = [
        edit.after
        for edit in edits
        if isinstance(edit.before, Share)
        and isinstance(edit.after, Share)
        and edit.after.valid_to is not None
        and edit.after.party_id == edit.before.party_id
        and edit.after.valid_to != edit.before.valid_to
    ]
    begun = [edit.after for edit in edits if edit.before is None and isinstance(edit.after, Share)]
    days = {one.valid_to + timedelta(days=1) for one in ended if one.valid_to is not None}
    if len(ended) + len(begun) < len(edits) or len(days) != 1 or {one.valid_from for one in begun} != days:
        return ""
    return f"passes from {_holders(ended, names)} to {_holders(begun, names)} on {min(days)}"


def _holders(shares: Iterable[Share], names: Mapping[str, str]) -> str:
    return ", ".join(f"{_name(one, names)} ({format_percent(one.millionths)})" for one in shares)


def _share_words(edit: _Edit, what: str, names: Mapping[str, str]) -> str:
    before, after = edit.before, edit.after
    if isinstance(after, Share) and isinstance(before, Share):
        was, now = _facts(before, names), _facts(after, names)
        moved = [(new, old) for new, old in zip(now, was, strict=True) if new != old] or [("another role", "the same")]
        texts = [", ".join(text or "any time" for text in side) for side in zip(*moved, strict=True)]
        return f"share of {was[0]} in {what}: now {texts[0]}, was {texts[1]}"
    if isinstance(after, Share):
        return f"new share in {what}: {', '.join(filter(None, _facts(after, names)))}"
    if isinstance(before, Share):
        return f"share in {what} withdrawn: {', '.join(filter(None, _facts(before, names)))}"
    return ""


def _facts(share: Share, names: Mapping[str, str]) -> tuple[str, ...]:
    """Return whose a share is, how much, where and when; "" is at any time."""
    where = "" if share.territories == EVERYWHERE else f" in {share.territories}"
    since = f"from {share.valid_from}" if share.valid_from else ""
    until = f"to {share.valid_to}" if share.valid_to else ""
    return (_name(share, names), f"{format_percent(share.millionths)}{where}", f"{since} {until}".strip())


def _name(share: Share, names: Mapping[str, str]) -> str:
    return printable(names.get(share.party_id) or share.party_id or "nobody on file")


def _where(edits: Iterable[_Edit]) -> Territories:
    """Return the territories of some changed shares; everywhere if these differ, or no share changed."""
    where = {one.territories for edit in edits for one in (edit.before, edit.after) if isinstance(one, Share)}
    return where.pop() if len(where) == 1 else EVERYWHERE


def _link(edit: _Edit) -> RightsChange:
    one = edit.after or edit.before
    if not isinstance(one, RecordingWork):
        raise TypeError(f"{one!r:.80} links no recording to a work")
    what = (
        "performs another part of" if edit.before and edit.after else "performs" if edit.after else "no more performs"
    )
    words = f"recording {printable(one.recording_id)} {what} work {printable(one.work_id)} ({edit.author})"
    return RightsChange("recording", one.recording_id, "", EVERYWHERE, False, words)


def _fields(kind: str, edit: _Edit) -> Iterator[RightsChange]:
    """Yield the changes of a recording's or work's fields that money depends on."""
    before, after = edit.before, edit.after
    if isinstance(before, Work) and isinstance(after, Work):
        if before.disputed == after.disputed:
            return
        said = "in dispute" if after.disputed == "yes" else "no more in dispute"
        yield RightsChange(kind, after.id, "", EVERYWHERE, False, f"work {printable(after.id)} {said} ({edit.author})")
    if isinstance(before, RightsRecording) and isinstance(after, RightsRecording):
        moved = [name for name in _FIELDS if getattr(before, name) != getattr(after, name)]
        if moved:
            said = ", ".join(_FIELDS[name] for name in moved)
            words = f"recording {printable(after.id)}: {said} changed ({edit.author})"
            yield RightsChange(kind, after.id, "", EVERYWHERE, False, words)
