"""Evidence for others: `report` makes pages to see and to hear, `evidence` signs a case to be checked."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fingerprint.errors import EvidenceError, printable
from sourceprint.commands.lists import ListOptions, catalogue_audio, list_options
from sourceprint.commands.progress import progress
from sourceprint.commands.terminal import (
    EXIT_INCOMPLETE,
    PATH,
    jobs_option,
    json_option,
    keys_option,
    keys_place,
    note,
    print_json,
    quiet_option,
    use_one_thread,
)
from sourceprint.text.tables import counted

if TYPE_CHECKING:
    from sourceprint.evidence.cases.contents import Remarks
    from sourceprint.evidence.pages.report import PageMade, ReportOptions
    from sourceprint.items import Item

_words_option = click.option(
    "--index", "words_from", metavar="DIR", type=PATH,
    help="Take titles, artists and ISRCs as this index has them now  [default: as the scan found them]",
)  # fmt: skip

__all__ = ["evidence", "report", "verify_case"]


@click.command()
@click.argument("run", metavar="RUN", type=PATH)
@click.option("--out", metavar="DIR", type=PATH, required=True, help="Folder of the report; new or empty.")
@click.option("--single-file", is_flag=True, help="Put everything that a page needs into the page, to be mailed.")
@click.option("--with-audio", is_flag=True, help="Add short excerpts of the audio; mind the rights in it.")
@click.option(
    "--catalogue", metavar="PATH", multiple=True, type=PATH,
    help="Audio of recordings: a file, folder or list; draws them, with --with-audio plays them; may be repeated.",
)  # fmt: skip
@list_options()
@_words_option
@click.option("--title", metavar="TEXT", default="Evidence of reuse", show_default=True, help="Heading of the report.")
@click.option("--only", metavar="NAME", multiple=True, help="Report on this file of the run only; may be repeated.")
@click.option("--force", is_flag=True, help="Replace a report that is there already.")
@jobs_option
@quiet_option
def report(
    run: Path,
    out: Path,
    single_file: bool,
    with_audio: bool,
    catalogue: tuple[Path, ...],
    lists: ListOptions,
    words_from: Path | None,
    title: str,
    only: tuple[str, ...],
    force: bool,
    jobs: int | None,
    quiet: bool,
) -> None:
    """Make a web site of a scan's matches, to see and hear them.

    RUN is the folder of a scan. Each matched file gets a page of evidence, each recording one with the files that reuse
    it. Open DIR/index.html in a browser; nothing is loaded from elsewhere. Interrupted, it is continued by the same
    command.

    Example: sourceprint report RUN --out report
    """
    use_one_thread()
    from sourceprint.evidence.pages.report import ReportOptions, write_report
    from sourceprint.scans.run_folder import TRACES, Run, session_times

    inputs = catalogue_audio(catalogue, lists, quiet=quiet)
    results = Run.open(run).results()
    if missing := sorted(set(only) - {result.name for result in results}):
        raise EvidenceError(
            f"--only {printable(missing[0])}: no such file in the run; give a name as its results state it"
        )
    wanted = [result for result in results if not only or result.name in only]
    sessions = session_times(run)
    options = ReportOptions(title, single_file, with_audio, inputs.items, force, jobs, sessions, index=words_from)
    n_matched = sum(bool(result.matches) for result in wanted)
    pages = list(_told(write_report(wanted, run / TRACES, out, options), n_matched, quiet))
    _tell_heard(pages, inputs.items, quiet)
    n_failed = sum(page.kind == "failed" for page in pages)
    n_unheard = sum(bool(page.no_audio) for page in pages)
    if n_unheard and not quiet and not options.needs_audio:
        note(f"the audio of {counted(n_unheard, 'file')} was not at hand, so landmarks alone are drawn of it; "
             f"{out / 'cover.html'} names each")  # fmt: skip
    if not quiet:
        note(f"{out / 'index.html'}: {counted(len(wanted), 'file')}, {counted(n_matched, 'page')} of evidence")
    if n_failed or inputs.refusals:
        click.get_current_context().exit(EXIT_INCOMPLETE)


@click.command()
@click.argument("place", metavar="RUN", type=PATH)
@click.argument("file", metavar="[FILE]", required=False)
@click.option("--all", "every", is_flag=True, help="Make a case and a page of every matched file, and pages about all.")
@click.option(
    "-o", "--output", "target", metavar="CASE", type=PATH, required=True,
    help="The ZIP file to write; with --all the folder, new or empty.",
)  # fmt: skip
@click.option(
    "--sign-with", "key", metavar="FILE", type=PATH,
    help="Your private key (.pem)  [default: the only one in your folder of keys]",
)  # fmt: skip
@keys_option
@click.option(
    "--catalogue", metavar="PATH", multiple=True, type=PATH,
    help="Audio of recordings: a file, folder or list, for their spectrograms on the page; may be repeated.",
)  # fmt: skip
@list_options()
@_words_option
@click.option(
    "--with-audio", is_flag=True, help="With --all: add short excerpts to the pages; mind the rights in them."
)
@click.option("--no-page", is_flag=True, help="Leave the page out of the case.")
@click.option(
    "--log", "log_folder", metavar="DIR", type=PATH,
    help="A transparency log, whose newest checkpoint goes into the case: so its readers hold it.",
)  # fmt: skip
@click.option("--note", "words", metavar="TEXT", default="", help="Words of yours that are signed with it.")
@click.option(
    "--date",
    "made_on",
    metavar="DATE",
    type=click.DateTime(["%Y-%m-%d"]),
    help="A day to state, YYYY-MM-DD; none by default.",
)
@click.option("--force", is_flag=True, help="Replace an existing case, or with --all a report.")
@jobs_option
@json_option
@quiet_option
def evidence(
    place: Path,
    file: str | None,
    every: bool,
    target: Path,
    key: Path | None,
    folder: Path | None,
    catalogue: tuple[Path, ...],
    lists: ListOptions,
    words_from: Path | None,
    with_audio: bool,
    no_page: bool,
    log_folder: Path | None,
    words: str,
    made_on: datetime | None,
    force: bool,
    jobs: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Sign the matches of a scan, in one file or in each.

    RUN is the folder of a scan, FILE a name in it, its SHA-256, or a part of a name that no other has. The case holds
    result, landmarks, a page to look at, digests and signature; it needs neither the index nor the audio to be
    verified. It does hold the path of the file and the index's metadata of the recordings. The same run, key, options
    and audio give the same bytes.

    With --all, a folder: a case and a page of every matched file, a page of every recording, an overview, a page about
    the whole, and digests of everything. Interrupted, it is continued by the same command. A file whose audio is gone
    or has changed is named, and the exit code is 4; its case is made all the same.

    Example: sourceprint evidence RUN track.mp3 -o case.zip
    """
    if every == (file is not None):
        raise click.UsageError("FILE, --all: give one of them")
    if (with_audio or jobs is not None) and not every:
        raise click.UsageError("--with-audio, --jobs: are for the pages of --all; give it too")
    if no_page and words_from is not None and not every:
        raise click.UsageError("--index: is for the words of the page, which --no-page leaves out; give one of them")
    if no_page and catalogue and not every:
        raise click.UsageError("--catalogue: is drawn on the page, which --no-page leaves out; give one of them")
    use_one_thread()
    from sourceprint.evidence.cases.contents import Remarks
    from sourceprint.outputs import program_version
    from sourceprint.signatures import load_private, only_private

    audio = catalogue_audio(catalogue, lists, quiet=quiet)
    remarks = Remarks(None if made_on is None else made_on.date(), words, program_version())
    signing = only_private(keys_place(folder)) if key is None else key
    signer = load_private(signing).public
    checkpoint = None if log_folder is None else _checkpoint(log_folder)
    if file is None:
        from sourceprint.evidence.pages.report import CaseOptions, ReportOptions

        cases = CaseOptions(signing, remarks, with_page=not no_page, checkpoint=checkpoint)
        options = ReportOptions(
            with_audio=with_audio, catalogue=audio.items, replace=force, jobs=jobs, cases=cases, index=words_from
        )
        made, is_whole = _all_cases(place, target, options, as_lines=not as_json, quiet=quiet)
    else:
        drawn = None if no_page else audio.items
        made, is_whole = _one_case(place, file, target, signing, remarks, drawn, words_from, checkpoint, force), True
        if not as_json:
            click.echo(f"{made['sha256']}  {printable(target)}")
    if as_json:
        print_json({**made, "signer": signer.text, "signer_id": signer.id}, lines=False)
    if not quiet:
        what = target if file is not None else target / "cases" / "NAME.zip"
        check = f"`sourceprint verify {what} --key {printable(signing.with_suffix('.pub'))}` checks it"
        note(f"signed by key {signer.id} ({signer.name}); {check}")
    if audio.refusals or not is_whole:
        click.get_current_context().exit(EXIT_INCOMPLETE)


