r"""Records as rows of the database, and back: the one place that knows how a record is stored.

Lists of names, tags and territories are one text, joined by `|`, which therefore stands in none of them; dates are
YYYY-MM-DD, "" where open. The id of a link between records is made of what it links, joined by a tabulator, which
therefore stands in no id.
"""

import json
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import Any, Protocol

from sqlalchemy import Table

from fingerprint.digests import exact_json
from fingerprint.errors import ParameterError, printable
from sourceprint.royalties.rights.licence_toml import licence_document, licence_of
from sourceprint.royalties.rights.licences import Licence
from sourceprint.royalties.rights.records import (
    MASTER,
    OptChoice,
    Party,
    RecordingPart,
    RecordingWork,
    RightsRecording,
    Share,
    Work,
)
from sourceprint.royalties.rights.schema import (
    licence,
    master_share,
    opt,
    party,
    recording,
    recording_part,
    recording_work,
    work,
    work_share,
)
from sourceprint.royalties.territories import EVERYWHERE, WORLDWIDE, Territories

__all__ = ["Record", "Row", "record_of", "row_of", "table_of"]

Record = Party | RightsRecording | Work | RecordingWork | RecordingPart | Share | Licence | OptChoice


class Row(Protocol):
    """Values by name of column, as a dict or a row of SQLAlchemy has them."""

    def __getitem__(self, name: str, /) -> Any:
        """Return the value in a column."""


_TABLES: dict[type, Table] = {
    Party: party,
    RightsRecording: recording,
    Work: work,
    RecordingWork: recording_work,
    RecordingPart: recording_part,
    Licence: licence,
    OptChoice: opt,
}


def table_of(record: Record) -> Table:
    """Return the table that a record belongs in; shares of recordings and of works have one each."""
    if isinstance(record, Share):
        return master_share if record.right == MASTER else work_share
    return _TABLES[type(record)]


def row_of(record: Record) -> dict[str, object]:
    r"""Return a record as a row: its id and the columns of `table_of(record)`.

    Raises
    ------
    ParameterError
        If an id is empty or holds a tabulator, or a name in a list is empty or holds `|`.

    Examples
    --------
    >>> row_of(RecordingWork("R1", "W1"))
    {'id': 'R1\tW1', 'recording_id': 'R1', 'work_id': 'W1', 'weight_millionths': None}
    """
    match record:
        case Share():
            return _row_of_share(record)
        case RecordingWork(recording_id, work_id, weight):
            link = f"{_id(recording_id)}\t{_id(work_id)}"
            return {"id": link, "recording_id": recording_id, "work_id": work_id, "weight_millionths": weight}
        case RecordingPart(recording_id, part_id, start_ms, end_ms):
            return {
                "id": f"{_id(recording_id)}\t{start_ms}\t{end_ms}\t{_id(part_id)}",
                "recording_id": recording_id,
                "part_id": part_id,
                "start_ms": start_ms,
                "end_ms": end_ms,
            }
        case RightsRecording():
            return {
                "id": _id(record.id),
                "title": record.title,
                "subtitle": record.subtitle,
                "artists": _joined(record.artists, "artist"),
                "isrc": record.isrc,
                "label": record.label,
                "duration_ms": record.duration_ms,
                "index_id": record.index_id,
                "vocals": record.vocals,
                "tags": _joined(record.tags, "tag"),
            }
        case Work():
            writers = _joined(record.writers, "writer")
            return {
                "id": _id(record.id),
                "title": record.title,
                "iswc": record.iswc,
                "writers": writers,
                "disputed": record.disputed,
            }
        case Party(party_id, name, ipi, isni, dpid):
            return {"id": _id(party_id), "name": name, "ipi": ipi, "isni": isni, "dpid": dpid}
        case OptChoice():
            return {
                "id": _id(record.id),
                "subject": record.subject,
                "subject_id": _id(record.subject_id),
                "choice": record.choice,
                "purposes": _joined(record.purposes, "purpose"),
                "included": "|".join(record.territories.included),
                "excluded": "|".join(record.territories.excluded),
                "valid_from": record.valid_from.isoformat() if record.valid_from else "",
                "valid_to": record.valid_to.isoformat() if record.valid_to else "",
                "weight_millionths": record.weight_millionths,
                "reason": record.reason,
            }
        case Licence():
            return {
                "id": _id(record.id),
                "licensor": record.licensor,
                "licensee": record.licensee,
                "document": exact_json(licence_document(record)).decode(),
                "digest": record.digest,
            }


