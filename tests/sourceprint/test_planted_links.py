"""Links that somebody planted where the product writes: targets stay as they are, and a message names the links."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest

from fingerprint.errors import OutputError, SourceprintError
from index.folder.index import Index, Recording
from index.folder.transfer import export_index, import_index
from sourceprint.blind.blind_export import export_blind
from sourceprint.blind.grants import Terms
from sourceprint.catalogue.precompute import Description
from sourceprint.evidence.cases.case import write_case
from sourceprint.evidence.pages.report import ReportOptions, write_report
from sourceprint.exports.formats import write_export
from sourceprint.gate import report as gate
from sourceprint.inputs import collect
from sourceprint.scans.journal import Journal
from sourceprint.scans.moves import Mover
from sourceprint.signatures import PrivateKey, create_key
from tests.landmark_sets import fill, landmarks
from tests.sourceprint.scans.test_runs import scan


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Return a user's folder with files that would be deleted or overwritten."""
    folder = tmp_path / "victim"
    (folder / "000009").mkdir(parents=True)
    for name in ("file", "x.spt", "x.tmp", "x.json", "000009/keys.npy", f"{'0' * 24}.html"):
        (folder / name).write_text("precious")
    return folder


@pytest.fixture
def index(tmp_path: Path) -> Path:
    fill(tmp_path / "index", {"a": 20})
    return tmp_path / "index"


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def blind(index: Path, target: Path) -> None:
    key = PrivateKey.generate("label")
    terms = Terms("Tone", PrivateKey.generate("tone").public, date(2026, 1, 1), date(2027, 1, 1))
    export_blind(index, target, terms=terms, issuer=key, secret=bytes(32), force=True)


WRITERS: dict[str, Callable[[Path, Path], object]] = {
    "export of an index": lambda index, target: export_index(index, target, force=True),
    "blind export": blind,
    "export of results": lambda _, target: write_export([], "csv", target, {}, replace=True),
    "case": lambda _, target: write_case(target, b"case", replace=True),
    "gate": lambda _, target: gate.expect_output(target, []),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_no_output_is_written_through_a_link(index: Path, victim: Path, tmp_path: Path, writer: str) -> None:
    before = contents(victim)
    target = tmp_path / "out"
    for leads_to in (victim / "file", tmp_path / "nowhere"):
        target.unlink(missing_ok=True)
        target.symlink_to(leads_to)
        with pytest.raises(OutputError, match=r"out: is a link to .*: name the file itself, or remove the link"):
            WRITERS[writer](index, target)
        assert target.is_symlink()
    assert contents(victim) == before
    assert not (tmp_path / "nowhere").exists()


def test_working_folders_of_known_names_are_not_used_and_not_emptied(index: Path, victim: Path, tmp_path: Path) -> None:
    before = contents(victim)
    for name in (".new.importing", ".b.tar.blinding", ".b.tar.exporting", ".jams.tmp", "b.tar.tmp"):
        (tmp_path / name).symlink_to(victim)
    export_index(index, tmp_path / "a.tar")
    import_index(tmp_path / "a.tar", tmp_path / "new")
    blind(index, tmp_path / "b.tar")
    write_export([], "jams", tmp_path / "jams", {})
    assert contents(victim) == before
    assert (tmp_path / ".new.importing").is_symlink()


@pytest.mark.parametrize("name", ["segments", "trees", "readers", "lock"])
def test_a_writer_deletes_nothing_behind_a_link_in_the_index(index: Path, victim: Path, name: str) -> None:
    before = contents(victim)
    path = index / name
    if path.is_dir():
        path.rename(index.with_name("kept"))
    if name == "segments":
        (index.with_name("kept") / "000001").rename(victim / "000001")
    path.unlink(missing_ok=True)
    path.symlink_to(victim / "file" if name == "lock" else victim)
    with suppress(OutputError), Index.open(index).writer() as writer:
        writer.add(Recording("b"), {"recording": landmarks(20, 1)})
        writer.commit()
    assert {path: (victim / path).read_text() for path in before} == before


def test_a_lock_that_holds_something_else_is_no_lock(index: Path) -> None:
    (index / "lock").write_text("precious")
    with pytest.raises(OutputError, match="so it is no lock; move it away"):
        Index.open(index).writer().__enter__()
    assert (index / "lock").read_text() == "precious"


@pytest.mark.parametrize("name", ["results.jsonl", "log.jsonl", "lock", "traces"])
def test_a_run_follows_no_link_in_its_folder(victim: Path, tmp_path: Path, name: str) -> None:
    before = contents(victim)
    run = tmp_path / "run"
    scan(run, [])
    (run / name).rmdir() if name == "traces" else (run / name).unlink(missing_ok=True)
    (run / name).symlink_to(victim if name == "traces" else victim / "file")
    with pytest.raises(SourceprintError, match=f"{name}: is a link or something else than it should be"), Journal(run):
        pass
    assert contents(victim) == before


def test_a_report_clears_no_folder_behind_a_link(victim: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    list(write_report([], tmp_path, out, ReportOptions(jobs=1)))
    before = contents(victim)
    (out / "files").rmdir()
    (out / "files").symlink_to(victim)
    with pytest.raises(OutputError, match="files: is a link"):
        list(write_report([], tmp_path, out, ReportOptions(replace=True, jobs=1)))
    assert contents(victim) == before


def test_no_file_is_moved_through_a_link(victim: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(victim)
    (tmp_path / "drop" / "sub").mkdir(parents=True)
    (tmp_path / "drop" / "sub" / "a.wav").write_bytes(b"aaaa")
    (tmp_path / "done").mkdir()
    (tmp_path / "done" / "sub").symlink_to(victim)
    with Journal(tmp_path / "run") as journal:
        mover = Mover(journal, tmp_path / "done", [tmp_path / "drop"], is_unchanged=Path.exists)
        with pytest.raises(OutputError, match="sub: is a link"):
            mover.reserve(tmp_path / "drop" / "sub" / "a.wav", "0" * 64)
    assert contents(victim) == before


def test_keys_and_fingerprints_follow_no_link(victim: Path, tmp_path: Path) -> None:
    before = contents(victim)
    for name in ("k.pem", "p.pub"):
        (tmp_path / name).symlink_to(tmp_path / "nowhere")
    for name in ("k", "p"):
        with pytest.raises(SourceprintError, match=r"there (already|is)|exists"):
            create_key(tmp_path, name)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".sourceprint-lock").symlink_to(victim / "file")
    with pytest.raises(OutputError, match="sourceprint-lock: is a link"):
        list(Description(tmp_path / "out", scales=(1.0,)).run(collect([])))
    assert contents(victim) == before
    assert not (tmp_path / "nowhere").exists()
    assert not (tmp_path / "p.pem").exists()