def _one_case(
    place: Path,
    file: str,
    target: Path,
    signing: Path,
    remarks: "Remarks",
    audio: "tuple[Item, ...] | None",
    words_from: Path | None,
    checkpoint: bytes | None,
    force: bool,
) -> dict[str, Any]:
    """Write the case of one file, with a page unless `audio` is None, and return the message on it."""
    import hashlib

    from sourceprint.evidence.cases.case import choose, make_case, read_trace_file, write_case
    from sourceprint.scans.run_folder import Run
    from sourceprint.signatures import load_private

    run = Run.open(place)
    result = choose(run.results(), file)
    trace = read_trace_file(run, result)
    page = None
    if audio is not None:
        from sourceprint.evidence.pages.report import single_page

        page = single_page(result, run.trace_path(result), catalogue=audio, index=words_from)
    case = make_case(result, trace, load_private(signing), remarks, page=page, checkpoint=checkpoint)
    write_case(target, case, replace=force)
    return {"case": str(target), "sha256": hashlib.sha256(case).hexdigest(), "file": result.name}


def _checkpoint(folder: Path) -> bytes:
    from sourceprint.transparency import LogReader

    return LogReader(folder).view()[0].to_bytes()


def _all_cases(
    place: Path, target: Path, options: "ReportOptions", *, as_lines: bool, quiet: bool
) -> tuple[dict[str, Any], bool]:
    """Write the cases and pages of a run, and return the message on them, and whether all are whole."""
    from sourceprint.evidence.pages.report import write_report
    from sourceprint.scans.run_folder import TRACES, Run, session_times

    run = Run.open(place)
    results = run.results()
    matched = [result for result in results if result.matches]
    if not matched:
        raise EvidenceError(f"{printable(place)}: nothing was found in any file of it, so there is no evidence to sign")
    options = replace(options, sessions=session_times(place))
    cases, failures, told = [], [], []
    pages = write_report(results, place / TRACES, target, options)
    for result, page in zip(matched, _told(pages, len(matched), quiet), strict=True):
        told.append(page)
        failures += [{"file": result.name, "reason": remark} for remark in page.remarks]
        if page.case:
            cases.append({"case": str(target / page.case), "sha256": page.digests[page.case], "file": result.name})
            if as_lines:
                click.echo(f"{page.digests[page.case]}  {printable(target / page.case)}")
    _tell_heard(told, options.catalogue, quiet)
    return {"folder": str(target), "cases": cases, "failures": failures}, not failures


