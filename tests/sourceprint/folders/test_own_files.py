"""Files and folders of our own, given as audio, are named with the command that takes them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from sourceprint.folders.own_files import own_kind
from sourceprint.inputs import collect
from sourceprint.royalties.rights.database import Database
from sourceprint.royalties.rights.licence_toml import new_licence
from sourceprint.royalties.uses.policy import shipped_policy


def a_case() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("case.json", "{}")
    return data.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("results.jsonl", b'{"schema": "sourceprint/scan-result/2", "x": 1}\n', "results of a scan, not audio; `so"),
        ("statement.json", b'{"adjustments":[]}', "a statement, not audio; `sourceprint audit` checks it"),
        ("l.toml", new_licence().encode(), "a licence, not audio; `sourceprint rights import` reads it"),
        ("p.toml", shipped_policy("equal").encode(), "a policy for uses, not audio; `sourceprint attribute --policy`"),
        (
            "p.toml",
            b'schema = "sourceprint/gate-policy/1"\n',
            "a policy of releases, not audio; `sourceprint check",
        ),
        ("index.html", b"<!DOCTYPE html>\n<html>", "a page to read, such as a report, not audio; open it in a browser"),
        ("c.zip", a_case(), "a case, not audio; `sourceprint verify` checks it"),
    ],
)
def test_a_file_of_ours_is_refused_with_its_kind_and_its_command(
    tmp_path: Path, name: str, data: bytes, told: str
) -> None:
    (tmp_path / name).write_bytes(data)
    (refusal,) = collect([tmp_path / name]).refusals
    assert refusal.reason.startswith(told)


@pytest.mark.parametrize(
    ("member", "data", "told"),
    [
        ("manifest.json", b'{\n "magic": "sourceprint-index",', "an index, not audio; give the files to search in it"),
        ("results.jsonl", b"{}", "results of a scan, not audio"),
        ("statement.json", b"{}", "a statement, not audio; `sourceprint audit` checks it"),
        ("report.txt", b"", "a page to read, such as a report, not audio; open it in a browser"),
        ("parties.tsv", b"", "tables of rights, not audio; `sourceprint rights import` reads them"),
        ("notes.txt", b"hello", "a folder without audio (1 other file"),
        ("manifest.json", b'{"name": "a web page"}', "a folder without audio (1 other file"),
    ],
)
def test_a_folder_of_ours_without_audio_is_told_from_others(
    tmp_path: Path, member: str, data: bytes, told: str
) -> None:
    (tmp_path / member).write_bytes(data)
    (refusal,) = collect([tmp_path]).refusals
    assert refusal.reason.startswith(told)


def test_a_database_of_rights_is_no_audio(tmp_path: Path) -> None:
    Database.open(tmp_path / "rights.sqlite", create=True)
    assert own_kind(tmp_path / "rights.sqlite").startswith(
        "a database, not audio; `sourceprint rights check --rights DATABASE`"
    )


@pytest.mark.parametrize(("name", "data"), [("a.wav", b"RIFF"), ("a.json", b'{"schema": "other/1"}'), ("a.bin", b"")])
def test_other_files_are_left_to_the_decoder(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    assert own_kind(tmp_path / name) == ""
    assert own_kind(tmp_path / "missing") == ""
    assert collect([tmp_path / name]).items[0].path == tmp_path / name
