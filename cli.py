"""The command `sourceprint`, put together from the groups of `sourceprint.commands`.

Every command parses its options, calls one function, and prints; `sourceprint.commands.terminal` says how, and with
which exit codes it ends.
"""

import io
import sys

import click

from sourceprint.commands import (
    catalogue as cataloguing,
)
from sourceprint.commands import (
    check as release,
)
from sourceprint.commands import (
    demo as demonstration,
)
from sourceprint.commands import (
    demo as shell,
)
from sourceprint.commands import (
    evidence as cases,
)
from sourceprint.commands import (
    evidence as reporting,
)
from sourceprint.commands import (
    index_folder as upkeep,
)
from sourceprint.commands import (
    keys,
    money,
    rights,
)
from sourceprint.commands import (
    match as matching,
)
from sourceprint.commands import (
    scan as runs,
)
from sourceprint.commands import (
    scan as scanning,
)
from sourceprint.commands.terminal import Commands

__all__ = ["main", "sourceprint"]

_SECTIONS = {
    "First": [demonstration.demo, demonstration.bench],
    "Catalogue": [
        cataloguing.add,
        cataloguing.replace,
        cataloguing.remove,
        cataloguing.tag,
        cataloguing.exclude,
        cataloguing.list_,
        cataloguing.info,
        cataloguing.duplicates,
    ],
    "Matching": [
        matching.match,
        scanning.scan,
        runs.results,
        runs.diff,
        matching.fingerprint,
        release.check,
    ],
    "Evidence": [reporting.report, cases.evidence, upkeep.verify, keys.keys, keys.reveal],
    "Rights and money": [
        rights.rights,
        money.attribute,
        money.uses,
        money.statement,
        money.statements,
        money.explain,
        money.audit,
    ],
    "Upkeep": [upkeep.compact, upkeep.export, upkeep.import_, shell.completion],
}
"""The commands by what they are for, in the order in which they come up."""


class _BySection(Commands):
    """The commands, listed by section in the help of the whole."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a list for each section, with one column for the names of all."""
        wide = max(map(len, self.commands))
        limit = formatter.width - 6 - wide
        for section, commands in _SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl(
                    [(f"{command.name:<{wide}}", command.get_short_help_str(limit)) for command in commands]
                )


@click.group(
    cls=_BySection,
    commands=[command for section in _SECTIONS.values() for command in section],
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
