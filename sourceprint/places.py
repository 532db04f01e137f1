"""Default places of a user's index, rights database and keys; blind indexes are opened through here only.

A place that is given comes first, then the environment (SOURCEPRINT_KEYS), then the user's own data folder. This module
is light: slow imports stand inside the functions.
"""

import os
from datetime import UTC, date, datetime
from pathlib import Path

__all__ = ["index_place", "keys_place", "rights_place", "service_place", "today"]


def index_place(index: Path | None, *, keys: Path | None = None) -> Path:
    """Return the folder of the index: the one asked for, else the user's own.

    The grant of a blind index is checked before anything is opened: commands and methods come through here first.

    Parameters
    ----------
    index : Path or None
        The folder.
    keys : Path, optional
        Folder with the private key of the licensee of a blind index, as `keys_place` takes it.

    Raises
    ------
    GrantError
        If the grant of a blind index does not hold.
    """
    if index is None:
        import platformdirs

        index = platformdirs.user_data_path("sourceprint", appauthor=False) / "index"
    if (index / "grant.json").exists():  # other indexes need not load the check of signatures
        from sourceprint.blind.blind_import import check_grant

        check_grant(index, keys=keys_place(keys), today=today())
    return index


def keys_place(keys: Path | None) -> Path:
    """Return the folder of keys: the one asked for, else $SOURCEPRINT_KEYS, else the user's own."""
    if keys is not None:
        return keys
    if named := os.environ.get("SOURCEPRINT_KEYS"):
        return Path(named)
    import platformdirs

    return platformdirs.user_data_path("sourceprint", appauthor=False) / "keys"


def rights_place(rights: str | None) -> str:
    """Return the place of the database of rights: the one asked for, else the user's own file."""
    if rights is not None:
        return rights
    import platformdirs

    return str(platformdirs.user_data_path("sourceprint", appauthor=False) / "rights.sqlite")


def service_place() -> Path:
    """Return the user's own data folder of the service."""
    import platformdirs

    return platformdirs.user_data_path("sourceprint", appauthor=False) / "service"


def today() -> date:
    """Return today in UTC, so that both parties to a term count the same days."""
    return datetime.now(UTC).date()
