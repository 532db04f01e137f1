"""Run the service: `serve` answers and works, `worker` only works."""

import os
from pathlib import Path

import click

from sourceprint.commands.service.options import (
    data_option,
    database_option,
    open_server,
    origin_option,
    service_settings,
)
from sourceprint.commands.terminal import quiet_option

__all__ = ["serve", "worker"]

readable_option = click.option(
    "--readable", metavar="PLACE", multiple=True,
    help="Folder, or s3://BUCKET/PREFIX, of which scans may name files; may be repeated.",
)  # fmt: skip


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
@origin_option
@quiet_option
def serve(
    data: Path | None, database: str | None, host: str, port: int, workers: int | None, readable: tuple[str, ...],
    origin: str | None, quiet: bool,
) -> None:  # fmt: skip
    """Run the service: its HTTP API and its workers.

    The first start makes the data folder and one organisation. It prints a key with all scopes, and the one-time link
    with which the first admin makes a passkey: each once, on stdout. On stderr is the log, as JSON Lines. The API is
    described at /openapi.json; people sign in at /console. Other machines reach it through a proxy that speaks TLS,
    whose address is the --origin. Ctrl-C or SIGTERM ends it once the jobs in hand are done.

    Example: sourceprint serve --port 8080
    """
    from sourceprint.service.serving import serve as run

    server = open_server(service_settings(data, database, readable, origin))
    first = server.first_key()
    if first is not None:
        click.echo(first[0])
        click.echo("the line above is the first key, with all scopes; keep it now, it is not shown again")

    def started() -> None:
        if first is not None:
            click.echo(f"the first admin makes a passkey here, once, within a day: {server.link(first[1])}")

    n_workers = _processors() if workers is None else workers
    run(server, host=host, port=port, workers=n_workers, started=started, quiet=quiet)


@click.command()
@data_option
@database_option
@click.option(
    "--workers", metavar="N", type=click.IntRange(min=1), help="Worker processes  [default: one per processor]"
)
@quiet_option
def worker(data: Path | None, database: str | None, workers: int | None, quiet: bool) -> None:
    """Run workers of a service, here or elsewhere.

    They need the same data folder and the same database, also on another machine. Ctrl-C or SIGTERM ends them once the
    jobs in hand are done.

    Example: sourceprint worker --workers 4
    """
    from sourceprint.service.serving import work_until_stopped

    settings, n_workers = service_settings(data, database, ()), _processors() if workers is None else workers
    work_until_stopped(settings, n_workers, quiet=quiet)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
