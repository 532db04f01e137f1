"""Tiles: the hashes and entries of a log as files of a folder (C2SP tlog-tiles).

    checkpoint             the newest signed root
    tile/<L>/<N>           256 hashes of level 8 L of the tree; the last one may be partial: tile/<L>/<N>.p/<W> has W
    tile/entries/<N>       256 entries, each after its length in two bytes; partial as the hashes

N is written in groups of three digits, all but the last with an x: x001/x234/067. A file is never altered, but for
those beyond the checkpoint: leftovers of an append that was cut short, which the next one replaces or deletes. A
partial tile stays until its full tile is there, since a reader may hold a checkpoint that needs it; wider ones and the
full one begin with the same bytes.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from fingerprint import disk
from fingerprint.errors import LogDamagedError, LogError, ParameterError
from fingerprint.new_files import new_file
from index.storage.durable import pour, sync_folder
from sourceprint.transparency.tree import HASH_BYTES, subtree

__all__ = [
    "MOST_BUNDLE_BYTES",
    "MOST_ENTRY_BYTES",
    "TILE_WIDTH",
    "TileFolder",
    "bundle_bytes",
    "content",
    "drop_leftovers",
    "drop_partials",
    "entries_name",
    "parse_bundle",
    "partial_widths",
    "put",
    "tile_name",
    "width_at",
]

TILE_WIDTH = 256
MOST_ENTRY_BYTES = 65_535
_LEVELS_PER_TILE = 8
MOST_BUNDLE_BYTES = TILE_WIDTH * (MOST_ENTRY_BYTES + 2)
"""The largest file of a log."""

_CACHED_TILES = 64


def tile_name(level: int, number: int, width: int = TILE_WIDTH) -> str:
    """Return the name of a tile of hashes in the folder.

    Examples
    --------
    >>> tile_name(0, 1234067), tile_name(1, 4, 7)
    ('tile/0/x001/x234/067', 'tile/1/004.p/7')
    """
    return f"tile/{level}/{_number_text(number, width)}"


def entries_name(number: int, width: int = TILE_WIDTH) -> str:
    """Return the name of a bundle of entries in the folder.

    Examples
    --------
    >>> entries_name(5, 12)
    'tile/entries/005.p/12'
    """
    return f"tile/entries/{_number_text(number, width)}"


def _number_text(number: int, width: int) -> str:
    text = f"{number % 1000:03d}"
    while number >= 1000:
        number //= 1000
        text = f"x{number % 1000:03d}/{text}"
    return text if width == TILE_WIDTH else f"{text}.p/{width}"


def width_at(size: int, level: int, number: int) -> int:
    """Return how many hashes a tile has in the tree of `size` entries; 0 if there is no such tile.

    Examples
    --------
    >>> width_at(70_000, 0, 273), width_at(70_000, 1, 0), width_at(70_000, 2, 0)
    (112, 256, 1)
    """
    return max(0, min(TILE_WIDTH, (size >> _LEVELS_PER_TILE * level) - number * TILE_WIDTH))


def bundle_bytes(entries: Sequence[bytes]) -> bytes:
    """Return entries as a bundle: each after its length, big-endian in two bytes.

    Raises
    ------
    ParameterError
        If an entry is too long.
    """
    for entry in entries:
        if len(entry) > MOST_ENTRY_BYTES:
            raise ParameterError(
                f"entry of {len(entry)} bytes: the limit is {MOST_ENTRY_BYTES}; log its digest, and keep it elsewhere"
            )
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def parse_bundle(data: bytes) -> list[bytes] | None:
    """Return the entries of a bundle; None if the lengths do not add up."""
    entries, at = [], 0
    while at < len(data):
        stop = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if at + 2 > len(data) or stop > len(data):
            return None
        entries.append(data[at + 2 : stop])
        at = stop
    return entries


class TileFolder:
    """The hashes and entries of the first `size` entries in a folder.

    Parameters
    ----------
    folder : Path
        Folder of the log.
    size : int
        Entries that count: later ones are not read.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self.size = size
        self._tile = lru_cache(_CACHED_TILES)(self._read_tile)
        self._bundle = lru_cache(1)(self._read_bundle)

    def node(self, level: int, index: int) -> bytes:
        """Return the root of the complete subtree of 2**level entries from index * 2**level on.

        Raises
        ------
        LogDamagedError, LogError
            As `tile`.
        """
        tile_level, height = divmod(level, _LEVELS_PER_TILE)
        number, at = divmod(index << height, TILE_WIDTH)
        return subtree(self.tile(tile_level, number)[at : at + (1 << height)])

    def tile(self, level: int, number: int) -> list[bytes]:
        """Return the hashes of a tile, as many as the size of the log asks for.

        Raises
        ------
        LogDamagedError
            If its file is missing, or has another length.
        LogError
            If the system refuses.
        """
        return self._tile(level, number)

    def bundle(self, number: int) -> list[bytes]:
        """Return the entries of a bundle, as many as the size of the log asks for; errors as `tile`."""
        return self._bundle(number)

    def entry(self, index: int) -> bytes:
        """Return one entry.

        Raises
        ------
        ParameterError
            If there is none.
        LogDamagedError, LogError
            As `tile`.
        """
        if not 0 <= index < self.size:
            raise ParameterError(f"entry {index}: the log has {self.size} entries, numbered from 0")
        return self.bundle(index // TILE_WIDTH)[index % TILE_WIDTH]

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the entries from `start` to before `stop`, by default all; errors as `tile`."""
        last = self.size if stop is None else min(stop, self.size)
        for number in range(start // TILE_WIDTH, -(-last // TILE_WIDTH) if start < last else 0):
            first = number * TILE_WIDTH
            yield from self.bundle(number)[max(0, start - first) : last - first]

    def _read_tile(self, level: int, number: int) -> list[bytes]:
        width = width_at(self.size, level, number)
        names = [tile_name(level, number, each) for each in dict.fromkeys((width, TILE_WIDTH))]
        name, data = self._read(names, TILE_WIDTH * HASH_BYTES)
        stored = width if name == names[0] else TILE_WIDTH
        if len(data) != stored * HASH_BYTES:
            raise LogDamagedError(name, f"has {len(data)} bytes, where {stored} hashes have {stored * HASH_BYTES}")
        return [data[at : at + HASH_BYTES] for at in range(0, width * HASH_BYTES, HASH_BYTES)]

    def _read_bundle(self, number: int) -> list[bytes]:
        width = width_at(self.size, 0, number)
        names = [entries_name(number, each) for each in dict.fromkeys((width, TILE_WIDTH))]
        name, data = self._read(names, MOST_BUNDLE_BYTES)
        stored = width if name == names[0] else TILE_WIDTH
        entries = parse_bundle(data)
        if entries is None or len(entries) != stored:
            raise LogDamagedError(name, f"is not {stored} entries, each after its length")
        return entries[:width]

    def _read(self, names: Sequence[str], most_bytes: int) -> tuple[str, bytes]:
        """Return the name and content of the first file that is there."""
        for name in names:
            data = content(self.folder / name, most_bytes)
            if data is not None:
                return name, data
        raise LogDamagedError(names[0], "is missing")


def put(folder: Path, name: str, data: bytes) -> None:
    """Write a file of a log: on return it is on the disk, whole, under its name.

    Raises
    ------
    StorageFullError, LogError
        If the disk is full, or the system refuses.
    """
    path = folder / name
    remedy = "see to the disk and the permissions of the folder"
    with disk.refusals(path, LogError, "cannot be written", safe="the log is as it was", remedy=remedy):
        _make_folders(path.parent)
        with new_file(path) as descriptor:
            pour(descriptor, [data])


def drop_partials(folder: Path, name: str) -> None:
    """Delete the partial tiles of a full one. One that cannot be deleted does no harm."""
    shutil.rmtree(folder / f"{name}.p", ignore_errors=True)


def partial_widths(folder: Path, name: str) -> list[int]:
    """Return the widths of the partial tiles of a full one that are there, in order.

    Parameters
    ----------
    folder : Path
        Folder of the log.
    name : str
        Of the full tile, or the full bundle of entries.

    Raises
    ------
    LogError
        If the system refuses.
    """
    partials = folder / f"{name}.p"
    with disk.refusals(partials, LogError):
        names = os.listdir(partials) if partials.is_dir() else []
    widths = sorted(int(each) for each in names if each.isascii() and each.isdigit() and len(each) <= 3)
    return [width for width in widths if 0 < width < TILE_WIDTH]


def drop_leftovers(folder: Path, old_size: int, size: int) -> None:
    """Delete the partial tiles between two sizes of a log that no checkpoint covers: those of an append cut short.

    Raises
    ------
    LogError
        If the system refuses.
    """
    level = 0
    while level == 0 or size >> _LEVELS_PER_TILE * level:
        at = _LEVELS_PER_TILE * level
        for number in range((old_size >> at) // TILE_WIDTH, (size >> at) // TILE_WIDTH + 1):
            keep = width_at(size, level, number)
            for name in (tile_name(level, number), *([entries_name(number)] if level == 0 else [])):
                for width in partial_widths(folder, name):
                    if width > width_at(old_size, level, number) and width != keep:
                        path = folder / f"{name}.p" / str(width)
                        with disk.refusals(path, LogError, "cannot be deleted"):
                            path.unlink(missing_ok=True)
        level += 1


def _make_folders(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folders(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def content(path: Path, most_bytes: int) -> bytes | None:
    """Return the content of a file, a byte more than `most_bytes` of a larger one; None if there is no such file."""
    with disk.refusals(path, LogError):
        try:
            with path.open("rb") as file:
                return file.read(most_bytes + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
