"""Requests for which an organisation wants two people: refused with a proposal, taken once it was approved."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated

from fastapi import Header

from fingerprint.digests import canonical_json
from sourceprint.service.people.approvals import give_back, needs_two, propose, take_approval
from sourceprint.service.web.caller import Caller
from sourceprint.service.web.problems import Refused

__all__ = ["ApprovalId", "SecondPersonNeeded", "second_person"]

ApprovalId = Annotated[
    str,
    Header(
        alias="X-Approval", max_length=64, pattern=r"^[\x21-\x7e]*$",
        description="Id of the approval, where the organisation wants two people for this",
    ),
]  # fmt: skip


class SecondPersonNeeded(Refused):
    """A request that waits for a second person; nothing was done.

    Parameters
    ----------
    approval_id : str
        Of its proposal.
    origin : str
        Address of the console.
    """

    def __init__(self, approval_id: str, origin: str) -> None:
        told = f"approval {approval_id}: another person approves this at {origin}/console/approvals"
        told += f"; then send the same request with X-Approval: {approval_id}"
        super().__init__(409, "second person needed", told)
        self.approval_id = approval_id


@contextmanager
def second_person(
    caller: Caller, kind: str, request: Mapping[str, str], approval_id: str, *, shown: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Do a request inside the block, if no second person is wanted for it, or one approved it; yields who did it, both.

    Parameters
    ----------
    caller : Caller
    kind : str
        Of `approvals.KINDS`.
    request : mapping
        All that the request says: its digest is approved, and a person reads it.
    approval_id : str
        "" to propose.
    shown : mapping, optional
        What a person reads besides, and the request says already in another form.

    Raises
    ------
    SecondPersonNeeded
        409 with the id of the proposal, where it waits for a second person.
    SignInError
        If the approval is not one for this request.
    """
    database, organisation, by = caller.server.database, caller.organisation, caller.actor
    digest = hashlib.sha256(canonical_json({"kind": kind, **request}, utf8=True)).hexdigest()
    with database.writing() as connection:
        wanted = needs_two(connection, organisation, kind)
        if wanted and approval_id:
            at = database.now()
            second = take_approval(connection, organisation, approval_id, kind, digest, at=at, actor=caller.actor)
            by = f"{caller.actor}, approved by {second}"
        elif wanted:
            told = {**request, **(shown or {})}
            made = propose(connection, organisation, kind, digest, told, now=database.clock(), actor=caller.actor)
    if wanted and not approval_id:
        raise SecondPersonNeeded(made.id, caller.server.origin.text)
    try:
        yield by
    except BaseException:
        if wanted:
            with database.writing() as connection:
                give_back(connection, organisation, approval_id, at=database.now(), actor=caller.actor)
        raise
