"""Consistency of staged records: each id once, no dead link, no recording inside itself, no unclear share.

Input: a staging that has been read to the end. Output: problems; the staged records that remain are consistent with
each other and with those on file. Memory does not grow with the number of rows, except for the parts of recordings.

Bare shares (`25` without %) are refused with the figures that tell their unit: their number, examples, and the sums
either way.
"""

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, select

from fingerprint.errors import AmbiguousSharesError, printable
from sourceprint.royalties.decimals import decimal_text
from sourceprint.royalties.percentages import format_percent
from sourceprint.royalties.rights.findings import find_circles
from sourceprint.royalties.rights.schema import VERSIONED, recording_part
from sourceprint.royalties.tables.problems import Severity
from sourceprint.royalties.tables.staging import COLUMNS, Staging
from sourceprint.text.tables import listed

__all__ = ["require_clear_shares", "resolve_circles", "resolve_duplicates", "resolve_links", "warn_of_parties"]

_TABLES = {table.name: table for table in VERSIONED}
_LINKS = (
    ("recording_work", "recording_id", "recording"),
    ("recording_work", "work_id", "work"),
    ("recording_part", "recording_id", "recording"),
    ("recording_part", "part_id", "recording"),
    ("master_share", "recording_id", "recording"),
    ("master_share", "party_id", "party"),
    ("work_share", "work_id", "work"),
    ("work_share", "party_id", "party"),
    ("licence", "licensor", "party"),
    ("licence", "licensee", "party"),
)
_NAMES = {"millionths": "share", "weight_millionths": "weight", "document": "content"}
"""Columns of the schema under the names that people use, where these differ."""

_MAY_DISAGREE = {("party", "name"), ("recording", "label")}
"""Columns that keep their first value, with a warning: companies have many spellings, and each owner has a label."""

_EXAMPLES = 3
_WHOLE_PERCENT = 100_000_000
_WHOLE_FRACTION = 1_000_000


def resolve_duplicates(staging: Staging) -> None:
    """Leave each staged id once: equal rows count once, rows of a spreadsheet merge; contradictions are errors."""
    for kind, columns in COLUMNS.items():
        equal = 0
        for group in _duplicates(staging, kind):
            if all(row["loose"] for row in group):
                _merge(staging, kind, group)
                continue
            first = group[0]
            different = [row for row in group[1:] if any(row[name] != first[name] for name in columns)]
            if not different:
                staging.drop(kind, [row["seq"] for row in group[1:]])
                equal += len(group) - 1
                continue
            for row in different:
                name = next(name for name in columns if row[name] != first[name])
                remedy = (
                    f"{_label(kind, row)} is in {_place(staging, first)} already with another "
                    f"{_NAMES.get(name, name)} ({_shown(first[name], name)}, here {_shown(row[name], name)}); "
                    "keep one of them"
                )
                staging.problem("error", row["file"], row["line"], "", row["id"], "duplicate-key", remedy)
            staging.refuse(kind, first["id"], first["file"], first["line"])
            staging.drop(kind, [row["seq"] for row in group])
        if equal:
            sentence = f"{equal} rows repeat another one word for word; they count once"
            staging.problem("note", kind, 0, "", "", "repeated-row", sentence)


