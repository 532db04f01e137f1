"""Texts under test, kept in files beside the tests.

A test asks for the fixture `snapshot` and calls it with a name and a text, which must be the content of
`snapshots/<name>.txt` in the folder of the test. `pytest --snapshots=renew` writes the files instead, for a diff to
read after a sentence has changed. Times, sizes, digests and keys are replaced before (`steady`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

__all__ = ["pytest_addoption", "snapshot", "steady"]

_UNSTEADY = (
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>"),
    (r"in \d+\.\d s, \d+ times real time", "in <seconds> s, <factor> times real time"),
    (r"\b\d+(\.\d+)? [kMG]?B\b", "<size>"),
    (r"[0-9A-Za-z+/]{43}=", "<public key>"),
    (r"[0-9a-f]{12,}", "<digest>"),
    (r"(?<=Sourceprint )\d+\.\d+\.\d+", "<version>"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --snapshots."""
    told = "compare texts with those in files, or write the files anew"
    parser.addoption("--snapshots", choices=("compare", "renew"), default="compare", help=told)


@pytest.fixture
def snapshot(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Return a function of name and text that fails where the text is not the one on file."""
    folder: Path = request.path.parent / "snapshots"
    renews = request.config.getoption("snapshots") == "renew"

    def compare(name: str, text: str) -> None:
        path = folder / f"{name}.txt"
        if renews:
            folder.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        kept = path.read_text(encoding="utf-8") if path.is_file() else ""
        assert text == kept, f"{path}: if the new text is right: pytest {request.path} --snapshots=renew"

    return compare


def steady(text: str) -> str:
    """Return text with words in place of times, sizes, digests, keys and the version, which differ from run to run."""
    for pattern, word in _UNSTEADY:
        text = re.sub(pattern, word, text)
    return text
