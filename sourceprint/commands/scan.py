"""Scans of many files: `scan` keeps every result in the folder of a run, `results` and `diff` read them."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sourceprint.commands.lists import ListOptions, list_options, reading_of
from sourceprint.commands.named_files import INPUT
from sourceprint.commands.progress import COMPILING, progress, stop_on_signals
from sourceprint.commands.terminal import (
    EXIT_FINDINGS,
    EXIT_INCOMPLETE,
    EXIT_NOTHING_READ,
    PATH,
    final_report,
    index_option,
    index_place,
    jobs_option,
    json_option,
    note,
    print_json,
    quiet_option,
    search_options,
    use_one_thread,
)
from sourceprint.exports.kinds import FOLDERS, FORMATS, TEXTS, place_help
from sourceprint.text.tables import counted

if TYPE_CHECKING:
    from sourceprint.lists import ListReading
    from sourceprint.scans.plan import Plan
    from sourceprint.scans.session import Session

__all__ = ["diff", "results", "scan"]

_WHY_AGAIN = {
    "other index": "the results were from another state of the index",
    "other settings": "the results were made with other settings",
    "other content": "the content has changed",
    "failed before": "the search failed before",
}


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=INPUT)
@click.option(
    "--out", metavar="RUN", type=PATH, required=True, help="Folder of the run; made if missing, else gone on with."
)
@list_options()
@index_option
@search_options
@click.option("--retry-failed", is_flag=True, help="Try files again that failed before.")
@click.option("--watch", is_flag=True, help="Follow the folders until Ctrl-C or SIGTERM.")
@click.option(
    "--settle", metavar="SECONDS", type=float, default=5.0, show_default=True,
    help="With --watch: take a file once it has stayed the same for so long.",
)  # fmt: skip
@click.option(
    "--move-to", metavar="DIR", type=PATH,
    help="With --watch: move files there once their results, which say so, are safe; those that failed stay, and those "
    "whose end is missing.",
)  # fmt: skip
@jobs_option
@json_option
@quiet_option
def scan(
    paths: tuple[str, ...],
    out: Path,
    lists: ListOptions,
    index: Path | None,
    layer: str,
    thorough: bool,
    max_false_per_1000h: float,
    only: tuple[str, ...],
    exclude: tuple[str, ...],
    retry_failed: bool,
    watch: bool,
    settle: float,
    move_to: Path | None,
    jobs: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Match many files, or folders that grow; keep every result.

    In a folder, files are taken by their content, under any name; a file that may be audio and cannot be searched, such
    as an archive with audio in it, is reported and logged, and so are files that are no audio.

    After any interruption, the same command continues the scan, and searches nothing twice: a file is known by its
    content, the state of the index and the settings. The folder holds a result per file (results.jsonl), a log of
    events (log.jsonl), and the data for a recheck of each match (traces). Prints the totals of the run.

    Example: sourceprint scan generated --out run
    """
    if move_to is not None and not watch:
        raise click.UsageError("--move-to: moves files out of a watched folder; give --watch too")
    use_one_thread()
    from index.search.match import options_of
    from sourceprint.scans.run_inputs import Search
    from sourceprint.scans.session import Session

    search = Search(
        index_place(index),
        options=options_of(
            layer=layer, thorough=thorough, max_false_per_1000h=max_false_per_1000h, only=only, exclude=exclude
        ),
        jobs=jobs,
        permit=lambda: index_place(index),  # a grant may expire while a folder is followed
    )
    arguments = _plain(click.get_current_context().params)
    session = Session(out, search, arguments=arguments, retry_failed=retry_failed)
    with final_report(session, lambda _: _summary_of(session), as_json=as_json, quiet=quiet), session:
        if watch:
            _follow(session, tuple(map(Path, paths)), settle, move_to, quiet)
        else:
            with reading_of(index_place(index), lists, only_paths=True) as reading:
                _scan_once(session, paths, reading, out, quiet)
    if session.n_failed == session.n_given and not (watch and not session.n_given):
        click.get_current_context().exit(EXIT_NOTHING_READ)
    if session.refusals or session.summary.failures or session.summary.incomplete_files:
        click.get_current_context().exit(EXIT_INCOMPLETE)


@click.command()
@click.argument("place", metavar="RUN", type=PATH)
@click.option(
    "--format", "form", required=True,
    type=click.Choice(list(FORMATS)),
    help=f"{'; '.join(f'{name}: {kind.meaning}' for name, kind in FORMATS.items())}.",
)  # fmt: skip
@click.option(
    "-o", "--output", "target", metavar="PATH", type=PATH,
    help=place_help(),
)  # fmt: skip
@click.option("--only-matched", is_flag=True, help="Leave out files that matched nothing or failed.")
@click.option("--force", is_flag=True, help="Replace existing files; a folder that holds others is refused.")
@quiet_option
def results(place: Path, form: str, target: Path | None, only_matched: bool, force: bool, quiet: bool) -> None:
    """Put the results of a scan into the format of another tool.

    RUN is the folder of a scan, or a file that match --jsonl printed.

    Example: sourceprint results RUN --format csv -o matches.csv
    """
    from sourceprint.exports.formats import export_chunks, write_export
    from sourceprint.scans.run_folder import expect_elsewhere, results_of
    from sourceprint.scans.summary import q_values

    if target is None and form not in TEXTS:
        raise click.UsageError(f"--format {form} is no single text: name its place with -o")
    if target is not None:
        expect_elsewhere(target, place)
    every = results_of(place)
    rates = q_values(every)  # of the whole batch, before some are left out below
    wanted = [result for result in every if result.matches or not only_matched]
    if target is None:
        with click.open_file("-", "wb") as stdout:
            for chunk in export_chunks(wanted, form, rates):
                stdout.write(chunk)
        return
    n_files = write_export(wanted, form, target, rates, replace=force)
    if not quiet and form in FOLDERS:
        of_matches = FORMATS[form].of_matches
        in_it = sum(bool(result.matches) if of_matches else result.searched for result in wanted)
        why = "that matched nothing" if of_matches else "that could not be searched"
        left_out = f"; {counted(len(wanted) - in_it, 'file')} {why} left out" if in_it < len(wanted) else ""
        note(f"{target}: {counted(n_files, 'file')} about {counted(in_it, 'file')} scanned{left_out}")


