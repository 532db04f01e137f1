"""Everything in a folder is audio, another file, or refused, by content, under any name."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import socket
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from fingerprint.spf_files import MAGIC
from sourceprint import workers
from sourceprint.folders import archives, listing
from sourceprint.folders.contents import Content, content_of_head
from sourceprint.folders.listing import Folders
from sourceprint.folders.names import AUDIO_SUFFIXES
from sourceprint.folders.second_heads import MOST_SEARCHED_BYTES, second_head
from tests.audio_files import tone, wav_bytes, write_ffmpeg, write_soundfile

WAV = wav_bytes(bytes(range(256)) * 20)


def put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def zipped(names: list[str]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name in names:
            archive.writestr(name, b"content")
    return sink.getvalue()


def tarred(names: list[str], content: bytes = b"content", form: int = tarfile.PAX_FORMAT) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=form) as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return sink.getvalue()


def found(folder: Path) -> tuple[list[str], dict[str, str], dict[str, str]]:
    """Return names of audio, refusals with their reasons, and other files with their kinds."""
    listed = Folders().listed(folder)

    def short(name: str) -> str:
        return name.removeprefix(f"{folder}/")

    refused = {short(refusal.name): refusal.reason for refusal in listed.refusals}
    return [short(str(path)) for path in listed.audio], refused, {short(one.name): one.kind for one in listed.others}


def test_sound_is_found_under_any_name(tmp_path: Path) -> None:
    for name in ("stolen", "stolen.wav ", ".hidden.wav", ".hidden", "s.wave", "s.wav.1", "s.txt", "s.png", "deep/x/y"):
        put(tmp_path / name, WAV)
    audio, refused, others = found(tmp_path)
    named = [".hidden", ".hidden.wav", "deep/x/y", "s.png", "s.txt", "s.wav.1", "s.wave", "stolen", "stolen.wav "]
    assert audio == named
    assert (refused, others) == ({}, {})


@pytest.mark.parametrize(
    ("container", "codec"),
    [
        ("mp3", "mp3"), ("adts", "aac"), ("ac3", "ac3"), ("mp2", "mp2"), ("mpegts", "aac"), ("avi", "mp2"),
        ("ogg", "libopus"), ("matroska", "flac"), ("ipod", "aac"), ("mpeg", "mp2"), ("asf", "wmav2"), ("latm", "aac"),
        ("wv", "wavpack"), ("tta", "tta"), ("nut", "flac"),
    ],
)  # fmt: skip
def test_formats_are_known_by_content(tmp_path: Path, container: str, codec: str) -> None:
    write_ffmpeg(tmp_path / "sound", tone(1.5, rate_hz=48000), rate_hz=48000, container=container, codec=codec)
    assert found(tmp_path) == (["sound"], {}, {})


def test_frames_that_start_in_the_middle_are_heard(tmp_path: Path) -> None:
    path = write_ffmpeg(tmp_path / "whole", tone(2.0), container="adts", codec="aac")
    put(tmp_path / "cut", path.read_bytes()[77:])
    assert found(tmp_path) == (["cut", "whole"], {}, {})


def test_files_that_are_no_audio_are_listed_with_their_kind(tmp_path: Path) -> None:
    contents = {
        "a.json": b'{"a": 1}\n',
        "a.ts": b"export const x: number = 1;\n",
        "b.html": "<p>Mächtig</p>".encode(),
        "c": b"MAC addresses of the studio, not Monkey's Audio\n",
        "d": "Notizen".encode("utf-16"),
        "cover": b"\x89PNG\r\n\x1a\n" + bytes(64),
        "photo": b"\0\0\0\x18ftypheic" + bytes(64),
        "anim.webp": b"RIFF\x40\0\0\0WEBPVP8 " + bytes(64),
        "notes.mid": b"MThd\0\0\0\x06" + bytes(20),
        "._song.wav": b"\0\x05\x16\x07" + bytes(80),
        ".DS_Store": b"\0\0\0\x01Bud1" + bytes(64),
        "weights.npy": b"\x93NUMPY\x01\0" + bytes(64),
        "noise": bytes(range(256)) * 20,
        ".gitkeep": b"",
    }
    for name, data in contents.items():
        put(tmp_path / name, data)
    assert found(tmp_path) == (
        [],
        {},
        {
            "._song.wav": "data of the file manager",
            ".DS_Store": "data of the file manager",
            ".gitkeep": "empty",
            "a.json": "text",
            "a.ts": "text",
            "anim.webp": "image",
            "b.html": "text",
            "c": "text",
            "cover": "image",
            "d": "text",
            "noise": "unknown data",
            "notes.mid": "MIDI",
            "photo": "image",
            "weights.npy": "data",
        },
    )


def test_names_of_audio_are_taken_without_a_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for suffix in AUDIO_SUFFIXES:
        put(tmp_path / f"a{suffix.upper()}", b"")

    def look(head: bytes) -> None:
        raise AssertionError

    monkeypatch.setattr(listing, "content_of_head", look)
    assert len(found(tmp_path)[0]) == len(AUDIO_SUFFIXES) > 50


def test_unknown_data_with_the_name_of_audio_in_it_is_audio_that_will_fail(tmp_path: Path) -> None:
    for name in ("a.wav.bak", "a.mp3~", "a.flac (1)", "a.wav.peaks"):
        put(tmp_path / name, bytes(range(256)) * 20)
    assert found(tmp_path) == (["a.flac (1)", "a.mp3~", "a.wav.bak"], {}, {"a.wav.peaks": "unknown data"})


def test_archives_that_hold_audio_are_refused_and_others_listed(tmp_path: Path) -> None:
    put(tmp_path / "a.zip", zipped(["notes.txt", "songs/one.wav", "songs/two.mp3"]))
    put(tmp_path / "b.docx", zipped(["word/document.xml"]))
    put(tmp_path / "c.zip", zipped(["x/inner.tar.gz"]))
    put(tmp_path / "d.tar", tarred(["one.flac"]))
    put(tmp_path / "e.tgz", gzip.compress(tarred(["a.txt", "one.ogg"])))
    put(tmp_path / "f.tar.bz2", bz2.compress(tarred(["a.txt"])))
    put(tmp_path / "g.tar.xz", lzma.compress(tarred(["a.txt", "b/.x.wav.bak"])))
    put(tmp_path / "h.7z", b"7z\xbc\xaf\x27\x1c" + bytes(40))
    put(tmp_path / "i.rar", b"Rar!\x1a\x07\x01\0" + bytes(40))
    put(tmp_path / "j.gz", gzip.compress(WAV))
    put(tmp_path / "k.gz", gzip.compress(b"text\n"))
    put(tmp_path / "l.zip", zipped(["one.wav"])[:-30])
    put(tmp_path / "m.zip", zipped(["__MACOSX/._one.wav", "._two.wav", "a.txt"]))
    old = bytearray(tarred(["one.wav"], form=tarfile.USTAR_FORMAT))
    old[257:265] = bytes(8)  # as before there was a mark
    old[148:156] = b"%06o\0 " % (sum(old[:148]) + 8 * 0x20 + sum(old[156:512]))
    put(tmp_path / "n", bytes(old))
    put(tmp_path / "o", zlib.compress(b"blob 12\0some content"))
    audio, refused, others = found(tmp_path)
    unpack = "; unpack it, and give the folder"
    assert audio == []
    assert refused == {
        "a.zip": f"a zip archive that holds audio (songs/one.wav and 1 more){unpack}",
        "c.zip": f"a zip archive with an archive in it (x/inner.tar.gz){unpack}",
        "d.tar": f"a tar archive that holds audio (one.flac){unpack}",
        "e.tgz": f"a tar archive compressed with gzip that holds audio (one.ogg){unpack}",
        "g.tar.xz": f"a tar archive compressed with xz that holds audio (b/.x.wav.bak){unpack}",
        "h.7z": f"a 7z archive, which may hold audio: its names cannot be read here{unpack}",
        "i.rar": f"a rar archive, which may hold audio: its names cannot be read here{unpack}",
        "j.gz": f"audio, compressed with gzip{unpack}",
        "l.zip": f"a zip archive that is damaged or cannot be read, and may hold audio{unpack}",
        "n": f"a tar archive that holds audio (one.wav){unpack}",
    }
    assert others == {
        "b.docx": "archive without audio",
        "f.tar.bz2": "archive without audio",
        "k.gz": "compressed text",
        "m.zip": "archive without audio",
        "o": "data",
    }


def test_a_member_without_a_suffix_may_be_audio_but_for_usual_ones_and_small_ones(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/stolen", bytes(10_000))
    with zipfile.ZipFile(tmp_path / "y.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/LICENSE", bytes(10_000))
        archive.writestr("x/flag", b"1")
    _, refused, others = found(tmp_path)
    why = "a zip archive with a file whose name does not tell what it is (x/stolen)"
    assert refused == {"z.zip": f"{why}; unpack it, and give the folder"}
    assert others == {"y.zip": "archive without audio"}


def test_a_long_archive_is_not_looked_into_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_LISTED_BYTES", 20_000)
    monkeypatch.setattr(archives, "_MOST_ZIP_BYTES", 2_000)
    put(tmp_path / "bomb.tar.gz", gzip.compress(tarred(["zeros", "one.wav"], content=bytes(200_000))))
    put(tmp_path / "plain.tar", tarred(["zeros", "one.wav"], content=bytes(200_000)))
    put(tmp_path / "many.zip", zipped([f"{n}.txt" for n in range(100)]))
    _, refused, _ = found(tmp_path)
    assert refused == {
        "bomb.tar.gz": "a tar archive compressed with gzip that is too long to be looked into, and may hold audio; "
        "unpack it, and give the folder",
        "plain.tar": "a tar archive that holds audio (one.wav); unpack it, and give the folder",
        "many.zip": "a zip archive that is too long to be looked into, and may hold audio; unpack it, and give the "
        "folder",
    }


def test_a_hole_behind_a_compressed_stream_is_not_read_through(tmp_path: Path) -> None:
    for name, stream in (("a.gz", gzip.compress(b"")), ("b.gz", gzip.compress(b"text"))):
        os.truncate(put(tmp_path / name, stream), 2**40)  # takes no room on the disk, and days to read byte by byte
    _, refused, others = found(tmp_path)
    long = "that is too long to be looked into, and may hold audio; unpack it, and give the folder"
    assert refused == {"a.gz": f"a file compressed with gzip {long}", "b.gz": f"a file compressed with gzip {long}"}
    assert others == {}


def test_an_archive_that_keeps_its_library_busy_costs_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digits = b"1" * 400_000  # in which tarfile looks for a number from every digit on
    record = tarfile.TarInfo("record")
    record.type, record.size = tarfile.XHDTYPE, len(digits)
    header = record.tobuf(tarfile.USTAR_FORMAT)
    put(tmp_path / "busy.tar", header + digits + bytes(-len(digits) % 512) + tarred(["a.txt"]))
    put(tmp_path / "fine.tar", tarred(["a.txt"]))
    monkeypatch.setattr(listing, "most_seconds", lambda path: 0.1 if path.name == "busy.tar" else 60.0)
    monkeypatch.setattr(workers, "_TICK_SECONDS", 0.3)
    _, refused, others = found(tmp_path)
    assert list(refused) == ["busy.tar"]
    assert refused["busy.tar"].startswith("looking into it failed: took longer than ")
    assert others == {"fine.tar": "archive without audio"}


def test_sound_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "a.xm", b"Extended Module: tune" + bytes(80))
    put(tmp_path / "b.mod", bytes(1080) + b"M.K." + bytes(80))
    put(tmp_path / "c.sf2", b"RIFF\x40\0\0\0sfbkLIST" + bytes(40))
    put(tmp_path / "d.aup3", b"SQLite format 3\0" + bytes(52) + b"AUDY" + bytes(80))
    put(tmp_path / "e.db", b"SQLite format 3\0" + bytes(200))
    put(tmp_path / "f", MAGIC + bytes(40))
    _, refused, others = found(tmp_path)
    convert = "holds sound that cannot be read here; convert it to FLAC, and give that"
    assert refused == {
        "a.xm": f"a tracker module: {convert}",
        "b.mod": f"a tracker module: {convert}",
        "c.sf2": f"a bank of sounds: {convert}",
        "d.aup3": f"a project of Audacity: {convert}",
        "f": "a fingerprint file under another name; let its name end in .spf",
    }
    assert others == {"e.db": "data"}


def test_pipes_sockets_and_links_that_lead_nowhere_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("socket")
    (tmp_path / "null").symlink_to(os.devnull)
    (tmp_path / "nowhere").symlink_to("gone")
    (tmp_path / "itself").symlink_to("itself")
    audio, refused, others = found(tmp_path)
    pipe = "a pipe, socket or device, not a file; save what it holds to a file"
    nowhere = "this link leads nowhere; mend or remove it"
    assert (audio, others) == ([], {})
    assert refused == {"pipe.wav": pipe, "socket": pipe, "null": pipe, "nowhere": nowhere, "itself": nowhere}


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Simulated: permissions do not hold back the superuser, as whom tests may run.
    put(tmp_path / "secret", WAV)

    def refuse(path: Path, flags: int) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    assert found(tmp_path)[1] == {
        "secret": "cannot be read (Permission denied), so nobody knows whether it is audio; change its permissions"
    }


def test_a_file_that_ends_the_process_which_looks_at_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "crafted", bytes(range(256)) * 20)
    write_soundfile(tmp_path / "fine.wav", tone(0.1))
    monkeypatch.setattr(listing, "holds_audio", _end)
    audio, refused, _ = found(tmp_path)
    assert audio == ["fine.wav"]
    assert list(refused) == ["crafted"]
    assert "looking into it failed" in refused["crafted"]


def _end(path: Path) -> bool:
    os._exit(9)


def test_a_second_listing_reads_changed_files_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path / "a", b"text")
    put(tmp_path / "b", b"text")
    folders = Folders()
    assert len(folders.listed(tmp_path).others) == 2
    looked: list[bytes] = []

    def look(head: bytes) -> Content:
        looked.append(head)
        return content_of_head(head)

    monkeypatch.setattr(listing, "content_of_head", look)
    put(path, WAV)
    again = folders.listed(tmp_path)
    assert (again.audio, len(again.others)) == ((path,), 1)
    assert looked == [WAV[:4096]]


def test_folders_that_are_left_out_are_listed_as_such(tmp_path: Path) -> None:
    put(tmp_path / "a.wav", WAV)
    put(tmp_path / "run" / "b.wav", WAV)
    listed = Folders(without=[tmp_path / "run"]).listed(tmp_path)
    assert listed.audio == (tmp_path / "a.wav",)
    assert [(other.name, other.kind) for other in listed.others] == [(f"{tmp_path}/run", "folder of the scan itself")]


def test_links_out_of_the_folders_that_may_be_read_are_neither_opened_nor_entered(tmp_path: Path) -> None:
    top, second, elsewhere = (tmp_path / name for name in ("top", "second", "elsewhere"))
    for folder in (top, second, elsewhere):
        put(folder / "a.wav", WAV)
        put(folder / "data", WAV)
    (top / "b.wav").symlink_to(elsewhere / "a.wav")
    (top / "c").symlink_to(elsewhere / "data")
    (top / "d").symlink_to(elsewhere)
    (top / "e").symlink_to(second)
    (top / "f").symlink_to(top / "a.wav")
    (second / "deep").symlink_to(elsewhere)
    listed = Folders(within=[top, second]).listed(top)
    names = [str(path.relative_to(top)) for path in listed.audio]
    assert names == ["a.wav", "data", "e/a.wav", "e/data", "f"]
    assert [Path(one.name).relative_to(top).as_posix() for one in listed.refusals] == ["b.wav", "c", "d", "e/deep"]
    assert {one.reason for one in listed.refusals} == {
        "a link that leads out of the folders that may be read; copy the file or folder itself"
    }


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"GIF89a\x01\0\x01\0\x80\0\0", "image"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n\0", "document"),
        (b"#EXTM3U\n#EXTINF:1,a\na.mp3\n" * 400, "text"),
        (b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk", "MIDI"),
        (b"SQLite format 3\0", "data"),
    ],
)
def test_sound_behind_another_head_may_be_audio(tmp_path: Path, head: bytes, what: str) -> None:
    sounds = {"WAV": WAV}
    for form, container in (("FLAC", "FLAC"), ("Ogg", "OGG"), ("MPEG audio", "MP3")):
        sounds[form] = write_soundfile(tmp_path / container, tone(0.5), container=container).read_bytes()
    for form, sound in sounds.items():
        put(tmp_path / "in" / form, head + sound)
    put(tmp_path / "in" / "plain", head)
    audio, refused, others = found(tmp_path / "in")
    assert (audio, others) == ([], {"plain": what})
    for form in sounds:
        place = f"{len(head):,}".replace(",", " ")
        said = f"{what} by its first bytes, and the head of {form} stands at byte {place}: it may hold audio; "
        assert refused[form].startswith(said)


def test_data_without_a_head_behind_it_stays_unchanged() -> None:
    noise = np.random.default_rng(3).integers(0, 256, 1 << 20, dtype=np.uint8).tobytes()
    assert second_head(noise) is None
    assert second_head(b"RIFF and WAVE, fLaC, OggS, ID3 and ftyp are marks" * 2_000) is None
    assert second_head(b"\xff\xfb" * 20_000) is None
    assert second_head(b"x" * MOST_SEARCHED_BYTES + WAV) is None  # beyond the bytes searched
