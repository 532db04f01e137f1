"""A copy of a whole service: `backup` makes one while it runs, `restore` makes a service of one."""

from pathlib import Path

import click

from fingerprint.errors import EvidenceError, printable
from sourceprint.commands.service.options import data_option, database_option, service_settings
from sourceprint.commands.terminal import PATH, note, quiet_option
from sourceprint.text.tables import counted

__all__ = ["backup", "restore"]


@click.command()
@click.argument("destination", metavar="DESTINATION", type=PATH)
@data_option
@database_option
@click.option("--uploads", is_flag=True, help="Copy the audio of waiting jobs as well.")
@quiet_option
def backup(destination: Path, data: Path | None, database: str | None, uploads: bool, quiet: bool) -> None:
    """Copy a whole service while it runs.

    DESTINATION is a new folder: databases, indexes, policies, statements, keys and the log, each with its SHA-256 in
    backup.json. It holds private keys and unreleased titles: keep it where only you can read it. Prints the SHA-256 of
    backup.json, which stands for all of it.

    Example: sourceprint backup /mnt/backups/2026-12-02
    """
    from fingerprint.digests import hash_file
    from sourceprint.service.backup.copies import make_backup
    from sourceprint.service.data_folder import MANIFEST_NAME, DataFolder

    settings = service_settings(data, database, ())
    manifest = make_backup(DataFolder.of(settings), destination, with_uploads=uploads)
    click.echo(f"{hash_file(destination / MANIFEST_NAME).sha256}  {printable(destination / MANIFEST_NAME)}")
    if not quiet:
        n_entries = 0 if manifest.log is None else manifest.log.size
        told = f"{counted(len(manifest.organisations), 'organisation')}, {counted(len(manifest.files), 'file')}"
        note(f"{told}, the log up to {counted(n_entries, 'entry')}")


@click.command()
@click.argument("source", metavar="BACKUP", type=PATH)
@data_option
@database_option
@click.option(
    "--checkpoint", "older", metavar="FILE", type=PATH,
    help="The newest checkpoint of the log that was kept elsewhere: names the entries that are lost.",
)  # fmt: skip
@click.option(
    "--continue-log", is_flag=True, help="Keep the name of the log: only if nothing was logged after the backup."
)
@quiet_option
def restore(
    source: Path, data: Path | None, database: str | None, older: Path | None, continue_log: bool, quiet: bool
) -> None:
    """Make a service of a backup.

    The data folder must be new or empty, and so must the database on a server. Every file is compared with its SHA-256
    first; until all is done, the folder is no service. The log gets a new name, and an entry names the old one: entries
    after the backup are lost, and no checkpoint of the old name may follow. Keys of the API that were revoked after the
    backup are valid again: revoke them.

    Example: sourceprint restore /mnt/backups/2026-12-02 --data new
    """
    from fingerprint.disk import read_small
    from sourceprint.service.backup.restored import restore_backup
    from sourceprint.service.data_folder import DataFolder
    from sourceprint.transparency import MOST_CHECKPOINT_BYTES

    kept = None
    if older is not None:
        too_large = f"larger than {MOST_CHECKPOINT_BYTES} bytes, so no checkpoint; give the file that was kept"
        kept = read_small(older, EvidenceError, most=MOST_CHECKPOINT_BYTES, too_large=too_large)
    folder = DataFolder.of(service_settings(data, database, ()))
    done = restore_backup(source, folder, continue_log=continue_log, kept=kept)
    if quiet:
        return
    note(f"{printable(folder.root)}: the service as of {done.manifest.made_at}")
    if done.lost is not None:
        note(
            f"entries {done.lost[0]} to {done.lost[1] - 1} of the log are lost: the checkpoint kept elsewhere has them"
        )
    if done.origin:
        note(f"the log is called {done.origin} from now on" if not continue_log else f"the log {done.origin} goes on")
    if done.n_failed:
        note(f"{counted(done.n_failed, 'waiting job')} failed: the audio was not in the backup")
    note("keys of the API that were revoked after the backup are valid again: revoke them")
