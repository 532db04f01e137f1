"""The suite and `sourceprint bench`: the parts that run, their options, kept reports, and exit codes."""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks import suite
from benchmarks.data.corpus import SyntheticCorpus
from benchmarks.part import Job, Report
from benchmarks.parts import PARTS, load_part
from benchmarks.suite import described, options_of, report_key, split_words
from fingerprint.errors import ParameterError, SourceprintError
from tests.command_line import run, start
from tests.small_parts import install


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.delenv("SOURCEPRINT_CORPUS", raising=False)
    return install(monkeypatch)


def bench(tmp_path: Path, *words: str) -> Any:
    return run("bench", "--out", tmp_path / "out", "--cache", tmp_path / "cache", "--jobs", "1", *words)


def notes(*lines: str) -> str:
    return "".join(f"Note: {line}\n" for line in lines)


# The command.


def test_all_parts_run_in_order_and_leave_reports_results_and_pictures(tmp_path: Path, ran: list[str]) -> None:
    result = bench(tmp_path)
    out = tmp_path / "out"
    assert (result.exit_code, ran) == (0, ["alpha", "beta", "gamma"])
    assert result.stderr == notes(
        "Part alpha (1 of 3)",
        "Part beta (2 of 3)",
        "Part gamma (3 of 3)",
        f"reports, RESULTS.md and pictures are in {out}",
    )
    assert [line for line in result.stdout.splitlines() if line.startswith("Part ")] == [
        f"Part {name}: 24 recordings, 0.3 h (synthesised)" for name in ("alpha", "beta", "gamma")
    ]
    assert "What alpha found\n\nwhat  n\na|b  90\n\nA remark.\n" in result.stdout.replace("what   n", "what  n")
    assert sorted(path.name for path in out.iterdir()) == [
        "RESULTS.md", "alpha.json", "alpha.md", "alpha.svg", "beta.json", "beta.md", "beta.svg",
        "gamma.json", "gamma.md", "gamma.svg",
    ]  # fmt: skip
    report = json.loads((out / "alpha.json").read_text())
    assert report["settings"] == {"seed": 0, "quick": True, "limit": 1.0}
    assert report["elapsed_seconds"] >= 0
    assert report["data"]["lists"][0] == {"list": "music", "files": 24, "hours": 0.3, "sources": 8, "missing": 0}
    assert (out / "RESULTS.md").read_text().startswith("# Results\n")


def test_parts_that_are_named_run_in_their_order(tmp_path: Path, ran: list[str]) -> None:
    assert bench(tmp_path, "gamma", "alpha", "gamma").exit_code == 0
    assert ran == ["alpha", "gamma"]
    assert "Not measured: there is no report `beta.json`." in (tmp_path / "out" / "RESULTS.md").read_text()


def test_existing_measurements_are_reused(tmp_path: Path, ran: list[str]) -> None:
    first = bench(tmp_path, "alpha")
    ran.clear()
    again = bench(tmp_path)
    assert (again.exit_code, ran) == (0, ["beta", "gamma"])
    assert again.stdout.startswith(first.stdout)
    assert f"Note: Part alpha (1 of 3): measured before, {tmp_path}/out/alpha.json\n" in again.stderr
    ran.clear()
    bench(tmp_path, "--seed", "1", "alpha")
    bench(tmp_path, "alpha", "--seed", "1", "--", "--depth", "3")
    bench(tmp_path, "alpha", "--seed", "1", "--", "--depth", "3")
    assert ran == ["alpha", "alpha"]
    report = json.loads((tmp_path / "out" / "alpha.json").read_text())
    assert (report["found"], report["depth"]) == (91, 3)


def test_damaged_report_is_made_again(tmp_path: Path, ran: list[str]) -> None:
    bench(tmp_path, "alpha")
    (tmp_path / "out" / "alpha.json").write_text("{")
    assert bench(tmp_path, "alpha").exit_code == 0
    assert ran == ["alpha", "alpha"]


