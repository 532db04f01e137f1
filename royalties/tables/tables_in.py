"""Tables shaped like those of BWARM, one kind of record each, read into the staging.

In comes an open sheet and its shape; out go staged records. A column that the file does not have leaves what is on file
as it is; an empty cell says that there is nothing.

BWARM knows several types of right shares. Those that say who is paid (MusicalWorkCollectionShare, LicensingShare,
CopyrightControlShare, or no type) are shares here; MusicalWorkManuscriptShare and OriginalPublisherShare say who wrote
and who published, would be counted a second time, and are noted and left out, as are credits without a percentage.
"""

from collections.abc import Callable
from typing import Any

from fingerprint.errors import ParameterError
from royalties.rights.records import MASTER
from royalties.tables.row_reader import RowReader, ShareRow
from royalties.tables.shapes import Shape
from royalties.tables.shares import Unit, parse_share
from royalties.tables.sheets import Sheet
from royalties.tables.staging import COLUMNS, Staging

__all__ = ["stage_table"]

_PAID = frozenset({"musicalworkcollectionshare", "licensingshare", "copyrightcontrolshare"})
_UNCLAIMED = "copyrightcontrolshare"
_CREDITS = "have no percentage: credits, not shares"
_OWNERSHIP = (
    "are MusicalWorkManuscriptShare or OriginalPublisherShare: who wrote and published, not who is paid; shares that "
    "are to be paid have the type MusicalWorkCollectionShare or none"
)


def stage_table(staging: Staging, file: int, sheet: Sheet, shape: Shape, *, unit: Unit | None) -> int:
    """Stage the records of a table and return the number of its rows.

    Raises
    ------
    RightsError
        If the file cannot be read to its end, or its columns are not those of the shape.
    """
    reader = RowReader(staging, file, sheet, shape.columns, unit=unit)
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
        reader.notes[_CREDITS] += 1
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
        row = ShareRow(values["subject_id"], party_id, right, values.get("role", ""), share_id)
        reader.stage_share(line, row, values)


_STAGERS: dict[str, Callable[[RowReader, str, int, dict[str, Any]], None]] = {
    "party": _stage_record,
    "recording": _stage_record,
    "work": _stage_record,
    "recording_work": _stage_link,
    "recording_part": _stage_part,
    "master_share": _stage_shares,
    "work_share": _stage_shares,
}
