"""A process that scans files in a row: of one organisation, for one search, until one of them cannot be read."""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from index.folder.index import Index
from index.search.match import STANDARD
from index.storage.snapshot import Snapshot
from sourceprint.items import Item
from sourceprint.processes import can_fork
from sourceprint.scans.scan import Scan, open_for, scan_files
from sourceprint.service.line import scan_series
from sourceprint.service.line.scan_series import ScanSeries
from tests.command_line import catalogue, music, write

pytestmark = pytest.mark.skipif(not can_fork(), reason="this process cannot be forked")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("series")
    catalogue(folder, (1, 2))
    write(folder / "silence.wav", music(3) * 0)
    (folder / "broken.wav").write_bytes(b"RIFF, and nothing that follows from it")
    return folder


@pytest.fixture
def series() -> ScanSeries:
    return ScanSeries()


def children() -> set[int]:
    return {child.pid for child in multiprocessing.active_children() if child.pid is not None}


def content(scan: Scan) -> Scan:
    return replace(scan, fingerprint_seconds=0.0, search_seconds=0.0, verify_seconds=0.0)


def test_files_of_an_organisation_share_a_process_and_their_scans_are_those_of_their_own(
    place: Path, series: ScanSeries
) -> None:
    snapshot, before, used = open_for(place / "index"), children(), []
    for name in ("s1.wav", "silence.wav", "s2.wav", "s1.wav"):
        item = Item(place / "music" / name if name != "silence.wav" else place / name, id=name, called=f"my {name}")
        scan = series.scan("main", open_for(place / "index", reuse=snapshot), item, STANDARD)
        (alone,) = scan_files(place / "index", [item], jobs=1)
        assert content(scan) == content(alone)
        used.append(children() - before)
    assert len(used[0]) == 1
    assert used == [used[0]] * 4
    series.end()
    assert children() == before


def test_another_organisation_search_or_index_has_another_process(place: Path, series: ScanSeries) -> None:
    snapshot, item, before = open_for(place / "index"), Item(place / "music" / "s1.wav"), children()
    asked: list[tuple[str, Snapshot, float]] = [
        ("main", snapshot, 1.0),
        ("other", snapshot, 1.0),
        ("other", snapshot, 2.0),
        ("other", Index.open(place / "index").snapshot(), 2.0),
    ]
    used = []
    for organisation, index, limit in asked:
        series.scan(organisation, index, item, replace(STANDARD, max_false_per_1000h=limit))
        used.append(children() - before)
    assert [len(there) for there in used] == [1] * 4  # the one before has ended
    assert len(set.union(*used)) == 4
    series.end()


def test_the_process_ends_after_a_file_that_it_cannot_read_after_so_many_and_when_idle(
    place: Path, series: ScanSeries, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot, good, before = open_for(place / "index"), Item(place / "music" / "s1.wav"), children()
    series.scan("main", snapshot, good, STANDARD)
    assert series.scan("main", snapshot, Item(place / "broken.wav"), STANDARD).status == "decode_error"
    assert children() == before
    monkeypatch.setattr(scan_series, "_MOST_FILES", 2)
    counts = []
    for _ in range(3):
        series.scan("main", snapshot, good, STANDARD)
        counts.append(len(children() - before))
    assert counts == [1, 0, 1]
    series.rest()
    assert len(children() - before) == 1
    monkeypatch.setattr(scan_series, "_IDLE_SECONDS", -1.0)
    series.rest()
    assert children() == before


def test_a_killed_process_costs_no_scan(place: Path, series: ScanSeries) -> None:
    snapshot, good, before = open_for(place / "index"), Item(place / "music" / "s1.wav"), children()
    series.scan("main", snapshot, good, STANDARD)
    (killed,) = children() - before
    os.kill(killed, signal.SIGKILL)
    assert series.scan("main", snapshot, good, STANDARD).status == "matched"
    assert killed not in children()
    series.end()


def test_a_file_whose_trace_is_kept_has_a_process_of_its_own(place: Path, series: ScanSeries, tmp_path: Path) -> None:
    before = children()
    scan = series.scan("main", open_for(place / "index"), Item(place / "music" / "s1.wav"), STANDARD, tmp_path)
    assert scan.status == "matched"
    assert len(list(tmp_path.iterdir())) == 1
    assert children() == before
