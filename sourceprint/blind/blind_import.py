"""The licensee's side: a blind index is imported, and later opened, only while its grant holds on this machine.

Four things are asked each time: did the issuer that was trusted at import sign the grant, is the manifest the one it
was signed for, has it expired, and is the private key of the licensee in the keys folder. The manifest has the checksum
of every other file, and the index compares them as it always does (`docs/formats/index.md`, Reading). All of this
runs on the licensee's machine: it binds users who do not change the program (see docs/blind-index.md).
"""

import errno
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from fingerprint.errors import CatalogueError, EvidenceError, GrantError, printable
from index.folder.archive import Progress
from index.folder.index import Index
from index.folder.transfer import Archive, import_index
from index.storage.manifest import GRANT_NAME, MANIFEST_NAME, parse_manifest, read_manifest_bytes
from sourceprint.blind.grants import Grant, parse_grant
from sourceprint.signatures import PublicKey, load_private, load_public, private_keys

__all__ = ["ISSUER_NAME", "check_grant", "grant_facts", "import_blind", "index_facts", "read_grant"]

ISSUER_NAME = "issuer.pub"
"""In the folder of a blind index: the public key that was trusted when it was imported."""


def import_blind(
    archive: Path, folder: Path, *, issuer: PublicKey, keys: Path, today: date, progress: Progress | None = None
) -> Archive:
    """Make a blind index from a file of `export --blind`; nothing is written unless its grant holds.

    Parameters
    ----------
    archive : Path
        The file.
    folder : Path
        The index folder to make; may exist if it is empty.
    issuer : PublicKey
        Whose it must be.
    keys : Path
        Folder with the private key of the licensee.
    today : date
        In UTC.
    progress : callable, optional
        Called with the number of bytes of every block read.

    Raises
    ------
    GrantError
        If the grant was altered, has expired, is by another issuer, or for somebody else.
    ParameterError, IndexFormatError, IndexDamagedError, IndexLockedError, StorageFullError
        As `index.folder.transfer.import_index`.
    """

    def approve(grant: bytes, manifest: bytes) -> Mapping[str, bytes]:
        try:
            _check(grant, manifest, issuer, keys, today)
        except GrantError as error:
            raise GrantError(f"{printable(archive)}: {error}") from error
        return {GRANT_NAME: grant, ISSUER_NAME: f"{issuer.text}\n".encode("ascii")}

    return import_index(archive, folder, approve=approve, progress=progress)


def check_grant(folder: Path, *, keys: Path, today: date) -> Grant | None:
    """Make sure that a blind index may be searched here and today.

    Parameters
    ----------
    folder : Path
        An index folder, blind or not.
    keys : Path
        Folder with the private key of the licensee.
    today : date
        In UTC.

    Returns
    -------
    Grant or None
        None where there is no grant: opening the folder reports a blind index without one, or a folder that holds no
        index.

    Raises
    ------
    GrantError
        If the grant does not hold, or it, its key or the manifest cannot be read.
    """
    if not (folder / GRANT_NAME).exists():
        return None
    try:
        if not (folder / GRANT_NAME).is_file():
            raise OSError(errno.EINVAL, f"{GRANT_NAME} is no regular file")
        grant = (folder / GRANT_NAME).read_bytes()
        manifest = read_manifest_bytes(folder)
        issuer = load_public(folder / ISSUER_NAME)
    except (OSError, CatalogueError, EvidenceError) as error:
        what = error.strerror if isinstance(error, OSError) else error
        raise GrantError(
            f"{printable(folder)}: an incomplete blind index ({what}); import the issuer's file again"
        ) from error
    try:
        return _check(grant, manifest, issuer, keys, today)
    except GrantError as error:
        raise GrantError(f"{printable(folder)}: {error}") from error


def read_grant(folder: Path) -> Grant | None:
    """Return the grant of a blind index, which `check_grant` has found to hold; None in the folder of another index.

    Raises
    ------
    GrantError
        If it cannot be read.
    """
    try:
        return parse_grant((folder / GRANT_NAME).read_bytes())
    except FileNotFoundError:
        return None


def grant_facts(grant: Grant) -> dict[str, Any]:
    """Return id, parties, dates and number of recordings of a grant, as plain JSON types."""
    key, issuer = grant.terms.licensee_key, grant.issuer
    return {
        "grant_id": grant.grant_id,
        "licensee": grant.terms.licensee,
        "licensee_key": key.id,
        "issuer": issuer.name,
        "issuer_key": issuer.id,
        "issued": grant.terms.issued.isoformat(),
        "expires": grant.terms.expires.isoformat(),
        "recordings": grant.recordings,
    }


def index_facts(index: Index) -> dict[str, Any]:
    """Return `Index.info`, of a blind index with `grant`, as plain JSON types; errors as `read_grant`."""
    facts = index.info()
    grant = read_grant(index.path)
    return facts if grant is None else {**facts, "grant": grant_facts(grant)}


def _check(data: bytes, manifest: bytes, issuer: PublicKey, keys: Path, today: date) -> Grant:
    grant = parse_grant(data)
    grant.check(trusted=issuer, manifest=manifest, today=today)
    if parse_manifest(manifest, Path(MANIFEST_NAME)).blind != grant.grant_id:
        raise GrantError(f"the grant is that of another blind index; ask {issuer.name} (key {issuer.id}) for a new one")
    _require_key(grant, keys)
    return grant


def _require_key(grant: Grant, keys: Path) -> None:
    """Look for the private key of the licensee; files that cannot be used are named if it is not found."""
    wanted = grant.terms.licensee_key
    unusable = []
    for path in private_keys(keys):
        try:
            if load_private(path).public == wanted:
                return
        except EvidenceError as error:
            unusable.append(str(error))
    others = f" ({'; '.join(unusable)})" if unusable else ""
    raise GrantError(
        f"the grant is for {printable(grant.terms.licensee)}, whose private key {wanted.id} is not in "
        f"{printable(keys)}{others}; name the folder that has it (SOURCEPRINT_KEYS, in Python `keys=`), or ask "
        f"{grant.issuer.name} (key {grant.issuer.id}) for a grant of your own"
    )
