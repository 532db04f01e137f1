"""One licence: its terms in words and as TOML; a changed text is checked, then put in force, by two where wanted."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from starlette.responses import RedirectResponse, Response

from fingerprint.errors import ParameterError, RightsError, UnknownRightsError, printable
from sourceprint.royalties.overview.licence_words import amendments_in_words, licence_in_words
from sourceprint.royalties.rights.history import record_history
from sourceprint.royalties.rights.licence_toml import licence_document, licence_toml, new_licence, parse_licence
from sourceprint.royalties.rights.licences import Licence
from sourceprint.royalties.rights.rights import all_records
from sourceprint.royalties.rights.schema import licence as licence_table
from sourceprint.service.api_words import in_console_words
from sourceprint.service.console.pages import page
from sourceprint.service.console.visitors import ConsoleRoute, Form, Visitor, as_role, field_of
from sourceprint.service.people.approvals import list_open, needs_two
from sourceprint.service.people.persons import names_by_actor
from sourceprint.service.people.roles import Role
from sourceprint.service.web.acts.imports import import_file
from sourceprint.service.web.problems import Refused
from sourceprint.service.web.second_person import SecondPersonNeeded
from sourceprint.text.templates import verbatim

__all__ = ["router"]

router = APIRouter(prefix="/console/licence", include_in_schema=False, route_class=ConsoleRoute)

_CHANGING = (Role.CATALOGUER, Role.ACCOUNTANT)
_Reader = Annotated[Visitor, as_role(Role.ADMIN, Role.AUDITOR, *_CHANGING)]
_Changer = Annotated[Visitor, as_role(*_CHANGING)]
_FILE = "licence.toml"


@router.get("")
def show_licence(visitor: _Reader, of: Annotated[str, Query(max_length=600)] = "") -> HTMLResponse:
    """Show a licence, or the form of a new one."""
    found = _licence(visitor, of) if of else None
    return _licence_page(visitor, found, licence_toml(found) if found else new_licence())


@router.post("/check")
def check_licence(visitor: _Changer, sent: Form) -> HTMLResponse:
    """Show what a text would change, in words; nothing is changed."""
    text, correct = _text(sent), field_of(sent, "correct")
    try:
        wanted = parse_licence(text, name=_FILE)
        with _as_file(visitor, text) as path:
            report = import_file(visitor.caller, path, _FILE, dry_run=True, correct=correct)
    except (RightsError, ParameterError, Refused) as error:
        found = _licence(visitor, field_of(sent, "of")) if field_of(sent, "of") else None
        return _licence_page(visitor, found, text, faults=_faults(error), correct=correct)
    before = _on_file(visitor).get(wanted.id)
    with visitor.server.database.reading() as connection:
        needs_second = needs_two(connection, visitor.organisation, "licence")
    return page(
        "licence_check.html", visitor.sign_in, here="licensees", licence=wanted, changes=_changes(before, wanted),
        is_new=before is None, same=before is not None and licence_document(before) == licence_document(wanted),
        text=verbatim(text), correct=correct, report=report, needs_second=needs_second,
        amendments=amendments_in_words(wanted),
    )  # fmt: skip


@router.post("")
def change_licence(visitor: _Changer, sent: Form) -> Response:
    """Put a text in force, or propose it; or put in force what a second person approved."""
    approval_id, text, correct = field_of(sent, "approval"), _text(sent), field_of(sent, "correct")
    if approval_id:
        text, correct = _approved(visitor, approval_id)
    wanted = parse_licence(text, name=_FILE)
    with _as_file(visitor, text) as path:
        try:
            import_file(
                visitor.caller, path, _FILE, correct=correct, approval_id=approval_id,
                shown={"licence": wanted.id, "licensee": wanted.licensee, "document": text},
            )  # fmt: skip
        except SecondPersonNeeded as error:
            return RedirectResponse(f"/console/licensees#a-{error.approval_id}", 303)
    return RedirectResponse(licence_address(wanted.id), 303)


def licence_address(licence_id: str) -> str:
    """Return the address of a licence's page."""
    return f"/console/licence?{urlencode({'of': licence_id})}"


def _on_file(visitor: Visitor) -> dict[str, Licence]:
    with visitor.caller.rights.reading() as connection:
        return {one.id: one for one in all_records(connection, licence_table)}


def _licence(visitor: Visitor, licence_id: str) -> Licence:
    found = _on_file(visitor).get(licence_id)
    if found is None:
        raise UnknownRightsError(f"licence {printable(licence_id)!r:.80}: is not on file")
    return found


def _licence_page(
    visitor: Visitor, found: Licence | None, text: str, *, faults: list[str] | None = None, correct: str = ""
) -> HTMLResponse:
    history: list[Any] = []
    if found is not None:
        with visitor.caller.rights.reading() as connection:
            history = record_history(connection, licence_table, found.id)[::-1]
    with visitor.server.database.reading() as connection:
        names = names_by_actor(connection, visitor.organisation)
    return page(
        "licence.html", visitor.sign_in, status=422 if faults else 200, here="licensees", licence=found,
        text=verbatim(text), words=licence_in_words(found) if found else [],
        amendments=amendments_in_words(found) if found else [],
        history=history, names=names, may_change=visitor.has_role(*_CHANGING), faults=faults or [], correct=correct,
    )  # fmt: skip


def _text(sent: dict[str, list[str]]) -> str:
    return field_of(sent, "text").replace("\r\n", "\n")


def _faults(error: RightsError | ParameterError | Refused) -> list[str]:
    report = getattr(error, "report", None)
    if report:
        faults = [f"{one['column']}: {one['remedy']}" if one["column"] else one["remedy"] for one in report["problems"]]
    else:
        faults = [line.strip() for line in str(error).splitlines() if line.strip()]
    return [in_console_words(fault) for fault in faults]


def _changes(before: Licence | None, after: Licence) -> list[tuple[str, str, str]]:
    """Return what each changed term is about, the words before, and the words after."""
    old, new = dict(licence_in_words(before)) if before else {}, dict(licence_in_words(after))
    return [
        (name, old.get(name, ""), new.get(name, ""))
        for name in [*new, *(one for one in old if one not in new)]
        if old.get(name) != new.get(name)
    ]


def _approved(visitor: Visitor, approval_id: str) -> tuple[str, str]:
    """Return text and reason of an approved change, as its second person read them."""
    database = visitor.server.database
    with database.reading() as connection:
        open_ones = list_open(connection, visitor.organisation, "licence", now=database.now())
    found = next((one for one in open_ones if one.id == approval_id), None)
    if found is None or "document" not in found.summary:
        raise UnknownRightsError(
            f"approval {printable(approval_id):.40}: is not there, was used, or its text was sent through the API; "
            "send it there again"
        )
    return found.summary["document"], found.summary["correct"]


@contextmanager
def _as_file(visitor: Visitor, text: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="licence-", dir=visitor.server.folder.uploads) as folder:
        path = Path(folder) / _FILE
        path.write_text(text, encoding="utf-8", newline="")
        yield path
