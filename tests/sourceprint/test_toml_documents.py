"""Typed TOML: errors have place and value, with a remedy that follows from the type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import pytest

from fingerprint.errors import ParameterError
from sourceprint.toml_documents import (
    FLAG,
    TomlTable,
    document_of,
    list_of,
    number,
    one_of,
    parse_toml,
    read_document,
    table,
    tables,
    text,
    whole_number,
)
from sourceprint.toml_faults import Place, lines_of


@dataclass(frozen=True, slots=True)
class Shelf(TomlTable):
    """One shelf."""

    word: Annotated[str, one_of(("low", "high"))]
    names: Annotated[tuple[str, ...], list_of(pattern=r"\S+")] = ("one",)
    size: Annotated[float | None, number(0.5, 2)] = None

    def flaws(self) -> Iterator[tuple[Place, str]]:
        """Refuse values that the keys allow."""
        if self.word == "high" and self.size is None:
            yield (), ": a high shelf needs a size; give one"
        if self.size == 1:
            yield ("size",), " is 1; one is none; write two"
        if self.names == ("none",):
            yield ("names",), " is ['none']; name one"


@dataclass(frozen=True, slots=True)
class Room(TomlTable):
    """Some shelves."""

    name: Annotated[str, text(5)]
    built: Annotated[int | None, whole_number(1, 9)] = None
    open: Annotated[bool, FLAG] = False
    main: Annotated[Shelf | None, table(Shelf)] = None
    shelves: Annotated[tuple[Shelf, ...], tables(Shelf)] = ()


HEAD = 'schema = "room/1"\nname = "hall"\n'
SHELF = '[[shelves]]\nword = "low"\n'


def room(written: str = "", *, head: str = HEAD) -> Room:
    document = parse_toml(head + written, name="a.toml", failure=ParameterError)
    lines = lines_of(head + written)
    return read_document(document, Room, schema="room/1", name="a.toml", failure=ParameterError, lines=lines)


def test_a_document_arrives_with_its_types() -> None:
    found = room(f'built = 3\nopen = true\n[main]\nword = "high"\nsize = 2\n{SHELF}names = ["a", "b"]')
    assert found.built == 3
    assert found.main == Shelf("high", size=2.0)
    assert found.shelves == (Shelf("low", ("a", "b")),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = [", "not TOML ("),
        ("opne = true", "opne: there is no such key; open may be meant"),
        ("zzz = true", "zzz: there is no such key; known are schema, name, built, open, main, shelves"),
        ("built = 0", "built is 0; write a whole number from 1 to 9"),
        ("built = true", "built is True; write a whole number from 1 to 9"),
        ("built = 1.5", "built is 1.5; write a whole number from 1 to 9"),
        ("open = 1", "open is 1; write true or false, without quotation marks"),
        ("main = 3", "main is 3; it must be a table that starts with [main]"),
        ("shelves = [1]", "shelves is [1]; write tables that start with [[shelves]]"),
        ("shelves = 'x'", "shelves is 'x'; write tables that start with [[shelves]]"),
        ("[[shelves]]\n", "shelves, number 1: word is missing; write one of low, high"),
        (f"{SHELF}{SHELF}wodr = 1", "shelves, number 2: wodr: there is no such key; word may be meant"),
        (
            f"{SHELF}names = []",
            'shelves, number 1: names is []; write a list of texts, as ["one", "two-*"]',
        ),
        (f'{SHELF}names = ["a", 2]', "shelves, number 1: names is ['a', 2]; write a list of texts"),
        (f'{SHELF}names = ["a", " "]', "shelves, number 1: names is ['a', ' ']; write a list of texts"),
        (f"{SHELF}size = 0", "shelves, number 1: size is 0; write a number from 0.5 to 2, without quotation marks"),
        (f"{SHELF}size = nan", "shelves, number 1: size is nan; write a number from 0.5 to 2"),
        (f"{SHELF}size = true", "shelves, number 1: size is True; write a number from 0.5 to 2"),
        (f"{SHELF}size = 1", "shelves, number 1: size is 1; one is none; write two"),
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
        "opne: there is no such key",
        "built is 'today'",
        "main.word is missing",
        "main.size is 0",
        "shelves, number 2: wodr: there is no such key",
        "shelves, number 2: names is ['a\\nb']",
        "shelves, number 3: size is 1",
        "shelves, number 3: names is ['none']",
    ]
    lines = [int(fault.rpartition("(line ")[2][:-1]) for fault in str(caught.value).split("\n")[1:]]
    assert lines == [1, 2, 3, 4, 5, 11, 12, 17, 18]


def test_a_key_that_is_misspelt_is_not_missing_too() -> None:
    with pytest.raises(ParameterError, match=r"^a\.toml: nmae: there is no such key; name may be meant \(line 2\)$"):
        room(head='schema = "room/1"\nnmae = "hall"\n')


def test_a_document_of_plain_types_is_read_by_the_same_rules() -> None:
    document = {"schema": "room/1", "name": "hall", "shelves": [{"word": "low", "size": 2}]}
    found = read_document(document, Room, schema="room/1", name="stored", failure=ParameterError)
    assert found.shelves[0].size == 2.0
    assert {"schema": "room/1", **document_of(found, "")} == document
    with pytest.raises(ParameterError, match=r"^stored: shelves, number 1: word is 'l'; write one of low, high$"):
        read_document(
            document | {"shelves": [{"word": "l"}]}, Room, schema="room/1", name="stored", failure=ParameterError
        )


@pytest.mark.parametrize("key", ["max.seconds", "a - at `$.rules[0].b`", "[0]", "$", "x`y"])
def test_a_key_that_looks_like_a_path_is_refused_by_name(key: str) -> None:
    with pytest.raises(ParameterError) as caught:
        room(f'"{key}" = 1\n')
    assert str(caught.value).startswith("a.toml: ")
    assert "there is no such key" in str(caught.value)


@pytest.mark.parametrize("number", ["9" * 5000, "0x" + "f" * 5000])
def test_a_number_that_is_too_long_to_be_shown_is_refused(number: str) -> None:
    with pytest.raises(ParameterError, match="a number of thousands of digits"):
        parse_toml(f"built = {number}", name="a.toml", failure=ParameterError)
