"""Evidence of one file that others can check: `evidence` signs a case, and `verify` of `commands.upkeep` checks one."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.terminal import PATH, json_option, keys_option, keys_place, note, print_json, quiet_option
from fingerprint.errors import printable

if TYPE_CHECKING:
    from evidence.signing import PrivateKey

__all__ = ["evidence", "verify_case"]


@click.command()
@click.argument("place", metavar="RUN", type=PATH)
@click.argument("file", metavar="FILE")
@click.option("-o", "--output", "target", metavar="CASE", type=PATH, required=True, help="The ZIP file to write.")
@click.option(
    "--sign-with", "key", metavar="FILE", type=PATH,
    help="Your private key (.pem)  [default: the only one in your folder of keys; made if there is none]",
)  # fmt: skip
@keys_option
@click.option(
    "--catalogue", metavar="PATH", multiple=True, type=PATH,
    help="Audio of recordings: a file, folder or list, for their spectrograms on the page; may be repeated.",
)  # fmt: skip
@click.option("--no-page", is_flag=True, help="Leave the page out.")
@click.option("--note", "words", metavar="TEXT", default="", help="Words of yours that are signed with it.")
@click.option(
    "--date",
    "made_on",
    metavar="DATE",
    type=click.DateTime(["%Y-%m-%d"]),
    help="A day to state, YYYY-MM-DD; none by default.",
)
@click.option("--force", is_flag=True, help="Replace CASE if it exists.")
@json_option
@quiet_option
def evidence(
    place: Path,
    file: str,
    target: Path,
    key: Path | None,
    folder: Path | None,
    catalogue: tuple[Path, ...],
    no_page: bool,
    words: str,
    made_on: datetime | None,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Sign what a scan found in one file, for others to check.

    RUN is the folder of a scan, FILE a name in it, its SHA-256, or a part of a name that no other has. The case holds
    result, landmarks, a page to look at, digests and signature; it needs neither the index nor the audio to be
    verified. It does hold the path of the file and what the index says about the recordings. The same run, key, options
    and audio give the same bytes.

    Example: sourceprint evidence RUN track.mp3 -o case.zip
    """
    import hashlib

    from evidence.cases.contents import Remarks
    from evidence.cases.making import choose, make_case, read_trace_file, write_case
    from evidence.runs.folder import Run
    from evidence.version import program_version
    from index.intake import collect

    run = Run.open(place)
    result = choose(run.results(), file)
    remarks = Remarks(None if made_on is None else made_on.date(), words, program_version())
    signer = _signing_key(keys_place(folder), key)
    trace = read_trace_file(run, result)
    page = None
    if not no_page:
        from evidence.pages.report import single_page

        page = single_page(result, run.trace_path(result), catalogue=collect(catalogue, fingerprints=False).items)
    case = make_case(result, trace, signer, remarks, page=page)
    write_case(target, case, replace=force)
    digest = hashlib.sha256(case).hexdigest()
    if as_json:
        facts = {"case": str(target), "sha256": digest, "file": result.name, "signer": signer.public.text}
        print_json({**facts, "signer_id": signer.public.id}, lines=False)
    else:
        click.echo(f"{digest}  {printable(target)}")
    if not quiet:
        note(f"signed by key {signer.public.id} ({signer.public.name}); `sourceprint verify {target}` checks it")


def verify_case(case: Path, keys: tuple[Path, ...], *, as_json: bool) -> None:
    """Print the verdict on a case, for `verify`; a case that does not hold is an error."""
    from evidence.cases.checking import check_case, read_case
    from evidence.cases.verdict import verdict_json, verdict_text
    from evidence.signing import load_public

    trusted = [load_public(key) for key in keys]
    verdict = check_case(read_case(case), name=printable(case), keys=trusted)
    if as_json:
        print_json(verdict_json(verdict), lines=False)
    else:
        click.echo(verdict_text(verdict))
    verdict.insist()


def _signing_key(folder: Path, chosen: Path | None) -> "PrivateKey":
    """Return the key that was chosen, else the only one of the user, which is made at first use."""
    from evidence.signing import create_key, load_private, only_private, private_keys

    if chosen is not None:
        return load_private(chosen)
    if any(private_keys(folder)):
        return load_private(only_private(folder))
    key, path = create_key(folder, "key")
    note(
        f"made a key to sign with, since there was none: {path}; keep a copy in a safe place, and give others the "
        f"public key, {path.with_suffix('.pub')}"
    )
    return key
