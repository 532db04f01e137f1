"""The service: `serve` and `worker` run it, `admin` says who may use it."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fingerprint.errors import ParameterError
from sourceprint.commands.terminal import PATH, json_option, note, print_json, quiet_option

if TYPE_CHECKING:
    from sourceprint.service.access.api_keys import ApiKey
    from sourceprint.service.server import Server
    from sourceprint.service.settings import Settings

__all__ = ["admin", "serve", "worker"]

_ACTOR = "command:admin"

data_option = click.option(
    "--data", metavar="DIR", envvar="SOURCEPRINT_DATA", type=PATH,
    help="The data folder  [default: $SOURCEPRINT_DATA, else one per user]",
)  # fmt: skip
database_option = click.option(
    "--database", metavar="URL", envvar="SOURCEPRINT_DATABASE",
    help="postgresql://user@host/database, for several machines  [default: a file in the data folder]",
)  # fmt: skip
readable_option = click.option(
    "--readable", metavar="DIR", multiple=True, type=PATH,
    help="Folder from which scans may name files; may be repeated.",
)  # fmt: skip
organisation_option = click.option(
    "--organisation", metavar="ID", default="main", show_default=True, help="Whose it is."
)


@click.command()
@data_option
@database_option
@click.option("--host", metavar="HOST", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", metavar="PORT", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Its port."
)
@click.option(
    "--workers", metavar="N", type=click.IntRange(min=0),
    help="Worker processes; 0 where others work off the line  [default: one per processor]",
)  # fmt: skip
@readable_option
@quiet_option
def serve(
    data: Path | None, database: str | None, host: str, port: int, workers: int | None, readable: tuple[Path, ...],
    quiet: bool,
) -> None:  # fmt: skip
    """Run the service: its HTTP API and its workers.

    The first start makes the data folder and one organisation, and prints a key with all scopes, once. The API is
    described at /openapi.json. Other machines reach it through a proxy that speaks TLS. Ctrl-C or SIGTERM ends it
    once the jobs in hand are done.

    Example: sourceprint serve --port 8080
    """
    from sourceprint.service.serving import serve as run

    server = _server(_settings(data, database, readable))
    key = server.first_key()
    if key is not None:
        click.echo(key)
        note("this is the first key, with all scopes; keep it now, it is not shown again")

    def started() -> None:
        if not quiet:
            note(f"the API answers at http://{host}:{port}; its data is in {server.folder.root}")

    run(server, host=host, port=port, workers=_processors() if workers is None else workers, started=started)


@click.command()
@data_option
@database_option
@click.option(
    "--workers", metavar="N", type=click.IntRange(min=1), help="Worker processes  [default: one per processor]"
)
@quiet_option
def worker(data: Path | None, database: str | None, workers: int | None, quiet: bool) -> None:
    """Run workers of a service beside its server, or on another machine.

    They need the same data folder and the same database. Ctrl-C or SIGTERM ends them once the jobs in hand are done.

    Example: sourceprint worker --workers 4
    """
    from sourceprint.service.serving import work_until_stopped

    settings, n_workers = _settings(data, database, ()), _processors() if workers is None else workers
    if not quiet:
        note(f"{n_workers} workers of {settings.data}")
    work_until_stopped(settings, n_workers)


@click.group()
def admin() -> None:
    """Manage organisations and keys of a service.

    Example: sourceprint admin keys create --name pipeline --scope scan --scope check
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

    server = _server(_settings(data, database, ()))
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

    server = _server(_settings(data, database, ()))
    with server.database.writing() as connection:
        close_organisation(connection, organisation, at=server.database.now(), actor=_ACTOR)
    note(f"{organisation}: closed")


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

    with _server(_settings(data, database, ())).database.reading() as connection:
        found = list_organisations(connection)
    if as_json:
        print_json([asdict(one) for one in found], lines=False)
    else:
        rows = [(one.id, one.name, one.created_at, one.closed_at or "") for one in found]
        click.echo(table([("id", "name", "since", "closed"), *rows]))


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

    Example: sourceprint admin keys create --name pipeline --scope scan --scope check --days 90
    """
    from sourceprint.service.access.api_keys import issue_key

    server = _server(_settings(data, database, ()))
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

    server = _server(_settings(data, database, ()))
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

    server = _server(_settings(data, database, ()))
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

    with _server(_settings(data, database, ())).database.reading() as connection:
        found = list_keys(connection, organisation)
    if as_json:
        print_json([_key_json(key) for key in found], lines=False)
    else:
        rows = [(key.id, key.name, " ".join(key.scopes), key.expires_at or "", key.revoked_at or "") for key in found]
        click.echo(table([("id", "name", "scopes", "expires", "revoked"), *rows]))


def _key_json(key: "ApiKey") -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(key) | {"scopes": [str(scope) for scope in key.scopes]}


def _settings(data: Path | None, database: str | None, readable: tuple[Path, ...]) -> "Settings":
    from sourceprint.service.settings import settings_of

    for folder in readable:
        if not folder.is_dir():
            raise ParameterError(f"--readable {folder}: is no folder")
    return settings_of(data=data, database=database, readable=readable)


def _server(settings: "Settings") -> "Server":
    from sourceprint.service.server import Server

    return Server.open(settings)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
