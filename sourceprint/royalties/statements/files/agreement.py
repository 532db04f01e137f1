"""Agreement of the files beside a statement with its JSON: CSV, Parquet, uses, DSR-shaped files and pages.

CSV and Parquet are compared cell by cell, in the columns of the version that wrote them; uses and DSR-shaped records
line by line; pages to the byte, and in content where another version wrote them. Files beside a statement of an earlier
schema are covered by their checksums only.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, zip_longest
from pathlib import Path

from fingerprint.errors import SourceprintError, printable
from sourceprint.outputs import program_version
from sourceprint.royalties.statements.files.dsr import dsr_files
from sourceprint.royalties.statements.files.folder import uses_bytes
from sourceprint.royalties.statements.files.line_tables import (
    COLUMNS,
    LATER_COLUMNS,
    read_parquet,
    statement_csv,
    statement_parquet,
)
from sourceprint.royalties.statements.files.page import party_pages, statement_page
from sourceprint.royalties.statements.files.page_content import difference, writer_of
from sourceprint.royalties.statements.files.statement_json import statement_digest
from sourceprint.royalties.statements.statement import Statement

__all__ = ["disagreements", "writer_words"]


def disagreements(folder: Path, statement: Statement, writers: Counter[str]) -> Iterator[tuple[str, str, str]]:
    """Yield the differences of the files beside a statement: the file, the place in it, and both values in words.

    Parameters
    ----------
    folder : Path
    statement : Statement
    writers : Counter of str
        Gets the pages that another version of the program wrote and that agree in content, by that version; "" is an
        earlier one that did not say which it was.
    """
    if statement.document:  # of an earlier schema, whose other files are no longer written: checksums cover them
        return
    for name, check in (
        ("statement.csv", _check_csv),
        ("statement.parquet", _check_parquet),
        ("uses.jsonl", _check_uses_file),
    ):
        path = folder / name
        if path.is_file():
            yield from ((name, where, what) for where, what in check(path.read_bytes(), statement))
    paths = sorted((folder / "dsr").glob("*.tsv"))
    if paths:
        yield from _check_dsr(paths, statement)
    yield from _check_pages(folder, statement, writers)


def _check_csv(data: bytes, statement: Statement) -> Iterator[tuple[str, str]]:
    try:
        found = list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        yield "", f"is no CSV in UTF-8 ({error})"
        return
    columns = COLUMNS
    for left_out in (LATER_COLUMNS, LATER_COLUMNS[1:]):  # of earlier versions
        if found and found[0] == COLUMNS[: -len(left_out)]:
            columns = found[0]
    wanted = list(csv.reader(io.StringIO(statement_csv(statement, columns).decode(), newline="")))
    if len(found) != len(wanted):
        yield "", f"has {max(len(found) - 1, 0)} rows, must have {len(wanted) - 1}"
    for number, (ours, theirs) in enumerate(zip(wanted, found, strict=False)):
        for column, (one, other) in zip(wanted[0], zip_longest(ours, theirs[: len(ours)]), strict=False):
            if one != other:
                yield f"row {number}, {column}", f"is {other!r:.60}, the statement has {one!r:.60}"
        if len(theirs) > len(ours):
            yield f"row {number}", f"has {len(theirs)} cells, must have {len(ours)}"


def _check_parquet(data: bytes, statement: Statement) -> Iterator[tuple[str, str]]:
    try:
        found, metadata = read_parquet(data)
    except SourceprintError as error:
        yield "", str(error)
        return
    if metadata.get("statement_digest") != (digest := statement_digest(statement)):
        yield "", f"is of statement {metadata.get('statement_digest', '')!r:.80}, not of {digest}"
    has_column = set(found[0]) if found else set(COLUMNS)
    wanted, _ = read_parquet(statement_parquet(statement, summed="adjusted_kind" not in has_column))
    if len(found) != len(wanted):
        yield "", f"has {len(found)} rows, must have {len(wanted)}"
    for number, (ours, theirs) in enumerate(zip(wanted, found, strict=False), start=1):
        for column, one in ours.items():
            if column in LATER_COLUMNS and column not in has_column:
                continue  # of an earlier version
            if theirs.get(column) != one:
                yield f"row {number}, {column}", f"is {theirs.get(column)!r:.60}, the statement has {one!r:.60}"


def _check_uses_file(data: bytes, statement: Statement) -> Iterator[tuple[str, str]]:
    found, wanted = data.split(b"\n"), uses_bytes(statement.uses).split(b"\n")
    for number, (one, other) in enumerate(zip_longest(wanted, found), start=1):
        if one != other:
            yield f"line {number}", "is not the use that the statement has in this place"
            return


def _check_dsr(paths: list[Path], statement: Statement) -> Iterator[tuple[str, str, str]]:
    wanted = _details(data for _, data in dsr_files(statement))
    found = _details(path.read_bytes() for path in sorted(paths, key=_file_number))
    for ours, theirs in zip_longest(wanted, found):
        if ours != theirs:
            what = f"has {str(theirs)!r:.120} where the statement gives {str(ours)!r:.120}"
            yield (f"dsr/{paths[0].name}", "", what)
            return


def _file_number(path: Path) -> int:
    matched = re.search(r"_([0-9]+)of[0-9]+_", path.name)
    return int(matched[1]) if matched else 0


def _details(files: Iterable[bytes]) -> list[str]:
    """Return all records but headers and footers, the summary records of the first file only."""
    records: list[str] = []
    for number, data in enumerate(files):
        lines = data.decode(errors="replace").split("\n")
        skipped = ("#", "HEAD", "FOOT", "SY07") if number else ("#", "HEAD", "FOOT")
        records += [line for line in lines if line and not line.startswith(skipped)]
    return records


def _check_pages(folder: Path, statement: Statement, writers: Counter[str]) -> Iterator[tuple[str, str, str]]:
    if not (folder / "statement.html").is_file():
        return
    digest = statement_digest(statement)  # once: it encodes the whole statement
    wanted = chain(
        [("statement.html", statement_page(statement))],
        ((f"parties/{name}", page) for name, page in party_pages(statement)),
    )
    for name, page in wanted:
        try:
            found = (folder / name).read_bytes()
        except OSError:
            yield (name, "", "is missing")
            continue
        if digest.encode() not in found:
            yield (name, "", f"does not carry the digest of the statement, {digest}")
        elif found != page:
            text = found.decode(errors="replace")
            version = writer_of(text)
            if version == program_version():
                yield (name, "", "is not the page of this statement; write it again")
            elif words := difference(text, page.decode()):
                what = f"is not the page of this statement, by content: {words}; written by {writer_words(version)}"
                yield (name, "", f"{what}, this is {program_version()}")
            else:
                writers[version] += 1


def writer_words(version: str) -> str:
    """Return a version that wrote a page, in words."""
    return f"version {printable(version)}" if version else "an earlier version"
