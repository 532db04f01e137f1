"""docs/console.md: its numbers are those of the tables under test, its pictures are there and small."""

from __future__ import annotations

import ast
import re

from PIL import Image

from sourceprint.service.access.api_keys import KeyScope
from sourceprint.service.people.roles import Role
from tests.console_pictures import FOLDER, MOST_BYTES, PICTURES
from tests.places import ROOT
from tests.sourceprint.service.console.test_every_link import OF_OBJECTS
from tests.sourceprint.service.console.test_every_page_browser import READ, STATES
from tests.sourceprint.service.test_access_matrix import SCOPES
from tests.sourceprint.service.test_role_matrix import PAGES

PAGE = ROOT / "docs" / "console.md"


def cases_in(name: str) -> int:
    parsed = ast.parse((ROOT / "tests/sourceprint/service/console" / name).read_text(encoding="utf-8"))
    return sum(isinstance(one, ast.FunctionDef) and one.name.startswith("test_") for one in parsed.body)


def test_the_numbers_of_the_page_are_those_of_the_tables() -> None:
    tried = PAGE.read_text(encoding="utf-8").partition("## What is tried")[2]
    rows = re.findall(r"^\| (?!what|---)([^|]*) \| ([0-9 ]+) \| ([^|]*) \|$", tried, re.MULTILINE)
    assert [int(number.replace(" ", "")) for _, number, _ in rows] == [
        len(PAGES) * (len(Role) + 1),
        len(SCOPES) * len(Role),
        len(SCOPES) * (len(KeyScope) + 1),
        sum("{" in one for one in SCOPES),
        len(OF_OBJECTS),
        len(READ) * len(STATES),
        len(READ),
        len(Role),
        cases_in("test_passkeys_browser.py"),
        0,
    ]
    for _, _, by in rows:
        named = re.findall(r"`(tests/[^`]+)`", by)
        assert by == "the same" or (len(named) == 1 and (ROOT / named[0]).is_file()), by


def test_the_pictures_are_there_small_and_shown() -> None:
    shown = re.findall(r"console/([\w-]+)\.png", PAGE.read_text(encoding="utf-8"))
    assert sorted(shown) == sorted(one.name for one in PICTURES)
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted(shown)
    for one in PICTURES:
        path = FOLDER / f"{one.name}.png"
        assert path.stat().st_size < MOST_BYTES
        with Image.open(path) as picture:
            assert picture.size == one.size
