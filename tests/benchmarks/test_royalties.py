"""The benchmark of rights and money in short: its synthesised data are as described, and its results are checked."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import defaultdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from benchmarks import royalties
from benchmarks.data.corpus import SyntheticCorpus
from benchmarks.part import Job, as_text
from benchmarks.parts import load_part
from benchmarks.royalties import Size, measure
from benchmarks.royalties_data import LICENCES, LICENSEE, Catalogue
from benchmarks.royalties_files import write_rights, write_single_csv
from benchmarks.royalties_report import figures, tables
from benchmarks.royalties_scans import TERRITORIES, write_results, write_usage
from benchmarks.royalties_steps import MONTHS, STEPS, Step, run_alone, run_step
from fingerprint.errors import ParameterError, SourceprintError
from sourceprint.royalties.rights.licence_toml import parse_licence
from sourceprint.royalties.uses.scans import ScanFile
from sourceprint.royalties.uses.usage import read_usage

TINY = Size(50, 50, tuple(STEPS))
SMALLER = Size(20, 10, ("import", "attribute"))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the report on two tiny catalogues, measured in this process."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(royalties, "QUICK", (SMALLER, TINY))
        patched.setattr(royalties, "run_alone", run_step)
        patched.setattr(royalties, "MONTH_SEGMENTS", 10)
        return measure(Job(SyntheticCorpus(), tmp_path_factory.mktemp("cache"), quick=True))


def files_of(catalogue: Catalogue, folder: Path) -> dict[str, str]:
    folder.mkdir()
    write_rights(catalogue, folder / "rights")
    write_single_csv(catalogue, folder / "rights.csv")
    n_tracks = write_results(catalogue, 50, folder / "results.jsonl")
    write_usage(catalogue, n_tracks, folder / "usage.csv")
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    assert len(paths) == 7 + len(LICENCES) + 3
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    first = files_of(Catalogue(50, seed=3), tmp_path / "first")
    assert files_of(Catalogue(50, seed=3), tmp_path / "again") == first
    other = files_of(Catalogue(50, seed=4), tmp_path / "other")
    assert {name for name in first if first[name] != other[name]} >= {
        "rights/resources.tsv", "rights/parties.tsv", "results.jsonl", "usage.csv",
    }  # fmt: skip


@pytest.mark.parametrize("n", [20, 50, 400])
def test_counts_are_those_of_the_tables_and_there_are_four_shares_to_a_recording(n: int, tmp_path: Path) -> None:
    catalogue = Catalogue(n)
    write_rights(catalogue, tmp_path / "rights")
    names = {
        "party": "parties", "recording": "resources", "work": "musicalworks", "recording_work": "workresourcelinks",
        "recording_part": "resourceparts", "master_share": "mastershares", "work_share": "musicalworkrightshares",
    }  # fmt: skip
    found = {kind: len(table(tmp_path / "rights" / f"{name}.tsv")) for kind, name in names.items()}
    assert found | {"licence": len(list((tmp_path / "rights" / "licences").iterdir()))} == catalogue.counts
    assert found["master_share"] + found["work_share"] == 4 * n


def test_every_reference_resolves_and_ids_are_unique(tmp_path: Path) -> None:
    write_rights(Catalogue(400), tmp_path / "rights")
    read = {path.stem: table(path) for path in (tmp_path / "rights").glob("*.tsv")}
    ids = {
        "PartyRecordId": {row["PartyRecordId"] for row in read["parties"]},
        "ResourceRecordId": {row["ResourceRecordId"] for row in read["resources"]},
        "MusicalWorkRecordId": {row["MusicalWorkRecordId"] for row in read["musicalworks"]},
    }
    assert [len(found) for found in ids.values()] == [
        len(read[name]) for name in ("parties", "resources", "musicalworks")
    ]
    assert len({row["ISRC"] for row in read["resources"]}) == 400
    for name, rows in read.items():
        for column in ids.keys() & rows[0].keys():
            assert {row[column] for row in rows} <= ids[column], f"{name}, {column}"
    for name, column in (
        ("mastershares", "MasterShareRecordId"),
        ("musicalworkrightshares", "MusicalWorkRightShareRecordId"),
    ):
        assert len({row[column] for row in read[name]}) == len(read[name])
    contained = [(row["PartResourceRecordId"], row["ResourceRecordId"]) for row in read["resourceparts"]]
    assert contained
    assert all(part < whole for part, whole in contained), "samples must not form a circle"


def test_shares_sum_to_the_whole_but_for_the_works_that_are_said_to_be_wrong() -> None:
    catalogue = Catalogue(400)
    sums: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    elsewhere = set()
    for row in catalogue.work_shares():
        sums[row[1], row[6]] += Fraction(row[4])
        if row[10]:
            elsewhere.add(row[1])
    assert {work for (work, _), total in sums.items() if total > 100} == catalogue.overclaimed
    assert {work for (work, _), total in sums.items() if total < 100} | elsewhere == catalogue.unclaimed
    assert len(catalogue.overclaimed) == 2
    assert catalogue.unclaimed > elsewhere
    masters: dict[str, Fraction] = defaultdict(Fraction)
    for row in catalogue.master_shares():
        masters[row[1]] += Fraction(row[4])
    assert set(masters.values()) == {Fraction(100)}


def test_changed_twin_differs_in_as_many_recordings_as_it_says() -> None:
    catalogue, changed = Catalogue(400), Catalogue(400, changed=True)
    differing = [a for a, b in zip(catalogue.recordings(), changed.recordings(), strict=True) if a != b]
    assert len(differing) == catalogue.n_changed == 4
    assert list(catalogue.work_shares()) == list(changed.work_shares())


def test_spreadsheet_names_the_same_records_as_the_tables(tmp_path: Path) -> None:
    catalogue = Catalogue(50)
    assert write_single_csv(catalogue, tmp_path / "rights.csv") == 200 + catalogue.counts["recording_work"]
    with (tmp_path / "rights.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["recording_id"] for row in rows} - {""} == {row[0] for row in catalogue.recordings()}
    assert {row["work_id"] for row in rows} - {""} == {row[0] for row in catalogue.works()}
    links = {(row["recording_id"], row["work_id"]) for row in rows if row["recording_id"] and row["work_id"]}
    assert links == {(row[2], row[1]) for row in catalogue.links()}
    assert len({row["isrc"] for row in rows} - {""}) == 50, "each recording is described once"


def test_licences_are_valid_and_of_the_licensee(tmp_path: Path) -> None:
    write_rights(Catalogue(50), tmp_path / "rights")
    read = [
        parse_licence(path.read_text(encoding="utf-8"), name=path.name)
        for path in sorted((tmp_path / "rights" / "licences").iterdir())
    ]
    assert [licence.id for licence in read] == list(LICENCES)
    assert {licence.licensee for licence in read} == {LICENSEE}


def test_scan_results_hold_the_segments_that_are_asked_for(tmp_path: Path) -> None:
    catalogue = Catalogue(50)
    n_tracks = write_results(catalogue, 1000, tmp_path / "results.jsonl")
    tracks = list(ScanFile(tmp_path / "results.jsonl"))
    passages = [segment for track in tracks for match in track.matches for segment in match.passages]
    assert (len(tracks), len(passages)) == (n_tracks, 1000) == (700, 1000)
    assert {track.status for track in tracks} == {"matched", "no_match", "decode_error"}
    assert {match.layer for track in tracks for match in track.matches} == {"recording", "composition"}
    assert any(segment.also_fits for segment in passages)
    revenue = write_usage(catalogue, n_tracks, tmp_path / "usage.csv")
    usage = read_usage(tmp_path / "usage.csv")
    assert sum(row.revenue or 0 for row in usage.rows) == revenue
    assert {row.territory for row in usage.rows} == set(TERRITORIES)
    assert {row.track for row in usage.rows} == {track.sha256 for track in tracks if track.searched}


@pytest.mark.parametrize("n", [0, 15, 10])
def test_size_that_cannot_be_made_is_refused(n: int, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=f"n_recordings={n}: must be a multiple of 10, at least 20"):
        Catalogue(n)
    with pytest.raises(ParameterError, match="n_segments=5: must be a multiple of 10"):
        write_results(Catalogue(20), 5, tmp_path / "results.jsonl")


@pytest.mark.slow
def test_everything_that_is_synthesised_comes_out_right(report: dict[str, Any]) -> None:
    assert [row["step"] for row in report["steps"]] == [*SMALLER.steps, *STEPS]
    assert [failure for row in report["steps"] for failure in row["failures"]] == []
    checks = {row["step"]: row["checks"] for row in report["steps"]}
    assert all(n > 0 for step, n in checks.items() if step != "write")
    counts = {row["step"]: row["counts"] for row in report["steps"]}
    assert counts["import"]["added"] == sum(Catalogue(50).counts.values())
    assert counts["import again"] == {"added": 0, "changed": 0, "unchanged": counts["import"]["added"]}
    assert counts["attribute again"]["unchanged"] == counts["attribute"]["uses"] > 40
    assert counts["statement"] == counts["statement again"]
    json.dumps(report, allow_nan=False)


@pytest.mark.slow
def test_report_renders_with_a_row_for_each_step_and_its_targets(report: dict[str, Any]) -> None:
    (made,) = tables(report)
    assert len(made.rows) == len(report["steps"])
    text = as_text(load_part("royalties"), report)
    assert "import of a new catalogue" in text
    assert "What failed" not in text
    assert all(figure.target is None for figure in figures(report) if figure.unit), "tiny sizes have no targets"
    full = report | {"settings": report["settings"] | {"quick": False}}
    targets = {figure.name: (figure.target, figure.headline) for figure in figures(full)}
    assert targets["import of a new catalogue, SQLite"] == (60.0, True)
    assert targets["attribution, SQLite"] == (30.0, True)
    assert targets["checks of rights and money that fail"] == (0.0, True)


@pytest.mark.slow
def test_failed_checks_are_counted_and_shown(report: dict[str, Any]) -> None:
    broken = report | {"steps": [report["steps"][0] | {"failures": ["added: 7, must be 8"]}, *report["steps"][1:]]}
    failing = {figure.name: figure for figure in figures(broken)}["checks of rights and money that fail"]
    assert (failing.value, failing.met) == (1.0, False)
    assert "added: 7, must be 8" in as_text(load_part("royalties"), broken)


@pytest.mark.slow
def test_memory_beyond_the_program_is_compared_between_the_sizes(report: dict[str, Any]) -> None:
    def with_memory(row: dict[str, Any]) -> dict[str, Any]:
        return row | {"before_mb": 100.0, "peak_mb": 110.0 if row["recordings"] == 20 else 125.0}

    grown = report | {"steps": [with_memory(row) for row in report["steps"]]}
    growth = {figure.name: figure.value for figure in figures(grown) if figure.name.startswith("memory")}
    assert growth == {
        "memory of import of a new catalogue, of four times as much": 2.5,
        "memory of attribution, of four times as much": 2.5,
    }


@pytest.mark.slow
def test_time_of_the_last_month_is_compared_with_the_first(report: dict[str, Any]) -> None:
    months = [row for row in report["steps"] if row["step"] in MONTHS]
    assert [row["counts"]["lines"] > 0 for row in months] == [True] * 10
    timed = [row | {"processor_seconds": 2.0 + MONTHS.get(row["step"], 0) / 2} for row in report["steps"]]
    full = report | {"steps": timed, "settings": report["settings"] | {"quick": False}}
    (found,) = [figure for figure in figures(full) if figure.name.startswith("time of")]
    assert (found.value, found.target, found.met) == (7.0 / 2.5, 1.2, False)


def test_step_without_the_synthesised_values_reports_it(tmp_path: Path) -> None:
    catalogue = Catalogue(20)
    write_rights(catalogue, tmp_path / "rights")
    (tmp_path / "rights" / "resourceparts.tsv").unlink()
    row = run_step(Step("import", str(tmp_path / "rights.sqlite"), str(tmp_path), catalogue, 10, 0))
    assert len(row["failures"]) == 1
    assert row["failures"][0].startswith("added: ")
    again = run_step(Step("import", str(tmp_path / "rights.sqlite"), str(tmp_path), catalogue, 10, 0))
    assert any(text == "a revision: False, must be True" for text in again["failures"])


@pytest.mark.slow
def test_step_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    catalogue = Catalogue(20)
    write_rights(catalogue, tmp_path / "rights")
    row = run_alone(Step("import", str(tmp_path / "rights.sqlite"), str(tmp_path), catalogue, 10, 0))
    assert row["failures"] == []
    assert row["counts"]["added"] == sum(catalogue.counts.values())
    if row["before_mb"] is not None:
        assert 0 < row["before_mb"] <= row["peak_mb"]


def test_step_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(SourceprintError, match=r"step 'check': its process ended with 1.*RightsDatabaseError"):
        run_alone(Step("check", str(tmp_path / "none.sqlite"), str(tmp_path), Catalogue(20), 10, 0))


@pytest.mark.parametrize("url", ["postgresql://nobody@127.0.0.1:1/none", "no url at all"])
def test_server_that_cannot_be_reached_is_refused_before_anything_is_measured(url: str, tmp_path: Path) -> None:
    job = Job(SyntheticCorpus(), tmp_path, quick=True, options={"database": url})
    with pytest.raises(ParameterError, match="--database: no schema can be made there"):
        measure(job)
