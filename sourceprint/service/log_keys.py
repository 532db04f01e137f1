"""The key of the log: made at the first start, changed by `sourceprint admin log rotate-key`.

Keys lie in `log-key/` of the data folder; the database says which is in use. The change is an entry of the log. The
first checkpoint by the new key is signed by the former one too (`sourceprint.transparency.log`), for which its private
file must still be there; after that it may be deleted. Public files stay: older checkpoints are verified with them.
"""

from contextlib import suppress
from itertools import count
from pathlib import Path

from sqlalchemy import Connection

from fingerprint.errors import EvidenceError
from sourceprint.service.data_folder import DataFolder
from sourceprint.service.store.database import ServiceDatabase
from sourceprint.service.store.outbox import note_event
from sourceprint.service.store.stored_settings import find_setting, set_setting, stored_setting
from sourceprint.signatures import (
    PRIVATE_SUFFIX,
    PUBLIC_SUFFIX,
    PrivateKey,
    create_key,
    load_private,
    only_private,
    private_keys,
)

__all__ = ["log_key", "log_key_name", "public_log_key", "rotate_log_key"]

_KEY = "log key"


def log_key(folder: DataFolder, name: str) -> tuple[PrivateKey, list[PrivateKey]]:
    """Return the key of the log, and those that it had before as far as they are there.

    Raises
    ------
    EvidenceError
        If one cannot be read.
    """
    current = folder.log_key / (name + PRIVATE_SUFFIX)
    former = [load_private(path) for path in private_keys(folder.log_key) if path != current]
    return load_private(current), former


def log_key_name(folder: DataFolder, connection: Connection) -> str:
    """Return the name of the key in use; the first call of all makes it.

    Raises
    ------
    EvidenceError
        If it cannot be read, or made.
    """
    name = find_setting(connection, _KEY)
    if name is not None:
        return name
    if next(private_keys(folder.log_key), None) is None:
        folder.log_key.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(EvidenceError):  # another server of the same folder makes it at this moment
            create_key(folder.log_key, "log")
    return stored_setting(connection, _KEY, only_private(folder.log_key).stem)


def public_log_key(folder: DataFolder, connection: Connection) -> Path:
    """Return the file of the public key in use; there may be none yet."""
    return folder.log_key / ((find_setting(connection, _KEY) or "log") + PUBLIC_SUFFIX)


def rotate_log_key(database: ServiceDatabase, folder: DataFolder, *, actor: str) -> tuple[PrivateKey, Path]:
    """Make a new key for the log, in use from the next append on; return it with its file.

    Raises
    ------
    EvidenceError
        If the present key cannot be read: the change would lack its signature.
    """
    with database.writing() as connection:  # on its own: with two keys, nothing else says which is in use
        name = log_key_name(folder, connection)
    old, _ = log_key(folder, name)
    names = (f"log-{number}" for number in count(2))
    free = next(each for each in names if not (folder.log_key / (each + PUBLIC_SUFFIX)).exists())
    new, path = create_key(folder.log_key, free)
    with database.writing() as connection:
        set_setting(connection, _KEY, free)
        note_event(
            connection, "log.key_changed", at=database.now(), actor=actor, subject=f"log-key:{new.public.id}",
            data={"from": old.public.fingerprint, "to": new.public.fingerprint, "public_key": new.public.text},
        )  # fmt: skip
    return new, path