def resolve_links(staging: Staging, connection: Connection) -> None:
    """Drop, with an error, staged records that refer to a record neither staged nor on file."""
    query = staging.connection.execute
    query("CREATE TABLE missing (id TEXT PRIMARY KEY)")
    query("CREATE TABLE dead (kind TEXT, seq INTEGER)")  # dropped at the end, so that a row names all its dead links
    for kind, column, target in _LINKS:
        query("DELETE FROM missing")
        query(
            f"INSERT INTO missing SELECT DISTINCT {column} FROM {kind} WHERE {column} <> '' "
            f"AND NOT EXISTS (SELECT 1 FROM {target} WHERE {target}.id = {kind}.{column})"
        )
        table = _TABLES[target]
        last = ""
        while chunk := [
            row[0] for row in staging.query("SELECT id FROM missing WHERE id > ? ORDER BY id LIMIT 900", (last,))
        ]:
            last = chunk[-1]
            found = connection.scalars(select(table.c.id).where(table.c.id.in_(chunk), table.c.until.is_(None)))
            staging.connection.executemany("DELETE FROM missing WHERE id = ?", ((record_id,) for record_id in found))
        if not staging.query("SELECT count(*) FROM missing")[0][0]:
            continue
        found_dead = query(
            f"SELECT k.file, k.line, k.{column}, r.file, r.line FROM {kind} k JOIN missing m ON m.id = k.{column} "
            "LEFT JOIN refused r ON r.kind = ? AND r.id = m.id ORDER BY k.seq",
            (target,),
        )
        for file, line, record_id, refused_file, refused_line in found_dead:
            if refused_file is None:
                how = " with a sheet of the columns party_id and party" if target == "party" else ""
                where = "neither in these files nor on file"
                remedy = f"{column} {_shown(record_id)}: no such {target}, {where}; add it{how}"
                staging.problem("error", file, line, column, record_id, "dead-reference", remedy)
            else:
                where = f"{refused_file}, row {refused_line}"
                remedy = f"{target} {_shown(record_id)} is refused ({where}), and this row depends on it; mend that row"
                staging.problem("error", file, line, column, record_id, "depends-on-refused", remedy)
        query(f"INSERT INTO dead SELECT ?, seq FROM {kind} WHERE {column} IN (SELECT id FROM missing)", (kind,))
    for kind in {kind: None for kind, _, _ in _LINKS}:
        query(f"DELETE FROM {kind} WHERE seq IN (SELECT seq FROM dead WHERE kind = ?)", (kind,))


def resolve_circles(staging: Staging, connection: Connection) -> None:
    """Drop, with an error, staged parts of recordings by which a recording would contain itself."""
    edges: dict[str, set[str]] = {}
    for recording_id, part_id in staging.query("SELECT DISTINCT recording_id, part_id FROM recording_part"):
        edges.setdefault(recording_id, set()).add(part_id)
    if not edges:
        return
    on_file = select(recording_part.c.recording_id, recording_part.c.part_id).where(recording_part.c.until.is_(None))
    for recording_id, part_id in connection.execute(on_file):
        edges.setdefault(recording_id, set()).add(part_id)
    while circles := find_circles(edges):
        for circle in circles:
            named = " contains ".join([*circle, circle[0]])
            for recording_id, part_id in zip(circle, (*circle[1:], circle[0]), strict=True):
                edges[recording_id].discard(part_id)
                rows = staging.query(
                    "SELECT seq, file, line FROM recording_part WHERE recording_id = ? AND part_id = ? ORDER BY seq",
                    (recording_id, part_id),
                )
                for _, file, line in rows:
                    remedy = f"a recording would contain itself: {named}; remove one of these parts"
                    staging.problem("error", file, line, "", recording_id, "circle", remedy)
                staging.drop("recording_part", [row[0] for row in rows])


def warn_of_parties(staging: Staging) -> None:
    """Warn of several parties with the same number or the same name."""
    for column, scheme in (("ipi", "IPI"), ("isni", "ISNI")):
        for number, ids in staging.query(
            f"SELECT {column}, group_concat(id, char(31)) FROM (SELECT * FROM party ORDER BY id) "
            f"WHERE {column} <> '' GROUP BY {column} HAVING count(*) > 1 ORDER BY {column}"
        ):
            sentence = f"{scheme} {number} belongs to several parties: {_parties(ids)}; are they the same?"
            staging.problem("warning", "party", 0, column, number, "same-party", sentence)
    for name, ids in staging.query(
        "SELECT min(name), group_concat(id, char(31)) FROM (SELECT * FROM party ORDER BY id) "
        "WHERE name <> '' GROUP BY lower(name) HAVING count(*) > 1 ORDER BY lower(name)"
    ):
        sentence = f"several parties are called {_shown(name)}: {_parties(ids)}; are they the same?"
        staging.problem("warning", "party", 0, "name", name, "same-name", sentence)


def _parties(ids: str) -> str:
    return listed(ids.split("\x1f"))


