"""Recordings: metadata of each, and a table that opens without reading all of it.

A segment stores its recordings as JSON Lines, with three small arrays beside them: where each line starts, a digest of
the added content, and short keys of the id and of the audio. Looking a recording up compares keys, and only the lines
asked for are parsed, so a table of 100 000 recordings opens as fast as one of ten.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self, cast, overload

import numpy as np
import xxhash
from numpy.typing import NDArray

from fingerprint.digests import is_sha256
from fingerprint.errors import IndexDamagedError, ParameterError
from index.storage.tags import MOST_MS, Ranges, normalised_ranges, normalised_tags, stored_tags_fault

__all__ = [
    "Recording",
    "RecordingTable",
    "TablePart",
    "duration_from_json",
    "line_check",
    "recording_from_json",
    "recording_to_json",
    "rows_from_json",
    "tags_from_json",
    "text_key",
]

_MAX_ID = 512  # characters
_SOME_TAGS = (b'"tags":["', b'"excluded":[[')  # in canonical JSON; texts that say so have quotation marks escaped
# The field, where canonical JSON has it first: texts before it that say so have quotation marks escaped.
_DURATION = re.compile(rb'"duration_ms":(\d{1,12})[,}]')
_ADDED_LATER = ("tags", "excluded")  # lines written before these fields existed read as if they were empty


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording of the catalogue; to the index, an opaque id with a few words about it.

    Attributes
    ----------
    id : str
        Unique in the index, 1 to 512 characters.
    title : str
        As given, or "".
    artists : tuple of str
        In order of billing.
    isrc : str
        As given, or "".
    name : str
        Name of the audio file, as given.
    sha256 : str
        SHA-256 of the audio file, 64 lower-case hexadecimal digits, or "".
    duration_ms : int
        Length of the decoded audio, in milliseconds.
    decoder : str
        Decoder of the audio.
    notes : tuple of str
        Sentences on anything odd about the audio.
    tags : tuple of str
        Short texts that mean nothing to the index, sorted: see `index.storage.tags`.
    excluded : tuple of (int, int)
        Ranges of the recording that never count, in milliseconds; in order, apart, within its length if that is known.

    Raises
    ------
    ParameterError
        If the id is empty or too long, or another field is of the wrong kind.
    """

    id: str
    title: str = ""
    artists: tuple[str, ...] = ()
    isrc: str = ""
    name: str = ""
    sha256: str = ""
    duration_ms: int = 0
    decoder: str = ""
    notes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    excluded: Ranges = ()

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not 1 <= len(self.id) <= _MAX_ID:
            raise ParameterError(f"recording id {self.id!r:.80}: must be a text of 1 to {_MAX_ID} characters")
        for name in ("title", "isrc", "name", "sha256", "decoder"):
            if not isinstance(getattr(self, name), str):
                raise ParameterError(f"recording {self.id!r}: {name}={getattr(self, name)!r} must be a text")
        if self.sha256 and not is_sha256(self.sha256):
            raise ParameterError(
                f"recording {self.id!r}: sha256={self.sha256!r} must be 64 lower-case hex digits or empty"
            )
        if type(self.duration_ms) is not int or not 0 <= self.duration_ms <= MOST_MS:
            raise ParameterError(
                f"recording {self.id!r}: duration_ms={self.duration_ms!r:.40} must be a whole number up to {MOST_MS}"
            )
        for name in ("artists", "notes"):
            value = getattr(self, name)
            if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
                raise ParameterError(f"recording {self.id!r}: {name}={value!r} must be a sequence of texts")
            object.__setattr__(self, name, tuple(value))
        object.__setattr__(self, "tags", normalised_tags(self.tags) if self.tags else ())
        ranges = normalised_ranges(self.excluded, self.duration_ms) if self.excluded else ()
        object.__setattr__(self, "excluded", ranges)


def recording_to_json(recording: Recording) -> dict[str, Any]:
    """Return the recording as plain JSON types, every field present."""
    fields = {name: getattr(recording, name) for name in Recording.__slots__}
    lists = {name: list(getattr(recording, name)) for name in ("artists", "notes", "tags")}
    return {**fields, **lists, "excluded": [list(pair) for pair in recording.excluded]}


def recording_from_json(line: bytes) -> Recording:
    """Return the recording of one line; fields that this version does not know are ignored.

    Raises
    ------
    IndexDamagedError
        If the line is not one that this module wrote.
    """
    try:
        fields = {name: [] for name in _ADDED_LATER} | json.loads(line)
        if fault := stored_tags_fault(fields["tags"], fields["excluded"]):
            raise ValueError(fault)
        return Recording(**{name: fields[name] for name in Recording.__slots__})
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(line) from error


