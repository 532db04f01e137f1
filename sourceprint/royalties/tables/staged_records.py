"""Rows of tables and spreadsheets as staged records.

Input: an open sheet. Output: records in the staging. `stage_table` reads tables shaped like those of BWARM, one kind of
record each. A column that a table of parties, recordings or works does not have leaves the value on file as it is; an
empty cell empties it. BWARM has several types of right shares. Those that say who is paid (MusicalWorkCollectionShare,
LicensingShare, CopyrightControlShare, or no type) are shares here. MusicalWorkManuscriptShare and
OriginalPublisherShare say who wrote and who published, and would be counted a second time; they are left out with a
note, as are credits without a percentage.

`stage_single` reads the form for people with a spreadsheet: one file, one row per recording, work, party, right,
territory and share. `docs/formats/rights-tables.md` describes its columns, and the ids that are made where it has none.
A record may be spread over many rows: an empty cell says nothing, neither against another row nor against the record on
file; two rows that contradict each other are refused. The id of a share is made of subject, party, right, role,
territories and first day, so that another percentage or another last day changes the share on file instead of adding
one.

Names are compared without case and without surplus spaces, letters in their compatible form (NFKC).
"""

import hashlib
import unicodedata
from collections.abc import Callable
from typing import Any

from fingerprint.errors import ParameterError, RightsError
from sourceprint.royalties.rights.records import MASTER, OPT_SUBJECTS
from sourceprint.royalties.tables.cells import Unit, parse_share
from sourceprint.royalties.tables.columns import SINGLE, Shape
from sourceprint.royalties.tables.label_sheets import LabelSheet
from sourceprint.royalties.tables.row_reader import RowReader
from sourceprint.royalties.tables.staging import COLUMNS, Staging, hashed_id
from sourceprint.sheets.columns import named_columns
from sourceprint.sheets.opened import Sheet

__all__ = ["made_id", "stage_single", "stage_table"]

_MAX_NAME = 200
_ID_BESIDE = {"isrc": "recording", "iswc": "work"}
_IDS = {
    "recording": ((("recording_id", ""), ("isrc", "isrc:"), ("index_id", "index:")), ("recording_title", "artists")),
    "work": ((("work_id", ""), ("iswc", "iswc:")), ("work_title", "writers")),
    "party": ((("party_id", ""), ("ipi", "ipi:"), ("isni", "isni:")), ("party",)),
}
"""Columns with an id by kind, each with the prefix of that id; and the names that make an id without them."""
_CREDITS = "name a party and no share: credits, not shares"
_PAID = frozenset({"musicalworkcollectionshare", "licensingshare", "copyrightcontrolshare"})
_UNCLAIMED = "copyrightcontrolshare"
_TABLE_CREDITS = "have no percentage: credits, not shares"
_OWNERSHIP = (
    "are MusicalWorkManuscriptShare or OriginalPublisherShare: who wrote and published, not who is paid; paid "
    "shares have the type MusicalWorkCollectionShare or none"
)


def stage_single(staging: Staging, file: int, sheet: Sheet, how: LabelSheet, *, unit: Unit | None) -> int:
    """Stage the records of a spreadsheet and return the number of its rows.

    Raises
    ------
    RightsError
        If the file cannot be read to its end.
    """
    reader = RowReader(staging, file, sheet, how.matched, SINGLE.columns, unit=unit)
    labels: dict[str, str] = {}
    for line, values, good in reader:
        if how.right and values.get("share"):
            values["rights"] = how.right
        if how.owner_is_label and values.get("share"):
            values["party"] = values["label"]
        recording_id, work_id, party_id = ids = tuple(_id_of(kind, values) for kind in _IDS)
        if how.owner_is_label and recording_id:  # of several owners, the first is the label of the recording
            values["label"] = labels.setdefault(recording_id, values.get("label", ""))
        if good:
            _stage_row(reader, line, values, recording_id, work_id, party_id)
        else:
            for kind, record_id in zip(_IDS, ids, strict=True):
                if record_id:
                    staging.refuse(kind, record_id, file, line)
    reader.close()
    return reader.rows


def made_id(prefix: str, *names: str) -> str:
    """Return an id made of names.

    Examples
    --------
    >>> made_id("party", "Ann  WRITER"), made_id("work", "Tonight", "Ann Writer|Bob")
    ('party:ann writer', 'work:tonight/ann writer|bob')
    """
    text = "/".join(" ".join(unicodedata.normalize("NFKC", name).casefold().split()) for name in names)
    if len(text) > _MAX_NAME:
        text = hashlib.sha256(text.encode()).hexdigest()
    return f"{prefix}:{text}"


