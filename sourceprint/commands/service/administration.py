"""Who may use a service: its organisations, their people, and the keys of the API."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fingerprint.errors import ParameterError, printable
from sourceprint.commands.service.options import (
    data_option,
    database_option,
    open_server,
    origin_option,
    service_settings,
)
from sourceprint.commands.terminal import json_option, note, print_json

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from sourceprint.service.access.api_keys import ApiKey
    from sourceprint.service.people.persons import ServicePerson
    from sourceprint.service.server import Server

__all__ = ["admin"]

_ACTOR = "command:admin"

organisation_option = click.option(
    "--organisation", metavar="ID", default="main", show_default=True, help="Whose it is."
)
one_organisation_option = click.option(
    "--organisation", metavar="ID", help="Only of this organisation  [default: of all]"
)


@click.group()
def admin() -> None:
    """Manage organisations, people, keys and the log of a service.

    Example: sourceprint admin keys list
    """


@admin.group("organisations")
def organisations() -> None:
    """Add, close and list organisations.

    Example: sourceprint admin organisations list
    """


@organisations.command("add")
@click.argument("organisation", metavar="ID")
@click.option("--name", metavar="NAME", required=True, help="For people.")
@data_option
@database_option
def add(organisation: str, name: str, data: Path | None, database: str | None) -> None:
    """Add an organisation.

    Example: sourceprint admin organisations add tone --name "Tone Records"
    """
    from sourceprint.service.access.organisations import add_organisation

    server = open_server(service_settings(data, database, ()))
    with server.database.writing() as connection:
        add_organisation(connection, organisation, name, at=server.database.now(), actor=_ACTOR)
    note(f"{organisation}: added; make its first key with `sourceprint admin keys create`")


@organisations.command("close")
@click.argument("organisation", metavar="ID")
@data_option
@database_option
def close(organisation: str, data: Path | None, database: str | None) -> None:
    """Refuse all keys of an organisation; its data stays.

    Example: sourceprint admin organisations close tone
    """
    from sourceprint.service.access.organisations import close_organisation

    server = open_server(service_settings(data, database, ()))
    with server.database.writing() as connection:
        close_organisation(connection, organisation, at=server.database.now(), actor=_ACTOR)
    note(f"{organisation}: closed")


@organisations.command("two-people")
@click.argument("organisation", metavar="ID")
@click.argument("kinds", metavar="[KIND]...", nargs=-1)
@data_option
@database_option
def two_people(organisation: str, kinds: tuple[str, ...], data: Path | None, database: str | None) -> None:
    """Set what needs two people: statement, licence, grant.

    One person or key proposes such a request, another person approves it at /console/approvals. Without a KIND, nothing
    needs two people, as at the start.

    Example: sourceprint admin organisations two-people tone statement licence grant
    """
    from sourceprint.service.people.approvals import require_two

    server = open_server(service_settings(data, database, ()))
    with server.database.writing() as connection:
        require_two(connection, organisation, kinds, at=server.database.now(), actor=_ACTOR)
    note(f"{organisation}: needs two people for {', '.join(kinds) or 'nothing'}")


@organisations.command("list")
@data_option
@database_option
@json_option
def list_organisations_(data: Path | None, database: str | None, as_json: bool) -> None:
    """List the organisations.

    Example: sourceprint admin organisations list --json
    """
    from dataclasses import asdict

    from sourceprint.service.access.organisations import list_organisations
    from sourceprint.text.tables import table

    with open_server(service_settings(data, database, ())).database.reading() as connection:
        found = list_organisations(connection)
    if as_json:
        print_json([asdict(one) for one in found], lines=False)
    else:
        rows = [(one.id, one.name, one.created_at, one.closed_at or "") for one in found]
        click.echo(table([("id", "name", "since", "closed"), *rows]))


@admin.group("people")
def people() -> None:
    """Add, remove and list people, and make one-time links.

    Example: sourceprint admin people list
    """


@people.command("add")
@organisation_option
@click.option("--name", metavar="NAME", required=True, help="As colleagues see it.")
@click.option(
    "--role", "roles", metavar="ROLE", multiple=True, required=True, help="May be repeated: admin, reviewer..."
)
@data_option
@database_option
@origin_option
def add_person_(
    organisation: str, name: str, roles: tuple[str, ...], data: Path | None, database: str | None, origin: str | None
) -> None:
    """Add a person and print the one-time link that makes the first passkey.

    Roles: admin, cataloguer, reviewer, accountant, auditor, licensee.

    Example: sourceprint admin people add --name Ada --role admin --role reviewer
    """
    from sourceprint.service.people.invitations import invite
    from sourceprint.service.people.persons import add_person

    server = open_server(service_settings(data, database, (), origin))
    with server.database.writing() as connection:
        added = add_person(connection, organisation, name, roles, at=server.database.now(), actor=_ACTOR)
        token = invite(connection, added, now=server.database.clock(), actor=_ACTOR)
    _print_link(server, added, token)


@people.command("link")
@click.argument("person_id", metavar="PERSON")
@organisation_option
@data_option
@database_option
@origin_option
def link(person_id: str, organisation: str, data: Path | None, database: str | None, origin: str | None) -> None:
    """Print a new one-time link for a person who lost all passkeys.

    The passkeys from before end when it is used. Where there is a second admin, that person makes it at /console.

    Example: sourceprint admin people link 0123456789ab
    """
    from sourceprint.service.people.invitations import invite
    from sourceprint.service.people.persons import find_person

    server = open_server(service_settings(data, database, (), origin))
    with server.database.writing() as connection:
        guest = find_person(connection, organisation, person_id.removeprefix("person:"))
        token = invite(connection, guest, now=server.database.clock(), actor=_ACTOR)
    _print_link(server, guest, token)


def _print_link(server: "Server", guest: "ServicePerson", token: str) -> None:
    from sourceprint.service.people.invitations import LINK_HOURS

    click.echo(server.link(token))
    note(f"{guest.actor}: the link works once, within {LINK_HOURS} hours; hand it over where you know who is there")
    if not server.is_origin_known:
        note(f"{server.origin.text} is assumed, as no server was started here yet; name another address with --origin")
    elif not server.settings.origin:
        note(f"{server.origin.text} is where the server was started last; name another address with --origin")


@people.command("remove")
@click.argument("person_id", metavar="PERSON")
@organisation_option
@data_option
@database_option
def remove_person_(person_id: str, organisation: str, data: Path | None, database: str | None) -> None:
    """Refuse every sign-in of a person from here on.

    Example: sourceprint admin people remove 0123456789ab
    """
    from sourceprint.service.people.persons import remove_person

    server, found = open_server(service_settings(data, database, ())), person_id.removeprefix("person:")
    with server.database.writing() as connection:
        remove_person(connection, organisation, found, at=server.database.now(), actor=_ACTOR)
    note(f"person:{found}: removed")


@people.command("list")
@one_organisation_option
@data_option
@database_option
@json_option
def list_people_(organisation: str | None, data: Path | None, database: str | None, as_json: bool) -> None:
    """List the people of all organisations, or of one.

    Example: sourceprint admin people list --organisation tone
    """
    from dataclasses import asdict

    from sourceprint.service.people.persons import list_persons
    from sourceprint.text.tables import table

    with open_server(service_settings(data, database, ())).database.reading() as connection:
        found = [person for one in _organisations(connection, organisation) for person in list_persons(connection, one)]
    if as_json:
        print_json([asdict(one) | {"roles": list(map(str, one.roles))} for one in found], lines=False)
    else:
        rows = [(one.organisation_id, one.id, one.name, " ".join(one.roles), one.created_at) for one in found]
        click.echo(table([("organisation", "id", "name", "roles", "since"), *rows]))


@people.command("sign-ins")
@one_organisation_option
@data_option
@database_option
@json_option
def list_sign_ins_(organisation: str | None, data: Path | None, database: str | None, as_json: bool) -> None:
    """List the sign-ins that hold: who, with which passkey, since when.

    Example: sourceprint admin people sign-ins --organisation tone
    """
    from dataclasses import asdict

    from sourceprint.service.people.sign_ins import list_sign_ins
    from sourceprint.text.tables import table

    database_ = open_server(service_settings(data, database, ())).database
    with database_.reading() as connection:
        found = [
            held
            for one in _organisations(connection, organisation)
            for held in list_sign_ins(connection, one, now=database_.clock())
        ]
    if as_json:
        print_json([asdict(one) for one in found], lines=False)
    else:
        rows = [
            (one.organisation_id, one.person_id, one.name, one.passkey, one.created_at, one.last_used_at)
            for one in found
        ]
        click.echo(table([("organisation", "person", "name", "passkey", "since", "last used"), *rows]))


@people.command("sign-out")
@click.argument("person_id", metavar="PERSON")
@organisation_option
@data_option
@database_option
def sign_out_(person_id: str, organisation: str, data: Path | None, database: str | None) -> None:
    """End all sign-ins of a person, whose passkeys stay.

    Example: sourceprint admin people sign-out 0123456789ab
    """
    from sourceprint.service.people.persons import find_person
    from sourceprint.service.people.sign_ins import sign_out

    server = open_server(service_settings(data, database, ()))
    with server.database.writing() as connection:
        found = find_person(connection, organisation, person_id.removeprefix("person:"))
        sign_out(connection, organisation, found.id, at=server.database.now(), actor=_ACTOR)
    note(f"{found.actor}: signed out everywhere")


@admin.group("log")
def log_() -> None:
    """Manage the log of a service.

    Example: sourceprint admin log rotate-key
    """


@log_.command("rotate-key")
@data_option
@database_option
def rotate_log_key_(data: Path | None, database: str | None) -> None:
    """Give the log a new key and print its public one.

    The change is an entry of the log. The next checkpoint is signed by both keys and kept in key-changes/ of the log.
    Hand the new public key to all who verify the log, beside the former one; then the former private key may be
    deleted. The server may run meanwhile.

    Example: sourceprint admin log rotate-key
    """
    from sourceprint.service.log_feed import LogFeed
    from sourceprint.service.log_keys import rotate_log_key

    server = open_server(service_settings(data, database, ()))
    LogFeed(server.database, server.folder).feed()
    key, path = rotate_log_key(server.database, server.folder, actor=_ACTOR)
    LogFeed(server.database, server.folder).feed()
    click.echo(key.public.text)
    note(f"the log is signed with {path} from now on; the line above is for those who verify it")


@admin.group("keys")
def keys() -> None:
    """Make, rotate, revoke and list keys of the API.

    Example: sourceprint admin keys list
    """


@keys.command("create")
@organisation_option
@click.option("--name", metavar="NAME", required=True, help="For people: who or what uses it.")
@click.option(
    "--scope", "scopes", metavar="SCOPE", multiple=True, required=True, help="May be repeated: scan, check..."
)
@click.option("--days", metavar="N", type=click.IntRange(min=1), help="Days until it expires  [default: never]")
@click.option("--budget", metavar="N", type=click.IntRange(min=1), help="Searches in all  [default: no limit]")
@click.option("--per-minute", metavar="N", type=click.IntRange(min=1), help="Requests in a minute  [default: 600]")
@data_option
@database_option
def create(
    organisation: str, name: str, scopes: tuple[str, ...], days: int | None, budget: int | None,
    per_minute: int | None, data: Path | None, database: str | None,
) -> None:  # fmt: skip
    """Make a key and print it: this once, as only a digest of it is kept.

    Example: sourceprint admin keys create --name ci --scope check
    """
    from sourceprint.service.access.api_keys import issue_key

    server = open_server(service_settings(data, database, ()))
    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    with server.database.writing() as connection:
        made, text = issue_key(
            connection, organisation, name, scopes, at=server.database.now(), actor=_ACTOR,
            expires_at=expires_at, budget=budget, per_minute=per_minute,
        )  # fmt: skip
    click.echo(text)
    note(f"key {made.id} of {organisation}; keep it now, it is not shown again")


@keys.command("rotate")
@click.argument("key_id", metavar="KEY")
@organisation_option
@click.option(
    "--hours", metavar="H", type=float, default=24.0, show_default=True, help="How long the old one holds on."
)
@data_option
@database_option
def rotate(key_id: str, organisation: str, hours: float, data: Path | None, database: str | None) -> None:
    """Make the successor of a key and print it; the old one expires a while later.

    Example: sourceprint admin keys rotate 0123456789ab --hours 48
    """
    from sourceprint.service.access.api_keys import rotate_key

    server = open_server(service_settings(data, database, ()))
    with server.database.writing() as connection:
        made, text = rotate_key(
            connection, organisation, key_id, now=server.database.clock(), overlap=timedelta(hours=hours), actor=_ACTOR
        )
    click.echo(text)
    note(f"key {made.id} of {organisation} follows key {key_id}, which holds for {hours:g} h more")
    if made.budget == 0:
        note("its budget is 0 searches, as that of the key before is spent; make another with `keys create --budget`")


@keys.command("revoke")
@click.argument("key_id", metavar="KEY")
@organisation_option
@data_option
@database_option
def revoke(key_id: str, organisation: str, data: Path | None, database: str | None) -> None:
    """Refuse a key from here on.

    Example: sourceprint admin keys revoke 0123456789ab
    """
    from sourceprint.service.access.api_keys import revoke_key

    server = open_server(service_settings(data, database, ()))
    with server.database.writing() as connection:
        revoke_key(connection, organisation, key_id, at=server.database.now(), actor=_ACTOR)
    note(f"key {key_id} of {organisation}: revoked")


@keys.command("list")
@one_organisation_option
@data_option
@database_option
@json_option
def list_keys_(organisation: str | None, data: Path | None, database: str | None, as_json: bool) -> None:
    """List the keys of all organisations, or of one, without their secrets.

    Example: sourceprint admin keys list --organisation tone
    """
    from sourceprint.service.access.api_keys import list_keys
    from sourceprint.text.tables import table

    with open_server(service_settings(data, database, ())).database.reading() as connection:
        found = [key for one in _organisations(connection, organisation) for key in list_keys(connection, one)]
    if as_json:
        print_json([_key_json(key) for key in found], lines=False)
    else:
        rows = [
            (key.organisation_id, key.id, key.name, " ".join(key.scopes), _searches(key), key.expires_at or "",
             key.revoked_at or "")
            for key in found
        ]  # fmt: skip
        click.echo(table([("organisation", "id", "name", "scopes", "searches", "expires", "revoked"), *rows]))


def _searches(key: "ApiKey") -> str:
    return str(key.searches) if key.budget is None else f"{key.searches} of {key.budget}"


def _organisations(connection: "Connection", wanted: str | None) -> list[str]:
    """Return the ids of all organisations, or the one that is wanted; ParameterError if it is not there."""
    from sourceprint.service.access.organisations import list_organisations

    ids = [one.id for one in list_organisations(connection)]
    if wanted is None:
        return ids
    if wanted not in ids:
        raise ParameterError(f"--organisation {printable(wanted):.60}: is not there; there are {', '.join(ids):.400}")
    return [wanted]


def _key_json(key: "ApiKey") -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(key) | {"scopes": [str(scope) for scope in key.scopes]}
