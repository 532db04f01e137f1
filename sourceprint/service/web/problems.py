"""Refusals as answers: `application/problem+json` (RFC 9457), the same form for every error of the API."""

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from fingerprint.errors import (
    AudioError,
    CatalogueError,
    DuplicateRecordingError,
    EvidenceError,
    GrantError,
    IndexDamagedError,
    IndexLockedError,
    LogError,
    OutputError,
    ParameterError,
    RightsDatabaseError,
    RightsError,
    SignInError,
    SourceprintError,
    StaleDecisionError,
    StatementError,
    StorageFullError,
    UnknownRecordingError,
    UnknownRightsError,
    VerificationError,
)
from sourceprint.faults import fault_of

__all__ = ["PROBLEM_TYPE", "Problem", "Refused", "add_handlers", "described", "problem", "responses", "status_of"]

_LOG = logging.getLogger("sourceprint.service")

PROBLEM_TYPE = "application/problem+json"

_STATUS: tuple[tuple[type[SourceprintError], int], ...] = (  # the first that fits
    (UnknownRecordingError, 404),
    (UnknownRightsError, 404),
    (DuplicateRecordingError, 409),
    (IndexLockedError, 409),
    (GrantError, 403),
    (SignInError, 403),
    (StorageFullError, 507),
    (RightsDatabaseError, 503),
    (IndexDamagedError, 503),
    (OutputError, 503),
    (LogError, 503),
    (VerificationError, 503),
    (CatalogueError, 409),
    (AudioError, 422),
    (ParameterError, 422),
    (StatementError, 409),
    (StaleDecisionError, 409),
    (RightsError, 422),
    (EvidenceError, 422),
)
_PASSING = (RightsDatabaseError, StorageFullError, IndexLockedError)  # worth another attempt
_COMMON = (400, 401, 403, 422, 429, 503)  # of every operation that needs a key


class Problem(BaseModel):
    """Why a request was refused."""

    type: str = Field("about:blank", description="Kind of the problem; titles say it in words")
    title: str = Field(description="Kind of the problem, in words")
    status: int = Field(description="The HTTP status")
    detail: str = Field(description="The problem, with name, value, limit and remedy")
    request_id: str = Field(description="The id of the request, for the operator's logs")


class Refused(HTTPException):
    """A request that is refused with a problem.

    Parameters
    ----------
    status : int
    title, detail : str
    headers : mapping, optional
    """

    def __init__(self, status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.title = title


def problem(
    request: Request, status: int, title: str, detail: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return the answer of a refusal."""
    content = Problem(
        type="about:blank", title=title, status=status, detail=detail, request_id=_request_id(request)
    ).model_dump()
    return JSONResponse(content, status, dict(headers or {}), media_type=PROBLEM_TYPE)


def _request_id(request: Request) -> str:
    return str(getattr(request.state, "request_id", ""))


def responses(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of refusals of a route that needs a key: those of all such routes, and these."""
    return described(*sorted({*_COMMON, *codes}))


def described(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of refusals."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        code: {"description": HTTPStatus(code).phrase, "model": Problem, "content": {PROBLEM_TYPE: {"schema": schema}}}
        for code in codes
    }


def status_of(request: Request, error: HTTPException | SourceprintError) -> tuple[int, str, str]:
    """Return the status, the kind in words and the detail of a refusal, of ours or of the framework.

    The detail names no place of the server; where it did, or the server is at fault, the log has all of it.
    """
    if isinstance(error, HTTPException):
        title = error.title if isinstance(error, Refused) else HTTPStatus(error.status_code).phrase
        return error.status_code, title, str(error.detail)
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 422)
    detail = request.app.state.server.folder.without_places(str(error))
    if status >= 500 or detail != str(error):
        _LOG.warning("a request was refused: %s", error, extra={"facts": {"request_id": _request_id(request)}})
    return status, type(error).__name__.removesuffix("Error"), detail


def add_handlers(app: FastAPI) -> None:
    """Answer every refusal, of ours and of the framework, with a problem."""

    @app.exception_handler(HTTPException)
    async def of_http(request: Request, error: HTTPException) -> JSONResponse:
        _, title, detail = status_of(request, error)
        headers = dict(error.headers or {})
        if error.status_code == 405 and (methods := _methods(request)):  # the framework names those of one route alone
            headers["Allow"] = ", ".join(sorted(methods))
        return problem(request, error.status_code, title, detail, headers)

    @app.exception_handler(RequestValidationError)
    async def of_validation(request: Request, error: RequestValidationError) -> JSONResponse:
        lines = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        return problem(request, 422, "invalid request", "; ".join(lines)[:2_000])

    @app.exception_handler(Exception)
    async def of_anything(request: Request, error: Exception) -> JSONResponse:
        fault = fault_of(error)
        _LOG.error("a request failed: %s", fault.reason, extra={"facts": {"fault": fault.id}}, exc_info=error)
        return problem(request, 500, "unexpected failure", f"fault {fault.id}; the log of the server has the rest")

    @app.exception_handler(SourceprintError)
    async def of_ours(request: Request, error: SourceprintError) -> JSONResponse:
        status, title, detail = status_of(request, error)
        headers = {"Retry-After": "1"} if isinstance(error, _PASSING) else {}
        return problem(request, status, title, detail, headers)


def _methods(request: Request) -> set[str]:
    """Return the methods that the path of a request has, as the description of the API says it."""
    paths: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    for segment in (None, "[^/]+", ".+"):  # a path without parameters comes first; the last one may hold slashes
        patterns = {path: path if segment is None else re.sub(r"\{\w+\}", segment, path) for path in paths}
        found = [path for path, pattern in patterns.items() if re.fullmatch(pattern, request.url.path)]
        if found:
            return {method.upper() for path in found for method in paths[path]}
    return set()