def _id_of(kind: str, values: dict[str, Any]) -> str:
    """Return the id of the recording, work or party in a row, given or made; "" where the row names none."""
    codes, names = _IDS[kind]
    for field, prefix in codes:
        if values.get(field):
            return f"{prefix}{values[field]}"
    return made_id(kind, *(values.get(name, "") for name in names)) if values.get(names[0]) else ""


def _stage_row(
    reader: RowReader, line: int, values: dict[str, Any], recording_id: str, work_id: str, party_id: str
) -> None:
    rights = values["rights"].split("|") if values.get("rights") else []
    share = values.get("share", "")
    faults = list(_faults(values, rights, recording_id, work_id))
    for field, rule, remedy in faults:
        reader.fault(line, field, str(values.get(field, "")), rule, remedy)
    if faults:
        return
    _stage_records(reader, line, values, recording_id, work_id, party_id)
    if not share:
        if party_id:
            reader.notes[_CREDITS] += 1
        return
    for right in rights:
        subject_id = recording_id if right == MASTER else work_id
        reader.stage_share(line, values, subject_id=subject_id, party_id=party_id, right=right)


def _faults(values: dict[str, Any], rights: list[str], recording_id: str, work_id: str) -> list[tuple[str, str, str]]:
    """Return the faults of a row as a whole: field, rule and remedy."""
    if not recording_id and not work_id:
        return [("isrc", "no-subject", "names neither a recording nor a work; add an ISRC, ISWC, title or id")]
    if values.get("share") and not rights:
        return [
            ("rights", "empty-cell", "has a share but no right; write Master, MechanicalRight, PerformingRight, ...")
        ]
    faults = []
    if values.get("share") and MASTER in rights and not recording_id:
        faults.append(("rights", "no-subject", "a Master share belongs to a recording; add its ISRC, title or id"))
    if values.get("share") and any(right != MASTER for right in rights) and not work_id:
        faults.append(("rights", "no-subject", "this right belongs to a work; add its ISWC, title or id"))
    return faults


def _stage_records(
    reader: RowReader, line: int, values: dict[str, Any], recording_id: str, work_id: str, party_id: str
) -> None:
    """Stage the records that a row names; None is a field that it leaves empty."""

    def said(*fields: str) -> tuple[Any, ...]:
        return tuple(None if values.get(field, "") == "" else values[field] for field in fields)

    def add(kind: str, *row: Any) -> None:
        reader.staging.add(kind, reader.file, line, row, loose=True)

    if recording_id:
        title, artists, isrc, label, index_id, vocals, tags = said(
            "recording_title", "artists", "isrc", "label", "index_id", "vocals", "tags"
        )
        duration, duration_ms = said("duration", "duration_ms")
        length = duration_ms if duration is None else duration
        add("recording", recording_id, title, None, artists, isrc, label, length, index_id, vocals, tags)
    if work_id:
        add("work", work_id, *said("work_title", "iswc", "writers", "disputed"))
    if recording_id and work_id:
        add("recording_work", f"{recording_id}\t{work_id}", recording_id, work_id, None)
    if party_id:
        add("party", party_id, *said("party", "ipi", "isni", "dpid"))


def stage_table(staging: Staging, file: int, sheet: Sheet, shape: Shape, *, unit: Unit | None) -> int:
    """Stage the records of a table and return the number of its rows.

    Raises
    ------
    RightsError
        If the file cannot be read to its end, or its columns are not those of the shape.
    """
    names = {column.field: column.names for column in shape.columns}
    needed = [(column.field,) for column in shape.columns if column.needed]
    matched = named_columns(sheet, names, needed, RightsError)
    reader = RowReader(staging, file, sheet, matched, shape.columns, unit=unit)
    stage = _STAGERS[shape.kind]
    for line, values, good in reader:
        if good:
            stage(reader, shape.kind, line, values)
        elif values.get("id") and shape.kind in ("party", "recording", "work"):
            staging.refuse(shape.kind, values["id"], file, line)
    reader.close()
    return reader.rows


def _stage_record(reader: RowReader, kind: str, line: int, values: dict[str, Any]) -> None:
    if kind == "recording":
        values["duration_ms"] = _duration(reader, line, values)
    reader.staging.add(kind, reader.file, line, tuple(values.get(name) for name in COLUMNS[kind]))


