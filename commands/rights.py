"""The catalogue of rights: brought in, carried out, checked, shown."""

import click

from commands.terminal import (
    json_option,
    print_json,
    rights_option,
    rights_place,
)

__all__ = ["rights"]


@click.group()
def rights() -> None:
    """Keep who owns what: recordings, works, shares, licences.

    Example: sourceprint rights import catalogue
    """


@rights.command()
@click.argument("key", metavar="KEY")
@rights_option
@click.option("--revision", metavar="N", type=click.IntRange(min=0), help="As it was at this revision.")
@json_option
def show(key: str, rights: str | None, revision: int | None, as_json: bool) -> None:
    """Show what is on file under an ISRC, ISWC or id, and its history.

    The id may be one of a recording, a work, a party or a licence, or an id in the index.

    Example: sourceprint rights show ISRC QZ-AAA-26-00001
    """
    from royalties.rights.database import Database
    from royalties.rights.look_up import rights_to_json
    from royalties.rights.showing import show_rights
    from royalties.rights.under_key import rights_under_key

    with Database.open(rights_place(rights)).reading() as connection:
        found, history = rights_under_key(connection, key, revision=revision)
    if as_json:
        print_json(rights_to_json(found, key, history=history), lines=False)
    else:
        click.echo(show_rights(found, key, history=history), nl=False)
