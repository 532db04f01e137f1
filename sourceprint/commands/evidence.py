"""Evidence for others: `report` makes pages to see and to hear, `evidence` signs a case to be checked."""

from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fingerprint.errors import EvidenceError, printable
from sourceprint.commands.progress import progress
from sourceprint.commands.terminal import (
    EXIT_INCOMPLETE,
    PATH,
    complain,
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
    from sourceprint.signatures import PrivateKey

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
    from sourceprint.evidence.pages.report import ReportOptions, write_report
    from sourceprint.inputs import collect
    from sourceprint.scans.run_folder import TRACES, Run

    results = Run.open(run).results()
    if missing := sorted(set(only) - {result.name for result in results}):
        raise EvidenceError(
            f"--only {printable(missing[0])}: no such file in the run; give a name as its results state it"
        )
    wanted = [result for result in results if not only or result.name in only]
    inputs = collect(catalogue, fingerprints=False)
    options = ReportOptions(title, single_file, with_audio, inputs.items, force, jobs)
    n_matched = sum(bool(result.matches) for result in wanted)
    n_failed = 0
    for refusal in inputs.refusals:
        complain(str(refusal))
    pages = write_report(wanted, run / TRACES, out, options)
    with progress(n_matched, quiet, unit="page") as tell, closing(pages):
        for page in pages:
            n_failed += page.kind == "failed"
            tell.outcome(page)
    if not quiet:
        note(f"{out / 'index.html'}: {counted(len(wanted), 'file')}, {counted(n_matched, 'page')} of evidence")
    if n_failed or inputs.refusals:
        click.get_current_context().exit(EXIT_INCOMPLETE)


@click.command()
@click.argument("place", metavar="RUN", type=PATH)
@click.argument("file", metavar="FILE")
@click.option("-o", "--output", "target", metavar="CASE", type=PATH, required=True, help="The ZIP file to write.")
@click.option(
    "--sign-with", "key", metavar="FILE", type=PATH,
    help="Your private key (.pem)  [default: the only one in your folder of keys]",
)  # fmt: skip
@keys_option
@click.option(
    "--catalogue", metavar="PATH", multiple=True, type=PATH,
    help="Audio of recordings: a file, folder or list, for their spectrograms on the page; may be repeated.",
)  # fmt: skip
@click.option("--no-page", is_flag=True, help="Leave the page out.")
@click.option("--note", "words", metavar="TEXT", default="", help="Words of yours that are signed with it.")
@click.option(
    "--date",
    "made_on",
    metavar="DATE",
    type=click.DateTime(["%Y-%m-%d"]),
    help="A day to state, YYYY-MM-DD; none by default.",
)
@click.option("--force", is_flag=True, help="Replace CASE if it exists.")
@json_option
@quiet_option
def evidence(
    place: Path,
    file: str,
    target: Path,
    key: Path | None,
    folder: Path | None,
    catalogue: tuple[Path, ...],
    no_page: bool,
    words: str,
    made_on: datetime | None,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Sign what a scan found in one file, for others to check.

    RUN is the folder of a scan, FILE a name in it, its SHA-256, or a part of a name that no other has. The case holds
    result, landmarks, a page to look at, digests and signature; it needs neither the index nor the audio to be
    verified. It does hold the path of the file and what the index says about the recordings. The same run, key, options
    and audio give the same bytes.

    Example: sourceprint evidence RUN track.mp3 -o case.zip
    """
    import hashlib

    from sourceprint.evidence.cases.case import choose, make_case, read_trace_file, write_case
    from sourceprint.evidence.cases.contents import Remarks
    from sourceprint.inputs import collect
    from sourceprint.outputs import program_version
    from sourceprint.scans.run_folder import Run

    run = Run.open(place)
    result = choose(run.results(), file)
    remarks = Remarks(None if made_on is None else made_on.date(), words, program_version())
    signer = _signing_key(keys_place(folder), key)
    trace = read_trace_file(run, result)
    page = None
    if not no_page:
        from sourceprint.evidence.pages.report import single_page

        page = single_page(result, run.trace_path(result), catalogue=collect(catalogue, fingerprints=False).items)
    case = make_case(result, trace, signer, remarks, page=page)
    write_case(target, case, replace=force)
    digest = hashlib.sha256(case).hexdigest()
    if as_json:
        facts = {"case": str(target), "sha256": digest, "file": result.name, "signer": signer.public.text}
        print_json({**facts, "signer_id": signer.public.id}, lines=False)
    else:
        click.echo(f"{digest}  {printable(target)}")
    if not quiet:
        note(f"signed by key {signer.public.id} ({signer.public.name}); `sourceprint verify {target}` checks it")


def verify_case(case: Path, keys: tuple[Path, ...], *, as_json: bool) -> None:
    """Print the verdict on a case, for `verify`; a case that does not hold is an error."""
    from sourceprint.evidence.cases.verdict import check_case, read_case
    from sourceprint.evidence.cases.verdict_text import verdict_json, verdict_text
    from sourceprint.signatures import load_public

    trusted = [load_public(key) for key in keys]
    verdict = check_case(read_case(case), name=printable(case), keys=trusted)
    if as_json:
        print_json(verdict_json(verdict), lines=False)
    else:
        click.echo(verdict_text(verdict))
    verdict.insist()


def _signing_key(folder: Path, chosen: Path | None) -> "PrivateKey":
    """Return the key that was chosen, else the only one of the user; none is made here, as others come to trust it."""
    from sourceprint.signatures import load_private, only_private

    return load_private(only_private(folder) if chosen is None else chosen)
