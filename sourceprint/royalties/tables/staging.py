"""Temporary database of an import: rows wait here until all have been read and compared.

A file of a gigabyte holds some ten million rows. Their keys alone take gigabytes as Python objects. As rows of a
private SQLite database, which spills to disk by itself and vanishes when it is closed, they take 16 MB of memory, and
one query finds duplicate keys or dead links.

Each kind of record has one table with the columns of the schema, and `seq` (order of reading), `file`, `line` and
`loose` (from a spreadsheet, where one record is spread over many rows). NULL is a column that the file does not have;
"" is an empty cell.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from fingerprint.errors import StorageFullError, printable
from sourceprint.royalties.rights.schema import VERSIONED, record_columns
from sourceprint.royalties.tables.problems import SHOWN, Severity, TableProblem

__all__ = ["COLUMNS", "Staging", "hashed_id"]

COLUMNS: dict[str, tuple[str, ...]] = {table.name: record_columns(table) for table in VERSIONED}
"""Columns of every kind of record, its id first."""

_CACHE_KIB = 16_384  # four times as much saves no time: the system caches the file
_BATCH = 2_000
_ID_DIGITS = 24
_SHOWN_VALUE = 200


def hashed_id(prefix: str, *parts: str) -> str:
    """Return an id made of a hash of parts, so that the same parts give the same id."""
    digest = hashlib.sha256("\t".join(parts).encode()).hexdigest()
    return f"{prefix}-{digest[:_ID_DIGITS]}"


class Staging:
    """Rows and problems of one import; a context manager that drops all of them at its end."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(
            "", isolation_level=None
        )  # "": private, on the disk when it outgrows the cache
        self._files: list[Path] = []
        self._buffers: dict[str, list[tuple[object, ...]]] = {}
        self._inserts: dict[str, str] = {}
        self._fresh: set[tuple[str, tuple[object, ...]]] = set()

    def __enter__(self) -> "Staging":
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}"):
            self.connection.execute(f"PRAGMA {pragma}")
        for kind, columns in COLUMNS.items():
            names = ", ".join(f'"{name}"' for name in columns)
            self.connection.execute(
                f"CREATE TABLE {kind} (seq INTEGER PRIMARY KEY, file INTEGER, line INTEGER, loose INTEGER, {names})"
            )
            marks = ", ".join("?" * (len(columns) + 3))
            self._inserts[kind] = f"INSERT INTO {kind} (file, line, loose, {names}) VALUES ({marks})"
            self._buffers[kind] = []
        self.connection.execute(
            "CREATE TABLE refused (kind TEXT, id TEXT, file TEXT, line INTEGER, PRIMARY KEY (kind, id))"
        )
        self.connection.execute(
            "CREATE TABLE problem (seq INTEGER PRIMARY KEY, severity TEXT, file TEXT, line INTEGER, "
            '"column" TEXT, value TEXT, rule TEXT, remedy TEXT)'
        )
        self.connection.execute(
            "CREATE TABLE bare_share (subject TEXT, right TEXT, text TEXT, micro INTEGER, file INTEGER, line INTEGER)"
        )
        self.connection.execute("BEGIN")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()
        if isinstance(error, sqlite3.OperationalError) and "full" in str(error):
            raise StorageFullError(
                "the folder for temporary files is full; nothing was imported; free some space, or name another "
                "folder with SQLITE_TMPDIR"
            ) from error

    def add_file(self, path: Path) -> int:
        """Return the number of a file, by which rows name it."""
        self._files.append(path)
        return len(self._files) - 1

    def file_name(self, number: int) -> str:
        """Return the name of a file in messages."""
        return printable(self._files[number].name)

    def add(self, kind: str, file: int, line: int, values: tuple[object, ...], *, loose: bool = False) -> None:
        """Stage a record: values in the order of `COLUMNS`, the id first.

        A loose record that equals a recent one is not staged again: spreadsheets repeat themselves.
        """
        if loose:
            key = (kind, values)
            if key in self._fresh:
                return
            if len(self._fresh) >= 50_000:
                self._fresh.clear()
            self._fresh.add(key)
        buffer = self._buffers[kind]
        buffer.append((file, line, loose, *values))
        if len(buffer) >= _BATCH:
            self._flush(kind)

    def finish_reading(self) -> None:
        """Write the buffered rows, and index all rows by id."""
        for kind in COLUMNS:
            self._flush(kind)
            self.connection.execute(f"CREATE INDEX ix_{kind} ON {kind} (id)")
        self._fresh.clear()

    def bare_share(self, subject: str, right: str, text: str, micro: int, file: int, line: int) -> None:
        """Note a share of unknown unit, with its number in millionths of one."""
        self.connection.execute(
            "INSERT INTO bare_share VALUES (?, ?, ?, ?, ?, ?)", (subject, right, text, micro, file, line)
        )

    def problem(
        self, severity: Severity, file: int | str, line: int, column: str, value: str, rule: str, remedy: str
    ) -> None:
        """Note a problem; see `TableProblem`."""
        name = file if isinstance(file, str) else self.file_name(file)
        texts = (printable(column)[:80], printable(value[:_SHOWN_VALUE]), rule, printable(remedy))
        self.connection.execute(
            'INSERT INTO problem (severity, file, line, "column", value, rule, remedy) VALUES (?, ?, ?, ?, ?, ?, ?)',
            (severity, name, line, *texts),
        )

    def refuse(self, kind: str, record_id: str, file: int, line: int) -> None:
        """Note that a record is refused, so that rows that depend on it can say so."""
        self.connection.execute(
            "INSERT OR IGNORE INTO refused VALUES (?, ?, ?, ?)", (kind, record_id, self.file_name(file), line)
        )

    def drop(self, kind: str, seqs: Iterable[int]) -> None:
        """Remove staged rows."""
        self.connection.executemany(f"DELETE FROM {kind} WHERE seq = ?", ((seq,) for seq in seqs))

    def query(self, sql: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query with a small answer."""
        return self.connection.execute(sql, parameters).fetchall()

    def rows(self, kind: str) -> Iterator[dict[str, Any]]:
        """Yield the staged records of a kind in order of id, as mappings of the columns of the schema."""
        columns = COLUMNS[kind]
        names = ", ".join(f'"{name}"' for name in columns)
        for values in self.connection.execute(f"SELECT {names} FROM {kind} ORDER BY id"):
            yield dict(zip(columns, values, strict=True))

    def count_errors(self) -> int:
        """Return the number of errors."""
        return int(self.query("SELECT count(*) FROM problem WHERE severity = 'error'")[0][0])

    def count_refused(self) -> int:
        """Return the number of refused rows: those with an error, and the records noted as refused."""
        rows = (
            "SELECT file, line FROM problem WHERE severity = 'error' AND line > 0 UNION SELECT file, line FROM refused"
        )
        return int(self.query(f"SELECT count(*) FROM ({rows})")[0][0])

    def counts(self) -> tuple[tuple[Severity, str, int], ...]:
        """Return the number of problems by severity and rule, sorted."""
        return tuple(
            self.query("SELECT severity, rule, count(*) FROM problem GROUP BY severity, rule ORDER BY severity, rule")
        )

    def problems(self, *, first: int | None = None) -> Iterator[TableProblem]:
        """Yield the problems by severity, errors first, in the order found; of each severity at most `first`."""
        for severity in ("error", "warning", "note"):
            yield from (
                TableProblem(*values)
                for values in self.connection.execute(
                    'SELECT severity, file, line, "column", value, rule, remedy FROM problem '
                    "WHERE severity = ? ORDER BY seq LIMIT ?",
                    (severity, -1 if first is None else first),
                )
            )

    def shown(self) -> tuple[TableProblem, ...]:
        """Return the problems that are printed."""
        return tuple(self.problems(first=SHOWN))

    def _flush(self, kind: str) -> None:
        self.connection.executemany(self._inserts[kind], self._buffers[kind])
        self._buffers[kind].clear()
