"""Evidence pages: complete, escaped, the same every time, and whole even where something is missing."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import shutil
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

import sourceprint.evidence.pages.report as report_module
from fingerprint.errors import EvidenceError, printable
from fingerprint.params import Params
from fingerprint.spectrogram import cell_frequencies
from index.recheck.recheck import recheck
from index.recheck.trace_file import read_trace
from index.storage.recordings import Recording
from sourceprint.evidence.pages.addresses import page_address, recording_address
from sourceprint.evidence.pages.figures import pitch_figure, plane_figure, spectra_figure
from sourceprint.evidence.pages.overview import overview
from sourceprint.evidence.pages.page import file_page, overview_page
from sourceprint.evidence.pages.recording_view import reuses_of
from sourceprint.evidence.pages.report import ReportOptions, single_page, write_report
from sourceprint.evidence.pages.sounds import RATE_HZ as EXCERPT_HZ
from sourceprint.evidence.pages.sounds import CatalogueAudio, excerpts, recording_sound, track_sound
from sourceprint.evidence.pages.spectra import Stretch, picture, pooled_cells, shades
from sourceprint.items import Item
from sourceprint.scans.results import ResultMatch, ScanResult, read_result
from sourceprint.scans.run_folder import Run
from sourceprint.signatures import create_key
from tests.command_line import RATE_HZ, catalogue, music, run, write
from tests.page_reports import HOSTILE_NAME, HOSTILE_TITLE, ScannedRun, a_run, report_of
from tests.scan_records import a_failure, a_match, a_passage, a_result, with_track

VOID = frozenset({"meta", "br", "link", "img", "input"})


class Page(HTMLParser):
    """Collects the parts of a page that tests compare; an element that is not closed fails."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._pieces: list[str] = []
        self.feed(self.source)
        self.close()
        assert self.open == []
        self.text = " ".join(" ".join(self._pieces).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("script", "style"):
            self._pieces.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> ScannedRun:
    """Return a run that tests only read."""
    return a_run(tmp_path_factory.mktemp("scanned"))


@pytest.fixture(scope="module")
def site(scanned: ScannedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return its report with audio, that tests only read."""
    out = tmp_path_factory.mktemp("site") / "report"
    assert [page.kind for page in report_of(scanned, out, with_audio=True)] == ["made", "made"]
    return out


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pages_of(site: Path) -> list[Path]:
    found = sorted(site.rglob("*.html"))
    assert len(found) == 6  # two of files, two of recordings, the overview, and the one about the report
    return found


def page_of(site: Path, scanned: ScannedRun, name: str = "mix.wav") -> Page:
    return Page(site / page_address(scanned.result(name)))


def overview_of(results: list[ScanResult], pages: Mapping[str, str] | None = None) -> dict[str, Any]:
    return overview(results, pages or {}, reuses_of(results))


# Content of the pages.


@pytest.mark.slow
def test_a_page_draws_every_passage_with_its_figures(site: Path, scanned: ScannedRun) -> None:
    page = page_of(site, scanned)
    result = scanned.result("mix.wav")
    assert [match.recording_id for match in result.matches] == ["s1", "s2"]
    assert [a["id"] for a in page.all("section") if a.get("class") == "passage"] == ["passage-1", "passage-2"]
    assert len(page.all("figure")) == 6
    assert len([a for a in page.all("img") if a["alt"].startswith("Spectrogram of")]) == 4
    assert all(a.get("aria-label") for a in page.all("svg"))
    assert "Evidence of reuse of 2 recordings" in page.text
    assert "would arise by chance" in page.text
    assert "What was tried" in page.text
    assert "sourceprint verify case.zip" in page.text
    assert not re.search(r"influenced|copied|stolen|plagiar", page.text)


def test_a_page_states_the_digests_of_file_index_settings_and_parameters(site: Path, scanned: ScannedRun) -> None:
    result = scanned.result("mix.wav")
    for text in (page_of(site, scanned).text, Page(site / "index.html").text):
        assert result.index_digest in text
        assert result.settings_digest in text
        assert result.params_digest in text
    assert result.sha256 in page_of(site, scanned).text


def test_the_overview_lists_every_file_and_says_why_some_were_not_searched(site: Path, scanned: ScannedRun) -> None:
    page = Page(site / "index.html")
    assert "A report" in page.text
    links = {a["href"] for a in page.all("a")} - {"#main"}
    files = {page_address(scanned.result(name)) for name in ("mix.wav", HOSTILE_NAME)}
    assert links == {*files, recording_address("s1"), recording_address("s2"), "index.html", "cover.html"}
    assert "could not be read" in page.text
    assert printable(str(scanned.result("broken.mp3").reason)) in page.text
    assert "an estimated false-discovery rate of" in page.text
    data = json.loads(re.search(r'id="data">(.*?)</script>', page.source, re.DOTALL)[1])  # type: ignore[index]
    assert len(data["rows"]) == 4


def test_names_and_titles_from_outside_stay_text(site: Path, scanned: ScannedRun) -> None:
    n_scripts = {"files": 1, "recordings": 3, site.name: 0}  # with the data of two tables
    for path in pages_of(site):
        page = Page(path)
        assert len(page.all("script")) == {"index.html": 3, "cover.html": 1}.get(path.name, n_scripts[path.parent.name])
        assert not any("onerror" in a for _, a in page.tags)
        assert "\u202e" not in page.source
        assert "\u2028" not in page.source
    assert printable(HOSTILE_NAME) in page_of(site, scanned, HOSTILE_NAME).text
    assert printable(HOSTILE_TITLE) in page_of(site, scanned).text


def test_names_of_files_show_their_subject_and_need_no_escaping(site: Path, scanned: ScannedRun) -> None:
    names = contents(site)
    assert len(names) > 8
    name = "[a-z0-9-]+-[0-9a-f]{12}"
    for each in names:
        assert re.fullmatch(
            rf"(index|cover)\.html|report\.txt|(files|recordings)/{name}\.html"
            rf"|assets/({name}-\d-(track|recording)|page)\.\w{{2,3}}",
            each,
        )
    assert page_address(scanned.result("mix.wav")).startswith("files/mix-wav-")


def test_pages_refer_to_nothing_outside_their_folder(site: Path) -> None:
    for path in pages_of(site):
        page = Page(path)
        policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
        assert policy.startswith("default-src 'none'")
        assert "http" not in policy
        for _, attributes in page.tags:
            for name in ("src", "href"):
                target = attributes.get(name, "#")
                place, _, anchor = target.partition("#")
                assert not place or (path.parent / place).is_file(), target
                aim = page if not place else Page(path.parent / place) if anchor else None
                assert not anchor or aim is None or any(a.get("id") == anchor for _, a in aim.tags), target


@pytest.mark.slow
def test_a_single_file_has_everything_inside(scanned: ScannedRun, tmp_path: Path) -> None:
    report_of(scanned, tmp_path / "one", single_file=True, with_audio=True)
    assert {name.split("/")[0] for name in contents(tmp_path / "one")} == {
        "index.html",
        "cover.html",
        "files",
        "recordings",
        "report.txt",
    }
    page = page_of(tmp_path / "one", scanned)
    sources = [attributes["src"] for _, attributes in page.tags if "src" in attributes]
    assert len(sources) == 8
    assert all(source.startswith(("data:image/png;base64,", "data:audio/ogg;base64,")) for source in sources)
    assert page.all("link") == []
    recordings = {f"../{recording_address(name)}" for name in ("s1", "s2")}
    assert {a["href"] for a in page.all("a") if a["href"][0] != "#"} == {"../index.html", "../cover.html", *recordings}


def test_a_page_can_stand_alone(scanned: ScannedRun, tmp_path: Path) -> None:
    result = scanned.result("mix.wav")
    (tmp_path / "page.html").write_bytes(single_page(result, Run.open(scanned.folder).trace_path(result)))
    page = Page(tmp_path / "page.html")
    assert len(page.all("figure")) == 6
    assert [a["href"] for a in page.all("a") if not a["href"].startswith("#")] == []
    with pytest.raises(EvidenceError, match="cannot be read"):
        single_page(result, tmp_path / "none.spt")


@pytest.mark.slow
@pytest.mark.same_bytes
def test_the_same_run_gives_the_same_bytes(site: Path, scanned: ScannedRun, tmp_path: Path) -> None:
    report_of(scanned, tmp_path / "again", with_audio=True)
    assert contents(tmp_path / "again") == contents(site)


@pytest.mark.slow
@pytest.mark.same_bytes
def test_two_workers_write_the_same_as_one(site: Path, scanned: ScannedRun, tmp_path: Path) -> None:
    result = run(
        "report", scanned.folder, "--out", tmp_path / "two", "--with-audio", "--catalogue", scanned.catalogue,
        "--title", "A report", "--jobs", "2", "--quiet",
    )  # fmt: skip
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert contents(tmp_path / "two") == contents(site)


# Missing files.


def test_without_audio_the_landmarks_alone_are_drawn_and_the_page_says_why(scanned: ScannedRun, tmp_path: Path) -> None:
    report_of(scanned, tmp_path / "report", with_catalogue=False)
    page = page_of(tmp_path / "report", scanned)
    assert page.all("audio") == []
    assert [a["alt"].partition(",")[0] for a in page.all("img")] == 2 * ["Spectrogram of the generated track"]
    assert "was not given with --catalogue. Landmarks are drawn all the same: the evidence holds them." in page.text
    assert "This report holds no audio, because the rights" in page.text


def test_audio_that_has_moved_or_changed_is_not_drawn(scanned: ScannedRun, tmp_path: Path) -> None:
    result = scanned.result("mix.wav")
    assert track_sound(result).path == Path(result.name)
    moved = with_track(result, name=str(tmp_path / "gone.wav"))
    assert f"is not at {tmp_path / 'gone.wav'}, or" in track_sound(moved).why_not
    elsewhere = track_sound(with_track(result, name="gone.wav"))
    assert "gone.wav, as seen from the folder where this page was made" in elsewhere.why_not
    changed = with_track(result, sha256="0" * 64)
    assert "its digest differs" in track_sound(changed).why_not
    described = with_track(result, name="song.spf")
    assert "fingerprint file" in track_sound(described).why_not


@pytest.mark.parametrize("command", ["report", "match"])
def test_a_catalogue_that_is_not_there_is_an_error_before_anything_is_made(
    scanned: ScannedRun, tmp_path: Path, command: str
) -> None:
    absent, out = tmp_path / "absent", tmp_path / "out"
    words = ("report", scanned.folder, "--out", out) if command == "report" else ("match", absent, "--report", out)
    result = run(*words, "--catalogue", absent, index=None if command == "report" else scanned.folder.parent / "index")
    assert (result.exit_code, result.stdout, out.exists()) == (2, "", False)
    assert f"--catalogue {absent}: there is no such file or folder" in result.stderr


def test_a_file_of_a_catalogue_that_has_gone_is_told_from_another_one(scanned: ScannedRun, tmp_path: Path) -> None:
    trace = read_trace(Run.open(scanned.folder).trace_path(scanned.result("mix.wav")))
    recording = trace.parts[0].passages[0].recording
    candidates = CatalogueAudio([Item(tmp_path / "gone.wav", id="s1")]).candidates([_match(recording.id)])
    assert f"is not at {tmp_path / 'gone.wav'}, or cannot" in recording_sound(recording, candidates).why_not


def test_a_recording_is_known_by_its_digest_not_by_its_name(scanned: ScannedRun) -> None:
    files = [Item(scanned.catalogue.parent / "music" / f"s{k}.wav") for k in (1, 2)]
    found = CatalogueAudio(files).candidates(map(_match, ["s1", "s2-0123abcd", "other"]))
    assert found == {"s1": (files[0].path,), "s2-0123abcd": (files[1].path,)}
    trace = read_trace(Run.open(scanned.folder).trace_path(scanned.result("mix.wav")))
    recording = trace.parts[0].passages[0].recording
    assert recording_sound(recording, {recording.id: (files[1].path, files[0].path)}).path == files[0].path
    assert "not the one in the index" in recording_sound(recording, {recording.id: (files[1].path,)}).why_not
    assert "blind index" in recording_sound(Recording("token"), {"token": (files[0].path,)}).why_not


def test_audio_of_a_recording_is_found_by_its_digest_where_no_name_is_its_own(
    scanned: ScannedRun, tmp_path: Path
) -> None:
    music = tmp_path / "music"
    music.mkdir()
    for k in (1, 2):
        shutil.copy(scanned.catalogue.parent / "music" / f"s{k}.wav", music / f"0{k} Song.wav")
    words = ("report", scanned.folder, "--only", scanned.result("mix.wav").name, "--jobs", "1")
    done = run(*words, "--out", tmp_path / "whole", "--catalogue", music)
    said = "the audio of 2 of 2 recordings was found"
    assert (done.exit_code, f"--catalogue: {said}\n" in done.stderr) == (0, True)
    assert said in (tmp_path / "whole" / "cover.html").read_text("utf-8")
    assert len(list((tmp_path / "whole" / "assets").glob("*-recording.png"))) == 2
    (music / "01 Song.wav").rename(music / "s2.wav")  # named as another recording, whose audio has another name
    swapped = run(*words, "--out", tmp_path / "swapped", "--catalogue", music)
    assert (swapped.exit_code, f"--catalogue: {said}\n" in swapped.stderr) == (0, True)
    (music / "02 Song.wav").unlink()
    part = run(*words, "--out", tmp_path / "part", "--catalogue", music)
    said = "the audio of 1 of 2 recordings was found; not of s2"
    assert (part.exit_code, f"--catalogue: {said}\n" in part.stderr) == (0, True)
    assert said in (tmp_path / "part" / "cover.html").read_text("utf-8")


@pytest.mark.parametrize("command", ["report", "evidence", "match"])
def test_a_list_of_a_catalogue_may_name_audio_from_another_folder(
    scanned: ScannedRun, tmp_path: Path, command: str
) -> None:
    key = create_key(tmp_path / "keys", "tone")[1]
    sheet = tmp_path / "sheets" / "list.csv"
    sheet.parent.mkdir()
    sheet.write_text("Datei,id\ns1.wav,s1\n" + "".join(f"no{k}.wav,no{k}\n" for k in range(7)))
    name = scanned.result("mix.wav").name
    words = {
        "report": ("report", scanned.folder, "--only", name, "--out", tmp_path / "out"),
        "evidence": ("evidence", scanned.folder, name, "-o", tmp_path / "case.zip", "--sign-with", key),
        "match": ("match", name, "--report", tmp_path / "out"),
    }[command]
    index = scanned.folder.parent / "index" if command == "match" else None
    refused = run(*words, "--catalogue", sheet, index=index)
    assert (refused.exit_code, 'or as --columns "HEADING=path" says' in refused.stderr) == (2, True)
    options = ("--columns", "Datei=path", "--audio-root", scanned.catalogue.parent / "music")
    done = run(*words, "--catalogue", sheet, *options, index=index)
    assert (done.exit_code, done.stderr.count("no such file in"), "2 more like these" in done.stderr) == (4, 6, True)
    if command != "evidence":
        assert "--catalogue: the audio of 1 of 2 recordings was found; not of s2" in done.stderr


@pytest.mark.parametrize(
    ("item", "found"),
    [
        (Item(Path("One for Tonight.wav")), True),
        (Item(Path("a.wav"), title="one for tonight"), True),
        (Item(Path("a.wav"), isrc="USRC17607839"), True),
        (Item(Path("a.wav"), id="other", title="Other"), False),
    ],
)
def test_audio_of_a_recording_may_bear_its_title_or_isrc_in_place_of_its_id(item: Item, *, found: bool) -> None:
    named = _match("R-1", title="One for Tonight", isrc="USRC17607839")
    assert CatalogueAudio([item]).candidates([named]) == ({"R-1": (item.path,)} if found else {})


def _match(recording_id: str, **words: Any) -> ResultMatch:
    (match,) = read_result(a_result(matches=[a_match(recording_id, **words)])).matches
    return match


@pytest.mark.parametrize("how", ["missing", "cut", "of another file"])
def test_a_trace_that_cannot_be_used_leaves_a_page_that_says_so(scanned: ScannedRun, tmp_path: Path, how: str) -> None:
    shutil.copytree(scanned.folder, tmp_path / "run")
    own = Run.open(tmp_path / "run").trace_path(scanned.result("mix.wav"))
    if how == "missing":
        own.unlink()
    elif how == "cut":
        own.write_bytes(own.read_bytes()[:1000])
    else:
        shutil.copy(own.with_name(Run.open(scanned.folder).trace_path(scanned.result(HOSTILE_NAME)).name), own)
    result = run("report", tmp_path / "run", "--out", tmp_path / "out", "--jobs", "1")
    assert result.exit_code == 4
    assert "its page has no figures" in result.stderr
    page = page_of(tmp_path / "out", scanned)
    assert "The evidence kept with this result could not be used" in page.text
    assert page.all("svg") == []
    assert "s2" in page.text
    assert (tmp_path / "out" / "index.html").is_file()


def test_a_result_that_its_trace_does_not_give_is_not_drawn(scanned: ScannedRun, tmp_path: Path) -> None:
    raw = json.loads(json.dumps(scanned.result("mix.wav").raw))
    raw["matches"][0]["passages"][0]["recording_start_ms"] += 500
    options = ReportOptions(jobs=1)
    (page,) = write_report([read_result(raw)], scanned.folder / "traces", tmp_path / "out", options)
    assert page.kind == "failed"
    assert "the passages of the trace differ from those of the result" in page.remarks[0]


def test_a_digest_from_outside_cannot_name_another_file(tmp_path: Path) -> None:
    raw = a_result(matches=[a_match()], track={"sha256": "../../secret"})
    (tmp_path / "traces").mkdir()
    (tmp_path / "secret.spt").write_bytes(b"no trace")
    (page,) = write_report([read_result(raw)], tmp_path / "traces", tmp_path / "out", ReportOptions(jobs=1))
    assert "no-digest-" in page.remarks[0]


# The folder.


def test_an_interrupted_report_has_no_overview_and_no_half_page(
    scanned: ScannedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = write_report(scanned.results(), scanned.folder / "traces", tmp_path / "out", ReportOptions(jobs=1))
    next(pages)
    pages.close()
    made = sorted((tmp_path / "out" / "files").iterdir())
    assert len(made) == 1
    assert Page(made[0]).text
    assert not (tmp_path / "out" / "index.html").exists()
    report_of(scanned, tmp_path / "out", replace=True, with_catalogue=False)
    assert (tmp_path / "out" / "index.html").is_file()

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(report_module, "file_page", interrupt)
    with pytest.raises(KeyboardInterrupt):
        report_of(scanned, tmp_path / "out", replace=True)
    assert not (tmp_path / "out" / "index.html").exists()


def test_a_page_that_cannot_be_made_costs_no_other(
    scanned: ScannedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = file_page
    n_matched = sum(bool(result.matches) for result in scanned.results())

    calls: list[object] = []

    def odd(values: dict[str, Any], *, title: str, way: str | None, inside: bool) -> bytes:
        calls.append(values)
        assert len(calls) > 1 or 1 // 0
        return real(values, title=title, way=way, inside=inside)

    monkeypatch.setattr(report_module, "file_page", odd)
    made = list(write_report(scanned.results(), scanned.folder / "traces", tmp_path / "out", ReportOptions(jobs=1)))
    failed = [page for page in made if page.kind == "failed"]
    assert (len(failed), len(made)) == (1, n_matched)
    assert all("its page could not be made: unexpected ZeroDivisionError in" in page.remarks[0] for page in failed)
    assert len(list((tmp_path / "out" / "files").iterdir())) == len(made) - len(failed)
    assert (tmp_path / "out" / "index.html").is_file()


def test_a_folder_with_other_files_is_never_written_to(scanned: ScannedRun, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear", encoding="utf-8")
    for replace in (False, True):
        with pytest.raises(EvidenceError, match="holds other files"):
            report_of(scanned, tmp_path / "mine", replace=replace)
    with pytest.raises(EvidenceError, match="is a file"):
        report_of(scanned, tmp_path / "mine" / "letter.txt")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


@pytest.mark.slow
def test_a_report_is_replaced_only_when_asked_and_leaves_nothing_of_the_old_one(
    scanned: ScannedRun, tmp_path: Path
) -> None:
    report_of(scanned, tmp_path / "out", with_audio=True)
    (tmp_path / "out" / "files" / "note.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(EvidenceError, match="give --force"):
        report_of(scanned, tmp_path / "out")
    report_of(scanned, tmp_path / "out", single_file=True, replace=True)
    left = contents(tmp_path / "out")
    assert not [name for name in left if name.startswith("assets/")]
    assert left["files/note.txt"] == b"mine"


def test_only_the_files_that_are_named_are_reported_on(scanned: ScannedRun, tmp_path: Path) -> None:
    name = scanned.result("mix.wav").name
    result = run("report", scanned.folder, "--out", tmp_path / "out", "--only", name)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "1 file, 1 page of evidence" in result.stderr
    refused = run("report", scanned.folder, "--out", tmp_path / "no", "--only", "absent.wav")
    assert (refused.exit_code, (tmp_path / "no").exists()) == (2, False)
    assert "absent.wav: no such file in the run" in refused.stderr


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    result = run("report", tmp_path, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "results.jsonl" in result.stderr


# Many rows.


@pytest.mark.slow
def test_thousands_of_rows_go_into_the_page_as_data_and_the_first_200_as_a_table(tmp_path: Path) -> None:
    results = [read_result(a_result(f"in/gen-{k:05d}.wav", [a_match()] if k % 3 else [])) for k in range(5000)]
    results.append(read_result(a_failure("in/zz.mp3")))
    (tmp_path / "index.html").write_bytes(overview_page(overview_of(results), title="Many", inside=True))
    page = Page(tmp_path / "index.html")
    assert "The first 200 of 5001 files" in page.text
    assert "gen-00299.wav" in page.text  # of those that matched
    assert "gen-00300.wav" not in page.text
    assert "gen-00003.wav" not in page.text
    data = json.loads(re.search(r'id="data">(.*?)</script>', page.source, re.DOTALL)[1])  # type: ignore[index]
    assert len(data["rows"]) == 5001
    at = data["keys"].index("name")
    assert [data["rows"][k][at] for k in (0, 1, 3333, 3334, -1)] == [
        "gen-00001.wav", "gen-00002.wav", "zz.mp3", "gen-00000.wav", "gen-04998.wav",
    ]  # fmt: skip
    assert len(page.source) < 1_500_000


def test_expected_chance_alignments_are_not_stated_as_a_probability_of_chance(site: Path, scanned: ScannedRun) -> None:
    whole, page = Page(site / "index.html").text, page_of(site, scanned).text
    assert "matches, by the probability that chance gives such a track one as good" in whole
    assert "the probability that chance gives this track, in this catalogue, an alignment as good" in page
    assert "if one track in about ten is taken to hold reuse before anything is searched" in page
    assert "They do not hold for music built from the same drum samples" in page


def test_no_probability_below_the_least_that_is_claimed_is_shown() -> None:
    match = a_match("s1", [a_passage(false_per_1000h=1e-6, p_false=1e-9)])
    (row,) = overview_of([read_result(a_result("gen-1.wav", [match]))])["files"]["rows"]
    assert (row["p"], row["q"]) == ("1 in 10\u2079", "1.0e-09")


def test_a_long_title_is_cut_in_the_table_and_its_id_is_not() -> None:
    match = a_match("an-id", title="T" * 300)
    view = overview_of([read_result(a_result("gen-1.wav", [match]))])
    assert view["files"]["rows"][0]["source"] == f"{'T' * 79}\N{HORIZONTAL ELLIPSIS} (an-id)"
    assert view["source_bars"][0]["label"] == view["files"]["rows"][0]["source"]


def test_sources_failures_and_expectations_are_summed_over_the_run() -> None:
    two = [a_match("s1", [a_passage(0), a_passage(5_000)]), a_match("s2", [a_passage(8_000)])]
    results = [read_result(a_result("a.wav", two)), read_result(a_result("b.wav", [a_match("s1")]))]
    results.append(read_result(a_failure("c.mp3")))
    values = overview_of(results, {"a.wav": "files/x.html"})
    assert [(bar["label"], bar["text"]) for bar in values["source_bars"]] == [
        ("Title of s1 (s1)", "0:25.0"),
        ("Title of s2 (s2)", "0:10.0"),
    ]
    assert values["tiles"][2][1] == "0:28.0"  # time that two recordings cover counts once
    assert [row["page"] for row in values["files"]["rows"]] == ["files/x.html", "", ""]
    assert [row["name"] for row in values["failures"]] == ["c.mp3"]
    assert values["chance_bars"] == [{"label": "1 in 10\u2079 or less", "length": "100.0", "text": "3"}]


# Pictures, figures and excerpts.


def test_a_tone_is_drawn_at_its_frequency_and_time(tmp_path: Path) -> None:
    params = Params()
    seconds = np.arange(3 * params.sample_rate) / params.sample_rate
    y = np.where(seconds >= 1.5, np.sin(2 * np.pi * 440.0 * seconds), 0.0).astype(np.float32)
    path = write(tmp_path / "tone.wav", y)
    stretch = Stretch(-1.0, 4.0, 100)
    (power,) = pooled_cells(path, [stretch], params)
    assert power.shape == (100, params.n_bins)
    assert np.isnan(power[:20]).all()
    assert np.isnan(power[81:]).all()
    assert cell_frequencies(params)[power[70].argmax()] == pytest.approx(440.0, rel=0.02)
    drawn = shades(power, stretch, params)
    assert drawn.shape == (params.n_bins, 100)
    assert drawn[:, :45].max() == 0
    assert params.n_bins - 1 - drawn[:, 70].argmax() == pytest.approx(power[70].argmax(), abs=1)
    image = Image.open(io.BytesIO(picture(drawn)))
    assert image.size == (100, params.n_bins)
    assert sum(image.convert("RGB").getpixel((10, 10))) > 700  # type: ignore[arg-type]


def test_stretches_of_another_tempo_have_corresponding_columns(tmp_path: Path) -> None:
    params = Params()
    y = np.zeros(8 * params.sample_rate, np.float32)
    y[4 * params.sample_rate :] = np.random.default_rng(0).normal(0, 0.1, 4 * params.sample_rate)
    path = write(tmp_path / "half.wav", y)
    one, other = pooled_cells(path, [Stretch(2.0, 6.0, 40), Stretch(0.0, 8.0, 40)], params)
    for power in (one, other):
        loud = np.flatnonzero(power.sum(axis=1) > 0.01)
        assert abs(int(loud[0]) - 20) <= 1


def test_figures_place_pairs_on_the_line(scanned: ScannedRun) -> None:
    trace = read_trace(Run.open(scanned.folder).trace_path(scanned.result("mix.wav")))
    checked = recheck(trace)
    segment = checked.matches[0].passages[0]
    pairs = checked.pairs["s1"].of_passage(segment)
    spectra = spectra_figure(segment, pairs, trace.parts[0].passages, fmin_hz=trace.fmin_hz, cells_per_octave=36.0)
    ends = re.findall(r"M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)", spectra.joins)
    assert len(ends) == min(140, segment.aligned_landmarks)
    assert max(abs(float(x1) - float(x2)) for x1, _, x2, _ in ends) < 15.0
    assert spectra.track_dots.count("M") == segment.aligned_landmarks
    assert spectra.track_others.count("M") >= spectra.track_dots.count("M")
    plane = plane_figure(segment, pairs)
    assert plane.slope == pytest.approx(1.0, abs=0.01)
    assert plane.deviation_ms < 20.0
    pitch = pitch_figure(segment, pairs, cells_per_octave=36.0)
    assert pitch.stated == "0"
    assert pitch.within_percent > 90.0


def test_a_passage_without_length_or_pairs_is_drawn_all_the_same(scanned: ScannedRun) -> None:
    trace = read_trace(Run.open(scanned.folder).trace_path(scanned.result("mix.wav")))
    checked = recheck(trace)
    segment = checked.matches[0].passages[0]
    point = dataclasses.replace(
        segment,
        track_end_seconds=segment.track_start_seconds,
        recording_end_seconds=segment.recording_start_seconds,
    )
    apart = dataclasses.replace(point, track_start_seconds=900.0, track_end_seconds=900.0)
    for odd in (point, apart):
        pairs = checked.pairs["s1"].of_passage(odd)
        assert plane_figure(odd, pairs).points.count("M") == pairs.track_seconds.size
        assert pitch_figure(odd, pairs, cells_per_octave=36.0).bars
        assert spectra_figure(odd, pairs, [], fmin_hz=trace.fmin_hz, cells_per_octave=36.0).track_others == ""
    assert checked.pairs["s1"].of_passage(apart).track_seconds.size == 0


def test_excerpts_start_where_they_are_asked_to(tmp_path: Path) -> None:
    y = np.zeros(6 * 22050, np.float32)
    y[3 * 22050 : 3 * 22050 + 600] = np.random.default_rng(1).normal(0, 0.3, 600)
    path = write(tmp_path / "click.wav", y, rate_hz=22050)
    for data, at in zip(excerpts(path, [(2.0, 5.0), (-1.0, 4.0), (20.0, 21.0)]), (1.0, 4.0, None), strict=True):
        decoded, rate = soundfile.read(io.BytesIO(data))  # which checks the checksums of Ogg
        assert rate == EXCERPT_HZ
        if at is None:
            assert np.abs(decoded).max() < 0.01
        else:
            assert np.flatnonzero(np.abs(decoded) > 0.1)[0] / rate == pytest.approx(at, abs=0.02)


def test_an_excerpt_is_of_the_length_asked_for_and_the_same_each_time(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", music(5, 6.0))
    (one,), (other,) = excerpts(path, [(1.0, 4.5)]), excerpts(path, [(1.0, 4.5)])
    assert one == other
    assert soundfile.info(io.BytesIO(one)).frames == 3.5 * EXCERPT_HZ
    assert soundfile.info(io.BytesIO(one)).subtype == "OPUS"  # to any place in which browsers go exactly


def test_the_players_of_a_page_are_locked_to_the_line(site: Path, scanned: ScannedRun) -> None:
    page = page_of(site, scanned)
    players = [a for a in page.all("div") if a.get("class") == "player"]
    passages = [segment for match in scanned.result("mix.wav").matches for segment in match.passages]
    assert len(players) == 2
    for player, segment in zip(players, sorted(passages, key=lambda s: s.track_start_ms), strict=True):
        start, there, ratio = (float(player[f"data-{name}"]) for name in ("start", "there", "ratio"))
        assert start == pytest.approx(segment.track_start_ms / 1000 - 2.0, abs=0.01)
        assert there + ratio * 2.0 == pytest.approx(segment.recording_start_ms / 1000, abs=0.02)
        assert float(player["data-length"]) <= 30.0


def test_match_makes_pages_too_and_keeps_nothing_else(tmp_path: Path) -> None:
    index = catalogue(tmp_path, [1, 2])
    query = write(tmp_path / "q.wav", music(2)[3 * RATE_HZ : 10 * RATE_HZ])
    done = run("match", query, "--report", tmp_path / "report", "--catalogue", tmp_path / "music", index=index)
    assert (done.exit_code, done.stderr) == (
        0,
        "Note: --catalogue: the audio of 1 of 1 recording was found\n"
        f"Note: {tmp_path}/report/index.html: pages of the matches\n",
    )
    (page,) = (tmp_path / "report" / "files").iterdir()
    assert re.search(r"of the track matches 0:0\d\.\d", page.read_text(encoding="utf-8"))
    assert len(list((tmp_path / "report" / "assets").glob("*-recording.png"))) == 1
    again = run("match", query, "--report", tmp_path / "report", index=index)
    assert (again.exit_code, again.stdout) == (2, "")
    assert "holds a report already" in again.stderr
    assert run("match", query, "--catalogue", tmp_path / "music", index=index).exit_code == 2


def test_a_recording_that_is_found_in_two_layers_counts_once_among_the_sources() -> None:
    layers = [a_match("s1", layer=layer) for layer in ("recording", "melody")]
    (bar,) = overview_of([read_result(a_result(matches=layers))])["source_bars"]
    assert bar["text"] == "0:10.0"