def _tell_heard(pages: "Iterable[PageMade]", given: "tuple[Item, ...]", quiet: bool) -> None:
    """Say how much of the recordings' audio was found, if any was given."""
    from sourceprint.evidence.pages.report import audio_found

    if given and not quiet and (words := audio_found(pages)):
        note(f"--catalogue: {words}")


def _told(pages: "Generator[PageMade, None, None]", n: int, quiet: bool) -> "Iterator[PageMade]":
    """Yield pages as they are made, and say how far it has come."""
    with progress(n, quiet, unit="page") as tell, closing(pages):
        for page in pages:
            tell.outcome(page)
            yield page


def verify_case(
    case: Path,
    keys: tuple[Path, ...],
    *,
    any_key: bool,
    log_folder: Path | None,
    log_keys: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Print the verdict on a case, for `verify`; a case that does not hold is an error."""
    from fingerprint.digests import is_sha256
    from sourceprint.evidence.cases.verdict import check_case, read_case
    from sourceprint.evidence.cases.verdict_text import verdict_json, verdict_text
    from sourceprint.signatures import load_public
    from sourceprint.transparency import LogReader
    from sourceprint.workers import within_limits

    log = None if log_folder is None else LogReader(log_folder)
    trusted = [str(key) if is_sha256(str(key)) else load_public(key) for key in keys]
    of_log = [load_public(key) for key in log_keys]
    verdict = within_limits(
        lambda: check_case(read_case(case), name=printable(case), keys=trusted, log=log, log_keys=of_log), [case]
    )
    if as_json:
        print_json(verdict_json(verdict), lines=False)
    else:
        click.echo(verdict_text(verdict))
    verdict.insist(any_key=any_key)
