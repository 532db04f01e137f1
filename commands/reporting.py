"""Evidence that one can see and hear: `report` makes a static site of what a scan found."""

from contextlib import closing
from pathlib import Path

import click

from commands.progress import progress
from commands.terminal import (
    EXIT_INCOMPLETE,
    PATH,
    complain,
    count_text,
    jobs_option,
    note,
    quiet_option,
    use_one_thread,
)
from fingerprint.errors import EvidenceError, printable

__all__ = ["report"]


@click.command()
@click.argument("run", metavar="RUN", type=PATH)
@click.option("--out", metavar="DIR", type=PATH, required=True, help="Folder of the report; new or empty.")
@click.option("--single-file", is_flag=True, help="Put everything that a page needs into the page, to be mailed.")
@click.option("--with-audio", is_flag=True, help="Add short excerpts of the audio; mind the rights in it.")
@click.option(
    "--catalogue", metavar="PATH", multiple=True, type=PATH,
    help="Audio of recordings: a file, folder or list; draws them, with --with-audio plays them; may be repeated.",
)  # fmt: skip
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
    title: str,
    only: tuple[str, ...],
    force: bool,
    jobs: int | None,
    quiet: bool,
) -> None:
    """Make a site of what a scan found, to be seen and heard.

    RUN is the folder of a scan. Each matched file gets a page of evidence. Open DIR/index.html in a browser; nothing is
    loaded from elsewhere.

    Example: sourceprint report RUN --out report
    """
    use_one_thread()
    from evidence.pages.report import ReportOptions, write_report
    from evidence.runs.folder import TRACES, Run
    from index.intake import collect

    results = Run.open(run).results()
    if missing := sorted(set(only) - {result.name for result in results}):
        raise EvidenceError(
            f"--only {printable(missing[0])}: no such file in the run; give a name as its results state it"
        )
    wanted = [result for result in results if not only or result.name in only]
    intake = collect(catalogue, fingerprints=False)
    options = ReportOptions(title, single_file, with_audio, intake.items, force, jobs)
    n_matched = sum(bool(result.matches) for result in wanted)
    n_failed = 0
    for refusal in intake.refusals:
        complain(str(refusal))
    pages = write_report(wanted, run / TRACES, out, options)
    with progress(n_matched, quiet, unit="page") as tell, closing(pages):
        for page in pages:
            n_failed += page.kind == "failed"
            tell.outcome(page)
    if not quiet:
        note(f"{out / 'index.html'}: {count_text(len(wanted), 'file')}, {count_text(n_matched, 'page')} of evidence")
    if n_failed or intake.refusals:
        click.get_current_context().exit(EXIT_INCOMPLETE)
