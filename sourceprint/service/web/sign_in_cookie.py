"""The cookie of a sign-in, and the proof that a request comes from our own pages.

The cookie is HttpOnly, sent over TLS alone wherever the origin has TLS, and `SameSite=Lax`: a link in a message of a
colleague opens the page that it names, while `Strict` would show a sign-in page to a person who is signed in. No GET
changes anything; every change needs our own `Origin` and the CSRF token of the sign-in.
"""

import hmac

from fastapi import Request, Response

from sourceprint.service.people.sign_ins import LONGEST_HOURS, SignIn, find_sign_in, is_due, keep_open
from sourceprint.service.server import Server
from sourceprint.service.web.problems import Refused

__all__ = [
    "CSRF_HEADER",
    "expect_csrf",
    "expect_own_origin",
    "forget_sign_in",
    "is_reading",
    "keep_sign_in",
    "signed_in",
]

CSRF_HEADER = "x-csrf-token"
"""The header that a change carries, where it is no form."""

_UNATTENDED_HEADER = "x-unattended"  # of a page that asks for news by itself


def signed_in(request: Request, server: Server) -> SignIn | None:
    """Return the sign-in of a request's cookie, if it holds; its use is written down now and then.

    A page that asks for news by itself is no use: left open, it would keep a sign-in from ending.
    """
    token = request.cookies.get(_name(server), "")
    if not token or not token.isascii():
        return None
    now = server.database.clock()
    with server.database.reading() as connection:
        found = find_sign_in(connection, token, now=now)
    if found is not None:
        request.state.actor = found.actor  # for the log of requests
    if found is not None and is_due(found, now=now) and _UNATTENDED_HEADER not in request.headers:
        with server.database.writing() as connection:
            keep_open(connection, found, now=now)
    return found


def keep_sign_in(response: Response, server: Server, token: str) -> None:
    """Give a browser the cookie of a sign-in that just began; a cookie from before is replaced."""
    response.set_cookie(
        _name(server), token, max_age=LONGEST_HOURS * 3600, path="/", secure=server.origin.is_secure, httponly=True,
        samesite="lax",
    )  # fmt: skip


def forget_sign_in(response: Response, server: Server) -> None:
    """Take the cookie from a browser."""
    response.delete_cookie(_name(server), path="/", secure=server.origin.is_secure, httponly=True, samesite="lax")


def is_reading(request: Request) -> bool:
    """Return whether a request changes nothing, by its method."""
    return request.method in ("GET", "HEAD")


def expect_own_origin(request: Request, server: Server) -> None:
    """Refuse a request that changes something and comes from a page of another site, or of none."""
    stated = request.headers.get("origin", "")
    site = request.headers.get("sec-fetch-site", "same-origin")
    if stated != server.origin.text or site != "same-origin":
        raise Refused(403, "other origin", f"changes are taken from pages of {server.origin.text} alone")


def expect_csrf(found: SignIn, given: str) -> None:
    """Refuse a change whose token is not that of the sign-in."""
    if not hmac.compare_digest(found.csrf.encode(), given.encode()):
        raise Refused(403, "token missing", "this page is from an earlier sign-in; load it again and repeat the change")


def _name(server: Server) -> str:
    return "__Host-sourceprint" if server.origin.is_secure else "sourceprint"
