"""The reference of the commands, as Markdown, from the `--help` of each: docs/cli.md."""

from collections.abc import Iterator, Mapping, Sequence

import click

from sourceprint.commands import terminal

__all__ = ["reference"]

_WIDTH = 100
_INTRODUCTION = """\
# Commands

<!-- Written by pytest tests/sourceprint/commands/test_cli.py --snapshots=renew; not to be edited. -->

What each command prints with `--help`. Data goes to stdout, messages to stderr.
"""


def reference(program: click.Group, sections: Mapping[str, Sequence[click.Command]]) -> str:
    """Return the help of all commands as Markdown, by section, with a table of contents and the exit codes.

    Parameters
    ----------
    sections : mapping
        Its commands by purpose; groups among them are followed by their own.
    """
    context = _context(program, None)
    parts = [
        _INTRODUCTION,
        _contents(sections, context),
        f"## Exit codes\n\n{_exit_codes()}\n",
        f"## {context.command_path}\n\n{_help(context)}",
    ]
    for section, commands in sections.items():
        parts.append(f"## {section}\n")
        for command in commands:
            parts.extend(_chapters(command, context))
    return "\n".join(parts)


def _contents(sections: Mapping[str, Sequence[click.Command]], context: click.Context) -> str:
    rows = []
    for section, commands in sections.items():
        links = (f"[{command.name}](#{context.command_path}-{command.name})" for command in commands)
        rows.append(f"- **{section}**: {', '.join(links)}\n")
    return "".join(rows)


def _exit_codes() -> str:
    """Return the table of exit codes, which stands in the docstring of `terminal`."""
    lines = (terminal.__doc__ or "").partition("Exit codes:\n\n")[2].partition("\n\n")[0].splitlines()
    rows = (line.split(maxsplit=1) for line in lines)
    return "\n".join(["| code | meaning |", "| --- | --- |", *(f"| {code} | {meaning} |" for code, meaning in rows)])


def _chapters(command: click.Command, parent: click.Context) -> Iterator[str]:
    """Yield the help of a command and of those in it, each under a heading."""
    context = _context(command, parent)
    yield f"### {context.command_path}\n\n{_help(context)}"
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            yield from _chapters(inner, context)


def _context(command: click.Command, parent: click.Context | None) -> click.Context:
    return command.make_context(command.name, [], parent, resilient_parsing=True, terminal_width=_WIDTH)


def _help(context: click.Context) -> str:
    """Return the output of `--help` on a terminal of fixed width, as a block of text."""
    return f"```text\n{context.get_help()}\n```\n"
