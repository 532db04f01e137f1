"""Recordings of the catalogue: found, shown with their owners, corrected, tagged, excluded in part, removed.

Catalogers change; reviewers, accountants, admins and auditors read. The functions are those of the API. Each change is
answered with the form that takes it back; a removal has none, as the audio is needed again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup, escape
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from fingerprint.errors import ParameterError, SourceprintError, StaleDecisionError
from index.storage.recordings import Recording
from index.storage.tags import ranges_text
from sourceprint.places import today
from sourceprint.royalties.percentages import format_percent
from sourceprint.royalties.rights.rights import load_rights
from sourceprint.service.access.api_keys import KeyScope
from sourceprint.service.api_words import in_console_words
from sourceprint.service.console.pages import page
from sourceprint.service.console.visitors import ConsoleRoute, Form, Visitor, as_role
from sourceprint.service.people.roles import Role
from sourceprint.service.web.problems import status_of
from sourceprint.service.web.recordings import (
    RecordingChange,
    change_own_recording,
    find_own_recording,
    find_own_recordings,
    remove_own_recording,
)
from sourceprint.text.tables import clock, shortened

__all__ = ["router"]

router = APIRouter(prefix="/console", include_in_schema=False, route_class=ConsoleRoute)

_Writer = Annotated[Visitor, as_role(Role.CATALOGUER)]
_Reader = Annotated[
    Visitor, as_role(Role.ADMIN, Role.CATALOGUER, Role.REVIEWER, Role.ACCOUNTANT, Role.AUDITOR)
]  # fmt: skip
_Id = Annotated[str, Query(alias="id", min_length=1, max_length=512)]
_PER_PAGE = 50
_CHANGING = Lock()
_PARTS = ("words", "tags", "excluded")


@dataclass(frozen=True, slots=True)
class _Owner:
    """A share that holds today, of the recording or of a work in it."""

    subject: str
    right: str
    name: str
    share: str
    where: str


@router.get("/recordings")
def show_recordings(
    visitor: _Reader,
    q: Annotated[str, Query(max_length=200)] = "",
    tag: Annotated[str, Query(max_length=200)] = "",
    after: Annotated[str, Query(max_length=512)] = "",
    removed: Annotated[str, Query(max_length=512)] = "",
) -> HTMLResponse:
    """Show the recordings by id, or those with some words and a tag."""
    found = find_own_recordings(visitor.caller, q.strip(), tag=tag.strip(), after=after, limit=_PER_PAGE)
    opened = visitor.server.catalogue(visitor.organisation)
    more = {name: value for name, value in (("q", q), ("tag", tag), ("after", found.next or "")) if value}
    return page(
        "recordings.html", visitor.sign_in, here="recordings", found=found.items, n_in_all=len(opened or ()), q=q,
        tag=tag, after=after, removed=removed, more=urlencode(more) if found.next else "", link=_link, clock=clock,
        may_change=visitor.may(KeyScope.CATALOGUE_WRITE), may_see=visitor.may(KeyScope.CATALOGUE_WRITE, reading=True),
    )  # fmt: skip


@router.get("/recording")
def show_recording(visitor: _Reader, recording_id: _Id) -> HTMLResponse:
    """Show a recording by its id, or by one that it had before."""
    return _recording_page(visitor, find_own_recording(visitor.caller, recording_id))


@router.post("/recording")
def change(request: Request, visitor: _Writer, recording_id: _Id, sent: Form) -> HTMLResponse:
    """Change title, artists and ISRC, or the tags, or the ranges that never count; show how to take it back."""
    before, part = find_own_recording(visitor.caller, recording_id), sent.get("part", [""])[0]
    if part not in _PARTS:
        raise ParameterError(f"part {part!r:.20}: must be one of {', '.join(_PARTS)}")
    try:
        with _CHANGING:  # between the look and the change nobody else changes
            before = find_own_recording(visitor.caller, recording_id)
            _expect_seen(before, sent)
            after = change_own_recording(visitor.caller, before.id, _change_of(sent, part, before))
    except SourceprintError as error:
        status, _, told = status_of(request, error)
        before = find_own_recording(visitor.caller, recording_id)  # as it is now
        return _recording_page(visitor, before, part=part, sent=sent, told=in_console_words(told), status=status)
    return _recording_page(visitor, after, part=part, former=before)


@router.post("/recording/removal")
def remove(visitor: _Writer, recording_id: _Id) -> Response:
    """Remove a recording: it is found no more; results that name it stay."""
    remove_own_recording(visitor.caller, recording_id)
    return RedirectResponse(f"/console/recordings?{urlencode({'removed': recording_id})}", 303)


def _recording_page(
    visitor: Visitor,
    found: Recording,
    *,
    part: str = "",
    sent: Mapping[str, Sequence[str]] | None = None,
    told: str = "",
    former: Recording | None = None,
    status: int = 200,
) -> HTMLResponse:
    """Return the page of a recording, after a change with the form that takes it back, or after a refusal with why."""
    fields = _fields(found)
    if sent is not None:  # what was typed stays in its form
        fields |= {name: escape(sent[name][0]) for name in fields if name in sent}
    rights_key, owners = _owners(visitor, found)
    return page(
        "recording.html", visitor.sign_in, status=status, here="recordings", recording=found, fields=fields, part=part,
        told=told, former=None if former is None else _fields(former), owners=owners, rights_key=rights_key,
        clock=clock, ranges=[ranges_text((pair,)) for pair in found.excluded], address=_link(found.id),
        id_query=_query(found.id), may_change=visitor.may(KeyScope.CATALOGUE_WRITE),
        version=_version(found),
    )  # fmt: skip


def _version(found: Recording) -> str:
    """Return a digest of all that a person may change of a recording."""
    fields = (found.id, found.title, found.artists, found.isrc, found.tags, found.excluded)
    return sha256(repr(fields).encode("utf-8", "surrogatepass")).hexdigest()


def _expect_seen(found: Recording, sent: Mapping[str, Sequence[str]]) -> None:
    """Refuse a change of a recording that is another one now than on the page that sends it."""
    if sent.get("seen", [""])[0] not in ("", _version(found)):
        raise StaleDecisionError(
            f"recording {found.id}: somebody else changed it meanwhile; nothing was written. It is shown as it is now, "
            "with your own words in the form: look at both, then save again"
        )


def _fields(found: Recording) -> dict[str, Markup]:
    """Return what the forms hold, to the letter: invisible characters, else spelled out, must come back as they are."""
    fields = {
        "title": found.title,
        "artists": "\n".join(found.artists),
        "isrc": found.isrc,
        "tags": "\n".join(found.tags),
        "excluded": "\n".join(ranges_text((pair,)) for pair in found.excluded),
    }
    return {name: escape(value) for name, value in fields.items()}


def _change_of(sent: Mapping[str, Sequence[str]], part: str, before: Recording) -> RecordingChange:
    """Return the change that a form asks for; ParameterError in words if a value is none."""

    def lines(name: str) -> list[str]:
        return [one.strip() for one in sent.get(name, [""])[0].splitlines() if one.strip()]

    values: dict[str, Any]
    if part == "words":
        title, isrc = (sent.get(name, [""])[0].strip() for name in ("title", "isrc"))
        values = {"title": title, "artists": lines("artists"), "isrc": isrc.upper()}
    elif part == "tags":
        wanted = lines("tags")
        values = {
            "add_tags": [one for one in wanted if one not in before.tags],
            "remove_tags": [one for one in before.tags if one not in wanted],
        }
    else:
        values = {"exclude": lines("excluded")}
    try:
        return RecordingChange.model_validate(values)
    except ValidationError as error:
        raise ParameterError("; ".join(f"{one['loc'][0]}: {one['msg']}" for one in error.errors())[:2_000]) from error


def _owners(visitor: Visitor, found: Recording) -> tuple[str, list[_Owner] | None]:
    """Return who owns a recording and the works in it today, as the rights say, and their key there.

    The key is "", and the owners are None, if the rights do not have it.
    """
    if not visitor.server.folder.organisation(visitor.organisation).has_rights():
        return "", None
    with visitor.caller.rights.reading() as connection:
        rights = load_rights(connection, index_ids=[found.id], isrcs=[found.isrc] if found.isrc else [])
    known = rights.by_index_id.get(found.id) or rights.by_isrc.get(found.isrc, ())
    if not known:
        return "", None
    works = {work for one in known for work in rights.works_of(one)}
    shares = [share for one in known for share in rights.master_shares.get(one, ())]
    shares += [share for work in sorted(works) for share in rights.work_shares.get(work, ())]
    names, day = {one: party.name for one, party in rights.parties.items()}, today()
    return known[0], [
        _Owner(
            share.subject_id, share.right, names.get(share.party_id, share.party_id) or "nobody on file",
            format_percent(share.millionths), shortened(str(share.territories), 80),
        )
        for share in shares
        if (share.valid_from is None or share.valid_from <= day) and (share.valid_to is None or day <= share.valid_to)
    ]  # fmt: skip


def _query(recording_id: str) -> str:
    return urlencode({"id": recording_id})


def _link(recording_id: str) -> str:
    return f"/console/recording?{_query(recording_id)}"
