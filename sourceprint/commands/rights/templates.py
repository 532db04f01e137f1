"""Licences and policies to fill in: `rights new-licence`, `new-policy`."""

from pathlib import Path

import click

from sourceprint.commands.rights.records import rights as rights_group
from sourceprint.commands.terminal import PATH

__all__ = ["new_licence", "new_policy"]

_POLICIES = ("coverage-weighted", "equal", "fixed-fee", "matched-seconds", "pro-rata-pool")


@rights_group.command("new-licence")
@click.argument("file", metavar="[FILE]", required=False, type=PATH)
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
def new_licence(file: Path | None, force: bool) -> None:
    """Write a licence to fill in, as TOML with comments.

    To FILE, or to standard output. docs/formats/licence.md describes every key. Fill it in, then `rights import` it:
    missing or wrong keys are named.

    Example: sourceprint rights new-licence licence.toml
    """
    from sourceprint.royalties.rights import licence_toml

    _write(licence_toml.new_licence(), file, replace=force)


@rights_group.command("new-policy")
@click.argument("file", metavar="[FILE]", required=False, type=PATH)
@click.option(
    "--like", "name", type=click.Choice(_POLICIES), default="matched-seconds", show_default=True,
    help="Shipped policy to start from.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
def new_policy(file: Path | None, name: str, force: bool) -> None:
    """Write a policy to change, as TOML with comments.

    To FILE, or to standard output: a shipped policy to edit, for attribute and statement --policy.
    docs/formats/policy.md describes every key. Give your policy its own name.

    Example: sourceprint rights new-policy policy.toml --like equal
    """
    from sourceprint.royalties.uses.policy import shipped_policy

    _write(shipped_policy(name), file, replace=force)


def _write(text: str, file: Path | None, *, replace: bool) -> None:
    """Write a text to a new file, or print it."""
    if file is None:
        click.echo(text, nl=False)
        return
    from index.storage.durable import publish
    from sourceprint.outputs import expect_free, writing

    expect_free(file, replace=replace)
    with writing(file):
        publish(file, text.encode("utf-8"))