@click.command()
@click.argument("before", metavar="A", type=PATH)
@click.argument("after", metavar="B", type=PATH)
@click.option(
    "--tolerance", metavar="SECONDS", type=float, default=0.25, show_default=True,
    help="Largest move of the ends of an unchanged passage.",
)  # fmt: skip
@click.option("--exit-code", is_flag=True, help="Exit with 1 if anything changed.")
@json_option
def diff(before: Path, after: Path, tolerance: float, exit_code: bool, as_json: bool) -> None:
    """Show the changes between two scans of the same files.

    A and B are folders of scans, or files that match --jsonl printed. Files are paired by content, else by name;
    unchanged files are counted only.

    Example: sourceprint diff RUN-A RUN-B
    """
    from sourceprint.scans.diff import Tolerance, compare
    from sourceprint.scans.diff_report import diff_json, diff_text
    from sourceprint.scans.run_folder import results_of

    limits = Tolerance(span_seconds=tolerance)
    difference = compare(results_of(before), results_of(after), limits)
    if as_json:
        print_json(diff_json(difference), lines=False)
    else:
        click.echo(diff_text(difference))
    if exit_code and difference:
        click.get_current_context().exit(EXIT_FINDINGS)


def _scan_once(session: "Session", paths: tuple[str, ...], reading: "ListReading", out: Path, quiet: bool) -> None:
    """Scan the files that exist now."""
    from index.search.match import is_compiled
    from sourceprint.scans.run_inputs import run_inputs

    inputs = run_inputs(paths, run=out, reading=reading)
    session.refuse(inputs.refusals)
    session.pass_over(inputs.others)
    with progress(len(inputs.items), quiet) as tell:
        for text in inputs.notes:
            tell.note(text)
        for refusal in inputs.refusals:
            tell.remark(refusal.name, refusal.reason, failed=True)
        plan = session.plan(inputs.items, step=tell.step)
        for text in [*_notes_on_start(session), *_notes(plan), *_notes_on_again(Counter(plan.again.values()))]:
            tell.note(text)
    n_copies = len(plan.copies) + sum(map(len, plan.followers.values()))
    with progress(len(plan.search) + n_copies, quiet, in_lines=True) as tell:
        if plan.search and not is_compiled():
            tell.note(COMPILING)
        for outcome in session.scan(plan):
            tell.outcome(outcome)
        late = inputs.late()
        session.refuse(late)
        for refusal in late:
            tell.complain(str(refusal))


def _follow(session: "Session", paths: tuple[Path, ...], settle: float, move_to: Path | None, quiet: bool) -> None:
    """Scan existing files, and new ones as they come."""
    from index.search.match import is_compiled
    from sourceprint.scans.watch import follow

    with stop_on_signals() as stop, progress(None, quiet, in_lines=True) as tell:
        if not is_compiled():
            tell.note(COMPILING)
        told: Counter[str] = Counter()
        for text in _notes_on_start(session):
            tell.note(text)
        for outcome in follow(session, paths, stop=stop, settle_seconds=settle, move_to=move_to):
            for text in _notes_on_again(session.again - told):
                tell.note(text)
            told = session.again
            tell.outcome(outcome)


def _notes_on_start(session: "Session") -> list[str]:
    notes = []
    if session.journal.dropped_bytes:
        notes.append(
            "an earlier scan was cut off in the middle of a result; the file that it was about is scanned again"
        )
    for version, n in session.made_by_others.items():
        notes.append(
            f"{counted(n, 'result')} on record {'was' if n == 1 else 'were'} made by version {version} of the "
            "program and not by this one; give a new folder to --out to scan everything anew"
        )
    return notes


def _notes(plan: "Plan") -> list[str]:
    notes = []
    if plan.kept:
        notes.append(f"{counted(len(plan.kept), 'file')} on record already")
    n_failed = sum(not entry.searched for entry in plan.kept)
    if n_failed:
        notes.append(f"{n_failed} of them failed before and {'is' if n_failed == 1 else 'are'} not tried again; "
                     "--retry-failed does that")  # fmt: skip
    return notes


def _notes_on_again(reasons: Mapping[str, int]) -> list[str]:
    return [f"{counted(n, 'file')} to be searched again: {_WHY_AGAIN[reason]}" for reason, n in reasons.items()]


def _summary_of(session: "Session") -> str:
    from sourceprint.inputs import other_files_text
    from sourceprint.scans.summary import summary_text

    refused = f"{len(session.refusals)} refused: not searched, or not all of it, as told above"
    lines = [summary_text(session.summary), refused if session.refusals else "", other_files_text(session.others)]
    return "\n".join(filter(None, lines))


def _plain(params: dict[str, Any]) -> dict[str, Any]:
    """Return the options of the command as plain JSON types."""
    return {
        name: [str(item) for item in value]
        if isinstance(value, tuple)
        else str(value)
        if isinstance(value, Path)
        else value
        for name, value in params.items()
    }