def test_report_of_other_code_is_left_out_of_the_results(tmp_path: Path, ran: list[str]) -> None:
    bench(tmp_path, "beta")
    path = tmp_path / "out" / "beta.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"code": "other", "found": None}))
    (tmp_path / "out" / "gamma.json").write_text("{")
    result = bench(tmp_path, "alpha")
    assert result.exit_code == 0
    for name in ("beta", "gamma"):
        left_out = f"{name}.json is of other code and left out of RESULTS.md; `sourceprint bench {name}` makes it again"
        assert f"Note: {left_out}\n" in result.stderr
    assert "Not measured: there is no report `beta.json`." in (tmp_path / "out" / "RESULTS.md").read_text()


def test_part_that_fails_is_named_and_the_others_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(job: Job) -> Report:
        raise SourceprintError("peer.tsv: unreadable; write it again")

    ran = install(monkeypatch, beta=fails)
    result = bench(tmp_path)
    assert (result.exit_code, ran) == (4, ["alpha", "beta", "gamma"])
    assert "Error: beta: peer.tsv: unreadable; write it again\n" in result.stderr
    assert result.stderr.endswith("Error: failed: beta\n")
    assert not (tmp_path / "out" / "beta.json").exists()
    assert "Not measured: there is no report `beta.json`." in (tmp_path / "out" / "RESULTS.md").read_text()
    alone = bench(tmp_path, "beta")
    assert (alone.exit_code, alone.stdout) == (4, "")


def test_interrupted_run_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(job: Job) -> Report:
        raise KeyboardInterrupt

    install(monkeypatch, beta=interrupted)
    result = bench(tmp_path)
    assert result.exit_code == 130
    assert result.stderr.endswith(f"Error: interrupted; what is done is in {tmp_path}/out; the same command goes on\n")
    assert (tmp_path / "out" / "alpha.json").is_file()
    ran = install(monkeypatch)
    assert bench(tmp_path).exit_code == 0
    assert ran == ["beta", "gamma"]


@pytest.mark.slow
def test_signal_ends_the_process_with_130(tmp_path: Path) -> None:
    before = (
        "import pytest, time\n"
        "from tests.small_parts import install\n"
        "def waits(job):\n"
        "    print('waiting', flush=True)\n"
        "    time.sleep(60)\n"
        "install(pytest.MonkeyPatch(), beta=waits)"
    )
    words = ("bench", "alpha", "beta", "--jobs", "1", "--out", tmp_path / "out", "--cache", tmp_path / "cache")
    process = start(*words, before=before, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or lines[-1] != "waiting\n":
        lines.append(process.stdout.readline())
        assert lines[-1], "".join(lines)
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=300)
    assert process.returncode == 130
    assert rest == f"Error: interrupted; what is done is in {tmp_path}/out; the same command goes on\n"
    assert (tmp_path / "out" / "alpha.json").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("delta",), "Error: part 'delta': unknown; choose some of alpha, beta, gamma\n"),
        (
            ("alpha", "--", "--width", "3"),
            "unrecognized arguments: --width 3; `sourceprint bench PART -- --help` lists",
        ),
        (("gamma", "--", "--depth", "3"), "unrecognized arguments: --depth 3; "),
        (("alpha", "--", "--depth", "x"), "argument --depth: invalid int value: 'x'; "),
        (("alpha", "--corpus", "/no/such"), "Error: /no/such: no such "),
        (("--seed", "-1"), "-1 is not in the range x>=0"),
        (("--jobs", "0"), "0 is not in the range x>=1"),
        (("--depth", "3"), "No such option"),
    ],
)
def test_requests_that_cannot_be_met_exit_with_2(
    tmp_path: Path, ran: list[str], words: tuple[str, ...], message: str
) -> None:
    result = bench(tmp_path, *words)
    assert (result.exit_code, result.stdout, ran) == (2, "", [])
    assert message in result.stderr
    assert not (tmp_path / "out").exists()


def test_out_that_is_a_file_is_refused(tmp_path: Path, ran: list[str]) -> None:
    (tmp_path / "out").write_text("mine")
    result = bench(tmp_path)
    assert (result.exit_code, ran) == (2, [])
    assert result.stderr == f"Error: {tmp_path}/out: is no folder; name one for the reports with --out\n"


def test_list_names_the_parts(ran: list[str]) -> None:
    result = run("bench", "--list")
    assert (result.exit_code, result.stderr, ran) == (0, "", [])
    assert result.stdout == "alpha  Part alpha\nbeta   Part beta\ngamma  Part gamma\n"


