"""The names that --by accepts: `rights people`."""

import click

from sourceprint.commands.rights.records import rights as rights_group
from sourceprint.commands.terminal import json_option, note, print_json, rights_option, rights_place
from sourceprint.text.tables import counted

__all__ = ["people"]


@rights_group.group()
def people() -> None:
    """List, add and remove the names that --by accepts.

    The user who runs a command needs no entry: $SOURCEPRINT_ACTOR, else the login name. Any other name needs an entry
    here, or --backdate with a reason.

    Example: sourceprint rights people list
    """


@people.command("list")
@rights_option
@json_option
def list_people(rights: str | None, as_json: bool) -> None:
    """List the names, since when, and by whom they were added.

    Example: sourceprint rights people list
    """
    from dataclasses import asdict

    from sourceprint.royalties import people as on_file
    from sourceprint.royalties.rights.database import Database

    with Database.open(rights_place(rights)).reading() as connection:
        found = on_file.list_people(connection)
    if as_json:
        print_json([asdict(one) for one in found], lines=False)
    elif found:
        click.echo(on_file.people_text(found))
    else:
        note("the list is empty; --by accepts only the name of the user who runs a command")


@people.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@rights_option
def add(names: tuple[str, ...], rights: str | None) -> None:
    """Add people to the list.

    Example: sourceprint rights people add "Ann Meyer"
    """
    from sourceprint.royalties.people import add_people
    from sourceprint.royalties.rights.database import Database

    new = add_people(Database.open(rights_place(rights), create=True), names)
    note(f"{counted(len(new), 'name')} added")


@people.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@rights_option
def remove(names: tuple[str, ...], rights: str | None) -> None:
    """Remove people from the list; the history keeps their names.

    Example: sourceprint rights people remove "Ann Meyer"
    """
    from sourceprint.royalties.people import remove_people
    from sourceprint.royalties.rights.database import Database

    gone = remove_people(Database.open(rights_place(rights)), names)
    note(f"{counted(len(gone), 'name')} removed")
