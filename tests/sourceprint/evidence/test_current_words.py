"""Titles that were corrected since a scan: pages have those of the index or the list, with a note on the change."""

from __future__ import annotations

from pathlib import Path

import pytest

from index.storage.snapshot import Snapshot
from sourceprint.evidence.corrections import words_of
from sourceprint.evidence.pages.addresses import recording_address
from sourceprint.inputs import collect
from sourceprint.scans.results import read_result
from tests.command_line import catalogue, music, run, write
from tests.scan_records import a_match, a_result


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """A run, its index, which was corrected since, and the state of the index that was searched."""
    folder = tmp_path_factory.mktemp("words")
    index = catalogue(folder, [1])
    write(folder / "a.wav", music(1)[: 11025 * 8])
    assert run("scan", folder / "a.wav", "--out", folder / "run", "--quiet", index=index).exit_code == 0
    state = Snapshot.open(index).digest
    assert run("amend", "s1", "--title", "A New Title", "--isrc", "USRC17607839", index=index).exit_code == 0
    return folder / "run", index, state


def test_pages_name_corrections_or_the_state_of_the_index(corrected: tuple[Path, Path, str], tmp_path: Path) -> None:
    scanned, index, state = corrected
    of_then = f"Titles, artists and ISRCs are as the index had them when it was searched, in its state {state[:19]}."
    assert run("report", scanned, "--out", tmp_path / "then", "--quiet").exit_code == 0
    assert run("report", scanned, "--out", tmp_path / "now", "--index", index, "--quiet").exit_code == 0
    (file_page,) = (tmp_path / "now" / "files").iterdir()
    for page in ("cover.html", recording_address("s1"), f"files/{file_page.name}"):
        then, now = ((tmp_path / one / page).read_text(encoding="utf-8") for one in ("then", "now"))
        assert of_then in then
        assert "A New Title" not in then
        assert "s1: title corrected since this scan, which said none; ISRC corrected since this scan" in now
        assert "as the index has them now, in its state sha256:" in now
        assert of_then not in now
        assert page == "cover.html" or "A New Title" in now
    assert "A New Title" in (tmp_path / "now" / "index.html").read_text(encoding="utf-8")


def test_a_signed_case_keeps_the_words_of_the_scan_and_its_page_has_those_of_now(
    corrected: tuple[Path, Path, str], tmp_path: Path
) -> None:
    scanned, index, _ = corrected
    assert run("keys", "create", "--keys", tmp_path / "keys").exit_code == 0
    signed = ("--keys", tmp_path / "keys", "-o", tmp_path / "case.zip", "--index", index)
    made = run("evidence", scanned, "a.wav", *signed)
    assert made.exit_code == 0, made.stderr
    (public,) = (tmp_path / "keys").glob("*.pub")
    assert run("verify", tmp_path / "case.zip", "--key", public).exit_code == 0


def test_a_list_names_recordings_without_an_index(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("path,id,title\nx.wav,s1,Listed\n")
    write(tmp_path / "x.wav", music(3, 1.0))
    result = read_result(a_result("a.wav", [a_match("s1"), a_match("s2")]))
    words = words_of([result], index=None, catalogue=collect([tmp_path / "list.csv"]).items)
    assert [match.title for match in words.applied(result).matches] == ["Listed", result.matches[1].title]
    assert words.applied(result).raw == result.raw
    assert (
        words.notes([result])[-1] == "Titles, artists and ISRCs are as the list of --catalogue has them, where it does"
    )
    assert words.notes([result])[0].startswith("s1: title corrected since this scan, which said ")


def test_recordings_that_the_index_lacks_or_renamed_are_told(corrected: tuple[Path, Path, str]) -> None:
    _, index, _ = corrected
    result = read_result(a_result("a.wav", [a_match("gone")]))
    words = words_of([result], index=index, catalogue=())
    assert words.notes([result])[0] == "gone: not in the index any more; named as the scan found it"
    assert words.applied(result) == result