def test_help_of_parts_shows_their_options(ran: list[str]) -> None:
    result = run("bench", "beta", "--", "--help")
    assert (result.exit_code, ran) == (0, [])
    assert "--file FILE" in result.stdout


def test_without_its_packages_it_runs_and_names_the_omissions(
    tmp_path: Path, ran: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name in suite.OPTIONAL else find(name, *rest)
    )
    result = bench(tmp_path, "alpha")
    assert (result.exit_code, ran) == (0, ["alpha"])
    for package in ("pedalboard", "matplotlib"):
        assert f"Note: without {package}, " in result.stderr
    assert result.stderr.count("pip install 'sourceprint[bench]'\n") == 2


def test_music_is_synthesised_unless_a_corpus_is_asked_for(
    tmp_path: Path, ran: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "music.tsv").write_text("file\ttitle\tduration_s\tsource\na.wav\tA\t10\tx\nb.wav\tB\t10\ty\n")
    monkeypatch.setenv("SOURCEPRINT_CORPUS", str(folder))

    def corpus(*words: str) -> Any:
        assert bench(tmp_path, "alpha", *words).exit_code == 0
        report = json.loads((tmp_path / "out" / "alpha.json").read_text())
        return report["corpus"]["recordings"], report["settings"]["quick"]

    assert corpus() == (24, True)
    assert corpus("--corpus", str(folder)) == (2, True)
    assert corpus("--full") == (2, False)
    monkeypatch.delenv("SOURCEPRINT_CORPUS")
    assert corpus("--full") == (24, False)


# Helpers of the suite.


def test_words_are_parts_until_the_first_dash(ran: list[str]) -> None:
    parts, words = split_words(("beta", "--depth", "3", "alpha"))
    assert ([part.name for part in parts], words) == (["beta"], ("--depth", "3", "alpha"))
    parts, words = split_words(())
    assert ([part.name for part in parts], words) == (["alpha", "beta", "gamma"], ())


def test_each_part_gets_its_own_options_with_its_own_defaults(ran: list[str]) -> None:
    parts, words = split_words(("--file", "x"))
    assert [options_of(part, parts, words) for part in parts] == [{"depth": 1}, {"depth": 2, "file": "x"}, {}]
    with pytest.raises(ParameterError, match="unrecognized arguments: --file x"):
        options_of(parts[0], parts[:1], words)


def test_key_holds_the_inputs_of_a_report(tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("one")
    job = Job(SyntheticCorpus(), tmp_path, options={"pairs": str(pairs)})
    keys = {
        "same": report_key("alpha", Job(SyntheticCorpus(), tmp_path / "other", jobs=7, options={"pairs": str(pairs)})),
        "part": report_key("beta", job),
        "seed": report_key("alpha", Job(SyntheticCorpus(), tmp_path, seed=1, options=job.options)),
        "quick": report_key("alpha", Job(SyntheticCorpus(), tmp_path, quick=True, options=job.options)),
        "corpus": report_key("alpha", Job(SyntheticCorpus(seed=1), tmp_path, options=job.options)),
        "options": report_key("alpha", Job(SyntheticCorpus(), tmp_path)),
        "before": report_key("alpha", job),
    }
    pairs.write_text("two")
    keys["content"] = report_key("alpha", job)
    assert keys.pop("same") == keys["before"]
    assert len(set(keys.values())) == len(keys)


def test_data_are_counted_by_list_and_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "trained_on", lambda: frozenset({"album00", "elsewhere"}))
    data = described(SyntheticCorpus(seconds=36.0))
    held_out, development = data["splits"]
    assert held_out == {"split": "held-out", "sources": 7, "recordings": 21, "hours": pytest.approx(0.21)}
    assert development == {"split": "development", "sources": 1, "recordings": 3, "hours": pytest.approx(0.03)}
    assert [row["list"] for row in data["lists"]] == ["music", "generated", "noises", "rooms"]


@pytest.mark.parametrize("name", PARTS)
def test_every_part_of_the_suite_is_one(name: str) -> None:
    part = load_part(name)
    assert part.name == name
    assert part.title
    assert part.about.strip()
