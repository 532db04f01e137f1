"""Write RESULTS.md, a page of tables for each part, and the pictures, from the reports of the parts.

    python -m benchmarks.results                       from benchmarks/results/*.json
    python -m benchmarks.results --readme README.md    and the table of the README

RESULTS.md is the overview: method, headline figures, and for each part its question, a picture and a link. All tables,
settings and the facts of the run are in ``results/<part>.md``; ``results/comparison.md`` compares two states of the
core. A part without a report is named as not measured.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.comparison import before_and_after, figures_of, shown
from benchmarks.harness import facts_line, markdown_table, write_atomically
from benchmarks.part import Figure, Picture, Report, Table
from benchmarks.parts import PARTS, load_part
from fingerprint.errors import ParameterError, SourceprintError

__all__ = [
    "comparison_text",
    "draw",
    "headline_table",
    "main",
    "part_text",
    "read_reports",
    "readme_with_headline",
    "results_text",
    "write_results",
]

FOLDED_ROWS: Final = 40
"""Longer tables are folded away, to be opened by who wants them."""

START, END = "<!-- headline:start -->", "<!-- headline:end -->"
_HERE = Path(__file__).resolve().parent

README_FIGURES: Final = (
    "found, the worst everyday condition",
    "found, other music, 0 dB",
    "found, 80 mel bands, Griffin-Lim",
    "found, clean, 3 s",
    "boundary error, ten seconds in a minute",
    "false matches on music that is not in the catalogue, at the default",
    "AI systems, codec: found",
    "AI systems, edit: found",
    "adding from mp3",
    "matching 3 minutes in the catalogue, 100 000 recordings",
)
"""The ten headline figures that the README quotes."""

METHOD = """\
- **Data** are real recordings under free licences ([list](data/corpus.tsv)), split by source: the projection is trained
  on one half of the sources, and all shares here are of the other half, the *held-out* sources.
- **Found** means that the right recording is reported at the default threshold, one false match expected in 1 000
  hours. Shares have Wilson's 95 % intervals.
- **Trials** are excerpts of ten seconds unless a row says otherwise, distorted by well-kept libraries with an exact map
  of time. The same excerpts go through every condition and every program compared.
- **False matches** are searched for in music, real, generated and reversed, that is in no catalogue.
- **Time** is processor time on one core after a warm-up, on a shared machine without a GPU: ratios hold, seconds vary.
- **Targets** were set before the measurement. A target that is missed stays in the table.

How each part works is in [README.md](README.md). A change within the intervals proves nothing.
"""

DATA = """\
Music comes from a folder of audio, from a manifest (a TSV that names file, duration and source of each recording), from
the FMA layout, or is synthesised: arrangements with chords, melody, bass and drums in several timbres, whose pieces
share keys, tempi, progressions and drum kits. Splits go by source, never by track: recordings of one
source share loops, motifs and mixes. *Held-out* sources were never seen by the projection that ships, which scores
them; *development* sources, on which constants may be tuned, are scored by a projection trained on the other half.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status: 0, or 2 for a request that cannot be met."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.results", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--reports", type=Path, default=_HERE / "results", help="folder of the reports; pictures too")
    parser.add_argument("--before", type=Path, help="folder of earlier reports to compare with (REPORTS/before)")
    parser.add_argument("--out", type=Path, default=_HERE / "RESULTS.md", help="file to write (benchmarks/RESULTS.md)")
    parser.add_argument("--readme", type=Path, help="write the headline table into this file, between its markers")
    asked = parser.parse_args(arguments)
    try:
        write_results(asked.reports, asked.out, before=asked.before)
        if asked.readme is not None:
            text = readme_with_headline(asked.readme.read_text(encoding="utf-8"), read_reports(asked.reports))
            write_atomically(asked.readme, text.encode())
    except SourceprintError as error:
        print(f"results: {error}", file=sys.stderr)
        return 2
    return 0


def read_reports(folder: Path, only: Collection[str] | None = None) -> dict[str, Report]:
    """Return the reports of all or some parts in a folder, in the order of `PARTS`; parts without one are left out.

    Raises
    ------
    SourceprintError
        For a file that is no report, or one of another part.
    """
    found = {}
    for name in PARTS:
        path = folder / f"{name}.json"
        if not path.is_file() or (only is not None and name not in only):
            continue
        try:
            report = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise SourceprintError(f"{path}: no JSON ({error}); measure the part again") from error
        if not isinstance(report, dict) or report.get("part") != name or report.get("format") != 1:
            raise SourceprintError(f"{path}: no report of the part {name} in format 1; measure the part again")
        found[name] = report
    return found


