"""Options, messages and exit codes of all commands.

Data goes to stdout, messages to stderr; a message is one line, in which nothing from outside can forge another. Slow
imports are inside the commands, so that `--help` answers at once. Exit codes:

    0    done (a match is no failure)
    1    done, with findings: rights that do not add up, files that a policy blocks
    2    usage: an unknown option, id or layer, an unusable list or policy
    3    nothing could be read
    4    incomplete: some files failed, the others were done
    5    index, rights database or log missing, incompatible, damaged or in use; a blind index's grant does not hold
    6    a statement, a signed case or a log does not add up, or differs from the original
    130  interrupted; the same command continues

Errors of ours carry their code (`fingerprint.errors`); the others are the constants here.
"""

import gc
import json
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click

from fingerprint.errors import SourceprintError, printable
from sourceprint.places import index_place, keys_place, rights_place, today
from sourceprint.text.names import well_formed_json

__all__ = [
    "EXIT_FINDINGS",
    "EXIT_INCOMPLETE",
    "EXIT_INDEX",
    "EXIT_VERIFICATION",
    "PATH",
    "Commands",
    "ResumableRun",
    "backdate_option",
    "by_option",
    "complain",
    "exit_if_failed",
    "expect_many_records",
    "final_report",
    "head_option",
    "index_option",
    "index_place",
    "jobs_option",
    "json_option",
    "json_text",
    "jsonl_option",
    "keys_option",
    "keys_place",
    "layers_option",
    "licensee_option",
    "note",
    "one_format",
    "print_json",
    "printable_lines",
    "quiet_option",
    "revision_option",
    "rights_option",
    "rights_place",
    "search_options",
    "today",
    "use_one_thread",
]

EXIT_FINDINGS = 1
EXIT_NOTHING_READ = 3
EXIT_INCOMPLETE = 4
EXIT_INDEX = 5
EXIT_VERIFICATION = 6
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141  # as a process that SIGPIPE ended

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

_Function = TypeVar("_Function", bound=Callable[..., Any])


class _PathType(click.Path):
    """A path that says something: Python takes the empty one for the folder that the shell is in."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        if value == "":
            self.fail("is empty; a variable of the shell may not be set", param, ctx)
        return super().convert(value, param, ctx)


PATH = _PathType(path_type=Path, readable=False)
"""The type of an argument or option that names a file or folder; access is checked on use."""

index_option = click.option(
    "--index", metavar="DIR", envvar="SOURCEPRINT_INDEX", type=PATH,
    help="Folder of the index  [default: $SOURCEPRINT_INDEX, else one per user]",
)  # fmt: skip
rights_option = click.option(
    "--rights", metavar="PLACE", envvar="SOURCEPRINT_RIGHTS",
    help="Database of rights: a file, or postgresql://...  [default: $SOURCEPRINT_RIGHTS, else one per user]",
)  # fmt: skip
revision_option = click.option(
    "--revision", metavar="N", type=click.IntRange(min=0), help="State of the rights at this revision  [default: now]"
)
keys_option = click.option(
    "--keys", "folder", metavar="DIR", envvar="SOURCEPRINT_KEYS", type=PATH,
    help="Folder of your keys  [default: $SOURCEPRINT_KEYS, else one per user]",
)  # fmt: skip
by_option = click.option(
    "--by", metavar="NAME",
    help="Author for the history: a name of `rights people`, or person:ID of a service  [default: your login name]",
)  # fmt: skip
head_option = click.option(
    "--head", "heads", metavar="HEAD", multiple=True,
    help="Head that you hold: the line, a file with it, or an issued statement; may be repeated.",
)  # fmt: skip
licensee_option = click.option(
    "--licensee", metavar="ID", required=True, help="Party id of the maker of the tracks."
)  # fmt: skip
backdate_option = click.option(
    "--backdate", metavar="REASON", default="",
    help="Reason for another name or a past day; the chain of the database keeps it.",
)  # fmt: skip
jobs_option = click.option(
    "--jobs", metavar="N", type=click.IntRange(min=1),
    help="Worker processes, of one thread each  [default: by number of files and processors]",
)  # fmt: skip
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
jsonl_option = click.option("--jsonl", "as_jsonl", is_flag=True, help="Print one JSON object per line.")
quiet_option = click.option("--quiet", is_flag=True, help="Print no progress, notes or summary; errors still.")
_SEARCH_OPTIONS = (
    click.option("--layer", metavar="NAME", default="recording", show_default=True, help="Descriptors to search."),
    click.option("--thorough", is_flag=True, help="Search tempo and speed from half to double; slower."),
    click.option(
        "--max-false-per-1000h", metavar="X", type=float, default=1.0, show_default=True,
        help="False matches to accept in 1 000 hours of audio; more finds fainter and shorter reuse.",
    ),
    click.option(
        "--only", metavar="WHICH", multiple=True,
        help="Search only these recordings: id:ID, tag:TAG, or @FILE with one id per line; may be repeated.",
    ),
    click.option("--exclude", metavar="WHICH", multiple=True, help="Do not search these recordings; as --only."),
)  # fmt: skip


def layers_option(function: _Function) -> _Function:
    """Give a command `--layers`, as a tuple of names."""
    return click.option(
        "--layers", "--layer", metavar="NAME,...", default="", callback=lambda _, __, words: _names(words),
        help="recording,composition: describe melody and harmony too, by which new performances are found.",
    )(function)  # fmt: skip


def _names(words: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in words.split(",") if word.strip())


def search_options(function: _Function) -> _Function:
    """Give a command `--layer`, `--thorough`, `--max-false-per-1000h`, `--only` and `--exclude`."""
    for option in reversed(_SEARCH_OPTIONS):
        function = option(function)
    return function


class Commands(click.Group):
    """The group of all commands: expected errors become one message and their exit code.

    Groups inside it are plain `click.Group`; their errors arrive here.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        if os.environ.get("NO_COLOR"):
            ctx.color = False
        if os.environ.get("SOURCEPRINT_DEBUG"):
            _print_tracebacks()
        try:
            return super().invoke(ctx)
        except SourceprintError as error:
            complain(str(error), lines=error.is_list)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt as interrupt:
            complain("; ".join(["interrupted", *interrupt.args]))
            ctx.exit(EXIT_INTERRUPTED)
        except BrokenPipeError:
            _forget_output()
            ctx.exit(EXIT_BROKEN_PIPE)
        except OSError as error:
            if error.filename is None:
                _forget_output()
                complain(f"standard input or output: {error.strerror}; check its redirection")
            else:
                complain(f"{printable(str(error.filename))}: {error.strerror}")
            ctx.exit(EXIT_INCOMPLETE)
        except MemoryError:
            complain("out of memory; give fewer --jobs")
            ctx.exit(EXIT_INCOMPLETE)


