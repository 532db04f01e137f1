"""The manifest of a backup (`backup.json`): when it was made, of which log, and the digest of each file."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import msgspec

from fingerprint import disk
from fingerprint.digests import FileEntry, hash_file, pretty_json
from fingerprint.errors import ParameterError, VerificationError, printable
from sourceprint.service.data_folder import MANIFEST_NAME

__all__ = ["BackupManifest", "LoggedUpTo", "check_files", "entries_of"]

_SCHEMA = "sourceprint/backup/1"
_MOST_BYTES = 1 << 28
_DAMAGED = "take another copy of this backup, or an earlier backup"


@dataclass(frozen=True, slots=True)
class LoggedUpTo:
    """The log at the time of the backup: its name, entries and root (hexadecimal)."""

    origin: str
    size: int
    root: str


@dataclass(frozen=True, slots=True)
class BackupManifest:
    """A backup.

    Attributes
    ----------
    schema : str
    made_at : str
        When it was begun.
    program : str
        Version of the program that made it.
    log : LoggedUpTo or None
        None where nothing was logged yet.
    organisations : tuple of str
        Ids.
    with_uploads : bool
        Whether the audio of waiting jobs is in it.
    files : mapping of str to FileEntry
        Size and SHA-256 of every file, by its path in the backup.
    """

    schema: str
    made_at: str
    program: str
    log: LoggedUpTo | None
    organisations: tuple[str, ...]
    with_uploads: bool
    files: Mapping[str, FileEntry]

    @classmethod
    def of(cls, **fields: Any) -> Self:
        """Return a manifest of this schema."""
        return cls(schema=_SCHEMA, **fields)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Return the manifest of a backup; its files are not looked at.

        Raises
        ------
        ParameterError
            If the folder is no backup, or one of a newer version.
        """
        path = folder / MANIFEST_NAME
        no_backup = (
            f"{printable(folder)}: is no backup: it has no {MANIFEST_NAME}; name a folder of `sourceprint backup`"
        )
        if not path.is_file():
            raise ParameterError(no_backup)
        too_large = f"{printable(path)}: larger than {_MOST_BYTES} bytes, so no manifest of a backup"
        data = disk.read_small(path, ParameterError, most=_MOST_BYTES, too_large=too_large)
        try:
            manifest = msgspec.json.decode(data, type=cls)
        except msgspec.MsgspecError as error:
            raise ParameterError(f"{printable(path)}: no manifest of a backup ({error}); {_DAMAGED}") from error
        if manifest.schema != _SCHEMA:
            raise ParameterError(
                f"{printable(path)}: has schema {printable(manifest.schema):.40}, and this program reads {_SCHEMA}; "
                "update sourceprint"
            )
        for name in manifest.files:
            if name.startswith("/") or ".." in name.split("/"):
                raise ParameterError(f"{printable(path)}: names a file outside the backup: {printable(name):.80}")
        return manifest

    def to_bytes(self) -> bytes:
        """Return it as a file."""
        return pretty_json(asdict(self) | {"organisations": list(self.organisations)}, utf8=True)


def entries_of(folder: Path) -> dict[str, FileEntry]:
    """Return size and SHA-256 of every file in a folder, by path, in order."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = hash_file(path)
    return found


def check_files(folder: Path, manifest: BackupManifest) -> None:
    """Compare every file of a backup with the manifest.

    Raises
    ------
    VerificationError
        If a file was altered, is missing, or is not in the manifest.
    """
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() or path.is_symlink()}
    for name in sorted(there - set(manifest.files) - {MANIFEST_NAME}):
        raise VerificationError(f"{printable(folder / name)}: is not a file of this backup; remove it, or {_DAMAGED}")
    for name, entry in manifest.files.items():
        path = folder / name
        if not path.is_file() or path.is_symlink():
            raise VerificationError(f"{printable(path)}: is missing from the backup; {_DAMAGED}")
        with disk.refusals(path, ParameterError):
            found = hash_file(path) if os.path.getsize(path) == entry.size else None
        if found != entry:
            raise VerificationError(f"{printable(path)}: was altered since the backup was made; {_DAMAGED}")
