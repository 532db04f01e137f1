"""Write a statement as a folder of files, for people, spreadsheets, data tools and auditors; and read it back.

=======================  ===============================================================================================
`statement.json`         everything, canonical, with its digest; always written
`statement.csv`          one row per line
`statement.parquet`      the same with types
`statement.html`         the page that people read
`parties/*.html`         each party's own page: its own lines, balance and adjustments
`dsr/*.tsv, README.txt`  DSR-shaped; not certified; not of a provisional statement, which a report cannot say to be one
`uses.jsonl`             the uses, one JSON object per line, by id
`SHA256SUMS`             of all the others, as `sha256sum --check` reads it
`SIGNATURE`              the signer's public key, and the Ed25519 signature of SHA256SUMS; of signed statements only
=======================  ===============================================================================================

A new folder is written beside its place and renamed, so that nobody sees half of it; where files of one that is there
are written again, it has neither checksums nor signature until all are. The same statement gives the same
bytes, whenever and wherever it is written (with the same versions of Sourceprint and pyarrow). A statement is read back
from its folder, or from a `statement.json` alone.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from fingerprint import disk
from fingerprint.errors import ParameterError, StatementError, printable
from fingerprint.new_files import is_leftover, new_folder, own_folder
from index.storage.durable import make_folder, publish, refusals, sync_folder, write_chunks
from sourceprint.royalties.statements.files.dsr import MAX_LINES, dsr_files, dsr_readme
from sourceprint.royalties.statements.files.line_tables import statement_csv, statement_parquet
from sourceprint.royalties.statements.files.page import party_pages, statement_page
from sourceprint.royalties.statements.files.statement_json import parse_statement, statement_bytes
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.uses.use import Use, use_to_json
from sourceprint.signatures import PrivateKey, PublicKey, signature_bytes

__all__ = [
    "FORMATS",
    "SIGNATURE",
    "SUMS",
    "check_place",
    "read_statement",
    "statement_data",
    "statement_files",
    "uses_bytes",
    "write_statement",
]

FORMATS = ("json", "csv", "parquet", "html", "dsr", "uses")
SUMS = "SHA256SUMS"
SIGNATURE = "SIGNATURE"


def write_statement(
    statement: Statement,
    folder: str | Path,
    formats: Iterable[str] = FORMATS,
    *,
    key: PrivateKey | None = None,
    max_dsr_lines: int = MAX_LINES,
) -> list[Path]:
    """Write a statement as files and return their paths, sorted.

    Parameters
    ----------
    statement : Statement
    folder : path
        New, empty, or holding the same statement; then only files that differ are written again.
    formats : iterable of str
        Of `FORMATS`; `json` is always among them.
    key : PrivateKey or None
        Of the statement's signer; None writes no signature, and a folder that says who signs it without one.
    max_dsr_lines : int
        Most records in one DSR-shaped file.

    Raises
    ------
    ParameterError
        If a format is unknown, or `max_dsr_lines` is too small.
    StatementError
        If the folder holds something else, or the key is not that of the statement's signer.
    CatalogueError, StorageFullError
        If the system refuses, or the disk is full; a new folder is then not there at all.
    """
    target = Path(folder)
    check_place(statement, target, formats)
    files = statement_files(statement, formats, max_dsr_lines=max_dsr_lines)
    if key is not None:
        _expect_key(statement, key.public)
        files = _signed(files, key)
    present = _present(target)
    names = _write_again(target, present, dict(files)) if present else _write_new(target, files)
    return [target / name for name in sorted(names)]


def check_place(statement: Statement, folder: str | Path, formats: Iterable[str] = FORMATS) -> None:
    """Refuse a folder that `write_statement` would refuse, so that it is known before issuing.

    Raises
    ------
    ParameterError
        If a format is unknown.
    StatementError
        If the folder holds something else, or is a file.
    """
    _wanted(formats)
    target = Path(folder)
    if target.exists() and not target.is_dir():
        raise StatementError(f"{printable(target)}: is a file; name a new or an empty folder")
    if _present(target):
        held = target / "statement.json"
        with refusals(held):
            same = held.is_file() and held.read_bytes() == statement_bytes(statement)
        if not same:
            raise StatementError(
                f"{printable(target)}: is not empty, and holds something other than this statement; name a new folder"
            )


def statement_files(
    statement: Statement, formats: Iterable[str] = FORMATS, *, max_dsr_lines: int = MAX_LINES
) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a statement, names in its folder and contents, `SHA256SUMS` last; no signature.

    `statement.json` is among them whatever the formats. A provisional statement has no folder `dsr`.

    Parameters
    ----------
    statement : Statement
    formats : iterable of str
        Of `FORMATS`.
    max_dsr_lines : int
        Lines of a DSR file, at most; longer reports become several files.

    Raises
    ------
    ParameterError
        If a format is unknown, or `max_dsr_lines` too small for one block.
    """
    wanted = _wanted(formats)
    sums = []
    for name, data in _files(statement, wanted, max_dsr_lines):
        sums.append((name, hashlib.sha256(data).hexdigest()))
        yield name, data
    yield SUMS, "".join(f"{digest}  {name}\n" for name, digest in sorted(sums)).encode()


