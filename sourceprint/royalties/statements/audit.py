"""Audit a written statement: checksums, digest, arithmetic, formats, signature and chain.

`audit_statement` takes a folder as `write_statement` leaves it, or a `statement.json` alone. It checks every file by
SHA256SUMS; the digest of the statement; its arithmetic (`proof`); that CSV, Parquet, uses and DSR-shaped files agree
with the JSON, and that every page is the one rendered from it. Files beside a statement of an earlier schema are
covered by their checksums only. It checks the signature and, given the database that issued the statement, that the
statement is on file there and the chain is unchanged.
"""

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, zip_longest
from pathlib import Path, PurePosixPath

from fingerprint.digests import strict_json
from fingerprint.errors import (
    RightsError,
    SourceprintError,
    StatementError,
    VerificationError,
    printable,
)
from sourceprint.royalties.rights.chain.verdict_text import witness_lines
from sourceprint.royalties.rights.chain.verification import ChainVerdict, HeldHead
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.statements.authorship import Authorship, authorship_of
from sourceprint.royalties.statements.files.dsr import dsr_files
from sourceprint.royalties.statements.files.folder import SIGNATURE, SUMS, statement_data, uses_bytes
from sourceprint.royalties.statements.files.line_tables import read_parquet, statement_csv, statement_parquet
from sourceprint.royalties.statements.files.page import party_pages, statement_page
from sourceprint.royalties.statements.files.statement_json import (
    parse_statement,
    statement_digest,
    statement_from_json,
)
from sourceprint.royalties.statements.proof import flaws_of
from sourceprint.royalties.statements.provenance import input_digests
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.statements.witness import compare_with_database
from sourceprint.signatures import PublicKey
from sourceprint.text.tables import counted

__all__ = ["Audit", "Discrepancy", "audit_arithmetic", "audit_statement", "audit_text", "full_audit"]

