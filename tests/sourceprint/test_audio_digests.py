"""Large files that no decoder takes: refused as small ones are, and never read to their ends."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from fingerprint.errors import DecodeError
from fingerprint.extract import fingerprint_file
from sourceprint.audio_digests import MOST_UNTRIED_BYTES, known_audio_digest
from tests.command_line import catalogue, run

_HUGE_BYTES = 2**34  # holes that are larger are refused for being holes


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return catalogue(tmp_path_factory.mktemp("digests"), [1])


def sparse(path: Path, head: bytes = b"", size: int = _HUGE_BYTES) -> Path:
    path.write_bytes(head)
    os.truncate(path, size)
    return path


@pytest.fixture
def _no_large_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    digest = hashlib.file_digest

    def small_only(file: Any, *args: Any) -> Any:
        if os.fstat(file.fileno()).st_size > MOST_UNTRIED_BYTES:
            raise AssertionError("a large file is read to its end")
        return digest(file, *args)

    monkeypatch.setattr(hashlib, "file_digest", small_only)


@pytest.mark.slow
@pytest.mark.usefixtures("_no_large_digest")
@pytest.mark.parametrize(
    "head", [b"", b"RIFFWAVE", b"OggS\0\2", b"fLaC\0\0\0\x22"], ids=["zeros", "wav", "ogg", "flac"]
)
def test_a_huge_file_that_no_decoder_takes_is_refused_unread(tmp_path: Path, head: bytes) -> None:
    file = sparse(tmp_path / "x.wav", head)
    for refused in (known_audio_digest, fingerprint_file):
        with pytest.raises(DecodeError, match=r"x\.wav: no audio could be decoded .*convert it to FLAC$"):
            refused(file)


def test_refused_files_with_a_head_that_opens_are_not_hashed_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "x.flac"
    file.write_bytes(
        b"fLaC" + bytes([0x80, 0, 0, 34]) + bytes.fromhex("100010000000000000000ac442f000000000") + bytes(16)
    )
    monkeypatch.setattr("fingerprint.extract.file_digest", lambda _: pytest.fail("hashed before it was decoded"))
    with pytest.raises(DecodeError, match="no audio could be decoded"):
        fingerprint_file(file)


def test_a_large_file_of_audio_is_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sourceprint.audio_digests.MOST_UNTRIED_BYTES", 2**16)
    head = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\1\0\1\0\x11\x2b\0\0\x22\x56\0\0\2\0\x10\0data\xff\xff\xff\xff"
    file = sparse(tmp_path / "x.wav", head, 2**17)
    with file.open("rb") as opened:
        assert known_audio_digest(file) == hashlib.file_digest(opened, "sha256").hexdigest()


@pytest.mark.slow
@pytest.mark.usefixtures("_no_large_digest")
def test_every_command_refuses_it_with_the_same_words(tmp_path: Path, index: Path) -> None:
    file = sparse(tmp_path / "x.wav")
    said = "no audio could be decoded (Invalid data found when processing input)"
    for command in ("match", "check", "add", "replace", "fingerprint"):
        if command == "fingerprint":
            result = run(command, file, "--output", tmp_path / "spf")
        else:
            result = run(command, file, index=index)
        assert result.exit_code in (3, 4), (command, result.output)
        assert said in " ".join((result.stdout + result.stderr).split()) or command == "replace", command
    for _ in range(2):  # the second finds a row of that size
        result = run("scan", file, "--out", tmp_path / "run", index=index)
        assert result.exit_code in (3, 4), result.output
