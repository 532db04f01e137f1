"""A backup of a service, made while it runs.

    backup.json                   the manifest, written last
    log/                          the log up to one checkpoint
    service.sqlite                organisations, keys, jobs, grants, webhooks, outbox of the log
    organisations/ID/rights.sqlite, index.tar, keys/, policies/, statements/
    organisations/ID/index/       instead of index.tar: a blind index, as a folder with its grant; nothing changes one
    log-key/                      keys of the log
    uploads/                      audio of waiting jobs, if it was asked for

The order makes the parts fit: what refers to others is copied before them. The log comes first, so that the outbox
holds every entry that the log has, and those that the log was yet to get. The service's database comes before the
databases of rights, whose chains it has noted up to some entry, and before the indexes, whose additions it says are
done. On PostgreSQL all databases are copied in one transaction. Each part is of one moment; what is newer in a later
part is harmless: work that was not yet written down as done is done again, and gives the same.

The folder appears under its name once every file is on the disk. A backup that was cut short leaves a hidden folder
without a manifest, which the next backup to the same place removes.
"""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from fingerprint.errors import CatalogueError, ParameterError, RightsDatabaseError, printable
from fingerprint.new_files import is_leftover, new_folder
from index.folder.transfer import export_index
from index.storage.durable import refusals, sync_folder, write_chunks
from index.storage.manifest import GRANT_NAME
from sourceprint.outputs import program_version
from sourceprint.service.backup.manifest import BackupManifest, LoggedUpTo, entries_of
from sourceprint.service.backup.tables import copy_file, copy_schemas
from sourceprint.service.data_folder import MANIFEST_NAME, DataFolder
from sourceprint.service.store.clock import Clock, system_clock, time_text
from sourceprint.transparency.checkpoint import Checkpoint
from sourceprint.transparency.log import CHECKPOINT_NAME, LogReader
from sourceprint.transparency.tiles import TILE_WIDTH, TileFolder, bundle_bytes, entries_name, put, tile_name, width_at

__all__ = ["copy_log", "make_backup"]

_OWN_FOLDERS = ("keys", "policies", "statements")


def make_backup(
    folder: DataFolder, target: Path, *, with_uploads: bool = False, clock: Clock = system_clock
) -> BackupManifest:
    """Copy a service; it may run meanwhile. On return the backup is on the disk.

    Parameters
    ----------
    folder : DataFolder
        Of the service.
    target : Path
        The backup: nothing, or an empty folder.
    with_uploads : bool
        Whether the audio of waiting jobs is copied as well.
    clock : Clock
        Returns the present.

    Raises
    ------
    ParameterError
        If `target` holds anything or lies in the data folder, or there is no service.
    RightsDatabaseError, VerificationError, LogError, IndexDamagedError
        If a part cannot be read, or is damaged.
    StorageFullError, CatalogueError
        If the disk is full, or the system refuses; nothing is left.
    """
    _check_places(folder, target)
    busy = CatalogueError(f"{printable(target)}: another process is writing a backup there; wait until it has finished")
    made_at = time_text(clock())
    with refusals(target), new_folder(target, busy=busy) as place:
        place.chmod(0o700)
        logged = copy_log(folder.log, place / "log")
        organisations = _copy_databases(folder, place)
        for organisation_id in organisations:
            _copy_organisation(folder, organisation_id, place)
        _copy_folder(folder.log_key, place / "log-key")
        if with_uploads:
            _copy_folder(folder.uploads, place / "uploads")
        manifest = BackupManifest.of(
            made_at=made_at,
            program=program_version(),
            log=None if logged is None else LoggedUpTo(logged.origin, logged.size, logged.root.hex()),
            organisations=tuple(organisations),
            with_uploads=with_uploads,
            files=entries_of(place),
        )
        _flush(place)
        write_chunks(place / MANIFEST_NAME, [manifest.to_bytes()])
        sync_folder(place)
        _check_places(folder, target)
    return manifest


def _check_places(folder: DataFolder, target: Path) -> None:
    if not folder.root.is_dir() or ("://" not in folder.database_place and not Path(folder.database_place).is_file()):
        raise ParameterError(f"{printable(folder.root)}: holds no service; name its data folder with --data")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ParameterError(f"{printable(target)}: is there already; name a new or an empty folder for the backup")
    if folder.root.resolve() in (target.resolve(), *target.resolve().parents):
        raise ParameterError(f"{printable(target)}: lies in the data folder; name a place on another disk")


