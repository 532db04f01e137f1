"""The columns of lists that a user has mapped before: kept in the index folder, for all lists that come after.

`columns.json` stands beside the manifest and belongs to the keeper of the index: no search and no digest knows it, an
exported or a blind index does not carry it, and where it is lost nothing else is.
"""

import os
from pathlib import Path

import msgspec

from fingerprint.digests import pretty_json
from fingerprint.disk import read_small, refusals
from fingerprint.errors import CatalogueError, ParameterError, printable
from index.storage.durable import publish
from index.storage.manifest import MANIFEST_NAME
from sourceprint.sheets.columns import ColumnMap

__all__ = ["forget_columns", "remember_columns", "remembered_columns"]

_NAME = "columns.json"
_SCHEMA = "sourceprint/columns/1"
_MAX_BYTES = 1 << 20


class _Settings(msgspec.Struct, forbid_unknown_fields=True):
    """The file: its schema, pairs of heading and field, and headings that are set aside."""

    schema: str
    columns: dict[str, str]
    ignored: list[str]


def remembered_columns(index: Path) -> ColumnMap:
    """Return the mapping kept for an index; an empty one where there is no index, or none is kept.

    Raises
    ------
    CatalogueError
        If the file cannot be read, or is not one that this module wrote.
    """
    path = index / _NAME
    if not os.path.lexists(path):
        return ColumnMap()
    remedy = "forget it with `sourceprint columns --forget`"
    too_large = f"more than {_MAX_BYTES} bytes, which is no list of columns; {remedy}"
    data = read_small(path, CatalogueError, most=_MAX_BYTES, too_large=too_large)
    try:
        settings = msgspec.json.decode(data, type=_Settings)
        if settings.schema != _SCHEMA:
            raise ParameterError(f"schema {settings.schema!r:.40}, not {_SCHEMA}")
        return ColumnMap.of(settings.columns.items(), settings.ignored)
    except (ValueError, msgspec.DecodeError, RecursionError) as error:
        why = printable(str(error))
        raise CatalogueError(f"{printable(path)}: damaged ({why:.200}); {remedy}") from error


def remember_columns(index: Path, columns: ColumnMap) -> bool:
    """Merge a user's column mapping into the kept one, over its entries; return whether there is an index.

    Raises
    ------
    CatalogueError
        If it cannot be written.
    """
    if not (index / MANIFEST_NAME).is_file():
        return False
    path = index / _NAME
    if path.is_symlink():
        raise CatalogueError(f"{printable(path)}: a link; files are never written through links: remove it")
    merged = columns.over(remembered_columns(index))
    document = {"schema": _SCHEMA, "columns": dict(merged.fields), "ignored": list(merged.ignored)}
    publish(path, pretty_json(document))
    return True


def forget_columns(index: Path) -> bool:
    """Forget the mapping of an index; return whether there was one.

    Raises
    ------
    CatalogueError
        If the file cannot be removed.
    """
    path = index / _NAME
    if not os.path.lexists(path):
        return False
    with refusals(path, CatalogueError, "cannot be removed"):
        path.unlink()
    return True
