"""Index folders opened and made, as a `Catalogue`: `sourceprint.open` and `sourceprint.create`."""

import os

from fingerprint.arguments import expect_flags, path_of
from fingerprint.disk import refusals
from fingerprint.errors import CatalogueError
from index.folder.index import Index
from index.storage.manifest import layer_specs
from sourceprint.api.catalogue import Catalogue
from sourceprint.catalogue.additions import open_or_create

__all__ = ["create", "open"]


def open(path: str | os.PathLike[str], *, keys: str | os.PathLike[str] | None = None) -> Catalogue:  # noqa: A001 - as in gzip.open, it is called by the name of its package
    """Open the index of a catalogue.

    Parameters
    ----------
    path : str or path-like
        The index folder.
    keys : str or path-like, optional
        Of a blind index, the folder with the key of the licensee; by default $SOURCEPRINT_KEYS, else the user's own.

    Returns
    -------
    Catalogue
        A context manager; it may be closed, and need not be.

    Raises
    ------
    IndexMissingError
        If there is no index; `create` makes one.
    IndexFormatError
        If there is something else, or an index of another version or with other parameters.
    IndexDamagedError
        If a file is missing, cut or altered.
    GrantError
        If the index is blind and may not be opened here and today.

    Examples
    --------
    >>> import tempfile
    >>> import sourceprint
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = sourceprint.create(f"{folder}/index")
    ...     with sourceprint.open(f"{folder}/index") as catalogue:
    ...         len(catalogue)
    0
    """
    return Catalogue(path_of("path", path), keys=None if keys is None else path_of("keys", keys))


def create(path: str | os.PathLike[str], *, exist_ok: bool = False) -> Catalogue:
    """Make an empty index, and open it.

    Parameters
    ----------
    path : str or path-like
        The folder to make; may exist if it is empty.
    exist_ok : bool
        Whether an index that is there already is opened as it is.

    Returns
    -------
    Catalogue

    Raises
    ------
    CatalogueError
        If there is an index already and `exist_ok` is false, or none can be made here.
    IndexFormatError
        If the folder holds anything else.
    StorageFullError
        If the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> import sourceprint
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     "one" in sourceprint.create(f"{folder}/index")
    False
    """
    expect_flags(exist_ok=exist_ok)
    place = path_of("path", path)
    if exist_ok:
        open_or_create(place)
    else:
        with refusals(place, CatalogueError, "no index can be made here", remedy="give another folder"):
            Index.create(place, layer_specs())
    return Catalogue(place)
