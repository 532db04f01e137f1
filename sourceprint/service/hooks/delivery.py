"""Deliveries of webhooks: signed as Standard Webhooks has it, sent at least once, with pauses that grow.

A delivery is taken for a minute before it is sent, so that of several servers one sends it; after a crash it is sent
again, with the same id. It counts as delivered when the receiver answers with 2xx within 15 seconds. After the last
pause, two days later, it is given up. A receiver that answers 410 (gone) gets nothing more.

Source: Standard Webhooks specification 1.0, symmetric signatures.
"""

import base64
import hashlib
import hmac
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
from sqlalchemy import select, update

from fingerprint.errors import ParameterError, printable
from sourceprint.outputs import program_version
from sourceprint.service.hooks.targets import resolve
from sourceprint.service.store.clock import time_text
from sourceprint.service.store.database import ServiceDatabase
from sourceprint.service.store.schema import delivery, webhook

__all__ = ["PAUSES_SECONDS", "send_due", "signature"]

PAUSES_SECONDS = (5, 30, 120, 900, 3_600, 10_800, 21_600, 43_200, 86_400)
"""After each attempt that failed."""

_LOG = logging.getLogger("sourceprint.service")
_TAKEN_SECONDS = 60
_PATIENCE_SECONDS = 15.0
_AT_ONCE = 20
_IDLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Due:
    id: str
    webhook_id: str
    url: str
    secret: str
    body: str
    attempts: int


def signature(secret: str, message_id: str, sent_at: int, body: str) -> str:
    """Return the header `webhook-signature`.

    Parameters
    ----------
    secret : str
        "whsec_" and base64.
    message_id : str
    sent_at : int
        Seconds since 1970.
    body : str

    Examples
    --------
    >>> secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    >>> signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, '{"test": 2432232314}')
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{sent_at}.{body}".encode()
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode("ascii")


def send_due(database: ServiceDatabase, *, allow_private: bool) -> int:
    """Send the deliveries whose time has come, one attempt each; return how many were tried."""
    due = _take(database)
    for one in due:
        status, error = _post(one, database.clock(), allow_private=allow_private)
        _write(database, one, status, error)
    return len(due)


def _take(database: ServiceDatabase) -> list[_Due]:
    now = database.now()
    columns = (delivery.c.id, delivery.c.webhook_id, webhook.c.url, webhook.c.secret, delivery.c.body)
    query = (
        select(*columns, delivery.c.attempts)
        .join(webhook, webhook.c.id == delivery.c.webhook_id)
        .where(delivery.c.next_at <= now)
        .order_by(delivery.c.next_at, delivery.c.id)
        .limit(_AT_ONCE)
    )
    with database.reading() as connection:
        if connection.execute(query.limit(1)).first() is None:
            return []
    taken_until = time_text(database.clock() + timedelta(seconds=_TAKEN_SECONDS))
    with database.writing() as connection:
        if database.is_server:
            query = query.with_for_update(skip_locked=True, of=delivery)
        found = [_Due(*row) for row in connection.execute(query)]
        ids = [one.id for one in found]
        later = {"next_at": taken_until, "attempts": delivery.c.attempts + 1}
        connection.execute(update(delivery).where(delivery.c.id.in_(ids)).values(**later))
    return found


def _post(one: _Due, now: datetime, *, allow_private: bool) -> tuple[int, str]:
    """Send a delivery once; return the status of the answer, 0 for none, and the error."""
    sent_at = int(now.timestamp())
    try:
        target = resolve(one.url, allow_private=allow_private)
    except ParameterError as error:
        return 0, str(error)
    headers = {
        "Host": target.host,
        "Content-Type": "application/json",
        "User-Agent": f"sourceprint/{program_version()}",
        "webhook-id": one.id,
        "webhook-timestamp": str(sent_at),
        "webhook-signature": signature(one.secret, one.id, sent_at, one.body),
    }
    try:
        with (
            httpx.Client(timeout=_PATIENCE_SECONDS, follow_redirects=False, trust_env=False) as client,
            client.stream(
                "POST", target.url, content=one.body.encode(), headers=headers,
                extensions={"sni_hostname": target.name},
            ) as answer,
        ):  # fmt: skip
            status = answer.status_code  # the body is not read
    except httpx.HTTPError as error:
        return 0, f"{type(error).__name__}: {printable(str(error))[:200]}"
    if 300 <= status < 400:
        return status, f"answered {status}: redirects are not followed; name the final URL"
    return status, "" if 200 <= status < 300 else f"answered {status}"


def _write(database: ServiceDatabase, one: _Due, status: int, error: str) -> None:
    now, at = database.clock(), database.now()
    values: dict[str, str | None] = {"last_error": error or None, "next_at": None}
    if not error:
        values["delivered_at"] = at
    elif one.attempts < len(PAUSES_SECONDS) and status != 410:
        values["next_at"] = time_text(now + timedelta(seconds=PAUSES_SECONDS[one.attempts]))
    with database.writing() as connection:
        connection.execute(update(delivery).where(delivery.c.id == one.id).values(**values))
        if status == 410:
            gone = {"disabled_at": at, "disabled_because": "the receiver answered 410 (gone)"}
            connection.execute(update(webhook).where(webhook.c.id == one.webhook_id).values(**gone))
            connection.execute(update(delivery).where(delivery.c.webhook_id == one.webhook_id).values(next_at=None))
