"""Who may use a service: its organisations, their people, and the keys of the API."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sourceprint.commands.service.options import (
    data_option,
    database_option,
    open_server,
    origin_option,
    service_settings,
)
from sourceprint.commands.terminal import json_option, note, print_json

if TYPE_CHECKING:
    from sourceprint.service.access.api_keys import ApiKey

__all__ = ["admin"]

_ACTOR = "command:admin"

organisation_option = click.option(
    "--organisation", metavar="ID", default="main", show_default=True, help="Whose it is."
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
    from sourceprint.service.people.invitations import LINK_HOURS, invite
    from sourceprint.service.people.persons import add_person

    server = open_server(service_settings(data, database, (), origin))
    with server.database.writing() as connection:
        added = add_person(connection, organisation, name, roles, at=server.database.now(), actor=_ACTOR)
        token = invite(connection, added, now=server.database.clock(), actor=_ACTOR)
    click.echo(server.link(token))
    note(f"{added.actor}: the link works once, within {LINK_HOURS} hours; hand it over where you know who is there")


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
    from sourceprint.service.people.invitations import LINK_HOURS, invite
    from sourceprint.service.people.persons import find_person

    server = open_server(service_settings(data, database, (), origin))
    with server.database.writing() as connection:
        guest = find_person(connection, organisation, person_id.removeprefix("person:"))
        token = invite(connection, guest, now=server.database.clock(), actor=_ACTOR)
    click.echo(server.link(token))
    note(f"{guest.actor}: the link works once, within {LINK_HOURS} hours; hand it over where you know who is there")


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
@organisation_option
@data_option
@database_option
@json_option
def list_people_(organisation: str, data: Path | None, database: str | None, as_json: bool) -> None:
    """List the people of an organisation.

    Example: sourceprint admin people list --organisation tone
    """
    from dataclasses import asdict

    from sourceprint.service.people.persons import list_persons
    from sourceprint.text.tables import table

    with open_server(service_settings(data, database, ())).database.reading() as connection:
        found = list_persons(connection, organisation)
    if as_json:
        print_json([asdict(one) | {"roles": list(map(str, one.roles))} for one in found], lines=False)
    else:
        rows = [(one.id, one.name, " ".join(one.roles), one.created_at) for one in found]
        click.echo(table([("id", "name", "roles", "since"), *rows]))


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
    note(f"key {made.id} follows key {key_id}, which holds for {hours:g} h more")


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
    note(f"key {key_id}: revoked")


@keys.command("list")
@organisation_option
@data_option
@database_option
@json_option
def list_keys_(organisation: str, data: Path | None, database: str | None, as_json: bool) -> None:
    """List the keys of an organisation, without their secrets.

    Example: sourceprint admin keys list --organisation tone
    """
    from sourceprint.service.access.api_keys import list_keys
    from sourceprint.text.tables import table

    with open_server(service_settings(data, database, ())).database.reading() as connection:
        found = list_keys(connection, organisation)
    if as_json:
        print_json([_key_json(key) for key in found], lines=False)
    else:
        rows = [(key.id, key.name, " ".join(key.scopes), key.expires_at or "", key.revoked_at or "") for key in found]
        click.echo(table([("id", "name", "scopes", "expires", "revoked"), *rows]))


def _key_json(key: "ApiKey") -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(key) | {"scopes": [str(scope) for scope in key.scopes]}
