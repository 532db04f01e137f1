"""The command `sourceprint`: every command parses its options, calls one function, and prints.

Data goes to stdout, messages and progress to stderr. What takes long to import is imported in the commands, so that
`--help` answers at once. Exit codes:

    0    done (a match is no failure)
    2    usage: an unknown option, id or layer, an unusable list
    3    nothing could be read
    4    incomplete: some files failed, the others were done
    5    index missing, incompatible, damaged or in use
    130  interrupted; the same command continues
"""

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click

from fingerprint.errors import SourceprintError, printable

__all__ = ["main", "sourceprint"]

EXIT_NOTHING_READ = 3
EXIT_INCOMPLETE = 4
EXIT_INDEX = 5
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141  # as a process that SIGPIPE ended

PROGRESS_DELAY_SECONDS = 2
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_PATH = click.Path(path_type=Path)


class _Commands(click.Group):
    """A group of commands whose expected errors become one message and their exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        if os.environ.get("NO_COLOR"):
            ctx.color = False
        try:
            return super().invoke(ctx)
        except SourceprintError as error:
            _complain(str(error))
            ctx.exit(error.exit_code)
        except KeyboardInterrupt as interrupt:
            _complain("; ".join(["interrupted", *interrupt.args]))
            ctx.exit(EXIT_INTERRUPTED)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes
            ctx.exit(EXIT_BROKEN_PIPE)
        except OSError as error:
            _complain(f"{printable(str(error.filename or 'input or output'))}: {error.strerror}")
            ctx.exit(EXIT_INCOMPLETE)
        except MemoryError:
            _complain("out of memory; give fewer --jobs")
            ctx.exit(EXIT_INCOMPLETE)


_index_option = click.option(
    "--index", metavar="DIR", envvar="SOURCEPRINT_INDEX", type=_PATH,
    help="Folder of the index  [default: $SOURCEPRINT_INDEX, else one per user]",
)  # fmt: skip
_jobs_option = click.option(
    "--jobs", metavar="N", type=click.IntRange(min=1),
    help="Worker processes, of one thread each  [default: by number of files and processors]",
)  # fmt: skip
_json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
_jsonl_option = click.option("--jsonl", "as_jsonl", is_flag=True, help="Print one JSON object per line.")
_quiet_option = click.option("--quiet", is_flag=True, help="Print no progress, notes or summary; errors still.")


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="sourceprint", prog_name="sourceprint", message="%(prog)s %(version)s")
def sourceprint() -> None:
    """Find which recordings a track reuses: where, at what pitch and tempo, and how sure that is.

    Example: sourceprint demo
    """


@sourceprint.command()
@click.option("--index", metavar="DIR", type=_PATH, help="Keep the demo's index in this new folder.")
@_jobs_option
def demo(index: Path | None, jobs: int | None) -> None:
    """Show what is found, on music synthesised for the purpose.

    Makes a small catalogue and tracks that reuse passages of it, altered; matches them; prints truth beside findings.

    Example: sourceprint demo
    """
    from benchmarks.demo import run_demo

    if not run_demo(click.echo, index, jobs or min(2, os.cpu_count() or 1)):
        _complain("the findings differ from the truth; please report this")
        click.get_current_context().exit(EXIT_INCOMPLETE)


@sourceprint.command()
@click.argument("words", metavar="[PART]... [-- OPTIONS OF PARTS]", nargs=-1)
@click.option("--list", "list_parts", is_flag=True, help="Name the parts, and do nothing.")
@click.option("--full", is_flag=True, help="The full version: narrow intervals, two hours and 40 GB on 5 h of music.")
@click.option(
    "--corpus", metavar="PATH",
    help="Measure on the music in this folder or list  "
    "[default: synthesised music; with --full, $SOURCEPRINT_CORPUS if set]",
)  # fmt: skip
@click.option(
    "--out", metavar="DIR", type=_PATH, default="sourceprint-bench", show_default=True,
    help="Folder of the reports, RESULTS.md and pictures.",
)  # fmt: skip
@click.option(
    "--jobs", metavar="N", type=click.IntRange(min=1),
    help="Worker processes, of one thread each  [default: one per processor]",
)  # fmt: skip
@click.option("--seed", metavar="N", type=click.IntRange(min=0), default=0, show_default=True, help="Of every draw.")
@click.option(
    "--cache", metavar="DIR", type=_PATH,
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
    _use_one_thread()
    from benchmarks.suite import Request, list_of_parts, run_suite

    if list_parts:
        click.echo(list_of_parts())
        return
    request = Request(words, full, corpus, out, jobs or os.cpu_count() or 1, seed, cache)
    if run_suite(request, say=click.echo, note=_note, complain=_complain):
        click.get_current_context().exit(EXIT_INCOMPLETE)


@sourceprint.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=_PATH)
@_index_option
@_jobs_option
@_json_option
@_quiet_option
def add(paths: tuple[Path, ...], index: Path | None, jobs: int | None, as_json: bool, quiet: bool) -> None:
    """Add recordings: audio files, folders of them, or lists.

    A list is a CSV or TSV with the columns path, id, title, artist, isrc, tags, exclude, of which only path is needed.
    Without an id, the file's name less its ending is the id. What is in the index already is skipped, so an interrupted
    run is continued by the same command.

    Example: sourceprint add music
    """
    _add(paths, index, jobs, as_json=as_json, quiet=quiet, replacing=False)


@sourceprint.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=_PATH)
@_index_option
@_jobs_option
@_json_option
@_quiet_option
def replace(paths: tuple[Path, ...], index: Path | None, jobs: int | None, as_json: bool, quiet: bool) -> None:
    """Replace recordings; files, folders or lists as for add.

    Example: sourceprint replace remastered.csv
    """
    _add(paths, index, jobs, as_json=as_json, quiet=quiet, replacing=True)


@sourceprint.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@_index_option
@_quiet_option
def remove(ids: tuple[str, ...], index: Path | None, quiet: bool) -> None:
    """Remove recordings by id: all that are named, or none.

    Example: sourceprint remove "01 Intro" "02 Song"
    """
    from index.store import Store

    wanted = dict.fromkeys(ids)
    with Store.open(_place(index)).writer() as writer:
        for recording_id in wanted:
            writer.remove(recording_id)
    if not quiet:
        click.echo(f"{_count(len(wanted), 'recording')} removed", err=True)


@sourceprint.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("--add", "added", metavar="TAG", multiple=True, help="Give this tag; may be repeated.")
@click.option("--remove", "removed", metavar="TAG", multiple=True, help="Take this tag away; may be repeated.")
@_index_option
@_quiet_option
def tag(
    ids: tuple[str, ...], added: tuple[str, ...], removed: tuple[str, ...], index: Path | None, quiet: bool
) -> None:
    """Give recordings tags, take tags away, or show them.

    A tag is a short text that means nothing to Sourceprint, such as a licence, a territory or a label; match searches
    by tag. All recordings that are named are changed, or none.

    Example: sourceprint tag "01 Intro" "02 Song" --add sync
    """
    from index.changes import change_tags
    from index.store import Store
    from index.tables import recordings_table

    store = Store.open(_place(index))
    if added or removed:
        n_changed = change_tags(store, ids, added=added, removed=removed)
        if not quiet:
            click.echo(f"{_count(n_changed, 'recording')} changed", err=True)
    else:
        snapshot = store.snapshot()
        click.echo(recordings_table([snapshot.by_id(recording_id) for recording_id in dict.fromkeys(ids)]))


@sourceprint.command()
@click.argument("recording_id", metavar="ID")
@click.argument("ranges", metavar="[RANGE]...", nargs=-1)
@click.option("--clear", is_flag=True, help="Let everything count again that was excluded before.")
@_index_option
@_quiet_option
def exclude(recording_id: str, ranges: tuple[str, ...], clear: bool, index: Path | None, quiet: bool) -> None:
    """Exclude parts of a recording, or show what is excluded.

    For samples and other parts that are not the owner's: they are not matched, nor ever reported. A range is START-END,
    each in seconds, m:ss or h:mm:ss. Ranges are added to those that are excluded already; without any, these are
    printed.

    Example: sourceprint exclude "01 Intro" 0:00-0:12.5 75-80.25
    """
    from index.changes import change_exclusions
    from index.facts import ranges_text
    from index.store import Store

    store = Store.open(_place(index))
    if ranges or clear:
        excluded = change_exclusions(store, recording_id, ranges, clear=clear)
        if not quiet:
            click.echo(f"excluded now: {ranges_text(excluded) or 'nothing'}", err=True)
    else:
        for pair in store.snapshot().by_id(recording_id).excluded:
            click.echo(ranges_text((pair,)))


@sourceprint.command("list")
@_index_option
@_json_option
@_jsonl_option
def list_(index: Path | None, as_json: bool, as_jsonl: bool) -> None:
    """List the recordings in the index, by id.

    Example: sourceprint list
    """
    from index.recordings import recording_to_json
    from index.store import Store
    from index.tables import recordings_table

    _one_format(as_json, as_jsonl)
    recordings = sorted(Store.open(_place(index)).snapshot().recordings, key=lambda recording: recording.id)
    if as_json or as_jsonl:
        _print_json([recording_to_json(recording) for recording in recordings], lines=as_jsonl)
    else:
        click.echo(recordings_table(recordings))


@sourceprint.command()
@_index_option
@_json_option
def info(index: Path | None, as_json: bool) -> None:
    """Show what the index holds, its size and parameters.

    Example: sourceprint info
    """
    from index.store import Store
    from index.tables import info_text

    facts = Store.open(_place(index)).info()
    if as_json:
        _print_json(facts, lines=False)
    else:
        click.echo(info_text(facts))


@sourceprint.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@_index_option
@click.option(
    "--min-seconds", metavar="S", type=click.FloatRange(min=3.0), default=10.0, show_default=True,
    help="Leave out pairs with less audio in common.",
)  # fmt: skip
@_json_option
@_jsonl_option
@_quiet_option
def duplicates(
    ids: tuple[str, ...], index: Path | None, min_seconds: float, as_json: bool, as_jsonl: bool, quiet: bool
) -> None:
    """Show recordings that have audio in common.

    Duplicates, remasters, edits, compilations, samples: each pair once, the longest first, with times in both. With
    ids, only pairs with those recordings.

    Example: sourceprint duplicates --min-seconds 30
    """
    _one_format(as_json, as_jsonl)
    _use_one_thread()
    from index.overlap_text import overlaps_table
    from index.overlaps import find_overlaps, longest_first, overlap_to_json
    from index.store import Store

    snapshot = Store.open(_place(index)).snapshot()
    wanted = list(dict.fromkeys(ids)) or None
    found = []
    with _progress(len(wanted or snapshot.recordings), quiet, unit="recording") as tell:
        for overlaps in find_overlaps(snapshot, wanted, min_seconds=min_seconds):
            tell.step()
            found += overlaps
    found = longest_first(found)
    if as_json or as_jsonl:
        _print_json([overlap_to_json(overlap) for overlap in found], lines=as_jsonl)
    elif found:
        click.echo(overlaps_table(found))
    elif not quiet:
        _note(f"no two recordings have {min_seconds:g} s of audio in common")


@sourceprint.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=_PATH)
@_index_option
@click.option("--layer", metavar="NAME", default="recording", show_default=True, help="Descriptors to search.")
@click.option("--thorough", is_flag=True, help="Search tempo and speed from half to one and two thirds; slower.")
@click.option(
    "--max-false-per-1000h", metavar="X", type=float, default=1.0, show_default=True,
    help="False matches to put up with in 1 000 hours of audio; more finds fainter and shorter reuse.",
)  # fmt: skip
@click.option(
    "--only", metavar="WHICH", multiple=True,
    help="Search only these recordings: id:ID, tag:TAG, or @FILE with one id per line; may be repeated.",
)  # fmt: skip
@click.option("--exclude", metavar="WHICH", multiple=True, help="Do not search these recordings; as --only.")
@_jobs_option
@_json_option
@_jsonl_option
@_quiet_option
def match(
    files: tuple[Path, ...],
    index: Path | None,
    layer: str,
    thorough: bool,
    max_false_per_1000h: float,
    only: tuple[str, ...],
    exclude: tuple[str, ...],
    jobs: int | None,
    as_json: bool,
    as_jsonl: bool,
    quiet: bool,
) -> None:
    """Find which indexed recordings audio files reuse.

    Example: sourceprint match track.mp3
    """
    _one_format(as_json, as_jsonl)
    _use_one_thread()
    from index.filters import Filter
    from index.intake import collect
    from index.scan_json import scan_to_json
    from index.scan_text import scan_block
    from index.scanning import scan_files
    from index.search import STANDARD, THOROUGH

    intake = collect(files, lists=False)
    options = THOROUGH if thorough else STANDARD
    scans = scan_files(
        _place(index),
        intake.items,
        layer=layer,
        options=options,
        max_false_per_1000h=max_false_per_1000h,
        which=Filter.parse(only, exclude),
        jobs=jobs,
    )
    results: list[dict[str, Any]] = []
    n_failed = len(intake.refusals)
    with _progress(len(intake.items), quiet) as tell, closing(scans):
        for refusal in intake.refusals:
            tell.complain(str(refusal))
        try:
            for scan in scans:
                tell.step()
                if scan.failed:
                    n_failed += 1
                    tell.complain(f"{printable(scan.path)}: {scan.reason}")
                if as_json:
                    results.append(scan_to_json(scan))
                else:
                    tell.data(json.dumps(scan_to_json(scan)) if as_jsonl else scan_block(scan))
        finally:  # when interrupted, what is done is printed all the same
            if as_json and results:
                _print_json(results, lines=False)
    if as_json and not results:
        _print_json([], lines=False)
    _exit_if(n_failed, of=len(intake))


@sourceprint.command()
@click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=_PATH)
@click.option(
    "-o", "--output", "folder", metavar="DIR", type=_PATH, required=True, help="Folder of the files; made if missing."
)
@click.option(
    "--role", type=click.Choice(["both", "reference", "query"]), default="both", show_default=True,
    help="To be added (up to 10 MB per hour of audio), to be matched (113 MB), or both.",
)  # fmt: skip
@click.option("--thorough", is_flag=True, help="Fit for match --thorough too (297 MB per hour instead of 113).")
@_jobs_option
@_json_option
@_quiet_option
def fingerprint(
    paths: tuple[Path, ...], folder: Path, role: str, thorough: bool, jobs: int | None, as_json: bool, quiet: bool
) -> None:
    """Make files that stand for audio that is not at hand.

    Files, folders or lists as for add; of each, one file that ends in .spf, which add, replace and match take as they
    take the audio. Prints their paths. What is made already is kept, so an interrupted run is continued by the same
    command.

    Example: sourceprint fingerprint music -o prints
    """
    _use_one_thread()
    from index.describing import BOTH, Description
    from index.intake import collect
    from index.search import STANDARD, THOROUGH
    from index.tables import description_text

    intake = collect(paths, fingerprints=False)
    roles = BOTH if role == "both" else frozenset(known for known in BOTH if known == role)
    description = Description(folder, scales=(THOROUGH if thorough else STANDARD).scales, roles=roles, jobs=jobs)
    try:
        with _progress(len(intake), quiet) as tell, closing(description.run(intake)) as outcomes:
            for outcome in outcomes:
                tell.step()
                say = tell.complain if outcome.kind == "failed" else tell.note
                for remark in outcome.remarks:
                    say(f"{outcome.name}: {remark}")
                if outcome.target is not None and not as_json:
                    tell.data(printable(outcome.target))
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt("run the same command again to go on") from interrupt
    finally:  # when interrupted, or on a full disk, what is made is said all the same
        if description.has_begun:
            report = description.report()
            if as_json:
                _print_json(report, lines=False)
            if not quiet:
                click.echo(description_text(report), err=True)
    _exit_if(len(description.failures), of=len(intake))


@sourceprint.command()
@_index_option
@click.option("--repair", is_flag=True, help="Take what is damaged out of the index, so that the rest can be used.")
def verify(index: Path | None, repair: bool) -> None:
    """Compare every file of the index with its checksum.

    Example: sourceprint verify
    """
    from index.verification import repair_index, verify_index

    if repair:
        problems = repair_index(_place(index))
    else:
        with _progress(None, False, unit="B", unit_scale=True) as tell:
            problems = verify_index(_place(index), progress=tell.step)
    for problem in problems:
        ids = ", ".join(printable(recording_id) for recording_id in problem.recordings)
        what = f"it concerns {_count(problem.n_recordings, 'recording')}: {ids or 'their names cannot be read'}"
        if not problem.n_recordings:
            what = "it concerns no recording, and is computed again by the next add or remove once it is taken out"
        click.echo(f"{printable(problem.path)}: {problem.what}; {what}")
    if not problems:
        click.echo("all files are as they were written", err=True)
    elif repair:
        click.echo("taken out of the index; add these recordings again", err=True)
    else:
        _complain("the index is damaged; verify --repair takes out what is, then add those recordings again")
        click.get_current_context().exit(EXIT_INDEX)


@sourceprint.command()
@_index_option
@_quiet_option
def compact(index: Path | None, quiet: bool) -> None:
    """Rewrite the index without what was removed.

    It becomes one segment, with lists that suit its size, and needs as much room again meanwhile. Readers may go on;
    what they have open is deleted with the next change after they have finished.

    Example: sourceprint compact
    """
    _use_one_thread()
    from index.store import Store
    from index.tables import compaction_text

    store = Store.open(_place(index))
    with store.writer() as writer:
        before = store.info()
        writer.compact()
    if not quiet:
        click.echo(compaction_text(before, store.info()), err=True)


@sourceprint.command()
@click.argument("file", metavar="FILE", type=_PATH)
@_index_option
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@_json_option
@_quiet_option
def export(file: Path, index: Path | None, force: bool, as_json: bool, quiet: bool) -> None:
    """Write the whole index as one file.

    Every checksum is compared on the way. The same state gives the same file, byte for byte. Prints the SHA-256 of the
    file and the digest of the index.

    Example: sourceprint export catalogue.tar
    """
    from index.transport import archive_to_json, export_index

    with _progress(None, quiet, unit="B", unit_scale=True) as tell:
        archive = export_index(_place(index), file, force=force, progress=tell.step)
    _print_archive(archive_to_json(archive), as_json=as_json)


@sourceprint.command("import")
@click.argument("file", metavar="FILE", type=_PATH)
@_index_option
@_json_option
@_quiet_option
def import_(file: Path, index: Path | None, as_json: bool, quiet: bool) -> None:
    """Make an index from a file that export wrote.

    The folder must be new or empty. Everything is verified before the index appears; an interrupted run leaves no
    index. Prints the same as export.

    Example: sourceprint import catalogue.tar --index copy
    """
    from index.transport import archive_to_json, import_index

    with _progress(None, quiet, unit="B", unit_scale=True) as tell:
        archive = import_index(file, _place(index), progress=tell.step)
    _print_archive(archive_to_json(archive), as_json=as_json)


def main(args: list[str] | None = None) -> None:
    """Run the command; does not return."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a letter is no reason to stop
    sourceprint.main(args, prog_name="sourceprint")


