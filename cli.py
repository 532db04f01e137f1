"""The command `sourceprint`, put together: what each command says and asks stands in `commands`, a file per group.

Every command parses its options, calls one function, and prints; `commands.terminal` says how, and with which exit
codes it ends.
"""

import io
import sys

import click

from commands import (
    cases,
    cataloguing,
    demonstration,
    keys,
    matching,
    money,
    release,
    reporting,
    rights,
    runs,
    scanning,
    shell,
    upkeep,
)
from commands.terminal import Commands

__all__ = ["main", "sourceprint"]

_COMMANDS = [
    demonstration.demo,
    demonstration.bench,
    cataloguing.add,
    cataloguing.replace,
    cataloguing.remove,
    cataloguing.tag,
    cataloguing.exclude,
    cataloguing.list_,
    cataloguing.info,
    cataloguing.duplicates,
    matching.match,
    scanning.scan,
    matching.fingerprint,
    release.check,
    runs.results,
    runs.diff,
    reporting.report,
    cases.evidence,
    rights.rights,
    money.attribute,
    money.uses,
    money.statement,
    money.statements,
    money.explain,
    money.audit,
    upkeep.verify,
    upkeep.compact,
    upkeep.export,
    upkeep.import_,
    keys.keys,
    keys.reveal,
    shell.completion,
]


@click.group(
    cls=Commands,
    commands=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="sourceprint", prog_name="sourceprint", message="%(prog)s %(version)s")
def sourceprint() -> None:
    """Find which recordings a track reuses: where, at what pitch and tempo, and how sure that is.

    Example: sourceprint demo
    """


def main(args: list[str] | None = None) -> None:
    """Run the command; does not return."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a letter is no reason to stop
    sourceprint.main(args, prog_name="sourceprint")


if __name__ == "__main__":
    main()
