"""Records on file about one recording, work, party or licence, as plain JSON types, with their history.

A key is the id of a recording, work, party or licence, an ISRC, an ISWC, or an id in the index. An id may name several
records, such as a recording and a work: all are shown, in this order: recordings, works, parties, licences. With a
party, all recordings and works in which it has a share are read. All licences are read, to show those that cover a
record.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import date
from typing import Any

from sqlalchemy import Connection, Table, select

from fingerprint.errors import ParameterError, UnknownRightsError, printable
from sourceprint.identifiers import iswc
from sourceprint.identifiers.isrc import compact as compact_isrc
from sourceprint.royalties.rights import schema
from sourceprint.royalties.rights.history import Version, record_history
from sourceprint.royalties.rights.licence_toml import licence_document
from sourceprint.royalties.rights.licences import Licence
from sourceprint.royalties.rights.records import Party, RightsRecording, Share, Work
from sourceprint.royalties.rights.rights import Rights, all_records, load_rights
from sourceprint.royalties.rights.share_sums import sums_of_shares

__all__ = ["rights_to_json", "rights_under_key"]

SCHEMA = "sourceprint/rights/1"
_TOLD = ("since", "made_at", "made_by", "source", "until", "ended_at", "ended_by")
"""Fields of a version that are shown."""


def rights_to_json(rights: Rights, key: str, *, history: Iterable[Version] = ()) -> dict[str, Any]:
    """Return the records on file under a key as plain JSON types; shares in millionths, times in milliseconds.

    Raises
    ------
    UnknownRightsError
        If nothing is on file under the key.
    """
    found = list(_found(rights, key.strip()))
    if not found:
        raise UnknownRightsError(_not_found(key))
    return {
        "schema": SCHEMA,
        "key": key.strip(),
        "revision": rights.revision,
        "found": found,
        "history": [{name: getattr(one, name) for name in _TOLD} for one in history],
    }


def _found(rights: Rights, key: str) -> Iterator[dict[str, Any]]:
    ids = {
        *((key,) if key in rights.recordings else ()),
        *rights.by_isrc.get(compact_isrc(key), ()),
        *rights.by_index_id.get(key, ()),
    }
    yield from (_recording(rights, recording_id) for recording_id in sorted(ids))
    code = iswc.compact(key)
    yield from (
        _work(rights, work.id) for work in rights.works.values() if key == work.id or (work.iswc and work.iswc == code)
    )
    if key in rights.parties:
        yield _party(rights, key)
    if key in rights.licences:
        licence = rights.licences[key]
        yield {"kind": "licence", "id": key, "digest": licence.digest, "document": licence_document(licence)}


def _not_found(key: str) -> str:
    message = f"'{printable(key.strip()[:80])}': no recording, work, party or licence on file has this id, ISRC or ISWC"
    if iswc.compact(key).startswith("T") and len(iswc.compact(key)) == 11:
        try:
            iswc.validate(key)
        except ParameterError as error:
            return f"{message}; {error}"
    return f"{message}; import it with `sourceprint rights import`"


def _recording(rights: Rights, recording_id: str) -> dict[str, Any]:
    recording = rights.recordings[recording_id]
    return {
        "kind": "recording",
        **_fields(recording),
        "works": [
            {"id": work.id, "iswc": work.iswc, "title": work.title, "millionths": weight}
            for work_id, weight in sorted(rights.work_weights.get(recording_id, {}).items())
            for work in [rights.works.get(work_id) or Work(work_id, "")]
        ],
        "contains": [
            {
                "id": part.part_id,
                "title": _title(rights.recordings.get(part.part_id)),
                "start_ms": part.start_ms,
                "end_ms": part.end_ms,
            }
            for part in rights.parts.get(recording_id, ())
        ],
        "contained_in": sorted(
            {part.recording_id for of_one in rights.parts.values() for part in of_one if part.part_id == recording_id}
        ),
        **_shares(rights, rights.master_shares.get(recording_id, ())),
        "licences": _licences(rights, recording_id, recording, rights.works_of(recording_id)),
    }


def _work(rights: Rights, work_id: str) -> dict[str, Any]:
    work = rights.works[work_id]
    return {
        "kind": "work",
        **_fields(work),
        "recordings": [
            {"id": recording_id, "title": _title(rights.recordings.get(recording_id))}
            for recording_id, weights in sorted(rights.work_weights.items())
            if work_id in weights
        ],
        **_shares(rights, rights.work_shares.get(work_id, ())),
        "licences": _licences(rights, "", None, (work_id,)),
    }


def _party(rights: Rights, party_id: str) -> dict[str, Any]:
    return {
        "kind": "party",
        **_fields(rights.parties[party_id]),
        "shares": [
            {"subject": kind, "subject_id": share.subject_id, **_share(rights, share)}
            for kind, shares in (("recording", rights.master_shares), ("work", rights.work_shares))
            for of_one in shares.values()
            for share in of_one
            if share.party_id == party_id
        ],
        "licences": [
            _licence_line(licence)
            for licence in rights.licences.values()
            if party_id in (licence.licensor, licence.licensee)
        ],
    }


def _shares(rights: Rights, shares: Sequence[Share]) -> dict[str, Any]:
    rights_on_file = sorted({share.right for share in shares})
    return {
        "shares": [_share(rights, share) for right in rights_on_file for share in shares if share.right == right],
        "sums": [
            {
                "right": right,
                "territories": list(one.territories),
                "valid_from": _day(one.valid_from),
                "valid_to": _day(one.valid_to),
                "millionths": one.on_file,
                "overclaim_millionths": one.over,
                "unclaimed_millionths": one.unclaimed,
            }
            for right in rights_on_file
            for one in sums_of_shares([share for share in shares if share.right == right])
        ],
    }


def _share(rights: Rights, share: Share) -> dict[str, Any]:
    party = rights.parties.get(share.party_id)
    return {
        "id": share.id,
        "right": share.right,
        "millionths": share.millionths,
        "party_id": share.party_id,
        "party_name": party.name if party else "",
        "role": share.role,
        "include": list(share.territories.included),
        "exclude": list(share.territories.excluded),
        "valid_from": _day(share.valid_from),
        "valid_to": _day(share.valid_to),
    }


def _licences(
    rights: Rights, recording_id: str, recording: RightsRecording | None, work_ids: Iterable[str]
) -> list[dict[str, Any]]:
    works = tuple(work_ids)

    def covers(terms: Licence) -> bool:
        return terms.scope.covers_recording(recording_id, recording) or any(map(terms.scope.covers_work, works))

    return [
        _licence_line(licence)
        for licence in rights.licences.values()
        if covers(licence) or any(covers(amendment.terms) for amendment in licence.amendments)
    ]


def _licence_line(licence: Licence) -> dict[str, Any]:
    return {
        "id": licence.id,
        "licensor": licence.licensor,
        "licensee": licence.licensee,
        "valid_from": _day(licence.valid_from),
        "valid_to": _day(licence.valid_to),
        "purposes": list(licence.purposes),
    }


def _fields(record: RightsRecording | Work | Party) -> dict[str, Any]:
    """Return the fields of a record as plain JSON types."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(record).items()}


