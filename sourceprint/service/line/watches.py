"""Watches: folders of the server whose new files become scans of an organisation, once for each content and path.

A watch is a row, and so is every file that it found: what is on file is not taken again after a restart. The process
that looks after a watch holds a lease on it; a file is written down, with its scan, in a transaction that makes sure of
the lease, so that two processes never take the same one.
"""

import hashlib
import os
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path

import msgspec
from sqlalchemy import Connection, and_, func, insert, or_, select, update

from fingerprint.errors import UnknownRightsError, printable
from sourceprint.scans.scan_json import uuid7
from sourceprint.service.line.arguments import ScanArguments, decode_arguments, encode_arguments
from sourceprint.service.line.jobs import SCAN, add_jobs
from sourceprint.service.store.clock import time_text
from sourceprint.service.store.database import ServiceDatabase
from sourceprint.service.store.outbox import note_event
from sourceprint.service.store.schema import watch, watched_file

__all__ = ["Watch", "WatchedFile", "add_watch", "find_watch", "hold_watches", "list_watched", "list_watches"]
__all__ += ["note_file", "note_look", "stop_watch", "was_found"]

_PRIORITY = 2  # as a batch: after tracks that someone waits for


@dataclass(frozen=True, slots=True)
class Watch:
    """A watch as it is on file.

    Attributes
    ----------
    id, organisation_id : str
    folder : str
        Absolute path on the server.
    settle_seconds : int
        How long a file must have stayed the same.
    arguments : str
        Those of its scans, JSON.
    created_at : str
    stopped_at, looked_at : str or None
    error : str or None
        Fault of the last look.
    """

    id: str
    organisation_id: str
    folder: str
    settle_seconds: int
    arguments: str
    created_at: str
    stopped_at: str | None
    looked_at: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class WatchedFile:
    """A file that a watch found.

    Attributes
    ----------
    sequence : int
    path, found_at : str
    job_id : str or None
        Its scan.
    reason : str or None
        Why it was not taken.
    """

    sequence: int
    path: str
    found_at: str
    job_id: str | None
    reason: str | None


_WATCH = [watch.c[one.name] for one in fields(Watch)]
_FILE = [watched_file.c[one.name] for one in fields(WatchedFile)]


def add_watch(
    connection: Connection,
    organisation_id: str,
    folder: Path,
    arguments: ScanArguments,
    *,
    settle_seconds: int,
    at: str,
    actor: str,
) -> Watch:
    """Watch a folder, which the caller made sure may be read."""
    row = {
        "id": str(uuid7()),
        "organisation_id": organisation_id,
        "folder": str(folder),
        "settle_seconds": settle_seconds,
        "arguments": encode_arguments(arguments),
        "created_at": at,
        "created_by": actor,
    }
    connection.execute(insert(watch), row)
    note_event(
        connection, "watch.added", at=at, organisation=organisation_id, actor=actor, subject=f"watch:{row['id']}"
    )
    return find_watch(connection, organisation_id, str(row["id"]))


def stop_watch(connection: Connection, organisation_id: str, watch_id: str, *, at: str, actor: str) -> None:
    """Take no more files; scans that wait are done all the same; UnknownRightsError if there is no such watch."""
    if find_watch(connection, organisation_id, watch_id).stopped_at is None:
        off = {"stopped_at": at, "owner": None, "lease_until": None}
        connection.execute(update(watch).where(watch.c.id == watch_id).values(**off))
        note_event(
            connection, "watch.stopped", at=at, organisation=organisation_id, actor=actor, subject=f"watch:{watch_id}"
        )


def find_watch(connection: Connection, organisation_id: str, watch_id: str) -> Watch:
    """Return a watch of an organisation; UnknownRightsError if it has none with this id."""
    own = and_(watch.c.organisation_id == organisation_id, watch.c.id == watch_id)
    row = connection.execute(select(*_WATCH).where(own)).first()
    if row is None:
        raise UnknownRightsError(f"watch {printable(watch_id):.60}: is not there")
    return Watch(*row)


def list_watches(connection: Connection, organisation_id: str) -> list[Watch]:
    """Return the watches of an organisation, in the order in which they were added."""
    query = select(*_WATCH).where(watch.c.organisation_id == organisation_id).order_by(watch.c.id)
    return [Watch(*row) for row in connection.execute(query)]


