"""Health, readiness and metrics: for the operator; they name no organisation and need no key."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from fingerprint.errors import SourceprintError
from sourceprint.service.line.jobs import queue_length
from sourceprint.service.web.caller import Serving
from sourceprint.service.web.problems import Refused, described

__all__ = ["router"]

router = APIRouter(tags=["operations"])


class Health(BaseModel):
    """The state of the server."""

    status: str


@router.get("/health")
def health() -> Health:
    """Say that the process answers; nothing else is looked at."""
    return Health(status="ok")


@router.get("/ready", responses=described(503))
def ready(server: Serving) -> Health:
    """Say whether requests can be served: the database answers, and the data folder can be written to."""
    try:
        with server.database.reading() as connection:
            queue_length(connection)
    except SourceprintError as error:
        raise Refused(503, "not ready", str(error)) from error
    if not server.folder.uploads.is_dir():
        raise Refused(503, "not ready", "the data folder cannot be reached")
    return Health(status="ready")


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(server: Serving) -> Response:
    """Give the metrics of this server, as Prometheus reads them."""
    return Response(generate_latest(server.metrics.registry), media_type=CONTENT_TYPE_LATEST)
