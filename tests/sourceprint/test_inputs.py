"""What is named on the command line becomes a list of files, in a fixed order, with nothing lost and nothing twice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fingerprint.errors import DecodeError, ParameterError, TooShortError
from sourceprint.catalogue.recording_ids import derived_id
from sourceprint.identifiers.isrc import compact, format_isrc, is_valid, validate
from sourceprint.inputs import Item, collect, read_list


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def names(folder: Path, *paths: str) -> list[str]:
    inputs = collect([folder / path for path in paths])
    assert not inputs.refusals
    return [str(item.path.relative_to(folder)) for item in inputs.items]


def list_file(folder: Path, text: str, name: str = "list.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode("utf-8"))
    return path


def test_a_folder_is_searched_in_order_of_name(tmp_path: Path) -> None:
    touch(tmp_path, "m/b.mp3", "m/a.FLAC", "m/c/z.ogg", "m/c/y.wav", "m/d.txt", "m/.hidden.mp3", "m/.git/x.wav", "m/e")
    assert names(tmp_path, "m") == ["m/a.FLAC", "m/b.mp3", "m/c/y.wav", "m/c/z.ogg"]


def test_arguments_keep_their_order_and_a_named_file_is_always_taken(tmp_path: Path) -> None:
    touch(tmp_path, "m/b.mp3", "z.bin", "a.mp3")
    assert names(tmp_path, "z.bin", "m", "a.mp3", "missing.mp3") == ["z.bin", "m/b.mp3", "a.mp3", "missing.mp3"]


def test_a_link_that_leads_nowhere_is_refused_as_it_may_have_stood_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    (tmp_path / "Vol. 2").symlink_to("unmounted")
    (tmp_path / "itself").symlink_to("itself")
    (tmp_path / "b.wav").symlink_to("gone.wav")
    (tmp_path / ".#lock").symlink_to("user@host")
    inputs = collect([tmp_path])
    assert [item.path.name for item in inputs.items] == ["a.wav", "b.wav"], "a missing file fails when it is opened"
    assert [str(refusal) for refusal in inputs.refusals] == [
        f"{tmp_path}/Vol. 2: this link leads nowhere; mend or remove it",
        f"{tmp_path}/itself: this link leads nowhere; mend or remove it",
    ]


def test_links_in_a_circle_are_followed_once(tmp_path: Path) -> None:
    touch(tmp_path, "m/a.mp3", "other/b.mp3")
    (tmp_path / "m" / "again").symlink_to(tmp_path / "m")
    (tmp_path / "m" / "other").symlink_to(tmp_path / "other")
    (tmp_path / "other" / "back").symlink_to(tmp_path / "m")
    assert names(tmp_path, "m") == ["m/a.mp3", "m/other/b.mp3"]


def test_a_link_to_nothing_is_an_item_that_will_fail(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "a.mp3").symlink_to(tmp_path / "gone.mp3")
    assert names(tmp_path, "m") == ["m/a.mp3"]


def test_a_folder_without_audio_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "m/a.txt", "n.wav")
    inputs = collect([tmp_path / "m", tmp_path / "n.wav"])
    assert [str(refusal) for refusal in inputs.refusals] == [
        f"{tmp_path}/m: a folder without audio files, judging by their names; name the files themselves"
    ]
    assert [item.path for item in inputs.items] == [tmp_path / "n.wav"]
    assert len(inputs) == 2


def test_a_folder_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Simulated: permissions do not hold back the superuser, as whom tests may run.
    touch(tmp_path, "m/a.mp3", "m/secret/b.mp3")
    read = os.listdir

    def listdir(path: Path) -> list[str]:
        if path.name == "secret":
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(os, "listdir", listdir)
    inputs = collect([tmp_path / "m"])
    assert [item.path.name for item in inputs.items] == ["a.mp3"]
    assert [refusal.reason for refusal in inputs.refusals] == [
        "this folder cannot be read (Permission denied); change its permissions"
    ]


def test_queries_are_no_lists(tmp_path: Path) -> None:
    path = list_file(tmp_path, "path\na.mp3\n")
    assert collect([path], lists=False).items == (Item(path),)
    assert collect([path]).items[0].path == tmp_path / "a.mp3"


def test_all_columns_of_a_list(tmp_path: Path) -> None:
    text = '\ufeffTitle, ISRC ,path,year,Artist,id\r\n"One, ""two""",us-rc1-76-07839,m/a.mp3,1976,X | Y,a-1\r\n'
    items, refusals = read_list(list_file(tmp_path, text))
    assert not refusals
    name = f"{tmp_path}/list.csv, line 2"
    assert items == [Item(tmp_path / "m/a.mp3", "a-1", 'One, "two"', ("X", "Y"), "USRC17607839", name)]


def test_tags_and_exclusions_of_a_list(tmp_path: Path) -> None:
    text = "path\ttags\texclude\na.mp3\tsync | label-7|sync\t0:00-0:12.5|75-80.25\nb.mp3\t\t\n"
    items, refusals = read_list(list_file(tmp_path, text, "list.tsv"))
    assert not refusals
    assert [(item.tags, item.excluded) for item in items] == [
        (("label-7", "sync"), ((0, 12_500), (75_000, 80_250))),
        ((), ()),
    ]


