"""The command `sourceprint`: its sections, and main.

Each command is in `sourceprint.commands`: it parses its options, calls one function, and prints.
Two are here: `bench`, as nothing in `sourceprint` may know the benchmarks, and `completion`, which is about the command
as a whole.
"""

import importlib.util
import io
import os
import sys
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from sourceprint.commands import (
    catalogue,
    check,
    demo,
    evidence,
    index_folder,
    keys,
    lists,
    log,
    match,
    money,
    rights,
    scan,
    service,
    uses,
)
from sourceprint.commands.terminal import (
    EXIT_INCOMPLETE,
    PATH,
    Commands,
    complain,
    note,
    use_one_thread,
)

__all__ = ["bench", "completion", "main", "reference", "sourceprint"]

_SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("words", metavar="[PART]... [-- OPTIONS OF PARTS]", nargs=-1)
@click.option("--list", "list_parts", is_flag=True, help="Name the parts, and do nothing.")
@click.option("--full", is_flag=True, help="The full version: narrow intervals, two hours and 40 GB on 5 h of music.")
@click.option(
    "--corpus", metavar="PATH",
    help="Measure on the music in this folder or list  "
    "[default: synthesised music; with --full, $SOURCEPRINT_CORPUS if set]",
)  # fmt: skip
@click.option(
    "--out", metavar="DIR", type=PATH, default="sourceprint-bench", show_default=True,
    help="Folder of the reports, RESULTS.md and pictures.",
)  # fmt: skip
@click.option(
    "--jobs", metavar="N", type=click.IntRange(min=1),
    help="Worker processes, of one thread each  [default: one per processor]",
)  # fmt: skip
@click.option(
    "--seed", metavar="N", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of every draw."
)
@click.option(
    "--cache", metavar="DIR", type=PATH,
    help="Folder for data kept between runs: indexes, altered audio  [default: one per user]",
)  # fmt: skip
def bench(
    words: tuple[str, ...],
    list_parts: bool,
    full: bool,
    corpus: str | None,
    out: Path,
    jobs: int | None,
    seed: int,
    cache: Path | None,
) -> None:
    """Measure how well and how fast Sourceprint works.

    Without names, all parts run, in the order of --list, on synthesised music or your own; the short version takes
    about ten minutes on two processors. A part whose report is there, made by the same code on the same music, is not
    run again, so an interrupted run is continued by the same command. Options of a part itself follow after two dashes.

    Example: sourceprint bench systems -- --pairs pairs.tsv
    """
    if importlib.util.find_spec("benchmarks") is None:
        raise click.UsageError("the benchmarks are not installed here; run it in a checkout of the source")
    use_one_thread()
    from benchmarks.suite import Request, list_of_parts, run_suite

    if list_parts:
        click.echo(list_of_parts())
        return
    request = Request(words, full, corpus, out, jobs or os.cpu_count() or 1, seed, cache)
    if run_suite(request, say=click.echo, note=note, complain=complain):
        click.get_current_context().exit(EXIT_INCOMPLETE)


@click.command()
@click.argument("shell", metavar="SHELL", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    """Print the script that completes commands in a shell.

    Put the line `eval "$(sourceprint completion bash)"` into ~/.bashrc, the same with zsh into ~/.zshrc; for fish,
    write the output to ~/.config/fish/completions/sourceprint.fish.

    Example: sourceprint completion bash
    """
    maker = get_completion_class(shell)
    if maker is None:
        raise click.UsageError(f"{shell}: no completion for this shell; there is one for {', '.join(_SHELLS)}")
    click.echo(
        maker(click.get_current_context().find_root().command, {}, "sourceprint", "_SOURCEPRINT_COMPLETE").source()
    )


_SECTIONS = {
    "First": [demo.demo, bench],
    "Catalogue": [
        catalogue.add,
        catalogue.replace,
        catalogue.remove,
        catalogue.amend,
        catalogue.tag,
        catalogue.exclude,
        catalogue.list_,
        catalogue.info,
        catalogue.duplicates,
        lists.columns,
    ],
    "Matching": [match.match, scan.scan, scan.results, scan.diff, match.fingerprint, check.check],
    "Evidence": [evidence.report, evidence.evidence, index_folder.verify, keys.keys, keys.reveal, log.log],
    "Rights and money": [
        rights.rights,
        uses.attribute,
        uses.uses,
        uses.usage,
        money.statement,
        money.statements,
        money.explain,
        money.audit,
    ],
    "Service": [service.serve, service.worker, service.admin, service.backup, service.restore],
    "Upkeep": [index_folder.compact, index_folder.export, index_folder.import_, completion],
}
"""The commands by purpose, in the order of a user's needs."""


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


def reference() -> str:
    """Return the reference of all commands, which is docs/cli.md."""
    from sourceprint.commands.reference import reference

    return reference(sourceprint, _SECTIONS)


def main(args: list[str] | None = None) -> None:
    """Run the command; does not return."""
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a letter is no reason to stop
    sourceprint.main(args, prog_name="sourceprint")


def _open_closed_streams() -> None:
    """Open standard streams that a shell closed, or their output would go into the next file to be opened.

    The system refuses to read from such an input, or to write to such an output: nothing is lost without a word.
    """
    refusing = {"stdin": (os.O_WRONLY, "r"), "stdout": (os.O_RDONLY, "w"), "stderr": (os.O_WRONLY, "w")}
    for name, (flags, mode) in refusing.items():
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, flags), mode))


if __name__ == "__main__":
    main()
