"""Every command in the documentation runs, or at least is one: no page shows an option that is not there.

Blocks that other tests run are named here with those tests. The rest is run in this process, in one folder with a few
seconds of music under the names that the pages use. Commands that never end, or take minutes, are parsed.
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import openpyxl
import pytest

import cli
from sourceprint.processes import in_this_process
from tests.command_line import RATE_HZ, music, run, write
from tests.places import ROOT

BLOCK = re.compile(r"(<!-- ci: [\w-]+ -->\n)?```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = sorted([*ROOT.glob("*.md"), ROOT / "benchmarks" / "README.md", *(ROOT / "docs").rglob("*.md")])
RUN_ELSEWHERE = {
    "docs/cli.md": "text: the help of every command, as tests/sourceprint/commands/test_cli.py compares it",
    "docs/formats/case.md": "sh: tests/sourceprint/evidence/test_cases.py",
    "docs/formats/scan-result.md": "json: tests/sourceprint/scans/test_scan_records.py",
    "docs/formats/work-result.md": "json: tests/sourceprint/commands/test_works_command.py",
    "docs/formats/gate-policy.md": "toml: tests/sourceprint/gate/test_policy.py",
    "docs/formats/problems.md": "json: tests/sourceprint/service/test_problems.py",
    "docs/formats/licence.md": "toml: tests/sourceprint/test_format_pages.py",
    "docs/formats/policy.md": "toml: tests/sourceprint/test_format_pages.py",
    "docs/money/EXAMPLE.md": "tests/sourceprint/royalties/test_example.py makes the page anew",
    "docs/money/example/stories/chapters.md": "tests/sourceprint/royalties/test_example.py makes the page of it anew",
    "docs/python.md": "python, text: tests/test_python_docs.py",
    "docs/recipes.md": "yaml, sh: tests/sourceprint/commands/test_check_command.py; the last section: here",
}
HERE = {
    "README.md": "your own music",
    "docs/guide.md": "the commands by example",
    "docs/formats/report.md": "reports of a run",
    "docs/formats/log.md": "parsed: it takes a log that a service has written",
    "docs/service.md": "parsed: `serve` never ends; sh: tests/sourceprint/service/test_walk_in_curl.py",
    "CONTRIBUTING.md": "setting up and testing: commands of other programs, which CI runs in .ci/run",
    "benchmarks/README.md": "parsed: each takes minutes to hours",
}
ENDLESS = ("bench", "scan drop")  # parsed only


def open_blocks(page: Path) -> list[tuple[str, str]]:
    """Return language and text of the blocks of a page without a mark, by which another test finds them."""
    return [(language, text) for mark, language, text in BLOCK.findall(page.read_text("utf-8")) if not mark]


def commands_of(text: str) -> Iterator[list[str]]:
    """Yield the words of every command of ours that begins a line, up to a pipe or an operator of the shell."""
    for line in text.replace("\\\n", " ").splitlines():
        for found in re.findall(r'^\s*(?:\$ |eval "\$\()?sourceprint ([^)\n]*)', line):
            words = shlex.split(found.replace("~", "."), comments=True)
            yield list(itertools.takewhile(lambda word: word not in ("|", "||", "&&", ">", ";"), words))


def parse(words: list[str]) -> None:
    """Parse a command as click does, without running it; raises where an option or an argument is none."""
    command: click.Command = cli.sourceprint
    rest = list(words)
    while isinstance(command, click.Group):
        command = command.commands[rest.pop(0)]
    if "--" in rest:
        rest = rest[: rest.index("--")]  # options of a part of the suite
    with command.make_context("sourceprint", rest, resilient_parsing=False):
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files that the pages name, and no index yet."""
    place = tmp_path_factory.mktemp("examples")
    excerpt = music(1)[2 * RATE_HZ : 10 * RATE_HZ]
    for seed, name in ((1, "some-id.wav"), (2, "remaster.flac")):
        write(place / "music" / "catalogue" / name, music(seed))
    write(place / "remaster.flac", music(3))
    for name in ("generated.mp3", "edited.wav", "track.mp3", "cover.mp3", "generated/one.wav"):
        write(place / name, excerpt)
    write(place / "outputs" / "clean.wav", music(7)[: 5 * RATE_HZ])
    (place / "ours.txt").write_text("remaster\n")
    (place / "right.csv").write_text("isrc,title\nQZAAA2600001,Uno\n")
    book = openpyxl.Workbook()
    sheet = book.create_sheet("Catalogue", 0)
    sheet.append(["file", "Name of song", "isrc", "party", "right", "share"])
    sheet.append(["catalogue/some-id.wav", "One", "QZAAA2600001", "Label", "Master", "100 %"])
    book.save(place / "catalogue.xlsx")
    return place


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in the folder, on an index, rights and keys in it."""
    monkeypatch.chdir(folder)
    for name, value in (("INDEX", "index"), ("RIGHTS", "rights.sqlite"), ("KEYS", "keys")):
        monkeypatch.setenv(f"SOURCEPRINT_{name}", value)
    with in_this_process():
        yield folder


def perform(words: list[str]) -> None:
    if " ".join(words).startswith(ENDLESS):
        parse(words)
        return
    done = run(*words)
    assert done.exit_code == 0, f"sourceprint {shlex.join(words)}: {done.stdout}{done.stderr}"


def section(page: str, heading: str) -> str:
    """Return the text of a section, without its subsections."""
    text = (ROOT / page).read_text("utf-8")
    assert f"\n## {heading}\n" in text
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def test_every_block_is_run_by_a_test() -> None:
    with_blocks = {page.relative_to(ROOT).as_posix() for page in PAGES if open_blocks(page)}
    assert with_blocks - {"CHANGELOG.md"} <= RUN_ELSEWHERE.keys() | HERE.keys()
    assert len(with_blocks) > 8


def test_every_command_on_a_page_is_one() -> None:
    n_commands = 0
    for page in PAGES:
        for words in commands_of(page.read_text("utf-8")):
            n_commands += 1
            try:
                parse(words)
            except (KeyError, click.UsageError) as error:
                pytest.fail(f"{page.relative_to(ROOT)}: sourceprint {shlex.join(words)}: {error}")
    assert n_commands > 60


@pytest.mark.slow
def test_the_commands_by_example_run(here: Path) -> None:
    text = section("docs/guide.md", "The commands by example")
    commands = list(commands_of(text))
    assert len(commands) > 20
    for words in commands:
        perform(words)
    for words in commands_of("\n".join(text for _, text in open_blocks(ROOT / "README.md"))):
        perform(words)


@pytest.mark.slow
def test_the_reports_of_a_run_are_written(here: Path) -> None:
    perform(["add", "music/catalogue"])
    perform(["keys", "create"])
    perform(["scan", "generated", "--out", "run"])
    commands = list(commands_of((ROOT / "docs" / "formats" / "report.md").read_text("utf-8")))
    assert len(commands) == 2
    for words in commands:
        perform(["run" if word == "RUN" else word for word in words])
    assert (here / "report" / "index.html").is_file()
    assert len(list((here / "evidence").rglob("*.zip"))) == 1


@pytest.mark.slow
def test_one_sheet_serves_index_and_rights(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCEPRINT_INDEX", "from-sheet")
    commands = list(commands_of(section("docs/recipes.md", "A label's spreadsheet")))
    assert [words[0] for words in commands] == ["add", "rights", "amend"]
    for words in commands:
        perform(words)
    assert "Uno" in run("list").stdout
