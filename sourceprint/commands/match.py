"""Matches of a few files: `match` names the recordings that they reuse, `fingerprint` files stand for audio."""

import functools
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fingerprint.errors import printable
from sourceprint.commands.lists import ListOptions, catalogue_audio, list_options, reading_of
from sourceprint.commands.named_files import INPUT, name_option, piped_input
from sourceprint.commands.progress import COMPILING, progress
from sourceprint.commands.terminal import (
    EXIT_INCOMPLETE,
    PATH,
    exit_if_failed,
    final_report,
    index_option,
    index_place,
    jobs_option,
    json_option,
    json_text,
    jsonl_option,
    layers_option,
    note,
    one_format,
    print_json,
    quiet_option,
    search_options,
    terminal_width,
    use_one_thread,
)

if TYPE_CHECKING:
    from sourceprint.inputs import NamedInputs
    from sourceprint.items import Item

__all__ = ["fingerprint", "match"]

_COMPOSITION = "composition"


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=INPUT)
@name_option
@list_options()
@index_option
@search_options
@click.option(
    "--explain", is_flag=True,
    help="Explain why the closest recordings are no match, and which audio or settings would change that; slower.",
)  # fmt: skip
@click.option(
    "--against", metavar="ID", multiple=True,
    help="With --explain: say it of this recording, found or not; may be repeated.",
)  # fmt: skip
@click.option(
    "--report", "report_folder", metavar="DIR", type=PATH, help="Make pages of the matches too, in this new folder."
)
@click.option(
    "--catalogue", metavar="PATH", multiple=True, type=PATH,
    help="With --report: audio of recordings, to draw them; a file, folder or list; may be repeated.",
)  # fmt: skip
@jobs_option
@json_option
@jsonl_option
@quiet_option
def match(
    files: tuple[str, ...],
    name: str | None,
    index: Path | None,
    layer: str,
    thorough: bool,
    max_false_per_1000h: float,
    only: tuple[str, ...],
    exclude: tuple[str, ...],
    explain: bool,
    against: tuple[str, ...],
    report_folder: Path | None,
    catalogue: tuple[Path, ...],
    lists: ListOptions,
    jobs: int | None,
    as_json: bool,
    as_jsonl: bool,
    quiet: bool,
) -> None:
    """Find which indexed recordings audio files reuse.

    FILE is an audio file, a folder, all of whose audio is searched by its content, or -, standard input.

    --layer composition finds works instead: melody and harmony of a recording in another performance, key and tempo. It
    takes an index that has this layer (add --layers recording,composition).

    Example: sourceprint match track.mp3
    """
    one_format(as_json, as_jsonl)
    if against and not explain:
        raise click.UsageError("--against: names the recordings that --explain explains; give both")
    if catalogue and report_folder is None:
        raise click.UsageError("--catalogue: is drawn on the pages of --report; give both")
    is_of_works = layer == _COMPOSITION
    if is_of_works:
        is_given = click.get_current_context().get_parameter_source("max_false_per_1000h")
        far = is_given is click.core.ParameterSource.COMMANDLINE
        _refuse_unused(thorough=thorough, max_false_per_1000h=far, explain=explain, report=report_folder)
    use_one_thread()
    audio = catalogue_audio(catalogue, lists, quiet=quiet)  # before anything is searched
    from fingerprint.streams import notes_on_unsearched
    from index.explain.explanation import Question
    from index.search.match import is_compiled, options_of
    from sourceprint.inputs import collect, other_files_text, present
    from sourceprint.scans.scan import scan_files
    from sourceprint.scans.scan_json import scan_result
    from sourceprint.scans.scan_text import explained_block, scan_block

    with reading_of(index_place(index), lists, only_paths=True) as reading:
        inputs = present(collect(files, piped=piped_input(files, name), reading=reading))
    if is_of_works:
        _match_works(
            index_place(index), inputs, only=only, exclude=exclude, jobs=jobs, as_json=as_json, as_jsonl=as_jsonl,
            quiet=quiet,
        )  # fmt: skip
        return
    block = functools.partial(explained_block if explain else scan_block, width=terminal_width())
    results: list[dict[str, Any]] = []
    n_failed = len(inputs.refusals)
    is_incomplete = bool(audio.refusals)
    with _traces_for(report_folder) as traces:
        scans = scan_files(
            index_place(index),
            inputs.items,
            options=options_of(
                layer=layer, thorough=thorough, max_false_per_1000h=max_false_per_1000h, only=only, exclude=exclude
            ),
            jobs=jobs,
            traces=traces,
            question=Question(against) if explain else None,
        )
        with progress(len(inputs.items), quiet) as tell, closing(scans):
            if not is_compiled():
                tell.note(COMPILING)
            for text in inputs.notes:
                tell.note(text)
            for refusal in inputs.refusals:
                tell.remark(refusal.name, refusal.reason, failed=True)
            if inputs.others:
                tell.note(other_files_text(inputs.others))
            try:
                for scan in scans:
                    tell.step()
                    if scan.failed:
                        n_failed += 1
                        tell.complain(f"{printable(scan.name)}: {scan.reason}")
                    if scan.unsearched:
                        is_incomplete = True
                        tell.complain(
                            f"{printable(scan.name)}: not all of it was searched: {notes_on_unsearched(scan.notes)}"
                        )
                    if as_json or report_folder is not None:
                        results.append(scan_result(scan).raw)
                    if not as_json:
                        tell.data(json_text(scan_result(scan).raw) if as_jsonl else block(scan))
            finally:  # when interrupted, finished results are printed all the same
                if as_json and results:
                    print_json(results, lines=False)
        if as_json and not results:
            print_json([], lines=False)
        if report_folder is not None and traces is not None:
            n_lost = _report(results, traces, report_folder, audio.items, quiet=quiet)
            is_incomplete = is_incomplete or n_lost > 0
    exit_if_failed(n_failed, of=len(inputs))
    if is_incomplete:
        click.get_current_context().exit(EXIT_INCOMPLETE)


