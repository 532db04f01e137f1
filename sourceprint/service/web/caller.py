"""Who calls, and whether they may: the key or the person of a request, its organisation, scopes, rate and budget.

A key is sent as `Authorization: Bearer sp_...`, nowhere else: a URL stands in logs, so a key in one is refused, and
should be revoked. A person who is signed in to the console calls with its cookie; the roles bring the scopes. Every
refused access is an entry of the log.
"""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from sqlalchemy import Connection

from sourceprint.royalties.rights.database import Database
from sourceprint.service.access.api_keys import ApiKey, KeyScope, find_key, key_id_in, spend
from sourceprint.service.people.roles import Role, scopes_of
from sourceprint.service.people.sign_ins import SignIn
from sourceprint.service.server import Server
from sourceprint.service.store.outbox import note_event
from sourceprint.service.web.problems import Refused
from sourceprint.service.web.sign_in_cookie import (
    CSRF_HEADER,
    expect_csrf,
    expect_own_origin,
    is_reading,
    signed_in,
)

__all__ = ["BUDGET_SPENT", "Caller", "Serving", "needs", "the_server"]

_bearer = HTTPBearer(auto_error=False, description="A key of the API: `Authorization: Bearer sp_...`")
BUDGET_SPENT = "budget spent"
"""The title of a refusal for want of budget."""

_KEY_IN_URL = re.compile(r"sp_[0-9a-f]{12}_", re.IGNORECASE)
_MOST_DECODINGS = 3  # a URL may be encoded again by every program on its way
_MOST_LOGGED_REFUSALS = 60  # in a minute and for each address: a flood must not fill the log


def the_server(request: Request) -> Server:
    """Return the server that answers a request."""
    server: Server = request.app.state.server
    return server


Serving = Annotated[Server, Depends(the_server)]


@dataclass(frozen=True, slots=True)
class Caller:
    """The key or the person of a request.

    Attributes
    ----------
    holder : ApiKey or SignIn
    server : Server
    """

    holder: ApiKey | SignIn
    server: Server

    @property
    def organisation(self) -> str:
        """Id of the organisation that the caller belongs to: everything that is read or written belongs to it."""
        return self.holder.organisation_id

    @property
    def actor(self) -> str:
        """The caller in entries of the log, and in the database of rights."""
        return self.holder.actor

    @property
    def key(self) -> ApiKey | None:
        """The key; None for a person."""
        return self.holder if isinstance(self.holder, ApiKey) else None

    @property
    def rights(self) -> Database:
        """The database of rights of the caller's organisation."""
        return self.server.folder.organisation(self.organisation).rights()

    @property
    def sees_own_alone(self) -> bool:
        """Whether the caller sees the jobs that it submitted itself, and no others: a licensee."""
        return isinstance(self.holder, SignIn) and Role.LICENSEE in self.holder.roles

    def spend(self, connection: Connection, searches: int) -> None:
        """Count searches of the key, inside the transaction that submits them.

        Raises
        ------
        Refused
            429, if the budget of the key is spent; nothing of the transaction may be kept then.
        """
        key = self.key
        if key is not None and not spend(connection, key, searches):
            made = f"this key may make {key.budget} searches in all, and has made {key.searches}"
            raise Refused(429, BUDGET_SPENT, f"{made}; ask for a new one")

    @contextmanager
    def noting_budget(self) -> Iterator[None]:
        """Enter a refusal for want of budget inside the block into the log, in a transaction of its own."""
        try:
            yield
        except Refused as error:
            if error.title == BUDGET_SPENT:
                with self.server.database.writing() as connection:
                    _note_refusal(self.server, connection, "budget", self.organisation, self.actor)
            raise


