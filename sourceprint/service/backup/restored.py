"""A service made of a backup: verified first, and no service at all until it is complete.

The log goes on under a new name, unless the operator says that nothing was logged after the backup: entries that came
later are lost, and a log that goes on under the old name would be a second one with the same entries' numbers, signed
as the first (`sourceprint.transparency.succession`).
"""

import fcntl
import json
import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select, update

from fingerprint.errors import OutputError, ParameterError, VerificationError, printable
from fingerprint.new_files import open_ours
from index.folder.transfer import import_index
from index.storage.durable import refusals, sync_folder
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.schema import revision
from sourceprint.service.backup.copies import copy_log
from sourceprint.service.backup.manifest import BackupManifest, check_files
from sourceprint.service.backup.tables import expect_known_file, fill_schemas, is_sound
from sourceprint.service.data_folder import DataFolder
from sourceprint.service.hooks.webhooks import announce
from sourceprint.service.line.jobs import FAILED, QUEUED, RUNNING
from sourceprint.service.log_feed import ORIGIN, LogFeed
from sourceprint.service.log_keys import log_key, log_key_name
from sourceprint.service.people.sign_ins import end_all
from sourceprint.service.problem_kinds import type_of
from sourceprint.service.store.clock import Clock, system_clock
from sourceprint.service.store.database import ServiceDatabase
from sourceprint.service.store.outbox import note_event
from sourceprint.service.store.schema import job, organisation
from sourceprint.service.store.stored_settings import set_setting
from sourceprint.signatures import PUBLIC_SUFFIX, PublicKey, load_public
from sourceprint.transparency.checkpoint import Checkpoint
from sourceprint.transparency.log import CHECKPOINT_NAME
from sourceprint.transparency.succession import RESTORED, predecessor_data
from sourceprint.transparency.tiles import put
from sourceprint.transparency.verification import verify_log

__all__ = ["Restoration", "restore_backup"]

_OURS = ("service.sqlite", "service.sqlite-wal", "service.sqlite-shm", "organisations", "uploads", "log", "log-key")
_LOST = "its audio was not in the backup that was put back; submit it again"


@dataclass(frozen=True, slots=True)
class Restoration:
    """A service that was put back.

    Attributes
    ----------
    manifest : BackupManifest
    origin : str
        Name of the log from now on; "" where there is none.
    n_failed : int
        Waiting jobs that failed, as their audio was not in the backup.
    lost : tuple of int, or None
        First entry, and the one after the last, that the checkpoint kept elsewhere has and the backup has not.
    """

    manifest: BackupManifest
    origin: str
    n_failed: int
    lost: tuple[int, int] | None


def restore_backup(
    backup: Path,
    folder: DataFolder,
    *,
    continue_log: bool = False,
    kept: bytes | None = None,
    clock: Clock = system_clock,
) -> Restoration:
    """Put a backup back into an empty data folder, and into an empty database where that is on a server.

    Parameters
    ----------
    backup : Path
        Folder of `make_backup`.
    folder : DataFolder
        Of the new service; it need not be there.
    continue_log : bool
        Go on with the log under its old name: only if nothing was logged after the backup.
    kept : bytes, optional
        The newest checkpoint of the log that was kept elsewhere.
    clock : Clock
        Returns the present.

    Raises
    ------
    ParameterError
        If it is no backup, or the data folder or database is not empty.
    VerificationError
        If the backup was altered, its log does not hold, or `kept` does not go with it: with `continue_log`, because
        it has more entries.
    RightsDatabaseError, StorageFullError, CatalogueError
        If the database or the system refuses; nothing of it is left in the data folder.
    """
    manifest = BackupManifest.read(backup)
    check_files(backup, manifest)
    keys = [load_public(path) for path in sorted((backup / "log-key").glob(f"*{PUBLIC_SUFFIX}"))]
    lost = _check_log(backup, manifest, keys, kept, continue_log=continue_log)
    with _held(folder):
        _copy(backup, manifest, folder.root)
        service = folder.root / "service.sqlite"
        database = ServiceDatabase.open(service, clock=clock)
        with database.writing() as connection:
            n_failed = _fail_jobs(connection, folder, database.now())
            end_all(connection, at=database.now())
            origin = _go_on(connection, folder, database.now(), continue_log=continue_log, kept=kept)
        database.close()
        if "://" in folder.database_place:
            _move_to_server(folder, manifest, clock)
        if origin:
            _feed(folder, clock)
    return Restoration(manifest, origin, n_failed, lost)


def _check_log(
    backup: Path, manifest: BackupManifest, keys: list[PublicKey], kept: bytes | None, *, continue_log: bool
) -> tuple[int, int] | None:
    """Verify the log of a backup; return which entries it lacks by the checkpoint kept elsewhere, None for none."""
    if manifest.log is None:
        return None
    newest = None if kept is None else Checkpoint.parse(kept, "--checkpoint")
    if newest is not None and keys:
        newest.verify(keys, "--checkpoint")
    same_log = newest is not None and newest.origin == manifest.log.origin
    if newest is not None and same_log and newest.size > manifest.log.size:
        if continue_log:
            raise VerificationError(
                f"--continue-log: the log of the backup has {manifest.log.size} entries, and the checkpoint kept "
                f"elsewhere {newest.size}: entries {manifest.log.size} to {newest.size - 1} came after the backup, and "
                "going on would be a second log of this name; leave out --continue-log, or take a later backup"
            )
        verify_log(backup / "log", key=keys).insist()
        return manifest.log.size, newest.size
    verify_log(backup / "log", key=keys, older=kept).insist()
    return None


