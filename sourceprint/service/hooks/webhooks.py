"""Webhooks: where an organisation wants to hear of its jobs, and the deliveries that wait to be sent.

A delivery is put into its table in the transaction of the event, and sent by `sourceprint.service.hooks.delivery`. Its
id stays the same however often it is sent, so that a receiver can tell a repetition.
"""

import base64
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from fingerprint.errors import ParameterError, UnknownRightsError, printable
from sourceprint.scans.scan_json import uuid7
from sourceprint.service.store.outbox import note_event
from sourceprint.service.store.schema import delivery, webhook

__all__ = ["EVENTS", "Webhook", "add_webhook", "announce", "list_webhooks", "remove_webhook"]

EVENTS = ("scan.done", "scan.failed", "check.done", "check.failed", "addition.done", "addition.failed")
"""Kinds of events that webhooks hear of."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A place where an organisation wants to hear of events; `events` is empty for all of them."""

    id: str
    url: str
    events: tuple[str, ...]
    created_at: str
    disabled_at: str | None
    disabled_because: str | None


def add_webhook(
    connection: Connection, organisation_id: str, url: str, events: Iterable[str], *, at: str, actor: str
) -> tuple[Webhook, str]:
    """Add a webhook, and return it with its secret (`whsec_...`), which is shown once.

    The caller has made sure that the URL may be called.

    Raises
    ------
    ParameterError
        If an event is unknown.
    """
    wanted = tuple(dict.fromkeys(events))
    for event in wanted:
        if event not in EVENTS:
            raise ParameterError(f"event {event!r:.40}: is unknown; there are {', '.join(EVENTS)}")
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode("ascii")
    row = {
        "id": str(uuid7()),
        "organisation_id": organisation_id,
        "url": url,
        "secret": secret,
        "events": " ".join(wanted),
        "created_at": at,
        "created_by": actor,
    }
    connection.execute(insert(webhook), row)
    note_event(
        connection, "webhook.added", at=at, actor=actor, organisation=organisation_id, subject=f"webhook:{row['id']}"
    )
    return Webhook(row["id"], url, wanted, at, None, None), secret


def list_webhooks(connection: Connection, organisation_id: str) -> list[Webhook]:
    """Return the webhooks of an organisation, in the order in which they were made."""
    query = select(webhook).where(webhook.c.organisation_id == organisation_id).order_by(webhook.c.id)
    return [_webhook(row) for row in connection.execute(query).mappings()]


def remove_webhook(connection: Connection, organisation_id: str, webhook_id: str, *, at: str, actor: str) -> None:
    """Send nothing more to a webhook.

    Raises
    ------
    UnknownRightsError
        If the organisation has no such webhook.
    """
    own = (webhook.c.organisation_id == organisation_id) & (webhook.c.id == webhook_id)
    if connection.scalar(select(webhook.c.id).where(own)) is None:
        raise UnknownRightsError(f"webhook {printable(webhook_id):.60}: is not there")
    off = {"disabled_at": at, "disabled_because": "removed"}
    connection.execute(update(webhook).where(own, webhook.c.disabled_at.is_(None)).values(**off))
    connection.execute(update(delivery).where(delivery.c.webhook_id == webhook_id).values(next_at=None))
    note_event(
        connection, "webhook.removed", at=at, actor=actor, organisation=organisation_id, subject=f"webhook:{webhook_id}"
    )


def announce(
    connection: Connection,
    organisation_id: str,
    event: str,
    data: Mapping[str, Any],
    *,
    at: str,
    checkpoint: bytes | None = None,
) -> int:
    """Put a delivery of an event into the line of every webhook that hears of it; return how many.

    Parameters
    ----------
    connection : Connection
        Inside the transaction of the event.
    organisation_id, event : str
    data : mapping
        Of the event, plain JSON types.
    at : str
    checkpoint : bytes, optional
        The newest signed checkpoint of the log, so that a copy of it lies with the receiver.
    """
    listening = (webhook.c.organisation_id == organisation_id) & webhook.c.disabled_at.is_(None)
    noted = {"log_checkpoint": None if checkpoint is None else checkpoint.decode("utf-8")}
    body = json.dumps({"type": event, "timestamp": at, "data": dict(data), **noted}, ensure_ascii=False)
    rows = [
        {"id": f"msg_{uuid7()}", "webhook_id": row.id, "body": body, "created_at": at, "next_at": at}
        for row in connection.execute(select(webhook.c.id, webhook.c.events).where(listening))
        if not row.events or event in row.events.split()
    ]
    if rows:
        connection.execute(insert(delivery), rows)
    return len(rows)


def _webhook(row: RowMapping) -> Webhook:
    events = tuple(row["events"].split())
    return Webhook(row["id"], row["url"], events, row["created_at"], row["disabled_at"], row["disabled_because"])