def _title(recording: RightsRecording | None) -> str:
    return recording.title if recording else ""


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""


def rights_under_key(
    connection: Connection, key: str, *, revision: int | None = None
) -> tuple[Rights, tuple[Version, ...]]:
    """Return the rights around the records under a key, and their versions, oldest first.

    An id that names records of several kinds gives the versions of one kind; a code, those of all its records.

    Parameters
    ----------
    revision : int or None
        Revision to read; None is the latest. The history is always whole.

    Raises
    ------
    UnknownRightsError
        If there is no such revision.
    """
    wanted = key.strip()
    code = iswc.compact(wanted)
    works = set(_ids(connection, schema.work, "iswc", code, revision)) if code else set()
    shared = {
        column: _ids(connection, table, "party_id", wanted, revision, of=column)
        for table, column in ((schema.master_share, "recording_id"), (schema.work_share, "work_id"))
    }
    rights = load_rights(
        connection,
        index_ids=[wanted],
        isrcs=[compact_isrc(wanted)],
        recording_ids=[wanted, *shared["recording_id"]],
        work_ids=[wanted, *works, *shared["work_id"]],
        licensee=wanted,  # which loads a party that has no share
        revision=revision,
    )
    licences = all_records(connection, schema.licence, revision)
    rights = replace(rights, licences={found.id: found for found in licences})
    tables = (schema.recording, schema.work, schema.party, schema.licence)
    history = next((versions for table in tables if (versions := record_history(connection, table, wanted))), [])
    if not history:  # the key is a code or an index id, not a record's own id
        record_ids = {*rights.by_isrc.get(compact_isrc(wanted), ()), *rights.by_index_id.get(wanted, ()), *works}
        history = [
            version
            for table in tables
            for one in sorted(record_ids)
            for version in record_history(connection, table, one)
        ]
    return rights, tuple(history)


def _ids(
    connection: Connection, table: Table, column: str, value: str, revision: int | None, *, of: str = "id"
) -> Iterable[str]:
    query = select(table.c[of]).where(table.c[column] == value, schema.valid_at(table, revision)).distinct()
    return sorted(connection.scalars(query))