@contextmanager
def _held(folder: DataFolder) -> Iterator[None]:
    """Hold an empty data folder while it is filled; it is empty again if that fails."""
    root, marker = folder.root, folder.unfinished
    with refusals(root):
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        there = {path.name for path in root.iterdir()} - {"lost+found"}
    leftovers = marker.name in there and there <= {marker.name, *_OURS}
    if there and not leftovers:
        raise ParameterError(f"{printable(root)}: is not empty; name a new or an empty folder with --data")
    with refusals(marker):
        descriptor = open_ours(marker, os.O_RDWR)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(f"{printable(root)}: a backup is being put back there; wait for its end") from error
        _clear(root)
        try:
            yield
            with refusals(root):
                os.sync()  # everything, before the folder becomes a service
                marker.unlink()
                sync_folder(root)
        except BaseException:
            _clear(root)
            marker.unlink(missing_ok=True)
            raise
    finally:
        os.close(descriptor)


def _clear(root: Path) -> None:
    for name in _OURS:
        path = root / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _copy(backup: Path, manifest: BackupManifest, root: Path) -> None:
    for name in manifest.files:
        source, target = backup / name, root / name
        if name.startswith("log/"):
            continue
        with refusals(target):
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if target.name == "index.tar":
            import_index(source, target.with_suffix(""))
        elif target.suffix == ".sqlite":
            with refusals(target):
                shutil.copyfile(source, target)
                target.chmod(0o600)
            if not is_sound(target):
                raise VerificationError(f"{printable(source)}: is a damaged database; take an earlier backup")
            expect_known_file(target)
            with closing(sqlite3.connect(target)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
        else:
            with refusals(target):
                shutil.copyfile(source, target)
                target.chmod(0o600)
    copy_log(backup / "log", root / "log")


def _fail_jobs(connection: Connection, folder: DataFolder, at: str) -> int:
    """Let waiting jobs fail whose audio is not there; return how many."""
    columns = (job.c.id, job.c.organisation_id, job.c.kind, job.c.reference, job.c.upload)
    waiting = job.c.state.in_((QUEUED, RUNNING)) & job.c.upload.is_not(None)
    error = json.dumps({"type": type_of("audio lost"), "title": "audio lost", "detail": _LOST})
    n_failed = 0
    for row in connection.execute(select(*columns).where(waiting).order_by(job.c.id)).all():
        if (folder.uploads / row.upload).exists():
            continue
        values: dict[str, Any] = {"state": FAILED, "error": error, "finished_at": at, "token": job.c.token + 1}
        # Without its key, the same request makes a new job.
        values |= {"idempotency_key": None, "lease_until": None}
        connection.execute(update(job).where(job.c.id == row.id).values(values))
        note_event(
            connection, f"{row.kind}.failed", at=at, organisation=row.organisation_id, actor="command:restore",
            subject=f"{row.kind}:{row.id}", data={"error": "audio lost"},
        )  # fmt: skip
        facts = {"id": row.id, "reference": row.reference or None, "state": FAILED}
        announce(connection, row.organisation_id, f"{row.kind}.failed", facts, at=at)
        n_failed += 1
    return n_failed


def _go_on(connection: Connection, folder: DataFolder, at: str, *, continue_log: bool, kept: bytes | None) -> str:
    """Give the log its name from now on, with an entry that says after which log it comes; return the name."""
    if not (folder.log / CHECKPOINT_NAME).exists():
        return ""
    last = Checkpoint.parse((folder.log / CHECKPOINT_NAME).read_bytes())
    origin = last.origin
    if not continue_log:
        key, _ = log_key(folder, log_key_name(folder, connection))
        origin = f"sourceprint.log/{key.public.id}/{secrets.token_hex(4)}"
        put(folder.log, CHECKPOINT_NAME, Checkpoint(origin, last.size, last.root).signed(key).to_bytes())
        shutil.rmtree(folder.log / "key-changes", ignore_errors=True)  # of the old name; the backup keeps them
        set_setting(connection, ORIGIN, origin)
    data = predecessor_data(last) | {"continued": continue_log}
    if kept is not None:
        data["known_size"] = Checkpoint.parse(kept).size
    note_event(connection, RESTORED, at=at, actor="command:restore", data=data)
    return origin


def _feed(folder: DataFolder, clock: Clock) -> None:
    """Append what waits for the log: until its entry is there, the new name fits to no checkpoint of the old one."""
    database = ServiceDatabase.open(folder.database_place, clock=clock)
    try:
        LogFeed(database, folder).feed(chains=False)
    finally:
        database.close()


def _move_to_server(folder: DataFolder, manifest: BackupManifest, clock: Clock) -> None:
    """Fill the database on the server from the files, and delete these."""
    there = ServiceDatabase.open(folder.database_place, clock=clock)
    with there.reading() as connection:
        if connection.scalar(select(func.count()).select_from(organisation)):
            raise ParameterError(f"{there.name}: is not empty; name a new database with --database")
    there.close()
    sources = {"": folder.root / "service.sqlite"}
    for organisation_id in manifest.organisations:
        own = folder.organisation(organisation_id)
        path = own.root / "rights.sqlite"
        if not path.exists():
            continue
        rights = own.rights()
        with rights.reading() as connection:
            if connection.scalar(select(func.count()).select_from(revision)):
                raise ParameterError(f"{rights.name}: schema {own.schema} is not empty; name a new database")
        Database.open(path)  # brings its tables to this version
        sources[own.schema] = path
    fill_schemas(folder.database_place, sources)
    for path in sources.values():
        for each in path.parent.glob(f"{path.name}*"):
            each.unlink()
