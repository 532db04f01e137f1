"""Verification of a chain: every entry, every row that it covers, and every head that is held elsewhere.

One pass reads the entries in order and, beside them, each table in the order of its entries. Problems name entry, table
and row. A chain that was rewritten as a whole agrees with itself; only a head that is held elsewhere shows it. Entries
after the newest such head are *unwitnessed*: the owner of the database could have made them anew.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain as joined
from typing import Any

from sqlalchemy import Connection, Row, select

from fingerprint.digests import strict_json
from fingerprint.errors import ParameterError, VerificationError, printable
from sourceprint.royalties.rights.chain.coverage import COVERED, CoveredPart, CoveredRow, covered_rows
from sourceprint.royalties.rights.chain.entries import BEFORE_FIRST, ORIGIN, Head, entry_hash, unpacked
from sourceprint.royalties.rights.schema import chain_entry, metadata

__all__ = ["ChainProblem", "ChainVerdict", "HeldHead", "verify_chain"]

_MOST_NAMED = 20  # rows named one by one, per entry and per table of rows without an entry
_ENTRIES_AT_ONCE = 20
_ABOUT = {
    "attribution": ("licensee", "made_at"),
    "scanned_track": ("licensee", "track_name"),
    "statement_part": ("statement_row", "field"),
    "usage_report": ("licensee", "period_label", "version"),
}
"""Columns that name the subject of a row without an id."""


@dataclass(frozen=True, slots=True)
class HeldHead:
    """Head that is held outside of the database, and its source."""

    head: Head
    source: str


@dataclass(frozen=True, slots=True)
class ChainProblem:
    """Fault of an entry, of a row, or of the chain as a whole.

    Attributes
    ----------
    sequence : int
        Sequence of the entry; 0 where no entry is concerned.
    table : str
        Table of the row, or "".
    row : int or None
        Primary key of the row; None where no row is concerned.
    id : str
        Id of the record, use or statement; of a usage report the licensee, period and version, likewise of other rows
        without an id; or "".
    sentence : str
        The fault in words.
    """

    sequence: int
    table: str
    row: int | None
    id: str
    sentence: str

    def __str__(self) -> str:
        """Return the problem as one line of text."""
        entry = f"entry {self.sequence}: " if self.sequence else ""
        if not self.table:
            return f"{entry}{self.sentence}"
        named = f" {printable(self.id)}" if self.id else ""
        row = "" if self.row is None else f" (row {self.row})"
        return f"{entry}{self.table}{named}{row}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class ChainVerdict:
    """Result of verifying a chain.

    Attributes
    ----------
    head : Head
        Head of the chain as it is; sequence 0 if there is no entry.
    rows : int
        Rows, as made or as ended, in the entries whose rows are all unchanged.
    began : str
        Note of the first entry, which tells how the chain began.
    witnessed : int
        Sequence of the newest held head that agrees with the chain; 0 if none does.
    witness : str
        Source of that head, or "".
    unwitnessed : dict of str to int
        Number of entries after the witnessed one, by kind.
    notes : tuple of (int, str)
        Sequence and note of each entry with a note, the first left out; such as the reason for a date in the past.
    problems : tuple of ChainProblem
    """

    head: Head
    rows: int
    began: str
    witnessed: int
    witness: str
    unwitnessed: dict[str, int]
    notes: tuple[tuple[int, str], ...]
    problems: tuple[ChainProblem, ...]

    @property
    def holds(self) -> bool:
        """Whether there is no problem."""
        return not self.problems

    def insist(self, name: str) -> None:
        """Raise an error unless the chain holds.

        Raises
        ------
        VerificationError
            If it does not; the message names the first three problems.
        """
        if self.problems:
            first = "; ".join(map(str, self.problems[:3]))
            more = f"; and {len(self.problems) - 3} more" if len(self.problems) > 3 else ""
            raise VerificationError(f"{name}: its chain does not hold: {first}{more}")


def verify_chain(connection: Connection, held: Sequence[HeldHead] = ()) -> ChainVerdict:
    """Return the verdict on a chain, after a pass over all its entries and the rows that they cover.

    Parameters
    ----------
    connection : Connection
        Inside a transaction of `Database.reading`.
    held : sequence of HeldHead
        Heads held elsewhere, such as those of issued statements.
    """
    return _Verification(connection, held).verdict()


class _Verification:
    """One pass over a chain."""

    def __init__(self, connection: Connection, held: Sequence[HeldHead]) -> None:
        self._connection = connection
        self._held = held
        self._hashes: dict[int, str] = {}
        self._wanted = {one.head.sequence for one in held}
        self._streams = {kind: [_Stream(connection, part) for part in parts] for kind, parts in COVERED.items()}
        self._problems: list[ChainProblem] = []
        self._foreign = Counter[str]()
        self._rows = 0

    def verdict(self) -> ChainVerdict:
        head, began, notes = Head(0, BEFORE_FIRST), "", []
        kinds: list[str] = []
        for entry in self._entries():
            self._check_place(entry, head)
            self._check_rows(entry)
            head = Head(entry.sequence, entry.hash)
            kinds.append(entry.kind)
            if entry.sequence in self._wanted:
                self._hashes[entry.sequence] = entry.hash
            if entry.sequence == 1:
                began = entry.note
            elif entry.note:
                notes.append((entry.sequence, entry.note))
        if not kinds:
            self._tell(0, "there is no chain, though this program begins one in every database")
        for stream in joined(*self._streams.values()):
            for row in stream.rest():
                self._tell_foreign(row)
        for table, n in self._foreign.items():
            if n > _MOST_NAMED:
                self._tell(0, f"{table}: {n - _MOST_NAMED} more rows that no entry covers")
        witness = self._witness(head)
        witnessed = 0 if witness is None else witness.head.sequence
        after = Counter(kinds[witnessed:]) if head.sequence == len(kinds) else Counter(kinds)
        return ChainVerdict(
            head,
            self._rows,
            began,
            witnessed,
            "" if witness is None else witness.source,
            {kind: after[kind] for kind in (ORIGIN, *COVERED) if after[kind]},
            tuple(notes),
            tuple(self._problems),
        )

    def _entries(self) -> Iterator[Row[Any]]:
        query = select(chain_entry).order_by(chain_entry.c.sequence)
        with self._connection.execute(query, execution_options={"yield_per": _ENTRIES_AT_ONCE}) as result:
            for entry in result:
                numbers = (entry.sequence, entry.first_id, entry.last_id)
                texts = (entry.kind, entry.note, entry.content, entry.previous, entry.hash)
                if all(isinstance(n, int) for n in numbers) and all(isinstance(text, str) for text in texts):
                    yield entry
                else:
                    self._tell(0, f"entry {printable(str(entry.sequence)):.20}: a column is damaged")

    def _check_place(self, entry: Row[Any], before: Head) -> None:
        missing = entry.sequence - before.sequence - 1
        if missing:
            which = f"entry {before.sequence + 1} is" if missing == 1 else f"{missing} entries before it are"
            self._tell(entry.sequence, f"{which} missing")
        elif entry.previous != before.hash:
            self._tell(entry.sequence, f"does not follow entry {before.sequence}: one of the two was changed")
        if entry.hash != entry_hash(entry._mapping):
            self._tell(entry.sequence, f"was changed: {printable(entry.kind)}, its hash is not that of its columns")

    def _check_rows(self, entry: Row[Any]) -> None:
        content, n_rows = hashlib.sha256(), 0
        for stream in self._streams.get(entry.kind, ()):
            for owner, row in stream.up_to(entry.last_id):
                if owner < entry.first_id:
                    self._tell_foreign(row)
                    continue
                content.update(row.line())
                n_rows += 1
        if content.hexdigest() == entry.content:
            self._rows += n_rows
        else:
            self._tell_rows(entry)

    def _tell_rows(self, entry: Row[Any]) -> None:
        """Name the rows of an entry that differ from its list."""
        between = (entry.first_id, entry.last_id)
        found = (
            row
            for part in COVERED.get(entry.kind, ())
            for _, row in covered_rows(self._connection, part, between=between)
        )
        entered, present = _listed_rows(entry.covered), {(row.table, row.ended, row.row): row for row in found}
        named: list[ChainProblem] = []
        for key in sorted({*entered, *present}):
            (table, ended, number), row, line = key, present.get(key), entered.get(key)
            if row is not None and line is not None and row.listed == line.data:
                continue
            if row is None:
                what = "is no longer ended" if ended else "is missing"
            elif line is None:
                what = "was ended afterwards" if ended else "was added afterwards"
            else:
                what = "was changed"
            label = row.id if row is not None else line.id if line is not None else ""
            label = label or (_about(self._connection, row) if row is not None else "")
            of = f"{what}; {_of(entry)}"
            named.append(ChainProblem(entry.sequence, table, number, label, of))
        self._problems += named[:_MOST_NAMED]
        if len(named) > _MOST_NAMED:
            self._tell(entry.sequence, f"{len(named) - _MOST_NAMED} more rows were changed, of {_of(entry)}")
        if not named:
            what = "does not cover the rows that are there, though its list names them: both were changed"
            self._tell(entry.sequence, f"{_of(entry)}: {what}")

    def _tell_foreign(self, row: CoveredRow) -> None:
        self._foreign[row.table] += 1
        if self._foreign[row.table] <= _MOST_NAMED:
            what = "was ended" if row.ended else "is there"
            label = row.id or _about(self._connection, row)
            self._problems.append(ChainProblem(0, row.table, row.row, label, f"{what}, and no entry covers it"))

    def _tell(self, sequence: int, what: str) -> None:
        self._problems.append(ChainProblem(sequence, "", None, "", what))

    def _witness(self, head: Head) -> HeldHead | None:
        """Return the newest held head that agrees with the chain, and report those that do not."""
        agreeing = None
        for one in sorted(self._held, key=lambda one: one.head.sequence):
            sequence = one.head.sequence
            if self._hashes.get(sequence) == one.head.hash:
                agreeing = one
                continue
            since = "" if agreeing is None else f", after entry {agreeing.head.sequence}"
            if sequence > head.sequence:
                what = f"is missing: the chain ends at entry {head.sequence}, so it was cut or made anew{since}"
            else:
                what = f"is not the one that was held: the chain was rewritten from there or before{since}"
            self._tell(sequence, f"{what} (held in {printable(one.source)})")
        return agreeing


class _Stream:
    """Rows of a part, read up to the last number of each entry in turn."""

    def __init__(self, connection: Connection, part: CoveredPart) -> None:
        self._rows = covered_rows(connection, part)
        self._next = next(self._rows, None)

    def up_to(self, last: int) -> Iterator[tuple[int, CoveredRow]]:
        # SQLite sorts text and bytes, which only tampering puts there, after every number.
        while self._next is not None and isinstance(self._next[0], int | float) and self._next[0] <= last:
            yield self._next
            self._next = next(self._rows, None)

    def rest(self) -> Iterator[CoveredRow]:
        while self._next is not None:
            yield self._next[1]
            self._next = next(self._rows, None)


@dataclass(frozen=True, slots=True)
class _ListedRow:
    id: str
    data: bytes


def _listed_rows(packed: object) -> dict[tuple[str, bool, int], _ListedRow]:
    """Return the rows of a list by table, `ended` and number, without lines that cannot be read."""
    found = {}
    for line in b"".join(unpacked(packed)).splitlines(keepends=True):
        try:
            table, ended, number, label, _ = strict_json(line)
            found[str(table), bool(ended), int(number)] = _ListedRow(str(label), line)
        except (ParameterError, TypeError, ValueError):
            continue
    return found


def _about(connection: Connection, row: CoveredRow) -> str:
    """Return the subject of a row without an id, as it is now; "" of tables without a subject."""
    names = _ABOUT.get(row.table)
    if names is None:
        return ""
    table = metadata.tables[row.table]
    (key,) = table.primary_key
    found = connection.execute(select(*(table.c[name] for name in names)).where(key == row.row)).one_or_none()
    return "" if found is None else " ".join(map(str, found))


def _of(entry: Row[Any]) -> str:
    numbers = f"{entry.first_id}" if entry.first_id == entry.last_id else f"{entry.first_id} to {entry.last_id}"
    return f"{printable(entry.kind)} {numbers}"
