"""What scans found, again: `results` puts it into the formats of other tools, `diff` compares two scans."""

from pathlib import Path

import click

from commands.terminal import EXIT_FINDINGS, PATH, count_text, json_option, note, print_json, quiet_option

__all__ = ["diff", "results"]


@click.command()
@click.argument("place", metavar="RUN", type=PATH)
@click.option(
    "--format", "form", required=True,
    type=click.Choice(["jsonl", "csv", "parquet", "audacity", "jams", "acrcloud"]),
    help="JSON Lines; CSV or Parquet, a row per passage; labels; annotations; ACRCloud-shaped JSON Lines.",
)  # fmt: skip
@click.option(
    "-o", "--output", "target", metavar="PATH", type=PATH,
    help="Where to write it: a folder for audacity and jams, else a file  [default: standard output]",
)  # fmt: skip
@click.option("--only-matched", is_flag=True, help="Leave out files that matched nothing or failed.")
@click.option("--force", is_flag=True, help="Replace what is there already.")
@quiet_option
def results(place: Path, form: str, target: Path | None, only_matched: bool, force: bool, quiet: bool) -> None:
    """Put the results of a scan into the format of another tool.

    RUN is the folder of a scan, or a file that match --jsonl printed. Parquet, audacity and jams need -o.

    Example: sourceprint results RUN --format csv -o matches.csv
    """
    from evidence.exports.writing import FOLDERS, TEXTS, export_chunks, write_export
    from evidence.reading import expect_elsewhere, results_of
    from evidence.runs.rates import q_values

    if target is None and form not in TEXTS:
        raise click.UsageError(f"--format {form} is not one text: say with -o where to write it")
    if target is not None:
        expect_elsewhere(target, place)
    every = results_of(place)
    rates = q_values(every)  # of the whole batch, whatever is left out below
    wanted = [result for result in every if result.matches or not only_matched]
    if target is None:
        with click.open_file("-", "wb") as stdout:
            for chunk in export_chunks(wanted, form, rates):
                stdout.write(chunk)
        return
    n_files = write_export(wanted, form, target, rates, replace=force)
    if not quiet and form in FOLDERS:
        in_it = sum(bool(result.matches) if form == "audacity" else result.searched for result in wanted)
        why = "that matched nothing" if form == "audacity" else "that could not be searched"
        left_out = f"; {count_text(len(wanted) - in_it, 'file')} {why} left out" if in_it < len(wanted) else ""
        note(f"{target}: {count_text(n_files, 'file')} about {count_text(in_it, 'file')} scanned{left_out}")


@click.command()
@click.argument("before", metavar="A", type=PATH)
@click.argument("after", metavar="B", type=PATH)
@click.option(
    "--tolerance", metavar="SECONDS", type=float, default=0.25, show_default=True,
    help="How far the ends of a passage may move and be the same.",
)  # fmt: skip
@click.option("--exit-code", is_flag=True, help="Exit with 1 if anything changed.")
@json_option
def diff(before: Path, after: Path, tolerance: float, exit_code: bool, as_json: bool) -> None:
    """Say what changed between two scans of the same files.

    A and B are folders of scans, or files that match --jsonl printed. Files are paired by content, else by name; what
    is unchanged is counted only.

    Example: sourceprint diff RUN-A RUN-B
    """
    from evidence.diff import Tolerance, compare
    from evidence.diff_report import diff_json, diff_text
    from evidence.reading import results_of

    limits = Tolerance(span_seconds=tolerance)
    difference = compare(results_of(before), results_of(after), limits)
    if as_json:
        print_json(diff_json(difference), lines=False)
    else:
        click.echo(diff_text(difference))
    if exit_code and difference:
        click.get_current_context().exit(EXIT_FINDINGS)
