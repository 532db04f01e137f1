"""The application: routes, request ids, limits of bodies, refusals, and its description in OpenAPI 3.1."""

import logging
import re
import time
import uuid

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sourceprint.outputs import program_version
from sourceprint.service.console import decisions, entrance, own, pages, team
from sourceprint.service.console.audio import audio_pages
from sourceprint.service.console.back_office import office
from sourceprint.service.console.queue import all_uses, desk, match, one_use
from sourceprint.service.routes import (
    catalogue,
    checks,
    grants,
    keys,
    log,
    operations,
    rights,
    scans,
    statements,
    uses,
    watches,
    webhooks,
)
from sourceprint.service.server import Server
from sourceprint.service.web.problems import Refused, add_handlers

__all__ = ["create_app"]

_LOG = logging.getLogger("sourceprint.service")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CLAUSE = re.compile(r"[.;:](?:\s|$)")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


def create_app(server: Server) -> FastAPI:
    """Return the application of a server."""
    app = FastAPI(
        title="Sourceprint",
        version=program_version(),
        summary="Evidence of reuse: match generated audio back to the recordings of a licensed catalogue",
        docs_url=None,  # their pages load programs from elsewhere
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,  # their target is made of the header Host, which anybody can forge
    )
    app.state.server = server
    add_handlers(app)
    for module in (
        scans,
        watches,
        checks,
        catalogue,
        rights,
        uses,
        statements,
        grants,
        keys,
        webhooks,
        log,
        operations,
        pages,
        entrance,
        own,
        team,
        decisions,
        all_uses,
        desk,
        match,
        one_use,
        office,
        audio_pages,
    ):
        for route in module.router.routes:
            if isinstance(route, APIRoute):  # else its summary is made of the function's name
                route.summary = _CLAUSE.split(route.description, maxsplit=1)[0].replace("\n", " ")
        app.include_router(module.router)
    app.add_middleware(_Frame, server=server)
    return app


class _Frame:
    """Gives each request an id, limits JSON bodies however they are sent, adds headers of safety, counts and logs."""

    def __init__(self, app: ASGIApp, server: Server) -> None:
        self._app = app
        self._metrics = server.metrics
        self._json_kb = server.settings.json_kb

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        sent = headers.get("x-request-id", "")
        request_id = sent if _REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        is_json = headers.get("content-type", "").startswith("application/json")
        n_bytes, status, began = 0, 500, time.perf_counter()

        async def limited() -> Message:
            nonlocal n_bytes
            message = await receive()
            n_bytes += len(message.get("body", b""))
            if is_json and n_bytes > self._json_kb * 1_000:
                raise Refused(413, "body too long", f"a JSON body may have {self._json_kb} kB")
            return message

        async def framed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                answer = MutableHeaders(raw=message["headers"])
                answer["X-Request-Id"] = request_id
                for name, value in _HEADERS.items():
                    answer.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, limited, framed)
        finally:
            seconds = time.perf_counter() - began
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.count(scope["method"], route, status, seconds)
            facts = {"request_id": request_id, "method": scope["method"], "route": route, "status": status}
            actor = {"actor": scope["state"]["actor"]} if "actor" in scope["state"] else {}
            _LOG.info("request", extra={"facts": facts | actor | {"ms": round(1000 * seconds, 1)}})