def _duplicates(staging: Staging, kind: str) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of each id that is staged more than once, in the order of reading."""
    names = ("seq", "file", "line", "loose", *COLUMNS[kind])
    quoted = ", ".join(f'"{name}"' for name in names)
    last = staging.connection.execute(f"SELECT coalesce(max(seq), 0) FROM {kind}").fetchone()[0]
    twice = staging.connection.execute(
        f"SELECT {quoted} FROM {kind} WHERE seq <= ? AND id IN (SELECT id FROM {kind} GROUP BY id HAVING count(*) > 1) "
        "ORDER BY id, seq",
        (last,),
    )
    rows = (dict(zip(names, values, strict=True)) for values in twice)
    for _, group in groupby(rows, key=itemgetter("id")):
        yield list(group)


def _merge(staging: Staging, kind: str, group: list[dict[str, Any]]) -> None:
    """Merge several rows of a spreadsheet into one record, unless they contradict each other."""
    merged = dict(group[0])
    contradicted = False
    for row in group[1:]:
        for name in COLUMNS[kind]:
            if row[name] is None or row[name] == merged[name]:
                continue
            if merged[name] is None:
                merged[name] = row[name]
                continue
            milder = (kind, name) in _MAY_DISAGREE
            remedy = (
                f"{_label(kind, row)} has {name} {_shown(merged[name])} in an earlier row, here "
                f"{_shown(row[name])}; " + ("the first is kept" if milder else "write the same in both")
            )
            severity: Severity = "warning" if milder else "error"
            rule = "several-names" if milder else "contradiction"
            staging.problem(severity, row["file"], row["line"], name, str(row[name]), rule, remedy)
            contradicted |= not milder
    staging.drop(kind, [row["seq"] for row in group[0 if contradicted else 1 :]])
    if contradicted:
        staging.refuse(kind, merged["id"], merged["file"], merged["line"])
        return
    if merged == group[0]:
        return
    assignments = ", ".join(f'"{name}" = ?' for name in COLUMNS[kind])
    values = [merged[name] for name in COLUMNS[kind]]
    staging.connection.execute(f"UPDATE {kind} SET {assignments} WHERE seq = ?", (*values, merged["seq"]))


def _place(staging: Staging, row: dict[str, Any]) -> str:
    return f"{staging.file_name(row['file'])}, row {row['line']},"


def _label(kind: str, row: dict[str, Any]) -> str:
    label = f"{kind.replace('_', ' ')} {_shown(row['id'])}"
    if "party_id" not in row:
        return label
    subject = row.get("recording_id", row.get("work_id"))
    return f"{label} ({row['right']} of {_shown(row['party_id'])} in {_shown(subject)})"


def _shown(value: object, name: str = "") -> str:
    if name in _NAMES and isinstance(value, int):
        return format_percent(value)
    return repr(value.replace("\t", " / ")[:60]) if isinstance(value, str) else str(value)


def require_clear_shares(staging: Staging) -> None:
    """Refuse an import with bare numbers as shares whose unit is not stated.

    Raises
    ------
    AmbiguousSharesError
        With the number of shares, examples, and the sums by right in one recording or work, in either reading.
    """
    count = staging.query("SELECT count(*) FROM bare_share")[0][0]
    if not count:
        return
    examples = "; ".join(
        f"{printable(text)} in {staging.file_name(file)}, row {line}"
        for text, file, line in staging.query(
            f"SELECT text, file, line FROM bare_share ORDER BY file, line LIMIT {_EXAMPLES}"
        )
    )
    sums = "SELECT subject, right, sum(micro) AS micro FROM bare_share GROUP BY subject, right"
    groups, percent, fraction = staging.query(
        f"SELECT count(*), sum(micro = {_WHOLE_PERCENT}), sum(micro = {_WHOLE_FRACTION}) FROM ({sums})"
    )[0]
    shown = staging.query(f"{sums} ORDER BY subject, right LIMIT {_EXAMPLES}")
    as_percent, as_fraction = (
        "; ".join(f"{printable(subject)[:40]} {right} {_hundredths(micro // per)}" for subject, right, micro in shown)
        for per in (10_000, 100)
    )
    raise AmbiguousSharesError(
        f"{count} shares are bare numbers ({examples}): are they percentages, or fractions of 1?\n"
        f"  as percentages, {percent} of {groups} sums by work or recording and right are 100 %: {as_percent}\n"
        f"  as fractions, {fraction} of {groups} sums are 100 %: {as_fraction}\n"
        "  give --shares percent or --shares fraction, or write the sign % after each share"
    )


def _hundredths(number: int) -> str:
    """Return hundredths of a percent as a percentage, for messages."""
    return f"{decimal_text(number, 2)} %"