def record_of(table: Table, row: Row) -> Record:
    """Return the record that a row of a table holds; other columns in the row do not matter."""
    return _READERS[table.name](row)


def _row_of_share(share: Share) -> dict[str, object]:
    return {
        "id": _id(share.id),
        "recording_id" if share.right == MASTER else "work_id": _id(share.subject_id),
        "party_id": share.party_id,
        "right": share.right,
        "millionths": share.millionths,
        "included": "|".join(share.territories.included),
        "excluded": "|".join(share.territories.excluded),
        "valid_from": share.valid_from.isoformat() if share.valid_from else "",
        "valid_to": share.valid_to.isoformat() if share.valid_to else "",
        "role": share.role,
    }


def _party(row: Row) -> Party:
    return Party(row["id"], row["name"], row["ipi"], row["isni"], row["dpid"])


def _recording(row: Row) -> RightsRecording:
    return RightsRecording(
        id=row["id"],
        title=row["title"],
        artists=_split(row["artists"]),
        isrc=row["isrc"],
        subtitle=row["subtitle"],
        label=row["label"],
        duration_ms=row["duration_ms"],
        index_id=row["index_id"],
        vocals=row["vocals"],
        tags=_split(row["tags"]),
    )


def _work(row: Row) -> Work:
    return Work(row["id"], row["title"], row["iswc"], _split(row["writers"]), row["disputed"])


def _recording_work(row: Row) -> RecordingWork:
    return RecordingWork(row["recording_id"], row["work_id"], row["weight_millionths"])


def _recording_part(row: Row) -> RecordingPart:
    return RecordingPart(row["recording_id"], row["part_id"], row["start_ms"], row["end_ms"])


def _master_share(row: Row) -> Share:
    return _share(row, row["recording_id"])


def _work_share(row: Row) -> Share:
    return _share(row, row["work_id"])


def _share(row: Row, subject_id: str) -> Share:
    return Share(
        id=row["id"],
        subject_id=subject_id,
        party_id=row["party_id"],
        right=row["right"],
        millionths=row["millionths"],
        territories=_territories(row["included"], row["excluded"]),
        valid_from=_date(row["valid_from"]),
        valid_to=_date(row["valid_to"]),
        role=row["role"],
    )


def _opt(row: Row) -> OptChoice:
    return OptChoice(
        id=row["id"],
        subject=row["subject"],
        subject_id=row["subject_id"],
        choice=row["choice"],
        purposes=_split(row["purposes"]),
        territories=_territories(row["included"], row["excluded"]),
        valid_from=_date(row["valid_from"]),
        valid_to=_date(row["valid_to"]),
        weight_millionths=row["weight_millionths"],
        reason=row["reason"],
    )


def _licence(row: Row) -> Licence:
    return _parsed_licence(row["document"], row["digest"])


@lru_cache(32)  # attribution asks for the same few with every batch of tracks, and they may list thousands of works
def _parsed_licence(document: str, digest: str) -> Licence:
    return licence_of(json.loads(document), digest)


_READERS: dict[str, Callable[[Row], Record]] = {
    party.name: _party,
    recording.name: _recording,
    work.name: _work,
    recording_work.name: _recording_work,
    recording_part.name: _recording_part,
    master_share.name: _master_share,
    work_share.name: _work_share,
    licence.name: _licence,
    opt.name: _opt,
}


def _id(text: str) -> str:
    if not text or "\t" in text:
        raise ParameterError(f"id {printable(text)!r:.80}: an id is not empty and holds no tabulator; give another one")
    return text


def _joined(names: tuple[str, ...], what: str) -> str:
    joined = "|".join(names)
    if joined.count("|") != max(len(names) - 1, 0) or not all(names):
        wrong = next(name for name in names if not name or "|" in name)
        raise ParameterError(
            f"{what} {printable(wrong)!r:.80}: is empty or holds |, which separates them; leave it out"
        )
    return joined


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split("|")) if text else ()


@lru_cache(maxsize=4_096)
def _territories(included: str, excluded: str) -> Territories:
    return EVERYWHERE if included == WORLDWIDE and not excluded else Territories(_split(included), _split(excluded))


@lru_cache(maxsize=4_096)
def _date(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
