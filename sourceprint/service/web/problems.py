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

from fingerprint.errors import IndexLockedError, RightsDatabaseError, SourceprintError, StorageFullError
from sourceprint.faults import fault_of
from sourceprint.service.api_words import in_api_words
from sourceprint.service.problem_kinds import KINDS, NO_KIND, kind_of, type_of

__all__ = ["PROBLEM_TYPE", "Problem", "Refused", "add_handlers", "described", "problem", "responses", "status_of"]

_LOG = logging.getLogger("sourceprint.service")

PROBLEM_TYPE = "application/problem+json"

_PASSING = (RightsDatabaseError, StorageFullError, IndexLockedError)  # worth another attempt
_COMMON = (400, 401, 403, 422, 429, 503)  # of every operation that needs a key


class Problem(BaseModel):
    """Why a request was refused."""

    type: str = Field(
        description="Kind of the problem: stays as it is, for programs to compare",
        json_schema_extra={"enum": [*map(type_of, KINDS), NO_KIND]},
    )
    title: str = Field(description="Kind of the problem, in words")
    status: int = Field(description="The HTTP status")
    detail: str = Field(description="The problem, with name, value, limit and remedy")
    request_id: str = Field(description="The id of the request, for the operator's logs")
    report: dict[str, Any] | None = Field(None, description="Of a refused import: its report, with the faults by row")


class Refused(HTTPException):
    """A request that is refused with a problem.

    Parameters
    ----------
    status : int
    title : str
        Of `problem_kinds.KINDS`.
    detail : str
    headers : mapping, optional
    report : mapping, optional
        Of a refused import.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        *,
        report: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.title = title
        self.report = report


def problem(
    request: Request,
    status: int,
    title: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    report: dict[str, Any] | None = None,
) -> JSONResponse:
    """Return the answer of a refusal."""
    content = Problem(
        type=type_of(title),
        title=title,
        status=status,
        detail=detail,
        request_id=_request_id(request),
        report=report,
    ).model_dump(exclude_none=True)
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


def status_of(
    request: Request, error: HTTPException | SourceprintError | RequestValidationError
) -> tuple[int, str, str]:
    """Return the status, the kind in words and the detail of a refusal, of ours or of the framework.

    The detail names no place of the server; where it did, or the server is at fault, the log has all of it.
    """
    if isinstance(error, HTTPException):
        title = error.title if isinstance(error, Refused) else _title(error.status_code)
        return error.status_code, title, str(error.detail)
    if isinstance(error, RequestValidationError):
        lines = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        return 422, "invalid request", "; ".join(lines)[:2_000]
    status, title = kind_of(error)
    detail = request.app.state.server.folder.without_places(str(error))
    if status >= 500 or detail != str(error):
        _LOG.warning("a request was refused: %s", error, extra={"facts": {"request_id": _request_id(request)}})
    return status, title, detail


def _title(status: int) -> str:
    """Return the title of a refusal of the framework."""
    phrase = HTTPStatus(status).phrase.lower()
    return "invalid request" if status == 400 else phrase


def add_handlers(app: FastAPI) -> None:
    """Answer every refusal, of ours and of the framework, with a problem."""

    @app.exception_handler(HTTPException)
    async def of_http(request: Request, error: HTTPException) -> JSONResponse:
        _, title, detail = status_of(request, error)
        headers = dict(error.headers or {})
        if error.status_code == 405 and (methods := _methods(request)):  # the framework names those of one route alone
            headers["Allow"] = ", ".join(sorted(methods))
        report = error.report if isinstance(error, Refused) else None
        return problem(request, error.status_code, title, detail, headers, report)

    @app.exception_handler(RequestValidationError)
    async def of_validation(request: Request, error: RequestValidationError) -> JSONResponse:
        return problem(request, *status_of(request, error))

    @app.exception_handler(Exception)
    async def of_anything(request: Request, error: Exception) -> JSONResponse:
        fault = fault_of(error)
        _LOG.error("a request failed: %s", fault.reason, extra={"facts": {"fault": fault.id}}, exc_info=error)
        return problem(request, 500, "unexpected failure", f"fault {fault.id}; the log of the server has the rest")

    @app.exception_handler(SourceprintError)
    async def of_ours(request: Request, error: SourceprintError) -> JSONResponse:
        status, title, detail = status_of(request, error)
        headers = {"Retry-After": "1"} if isinstance(error, _PASSING) else {}
        return problem(request, status, title, in_api_words(detail), headers)


def _methods(request: Request) -> set[str]:
    """Return the methods that the path of a request has, as the description of the API says it."""
    paths: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    for segment in (None, "[^/]+", ".+"):  # a path without parameters comes first; the last one may hold slashes
        patterns = {path: path if segment is None else re.sub(r"\{\w+\}", segment, path) for path in paths}
        found = [path for path, pattern in patterns.items() if re.fullmatch(pattern, request.url.path)]
        if found:
            return {method.upper() for path in found for method in paths[path]}
    return set()