def tags_from_json(line: bytes) -> tuple[str, list[str], list[list[int]]]:
    """Return id, tags and excluded ranges of one line, many times faster than all of it; "" as id if it has neither.

    Raises
    ------
    IndexDamagedError
        If the line is not one that this module wrote.
    """
    if not any(field in line for field in _SOME_TAGS):
        return "", [], []
    try:
        fields = json.loads(line)
        name, tags, excluded = fields["id"], fields.get("tags", []), fields.get("excluded", [])
        is_sound = isinstance(name, str) and not stored_tags_fault(tags, excluded)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(line) from error
    if not is_sound:
        raise _damaged(line)
    return name, tags, excluded


def duration_from_json(line: bytes) -> int:
    r"""Return the length of the recording of one line, in milliseconds, many times faster than all of it.

    Raises
    ------
    IndexDamagedError
        If the line is not one that this module wrote.

    Examples
    --------
    >>> duration_from_json(rb'{"artists":["\"duration_ms\":9,"],"duration_ms":61000,"id":"a-1"}')
    61000
    """
    found = _DURATION.search(line)
    return recording_from_json(line).duration_ms if found is None else int(found[1])


def rows_from_json(line: bytes, layer: str) -> int:
    """Return how many landmarks in a layer the line of a recording states.

    Raises
    ------
    IndexDamagedError
        If it states none.
    """
    try:
        rows = json.loads(line)["landmarks"].get(layer, 0)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(line) from error
    if type(rows) is not int or not 0 <= rows < 1 << 32:
        raise _damaged(line)
    return rows


def text_key(text: str) -> int:
    """Return the short key of an id or audio digest: the first 8 bytes of its SHA-256, little-endian; 0 for ""."""
    if not text:
        return 0
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "little")


def line_check(line: bytes) -> int:
    """Return the checksum of a stored line: its XXH3-64."""
    return xxhash.xxh3_64_intdigest(line)


@dataclass(frozen=True, slots=True, eq=False)
class TablePart:
    """The recordings of one segment as they lie on disk.

    Attributes
    ----------
    lines : ndarray [shape=(n_bytes,), dtype=uint8]
        `recordings.jsonl`.
    offsets : ndarray [shape=(n + 1,), dtype=int64]
        Start of each line, and the length of the file.
    keys : ndarray [shape=(n, 3), dtype=uint64]
        Short keys of id and audio digest, and the checksum of the line.
    amended : mapping
        By position: lines that take the place of stored ones (`index.storage.amendments`).
    """

    lines: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    keys: NDArray[np.uint64]
    amended: Mapping[int, bytes] = field(default_factory=dict)

    def stored_line(self, position: int) -> bytes:
        """Return the line of one recording as it was added.

        Raises
        ------
        IndexDamagedError
            If it fails its checksum.
        """
        line = self.lines[self.offsets[position] : self.offsets[position + 1]].tobytes()
        if line_check(line) != self.keys[position, 2]:
            raise _damaged(line)
        return line

    def current_keys(self) -> NDArray[np.uint64]:
        """Return the keys with those of ids that were changed [shape=(n, 3)]; checksums are of the stored lines."""
        if not self.amended:
            return self.keys
        keys = self.keys.copy()
        for position, line in self.amended.items():
            keys[position, 0] = text_key(recording_from_json(line).id)
        return keys

    def line(self, position: int) -> bytes:
        """Return the line of one recording as it is now."""
        return self.amended.get(position) or self.stored_line(position)

    def duration_ms(self, position: int) -> int:
        """Return the length of one recording, in milliseconds; 0 if it is not known."""
        return duration_from_json(self.stored_line(position))

    def read(self, position: int) -> Recording:
        """Parse one recording."""
        return recording_from_json(self.line(position))