def _add(
    paths: tuple[Path, ...], index: Path | None, jobs: int | None, *, as_json: bool, quiet: bool, replacing: bool
) -> None:
    _use_one_thread()
    from index.adding import Addition
    from index.intake import collect
    from index.overlap_text import overlap_text
    from index.tables import addition_text

    intake = collect(paths)
    addition = Addition(_place(index), jobs=jobs, replacing=replacing)
    try:
        with _progress(len(intake), quiet) as tell, closing(addition.run(intake)) as outcomes:
            for outcome in outcomes:
                tell.step()
                say = tell.complain if outcome.kind == "failed" else tell.note
                for remark in outcome.remarks:
                    say(f"{outcome.name}: {remark}")
            for overlap in addition.overlaps:
                tell.note(overlap_text(overlap))
            if addition.n_overlaps > len(addition.overlaps):
                tell.note(f"{addition.n_overlaps} pairs have audio in common; see sourceprint duplicates")
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt("run the same command again to go on") from interrupt
    finally:  # when interrupted, or on a full disk, what is safe is said all the same
        if addition.has_begun:
            report = addition.report()
            if as_json:
                _print_json(report, lines=False)
            if not quiet:
                click.echo(addition_text(report), err=True)
    _exit_if(len(addition.failures), of=len(intake))