def test_rows_with_wrong_tags_or_exclusions_are_refused_and_the_others_taken(tmp_path: Path) -> None:
    text = "path;tags;exclude\na.mp3;x,y;\nb.mp3;;5-3\nc.mp3;;1:75-2:00\nd.mp3;x;1-2\n"
    items, refusals = read_list(list_file(tmp_path, text))
    assert [item.path.name for item in items] == ["d.mp3"]
    assert [str(refusal).removeprefix(f"{tmp_path}/list.csv, ") for refusal in refusals] == [
        "line 2: tag 'x,y': must be 1 to 64 printable characters without | and , and no space at its ends",
        "line 3: excluded range '5-3': must end after it starts",
        "line 4: time '1:75': has 75 seconds, at most 59 are possible",
    ]


def test_tabs_quotes_and_the_other_name_of_the_path(tmp_path: Path) -> None:
    text = 'file\ttitle\n/abs/a.mp3\t"Heroes" live\n\nb.mp3\t\nc.mp3\n'
    items, refusals = read_list(list_file(tmp_path, text, "list.tsv"))
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
        items, _ = read_list(list_file(tmp_path, f"{header}\n{row}\n"))
        assert items[0].path.name == "right.mp3"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_that_of_the_header(tmp_path: Path, delimiter: str) -> None:
    others = "".join({",", ";", "\t"} - {delimiter})
    text = delimiter.join(["path", "title"]) + "\n" + delimiter.join([f"a{others}b", "t"])
    items, refusals = read_list(list_file(tmp_path, text))
    assert not refusals
    assert [(item.path.name, item.title) for item in items] == [(f"a{others}b", "t")]


def test_a_value_may_hold_any_separator_that_is_not_a_line_end(tmp_path: Path) -> None:
    items, _ = read_list(list_file(tmp_path, 'path,title\na.mp3,"x\u2028y\x0cz\nw"\nb.mp3,v\n'))
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
    items, refusals = read_list(list_file(tmp_path, f"path,id,title,isrc\n{row}\nb.mp3,y,,\n"))
    assert [item.id for item in items] == ["y"]
    assert [str(refusal) for refusal in refusals] == [f"{tmp_path}/list.csv, line 2: {reason}"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"list\.csv: an empty list; the first row must name the columns, path \(or file\)"),
        (b"name,title\na,b\n", r"no column path; the first row must name the columns.*\(found: name, title\)"),
        (b"path,title,Title\n", r"list\.csv: two columns 'title'; remove one"),
        (b"path,title\na,caf\xe9\n", r"not UTF-8 \(byte 0xe9 at position 16\); save it as UTF-8"),
        (b'path,title\na,"b"c\n', r"list\.csv, line 2: not CSV as RFC 4180 has it"),
        (b'path,title\na,"b\n', r"list\.csv, line 2: not CSV as RFC 4180 has it"),
        ("path\na.mp3\n".encode("utf-16"), "not UTF-8"),
    ],
)
def test_a_wrong_list_is_an_error(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(ParameterError, match=message):
        read_list(path)


def test_a_missing_list_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"list\.csv: this list cannot be read \(No such file or directory\)"):
        read_list(tmp_path / "list.csv")


@given(st.lists(st.tuples(st.text(min_size=1), st.text()), min_size=1, max_size=5))
def test_what_a_csv_writer_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    import csv

    path = tmp_path_factory.mktemp("lists") / "list.csv"
    usable = [
        (a, b) for a, b in rows if a.strip() and "\0" not in a and not set(a + b) & set(map(chr, range(0xD800, 0xE000)))
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("path", "title"), *usable])
    items, refusals = read_list(path)
    assert not refusals
    assert [(item.path, item.title) for item in items] == [(path.parent / a.strip(), b.strip()) for a, b in usable]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1SRC17607839", "starts with '1S', must start with two letters from A to Z"),
        ("USR\u00c417607839", "has 'R\u00c41' as registrant, must be letters from A to Z and digits"),
        (
            "USRC1760783O",
            "ends with '760783O', must end with seven digits; a letter O or I stands where a 0 or 1 may be",
        ),
        ("USRC1760783X", "ends with '760783X', must end with seven digits$"),
        ("USRC1760783\u0663", "must end with seven digits$"),
        ("", "has 0 characters, must have 12"),
    ],
)
def test_a_wrong_isrc(text: str, reason: str) -> None:
    assert not is_valid(text)
    with pytest.raises(ParameterError, match=f"^ISRC '{text}' .*{reason}"):
        validate(text)


@pytest.mark.parametrize(
    "text", ["ISRC AA-6Q7-20-00047", "aa6q72000047", "QZ\u2013ES5.17 00001", " isrc:US-RC1-76-07839"]
)
def test_a_right_isrc(text: str) -> None:
    if ":" in text:
        assert not is_valid(text)
    else:
        assert is_valid(text)
        assert compact(format_isrc(text)) == validate(text) == compact(text)


def test_derived_ids_are_one_readable_line() -> None:
    assert derived_id(Path("m/Cafe\u0301.tar.mp3")) == "Caf\u00e9.tar"
    assert derived_id(Path("a\x1b[2J\udcff.wav")) == r"a\x1b[2J\udcff"
    assert derived_id(Path(".mp3")) == ".mp3"
    assert len(derived_id(Path("\udcff" * 250))) == 200


def test_a_reason_does_not_repeat_the_name() -> None:
    item = Item(Path("m/a b.wav"))
    assert item.reason(DecodeError("m/a b.wav: no such file")) == "no such file"
    assert item.reason(TooShortError("a b.wav holds 0.05 s")) == "holds 0.05 s"
    assert item.reason(DecodeError("m/a b.wavelet: x")) == "m/a b.wavelet: x"