class RecordingTable(Sequence[Recording]):
    """The live recordings of a snapshot, in row order; parsed when asked for.

    Parameters
    ----------
    parts : sequence of TablePart
        One per segment.
    alive : ndarray [shape=(n_stored,), dtype=bool]
        Over all parts in order: whether the recording is still in the catalogue.
    renamed : mapping, optional
        Ids that recordings had before, and those that they have now.
    """

    def __init__(
        self, parts: Sequence[TablePart], alive: NDArray[np.bool_], renamed: Mapping[str, str] | None = None
    ) -> None:
        self._parts = parts
        self._renamed = renamed or {}
        self._first = np.cumsum([0, *(len(part.keys) for part in parts)])
        self._stored = np.flatnonzero(alive)

    def __len__(self) -> int:
        return int(self._stored.size)

    def __repr__(self) -> str:
        return f"<{len(self)} recordings>"

    @overload
    def __getitem__(self, ordinal: int) -> Recording: ...
    @overload
    def __getitem__(self, ordinal: slice) -> list[Recording]: ...
    def __getitem__(self, ordinal: int | slice) -> Recording | list[Recording]:
        if isinstance(ordinal, slice):
            return [self[i] for i in range(*ordinal.indices(len(self)))]
        if not -len(self) <= ordinal < len(self):
            raise IndexError(f"recording {ordinal} of {len(self)}")
        return self.by_location(*self.location(ordinal % len(self)))

    def __iter__(self) -> Iterator[Recording]:
        return (self[ordinal] for ordinal in range(len(self)))

    def location(self, ordinal: int) -> tuple[int, int]:
        """Return the part that holds a recording, and its position there."""
        stored = int(self._stored[ordinal])
        part = int(np.searchsorted(self._first, stored, side="right")) - 1
        return part, stored - int(self._first[part])

    def by_location(self, part: int, position: int) -> Recording:
        """Return the recording at a place that `location` gave."""
        return self._parts[part].read(position)

    def find(self, recording_id: str) -> int | None:
        """Return the ordinal of the recording that has this id, or had it before; or None."""
        for name in filter(None, (recording_id, self._renamed.get(recording_id))):
            for ordinal in self._by_id.ordinals(text_key(name)):
                if self[ordinal].id == name:
                    return ordinal
        return None

    def find_audio(self, sha256: str) -> list[int]:
        """Return the ordinals of all recordings made from the audio file with this SHA-256."""
        if not sha256:
            return []
        candidates = self._by_audio.ordinals(text_key(sha256))
        return [ordinal for ordinal in candidates if self[ordinal].sha256 == sha256]

    def find_all(self, recording_ids: Sequence[str]) -> NDArray[np.int64]:
        """Return the ordinal of each id [shape=(n,)], -1 where there is none; parses only the lines found."""
        found = (self.find(recording_id) for recording_id in recording_ids)
        return np.array([-1 if ordinal is None else ordinal for ordinal in found], dtype=np.int64)

    @cached_property
    def _by_id(self) -> "_Order":
        return self._sorted_by(0)

    @cached_property
    def _by_audio(self) -> "_Order":
        return self._sorted_by(1)

    def _sorted_by(self, column: int) -> "_Order":
        keys = np.concatenate([np.empty(0, np.uint64), *(part.current_keys()[:, column] for part in self._parts)])
        return _Order.of(keys[self._stored])

    @cached_property
    def tags(self) -> tuple[tuple[str, ...], ...]:
        """Tags of every recording; read from all lines once, of which only those that state any are parsed."""
        return tuple(tuple(tags_from_json(line)[1]) for line in self._lines())

    @cached_property
    def durations_ms(self) -> NDArray[np.int64]:
        """Length of every recording in milliseconds [shape=(n,)]; read from all lines once, without parsing them."""
        return np.fromiter((duration_from_json(line) for line in self._lines()), np.int64, len(self))

    def _lines(self) -> Iterator[bytes]:
        """Yield the line of every recording as it is now, in order; part by part, without looking each place up."""
        bounds = np.searchsorted(self._stored, self._first).tolist()
        for part, first, begin, end in zip(self._parts, self._first, bounds, bounds[1:], strict=False):
            for position in (self._stored[begin:end] - first).tolist():
                yield part.line(position)


@dataclass(frozen=True, slots=True, eq=False)
class _Order:
    """One kind of short key of all recordings, ascending, and the ordinal of each; among equal ones, ascending too."""

    keys: NDArray[np.uint64]
    order: NDArray[np.int64]

    @classmethod
    def of(cls, keys: NDArray[np.uint64]) -> Self:
        order = np.argsort(keys, kind="stable")
        return cls(keys[order], order)

    def ordinals(self, key: int) -> list[int]:
        """Return the ordinals of all recordings with this key, ascending."""
        wanted = np.uint64(key)
        first, last = (np.searchsorted(self.keys, wanted, side=side) for side in ("left", "right"))
        return cast("list[int]", self.order[first:last].tolist())


def _damaged(line: bytes) -> IndexDamagedError:
    return IndexDamagedError(
        f"the table of recordings is damaged at {line[:40]!r}; run `sourceprint verify` to see which recordings to add "
        "again",
        fault="has a line that says nothing sound of a recording",
    )