def authenticate(
    scopes: SecurityScopes,
    request: Request,
    server: Serving,
    sent: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Caller:
    """Return the caller; 401, 403 or 429 if there is none who may do this."""
    return _authenticated(scopes, request, server, sent)


def _authenticated(
    scopes: SecurityScopes,
    request: Request,
    server: Server,
    sent: HTTPAuthorizationCredentials | None,
    instead: KeyScope | None = None,
) -> Caller:
    challenge = {"WWW-Authenticate": f'Bearer scope="{scopes.scope_str}"'}
    if _names_key(str(request.url)):
        _log_refusal(server, request, "key in URL", "")
        raise Refused(403, "key in URL", "a key in a URL stands in logs: revoke it, and send keys as a header only")
    if len(request.headers.getlist("authorization")) > 1:
        _log_refusal(server, request, "two keys", "")
        raise Refused(400, "two keys", "Authorization: is there more than once; send one key")
    if sent is None and (person := signed_in(request, server)) is not None:
        return _caller_in_person(scopes, request, server, person, instead)
    if sent is None:
        raise Refused(401, "no key", "send a key as `Authorization: Bearer sp_...`", challenge)
    with server.database.reading() as connection:
        key = find_key(connection, sent.credentials, now=server.database.now())
    if key is None:
        _log_refusal(server, request, "unknown key", key_id_in(sent.credentials))
        raise Refused(401, "unknown key", "this key is unknown, expired or revoked; ask for a new one", challenge)
    request.state.actor = key.actor  # for the log of requests
    wait = server.rates.take(key.line, key.per_minute or server.settings.per_minute)
    if wait:
        detail = f"more than {key.per_minute or server.settings.per_minute} requests in a minute"
        raise Refused(429, "too many requests", detail, {"Retry-After": str(int(wait) + 1)})
    missing = _missing(scopes, key.scopes, instead)
    if missing:
        with server.database.writing() as connection:
            _note_refusal(server, connection, f"scope {' '.join(missing)}", key.organisation_id, key.actor)
        detail = f"this key has no scope {' '.join(missing)}; it has {' '.join(key.scopes)}"
        raise Refused(403, "scope missing", detail, challenge)
    return Caller(key, server)


def _caller_in_person(
    scopes: SecurityScopes, request: Request, server: Server, person: SignIn, instead: KeyScope | None
) -> Caller:
    reading = is_reading(request)
    if not reading:
        expect_own_origin(request, server)
        expect_csrf(person, request.headers.get(CSRF_HEADER, ""))
    if wait := server.rates.take(person.person_id, server.settings.per_minute):
        detail = f"more than {server.settings.per_minute} requests in a minute"
        raise Refused(429, "too many requests", detail, {"Retry-After": str(int(wait) + 1)})
    missing = _missing(scopes, scopes_of(person.roles, reading=reading), instead)
    if missing:
        with server.database.writing() as connection:
            _note_refusal(server, connection, f"scope {' '.join(missing)}", person.organisation_id, person.actor)
        detail = f"the roles {' '.join(person.roles)} do not bring the scope {' '.join(missing)}; ask an admin"
        raise Refused(403, "scope missing", detail)
    return Caller(person, server)


def _missing(scopes: SecurityScopes, held: Collection[str], instead: KeyScope | None) -> list[str]:
    if instead is not None and instead in held:
        return []
    return sorted(set(scopes.scopes).difference(held))


def needs(*scopes: KeyScope, instead: KeyScope | None = None) -> object:
    """Return the dependency of a route: a caller whose key, or whose roles, have these scopes.

    Parameters
    ----------
    *scopes : KeyScope
    instead : KeyScope, optional
        A scope that does instead of them.

    Examples
    --------
    >>> caller: Annotated[Caller, needs(KeyScope.SCAN)]  # doctest: +SKIP
    """
    if instead is None:
        return Security(authenticate, scopes=list(scopes))

    def either(
        scopes: SecurityScopes,
        request: Request,
        server: Serving,
        sent: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    ) -> Caller:
        return _authenticated(scopes, request, server, sent, instead)

    return Security(either, scopes=list(scopes))


def _names_key(url: str) -> bool:
    for _ in range(_MOST_DECODINGS):
        if _KEY_IN_URL.search(url):
            return True
        url = unquote(url)
    return bool(_KEY_IN_URL.search(url))


def _log_refusal(server: Server, request: Request, reason: str, claimed: str) -> None:
    address = request.client.host if request.client else ""
    if server.rates.take(f"refused {address}", _MOST_LOGGED_REFUSALS):
        return
    with server.database.writing() as connection:
        _note_refusal(server, connection, reason, "", "unknown", claimed=claimed)


def _note_refusal(
    server: Server, connection: Connection, reason: str, organisation: str, actor: str, *, claimed: str = ""
) -> None:
    data = {"reason": reason} | ({"claimed_key": claimed} if claimed else {})
    at = server.database.now()
    note_event(connection, "access.refused", at=at, organisation=organisation, actor=actor, data=data)
