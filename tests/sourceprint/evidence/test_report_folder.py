"""The folder of a report: ended at any moment, the same command goes on with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

import sourceprint.evidence.pages.folder as folder_module
from fingerprint.errors import EvidenceError, StorageFullError
from index.storage import durable
from sourceprint.evidence.pages.addresses import FILES, INDEX
from sourceprint.evidence.pages.folder import ReportFolder
from sourceprint.evidence.pages.page import ASSETS

FOLDERS = (FILES, ASSETS)
PAGES = [{"address": f"files/{name}.html", "digests": {f"files/{name}.html": ""}} for name in "abc"]


def begin(path: Path, *, recipe: str = "recipe", replace: bool = False) -> ReportFolder:
    return ReportFolder.begin(path, recipe, folders=FOLDERS, replace=replace)


def make(report: ReportFolder, page: Mapping[str, object]) -> None:
    report.write(str(page["address"]), b"page")
    report.keep(page)


def contents(path: Path) -> set[str]:
    return {str(each.relative_to(path)) for each in path.rglob("*") if each.is_file()}


@pytest.mark.parametrize("n_written", range(4))
def test_a_report_that_ended_in_its_first_steps_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_written: int
) -> None:
    written: list[Path] = []

    def publish(path: Path, data: bytes) -> None:
        if len(written) == n_written:
            path.with_name(f".{path.name}.0123456789abcdef.tmp").write_bytes(data[:1])  # as a killed process leaves it
            raise StorageFullError("no space")
        written.append(path)
        durable.publish(path, data)

    with monkeypatch.context() as patched:
        patched.setattr(folder_module, "publish", publish)
        with pytest.raises(StorageFullError):
            begin(tmp_path / "report")
    with begin(tmp_path / "report") as report:
        make(report, PAGES[0])
        report.finish(b"overview", with_sums=False)
    assert {name for name in contents(tmp_path / "report") if not name.endswith(".tmp")} == {
        INDEX, "report.txt", "files/a.html", "assets/page.css", "assets/page.js",
    }  # fmt: skip


def test_a_line_that_was_cut_off_costs_its_page_and_no_other(tmp_path: Path) -> None:
    for number, page in enumerate(PAGES):
        with begin(tmp_path) as report:
            assert list(report.done) == [done["address"] for done in PAGES[:number]]
            make(report, page)
        with (tmp_path / "unfinished.jsonl").open("ab") as journal:
            journal.write(b'{"address": "files/')  # a full disk, or a process that was killed
    with begin(tmp_path) as report:
        assert len(report.done) == 3


def test_a_folder_that_is_no_report_is_left_alone_and_a_whole_report_too(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.tmp").write_bytes(b"mine")
    with pytest.raises(EvidenceError, match="holds other files"):
        begin(tmp_path / "other")
    with begin(tmp_path / "report") as report:
        report.finish(b"overview", with_sums=False)
    with pytest.raises(EvidenceError, match="holds a report already"):
        begin(tmp_path / "report")
    with begin(tmp_path / "report", replace=True), pytest.raises(EvidenceError, match="another process is writing"):
        begin(tmp_path / "report")
    with pytest.raises(EvidenceError, match="holds an unfinished report of other results"):
        begin(tmp_path / "report", recipe="another")
