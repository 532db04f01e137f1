"""The index folder as a whole: `verify`, which checks signed cases too, `compact`, `export` and `import`."""

from datetime import datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from fingerprint.errors import IndexDamagedError, printable
from sourceprint.commands.evidence import verify_case
from sourceprint.commands.progress import progress
from sourceprint.commands.terminal import (
    EXIT_INDEX,
    PATH,
    complain,
    index_option,
    index_place,
    json_option,
    keys_option,
    keys_place,
    print_json,
    quiet_option,
    today,
    use_one_thread,
)
from sourceprint.text.tables import counted

if TYPE_CHECKING:
    from index.folder.transfer import Archive
    from index.storage.recordings import Recording

__all__ = ["compact", "export", "import_", "verify"]


@click.command()
@click.argument("case", metavar="[CASE]", required=False, type=PATH)
@index_option
@click.option("--repair", is_flag=True, help="Rewrite damaged files, as far as the rest proves them.")
@click.option(
    "--list", "listed", metavar="FILE", type=PATH,
    help="List of lost recordings, for add  [default with --repair: lost-NUMBER.csv in the folder of the index]",
)  # fmt: skip
@click.option(
    "--key", "keys", metavar="FILE", multiple=True, type=PATH,
    help="With CASE: public key (.pub) of the expected signer, or its fingerprint; may be repeated.",
)  # fmt: skip
@click.option("--any-key", is_flag=True, help="With CASE: let it be signed by anybody.")
@click.option(
    "--log", "log_folder", metavar="DIR", type=PATH,
    help="With CASE: the log of whose checkpoint it holds a copy; both must agree.",
)  # fmt: skip
@click.option(
    "--log-key", "log_keys", metavar="FILE", multiple=True, type=PATH,
    help="With CASE: public key (.pub) of that log, which must have signed its checkpoint; again for each it has had.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="With CASE: print the verdict as one JSON document.")
def verify(
    case: Path | None,
    index: Path | None,
    repair: bool,
    listed: Path | None,
    keys: tuple[Path, ...],
    any_key: bool,
    log_folder: Path | None,
    log_keys: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Check every file of the index, or a case that was signed.

    The files of the index are compared with their checksums, and their contents with the rules of their format. Prints
    the damaged files, and the recordings lost with them. --repair keeps all others: it rewrites files that follow from
    sound ones, and writes a list of recordings to add again. For a case, as evidence makes it, the figures are computed
    again from its own data, without index or audio: prints the checks, the signer, and the limits of the proof. It is
    verified only against a key that you vouch for: anybody can make a key.

    Example: sourceprint verify case.zip --key tone-records.pub
    """
    if case is not None:
        if repair or click.get_current_context().get_parameter_source("index") is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{'--repair' if repair else '--index'}: is for an index; leave it out for a case")
        use_one_thread()
        if keys and any_key:
            raise click.UsageError("--key, --any-key: --any-key accepts every key; give one of them")
        verify_case(case, keys, any_key=any_key, log_folder=log_folder, log_keys=log_keys, as_json=as_json)
        return
    of_cases = (("--key", keys), ("--any-key", any_key), ("--log", log_folder), ("--log-key", log_keys))
    for name, given in (*of_cases, ("--json", as_json)):
        if given:
            raise click.UsageError(f"{name} goes with a case")
    _verify_index(index_place(index), repair=repair, listed=listed)


def _verify_index(place: Path, *, repair: bool, listed: Path | None) -> None:
    from index.folder.index import Index
    from index.folder.repair import readable_recordings, repair_index
    from index.folder.verification import verify_index
    from index.storage.manifest import layer_specs

    try:
        if repair:
            problems = repair_index(place)
        else:
            with progress(None, False, unit="B", unit_scale=True) as tell:
                problems = verify_index(place, progress=tell.step)
    except IndexDamagedError as error:
        complain(str(error))
        if repair and (readable := readable_recordings(place)):
            listed = _write_lost(place, listed, readable)
            complain(
                f"the index cannot be repaired; the {counted(len(readable), 'recording')} that can still be read stand "
                f"in {listed}: add that list to a new index, without those that had been removed"
            )
        click.get_current_context().exit(EXIT_INDEX)
    for problem in problems:
        ids = ", ".join(printable(recording_id) for recording_id in problem.recordings)
        what = f"it costs {counted(problem.n_recordings, 'recording')}: {ids or 'their names cannot be read'}"
        if not problem.n_recordings and problem.path.name.startswith("hubs-"):
            what = "no recording is affected; the next add or remove computes it again once it is removed"
        elif not problem.n_recordings:
            what = "it costs no recording, and is made anew by --repair"
        click.echo(f"{printable(problem.path)}: {problem.what}; {what}")
    lost = list({recording.id: recording for problem in problems for recording in problem.lost}.values())
    n_lost = sum({problem.part: problem.n_recordings for problem in problems}.values())
    if n_lost and (repair or listed is not None):
        listed = _write_lost(place, listed, lost)
    if not problems:
        click.echo("all files are as they were written", err=True)
        Index.open(place, layer_specs())  # sound, but this program may use other parameters
    elif repair:
        rest = f"{counted(n_lost, 'recording')} {'is' if n_lost == 1 else 'are'} lost, and"
        rest += f" stand{'s' if n_lost == 1 else ''} in {listed}: add that list again"
        click.echo(f"repaired; {printable(rest) if n_lost else 'no recording is lost'}", err=True)
    else:
        complain("the index is damaged; verify --repair keeps all that is sound, and lists what to add again")
        click.get_current_context().exit(EXIT_INDEX)


def _write_lost(place: Path, listed: Path | None, recordings: "list[Recording]") -> Path:
    from index.storage.durable import publish
    from sourceprint.catalogue.lost import lost_list
    from sourceprint.outputs import writing

    if listed is None:
        numbers = (place / f"lost-{number:03d}.csv" for number in count(1))
        listed = next(path for path in numbers if not path.exists())
    with writing(listed):
        publish(listed, lost_list(recordings))
    return listed


@click.command()
@index_option
@quiet_option
def compact(index: Path | None, quiet: bool) -> None:
    """Rewrite the index without removed recordings.

    It becomes one segment, with lists that suit its size, and needs as much room again meanwhile. Readers may go on;
    files that they have open are deleted with the next change after they have finished. An index of format version 2
    becomes one of version 3, if its descriptors are still there.

    Example: sourceprint compact
    """
    use_one_thread()
    from index.folder.index import Index
    from sourceprint.text.index_text import compaction_text

    opened = Index.open(index_place(index))
    with opened.writer(converting=True) as writer:
        before = opened.info()
        writer.compact()
    if not quiet:
        click.echo(compaction_text(before, opened.info()), err=True)


@click.command()
@click.argument("file", metavar="FILE", type=PATH)
@index_option
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@click.option("--blind", is_flag=True, help="Only the data for matching: tokens for ids; no titles, names or codes.")
@click.option("--licensee", metavar="NAME", help="With --blind: name of the licensee.")
@click.option("--licensee-key", metavar="FILE", type=PATH, help="With --blind: their public key (.pub).")
@click.option(
    "--expires",
    metavar="DATE",
    type=click.DateTime(["%Y-%m-%d"]),
    help="With --blind: the last day of use, YYYY-MM-DD, UTC.",
)
@click.option(
    "--sign-with", metavar="FILE", type=PATH,
    help="With --blind: your private key (.pem)  [default: the only one in your folder of keys]",
)  # fmt: skip
@keys_option
@json_option
@quiet_option
def export(
    file: Path,
    index: Path | None,
    force: bool,
    blind: bool,
    licensee: str | None,
    licensee_key: Path | None,
    expires: datetime | None,
    sign_with: Path | None,
    folder: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write the whole index as one file.

    Every checksum is compared on the way. The same state gives the same file, byte for byte. Prints the SHA-256 of the
    file and the digest of the index.

    With --blind, it is signed, and a licensee can match against it until it expires without seeing the catalogue;
    reveal resolves the tokens in their results. It takes your key and your secret, which keys create and keys secret
    make once. docs/blind-index.md lists the facts that they can still learn.

    Example: sourceprint export catalogue.tar
    """
    needed = {"--licensee": licensee, "--licensee-key": licensee_key, "--expires": expires}
    if licensee is None or licensee_key is None or expires is None or not blind:
        given = [name for name, value in {**needed, "--sign-with": sign_with}.items() if value is not None]
        if blind or given:
            missing = ", ".join(name for name, value in needed.items() if value is None)
            raise click.UsageError(f"--blind needs {missing} too" if blind else f"{given[0]} goes with --blind")
        from index.folder.transfer import export_index

        with progress(None, quiet, unit="B", unit_scale=True) as tell:
            _print_archive(export_index(index_place(index), file, force=force, progress=tell.step), as_json=as_json)
        return
    use_one_thread()
    from sourceprint.blind.blind_export import export_blind
    from sourceprint.blind.blind_import import grant_facts
    from sourceprint.blind.grants import Terms
    from sourceprint.blind.tokens import load_secret
    from sourceprint.signatures import load_private, load_public, only_private

    keys = keys_place(folder)
    issuer = load_private(only_private(keys) if sign_with is None else sign_with)
    terms = Terms(licensee, load_public(licensee_key), today(), expires.date())
    place, secret = index_place(index), load_secret(keys)
    with progress(None, quiet, unit="B", unit_scale=True) as tell:
        archive, grant = export_blind(
            place, file, terms=terms, issuer=issuer, secret=secret, force=force, progress=tell.step
        )
    _print_archive(archive, as_json=as_json, grant=grant_facts(grant))


@click.command("import")
@click.argument("file", metavar="FILE", type=PATH)
@index_option
@click.option(
    "--from", "issuer", metavar="FILE", type=PATH,
    help="Of a blind index: the public key (.pub) of its issuer.",
)  # fmt: skip
@keys_option
@json_option
@quiet_option
def import_(
    file: Path, index: Path | None, issuer: Path | None, folder: Path | None, as_json: bool, quiet: bool
) -> None:
    """Make an index from a file that export wrote.

    The folder must be new or empty. Everything is verified before the index appears; an interrupted run leaves no
    index. Prints the same as export.

    A blind index needs --from, and your private key in the folder of keys, now and whenever it is searched.

    Example: sourceprint import catalogue.tar --index copy
    """
    place = index_place(index)
    with progress(None, quiet, unit="B", unit_scale=True) as tell:
        if issuer is None:
            from index.folder.transfer import import_index

            archive = import_index(file, place, progress=tell.step)
        else:
            from sourceprint.blind.blind_import import import_blind
            from sourceprint.signatures import load_public

            trusted, keys = load_public(issuer), keys_place(folder)
            archive = import_blind(file, place, issuer=trusted, keys=keys, today=today(), progress=tell.step)
    _print_archive(archive, as_json=as_json)


def _print_archive(archive: "Archive", *, as_json: bool, grant: dict[str, Any] | None = None) -> None:
    from index.folder.transfer import archive_to_json
    from sourceprint.text.index_text import archive_text, grant_text

    facts = archive_to_json(archive)
    if as_json:
        print_json(facts if grant is None else {**facts, "grant": grant}, lines=False)
    else:
        click.echo(archive_text(facts))
        if grant is not None:
            click.echo(grant_text(grant))