_SUM_LINE = re.compile(r"(?P<sha256>[0-9a-f]{64})  (?P<name>[^/\\].*)")
_PAID_STATES = frozenset({"claimed", "resolved"})


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One fault that an audit found.

    Attributes
    ----------
    file : str
        Name of the file within the folder.
    where : str
        Line, row, party or total in it, or "".
    what : str
        The expected and the actual value.
    """

    file: str
    where: str
    what: str

    def __str__(self) -> str:
        """Return the problem as one line of text."""
        return ": ".join(printable(part) for part in (self.file, self.where, self.what) if part)


@dataclass(frozen=True, slots=True)
class Audit:
    """The result of an audit.

    Attributes
    ----------
    problems : tuple of Discrepancy
        All that does not hold; empty is a statement that adds up.
    authorship : Authorship or None
        Who signed; None where the statement cannot be read.
    chain : ChainVerdict or None
        Of the database, where it was given.
    """

    problems: tuple[Discrepancy, ...]
    authorship: Authorship | None = None
    chain: ChainVerdict | None = None

    @property
    def remarks(self) -> list[str]:
        """Who signed, and up to where the chain of the database is witnessed; a sentence each."""
        signed = [] if self.authorship is None else [self.authorship.text]
        return signed + ([] if self.chain is None else list(witness_lines(self.chain)))


def audit_statement(path: str | Path) -> list[Discrepancy]:
    """Return the faults of a statement, signed by any key; an empty list means that it adds up.

    As `full_audit`, without keys and database.
    """
    return list(full_audit(path).problems)


def full_audit(
    path: str | Path,
    *,
    keys: Sequence[PublicKey | str] = (),
    database: Database | None = None,
    held: Sequence[HeldHead] = (),
) -> Audit:
    """Return the faults of a statement, and its signer.

    Parameters
    ----------
    path : path
        The folder of a statement, or a `statement.json`.
    keys : sequence of PublicKey or str
        It must be signed by one of these, or by a key with one of these fingerprints; with none, any signer will do.
    database : Database or None
        That it was issued from, to compare with it too.
    held : sequence of HeldHead
        Heads of the database's chain that are held elsewhere, beside the statement's own.

    Raises
    ------
    StatementError
        If there is no statement at all.
    """
    place = Path(path)
    folder = place if place.is_dir() else None
    document = place / "statement.json" if folder else place
    data = statement_data(place)
    problems = list(_check_sums(folder)) if folder else []
    try:
        statement = parse_statement(data)
    except VerificationError as error:
        problems.append(Discrepancy(document.name, "", str(error)))
        try:
            statement = statement_from_json(strict_json(data))
        except (RightsError, VerificationError):
            return Audit(tuple(problems))
    except StatementError as error:
        return Audit((*problems, Discrepancy(document.name, "", str(error))))
    problems += audit_arithmetic(statement)
    if folder:
        problems += _check_formats(folder, statement)
    authorship = authorship_of(statement, folder, keys)
    problems += [Discrepancy(file, "", what) for file, what in authorship.problems]
    chain = None
    if database is not None:
        chain, differences = compare_with_database(database, statement, held)
        problems += [Discrepancy(database.name, where, what) for where, what in differences]
    return Audit(tuple(problems), authorship, chain)


def audit_text(path: str | Path, problems: Sequence[Discrepancy], remarks: Iterable[str] = ()) -> str:
    """Return the result of an audit as text: a sentence, then a line per problem, and the remarks."""
    if problems:
        said = f"does not hold, {counted(len(problems), 'problem')}"
    else:
        said = "holds; checksums, digest, sums, balances and formats agree"
    lines = [f"{printable(path)}: {said}", *(f"  {problem}" for problem in problems), *(f"  {one}" for one in remarks)]
    return "".join(f"{line}\n" for line in lines)


def audit_arithmetic(statement: Statement) -> list[Discrepancy]:
    """Return the arithmetic faults of a statement."""
    flaws = [*flaws_of(statement), *_check_uses(statement), *_check_inputs(statement)]
    return [Discrepancy("statement.json", where, what) for where, what in flaws]


def _check_sums(folder: Path) -> Iterator[Discrepancy]:
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        yield Discrepancy(SUMS, "", "is missing or unreadable; write the statement again")
        return
    listed = set()
    for number, line in enumerate(lines, start=1):
        matched = _SUM_LINE.fullmatch(line)
        if matched is None or not _is_within(matched["name"]):
            yield Discrepancy(SUMS, f"line {number}", "must be a SHA-256, two spaces and a name within the folder")
            continue
        listed.add(matched["name"])
        file = folder / matched["name"]
        if not file.is_file() or file.is_symlink():
            yield Discrepancy(matched["name"], "", f"is no file in the folder, and is listed in {SUMS}")
            continue
        try:
            found = hashlib.sha256(file.read_bytes()).hexdigest()
        except OSError as error:
            yield Discrepancy(matched["name"], "", f"cannot be read ({error.strerror}), and is listed in {SUMS}")
            continue
        if found != matched["sha256"]:
            yield Discrepancy(
                matched["name"], "", f"was altered: its SHA-256 is {found}, {SUMS} has {matched['sha256']}"
            )
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_dir() and name not in listed and name not in (SUMS, SIGNATURE):
            yield Discrepancy(name, "", f"is not listed in {SUMS}")


def _is_within(name: str) -> bool:
    """Return whether a name of a list can be that of a file within its folder."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\0" not in name


def _check_uses(statement: Statement) -> Iterator[tuple[str, str]]:
    uses = {use.id: use for use in statement.uses}
    for line in statement.lines:
        where = f"line {line.number}"
        for use_id in sorted({part.use_id for part in line.contributions} - {""}):
            if use_id not in uses:
                yield where, f"use {use_id!r:.40} is not among the uses of the statement"
            elif line.kind == "payable" and uses[use_id].state not in _PAID_STATES:
                yield where, f"is payable, though use {use_id} is {uses[use_id].state}"