def _files(statement: Statement, wanted: set[str], max_dsr_lines: int) -> Iterator[tuple[str, bytes]]:
    """Yield one file after the other, so that never all of them are in memory."""
    yield "statement.json", statement_bytes(statement)
    if "csv" in wanted:
        yield "statement.csv", statement_csv(statement)
    if "parquet" in wanted:
        yield "statement.parquet", statement_parquet(statement)
    if "html" in wanted:
        yield "statement.html", statement_page(statement)
        for name, page in party_pages(statement):
            yield f"parties/{name}", page
    if "dsr" in wanted and not statement.provisional:
        yield "dsr/README.txt", dsr_readme(statement).encode()
        for name, data in dsr_files(statement, max_lines=max_dsr_lines):
            yield f"dsr/{name}", data
    if "uses" in wanted:
        yield "uses.jsonl", uses_bytes(statement.uses)


def _signed(files: Iterable[tuple[str, bytes]], key: PrivateKey) -> Iterator[tuple[str, bytes]]:
    for name, data in files:
        yield name, data
        if name == SUMS:
            yield SIGNATURE, signature_bytes(key, data)


def uses_bytes(uses: Iterable[Use]) -> bytes:
    """Return uses as JSON Lines."""
    return "".join(
        json.dumps(use_to_json(use), ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n" for use in uses
    ).encode()


def _expect_key(statement: Statement, key: PublicKey) -> None:
    if not statement.signer or PublicKey.parse(statement.signer) != key:
        whose, remedy = "is unsigned", "leave out the key"
        if statement.signer:
            whose = f"says that key {PublicKey.parse(statement.signer).id} signs it"
            remedy = "give that key, or none"
        raise StatementError(f"statement {printable(statement.id)}: {whose}, and key {key.id} was given; {remedy}")


def _wanted(formats: Iterable[str]) -> set[str]:
    wanted = set(formats)
    if unknown := sorted(wanted - set(FORMATS)):
        raise ParameterError(f"format {printable(unknown[0])!r:.40}: take one of {', '.join(FORMATS)}")
    return wanted


def _present(target: Path) -> list[str]:
    """Return the names of the files below a folder, but for those that a killed process was making."""
    if not target.is_dir():
        return []
    files = [path for path in target.rglob("*") if not path.is_dir() and not is_leftover(path.name)]
    return sorted(path.relative_to(target).as_posix() for path in files)


def _write_new(target: Path, files: Iterable[tuple[str, bytes]]) -> list[str]:
    names = []
    with refusals(target), new_folder(target) as place:
        folders = {place}
        for name, data in files:
            path = place / name
            if path.parent not in folders:
                make_folder(path.parent)
                folders.add(path.parent)
            write_chunks(path, [data])
            names.append(name)
        for parent in sorted(folders):
            sync_folder(parent)
    return names


def _write_again(target: Path, present: list[str], files: dict[str, bytes]) -> list[str]:
    if foreign := sorted(set(present) - set(files)):
        raise StatementError(
            f"{printable(target)}: holds this statement and also {printable(foreign[0])}, which is not written now; "
            "name a new folder, or ask for the same formats"
        )
    with refusals(target):
        for path in [path for path in target.rglob("*") if is_leftover(path.name) and path.is_file()]:
            path.unlink()
    changed = []
    for name, data in files.items():
        path = target / name
        with refusals(path):
            if path.parent != target:
                own_folder(path.parent)
            if not (path.is_file() and path.read_bytes() == data):
                changed.append(name)
    last = [name for name in files if name in (SUMS, SIGNATURE)]
    if changed:  # without these, nobody takes a half-written folder for whole
        for path in [target / name for name in last]:
            with refusals(path):
                path.unlink(missing_ok=True)
        changed = [*(name for name in changed if name not in last), *last]
    for name in changed:
        publish(target / name, files[name])
    return list(files)


def read_statement(path: str | Path) -> Statement:
    """Return a statement.

    Parameters
    ----------
    path : path
        The folder of a statement, or a `statement.json`.

    Raises
    ------
    StatementError
        If there is none.
    VerificationError
        If its content was changed since it was written.
    """
    return parse_statement(statement_data(path))


def statement_data(path: str | Path) -> bytes:
    """Return the bytes of a statement's JSON; as `read_statement`, without looking into them.

    Raises
    ------
    StatementError
        If there is none.
    """
    place = Path(path)
    document = place / "statement.json" if place.is_dir() else place
    remedy = "name the folder of a statement, or its statement.json"
    with disk.refusals(document, StatementError, remedy=remedy):
        return document.read_bytes()
