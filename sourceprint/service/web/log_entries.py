"""Entries of the log about one organisation, for the API and for the console alike."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from sourceprint.service.store.schema import outbox

__all__ = ["OwnEntry", "own_entries"]


@dataclass(frozen=True, slots=True)
class OwnEntry:
    """An entry of the log.

    Attributes
    ----------
    index : int
        Its number in the log.
    entry : dict
    """

    index: int
    entry: dict[str, Any]


def own_entries(
    connection: Connection, organisation: str, *, after: int = -1, before: int | None = None, limit: int
) -> list[OwnEntry]:
    """Return entries of an organisation between two numbers.

    Parameters
    ----------
    connection : Connection
    organisation : str
    after : int
        The first ones after this number, in the order of the log.
    before : int, optional
        The last ones before this number instead, the newest first.
    limit : int
    """
    number = outbox.c.log_index
    own = (outbox.c.organisation_id == organisation) & (number > after)
    order = number.asc()
    if before is not None:
        own, order = own & (number < before), number.desc()
    query = select(number, outbox.c.entry).where(own).order_by(order).limit(limit)
    return [OwnEntry(row.log_index, json.loads(row.entry)) for row in connection.execute(query)]
