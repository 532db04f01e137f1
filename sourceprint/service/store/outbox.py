"""Entries of the transparency log, written in the transaction of the change that they are about.

An entry has an action, its time, actor and subject, as ids and digests alone: no names, no titles. It waits in
the outbox, in the same database as the change, until `sourceprint.service.log_feed` appends it to the log; so there is
no change without its entry, and no entry without its change.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, or_, select, true

from fingerprint.digests import canonical_json
from sourceprint.royalties.rights.database import in_chunks
from sourceprint.scans.scan_json import uuid7
from sourceprint.service.store.schema import outbox

__all__ = ["ENTRY_SCHEMA", "OwnEntry", "note_event", "own_entries"]

ENTRY_SCHEMA = "sourceprint/log-entry/1"


_PARAMETERS = 400


@dataclass(frozen=True, slots=True)
class OwnEntry:
    """An entry of the log.

    Attributes
    ----------
    index : int
        Its number in the log.
    entry : dict
    """

    index: int
    entry: dict[str, Any]


def note_event(
    connection: Connection,
    event: str,
    *,
    at: str,
    organisation: str = "",
    actor: str,
    subject: str = "",
    data: Mapping[str, Any] | None = None,
) -> None:
    """Put an entry into the outbox.

    Parameters
    ----------
    connection : Connection
        Inside the transaction of the change.
    event : str
        Such as "scan.submitted".
    at : str
        When, as `sourceprint.service.store.clock.time_text` writes it.
    organisation : str
        Whose data it is about; "" for the server itself.
    actor : str
        "key:ID", "worker", "command:NAME" or "server".
    subject : str
        Id of the object, with its kind in front: "scan:ID".
    data : mapping
        More ids, digests and counts.
    """
    entry_id = str(uuid7())
    document = {
        "schema": ENTRY_SCHEMA,
        "id": entry_id,
        "at": at,
        "event": event,
        "organisation": organisation,
        "actor": actor,
        "subject": subject,
        "data": dict(data or {}),
    }
    entry = canonical_json(document, utf8=True)
    row = {"id": entry_id, "organisation_id": organisation, "entry": entry, "subject": subject, "actor": actor}
    connection.execute(insert(outbox), row)


def own_entries(
    connection: Connection,
    organisation: str,
    *,
    after: int = -1,
    before: int | None = None,
    about: Collection[str] = (),
    limit: int,
) -> list[OwnEntry]:
    """Return entries of the log about an organisation between two numbers.

    Parameters
    ----------
    connection : Connection
    organisation : str
    after : int
        The first ones after this number, in the order of the log.
    before : int, optional
        The last ones before this number instead, the newest first.
    about : collection of str
        Only entries with one of these subjects, or by one of these as actors; empty is any.
    limit : int
    """
    number = outbox.c.log_index
    own, order = (outbox.c.organisation_id == organisation) & (number > after), number.asc()
    if before is not None:
        own, order = own & (number < before), number.desc()
    found: list[OwnEntry] = []
    for chunk in in_chunks(about, _PARAMETERS) if about else [[]]:
        named = or_(outbox.c.subject.in_(chunk), outbox.c.actor.in_(chunk)) if chunk else true()
        query = select(number, outbox.c.entry).where(own, named).order_by(order).limit(limit)
        found += [OwnEntry(row.log_index, json.loads(row.entry)) for row in connection.execute(query)]
    return sorted(found, key=lambda one: one.index, reverse=before is not None)[:limit]
