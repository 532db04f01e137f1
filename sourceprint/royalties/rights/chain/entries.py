"""The hash chain over revisions, attributions, decisions, statements and people: how it begins and grows.

Every transaction that adds to one of these adds an entry, in the same transaction: its hash is the SHA-256 of its
kind, sequence, range, note, the digests of the rows that it covers and of the list that names them, and the hash of the
entry before, as canonical JSON.
So a row cannot be changed without its entry, nor an entry without all that came after it. The *head*, sequence and hash
of the last entry, stands for everything before; whoever holds a copy of it can tell whether the chain was rewritten.
"""

import hashlib
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Connection, RowMapping, insert, select

from fingerprint.digests import canonical_json
from fingerprint.errors import ParameterError, printable
from sourceprint.royalties.rights.chain.coverage import COVERED, covered_rows, extents, listed_line
from sourceprint.royalties.rights.schema import chain_entry

__all__ = ["BEFORE_FIRST", "ORIGIN", "Head", "begin_chain", "chain_head", "entry_hash", "extend_chain", "unpacked"]

ORIGIN = "origin"
"""The kind of the first entry, which covers no rows."""

BEFORE_FIRST = "0" * 64
"""What the first entry has in place of the hash before it."""

_BLOCK_BYTES = 1 << 20
_SCHEMA = "sourceprint/chain/1"
_HEAD = re.compile(rf"{_SCHEMA} (?P<sequence>[1-9][0-9]{{0,8}}) (?P<hash>[0-9a-f]{{64}})")


@dataclass(frozen=True, slots=True)
class Head:
    """Sequence and hash of an entry: all up to it.

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
            If it is none.
        """
        matched = _HEAD.fullmatch(text.strip())
        if matched is None:
            raise ParameterError(
                f"{printable(text.strip()[:80])}: no head of a chain; one is a line of {_SCHEMA}, a number and 64 "
                "hexadecimal digits, as `sourceprint rights head` prints it"
            )
        return cls(int(matched["sequence"]), matched["hash"])

    @property
    def text(self) -> str:
        """The head as a line of text, without the line break."""
        return f"{_SCHEMA} {self.sequence} {self.hash}"


def entry_hash(entry: Mapping[str, Any] | RowMapping) -> str:
    """Return the hash of an entry, given by its columns."""
    names = ("sequence", "kind", "first_id", "last_id", "note", "content", "previous")
    listed = hashlib.sha256()
    for block in unpacked(entry["covered"]):
        listed.update(block)
    document = {"schema": _SCHEMA, "listed": listed.hexdigest(), **{name: entry[name] for name in names}}
    return hashlib.sha256(canonical_json(document, utf8=True)).hexdigest()


def unpacked(packed: object) -> Iterator[bytes]:
    """Yield the list of rows that an entry keeps, block by block; a last block that no list has, if it is damaged."""
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
    """Return the head of the chain as it is now, sequence 0 where there is no entry."""
    query = select(chain_entry.c.sequence, chain_entry.c.hash).order_by(chain_entry.c.sequence.desc()).limit(1)
    last = connection.execute(query).first()
    return Head(0, BEFORE_FIRST) if last is None else Head(last.sequence, last.hash)


def begin_chain(connection: Connection, *, day: str) -> None:
    """Begin the chain unless it was: with an entry that says how, and entries for all that is on file before it."""
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
    """Enter what a transaction added.

    Parameters
    ----------
    connection : Connection
        At the end of the transaction, with the write lock.
    before : mapping of str to int
        `extents` at its beginning.
    note : str
        Goes into each entry.
    """
    for kind, last in extents(connection).items():
        if last > before[kind]:
            _append(connection, kind, (before[kind] + 1, last), note)


def _append(connection: Connection, kind: str, between: tuple[int, int], note: str) -> None:
    head = chain_head(connection)
    content, packer, packed = hashlib.sha256(), zlib.compressobj(1), []
    for part in COVERED.get(kind, ()):
        for _, row in covered_rows(connection, part, between=between):
            line = row.line()
            content.update(line)
            packed.append(packer.compress(listed_line(line)))
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