def _refuse_unused(**given: object) -> None:
    """Refuse options of the recording layer, which mean nothing to the composition layer."""
    if unused := [f"--{name.replace('_', '-')}" for name, value in given.items() if value]:
        raise click.UsageError(f"{', '.join(unused)}: not for --layer composition; leave it out")


def _match_works(
    index: Path,
    inputs: "NamedInputs",
    *,
    only: tuple[str, ...],
    exclude: tuple[str, ...],
    jobs: int | None,
    as_json: bool,
    as_jsonl: bool,
    quiet: bool,
) -> None:
    """Print the works that each file plays."""
    from index.search.filters import Filter
    from sourceprint.inputs import other_files_text
    from sourceprint.works.report import work_block, work_result
    from sourceprint.works.search import WorkSearch

    search = WorkSearch(index, Filter.parse(only, exclude) if only or exclude else None)
    results: list[dict[str, Any]] = []
    n_failed = len(inputs.refusals)
    with progress(len(inputs.items), quiet) as tell, closing(search.run(inputs.items, jobs=jobs)) as scans:
        for text in inputs.notes:
            tell.note(text)
        for refusal in inputs.refusals:
            tell.remark(refusal.name, refusal.reason, failed=True)
        if inputs.others:
            tell.note(other_files_text(inputs.others))
        try:
            for scan in scans:
                tell.step()
                if scan.failed:
                    n_failed += 1
                    tell.complain(f"{scan.name}: {scan.reason}")
                result = work_result(scan, search.searched)
                if as_json:
                    results.append(result)
                else:
                    tell.data(json_text(result) if as_jsonl else work_block(scan, width=terminal_width()))
        finally:  # when interrupted, finished results are printed all the same
            if as_json:
                print_json(results, lines=False)
    exit_if_failed(n_failed, of=len(inputs))


