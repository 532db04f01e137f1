"""Who calls, and whether they may: the key of a request, its organisation, scopes, rate and budget.

A key is sent as `Authorization: Bearer sp_...`, nowhere else: a URL stands in logs, so a key in one is refused, and
should be revoked. Every refused access is an entry of the log.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from sqlalchemy import Connection

from sourceprint.service.access.api_keys import ApiKey, KeyScope, find_key, key_id_in, spend
from sourceprint.service.server import Server
from sourceprint.service.store.outbox import note_event
from sourceprint.service.web.problems import Refused

__all__ = ["BUDGET_SPENT", "Caller", "Serving", "needs", "the_server"]

_bearer = HTTPBearer(auto_error=False, description="A key of the API: `Authorization: Bearer sp_...`")
BUDGET_SPENT = "budget spent"
"""The title of a refusal for want of budget."""

_KEY_IN_URL = re.compile(r"sp_[0-9a-f]{12}_")
_MOST_LOGGED_REFUSALS = 60  # in a minute and for each address: a flood must not fill the log


def the_server(request: Request) -> Server:
    """Return the server that answers a request."""
    server: Server = request.app.state.server
    return server


Serving = Annotated[Server, Depends(the_server)]


@dataclass(frozen=True, slots=True)
class Caller:
    """The key of a request.

    Attributes
    ----------
    key : ApiKey
    server : Server
    """

    key: ApiKey
    server: Server

    @property
    def organisation(self) -> str:
        """Id of the organisation that the key belongs to: everything that is read or written belongs to it."""
        return self.key.organisation_id

    @property
    def actor(self) -> str:
        """The caller in entries of the log."""
        return self.key.actor

    def spend(self, connection: Connection, searches: int) -> None:
        """Count searches of the key, inside the transaction that submits them.

        Raises
        ------
        Refused
            429, if the budget of the key is spent; nothing of the transaction may be kept then.
        """
        if not spend(connection, self.key, searches):
            made = f"this key may make {self.key.budget} searches in all, and has made {self.key.searches}"
            raise Refused(429, BUDGET_SPENT, f"{made}; ask for a new one")

    @contextmanager
    def noting_budget(self) -> Iterator[None]:
        """Enter a refusal for want of budget inside the block into the log, in a transaction of its own."""
        try:
            yield
        except Refused as error:
            if error.title == BUDGET_SPENT:
                with self.server.database.writing() as connection:
                    _note_refusal(self.server, connection, "budget", self.key.organisation_id, self.actor)
            raise


def authenticate(
    scopes: SecurityScopes,
    request: Request,
    server: Serving,
    sent: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Caller:
    """Return the caller; 401, 403 or 429 if there is none who may do this."""
    challenge = {"WWW-Authenticate": f'Bearer scope="{scopes.scope_str}"'}
    if _KEY_IN_URL.search(str(request.url)):
        _log_refusal(server, request, "key in URL", "")
        raise Refused(403, "key in URL", "a key in a URL stands in logs: revoke it, and send keys as a header only")
    if sent is None:
        raise Refused(401, "no key", "send a key as `Authorization: Bearer sp_...`", challenge)
    with server.database.reading() as connection:
        key = find_key(connection, sent.credentials, now=server.database.now())
    if key is None:
        _log_refusal(server, request, "unknown key", key_id_in(sent.credentials))
        raise Refused(401, "unknown key", "this key is unknown, expired or revoked; ask for a new one", challenge)
    wait = server.rates.take(key.id, key.per_minute or server.settings.per_minute)
    if wait:
        detail = f"more than {key.per_minute or server.settings.per_minute} requests in a minute"
        raise Refused(429, "too many requests", detail, {"Retry-After": str(int(wait) + 1)})
    missing = [scope for scope in scopes.scopes if scope not in key.scopes]
    if missing:
        with server.database.writing() as connection:
            _note_refusal(server, connection, f"scope {' '.join(missing)}", key.organisation_id, key.actor)
        detail = f"this key has no scope {' '.join(missing)}; it has {' '.join(key.scopes)}"
        raise Refused(403, "scope missing", detail, challenge)
    return Caller(key, server)


def needs(*scopes: KeyScope) -> object:
    """Return the dependency of a route: a caller whose key has these scopes.

    Examples
    --------
    >>> caller: Annotated[Caller, needs(KeyScope.SCAN)]  # doctest: +SKIP
    """
    return Security(authenticate, scopes=list(scopes))


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
