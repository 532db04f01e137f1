"""Logs that go on from another: a log that was put back from a backup has a new name, and an entry says after which.

Entries that came after the backup are lost. To go on under the old name would mean two logs of one name that differ,
both signed. So the new log begins with the entries of the backup, and one of its next entries names the old log and its
size there; checkpoints of the old log up to this size are still compared.
"""

import json
from dataclasses import dataclass
from typing import Any

from sourceprint.transparency.checkpoint import Checkpoint
from sourceprint.transparency.tiles import TileFolder

__all__ = ["RESTORED", "Predecessor", "find_predecessor", "predecessor_data"]

RESTORED = "service.restored"
"""Event of the entry that names the log that this one goes on from."""


@dataclass(frozen=True, slots=True)
class Predecessor:
    """The log that another one goes on from.

    Attributes
    ----------
    origin : str
        Its name.
    size : int
        Its entries that were kept.
    entry : int
        Number of the entry that says so.
    at : str
        When, as the entry has it.
    """

    origin: str
    size: int
    entry: int
    at: str


def predecessor_data(last: Checkpoint) -> dict[str, Any]:
    """Return what the entry says of the old log, by its last checkpoint that was kept."""
    return {"origin": last.origin, "size": last.size, "root": last.root.hex()}


def find_predecessor(tiles: TileFolder, origin: str) -> Predecessor | None:
    """Return how a log goes on from the one of this name; None if none of its entries says that it does.

    Raises
    ------
    LogDamagedError, LogError
        If entries cannot be read.
    """
    for index, entry in enumerate(tiles.entries()):
        if f'"{RESTORED}"'.encode("ascii") not in entry:
            continue
        try:
            fields = json.loads(entry)
            data = fields["data"]
            if fields["event"] == RESTORED and data["origin"] == origin and int(data["size"]) <= index:
                return Predecessor(origin, int(data["size"]), index, str(fields["at"]))
        except (ValueError, TypeError, KeyError):  # an entry of anybody, that only looks like one
            continue
    return None
