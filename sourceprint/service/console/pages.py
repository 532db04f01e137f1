"""Pages of the console: templates filled with values, headers that allow our own files alone, style and script."""

import base64
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from sourceprint.evidence.pages.page import PLAYERS, STYLE, Inset, asset
from sourceprint.outputs import program_version
from sourceprint.service.people.roles import Role
from sourceprint.service.people.sign_ins import SignIn
from sourceprint.service.web.problems import Refused
from sourceprint.text.templates import rendered

__all__ = ["PAGE_HEADERS", "WAYS", "Way", "fragment", "page", "router", "ways_of"]

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Way:
    """A way at the top of every page.

    Attributes
    ----------
    name : str
        As pages name it in `here`.
    address, words : str
    roles : frozenset of Role
        The roles to which it is shown; the page behind it decides for itself.
    """

    name: str
    address: str
    words: str
    roles: frozenset[Role]


def _way(name: str, words: str, *roles: Role) -> Way:
    return Way(name, "/console" if name == "home" else f"/console/{name}", words, frozenset(roles or Role))


WAYS = (
    _way("home", "Home"),
    _way("review", "Review", Role.ADMIN, Role.REVIEWER, Role.ACCOUNTANT, Role.AUDITOR),
    _way("scans", "Scans", Role.ADMIN, Role.REVIEWER, Role.AUDITOR, Role.LICENSEE),
    _way("recordings", "Recordings", Role.ADMIN, Role.CATALOGUER, Role.REVIEWER, Role.ACCOUNTANT, Role.AUDITOR),
    _way("statements", "Statements", Role.ADMIN, Role.ACCOUNTANT, Role.AUDITOR),
    _way("licensees", "Licensees", Role.ADMIN, Role.CATALOGUER, Role.ACCOUNTANT, Role.AUDITOR),
    _way("approvals", "Approvals", Role.ADMIN, Role.CATALOGUER, Role.ACCOUNTANT, Role.AUDITOR),
    _way("people", "People", Role.ADMIN, Role.AUDITOR),
    _way("keys", "Keys", Role.ADMIN, Role.AUDITOR),
    _way("log", "Log", Role.ADMIN, Role.AUDITOR),
    _way("passkeys", "My passkeys"),
)
"""The ways at the top of every page, in their order."""


def _policy(styles: str = "'self'", images: str = "'self'") -> str:
    return (
        f"default-src 'none'; script-src 'self'; style-src {styles}; img-src {images}; media-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'"
    )


PAGE_HEADERS = {
    "Content-Security-Policy": _policy(),
    "Referrer-Policy": "same-origin",  # with none at all, forms state no origin
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "publickey-credentials-create=(self), publickey-credentials-get=(self)",
}
"""Headers of every page: nothing is loaded from elsewhere, no script stands in a page, no other site frames it."""

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def page(
    template: str,
    visitor: SignIn | None = None,
    *,
    status: int = 200,
    here: str = "",
    evidence: Inset | None = None,
    **values: Any,
) -> HTMLResponse:
    """Return a page.

    Parameters
    ----------
    template : str
        Name of a file in `templates/`.
    visitor : SignIn, optional
        Who reads it: their name, organisation and ways stand at its top.
    status : int
    here : str
        The way at the top that leads here.
        Templates have the names of all that open for them in `opens`, and link to no others.
    evidence : Inset, optional
        A page of evidence inside this one: its pictures are in it, and the policy names its style by a digest.
    **values
        For the template.
    """
    ways = ways_of(visitor.roles if visitor else ())
    shared = {
        "visitor": visitor, "here": here, "ways": ways, "opens": {one.name for one in ways}, "evidence": evidence,
        "version": program_version(),
    }  # fmt: skip
    headers = PAGE_HEADERS
    if evidence is not None:
        digest = base64.b64encode(hashlib.sha256(evidence.style.encode()).digest()).decode("ascii")
        headers = headers | {"Content-Security-Policy": _policy(f"'self' 'sha256-{digest}'", "'self' data:")}
    return HTMLResponse(rendered(__package__, template, shared | values), status, headers)


def ways_of(roles: Collection[Role]) -> list[Way]:
    """Return the ways that roles open, in their order."""
    return [one for one in WAYS if not one.roles.isdisjoint(roles)]


def fragment(template: str, **values: Any) -> str:
    """Return a part of a page, of a file in `templates/`."""
    return rendered(__package__, template, values).decode("utf-8")


@router.get("/console/assets/{name}")
def get_asset(name: str) -> Response:
    """Give the style or script of the pages."""
    content = _assets().get(name)
    if content is None:
        raise Refused(404, "not found", "there is no such file")
    headers = {"Cache-Control": "private, max-age=300", "Cross-Origin-Resource-Policy": "same-origin"}
    return Response(content, media_type=_TYPES[name.rpartition(".")[2]], headers=headers)


@cache
def _assets() -> dict[str, bytes]:
    own = files(__package__) / "assets"
    return {name: asset(name) for name in (STYLE, PLAYERS)} | {one.name: one.read_bytes() for one in own.iterdir()}
