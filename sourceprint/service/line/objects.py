"""Objects of a store (S3 and others, by fsspec) that scans and additions may name, below the prefixes of the operator.

A name is checked when it is submitted; the object is streamed into the folder of uploads when its job's turn comes, and
deleted with the outcome. Only the stores of `_STORES` can be named: no local files, and no addresses of the network.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from fingerprint import disk
from fingerprint.errors import OutputError, ParameterError, printable

__all__ = ["checked_object", "checked_prefix", "fetch_object", "is_object"]

_STORES = ("s3", "gs", "az", "abfs", "memory")
_URL = re.compile(rf"(?:{'|'.join(_STORES)})://[A-Za-z0-9][A-Za-z0-9._-]*(?:/[^/\x00-\x1f\x7f\\?#%*\[\]]+)*/?")
_LONGEST = 2_000
_BLOCK_BYTES = 1 << 20


def is_object(named: str) -> bool:
    """Return whether a text names an object, and no path."""
    return "://" in named


def checked_prefix(url: str) -> str:
    """Return a prefix below which objects may be named, without its last slash.

    Raises
    ------
    ParameterError
        If it names no bucket of a known store.

    Examples
    --------
    >>> checked_prefix("s3://label/incoming/")
    's3://label/incoming'
    """
    parts = url.partition("://")[2].rstrip("/").split("/")
    if len(url) > _LONGEST or not _URL.fullmatch(url) or "::" in url or not {".", ".."}.isdisjoint(parts):
        known = ", ".join(f"{store}://" for store in _STORES[:-1])
        raise ParameterError(
            f"object {printable(url):.200}: must be {known} with a bucket and plain names, without . .. \\ ? # % * [ ]"
        )
    return url.rstrip("/")


def checked_object(url: str, prefixes: Iterable[str]) -> str:
    """Return the URL of an object that lies below one of the prefixes.

    Raises
    ------
    ParameterError
        If it is no such URL, or lies elsewhere.

    Examples
    --------
    >>> checked_object("s3://label/incoming/a.wav", ["s3://label/incoming"])
    's3://label/incoming/a.wav'
    """
    named = checked_prefix(url)
    if named == url and any(named.startswith(f"{checked_prefix(prefix)}/") for prefix in prefixes):
        return url
    raise ParameterError(
        f"object {printable(url):.200}: is below no prefix that this server may read; its operator names them"
    )


def fetch_object(url: str, target: Path, *, limit_mb: int) -> None:
    """Stream an object into a new file.

    Raises
    ------
    ParameterError
        If it cannot be read, is longer than the limit, or the program for its store is not installed.
    StorageFullError, OutputError
        If the disk is full, or the file cannot be written.
    """
    try:
        import fsspec

        store, path = fsspec.url_to_fs(url)
    except ImportError as error:
        remedy = "install sourceprint[object-storage], or fsspec's package for this store"
        raise ParameterError(f"object {url:.200}: its store cannot be reached ({error}); {remedy}") from error
    too_long = ParameterError(f"object {url:.200}: has more than {limit_mb} MB, the limit of this server")
    n_bytes = 0
    with (
        disk.refusals(target, OutputError, "cannot be kept", remedy="see to the data folder"),
        open(target, "xb") as file,
    ):
        try:
            source = store.open(path, "rb", block_size=_BLOCK_BYTES, cache_type="readahead")
        except Exception as error:
            raise _unread(url, error) from error
        with source:
            while block := _next_block(url, source):
                n_bytes += len(block)
                if n_bytes > limit_mb * 1_000_000:
                    raise too_long
                file.write(block)


def _next_block(url: str, source: object) -> bytes:
    try:
        block: bytes = source.read(_BLOCK_BYTES)  # type: ignore[attr-defined]
    except Exception as error:
        raise _unread(url, error) from error
    return block


def _unread(url: str, error: Exception) -> ParameterError:
    why = "is not there" if isinstance(error, FileNotFoundError) else f"cannot be read ({type(error).__name__})"
    return ParameterError(f"object {url:.200}: {why}; check its name, and the server's rights to the store")
