"""Lists of recordings: every row is used or refused with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fingerprint.errors import ParameterError
from sourceprint.items import Item
from sourceprint.lists import read_list


def list_file(folder: Path, text: str, name: str = "list.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode("utf-8"))
    return path


def test_all_columns_of_a_list(tmp_path: Path) -> None:
    text = '\ufeffTitle, ISRC ,path,year,Artist,id\r\n"One, ""two""",us-rc1-76-07839,m/a.mp3,1976,X | Y,a-1\r\n'
    items, refusals, _ = read_list(list_file(tmp_path, text))
    assert not refusals
    name = f"{tmp_path}/list.csv, line 2"
    assert items == [Item(tmp_path / "m/a.mp3", "a-1", 'One, "two"', ("X", "Y"), "USRC17607839", name)]


def test_tags_and_exclusions_of_a_list(tmp_path: Path) -> None:
    text = "path\ttags\texclude\na.mp3\tsync | label-7|sync\t0:00-0:12.5|75-80.25\nb.mp3\t\t\n"
    items, refusals, _ = read_list(list_file(tmp_path, text, "list.tsv"))
    assert not refusals
    assert [(item.tags, item.excluded) for item in items] == [
        (("label-7", "sync"), ((0, 12_500), (75_000, 80_250))),
        ((), ()),
    ]


def test_rows_with_wrong_tags_or_exclusions_are_refused_and_the_others_taken(tmp_path: Path) -> None:
    text = "path;tags;exclude\na.mp3;x,y;\nb.mp3;;5-3\nc.mp3;;1:75-2:00\nd.mp3;x;1-2\n"
    items, refusals, _ = read_list(list_file(tmp_path, text))
    assert [item.path.name for item in items] == ["d.mp3"]
    assert [str(refusal).removeprefix(f"{tmp_path}/list.csv, ") for refusal in refusals] == [
        "line 2: tag 'x,y': must be 1 to 64 printable characters without | and , and no space at its ends",
        "line 3: excluded range '5-3': must end after it starts",
        "line 4: time '1:75': has 75 seconds, at most 59 are possible",
    ]


def test_tabs_quotes_and_the_other_name_of_the_path(tmp_path: Path) -> None:
    text = 'file\ttitle\n/abs/a.mp3\t"Heroes" live\n\nb.mp3\t\nc.mp3\n'
    items, refusals, _ = read_list(list_file(tmp_path, text, "list.tsv"))
    assert not refusals
    assert [(str(item.path), item.title) for item in items] == [
        ("/abs/a.mp3", '"Heroes" live'),
        (f"{tmp_path}/b.mp3", ""),
        (f"{tmp_path}/c.mp3", ""),
    ]


def test_path_is_preferred_to_file(tmp_path: Path) -> None:
    for header in ("file,path", "path,file"):
        cells = {"path": "right.mp3", "file": "wrong.mp3"}
        row = ",".join(cells[word] for word in header.split(","))
        items, *_ = read_list(list_file(tmp_path, f"{header}\n{row}\n"))
        assert items[0].path.name == "right.mp3"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_that_of_the_header(tmp_path: Path, delimiter: str) -> None:
    others = "".join({",", ";", "\t"} - {delimiter})
    text = delimiter.join(["path", "title"]) + "\n" + delimiter.join([f"a{others}b", "t"])
    items, refusals, _ = read_list(list_file(tmp_path, text))
    assert not refusals
    assert [(item.path.name, item.title) for item in items] == [(f"a{others}b", "t")]


def test_a_value_may_hold_any_separator_that_is_not_a_line_end(tmp_path: Path) -> None:
    items, *_ = read_list(list_file(tmp_path, 'path,title\na.mp3,"x\u2028y\x0cz\nw"\nb.mp3,v\n'))
    assert [(item.title, item.source.rpartition(" ")[2]) for item in items] == [("x\u2028y\x0cz\nw", "2"), ("v", "4")]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",x,,", "the path is empty"),
        ("a.mp3,x,,,more", "has 5 cells, the header 4; quote values that hold the delimiter"),
        (f"a.mp3,{'x' * 513},,", "the id has 513 characters, at most 512 are possible"),
        ("a.mp3,x,,USRC1760783", "ISRC 'USRC1760783' has 11 characters, must have 12, as in US-RC1-76-07839"),
    ],
)
def test_a_wrong_row_is_refused_and_the_others_are_taken(tmp_path: Path, row: str, reason: str) -> None:
    items, refusals, _ = read_list(list_file(tmp_path, f"path,id,title,isrc\n{row}\nb.mp3,y,,\n"))
    assert [item.id for item in items] == ["y"]
    assert [str(refusal) for refusal in refusals] == [f"{tmp_path}/list.csv, line 2: {reason}"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"list\.csv: empty; the first row must name the columns"),
        (
            b"name,title\na,b\n",
            r"no column path; one column must name the audio.*--columns.*\(found: name, title\)",
        ),
        (b"path,title,Title\n", r"list\.csv: two columns 'Title'; remove one"),
        (
            b"path,title\na,caf\x81\n",
            r"list\.csv, line 2: byte 0x81 at position 16 is not UTF-8; save the file",
        ),
        (b'path,title\na,"b"c\n', r"list\.csv, line 2: not CSV as RFC 4180 has it"),
        (b'path,title\na,"b\n', r"list\.csv, line 2: a quotation mark is opened and never closed"),
        ("path\na.mp3\n".encode("utf-32"), "UTF-32; save the file as UTF-8"),
    ],
)
def test_a_wrong_list_is_an_error(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(ParameterError, match=message):
        read_list(path)


def test_a_missing_list_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"list\.csv: cannot be read \(No such file or directory\)"):
        read_list(tmp_path / "list.csv")


@given(st.lists(st.tuples(st.text(min_size=1), st.text()), min_size=1, max_size=5))
def test_output_of_a_csv_writer_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    import csv

    path = tmp_path_factory.mktemp("lists") / "list.csv"
    usable = [
        (a, b)
        for a, b in rows
        if a.strip() and "\0" not in a + b and not set(a + b) & set(map(chr, range(0xD800, 0xE000)))
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("path", "title"), *usable])
    items, refusals, _ = read_list(path)
    assert not refusals
    assert [(item.path, item.title) for item in items] == [(path.parent / a.strip(), b.strip()) for a, b in usable]


def test_a_url_in_a_list_is_refused_as_one_and_as_it_was_spelled(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text("path,id\nhttp://host//a.wav,A\n")
    items, refusals, _ = read_list(path)
    assert not items
    assert [refusal.reason for refusal in refusals] == [
        "http://host//a.wav is a URL, and nothing is fetched from the network; download it first, and name the file"
    ]
