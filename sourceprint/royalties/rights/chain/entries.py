"""Hash chain over revisions, attributions, usage reports, decisions, statements and people: its start and growth.

A transaction that adds rows of a kind also adds an entry of that kind. The hash of an entry is the SHA-256 of a
document in canonical JSON: kind, sequence, range, note, the digest of the covered rows, the digest of the list that
names them, and the hash of the entry before.
So a row cannot change without its entry, nor an entry without every later one. The *head*, sequence and hash of the
last entry, vouches for all before it; a copy held elsewhere shows whether the chain was rewritten.
"""

import hashlib
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

from sqlalchemy import Connection, RowMapping, insert, select

from fingerprint.digests import canonical_json
from fingerprint.errors import ParameterError, printable
from sourceprint.royalties.rights.chain.coverage import COVERED, covered_rows, extents, listed_line
from sourceprint.royalties.rights.schema import chain_entry

__all__ = ["BEFORE_FIRST", "ORIGIN", "Head", "begin_chain", "chain_head", "entry_hash", "extend_chain", "unpacked"]

ORIGIN = "origin"
"""Kind of the first entry, which covers no rows."""

BEFORE_FIRST = "0" * 64
"""Hash of the entry before, as the first entry has it."""

_BLOCK_BYTES = 1 << 20
_BLOCK_ROWS = 1_000
_SCHEMA = "sourceprint/chain/1"
_HEAD = re.compile(rf"{_SCHEMA} (?P<sequence>[1-9][0-9]{{0,8}}) (?P<hash>[0-9a-f]{{64}})")


@dataclass(frozen=True, slots=True)
class Head:
    """Sequence and hash of an entry, which vouch for every entry up to it.

    Examples
    --------
    >>> Head.parse("sourceprint/chain/1 7 " + "0f" * 32).sequence
    7
    """

    sequence: int
    hash: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the head in a line of text, as `text` writes it.

        Raises
        ------
        ParameterError
            If the text is no head.
        """
        matched = _HEAD.fullmatch(text.strip())
        if matched is None:
            raise ParameterError(
                f"{printable(text.strip()[:80])}: no head of a chain; give a line with {_SCHEMA}, a number and 64 "
                "hexadecimal digits, as `sourceprint rights head` prints it"
            )
        return cls(int(matched["sequence"]), matched["hash"])

    @property
    def text(self) -> str:
        """Line of text for the head, without the line break."""
        return f"{_SCHEMA} {self.sequence} {self.hash}"


def entry_hash(entry: Mapping[str, Any] | RowMapping) -> str:
    """Return the hash of an entry, computed from its columns."""
    names = ("sequence", "kind", "first_id", "last_id", "note", "content", "previous")
    listed = hashlib.sha256()
    for block in unpacked(entry["covered"]):
        listed.update(block)
    document = {"schema": _SCHEMA, "listed": listed.hexdigest(), **{name: entry[name] for name in names}}
    return hashlib.sha256(canonical_json(document, utf8=True)).hexdigest()


def unpacked(packed: object) -> Iterator[bytes]:
    """Yield the list of rows that an entry keeps, in blocks; damage adds a last block that is in no list."""
    unpacker = zlib.decompressobj()
    rest = packed if isinstance(packed, bytes) else b""
    try:
        while rest and not unpacker.eof:
            yield unpacker.decompress(rest, _BLOCK_BYTES)
            rest = unpacker.unconsumed_tail
    except zlib.error:
        pass
    if not unpacker.eof or unpacker.unused_data:
        yield b"damaged"


def chain_head(connection: Connection) -> Head:
    """Return the present head of the chain; sequence 0 if there is no entry."""
    query = select(chain_entry.c.sequence, chain_entry.c.hash).order_by(chain_entry.c.sequence.desc()).limit(1)
    last = connection.execute(query).first()
    return Head(0, BEFORE_FIRST) if last is None else Head(last.sequence, last.hash)


def begin_chain(connection: Connection, *, day: str) -> None:
    """Begin the chain if it has no entry: an origin, then one entry per kind for the rows on file."""
    if chain_head(connection).sequence:
        return
    there = {kind: last for kind, last in extents(connection).items() if last}
    if not there:
        _append(connection, ORIGIN, (0, 0), "begun with an empty database")
        return
    _append(connection, ORIGIN, (0, 0), f"begun on {day}; the next {len(there)} entries cover what was on file then")
    for kind, last in there.items():
        _append(connection, kind, (1, last), "as it was on file when the chain was begun")


def extend_chain(connection: Connection, before: Mapping[str, int], *, note: str = "") -> None:
    """Append entries for the rows that a transaction added.

    Parameters
    ----------
    connection : Connection
        At the end of the transaction, with the write lock.
    before : mapping of str to int
        `extents` at its start.
    note : str
        Note of each entry.
    """
    for kind, last in extents(connection).items():
        if last > before[kind]:
            _append(connection, kind, (before[kind] + 1, last), note)


def _append(connection: Connection, kind: str, between: tuple[int, int], note: str) -> None:
    head = chain_head(connection)
    content, packer, packed = hashlib.sha256(), zlib.compressobj(1), []
    for part in COVERED.get(kind, ()):
        rows = covered_rows(connection, part, between=between)
        while lines := [row.line() for _, row in islice(rows, _BLOCK_ROWS)]:
            content.update(b"".join(lines))
            packed.append(packer.compress(b"".join(map(listed_line, lines))))
    entry = {
        "sequence": head.sequence + 1,
        "kind": kind,
        "first_id": between[0],
        "last_id": between[1],
        "note": note,
        "content": content.hexdigest(),
        "covered": b"".join([*packed, packer.flush()]),
        "previous": head.hash,
    }
    connection.execute(insert(chain_entry), {**entry, "hash": entry_hash(entry)})
