"""Grants given, for the API and for the console alike."""

from collections.abc import Collection
from datetime import datetime

from sourceprint.service.access.grants import CatalogueGrant, add_grant
from sourceprint.service.store.clock import time_text
from sourceprint.service.web.caller import Caller
from sourceprint.service.web.problems import Refused
from sourceprint.service.web.second_person import second_person

__all__ = ["give_grant"]


def give_grant(
    caller: Caller,
    holder: str,
    *,
    fields: Collection[str],
    owner_sees: str,
    expires_at: datetime | None,
    budget: int | None,
    approval_id: str = "",
) -> CatalogueGrant:
    """Let another organisation check tracks against the catalogue of the caller's.

    Parameters
    ----------
    caller : Caller
    holder : str
        Id of the organisation.
    fields, owner_sees, expires_at, budget
        As `add_grant`.
    approval_id : str
        "" to propose it, where the organisation wants two people for this.

    Raises
    ------
    Refused
        409 if the holder owns the catalogue, and as `second_person`.
    ParameterError, UnknownRightsError
        As `add_grant`.
    """
    database = caller.server.database
    if holder == caller.organisation:
        raise Refused(409, "own catalogue", "holder: is the owner of the catalogue, who needs no grant")
    asked = {"holder": holder, "fields": " ".join(sorted(set(fields))), "owner sees": owner_sees}
    asked |= {"expires": "" if expires_at is None else time_text(expires_at), "budget": str(budget or "")}
    with second_person(caller, "grant", asked, approval_id), database.writing() as connection:
        return add_grant(
            connection, caller.organisation, holder, fields=fields, owner_sees=owner_sees, expires_at=expires_at,
            budget=budget, at=database.now(), actor=caller.actor,
        )  # fmt: skip
