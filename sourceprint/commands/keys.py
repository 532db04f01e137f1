"""Keys and a secret of one's own: `keys` makes and shows them, `reveal` resolves the tokens of blind indexes."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fingerprint.errors import EvidenceError, printable
from sourceprint.commands.terminal import (
    PATH,
    index_option,
    index_place,
    json_option,
    keys_option,
    keys_place,
    note,
    print_json,
    quiet_option,
)
from sourceprint.text.tables import counted

if TYPE_CHECKING:
    from sourceprint.signatures import PublicKey

__all__ = ["keys", "reveal"]


@click.group()
def keys() -> None:
    """Make and show keys to sign with, and the secret of tokens.

    Example: sourceprint keys create --name tone-records
    """


@keys.command("create")
@click.option("--name", metavar="NAME", default="key", show_default=True, help="Name of the key; not secret.")
@click.option(
    "-o", "--keys", "folder", metavar="DIR", envvar="SOURCEPRINT_KEYS", type=PATH,
    help="Folder for its files  [default: $SOURCEPRINT_KEYS, else one per user]",
)  # fmt: skip
@json_option
def create(name: str, folder: Path | None, as_json: bool) -> None:
    """Make a new key to sign with, in two files.

    NAME.pem is private, and nobody else may have it; NAME.pub, one line, is for others. Prints the public key
    (Ed25519). A key is never overwritten. Keep a copy of the private one in a safe place: its signatures stay valid,
    but nobody can sign as you again without it.

    Example: sourceprint keys create --name tone-records
    """
    from sourceprint.signatures import create_key

    key, path = create_key(keys_place(folder), name)
    if as_json:
        print_json(_facts(key.public, path, private=True), lines=False)
    else:
        click.echo(key.public.text)
        note(f"the private key is {path}; the line above is the public key, which is in {path.with_suffix('.pub')} too")


@keys.command("secret")
@keys_option
@quiet_option
def secret(folder: Path | None, quiet: bool) -> None:
    """Make the secret that tokens of blind indexes come from.

    Once, before the first export --blind. It stays in your folder of keys, and nobody else may have it; it is never
    overwritten. Keep a copy in a safe place: without it, no token that was handed out can be resolved. Prints its path.

    Example: sourceprint keys secret
    """
    from sourceprint.blind.tokens import SECRET_NAME, make_secret

    place = keys_place(folder)
    make_secret(place)
    click.echo(printable(place / SECRET_NAME))
    if not quiet:
        note("keep a copy of it in a safe place: without it, no token that was handed out can be resolved")


@keys.command("show")
@click.argument("file", metavar="[FILE]", required=False, type=PATH)
@keys_option
@json_option
def show(file: Path | None, folder: Path | None, as_json: bool) -> None:
    """Show the public key of FILE, or those of all your keys.

    Your keys are the private ones in the folder of keys. Each is shown with its fingerprint, the SHA-256 of the key,
    whose first 16 digits are its id: compare it by telephone before you trust a key that came by mail.

    Example: sourceprint keys show
    """
    from sourceprint.signatures import PRIVATE_SUFFIX, load_private, load_public, private_keys

    place = keys_place(folder)
    paths = list(private_keys(place)) if file is None else [file]
    if not paths:
        raise EvidenceError(f"{place}: holds no key; make one with `sourceprint keys create`")
    shown = []
    for path in paths:
        is_private = path.suffix == PRIVATE_SUFFIX
        public = load_private(path).public if is_private else load_public(path)
        shown.append(_facts(public, path, private=is_private))
    if as_json:
        print_json(shown, lines=False)
    else:
        for facts in shown:
            click.echo(f"{facts['id']}  {'private' if facts['private'] else 'public '}  {facts['public_key']}")
            click.echo(f"  fingerprint {facts['fingerprint']}")


@click.command()
@click.argument("results", metavar="RESULTS", type=PATH)
@index_option
@keys_option
@click.option("-o", "--output", metavar="FILE", type=PATH, help="Write a new file, not to standard output.")
@quiet_option
def reveal(results: Path, index: Path | None, folder: Path | None, output: Path | None, quiet: bool) -> None:
    """Resolve the tokens of a blind index in results.

    For the label that made it: they become ids of its catalogue again, with ISRC, title and artists. RESULTS is the
    output of match --jsonl or check --format json, or the results of a run; the layout stays the same. Tokens of other
    labels, and of recordings removed since, stay as they are and are counted.

    Example: sourceprint reveal results.jsonl -o revealed.jsonl
    """
    from index.folder.index import Index
    from index.storage.durable import publish_chunks
    from sourceprint.blind.tokens import Revealer, load_secret, reveal_file
    from sourceprint.outputs import expect_free

    if output is not None:
        expect_free(output, replace=False)
    secret = load_secret(keys_place(folder))
    snapshot = Index.open(index_place(index)).snapshot()
    revealer = Revealer(snapshot.recordings, secret, snapshot.manifest.renamed)
    if output is not None:
        publish_chunks(output, reveal_file(results, revealer))
    else:
        for chunk in reveal_file(results, revealer):
            click.echo(chunk, nl=False)
    if revealer.n_unknown:
        tokens = counted(revealer.n_unknown, "token")
        note(f"{tokens} not resolved: another label's, or of recordings that were removed since")
    if not quiet:
        click.echo(f"{counted(revealer.n_revealed, 'recording')} revealed", err=True)


def _facts(key: "PublicKey", path: Path, *, private: bool) -> dict[str, str | bool]:
    return {
        "id": key.id, "fingerprint": key.fingerprint, "name": key.name, "private": private, "public_key": key.text,
        "path": str(path),
    }  # fmt: skip
