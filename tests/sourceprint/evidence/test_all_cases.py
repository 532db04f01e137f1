"""`evidence --all`: a case and a page of every matched file, resumable, complete, and with a list of missing cases."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from click.testing import Result

import sourceprint.evidence.pages.folder as folder_module
from sourceprint.evidence.pages.addresses import case_address, page_address
from sourceprint.scans.run_folder import Run
from sourceprint.signatures import create_key
from tests.command_line import music, run, write
from tests.page_reports import ScannedRun, a_run


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> ScannedRun:
    """Return a run that tests only read."""
    return a_run(tmp_path_factory.mktemp("scanned"))


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a private key."""
    return create_key(tmp_path_factory.mktemp("keys"), "tone")[1]


@pytest.fixture(scope="module")
def made(scanned: ScannedRun, key: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return all cases of the run, that tests only read."""
    out = tmp_path_factory.mktemp("made") / "all"
    result = all_cases(scanned.folder, out, key, "--catalogue", scanned.catalogue, "--with-audio")
    assert result.exit_code == 0, result.stderr
    lines = dict(line.split("  ", 1)[::-1] for line in result.stdout.splitlines())
    assert lines == {str(path): digest_of(path) for path in (out / "cases").iterdir()}
    return out


def all_cases(folder: Path, out: Path, key: Path, *more: str | Path) -> Result:
    return run("evidence", folder, "--all", "-o", out, "--sign-with", key, "--jobs", "1", *more)


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def copy_of(scanned: ScannedRun, folder: Path, *, track: Path) -> Path:
    """Return a run in which `mix.wav` is another file."""
    shutil.copytree(scanned.folder, folder)
    rows = [json.loads(line) for line in (scanned.folder / "results.jsonl").read_text("utf-8").splitlines()]
    for row in rows:
        if row["track"]["name"].endswith("mix.wav"):
            row["track"]["name"] = str(track)
    (folder / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


@pytest.mark.slow
def test_there_is_a_case_and_a_page_of_every_matched_file_and_pages_about_all(
    made: Path, scanned: ScannedRun, key: Path
) -> None:
    matched = [result for result in scanned.results() if result.matches]
    assert len(matched) == 2
    for result in matched:
        assert run("verify", made / case_address(result), "--key", key.with_suffix(".pub")).exit_code == 0
        page = (made / page_address(result)).read_text("utf-8")
        assert f'href="../{case_address(result)}"' in page
        assert "<audio" in page
    assert len(list((made / "recordings").iterdir())) == 2
    cover = (made / "cover.html").read_text("utf-8")
    for said in (
        "2 of 2 in the index",
        "landmark/1",
        matched[0].index_digest,
        "Signed by",
        "sourceprint verify cases/",
    ):
        assert said in cover
    assert "Nothing: the page of every matched file is whole" in cover
    assert not (made / "unfinished.jsonl").exists()


@pytest.mark.slow
def test_a_case_of_all_is_the_case_of_one(made: Path, scanned: ScannedRun, key: Path, tmp_path: Path) -> None:
    result = scanned.result("mix.wav")
    done = run(
        "evidence", scanned.folder, "mix.wav", "-o", tmp_path / "one.zip", "--sign-with", key,
        "--catalogue", scanned.catalogue,
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "one.zip").read_bytes() == (made / case_address(result)).read_bytes()


@pytest.mark.slow
def test_the_digests_are_of_everything_but_themselves(made: Path) -> None:
    lines = [line.split("  ") for line in (made / "SHA256SUMS").read_text("ascii").splitlines()]
    files = set(contents(made)) - {"SHA256SUMS", "report.txt"}
    assert {name for _, name in lines} == files
    assert all(digest_of(made / name) == digest for digest, name in lines)


@pytest.mark.slow
def test_an_interrupted_run_resumes_with_the_same_result(
    made: Path, scanned: ScannedRun, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "all"
    options = ("--catalogue", scanned.catalogue, "--with-audio")
    kept = folder_module.ReportFolder.keep

    def keep(self: folder_module.ReportFolder, page: dict[str, object]) -> None:
        kept(self, page)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(folder_module.ReportFolder, "keep", keep)
        assert all_cases(scanned.folder, out, key, *options).exit_code == 130
    assert not (out / "index.html").exists()
    (first,) = (out / "files").iterdir()
    before = first.stat().st_mtime_ns
    with (out / "unfinished.jsonl").open("ab") as journal:
        journal.write(b'{"address": "files/')  # cut off by a power cut
    other = all_cases(scanned.folder, out, key, "--catalogue", scanned.catalogue)
    assert other.exit_code == 2
    assert "holds an unfinished report of other results, or with other options; give --force" in other.stderr
    result = all_cases(scanned.folder, out, key, *options)
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 2)
    assert first.stat().st_mtime_ns == before
    assert contents(out) == contents(made)
    again = all_cases(scanned.folder, out, key, *options)
    assert again.exit_code == 2
    assert "holds a report already" in again.stderr


@pytest.mark.slow
@pytest.mark.parametrize("how", ["gone", "changed"])
def test_a_track_whose_audio_is_gone_or_has_changed_is_named_and_its_case_is_made(
    scanned: ScannedRun, key: Path, tmp_path: Path, how: str
) -> None:
    track = tmp_path / "other.wav"
    if how == "changed":
        write(track, music(90, 6.0))
    folder = copy_of(scanned, tmp_path / "run", track=track)
    result = all_cases(folder, tmp_path / "all", key, "--json")
    assert result.exit_code == 4
    said = json.loads(result.stdout)
    why = f"is not at {track}" if how == "gone" else f"The file at {track} is not the one that was scanned"
    assert [failure["file"] for failure in said["failures"]] == [str(track)]
    assert why in said["failures"][0]["reason"]
    assert why in result.stderr
    assert why in (tmp_path / "all" / "cover.html").read_text("utf-8")
    assert len(said["cases"]) == 2
    assert all(Path(case["case"]).is_file() for case in said["cases"])
    report = run("report", folder, "--out", tmp_path / "report", "--jobs", "1")  # which asks for no audio
    assert report.exit_code == 0
    assert "the audio of 1 file was not at hand" in report.stderr
    assert why in (tmp_path / "report" / "cover.html").read_text("utf-8")


def test_a_trace_that_is_gone_costs_one_case_and_no_other(scanned: ScannedRun, key: Path, tmp_path: Path) -> None:
    folder = copy_of(scanned, tmp_path / "run", track=Path(scanned.result("mix.wav").name))
    Run.open(folder).trace_path(scanned.result("mix.wav")).unlink()
    result = all_cases(folder, tmp_path / "all", key)
    assert (result.exit_code, len(result.stdout.splitlines())) == (4, 1)
    assert "mix.wav: there is no case of it: " in result.stderr
    assert "there is no case of it" in (tmp_path / "all" / "cover.html").read_text("utf-8")


def test_wrong_options_are_refused_before_anything_is_made(scanned: ScannedRun, key: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for words, said in (
        ((scanned.folder, "mix.wav", "--all"), "FILE, --all: give one of them"),
        ((scanned.folder, "mix.wav", "--catalogue", ""), "is empty; a variable of the shell may not be set"),
        ((scanned.folder,), "FILE, --all: give one of them"),
        ((scanned.folder, "mix.wav", "--with-audio"), "--with-audio, --jobs: are for the pages of --all"),
        ((scanned.folder, "mix.wav", "--no-page", "--catalogue", scanned.catalogue), "--no-page leaves out"),
        ((scanned.folder, "--all", "--catalogue", tmp_path / "no"), "no: there is no such file or folder"),
        ((scanned.folder, "mix.wav", "--catalogue", tmp_path / "no"), "no: there is no such file or folder"),
    ):
        result = run("evidence", *words, "-o", out, "--sign-with", key)
        assert (result.exit_code, out.exists()) == (2, False), words
        assert said in result.stderr


def test_no_key_is_made_for_all_cases_either(scanned: ScannedRun, tmp_path: Path) -> None:
    result = run("evidence", scanned.folder, "--all", "-o", tmp_path / "all", "--keys", tmp_path / "keys")
    assert result.exit_code == 2
    assert "holds no private key" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_run_in_which_nothing_was_found_has_nothing_to_sign(scanned: ScannedRun, key: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    rows = [row for row in (scanned.folder / "results.jsonl").read_text("utf-8").splitlines() if '"no_match"' in row]
    (folder / "results.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    result = all_cases(folder, tmp_path / "all", key)
    assert (result.exit_code, (tmp_path / "all").exists()) == (2, False)
    assert "nothing was found in any file of it" in result.stderr