def write_results(
    reports: Path, out: Path, *, before: Path | None = None, only: Collection[str] | None = None
) -> dict[str, Report]:
    """Write RESULTS.md to `out`, the other pages and the pictures beside the reports; returns the reports.

    Parameters
    ----------
    reports, out : Path
        Folder of the reports, and the file to write.
    before : Path, optional
        Folder of earlier reports; by default ``before`` in `reports`.
    only : collection of str, optional
        The parts whose reports are looked at; all by default.

    Raises
    ------
    SourceprintError
        If there is no report at all, or a file that is none.
    """
    found = read_reports(reports, only)
    if not found:
        raise SourceprintError(
            f"{reports}: no reports; make them with `sourceprint bench --out {reports}`, or a part alone with "
            f"`python -m benchmarks.{PARTS[0]} --out {reports / PARTS[0]}.json`"
        )
    pictures, left_out = draw(found, reports)
    link = Path(os.path.relpath(reports.resolve(), out.resolve().parent)).as_posix()
    earlier = read_reports(before if before is not None else reports / "before")
    text = results_text(found, earlier, pictures, link="" if link == "." else f"{link}/", left_out=left_out)
    write_atomically(out, text.encode())
    for name, report in found.items():
        write_atomically(reports / f"{name}.md", part_text(name, report, pictures.get(name, ())).encode())
    if earlier:
        write_atomically(reports / "comparison.md", comparison_text(found, earlier).encode())
    return found


def draw(reports: Mapping[str, Report], folder: Path) -> tuple[dict[str, list[Picture]], str]:
    """Draw the pictures of all reports into a folder; returns them by part, and why they were left out, or "".

    Raises
    ------
    ParameterError
        If two pictures have one name.
    """
    made: dict[str, list[Picture]] = {}
    names: dict[str, str] = {}
    for part, report in reports.items():
        try:
            made[part] = load_part(part).pictures(report, folder)
        except ParameterError:
            raise
        except SourceprintError as error:
            return {}, str(error)
        for drawn in made[part]:
            if names.setdefault(drawn.name, part) != part:
                raise ParameterError(f"{drawn.name}: a picture of {names[drawn.name]} and of {part}; rename one")
    return made, ""


def results_text(
    reports: Mapping[str, Report],
    before: Mapping[str, Report],
    pictures: Mapping[str, Sequence[Picture]],
    *,
    link: str = "",
    left_out: str = "",
) -> str:
    """Return RESULTS.md, the overview.

    Parameters
    ----------
    reports, before : mapping
        Reports by part, and those of an earlier state of the core to hold them against.
    pictures : mapping
        Pictures, by part.
    link : str
        The folder of the pictures as seen from the file: "" or "results/".
    left_out : str
        Why there are no pictures, where there are none.
    """
    blocks = [
        "# Results",
        f"Made by `python -m benchmarks.results` from the reports in `{link or './'}`: not to be edited.",
        *([f"Pictures were left out: {left_out}."] if left_out else []),
        "## Method",
        METHOD,
        "## In short",
        headline_table(reports),
        *([f"The core before and after: [comparison.md]({link}comparison.md)."] if before else []),
        "## Data",
        *_data(reports),
    ]
    for name in PARTS:
        blocks += _overview(name, reports.get(name), pictures.get(name, ()), link)
    return _document(blocks)


def comparison_text(reports: Mapping[str, Report], before: Mapping[str, Report]) -> str:
    """Return the page that compares two states of the core."""
    titles = {name: load_part(name).title for name in PARTS if name in reports or name in before}
    return _document(["# The core before and after", *before_and_after(reports, before, titles)])


def part_text(name: str, report: Report, pictures: Sequence[Picture]) -> str:
    """Return the page of one part: method, pictures, all tables, settings and facts of the run."""
    part = load_part(name)
    blocks = [f"# {part.title}", part.question, part.about]
    if report["settings"]["quick"]:
        blocks.append(_SHORT)
    for drawn in pictures:
        blocks += [f"![{part.title}]({drawn.name})", f"*{drawn.caption}*"]
    for table in part.tables(report):
        blocks += [f"## {table.title}", *_table(table)]
    plain = {key: value for key, value in report["settings"].items() if not isinstance(value, list | dict)}
    settings = ", ".join(f"{key} {value}" for key, value in plain.items())
    blocks.append(f"<sub>Settings: {settings}. {facts_line(report['facts'])}</sub>")
    return _document(blocks)


def headline_table(reports: Mapping[str, Report]) -> str:
    """Return the table of promised figures, in Markdown: each headline figure with how sure it is, and its target."""
    headlines = [(name, figure) for name, figure in figures_of(reports) if figure.headline]
    figures = [figure for _, figure in headlines]
    if not figures:
        return "No headline figure has been measured."
    rows = [
        (figure.name, shown(figure.value, figure.unit), figure.detail, _target(figure), _met(figure))
        for figure in figures
    ]
    table = _markdown(("figure", "measured", "how sure", "target", "met"), rows)
    shown_parts = {name for name, _ in headlines}
    short = [name for name, report in reports.items() if report["settings"]["quick"] and name in shown_parts]
    if not short:
        return table
    return f"{table}\n\nShort version, with wide intervals: {', '.join(short)}."


