"""Statements made and their files written, for the API and for the console alike."""

import hashlib
import re
import shutil
from contextlib import nullcontext
from pathlib import Path

from fingerprint.errors import ParameterError, StatementError, printable
from sourceprint.places import today
from sourceprint.royalties.money import currency_exponent
from sourceprint.royalties.periods import Period
from sourceprint.royalties.statements.files.folder import write_statement
from sourceprint.royalties.statements.issue import issue_statement
from sourceprint.royalties.statements.register import load_statement
from sourceprint.royalties.statements.statement import Statement
from sourceprint.royalties.uses.policy import load_policy
from sourceprint.service.web.caller import Caller
from sourceprint.service.web.problems import Refused
from sourceprint.service.web.second_person import second_person
from sourceprint.signatures import PrivateKey, load_private, only_private, private_keys
from sourceprint.transparency import Checkpoint

__all__ = ["make_statement", "statement_file", "statement_files"]

_PLAIN = re.compile(r"S-[A-Za-z0-9_-][A-Za-z0-9._-]{0,200}")


def make_statement(
    caller: Caller,
    *,
    licensee: str,
    period: str,
    policy: str = "",
    currency: str = "",
    draft: bool = False,
    provisional: bool = False,
    expect: str = "",
    approval_id: str = "",
) -> Statement:
    """Return a licensee's statement for a period; it is issued and signed, unless it is a draft or provisional.

    Parameters
    ----------
    caller : Caller
    licensee, period : str
    policy : str
        Name of a shipped one; "" is that of the uses.
    currency : str
        "" is that of the earlier statements, or of the rate cards.
    draft, provisional : bool
    expect : str
        Id of a draft: a statement with other inputs or lines is not issued.
    approval_id : str
        "" proposes the statement, where the organisation wants two people to issue one.

    Raises
    ------
    Refused
        404 if there is no such currency, and as `second_person`.
    StatementError
        If it is not the statement that the draft shows, and as `issue_statement`.
    RightsError
        As `issue_statement`.
    """
    own = caller.server.folder.organisation(caller.organisation)
    if currency:
        _expect_currency(currency)
    kept = not (draft or provisional)
    key = _key(caller) if kept else None
    checkpoint = caller.server.folder.checkpoint() if kept else None
    asked = {"licensee": licensee, "period": period, "policy": policy, "currency": currency}
    asked |= {"draft": expect} if expect else {}

    def expect_same(made: Statement) -> None:
        if expect and made.id.removeprefix("S") != expect.removeprefix("DRAFT"):
            raise StatementError(
                f"statement of {printable(licensee)} for {period}: is not that of {printable(expect)} any more, as "
                "uses, usage or rights were changed; look at the new draft, and issue that"
            )

    with second_person(caller, "statement", asked, approval_id) if kept else nullcontext(caller.actor) as by:
        made = issue_statement(
            own.rights(), licensee=licensee, period=Period.parse(period), issued_on=today().isoformat(),
            policy=load_policy(policy) if policy else None, currency=currency or None, by=by, draft=draft,
            provisional=provisional, signer="" if key is None else key.public.text, today=today(),
            log_checkpoint=None if checkpoint is None else Checkpoint.parse(checkpoint), before_keeping=expect_same,
        )  # fmt: skip
    if kept:
        expect_same(made)  # where it had been issued before, too
    return made


def statement_files(caller: Caller, statement_id: str) -> tuple[Path, list[str]]:
    """Return the folder of a statement's files and their names; they are written when they are first asked for."""
    own = caller.server.folder.organisation(caller.organisation)
    found = load_statement(own.rights(), statement_id)
    folder = own.statements / _folder_name(found.id)
    if not folder.exists():
        signed = bool(found.signer)
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with caller.server.making_files:
            if not folder.exists():
                part = folder.with_name(f"{folder.name}.part")
                shutil.rmtree(part, ignore_errors=True)
                write_statement(found, part, key=_key(caller) if signed else None)
                part.rename(folder)
    return folder, sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def statement_file(caller: Caller, statement_id: str, name: str) -> Path:
    """Return the path of one of a statement's files; Refused with 404 for any other name."""
    folder, names = statement_files(caller, statement_id)
    if name not in names:
        raise Refused(404, "not found", f"file {name[:200]}: is not one of statement {statement_id[:64]}")
    return folder / name


def _folder_name(statement_id: str) -> str:
    """Return a name for the folder of a statement: its id, or a digest of one that has other characters, as slashes."""
    if _PLAIN.fullmatch(statement_id):
        return statement_id
    return f"S-{hashlib.sha256(statement_id.encode()).hexdigest()}"


def _expect_currency(code: str) -> None:
    try:
        currency_exponent(code)
    except ParameterError as error:
        raise Refused(404, "not found", str(error)) from error


def _key(caller: Caller) -> PrivateKey | None:
    keys = caller.server.folder.organisation(caller.organisation).keys
    return load_private(only_private(keys)) if next(private_keys(keys), None) is not None else None
