"""The place of a service: its data folder and database, as all commands about it take them."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fingerprint.errors import ParameterError
from sourceprint.commands.terminal import PATH

if TYPE_CHECKING:
    from sourceprint.service.server import Server
    from sourceprint.service.settings import Settings

__all__ = ["data_option", "database_option", "open_server", "origin_option", "service_settings"]

data_option = click.option(
    "--data", metavar="DIR", envvar="SOURCEPRINT_DATA", type=PATH,
    help="The data folder  [default: $SOURCEPRINT_DATA, else one per user]",
)  # fmt: skip
database_option = click.option(
    "--database", metavar="URL", envvar="SOURCEPRINT_DATABASE",
    help="postgresql://user@host/database, for several machines  [default: a file in the data folder]",
)  # fmt: skip
origin_option = click.option(
    "--origin", metavar="URL", envvar="SOURCEPRINT_ORIGIN",
    help="Address of the console in browsers, as https://console.tone.example  [default: http://localhost:PORT]",
)  # fmt: skip


def service_settings(
    data: Path | None, database: str | None, readable: tuple[str, ...], origin: str | None = None
) -> "Settings":
    """Return the settings of a service; ParameterError if a folder is none."""
    from sourceprint.service.line.objects import checked_prefix, is_object
    from sourceprint.service.settings import settings_of

    folders = tuple(Path(one) for one in readable if not is_object(one))
    for folder in folders:
        if not folder.is_dir():
            raise ParameterError(f"--readable {folder}: is no folder")
    objects = tuple(checked_prefix(one) for one in readable if is_object(one))
    return settings_of(data=data, database=database, readable=folders, objects=objects, origin=origin)


def open_server(settings: "Settings") -> "Server":
    """Open the data folder and database of a service until the command ends; make them where they are missing."""
    from sourceprint.service.server import Server

    server = Server.open(settings)
    click.get_current_context().call_on_close(server.database.close)
    return server