def _copy_databases(folder: DataFolder, place: Path) -> list[str]:
    """Copy the databases; return the ids of the organisations."""
    own = place / "service.sqlite"
    if "://" in folder.database_place:
        copy_schemas(folder.database_place, own, lambda: _rights_files(folder, own, place))
        if not own.exists():
            raise RightsDatabaseError(f"{printable(folder.root)}: its database holds no service; check --database")
        return _organisation_ids(own)
    copy_file(Path(folder.database_place), own)
    ids = _organisation_ids(own)
    for organisation_id in ids:
        source = folder.organisation(organisation_id).root / "rights.sqlite"
        if source.exists():
            copy_file(source, _organisation_place(place, organisation_id) / source.name)
    return ids


def _rights_files(folder: DataFolder, own: Path, place: Path) -> dict[str, Path]:
    """Return the file for the rights of each organisation, by schema."""
    return {
        folder.organisation(each).schema: _organisation_place(place, each) / "rights.sqlite"
        for each in _organisation_ids(own)
    }


def _organisation_ids(service: Path) -> list[str]:
    with closing(sqlite3.connect(service)) as connection:
        return [str(row[0]) for row in connection.execute("SELECT id FROM organisation ORDER BY id")]


def _organisation_place(place: Path, organisation_id: str) -> Path:
    made = place / "organisations" / organisation_id
    made.mkdir(parents=True, exist_ok=True, mode=0o700)
    return made


def _copy_organisation(folder: DataFolder, organisation_id: str, place: Path) -> None:
    own, made = folder.organisation(organisation_id), _organisation_place(place, organisation_id)
    if (own.index / GRANT_NAME).exists():
        _copy_folder(own.index, made / own.index.name)
    elif own.index.exists():
        export_index(own.index, made / "index.tar")
    for name in _OWN_FOLDERS:
        _copy_folder(own.root / name, made / name)


def _copy_folder(source: Path, target: Path) -> None:
    """Copy the files of a folder, but for those in the making; links are not followed."""
    for folder, _, names in os.walk(source):
        made = target / Path(folder).relative_to(source)
        made.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in sorted(names):
            path = Path(folder) / name
            if is_leftover(name) or path.is_symlink():
                continue
            try:
                shutil.copyfile(path, made / name, follow_symlinks=False)
            except FileNotFoundError:  # an upload whose job was done meanwhile
                continue
            (made / name).chmod(0o600)


def copy_log(source: Path, target: Path) -> Checkpoint | None:
    """Copy a log up to its newest checkpoint, which is returned; None where there is no log.

    Raises
    ------
    VerificationError
        If a file of the log is missing or malformed.
    LogError, StorageFullError
        If the system refuses, or the disk is full.
    """
    if not (source / CHECKPOINT_NAME).exists():
        return None
    reader = LogReader(source)
    changes = list(reader.key_changes())  # before the checkpoint, or a change could be newer
    data = reader.checkpoint()
    checkpoint = Checkpoint.parse(data, str(source / CHECKPOINT_NAME))
    size, tiles = checkpoint.size, TileFolder(source, checkpoint.size)
    target.mkdir(mode=0o700)
    for number in range(-(-size // TILE_WIDTH)):
        put(target, entries_name(number, width_at(size, 0, number)), bundle_bytes(tiles.bundle(number)))
    level = 0
    while n_hashes := size >> 8 * level:
        for number in range(-(-n_hashes // TILE_WIDTH)):
            put(target, tile_name(level, number, width_at(size, level, number)), b"".join(tiles.tile(level, number)))
        level += 1
    for name, change in changes:
        put(target, name, change.to_bytes())
    put(target, CHECKPOINT_NAME, data)
    return checkpoint


def _flush(place: Path) -> None:
    """Flush everything in a folder to the disk."""
    for folder, _, names in os.walk(place, topdown=False):
        for name in names:
            with (Path(folder) / name).open("rb") as file:
                os.fsync(file.fileno())
        sync_folder(Path(folder))
