"""The gate before a release: `check` decides which files may go out, and fails a pipeline where one may not."""

from contextlib import closing
from datetime import datetime
from pathlib import Path

import click

from fingerprint.errors import printable
from sourceprint.commands.lists import ListOptions, list_options, reading_of
from sourceprint.commands.named_files import INPUT, name_option, piped_input
from sourceprint.commands.progress import COMPILING, progress
from sourceprint.commands.terminal import PATH, index_option, index_place, jobs_option, note, today, use_one_thread

__all__ = ["check"]

_FORMATS = ("text", "json", "sarif", "junit", "github")
_FAIL_ON = ("review", "block")


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=INPUT)
@click.option(
    "--policy", "policy_file", metavar="FILE", type=PATH, help="Policy file, TOML  [default: block certain matches]"
)
@click.option(
    "--fail-on", type=click.Choice(_FAIL_ON), default="block", show_default=True,
    help="From which decision on the exit code is 1.",
)  # fmt: skip
@click.option(
    "--format", "layout", type=click.Choice(_FORMATS), default="text", show_default=True, help="Form of the report."
)
@click.option("-o", "--output", metavar="FILE", type=PATH, help="Write the report there; a line per file is printed.")
@click.option(
    "--date", "day", metavar="DATE", type=click.DateTime(["%Y-%m-%d"]),
    help="Day of the release (YYYY-MM-DD), on which licences must hold  [default: today, UTC]",
)  # fmt: skip
@list_options()
@name_option
@index_option
@jobs_option
@click.option("--quiet", is_flag=True, help="Print only lines of files that do not pass, and warnings.")
def check(
    files: tuple[str, ...],
    policy_file: Path | None,
    fail_on: str,
    layout: str,
    output: Path | None,
    day: datetime | None,
    lists: ListOptions,
    name: str | None,
    index: Path | None,
    jobs: int | None,
    quiet: bool,
) -> None:
    """Check audio files against a release policy.

    In a folder, files are taken by their content, under any name; a file that may be audio and cannot be searched, such
    as an archive with audio in it, counts as not checked, and files that are no audio are listed. - is standard input.

    Exit code 0: nothing at or above --fail-on; 1: findings; 3: nothing readable; 4: some files could not be checked,
    which outranks findings. A path that is mistyped never passes.

    Example: sourceprint check outputs --policy policy.toml
    """
    use_one_thread()
    from index.search.match import is_compiled
    from sourceprint.blind.blind_import import read_grant
    from sourceprint.folders.listing import Folders
    from sourceprint.gate.check import check_files, named_files, unknown_ids
    from sourceprint.gate.policy import ERROR, PASS
    from sourceprint.gate.policy_toml import default_policy, load_policy
    from sourceprint.gate.report import expect_output, rendered, write_report
    from sourceprint.gate.report_text import summary_line, verdict_line
    from sourceprint.gate.unverified import not_verified_line
    from sourceprint.gate.verdict import Report
    from sourceprint.inputs import appeared
    from sourceprint.scans.scan import open_for
    from sourceprint.text.tables import listed

    policy = default_policy() if policy_file is None else load_policy(policy_file)
    folders = Folders()
    with reading_of(index_place(index), lists, only_paths=True) as reading:
        inputs = named_files(files, folders=folders, piped=piped_input(files, name), reading=reading)
    for text in () if quiet else inputs.notes:
        note(text)
    if output is not None:
        expect_output(output, [item.path for item in inputs.items])
    snapshot = open_for(index_place(index))
    unknown = unknown_ids(snapshot, policy)
    if unknown:  # a warning, which --quiet does not hide: a misspelt id decides nothing
        note(f"the policy names recordings that are not in the index: {listed(unknown)}")
    on = today() if day is None else day.date()
    as_lines = layout == "text" or output is not None
    verdicts = []
    checked = check_files(
        snapshot, inputs, policy=policy, day=on, jobs=jobs, late=lambda: appeared(files, inputs, folders)
    )
    with progress(len(inputs), quiet) as tell, closing(checked):
        if not is_compiled():
            tell.note(COMPILING)
        for verdict in checked:
            tell.step()
            verdicts.append(verdict)
            if as_lines:
                if not quiet or verdict.action != PASS:
                    tell.data(verdict_line(verdict))
            elif verdict.action == ERROR:
                tell.complain(f"{printable(verdict.name)}: {verdict.reason}")
    grant = read_grant(snapshot.folder)
    report = Report(
        policy,
        "" if policy_file is None else str(policy_file),
        on,
        fail_on,
        tuple(verdicts),
        unknown,
        others=inputs.others,
        issuer="" if grant is None else grant.issuer.id,
        by_clock=day is None,
    )
    if output is not None:
        write_report(report, layout, output)
    elif not as_lines:
        click.echo(rendered(report, layout), nl=False)
    if not quiet:
        click.echo(summary_line(report), err=True)
        if line := not_verified_line(report):
            click.echo(line, err=True)
    click.get_current_context().exit(report.exit_code)
