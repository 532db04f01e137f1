"""Names on the command line become a list of files, in a fixed order, with nothing lost and nothing twice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fingerprint.errors import DecodeError, ParameterError, TooShortError
from sourceprint.catalogue.recording_ids import derived_id
from sourceprint.folders.listing import Folders
from sourceprint.identifiers.isrc import compact, format_isrc, is_valid, validate
from sourceprint.inputs import Item, appeared, collect, present


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
    found = ["m/.git/x.wav", "m/.hidden.mp3", "m/a.FLAC", "m/b.mp3", "m/c/y.wav", "m/c/z.ogg"]
    assert names(tmp_path, "m") == found
    assert [(other.name, other.kind) for other in collect([tmp_path / "m"]).others] == [
        (f"{tmp_path}/m/d.txt", "empty"),
        (f"{tmp_path}/m/e", "empty"),
    ]


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
    reason = f"the same folder as {tmp_path}/m, which is searched"
    assert [(other.name, other.reason) for other in collect([tmp_path / "m"]).others] == [
        (f"{tmp_path}/m/again", reason),
        (f"{tmp_path}/m/other/back", reason),
    ]


def test_a_link_to_nothing_is_an_item_that_will_fail(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "a.mp3").symlink_to(tmp_path / "gone.mp3")
    assert names(tmp_path, "m") == ["m/a.mp3"]


def test_a_folder_without_audio_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "m/a.txt", "n.wav")
    inputs = collect([tmp_path / "m", tmp_path / "n.wav"])
    assert [str(refusal) for refusal in inputs.refusals] == [
        f"{tmp_path}/m: a folder without audio (1 other file, not taken for audio: 1 empty); name the files themselves"
    ]
    assert [item.path for item in inputs.items] == [tmp_path / "n.wav"]
    assert len(inputs) == 2


def test_a_folder_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Simulated: permissions do not hold back the superuser, as whom tests may run.
    touch(tmp_path, "m/a.mp3", "m/secret/b.mp3")
    read = os.listdir

    def listdir(path: str) -> list[str]:
        if path.endswith("secret"):
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(os, "listdir", listdir)
    inputs = collect([tmp_path / "m"])
    assert [item.path.name for item in inputs.items] == ["a.mp3"]
    assert [refusal.reason for refusal in inputs.refusals] == [
        "this folder cannot be read (Permission denied); change its permissions"
    ]


def test_queries_are_no_lists(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp3")
    path = list_file(tmp_path, "path\na.mp3\n")
    assert collect([path], lists=False).items == (Item(path),)
    assert collect([path]).items[0].path == tmp_path / "a.mp3"


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


def test_an_empty_path_is_refused_as_one() -> None:
    inputs = collect(["", "a.wav"])
    assert [str(refusal) for refusal in inputs.refusals] == [
        "'': an empty path, as from a variable that is not set; name a file"
    ]
    assert [str(item.path) for item in inputs.items] == ["a.wav"]


def test_a_url_is_refused_as_one_and_as_it_was_spelled() -> None:
    inputs = collect(["https://host/a.mp3", "gone.wav"])
    assert [str(refusal) for refusal in inputs.refusals] == [
        "https://host/a.mp3: is a URL, and nothing is fetched from the network; download it first, and name the file"
    ]
    assert inputs.items == (Item(Path("gone.wav")),)


def test_standard_input_is_taken_once_where_it_can_be(tmp_path: Path) -> None:
    piped = Item(tmp_path / "sound", called="standard input")
    inputs = collect(["-", "a.wav", "-"], piped=piped)
    assert inputs.items == (piped, Item(Path("a.wav")))
    assert [refusal.reason for refusal in inputs.refusals] == ["standard input can be read once only; name it once"]
    assert [refusal.reason for refusal in collect(["-"]).refusals] == [
        "standard input cannot be taken here; save it to a file, and name that"
    ]
    assert piped.name == "standard input"
    assert piped.reason(DecodeError(f"{tmp_path}/sound: empty file")) == "empty file"


def test_a_list_that_cannot_be_read_is_refused_and_the_others_are_taken(tmp_path: Path) -> None:
    inputs = collect([tmp_path / "gone.csv", tmp_path / "a.wav"])
    assert inputs.items == (Item(tmp_path / "a.wav"),)
    assert [str(refusal) for refusal in inputs.refusals] == [
        f"{tmp_path}/gone.csv: cannot be read (No such file or directory); check the spelling and the folder"
    ]


def test_files_that_arrive_during_a_scan_are_listed(tmp_path: Path) -> None:
    touch(tmp_path, "m/a.wav", "m/notes.txt", "b.wav")
    folders = Folders()
    paths = [str(tmp_path / "m"), str(tmp_path / "b.wav")]
    before = collect(paths, folders=folders)
    assert appeared(paths, before, folders) == ()
    touch(tmp_path, "m/c.wav", "m/more.txt", "d.wav")
    (late,) = appeared(paths, before, folders)
    assert str(late) == (
        f"{tmp_path}/m/c.wav: came into the folder while the others were searched, and was not; try again"
    )


@pytest.mark.parametrize("name", ["list.txt", "list", "LIST.LST"])
def test_a_list_of_paths_that_is_given_as_audio_is_told_how_to_name_it(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("a.wav\nb.wav\n")
    inputs = collect([tmp_path / name, tmp_path / "a.wav"])
    assert inputs.items == (Item(tmp_path / "a.wav"),)
    assert [refusal.reason for refusal in inputs.refusals] == [
        f"a text, not audio; if it has a path per line, name it as @{tmp_path / name}"
    ]
    (tmp_path / name).write_bytes(b"\0\1\2\3")
    assert collect([tmp_path / name]).items == (Item(tmp_path / name),)


def test_missing_files_are_refused_where_existing_ones_are_required(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav")
    inputs = present(collect([tmp_path / "a.wav", tmp_path / "gone.wav"]))
    assert inputs.items == (Item(tmp_path / "a.wav"),)
    assert [str(refusal) for refusal in inputs.refusals] == [
        f"{tmp_path}/gone.wav: no such file; check the spelling and the folder"
    ]