def _check_inputs(statement: Statement) -> Iterator[tuple[str, str]]:
    if statement.inputs is None:
        return
    found = asdict(input_digests(statement, ""))
    for name, stated in asdict(statement.inputs).items():
        if name != "earlier" and stated != found[name]:
            yield f"inputs, {name}", f"is stated as {stated:.80}, and what the statement has comes to {found[name]}"


def _check_formats(folder: Path, statement: Statement) -> Iterator[Discrepancy]:
    if statement.document:  # of an earlier schema, whose other files are no longer written: checksums cover them
        return
    for name, check in (
        ("statement.csv", _check_csv),
        ("statement.parquet", _check_parquet),
        ("uses.jsonl", _check_uses_file),
    ):
        path = folder / name
        if path.is_file():
            yield from (Discrepancy(name, where, what) for where, what in check(path.read_bytes(), statement))
    paths = sorted((folder / "dsr").glob("*.tsv"))
    if paths:
        yield from _check_dsr(paths, statement)
    yield from _check_pages(folder, statement)


def _check_csv(data: bytes, statement: Statement) -> Iterator[tuple[str, str]]:
    try:
        found = list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        yield "", f"is no CSV in UTF-8 ({error})"
        return
    wanted = list(csv.reader(io.StringIO(statement_csv(statement).decode(), newline="")))
    if found and found[0] == wanted[0][:-1]:
        wanted = [row[:-1] for row in wanted]  # of a version that had no column `shares_on`
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
    if metadata.get("statement_digest") != statement_digest(statement):
        yield "", f"is of statement {metadata.get('statement_digest', '')!r:.80}, not of {statement_digest(statement)}"
    wanted, _ = read_parquet(statement_parquet(statement))
    if len(found) != len(wanted):
        yield "", f"has {len(found)} rows, must have {len(wanted)}"
    for number, (ours, theirs) in enumerate(zip(wanted, found, strict=False), start=1):
        for column, one in ours.items():
            if column == "shares_on" and column not in theirs:
                continue  # of a version that had none
            if theirs.get(column) != one:
                yield f"row {number}, {column}", f"is {theirs.get(column)!r:.60}, the statement has {one!r:.60}"


def _check_uses_file(data: bytes, statement: Statement) -> Iterator[tuple[str, str]]:
    found, wanted = data.split(b"\n"), uses_bytes(statement.uses).split(b"\n")
    for number, (one, other) in enumerate(zip_longest(wanted, found), start=1):
        if one != other:
            yield f"line {number}", "is not the use that the statement has in this place"
            return


def _check_dsr(paths: list[Path], statement: Statement) -> Iterator[Discrepancy]:
    wanted = _details(data for _, data in dsr_files(statement))
    found = _details(path.read_bytes() for path in sorted(paths, key=_file_number))
    for ours, theirs in zip_longest(wanted, found):
        if ours != theirs:
            what = f"has {str(theirs)!r:.120} where the statement gives {str(ours)!r:.120}"
            yield Discrepancy(f"dsr/{paths[0].name}", "", what)
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


def _check_pages(folder: Path, statement: Statement) -> Iterator[Discrepancy]:
    if not (folder / "statement.html").is_file():
        return
    wanted = chain(
        [("statement.html", statement_page(statement))],
        ((f"parties/{name}", page) for name, page in party_pages(statement)),
    )
    for name, page in wanted:
        try:
            found = (folder / name).read_bytes()
        except OSError:
            yield Discrepancy(name, "", "is missing")
            continue
        if statement_digest(statement).encode() not in found:
            yield Discrepancy(name, "", f"does not carry the digest of the statement, {statement_digest(statement)}")
        elif found != page:
            what = "is not the page of this statement, or another version of the program wrote it; write it again"
            yield Discrepancy(name, "", what)
