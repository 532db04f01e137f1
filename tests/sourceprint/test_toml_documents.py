"""Typed TOML: errors have place and value, with a remedy that follows from the type."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

import pytest
from msgspec import Meta

from fingerprint.errors import ParameterError
from sourceprint.toml_documents import Table, TableError, read_document, read_toml


class Shelf(Table, frozen=True):
    """One shelf."""

    word: Literal["low", "high"]
    names: Annotated[tuple[str, ...], Meta(min_length=1)] = ("one",)
    size: Annotated[float, Meta(ge=0.5, le=2)] | None = None

    def faults(self) -> Iterator[TableError]:
        """Refuse values that the types allow."""
        if self.word == "high" and self.size is None:
            yield TableError("", "a high shelf needs a size; give one")
        if self.size == 1:
            yield TableError("size", "one is none; write two")
        if self.names == ("none",):
            yield TableError("names", "name one")


class Room(Table, frozen=True):
    """Some shelves."""

    schema: str
    name: Annotated[str, Meta(max_length=5)]
    built: date | None = None
    open: bool = False
    main: Shelf | None = None
    shelves: tuple[Shelf, ...] = ()


HEAD = 'schema = "room/1"\nname = "hall"\n'
SHELF = '[[shelves]]\nword = "low"\n'


def room(text: str = "", *, head: str = HEAD) -> Room:
    return read_toml(head + text, Room, schema="room/1", name="a.toml", failure=ParameterError)


def test_a_document_arrives_with_its_types() -> None:
    found = room(f'built = 2026-01-31\nopen = true\n[main]\nword = "high"\nsize = 2\n{SHELF}names = ["a", "b"]')
    assert found.built == date(2026, 1, 31)
    assert found.main == Shelf("high", size=2.0)
    assert found.shelves == (Shelf("low", ("a", "b")),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = [", "not TOML ("),
        ("opne = true", "'opne' is not known; the nearest that is known is open, all are schema, name, built, open"),
        ("built = '2026-01-31'", "built is '2026-01-31'; write a day without quotation marks and time, as 2026-12-31"),
        ("built = 2026-01-31T00:00:00", "built is 2026-01-31 00:00:00; write a day without quotation marks and time"),
        ("open = 1", "open is 1; write true or false, without quotation marks"),
        ("main = 3", "main is 3; it must be a table that starts with [main]"),
        ("shelves = [1]", "shelves is [1]; write tables that start with [[shelves]]"),
        ("shelves = 'x'", "shelves is 'x'; write tables that start with [[shelves]]"),
        ("[[shelves]]\n", "shelves[1].word is missing; write one of high, low"),
        (f"{SHELF}{SHELF}wodr = 1", "shelves[2]: 'wodr' is not known; the nearest that is known is word, all are word"),
        (f"{SHELF}names = []", 'shelves[1].names is []; write a list of texts, as ["one", "two-*"], or leave the key'),
        (f'{SHELF}names = ["a", 2]', "shelves[1].names is ['a', 2]; write a list of texts"),
        (f'{SHELF}names = ["a", " "]', "shelves[1].names is ['a', ' ']; write a list of texts"),
        (f"{SHELF}size = 0", "shelves[1].size is 0; write a number from 0.5 to 2, without quotation marks"),
        (f"{SHELF}size = nan", "shelves[1].size is nan; write a number from 0.5 to 2"),
        (f"{SHELF}size = true", "shelves[1].size is True; write a number from 0.5 to 2"),
        (f"{SHELF}size = 1", "shelves[1].size is 1; one is none; write two"),
        ('[main]\nword = "high"', "main: a high shelf needs a size; give one"),
    ],
)
def test_faults_are_named_with_place_value_and_remedy(text: str, message: str) -> None:
    with pytest.raises(ParameterError) as caught:
        room(text)
    assert str(caught.value).startswith(f"a.toml: {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (HEAD.replace("/1", "/2"), "schema is 'room/2'; this version reads schema = \"room/1\""),
        ('name = "hall"\n', 'schema is missing; this version reads schema = "room/1"'),
        (HEAD.replace("hall", "a\\nb"), r"name is 'a\nb'; write a text of one line, in quotation marks, of up to 5 ch"),
        (HEAD.replace("hall", "kitchen"), "name is 'kitchen'; write a text of one line, in quotation marks, of up to"),
        (HEAD.replace('"hall"', "3"), "name is 3; write a text of one line"),
    ],
)
def test_schema_and_texts_are_checked(head: str, message: str) -> None:
    with pytest.raises(ParameterError) as caught:
        room(head=head)
    assert str(caught.value).startswith(f"a.toml: {message}")


def test_all_faults_are_named_at_once_with_their_lines() -> None:
    text = f"""name = "kitchen"
opne = true
built = "today"
[main]
size = 0
{SHELF}
{SHELF}wodr = 1
names = [
  "a\\nb",
]
{SHELF}size = 1
names = ["none"]
"""
    with pytest.raises(ParameterError) as caught:
        room(text, head="")
    assert [fault.removeprefix("a.toml: ").partition(";")[0] for fault in str(caught.value).split("\n")] == [
        "schema is missing",
        "name is 'kitchen'",
        "'opne' is not known",
        "built is 'today'",
        "main.word is missing",
        "main.size is 0",
        "shelves[2]: 'wodr' is not known",
        "shelves[2].names is ['a\\nb']",
        "shelves[3].size is 1",
        "shelves[3].names is ['none']",
    ]
    lines = [int(fault.rpartition("(line ")[2][:-1]) for fault in str(caught.value).split("\n")[1:]]
    assert lines == [1, 2, 3, 4, 5, 11, 12, 17, 18]


def test_a_key_that_is_misspelt_is_not_missing_too() -> None:
    with pytest.raises(ParameterError, match=r"^a\.toml: 'nmae' is not known; .* \(line 2\)$"):
        room(head='schema = "room/1"\nnmae = "hall"\n')


def test_a_document_of_plain_types_is_read_by_the_same_rules() -> None:
    document = {"schema": "room/1", "name": "hall", "shelves": [{"word": "low", "size": 2}]}
    found = read_document(document, Room, schema="room/1", name="stored", failure=ParameterError)
    assert found.shelves[0].size == 2.0
    with pytest.raises(ParameterError, match=r"^stored: shelves\[1\]\.word is 'l'; write one of high, low$"):
        read_document(
            document | {"shelves": [{"word": "l"}]}, Room, schema="room/1", name="stored", failure=ParameterError
        )


@pytest.mark.parametrize("key", ["max.seconds", "a - at `$.rules[0].b`", "[0]", "$", "x`y"])
def test_a_key_that_looks_like_a_path_is_refused_by_name(key: str) -> None:
    class Shelf(Table, frozen=True):
        schema: str
        name: str = "a"

    text = f'schema = "1"\n"{key}" = 1'
    with pytest.raises(ParameterError, match=r"a\.toml: '.*' is not known; known are schema, name"):
        read_toml(text, Shelf, schema="1", name="a.toml", failure=ParameterError)


def test_the_remedy_of_a_whole_number_states_its_limits() -> None:
    class Rack(Table, frozen=True):
        schema: str
        places: Annotated[int, Meta(ge=1, le=9)]

    for value in ("0", "1.5", '"two"'):
        with pytest.raises(ParameterError, match="write a whole number from 1 to 9, without quotation marks"):
            read_toml(f'schema = "1"\nplaces = {value}\n', Rack, schema="1", name="a.toml", failure=ParameterError)