@contextmanager
def _traces_for(report_folder: Path | None) -> Iterator[Path | None]:
    """Keep the traces that a report is made from until it is; None without one."""
    if report_folder is None:
        yield None
        return
    from sourceprint.evidence.pages.folder import expect_room

    expect_room(report_folder, replace=False)  # before anything is searched
    with tempfile.TemporaryDirectory(prefix="sourceprint-traces-") as folder:
        yield Path(folder)


def _report(
    records: list[dict[str, Any]], traces: Path, folder: Path, audio: "tuple[Item, ...]", *, quiet: bool
) -> int:
    """Make the pages of the matches, and return how many could not be made as they should be."""
    from sourceprint.evidence.pages.report import ReportOptions, audio_found, write_report
    from sourceprint.scans.results import read_result

    results = [read_result(record) for record in records]
    options = ReportOptions(catalogue=audio)
    made = []
    pages = write_report(results, traces, folder, options)
    with progress(sum(bool(result.matches) for result in results), quiet, unit="page") as tell, closing(pages):
        for page in pages:
            made.append(page)
            tell.outcome(page)
    if not quiet:
        if audio and (words := audio_found(made)):
            note(f"--catalogue: {words}")
        note(f"{folder / 'index.html'}: pages of the matches")
    return sum(page.kind == "failed" for page in made)


class _RoleType(click.Choice[str]):
    """The roles of a fingerprint file, under their older words too."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the role."""
        return super().convert({"reference": "recording", "query": "track"}.get(value, value), param, ctx)


@click.command()
@click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=INPUT)
@click.option(
    "-o", "--output", "folder", metavar="DIR", type=PATH, required=True, help="Folder of the files; made if missing."
)
@click.option(
    "--role", type=_RoleType(["both", "recording", "track"]), default="both", show_default=True,
    help="To be added (up to 10 MB per hour of audio), to be matched (113 MB), or both.",
)  # fmt: skip
@click.option("--thorough", is_flag=True, help="Fit for match --thorough too (334 MB per hour instead of 113).")
@layers_option
@list_options()
@click.option("--anonymous", is_flag=True, help="Call files, and the audio in them, by digest and not by name.")
@jobs_option
@json_option
@quiet_option
def fingerprint(
    paths: tuple[str, ...],
    folder: Path,
    role: str,
    thorough: bool,
    layers: tuple[str, ...],
    anonymous: bool,
    lists: ListOptions,
    jobs: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write fingerprint files, to add or match without the audio.

    Files, folders or lists as for add; of each, one file that ends in .spf, which add, replace and match take as they
    take the audio. Prints their paths. Existing fingerprint files are kept, so an interrupted run is continued by the
    same command.

    Example: sourceprint fingerprint music -o prints
    """
    use_one_thread()
    from fingerprint.extract import is_compiled
    from index.search.match import STANDARD, THOROUGH
    from sourceprint.catalogue.precompute import BOTH, Description
    from sourceprint.inputs import collect, other_files_text
    from sourceprint.text.index_text import description_text

    with reading_of(None, lists) as reading:
        inputs = collect(paths, fingerprints=False, reading=reading)
    roles = BOTH if role == "both" else frozenset(known for known in BOTH if known == role)
    scales = (THOROUGH if thorough else STANDARD).scales
    description = Description(folder, scales=scales, roles=roles, jobs=jobs, anonymous=anonymous, layers=layers)
    with (
        final_report(description, description_text, as_json=as_json, quiet=quiet),
        progress(len(inputs), quiet) as tell,
        closing(description.run(inputs)) as outcomes,
    ):
        if not is_compiled():
            tell.note(COMPILING)
        if inputs.others:
            tell.note(other_files_text(inputs.others))
        for outcome in outcomes:
            tell.outcome(outcome)
            if outcome.target is not None and not as_json:
                tell.data(printable(outcome.target))
    exit_if_failed(len(description.failures), of=len(inputs))