def _forget_output() -> None:
    """Drop unwritten standard output, or Python complains when it flushes."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_tracebacks() -> None:
    """Print the log records of unexpected errors to stderr."""
    logger = logging.getLogger("sourceprint")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(_Tracebacks())


class _Tracebacks(logging.Handler):
    """Prints each record, in which nothing from outside can forge a line of the terminal."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        click.echo(printable_lines(record.getMessage()), err=True)


# --- before a command works -------------------------------------------------------------------------------------------


def terminal_width() -> int:
    """Return the columns of the terminal that takes the output; 80 where it goes elsewhere."""
    return shutil.get_terminal_size((80, 24)).columns


def one_format(as_json: bool, as_jsonl: bool) -> None:
    """Refuse two formats at once.

    Raises
    ------
    click.UsageError
        If both are asked for.
    """
    if as_json and as_jsonl:
        raise click.UsageError("--json and --jsonl: give one of them")


def expect_many_records() -> None:
    """Let Python look for circles among its objects a hundredth as often.

    For commands that hold a great many records to their end: going through them all again and again took 10 to 20 % of
    the time of an attribution and of a statement.
    """
    gc.set_threshold(70_000, 10, 10)


def use_one_thread() -> None:
    """Use one thread per process in all libraries loaded from here on: --jobs sets the number of processors."""
    for name in _THREAD_VARIABLES:
        os.environ.setdefault(name, "1")


# --- output -----------------------------------------------------------------------------------------------------------


def note(text: str) -> None:
    """Print something worth knowing to stderr, as one line."""
    click.echo(f"Note: {printable(text)}", err=True)


def complain(text: str, *, lines: bool = False) -> None:
    """Print an error to stderr: as one line, or with the line breaks of a text that has its own."""
    click.echo(click.style("Error: ", fg="red") + (printable_lines if lines else printable)(text), err=True)


def printable_lines(text: str) -> str:
    """Return text of several lines with everything escaped but its line breaks."""
    return "\n".join(printable(line) for line in text.split("\n"))


def print_json(value: Any, *, lines: bool) -> None:
    """Print plain JSON types: one document, or one object per line of a sequence of them."""
    if lines:
        for item in value:
            click.echo(json_text(item))
    else:
        click.echo(json_text(value, indent=2))


def json_text(value: Any, *, indent: int | None = None) -> str:
    """Return plain JSON types as JSON that every reader takes: bytes of names that are no UTF-8 are escaped in it."""
    return json.dumps(well_formed_json(value), indent=indent)


# --- at its end -------------------------------------------------------------------------------------------------------


class ResumableRun(Protocol):
    """A run over many items that the same command continues when it was interrupted."""

    @property
    def has_begun(self) -> bool:
        """Whether anything is known yet about any item."""

    def report(self) -> dict[str, Any]:
        """Return the outcomes of the run so far, as plain JSON types."""


@contextmanager
def final_report(
    run: ResumableRun, text: Callable[[dict[str, Any]], str], *, as_json: bool, quiet: bool
) -> Iterator[None]:
    """Print the report of a run when the block ends, also on an interrupt or a full disk, with the work that is safe.

    Parameters
    ----------
    text : callable
        Returns a report as text for people, which goes to stderr.
    as_json : bool
        Whether the report is printed to stdout too.
    quiet : bool
        Whether the text is left out.
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt("run the same command again to go on") from interrupt
    finally:
        if run.has_begun:
            report = run.report()
            if as_json:
                print_json(report, lines=False)
            if not quiet:
                click.echo(text(report), err=True)


def exit_if_failed(n_failed: int, *, of: int) -> None:
    """End the command with the exit code for failures: some inputs could not be read, or none."""
    if n_failed:
        click.get_current_context().exit(EXIT_NOTHING_READ if n_failed == of else EXIT_INCOMPLETE)
