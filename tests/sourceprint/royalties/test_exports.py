"""Exported records can be imported again and change nothing, byte for byte."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerprint.errors import RightsError, StorageFullError, UnknownRightsError
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.history import apply_records
from sourceprint.royalties.rights.licence_toml import parse_licence
from sourceprint.royalties.rights.records import (
    MASTER,
    WHOLE,
    WORK_RIGHTS,
    Party,
    RecordingPart,
    RecordingWork,
    RightsRecording,
    Share,
    Work,
)
from sourceprint.royalties.rights.rows import Record, row_of, table_of
from sourceprint.royalties.rights.schema import VERSIONED
from sourceprint.royalties.tables.exports import export_report_text, export_rights
from sourceprint.royalties.tables.imports import import_rights
from sourceprint.royalties.territories import Territories

LICENCE = """
schema = "sourceprint/licence/1"
id = "{id}"
licensor = "P0"
licensee = "P1"
valid_from = 2026-01-01
purposes = ["generate"]
[scope]
everything = true
[territories]
include = ["Worldwide"]
[rate_card]
currency = "EUR"
per_second = "0.002"
[rate_card.rights]
Master = "100 %"
"""


def put(database: Database, records: list[Record]) -> None:
    with database.changing(source="test", by="tester") as change:
        for table in VERSIONED:
            rows = [row_of(record) for record in records if table_of(record) is table]
            if rows:
                apply_records(change, table, rows)


def content(folder: Path) -> dict[str, bytes]:
    files = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    assert files
    return files


NAMES = st.text(st.sampled_from("aZé#'\"% ;,.日-|"), min_size=1, max_size=12).map(
    lambda text: " ".join(text.split()) or "x"
)
LISTED = NAMES.map(lambda name: name.replace("|", "") or "y").map(str.strip).map(lambda name: name or "z")
DAYS = st.none() | st.dates(date(1990, 1, 1), date(2040, 1, 1))
TERRITORIES = st.sampled_from(
    [Territories(), Territories(("DE",)), Territories(("AT", "DE")), Territories(("Worldwide",), ("US",))]
)


@st.composite
def catalogues(draw: st.DrawFn) -> list[Record]:
    parties = [Party(f"P{i}", draw(NAMES)) for i in range(3)]
    recordings = [
        RightsRecording(
            f"R{i}",
            draw(NAMES),
            artists=tuple(draw(st.lists(LISTED, max_size=2))),
            label=draw(st.just("") | NAMES),
            duration_ms=draw(st.none() | st.integers(0, 2**40)),
            vocals=draw(st.sampled_from(["", "yes", "no"])),
            tags=tuple(sorted(set(draw(st.lists(LISTED, max_size=2))))),
        )
        for i in range(2)
    ]
    works = [Work(f"#W{i}", draw(NAMES), writers=tuple(draw(st.lists(LISTED, max_size=2)))) for i in range(2)]
    links = [RecordingWork("R0", "#W0", draw(st.none() | st.integers(1, WHOLE)))]
    parts = [RecordingPart("R0", "R1", 0, draw(st.integers(1, 10_000)))]
    shares = []
    for number in range(draw(st.integers(0, 5))):
        right = draw(st.sampled_from([MASTER, *WORK_RIGHTS]))
        first, last = draw(DAYS), draw(DAYS)
        if first and last and last < first:
            first, last = last, first
        shares.append(
            Share(
                f"S{number}",
                draw(st.sampled_from(["R0", "R1"] if right == MASTER else ["#W0", "#W1"])),
                draw(st.sampled_from(["P0", "P1", ""])),
                right,
                draw(st.integers(1, WHOLE)),
                draw(TERRITORIES),
                first,
                last,
                draw(st.sampled_from(["", "Composer"])),
            )
        )
    licences = [parse_licence(LICENCE.format(id=name), name="x.toml") for name in ("LIC-1", "lic 1/ü")]
    return [*parties, *recordings, *works, *links, *parts, *shares, *licences]


@pytest.mark.slow
@settings(deadline=None, max_examples=15)
@given(catalogues())
def test_importing_an_export_changes_nothing_and_makes_the_same_catalogue_elsewhere(records: list[Record]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        here = Database.open(folder / "here.sqlite", create=True)
        put(here, records)
        report = export_rights(here, folder / "first")
        assert report.revision == 1
        again = import_rights(here, [folder / "first"])
        assert (again.errors, again.revision) == (0, None)
        assert all(applied.added == applied.changed == 0 for applied in again.applied.values())
        there = Database.open(folder / "there.sqlite", create=True)
        assert import_rights(there, [folder / "first"]).revision == 1
        export_rights(there, folder / "second")
        assert content(folder / "first") == content(folder / "second")


@pytest.mark.slow
@pytest.mark.parametrize("duration_ms", [0, 1, 59_999, 60_000_000_000, 2**53])
def test_every_duration_on_file_comes_back_from_an_export(duration_ms: int, tmp_path: Path) -> None:
    here = Database.open(tmp_path / "here.sqlite", create=True)
    put(here, [RightsRecording("R1", "Song", duration_ms=duration_ms)])
    export_rights(here, tmp_path / "out")
    again = import_rights(here, [tmp_path / "out"])
    assert (again.errors, again.revision) == (0, None)


def test_an_earlier_revision_is_exported_as_it_was(database: Database, tmp_path: Path) -> None:
    put(database, [Party("P1", "Ann")])
    export_rights(database, tmp_path / "before")
    put(database, [Party("P1", "Anne"), Party("P2", "Bob")])
    export_rights(database, tmp_path / "after")
    export_rights(database, tmp_path / "again", revision=1)
    assert content(tmp_path / "again") == content(tmp_path / "before")
    assert content(tmp_path / "after") != content(tmp_path / "before")


def test_unclaimed_shares_are_exported_by_territory(database: Database, tmp_path: Path) -> None:
    half = Share("S1", "W1", "P1", "PerformingRight", 500_000, Territories(("DE",)), date(2026, 1, 1))
    lost = Share("S2", "W1", "", "PerformingRight", 500_000, Territories(("DE",)), date(2026, 1, 1))
    put(database, [Party("P1", "Ann"), Work("W1", "Song"), half, lost])
    report = export_rights(database, tmp_path / "out")
    lines = (tmp_path / "out" / "unclaimedmusicalworkrightshares.tsv").read_text().splitlines()
    assert [line.split("\t")[1:] for line in lines[1:]] == [
        ["W1", "PerformingRight", "50", "2026-01-01", "", "DE", ""],
        ["W1", "PerformingRight", "100", "2026-01-01", "", "Worldwide", "DE"],
    ]
    assert "unclaimedmusicalworkrightshares.tsv: 2" in export_report_text(report)


@pytest.mark.slow
def test_a_disk_that_is_full_leaves_nothing_of_an_export_and_one_message(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(_path: Path, chunks: Iterator[bytes]) -> None:
        next(iter(chunks))
        raise StorageFullError("no space left")

    put(database, [Party(f"P{number:05}", "Ann") for number in range(5_000)])
    monkeypatch.setattr("sourceprint.royalties.tables.exports.write_chunks", full)
    with pytest.raises(StorageFullError) as caught:
        export_rights(database, tmp_path / "out")
    del caught
    gc.collect()
    assert list(tmp_path.glob("*out*")) == []
    assert caplog.records == []


def test_a_folder_with_something_in_it_is_not_touched(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "rights.sqlite", create=True)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(RightsError, match="not empty; name a new folder"):
        export_rights(database, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_an_export_that_fails_leaves_nothing(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "rights.sqlite", create=True)
    put(database, [Party("P1", "Ann\tWriter")])
    with pytest.raises(RightsError, match="holds a tabulator or a line break"):
        export_rights(database, tmp_path / "out")
    with pytest.raises(UnknownRightsError, match="revision 7"):
        export_rights(database, tmp_path / "out", revision=7)
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith("rights")] == []


def test_an_empty_folder_may_be_exported_to(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "rights.sqlite", create=True)
    (tmp_path / "out").mkdir()
    report = export_rights(database, tmp_path / "out")
    assert report.revision == 0
    assert (tmp_path / "out" / "parties.tsv").read_bytes() == b"#PartyRecordId\tISNI\tIpiNameNumber\tDPID\tFullName\n"
