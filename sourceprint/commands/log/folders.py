"""A log as a folder: `log verify` checks it, `log show` prints its entries."""

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fingerprint.errors import EvidenceError, printable
from sourceprint.commands.terminal import PATH, json_option, print_json
from sourceprint.text.tables import counted

if TYPE_CHECKING:
    from sourceprint.transparency import Checkpoint, LogVerdict

__all__ = ["entry_text", "key_option", "log", "signed_by"]

key_option = click.option(
    "--key",
    "keys",
    metavar="FILE",
    multiple=True,
    type=PATH,
    help="Public key (.pub) of the log; again for each key it has had. Without it nothing is verified: exit code 6.",
)


@click.group()
def log() -> None:
    """Verify a transparency log, show its entries, prove one of them.

    A log is a folder of entries that nobody can alter or remove without a checkpoint kept elsewhere showing it.

    Example: sourceprint log verify LOG --key log.pub
    """


@log.command("verify")
@click.argument("folder", metavar="FOLDER", type=PATH)
@key_option
@click.option(
    "--checkpoint", "older", metavar="FILE", type=PATH,
    help="An older checkpoint of this log that was kept elsewhere: the log must go on from it.",
)  # fmt: skip
@json_option
def verify(folder: Path, keys: tuple[Path, ...], older: Path | None, as_json: bool) -> None:
    """Check every entry and hash of a log.

    All of them must lead to the signed root. Names every altered entry and hash, every missing file, an edited
    checkpoint, and what to do. A log proves nothing against the holder of its key, who can write and sign another
    one. Only a checkpoint that was kept elsewhere shows that; give it with --checkpoint. Says where the log changed
    its key, and whether it was put back from a backup since that checkpoint.

    Example: sourceprint log verify LOG --key log.pub --checkpoint kept.txt
    """
    from fingerprint.disk import read_small
    from sourceprint.signatures import load_public
    from sourceprint.transparency import MOST_CHECKPOINT_BYTES, verify_log

    kept = None
    if older is not None:
        too_large = f"larger than {MOST_CHECKPOINT_BYTES} bytes, so no checkpoint; give the file that was kept"
        kept = read_small(older, EvidenceError, most=MOST_CHECKPOINT_BYTES, too_large=too_large)
    verdict = verify_log(folder, key=[load_public(key) for key in keys], older=kept)
    if as_json:
        print_json(verdict.to_json(), lines=False)
    else:
        for line in _verdict_lines(verdict):
            click.echo(printable(line))
    verdict.insist()


@log.command("show")
@click.argument("folder", metavar="FOLDER", type=PATH)
@click.option("--from", "start", metavar="N", type=click.IntRange(min=0), default=0, help="First entry  [default: 0]")
@click.option("--limit", metavar="N", type=click.IntRange(min=0), help="Entries at most  [default: all]")
@json_option
def show(folder: Path, start: int, limit: int | None, as_json: bool) -> None:
    """Print the newest checkpoint of a log, and its entries.

    Entries that are not text are printed in base64. Nothing is verified: log verify does that.

    Example: sourceprint log show LOG --from 1000 --limit 20
    """
    from sourceprint.transparency import LogReader

    checkpoint, tiles = LogReader(folder).view()
    entries = enumerate(tiles.entries(start, None if limit is None else start + limit), start)
    if as_json:
        listed = [{"index": index, **_entry_json(entry)} for index, entry in entries]
        print_json({**_checkpoint_json(checkpoint), "entries": listed}, lines=False)
        return
    click.echo(printable(f"{checkpoint.origin}: {counted(checkpoint.size, 'entry')}"))
    click.echo(f"  root {base64.b64encode(checkpoint.root).decode('ascii')}")
    click.echo(printable(f"  signed by {signed_by(checkpoint)}; not verified"))
    for index, entry in entries:
        click.echo(f"{index}  {entry_text(entry)}")


def signed_by(checkpoint: "Checkpoint") -> str:
    """Return the names of the keys that are said to have signed."""
    return ", ".join(f"{one.name} ({one.key_hash.hex()})" for one in checkpoint.signatures)


def entry_text(entry: bytes) -> str:
    """Return an entry as text of one line; in base64 if it is none."""
    try:
        return printable(entry.decode("utf-8"))
    except UnicodeDecodeError:
        return f"base64:{base64.b64encode(entry).decode('ascii')}"


def _verdict_lines(verdict: "LogVerdict") -> list[str]:
    checkpoint = verdict.checkpoint
    if verdict.n_findings or checkpoint is None:
        lines = [f"DOES NOT HOLD: {counted(verdict.n_findings, 'fault')}"]
        lines += [f"  {finding.text}" for finding in verdict.findings]
        more = verdict.n_findings - len(verdict.findings)
        return [*lines, f"  and {more} more of the same kinds"] if more else lines
    told = f"{checkpoint.origin}, {counted(checkpoint.size, 'entry')}, root {_base64(checkpoint.root)}"
    lines = [f"OK: {told}" if verdict.is_trusted else f"NOT VERIFIED: no key was given: {told}"]
    lines.append("  every entry and every hash leads to this root")
    if verdict.is_trusted:
        lines.append("  the key that was given signed it")
    for change in verdict.key_changes:
        by = [*(f"key {each}" for each in change.signers)]
        by += [f"{counted(change.n_unknown, 'key')} not given"] if change.n_unknown else []
        lines.append(f"  the key was changed at {counted(change.size, 'entry')}: signed by {' and '.join(by)}")
    if verdict.older is None:
        lines.append("  not compared with an older checkpoint: the holder of the key could have written another log")
    else:
        lines.append(f"  it goes on from the older checkpoint of {counted(verdict.older.size, 'entry')}")
    if (before := verdict.predecessor) is not None:
        lines.append(f"  put back from a backup of {before.origin} with {counted(before.size, 'entry')} on {before.at}")
    return lines


def _checkpoint_json(checkpoint: "Checkpoint") -> dict[str, Any]:
    return {
        "schema": "sourceprint/log-entries/1",
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": _base64(checkpoint.root),
        "checkpoint": checkpoint.to_bytes().decode("utf-8"),
    }


def _entry_json(entry: bytes) -> dict[str, str | None]:
    try:
        text: str | None = entry.decode("utf-8")
    except UnicodeDecodeError:
        text = None
    return {"entry": _base64(entry), "text": text}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
