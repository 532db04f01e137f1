"""The Python of the documentation, run as it stands there: each page from top to bottom, in an empty folder."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

from tests.places import ROOT

BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
MARKED = re.compile(r"^<!-- ci: [\w-]+ -->\n```python\n.*?^```$", re.MULTILINE | re.DOTALL)


def text_of(page: Path) -> str:
    """Return a page without blocks of a journey: tests/test_readme.py runs those, in order."""
    return MARKED.sub("", page.read_text(encoding="utf-8"))


PAGES = [
    page for page in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]) if "\n```python\n" in text_of(page)
]


def shape(text: str) -> str:
    """Return text with zeros for all digits: figures may differ in the last place on another processor."""
    return re.sub(r"\d", "0", text)


def test_there_is_python_to_run() -> None:
    assert ROOT / "docs" / "python.md" in PAGES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_runs_and_prints_the_output_on_the_page(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = text_of(page)
    blocks = BLOCK.findall(text)
    assert len(blocks) == text.count("\n```python\n") > 0
    assert any(expected for _, expected in blocks)
    names: dict[str, Any] = {"__name__": page.stem}
    for source, expected in blocks:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(source, str(page), "exec"), names)
        assert shape(printed.getvalue()) == shape(expected), source


def test_the_first_example_takes_ten_lines() -> None:
    first = BLOCK.findall((ROOT / "docs" / "python.md").read_text(encoding="utf-8"))[0][0]
    assert len(first.splitlines()) <= 10
