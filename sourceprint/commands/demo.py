"""Showing that it works: `demo` on a few seconds of synthesised music, `bench` at length.

What a shell needs to complete the words of the command.
"""

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from sourceprint.commands.terminal import EXIT_INCOMPLETE, PATH, complain, jobs_option, note, use_one_thread

__all__ = ["bench", "completion", "demo"]


@click.command()
@click.option("--index", metavar="DIR", type=PATH, help="Keep the demo's index in this new folder.")
@click.option("--statement", metavar="DIR", type=PATH, help="Keep the demo's statement in this new folder.")
@click.option("--music", metavar="DIR", type=PATH, help="Keep the demo's music in this new folder.")
@jobs_option
def demo(index: Path | None, statement: Path | None, music: Path | None, jobs: int | None) -> None:
    """Show what is found and owed, on music made for it.

    Makes a small catalogue and tracks that reuse passages of it, altered; matches them; prints truth beside findings;
    then makes up rights and a licence, and states what is owed to whom.

    Example: sourceprint demo
    """
    from sourceprint.demo.demo import run_demo

    if not run_demo(click.echo, index, jobs or min(2, os.cpu_count() or 1), statement, music):
        complain("the findings differ from the truth, or the statement does not add up; please report this")
        click.get_current_context().exit(EXIT_INCOMPLETE)


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
@click.option("--seed", metavar="N", type=click.IntRange(min=0), default=0, show_default=True, help="Of every draw.")
@click.option(
    "--cache", metavar="DIR", type=PATH,
    help="What is kept between runs: indexes, altered audio  [default: one folder per user]",
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
    use_one_thread()
    from benchmarks.suite import Request, list_of_parts, run_suite

    if list_parts:
        click.echo(list_of_parts())
        return
    request = Request(words, full, corpus, out, jobs or os.cpu_count() or 1, seed, cache)
    if run_suite(request, say=click.echo, note=note, complain=complain):
        click.get_current_context().exit(EXIT_INCOMPLETE)


_SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", metavar="SHELL", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    """Print what makes a shell complete commands and options.

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