def readme_with_headline(readme: str, reports: Mapping[str, Report]) -> str:
    """Return a text with the table of `README_FIGURES` between its two markers.

    Raises
    ------
    ParameterError
        If the markers are not there, once each and in order.
    """
    head, found, rest = readme.partition(START)
    _, ended, tail = rest.partition(END)
    if not found or not ended or START in rest or END in head + tail:
        raise ParameterError(f"the table of figures goes between {START} and {END}: put each in once, in this order")
    figures = {figure.name: (part, figure) for part, figure in figures_of(reports)}
    rows = [
        (name, shown(figure.value, figure.unit), figure.detail, f"[{part}](benchmarks/results/{part}.md)")
        for name in README_FIGURES
        if name in figures
        for part, figure in [figures[name]]
    ]
    return f"{head}{START}\n{_markdown(('figure', 'measured', 'how sure', 'origin'), rows)}\n{END}{tail}"


_SHORT: Final = "**The short version**: few trials, wide intervals."

# --- helpers ----------------------------------------------------------------------------------------------------------


def _target(figure: Figure) -> str:
    if figure.target is None:
        return ""
    return f"{'>=' if figure.better == 'higher' else '<='} {shown(figure.target, figure.unit)}"


def _met(figure: Figure) -> str:
    return "" if figure.met is None else "yes" if figure.met else "NO"


def _data(reports: Mapping[str, Report]) -> list[str]:
    blocks = [DATA]
    known = next((report["data"] for report in reports.values() if "data" in report), None)
    if known is not None:
        lists = [
            (row["list"], str(row["files"]), f"{row['hours']:.2f}", str(row["sources"]), str(row["missing"]))
            for row in known["lists"]
        ]
        blocks.append(_markdown(("list", "files", "hours", "sources", "missing"), lists))
        splits = [
            (row["split"], str(row["sources"]), str(row["recordings"]), f"{row['hours']:.2f}")
            for row in known["splits"]
        ]
        blocks.append(_markdown(("split of the music", "sources", "recordings", "hours"), splits))
    rows = [
        (
            load_part(name).title,
            report["corpus"]["name"],
            str(report["corpus"]["recordings"]),
            f"{report['corpus']['hours']:.2f}",
            str(len(report["corpus"]["missing"])),
            str(report["settings"]["seed"]),
            "short" if report["settings"]["quick"] else "full",
            report["facts"]["commit"],
            _minutes(report.get("elapsed_seconds")),
        )
        for name, report in reports.items()
    ]
    header = ("part", "corpus", "recordings", "hours", "missing files", "seed", "version", "commit", "minutes")
    blocks.append(_markdown(header, rows))
    missing = dict.fromkeys(name for report in reports.values() for name in report["corpus"]["missing"])
    if missing:
        blocks.append(
            f"Files that are missing or cannot be used, left out: {', '.join(f'`{name}`' for name in missing)}."
        )
    if len({report["facts"]["source_digest"] for report in reports.values()}) > 1:
        blocks.append("The parts were not all measured with the same code: see their commits.")
    return blocks


def _overview(name: str, report: Report | None, pictures: Sequence[Picture], link: str) -> list[str]:
    part = load_part(name)
    if report is None:
        return [f"## {part.title}", f"Not measured: there is no report `{name}.json`."]
    blocks = [f"## {part.title}", part.question]
    if report["settings"]["quick"]:
        blocks.append(_SHORT)
    for drawn in pictures[:1]:
        blocks += [f"![{part.title}]({link}{drawn.name})", f"*{drawn.caption}*"]
    tables = [table.title for table in part.tables(report)]
    return [*blocks, f"[{len(tables)} table{'s' if len(tables) != 1 else ''}]({link}{name}.md): {'; '.join(tables)}."]


def _table(table: Table) -> list[str]:
    made = [_markdown(table.header, table.rows) if table.rows else "Nothing."]
    if len(table.rows) > FOLDED_ROWS:
        made = [f"<details><summary>{len(table.rows)} rows</summary>", *made, "</details>"]
    return [*made, table.note] if table.note else made


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return markdown_table(header, [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows])


def _document(blocks: Sequence[str]) -> str:
    return "\n\n".join(block.strip("\n") for block in blocks) + "\n"


def _minutes(seconds: Any) -> str:
    return "" if seconds is None else f"{seconds / 60:.1f}"


if __name__ == "__main__":
    sys.exit(main())
