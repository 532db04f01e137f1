"""Audit a written statement: checksums, digest, arithmetic, formats, signature and chain.

`full_audit` takes a folder as `write_statement` leaves it, or a `statement.json` alone. It checks every file by
SHA256SUMS; the digest of the statement; its arithmetic (`proof`); and that all other files agree with the JSON
(`files.agreement`). It checks the signature and, given the database that issued the statement, that the statement is on
file there and the chain is unchanged. Given the transparency log of whose checkpoint the statement holds a copy, it
checks that the log goes on from it.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from fingerprint.digests import strict_json
from fingerprint.errors import (
    LogError,
    RightsError,
    StatementError,
    VerificationError,
    printable,
)
from sourceprint.outputs import program_version
from sourceprint.royalties.rights.chain.verdict_text import witness_lines
from sourceprint.royalties.rights.chain.verification import ChainVerdict, HeldHead
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.statements.authorship import Authorship, authorship_of
from sourceprint.royalties.statements.files.agreement import disagreements, writer_words
from sourceprint.royalties.statements.files.folder import SIGNATURE, SUMS, statement_data
from sourceprint.royalties.statements.files.statement_json import (
    parse_statement,
    statement_from_json,
)
from sourceprint.royalties.statements.proof import flaws_of
from sourceprint.royalties.statements.provenance import input_digests
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.statements.witness import compare_with_database
from sourceprint.signatures import PublicKey
from sourceprint.text.tables import counted
from sourceprint.transparency import Checkpoint, LogReader

__all__ = ["Audit", "Discrepancy", "audit_arithmetic", "audit_statement", "audit_text", "audit_to_json", "full_audit"]

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
        The fault in words, with the expected and the actual value where there are such.
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
    statement : Statement or None
        None where it cannot be read.
    writers : dict of str to int
        The pages that another version of the program wrote and that agree in content, by that version; "" is an
        earlier one that did not say which it was.
    log : str
        On the checkpoint of a transparency log in the statement, a sentence; "" where there is none, or where it
        disagrees with the log, which is a problem.
    """

    problems: tuple[Discrepancy, ...]
    authorship: Authorship | None = None
    chain: ChainVerdict | None = None
    statement: Statement | None = None
    writers: Mapping[str, int] = field(default_factory=dict)
    log: str = ""

    @property
    def remarks(self) -> list[str]:
        """Provisional state, writers, signature, witness of the chain, and log; a sentence each."""
        is_provisional = self.statement is not None and self.statement.provisional
        ours = program_version()
        return [
            *(["PROVISIONAL: it was not issued, and nothing is owed by it"] if is_provisional else []),
            *(
                f"{counted(n, 'page')} written by {writer_words(version)}; this is {ours}: compared by content"
                for version, n in sorted(self.writers.items())
            ),
            *([] if self.authorship is None else [self.authorship.text]),
            *([] if self.chain is None else witness_lines(self.chain)),
            *([self.log] if self.log else []),
        ]


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
    log: LogReader | None = None,
    log_keys: Sequence[PublicKey] = (),
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
    log : LogReader or None
        The log of whose checkpoint the statement holds a copy: both are compared.
    log_keys : sequence of PublicKey
        Keys of the log; one of them must have signed the checkpoint. With none, its signature is not verified.

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
    writers = Counter[str]()
    if folder:
        problems += [Discrepancy(*one) for one in disagreements(folder, statement, writers)]
    authorship = authorship_of(statement, folder, keys)
    problems += [Discrepancy(file, "", what) for file, what in authorship.problems]
    chain = None
    if database is not None:
        chain, differences = compare_with_database(database, statement, held)
        problems += [Discrepancy(database.name, where, what) for where, what in differences]
    fault, remark = _compare_with_log(statement, log, log_keys)
    problems += [Discrepancy(document.name, "log_checkpoint", fault)] if fault else []
    return Audit(tuple(problems), authorship, chain, statement, dict(writers), remark)


def audit_text(path: str | Path, problems: Sequence[Discrepancy], remarks: Iterable[str] = ()) -> str:
    """Return the result of an audit as text: a sentence, then a line per problem, and the remarks."""
    if problems:
        said = f"does not hold, {counted(len(problems), 'problem')}"
    else:
        said = "holds; checksums, digest, sums, balances and formats agree"
    lines = [f"{printable(path)}: {said}", *(f"  {problem}" for problem in problems), *(f"  {one}" for one in remarks)]
    return "".join(f"{line}\n" for line in lines)


def audit_to_json(found: Audit) -> dict[str, Any]:
    """Return the result of an audit as plain JSON types."""
    statement, authorship, chain = found.statement, found.authorship, found.chain
    signer = None if authorship is None else authorship.signer
    return {
        "statement": None if statement is None else statement.id,
        "provisional": None if statement is None else statement.provisional,
        "holds": not found.problems,
        "problems": [asdict(problem) for problem in found.problems],
        "signer": signer
        and {
            "key": signer.id,
            "name": signer.name,
            "fingerprint": signer.fingerprint,
            "trusted": authorship is not None and authorship.trusted is not None,
        },
        "chain": chain
        and {
            "holds": chain.holds,
            "witnessed": chain.witnessed,
            "witness": chain.witness,
            "unwitnessed": chain.unwitnessed,
        },
        "remarks": found.remarks,
    }


def audit_arithmetic(statement: Statement) -> list[Discrepancy]:
    """Return the arithmetic faults of a statement."""
    flaws = [*flaws_of(statement), *_check_uses(statement), *_check_inputs(statement)]
    return [Discrepancy("statement.json", where, what) for where, what in flaws]


def _compare_with_log(statement: Statement, log: LogReader | None, keys: Sequence[PublicKey]) -> tuple[str, str]:
    """Return how the checkpoint in a statement disagrees with its log, and a remark on it; "" is none."""
    if not statement.log_checkpoint:
        option = "--log" if log is not None else "--log-key" if keys else ""
        return f"the statement holds no checkpoint of a log; leave out {option}" if option else "", ""
    checkpoint = Checkpoint.parse(statement.log_checkpoint.encode(), "log_checkpoint")
    what = f"checkpoint of {printable(checkpoint.origin)} with {checkpoint.size} entries"
    try:
        if keys:
            checkpoint.verify(keys, "log_checkpoint")
        fault = "" if log is None else log.disagreement(checkpoint, keys)
    except (LogError, VerificationError) as error:
        return f"{what}: {error}", ""
    if fault:
        return f"{what}: {fault}", ""
    compared = "; not compared with the log: give --log"
    if log is not None:
        compared = ": the log that was given begins with exactly these"
    return "", what + compared + ("; signed by its key" if keys else "; signature not verified: give --log-key")


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
            yield f"inputs, {name}", f"is stated as {stated:.80}, the fields of the statement have {found[name]}"
