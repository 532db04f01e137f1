"""RESULTS.md agrees with the reports, headline to facts; and the committed pages are those of the reports."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import results
from benchmarks.comparison import change, figures_of, shown
from benchmarks.data.corpus import SyntheticCorpus
from benchmarks.harness import json_bytes
from benchmarks.part import Figure, Job, Picture, Report, Table
from benchmarks.parts import PARTS, load_part
from benchmarks.results import (
    END,
    START,
    comparison_text,
    headline_table,
    part_text,
    readme_with_headline,
    results_text,
    write_results,
)
from fingerprint.errors import ParameterError, SourceprintError
from tests.places import ROOT
from tests.small_parts import install, small_report

COMMITTED = ROOT / "benchmarks" / "results"


@pytest.fixture(autouse=True)
def small(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "committed" not in request.node.name:
        install(monkeypatch)


def a_report(name: str, *, found: float = 90, quick: bool = False, **changes: Any) -> Report:
    report = small_report(name, Job(SyntheticCorpus(), Path(), quick=quick)) | {"found": found} | changes
    report["facts"] |= {"commit": "c0ffee", "source_digest": "d1"}
    return report


def put(folder: Path, *reports: Report) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for report in reports:
        (folder / f"{report['part']}.json").write_bytes(json_bytes(report))
    return folder


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (100.0, "%", "100 %"),
        (97.46, "%", "97.5 %"),
        (0.0, "", "0"),
        (0.1234, "s", "0.12 s"),
        (1234.4, "x real time", "1234 x real time"),
        (2.784, "MB/h", "2.78 MB/h"),
        (None, "s", "not measured"),
    ],
)
def test_figures_have_sensible_digits(value: float | None, unit: str, text: str) -> None:
    assert shown(value, unit) == text


def test_headline_table_holds_each_target_and_whether_it_is_met() -> None:
    reports = {"alpha": a_report("alpha", found=99), "beta": a_report("beta")}
    assert headline_table(reports) == (
        "| figure | measured | how sure | target | met |\n"
        "| --- | ---: | ---: | ---: | ---: |\n"
        "| alpha: found | 99 % | n=100 | >= 98 % | yes |\n"
        "| alpha: false | 0 | 5.3 h | <= 0 | yes |\n"
        "| beta: found | 90 % | n=100 | >= 98 % | NO |"
    )
    reports["beta"] = a_report("beta", quick=True)
    assert headline_table(reports).endswith("\n\nShort version, with wide intervals: beta.")
    assert headline_table({"gamma": a_report("gamma")}) == "No headline figure has been measured."


def test_readme_quotes_chosen_figures_with_their_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "README_FIGURES", ("alpha: false", "beta: found", "alpha: found"))
    reports = {"alpha": a_report("alpha")}
    readme = f"# A\n\n{START}\nold\n{END}\n\nB\n"
    made = readme_with_headline(readme, reports)
    table = (
        "| figure | measured | how sure | origin |\n| --- | ---: | ---: | ---: |\n"
        "| alpha: false | 0 | 5.3 h | [alpha](benchmarks/results/alpha.md) |\n"
        "| alpha: found | 90 % | n=100 | [alpha](benchmarks/results/alpha.md) |"
    )
    assert made == f"# A\n\n{START}\n{table}\n{END}\n\nB\n"
    assert readme_with_headline(made, reports) == made


@pytest.mark.parametrize("readme", ["", START, f"{END}{START}", f"{START}{START}{END}", f"{START}{END}{END}"])
def test_readme_without_its_markers_is_refused(readme: str) -> None:
    with pytest.raises(ParameterError, match="put each in once, in this order"):
        readme_with_headline(readme, {"alpha": a_report("alpha")})


def test_before_and_now_stand_side_by_side() -> None:
    before = {"alpha": a_report("alpha", found=95), "beta": a_report("beta")}
    now = {"alpha": a_report("alpha", found=97.5), "gamma": a_report("gamma")}
    now["alpha"]["facts"]["commit"] = "decade"
    text = comparison_text(now, before)
    assert "](comparison.md)" in results_text(now, before, {})
    assert "Before: commit c0ffee. Now: commit decade, c0ffee." in text
    assert "Of the figures measured in both, 1 better, 0 worse, 2 the same." in text
    assert "| alpha: found | 95 % | 97.5 % | +2.5 points | better |\n" in text
    assert "| alpha: error | 0.06 s | 0.06 s |  | the same |\n" in text
    assert "| beta: found | 90 % | not measured |  | not measured now |\n" in text
    assert "No earlier report to compare with: Part gamma." in text
    assert "| gamma: found | not measured" not in text
    assert change(None, Figure("x", 1.0, "s")) == ("", "new")
    assert "### Part beta" in text
    assert "comparison.md" not in results_text(now, {}, {})


def test_other_conditions_before_are_named() -> None:
    now = {"alpha": a_report("alpha"), "beta": a_report("beta")}
    before = {"alpha": a_report("alpha", quick=True), "beta": a_report("beta")}
    text = comparison_text(now, before)
    assert (
        "On other music, on other numbers of excerpts, in another version or with another seed before: Part alpha.\n"
        in text
    )


def test_less_is_better_where_it_should_be() -> None:
    before, now = a_report("alpha"), a_report("alpha", found=80)
    assert "| alpha: found | 90 % | 80 % | -10 points | worse |" in comparison_text({"alpha": now}, {"alpha": before})
    old, new = (Figure("x", value, "s", "lower") for value in (0.5, 0.25))
    assert change(old, new) == ("-0.25 s", "better")
    assert change(new, old) == ("+0.25 s", "worse")


def test_overview_has_the_question_of_each_part_and_a_link() -> None:
    reports = {"gamma": a_report("gamma"), "alpha": a_report("alpha", quick=True)}
    pictures = {"gamma": [Picture("gamma.svg", "What gamma looks like."), Picture("more.svg", "More.")]}
    text = results_text(reports, {}, pictures, link="results/")
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings == ["## Method", "## In short", "## Data", "## Part alpha", "## Part beta", "## Part gamma"]
    assert "Not measured: there is no report `beta.json`." in text
    assert text.partition("## Part gamma")[2] == (
        "\n\nIs gamma found?\n\n![Part gamma](results/gamma.svg)\n\n*What gamma looks like.*\n\n"
        "[2 tables](results/gamma.md): What gamma found; What it did not find.\n"
    )
    assert "The short version" in text.partition("## Part alpha")[2].partition("## Part beta")[0]


def test_page_of_a_part_holds_everything_it_says() -> None:
    pictures = [Picture("gamma.svg", "What gamma looks like."), Picture("more.svg", "More.")]
    text = part_text("gamma", a_report("gamma"), pictures)
    assert text.startswith(
        "# Part gamma\n\nIs gamma found?\n\nAbout gamma.\n\n![Part gamma](gamma.svg)\n\n*What gamma looks like.*\n\n"
        "![Part gamma](more.svg)\n\n*More.*\n\n## What gamma found\n\n"
        "| what | n |\n| --- | ---: |\n| a\\|b | 90 |\n\nA remark.\n\n## What it did not find\n\nNothing.\n\n"
        "<sub>Settings: seed 0, quick False, limit 1.0. "
    )
    assert "The short version" not in text
    assert "The short version" in part_text("alpha", a_report("alpha", quick=True), [])


def test_long_tables_are_folded() -> None:
    rows = [(str(i), "x") for i in range(41)]
    folded = results._table(Table("T", ("a", "b"), rows, "Remark."))
    assert [folded[0], *folded[2:]] == ["<details><summary>41 rows</summary>", "</details>", "Remark."]
    assert results._table(Table("T", ("a", "b"), rows[:40]))[0].startswith("| a | b |")


def test_data_are_described_with_missing_sources() -> None:
    report = a_report("alpha", elapsed_seconds=90.0)
    report["corpus"] = {"name": "mine", "recordings": 7, "hours": 1.5, "missing": ["a.wav", "b.wav"]}
    report["data"] = {
        "lists": [{"list": "music", "files": 7, "hours": 1.5, "sources": 3, "missing": 2}],
        "splits": [{"split": "held-out", "sources": 2, "recordings": 5, "hours": 1.0}],
    }
    text = results_text({"alpha": report}, {}, {})
    assert "| music | 7 | 1.50 | 3 | 2 |" in text
    assert "| held-out | 2 | 5 | 1.00 |" in text
    assert "| Part alpha | mine | 7 | 1.50 | 2 | 0 | full | c0ffee | 1.5 |" in text
    assert "left out: `a.wav`, `b.wav`." in text
    assert "not all measured with the same code" not in text
    other = a_report("beta")
    other["facts"]["source_digest"] = "d2"
    assert "not all measured with the same code" in results_text({"alpha": report, "beta": other}, {}, {})


def test_writing_draws_beside_the_reports_and_links_to_them(tmp_path: Path) -> None:
    reports = put(tmp_path / "results", a_report("alpha"))
    put(reports / "before", a_report("alpha", found=80))
    write_results(reports, tmp_path / "RESULTS.md")
    text = (tmp_path / "RESULTS.md").read_text()
    assert "](results/alpha.svg)" in text
    assert "](results/alpha.md)" in text
    assert "](alpha.svg)" in (reports / "alpha.md").read_text()
    assert "+10 points" in (reports / "comparison.md").read_text()
    assert (reports / "alpha.svg").is_file()
    write_results(reports, reports / "RESULTS.md", before=tmp_path / "nothing")
    inside = (reports / "RESULTS.md").read_text()
    assert "](alpha.svg)" in inside
    assert "comparison.md" not in inside


def test_without_matplotlib_the_text_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(report: Report, folder: Path) -> list[Picture]:
        raise SourceprintError("pictures need matplotlib; pip install 'sourceprint[bench]'")

    part = dataclasses.replace(load_part("alpha"), pictures=none)
    monkeypatch.setattr(results, "load_part", lambda name: part)
    write_results(put(tmp_path, a_report("alpha")), tmp_path / "RESULTS.md")
    text = (tmp_path / "RESULTS.md").read_text()
    assert "Pictures were left out: pictures need matplotlib; pip install 'sourceprint[bench]'." in text
    assert "![" not in text


def test_pictures_of_one_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = load_part("alpha")
    monkeypatch.setattr(results, "load_part", lambda name: part)
    with pytest.raises(ParameterError, match=r"alpha\.svg: a picture of alpha and of beta; rename one"):
        write_results(put(tmp_path, a_report("alpha"), a_report("beta")), tmp_path / "RESULTS.md")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "no JSON"),
        ("[]", "no report of the part alpha in format 1"),
        ('{"part": "beta", "format": 1}', "no report of the part alpha in format 1"),
        ('{"part": "alpha", "format": 2}', "no report of the part alpha in format 1"),
    ],
)
def test_a_file_that_is_no_report_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "alpha.json").write_text(content)
    with pytest.raises(SourceprintError, match=f"alpha.json: {message}"):
        write_results(tmp_path, tmp_path / "RESULTS.md")


def test_command_writes_results_and_readme(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "README_FIGURES", ("alpha: found",))
    reports = put(tmp_path / "r", a_report("alpha"))
    (tmp_path / "README.md").write_text(f"{START}\n{END}\n")
    asked = ["--reports", str(reports), "--out", str(tmp_path / "R.md"), "--readme", str(tmp_path / "README.md")]
    assert results.main(asked) == 0
    assert (tmp_path / "R.md").read_text().startswith("# Results\n")
    assert "| alpha: found |" in (tmp_path / "README.md").read_text()
    assert results.main(["--reports", str(tmp_path / "none"), "--out", str(tmp_path / "R.md")]) == 2
    assert f"results: {tmp_path}/none: no reports; make them with" in capsys.readouterr().err


def test_unknown_part_is_refused() -> None:
    with pytest.raises(ParameterError, match="part 'delta': unknown; choose some of alpha, beta, gamma"):
        load_part("delta")


# Committed pages.


def committed() -> dict[str, Report]:
    reports = results.read_reports(COMMITTED)
    if not reports:
        pytest.skip("no reports are committed")
    return reports


@pytest.mark.slow
def test_committed_results_equal_those_of_the_committed_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    reports = committed()
    pictures, left_out = results.draw(reports, tmp_path)
    before = results.read_reports(COMMITTED / "before")
    made = results_text(reports, before, pictures, link="results/", left_out=left_out)
    # A part that is new and not measured yet need not be named.
    monkeypatch.setattr(results, "PARTS", tuple(name for name in PARTS if name in reports))
    measured = results_text(reports, before, pictures, link="results/", left_out=left_out)
    text = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    assert text in (made, measured), "run python -m benchmarks.results"
    pages = {name: part_text(name, report, pictures.get(name, ())) for name, report in reports.items()}
    pages["comparison"] = comparison_text(reports, before)
    assert {path.stem: path.read_text(encoding="utf-8") for path in COMMITTED.glob("*.md")} == pages
    names = {drawn.name for part in pictures.values() for drawn in part}
    assert {path.name for path in COMMITTED.glob("*.svg")} == names
    for name in names:
        sizes = [(folder / name).stat().st_size for folder in (COMMITTED, tmp_path)]
        assert min(sizes) > 2000
        assert max(sizes) < 1.5 * min(sizes)


def test_committed_reports_are_small_and_whole() -> None:
    for name in committed():
        path = COMMITTED / f"{name}.json"
        assert path.stat().st_size < 400_000, f"{path}: a report is committed, so it has to stay small"
        assert json_bytes(json.loads(path.read_text(encoding="utf-8"))) == path.read_bytes()


def test_committed_readme_quotes_ten_figures() -> None:
    reports = committed()
    measured = {figure.name for _, figure in figures_of(reports)}
    assert set(results.README_FIGURES) <= measured
    assert len(results.README_FIGURES) == 10
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme_with_headline(readme, reports) == readme, "run python -m benchmarks.results --readme README.md"