class _Teller:
    """Prints beside a progress bar: data to stdout, the rest to stderr."""

    def __init__(self, bar: Any, quiet: bool) -> None:
        self._bar = bar
        self._quiet = quiet

    def step(self, n: int = 1) -> None:
        self._bar.update(n)

    def data(self, text: str) -> None:
        self._bar.clear()  # it is drawn again with the next step
        click.echo(text)

    def note(self, text: str) -> None:
        if not self._quiet:
            self._bar.clear()
            _note(text)

    def complain(self, text: str) -> None:
        self._bar.clear()
        _complain(text)


@contextmanager
def _progress(total: int | None, quiet: bool, *, unit: str = "file", unit_scale: bool = False) -> Iterator[_Teller]:
    from tqdm import tqdm

    hidden = quiet or not sys.stderr.isatty()
    delay = PROGRESS_DELAY_SECONDS
    with tqdm(total=total, unit=unit, unit_scale=unit_scale, delay=delay, leave=False, disable=hidden) as bar:
        yield _Teller(bar, quiet)


def _note(text: str) -> None:
    click.echo(f"Note: {printable(text)}", err=True)


def _complain(text: str) -> None:
    click.echo(click.style("Error: ", fg="red") + printable(text), err=True)


def _place(index: Path | None) -> Path:
    if index is not None:
        return index
    import platformdirs

    return platformdirs.user_data_path("sourceprint", appauthor=False) / "index"


def _use_one_thread() -> None:
    """One thread per process, for whatever library is loaded from here on: --jobs says how many processors are used."""
    for name in _THREAD_VARIABLES:
        os.environ.setdefault(name, "1")


def _one_format(as_json: bool, as_jsonl: bool) -> None:
    if as_json and as_jsonl:
        raise click.UsageError("--json and --jsonl: give one of them")


def _print_json(value: Any, *, lines: bool) -> None:
    if lines:
        for item in value:
            click.echo(json.dumps(item))
    else:
        click.echo(json.dumps(value, indent=2))


def _print_archive(facts: dict[str, Any], *, as_json: bool) -> None:
    from index.tables import archive_text

    if as_json:
        _print_json(facts, lines=False)
    else:
        click.echo(archive_text(facts))


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def _exit_if(n_failed: int, *, of: int) -> None:
    if n_failed:
        click.get_current_context().exit(EXIT_NOTHING_READ if n_failed == of else EXIT_INCOMPLETE)


if __name__ == "__main__":
    main()
