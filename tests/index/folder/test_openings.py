"""How often the index is opened: a manifest is read where another process may have written, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from index.storage import manifest as manifests
from index.storage import segment as segments
from sourceprint.catalogue.additions import Addition
from sourceprint.inputs import Item, collect
from sourceprint.scans.run_inputs import Search
from sourceprint.scans.scan import scan_files
from tests.command_line import catalogue, music, write


class Counts:
    """Manifests and segments read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.manifests = 0
        self.segments = 0
        read, opened = manifests.read_manifest_bytes, segments.Segment.__init__

        def counted_read(folder: Path) -> bytes:
            self.manifests += 1
            return read(folder)

        def counted_opening(segment: segments.Segment, *arguments: object, **options: object) -> None:
            self.segments += 1
            opened(segment, *arguments, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(manifests, "read_manifest_bytes", counted_read)
        monkeypatch.setattr("index.storage.locks.read_manifest_bytes", counted_read)
        monkeypatch.setattr(segments.Segment, "__init__", counted_opening)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the music of two recordings and an index of it, which tests leave as it is."""
    place = tmp_path_factory.mktemp("openings")
    catalogue(place, (1, 2))
    return place


def test_a_first_add_reads_the_manifest_three_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in (1, 2):
        write(tmp_path / "music" / f"s{seed}.wav", music(seed))
    counts = Counts(monkeypatch)
    addition = Addition(tmp_path / "index", jobs=1)
    assert [outcome.kind for outcome in addition.run(collect([tmp_path / "music"]))] == ["added", "added"]
    assert counts.manifests == 2  # there is none yet; under the lock of the writer
    report = addition.report()
    assert report["index"]["recordings"] == report["committed"] == 2
    assert counts.manifests == 3  # as the index is now


def test_a_match_reads_the_manifest_and_opens_the_index_once(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = Counts(monkeypatch)
    items = [Item(shared / "music" / f"s{seed}.wav") for seed in (1, 2)]
    scans = list(scan_files(shared / "index", items, jobs=1))
    assert [scan.matches[0].recording.id for scan in scans] == ["s1", "s2"]
    assert (counts.manifests, counts.segments) == (1, 1)


def test_a_session_opens_the_index_once(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = Counts(monkeypatch)
    search = Search(shared / "index", jobs=1)
    searched = [search.searched(), search.searched()]
    (scan,) = search.scans([Item(shared / "music" / "s1.wav")], tmp_path)
    assert searched == [scan.searched] * 2
    assert counts.segments == 1
    assert counts.manifests == 3  # whether it has moved on
