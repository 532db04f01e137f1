"""Webhooks: where an organisation hears of its jobs."""

import json
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy import RowMapping, select

from fingerprint.errors import ParameterError
from sourceprint.service.access.api_keys import KeyScope
from sourceprint.service.hooks.targets import resolve
from sourceprint.service.hooks.webhooks import EVENTS, Webhook, add_webhook, list_webhooks, remove_webhook
from sourceprint.service.store.schema import delivery
from sourceprint.service.web.bodies import Body
from sourceprint.service.web.caller import Caller, needs
from sourceprint.service.web.job_views import Limit
from sourceprint.service.web.problems import Refused, responses
from sourceprint.service.web.shapes import one_of, shape

__all__ = ["router"]

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

_Admin = Annotated[Caller, needs(KeyScope.ADMIN)]
_Event: Any = one_of(EVENTS)
_PORT = "[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
_Url: Any = shape(
    rf"^https?://[A-Za-z0-9](?:[A-Za-z0-9.-]{{0,251}}[A-Za-z0-9])?(?::(?:{_PORT}))?(?:[/?][!-\"$-~]*)?$",
    "a URL as https://host/path, by name or IPv4 address, without user and fragment",
)


class WebhookRequest(Body):
    """A webhook that is wanted."""

    url: _Url = Field(max_length=2_000, description="https, at a public address")
    events: list[_Event] = Field([], max_length=len(EVENTS), description=f"Empty for all: {', '.join(EVENTS)}")


class WebhookView(BaseModel):
    """A webhook."""

    id: str
    url: str
    events: list[str]
    created_at: str
    disabled_at: str | None
    disabled_because: str | None


class NewWebhook(WebhookView):
    """A webhook that was just made, with its secret: this once."""

    secret: str


class DeliveryView(BaseModel):
    """One delivery, with its outcome."""

    id: str
    event: str = Field(description="As in `type` of the delivery, such as scan.done")
    job_id: str = Field(description="The scan, check or addition that it is about")
    reference: str | None = Field(description="Your own id of it; null if none was given")
    created_at: str
    attempts: int
    delivered_at: str | None
    next_at: str | None = Field(description="When it is tried again; null where it is not")
    last_error: str | None


@router.post("", status_code=201, responses=responses(413))
def create_webhook(caller: _Admin, wanted: WebhookRequest) -> NewWebhook:
    """Make a webhook; its secret is shown this once (Standard Webhooks, `whsec_...`)."""
    server = caller.server
    try:
        resolve(wanted.url, allow_private=server.settings.webhook_private)
    except ParameterError as error:  # its form is right: it may not be called, or there is no such host
        raise Refused(403, "target refused", str(error)) from error
    with server.database.writing() as connection:
        made, secret = add_webhook(
            connection, caller.organisation, wanted.url, wanted.events, at=server.database.now(), actor=caller.actor
        )
    return NewWebhook(**_view(made).model_dump(), secret=secret)


@router.get("", responses=responses())
def get_webhooks(caller: _Admin) -> list[WebhookView]:
    """List the webhooks."""
    with caller.server.database.reading() as connection:
        return [_view(one) for one in list_webhooks(connection, caller.organisation)]


@router.delete("/{webhook_id}", status_code=204, responses=responses(404))
def delete_webhook(caller: _Admin, webhook_id: str) -> None:
    """Send nothing more to a webhook."""
    database = caller.server.database
    with database.writing() as connection:
        remove_webhook(connection, caller.organisation, webhook_id, at=database.now(), actor=caller.actor)


@router.get("/{webhook_id}/deliveries", responses=responses(404))
def get_deliveries(caller: _Admin, webhook_id: str, limit: Limit = 100) -> list[DeliveryView]:
    """List the latest deliveries of a webhook, the newest first."""
    with caller.server.database.reading() as connection:
        if webhook_id not in [one.id for one in list_webhooks(connection, caller.organisation)]:
            raise Refused(404, "not found", f"webhook {webhook_id[:64]}: is not there")
        query = select(delivery).where(delivery.c.webhook_id == webhook_id).order_by(delivery.c.id.desc())
        rows = connection.execute(query.limit(limit)).mappings().all()
    return [_delivery_view(row) for row in rows]


def _delivery_view(row: RowMapping) -> DeliveryView:
    body = json.loads(row["body"])
    about = {"event": body["type"], "job_id": body["data"]["id"], "reference": body["data"]["reference"]}
    return DeliveryView(**about, **{name: row[name] for name in DeliveryView.model_fields if name not in about})


def _view(one: Webhook) -> WebhookView:
    return WebhookView(
        id=one.id,
        url=one.url,
        events=list(one.events),
        created_at=one.created_at,
        disabled_at=one.disabled_at,
        disabled_because=one.disabled_because,
    )
