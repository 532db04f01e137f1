"""Entries of the transparency log, written in the transaction of the change that they are about.

An entry has an action, its time, actor and subject, as ids and digests alone: no names, no titles. It waits in
the outbox, in the same database as the change, until `sourceprint.service.log_feed` appends it to the log; so there is
no change without its entry, and no entry without its change.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert

from fingerprint.digests import canonical_json
from sourceprint.scans.scan_json import uuid7
from sourceprint.service.store.schema import outbox

__all__ = ["ENTRY_SCHEMA", "note_event"]

ENTRY_SCHEMA = "sourceprint/log-entry/1"


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
    connection.execute(insert(outbox), {"id": entry_id, "organisation_id": organisation, "entry": entry})
