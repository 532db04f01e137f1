"""One entry of a log: `log prove` writes its proof, `log check-proof` checks one without the log."""

from pathlib import Path

import click

from fingerprint.errors import EvidenceError, VerificationError, printable
from sourceprint.commands.log.folders import entry_text, key_option, log, signed_by
from sourceprint.commands.terminal import PATH, json_option, print_json
from sourceprint.text.tables import counted

__all__ = ["check_proof", "prove"]


@log.command("prove")
@click.argument("folder", metavar="FOLDER", type=PATH)
@click.argument("index", metavar="INDEX", type=click.IntRange(min=0))
@click.option("-o", "--output", metavar="FILE", type=PATH, help="Write a file, not to standard output.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
def prove(folder: Path, index: int, output: Path | None, force: bool) -> None:
    """Write the proof that an entry is in a log, as JSON.

    INDEX is its number, from 0. The proof holds the entry and the newest checkpoint; log check-proof needs nothing else
    but the public key of the log.

    Example: sourceprint log prove LOG 1041 -o proof.json
    """
    from index.storage.durable import publish
    from sourceprint.outputs import expect_free, writing
    from sourceprint.transparency import EntryProof, LogReader

    if output is not None:
        expect_free(output, replace=force)
    data = EntryProof.of(LogReader(folder), index).to_bytes()
    if output is None:
        click.echo(data.decode("utf-8"), nl=False)
    else:
        with writing(output):
            publish(output, data)


@log.command("check-proof")
@click.argument("file", metavar="FILE", type=PATH)
@key_option
@json_option
def check_proof(file: Path, keys: tuple[Path, ...], as_json: bool) -> None:
    """Check the proof of one entry, without the log.

    Prints the entry, and the log that it is in. The proof shows that the entry was in the log when its checkpoint was
    signed; it shows no other entry.

    Example: sourceprint log check-proof proof.json --key log.pub
    """
    from fingerprint.disk import read_small
    from sourceprint.signatures import load_public
    from sourceprint.transparency import MOST_PROOF_BYTES, EntryProof

    name = printable(file)
    too_large = f"larger than {MOST_PROOF_BYTES} bytes, so no proof; give one that `sourceprint log prove` wrote"
    data = read_small(file, EvidenceError, most=MOST_PROOF_BYTES, too_large=too_large)
    public = [load_public(key) for key in keys]
    proof = EntryProof.parse(data, name)
    try:
        checkpoint = proof.verify(public)
    except VerificationError as error:
        raise VerificationError(f"{name}: {error}") from error
    if as_json:
        verdict = {"schema": "sourceprint/log-proof-verdict/1", "holds": bool(keys), "consistent": True}
        log_of = {"origin": checkpoint.origin, "size": checkpoint.size, "index": proof.index}
        print_json({**verdict, **log_of, "entry": proof.to_json()["entry"]}, lines=False)
    else:
        told = f"entry {proof.index} of {checkpoint.origin} with {counted(checkpoint.size, 'entry')}"
        click.echo(printable(f"{'OK' if keys else 'NOT VERIFIED: no key was given'}: {told}"))
        click.echo(printable(f"  signed by {signed_by(checkpoint)}"))
        click.echo(f"  {entry_text(proof.entry)}")
    if not keys:
        raise VerificationError(f"{name}: consistent, but anybody could have made it: give --key with the public key")
