"""The forms that submit audio: a track to be scanned or checked, a recording for the catalogue.

A script of the page sends each file as the body of a request to the API, which streams it, with its limits, and with an
idempotency key: a file that is sent again after a broken connection is one job.
"""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from sourceprint.service.access.grants import CatalogueGrant, list_grants
from sourceprint.service.access.organisations import organisation_name
from sourceprint.service.console.audio.job_lines import SCOPES
from sourceprint.service.console.pages import page
from sourceprint.service.console.visitors import ConsoleRoute, Visitor, as_role
from sourceprint.service.line.jobs import CHECK, SCAN
from sourceprint.service.people.roles import Role
from sourceprint.service.web.problems import Refused
from sourceprint.service.web.recordings import find_own_recording
from sourceprint.signatures import private_keys

__all__ = ["router"]

router = APIRouter(prefix="/console", include_in_schema=False, route_class=ConsoleRoute)

_Worker = Annotated[Visitor, as_role(Role.REVIEWER, Role.LICENSEE)]
_Writer = Annotated[Visitor, as_role(Role.CATALOGUER)]


@router.get("/scans/new")
def show_track_form(visitor: _Worker, kind: Annotated[str, Query(max_length=10)] = "") -> HTMLResponse:
    """Show the form that submits tracks to be scanned or checked."""
    kinds = [one for one in (SCAN, CHECK) if visitor.may(SCOPES[one])]
    wanted = kind or kinds[0]
    if wanted not in kinds:
        raise Refused(404, "not found", f"kind {kind!r:.20}: there are {' and '.join(kinds)}")
    own, now = visitor.server.folder.organisation(visitor.organisation), visitor.server.database.now()
    grants: list[tuple[CatalogueGrant, str]] = []
    if wanted == CHECK:
        with visitor.server.database.reading() as connection:
            given = list_grants(connection, visitor.organisation)
            held = [one for one in given if one.holder_id == visitor.organisation and not one.fault(now)]
            grants = [(one, organisation_name(connection, one.owner_id)) for one in held]
    return page(
        "scan_new.html", visitor.sign_in, here="scans", kinds=kinds, kind=wanted, grants=grants,
        needs_grant=visitor.caller.sees_own_alone, policies=sorted(one.stem for one in own.policies.glob("*.toml")),
        may_sign=next(private_keys(own.keys), None) is not None, most_mb=visitor.server.settings.upload_mb,
        keeps=visitor.server.settings.keep_audio,
    )  # fmt: skip


@router.get("/recordings/new")
def show_recording_form(visitor: _Writer, replace: Annotated[str, Query(max_length=512)] = "") -> HTMLResponse:
    """Show the form that adds a recording, or gives one that is there other audio."""
    return page(
        "recording_new.html", visitor.sign_in, here="recordings", most_mb=visitor.server.settings.upload_mb,
        keeps=visitor.server.settings.keep_audio,
        replaced=find_own_recording(visitor.caller, replace) if replace else None,
    )  # fmt: skip