def list_watched(connection: Connection, watch_id: str, *, after: int, limit: int) -> list[WatchedFile]:
    """Return files that a watch found, in the order in which it did."""
    later = and_(watched_file.c.watch_id == watch_id, watched_file.c.sequence > after)
    query = select(*_FILE).where(later).order_by(watched_file.c.sequence).limit(limit)
    return [WatchedFile(*row) for row in connection.execute(query)]


def hold_watches(database: ServiceDatabase, owner: str, *, lease_seconds: int) -> list[Watch]:
    """Take or renew the leases of all watches that no other process looks after, and return these watches."""
    now = database.now()
    is_free = or_(watch.c.owner == owner, watch.c.owner.is_(None), watch.c.lease_until < now)
    free = and_(watch.c.stopped_at.is_(None), is_free)
    with database.reading() as connection:
        if connection.scalar(select(watch.c.id).where(free).limit(1)) is None:
            return []
    until = time_text(database.clock() + timedelta(seconds=lease_seconds))
    with database.writing() as connection:
        connection.execute(update(watch).where(free).values(owner=owner, lease_until=until))
        mine = and_(watch.c.owner == owner, watch.c.stopped_at.is_(None))
        return [Watch(*row) for row in connection.execute(select(*_WATCH).where(mine).order_by(watch.c.id))]


def note_look(database: ServiceDatabase, held: Watch, error: str) -> None:
    """Write down that a folder was looked at, and the fault of that, or ""."""
    with database.writing() as connection:
        looked = {"looked_at": database.now(), "error": error or None}
        connection.execute(update(watch).where(watch.c.id == held.id).values(**looked))


def was_found(connection: Connection, held: Watch, path: Path, signature: str) -> bool:
    """Return whether a file is on file with this size and time of change."""
    same = and_(watched_file.c.watch_id == held.id, watched_file.c.path_digest == _digest(path))
    query = select(func.count()).select_from(watched_file).where(same, watched_file.c.signature == signature)
    return bool(connection.scalar(query))


def note_file(
    database: ServiceDatabase,
    held: Watch,
    owner: str,
    path: Path,
    *,
    signature: str,
    sha256: str = "",
    reason: str = "",
) -> bool:
    """Write a file down, with its scan unless there is a reason against it; return whether that was done.

    Nothing is done if the file is on file with this content, or the lease of the watch is another's by now.

    Parameters
    ----------
    database : ServiceDatabase
    held : Watch
    owner : str
        The process that holds the lease.
    path : Path
    signature : str
        Size and time of change.
    sha256 : str
        Of the content.
    reason : str
        Why it cannot be scanned.
    """
    with database.writing() as connection:
        at = database.now()
        mine = and_(watch.c.id == held.id, watch.c.owner == owner, watch.c.lease_until >= at)
        if connection.scalar(select(watch.c.id).where(mine).with_for_update()) is None:
            return False
        same = and_(
            watched_file.c.watch_id == held.id,
            watched_file.c.path_digest == _digest(path),
            watched_file.c.sha256 == sha256,
        )
        if connection.scalar(select(watched_file.c.sequence).where(same)) is not None:
            connection.execute(update(watched_file).where(same).values(signature=signature))
            return False
        row = {
            "watch_id": held.id, "path_digest": _digest(path), "sha256": sha256, "path": printable(path),
            "signature": signature, "found_at": at, "job_id": None, "reason": reason or None,
        }  # fmt: skip
        if not reason:
            named = decode_arguments(held.arguments, ScanArguments)
            kept = encode_arguments(msgspec.structs.replace(named, name=printable(path), path=str(path)))
            asked = [{"arguments": kept, "priority": _PRIORITY}]
            actor = f"watch:{held.id}"
            (row["job_id"],) = add_jobs(connection, held.organisation_id, SCAN, asked, at=at, by=actor)
            note_event(
                connection, "scan.submitted", at=at, organisation=held.organisation_id, actor=actor,
                subject=f"scan:{row['job_id']}", data={"sha256": sha256},
            )  # fmt: skip
        connection.execute(insert(watched_file), row)
    return True


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()