def _duration(reader: RowReader, line: int, values: dict[str, Any]) -> object:
    first, second = values.get("duration"), values.get("duration_ms")
    if first not in (None, "") and second not in (None, "") and first != second:
        remedy = f"Duration is {first} ms and DurationMs {second} ms; keep the right one"
        reader.staging.problem("warning", reader.file, line, "Duration", str(first), "duration", remedy)
    return first if first not in (None, "") else second if second is not None else first


def _stage_link(reader: RowReader, kind: str, line: int, values: dict[str, Any]) -> None:
    weight = None
    if text := values.get("weight"):
        try:
            weight = parse_share(text, "percent")
        except ParameterError as error:
            reader.fault(line, "weight", text, "weight", str(error))
            return
    recording_id, work_id = values["recording_id"], values["work_id"]
    reader.staging.add(kind, reader.file, line, (f"{recording_id}\t{work_id}", recording_id, work_id, weight))


def _stage_part(reader: RowReader, kind: str, line: int, values: dict[str, Any]) -> None:
    recording_id, part_id = values["recording_id"], values["part_id"]
    start_ms, end_ms = values["start_ms"], values["end_ms"]
    if start_ms >= end_ms:
        remedy = f"the passage starts at {start_ms} ms and ends at {end_ms} ms; the end lies after the start"
        reader.fault(line, "end_ms", str(end_ms), "passage", remedy)
        return
    key = f"{recording_id}\t{start_ms}\t{end_ms}\t{part_id}"
    reader.staging.add(kind, reader.file, line, (key, recording_id, part_id, start_ms, end_ms))


def _stage_shares(reader: RowReader, kind: str, line: int, values: dict[str, Any]) -> None:
    types = {name.strip().lower() for name in values.get("share_type", "").split("|") if name.strip()}
    if types and not types & _PAID:
        reader.notes[_OWNERSHIP] += 1
        return
    if not values.get("share"):
        reader.notes[_TABLE_CREDITS] += 1
        return
    party_id = values.get("party_id", "")
    if not party_id and kind == "work_share" and _UNCLAIMED not in types:
        remedy = "PartyRecordId is empty; name the party, or write CopyrightControlShare as RightShareType"
        reader.fault(line, "party_id", "", "no-party", remedy)
        return
    rights = (MASTER,) if kind == "master_share" else tuple(values["rights"].split("|"))
    if kind == "work_share" and MASTER in rights:
        reader.fault(line, "rights", MASTER, "right", "Master is a right in a recording; write it to mastershares.tsv")
        return
    given = values.get("id", "")
    for right in rights:
        share_id = f"{given}/{right}" if given and len(rights) > 1 else given
        subject_id = values["subject_id"]
        reader.stage_share(line, values, subject_id=subject_id, party_id=party_id, right=right, given_id=share_id)


def _stage_choice(reader: RowReader, kind: str, line: int, values: dict[str, Any]) -> None:
    named = [subject for subject in OPT_SUBJECTS if values.get(subject)]
    # A code beside an id adds nothing; a recording beside a work does.
    subjects = [subject for subject in named if _ID_BESIDE.get(subject) not in named]
    if len(subjects) != 1:
        which = f"names {' and '.join(subjects)}" if subjects else "names no subject"
        remedy = f"{which}; a row needs exactly one of {', '.join(OPT_SUBJECTS)}"
        reader.fault(line, "choice", values["choice"], "subject", remedy)
        return
    held = reader.validity(line, values)
    if held is None:
        return
    included, excluded, valid_from, valid_to = held
    subject_id = values[subjects[0]]
    key = (subjects[0], subject_id, values.get("purposes", ""), included, excluded, valid_from)
    reader.staging.add(
        kind,
        reader.file,
        line,
        (
            values.get("id") or hashed_id("O", *key),
            subjects[0],
            subject_id,
            values["choice"],
            values.get("purposes", ""),
            included,
            excluded,
            valid_from,
            valid_to,
            None if values.get("weight", "") == "" else values["weight"],
            values.get("reason", ""),
        ),
    )


_STAGERS: dict[str, Callable[[RowReader, str, int, dict[str, Any]], None]] = {
    "party": _stage_record,
    "recording": _stage_record,
    "work": _stage_record,
    "recording_work": _stage_link,
    "recording_part": _stage_part,
    "master_share": _stage_shares,
    "work_share": _stage_shares,
    "opt": _stage_choice,
}
