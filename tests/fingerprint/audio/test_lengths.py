"""The stream is believed, not its header: audio past the length in the header is read, and noted."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

from fingerprint.audio.stream import decode
from tests.audio_files import read, tone, wav_bytes, write_ffmpeg, write_soundfile

SECONDS = 3.0


def patched(content: bytes, edits: dict[int, bytes]) -> bytes:
    """Return `content` with other bytes at some offsets."""
    changed = bytearray(content)
    for offset, right in edits.items():
        changed[offset : offset + len(right)] = right
    return bytes(changed)


def flac(content: bytes, share: float) -> bytes:
    """Let STREAMINFO state a share of the samples."""
    packed = int.from_bytes(content[18:26], "big")
    n = packed & (1 << 36) - 1
    return patched(content, {18: (packed - n + int(n * share)).to_bytes(8, "big")})


def field_after(name: bytes, skip: int, form: str) -> Callable[[bytes, float], bytes]:
    """Return a function that scales the number `form` found `skip` bytes after `name`."""

    def scale(content: bytes, share: float) -> bytes:
        offset = content.index(name) + len(name) + skip
        (n,) = struct.unpack_from(form, content, offset)
        return patched(content, {offset: struct.pack(form, int(n * share))})

    return scale


def aiff(content: bytes, share: float) -> bytes:
    """Scale both lengths of an AIFF file."""
    return field_after(b"COMM", 6, ">I")(field_after(b"SSND", 0, ">I")(content, share), share)


def xing(content: bytes, share: float) -> bytes:
    """Scale the number of frames that the first frame of an mp3 states."""
    name = b"Info" if b"Info" in content[:200] else b"Xing"
    return field_after(name, 4, ">I")(content, share)


HALVED = {
    "WAV": field_after(b"data", 0, "<I"),
    "WAVEX": field_after(b"data", 0, "<I"),
    "RF64": field_after(b"ds64", 12, "<Q"),
    "W64": field_after(b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a", 0, "<Q"),
    "AIFF": aiff,
    "AU": field_after(b".snd", 4, ">I"),
    "CAF": field_after(b"data", 0, ">q"),
    "SVX": field_after(b"BODY", 0, ">I"),
    "FLAC": flac,
    "MP3": xing,
}


@pytest.mark.parametrize("container", sorted(HALVED))
@pytest.mark.parametrize("share", [0.5, 0.0])
def test_header_that_states_less_than_there_is(tmp_path: Path, container: str, share: float) -> None:
    y = tone(SECONDS)
    whole = decode(write_soundfile(tmp_path / "whole", y, container=container))
    path = tmp_path / "half"
    path.write_bytes(HALVED[container]((tmp_path / "whole").read_bytes(), share))
    found, notes, _, seconds = read(path)
    assert seconds == pytest.approx(SECONDS, abs=0.03 if container == "MP3" else 1e-9)
    np.testing.assert_allclose(found[: whole.size - 200], whole[:-200], atol=1e-4)
    if container == "SVX":  # nothing but the length of its bytes
        assert notes == []
    elif share:
        assert len(notes) == 1
        assert re.match(r"length: header says 1\.[45]", notes[0])
        assert notes[0].endswith(f" s, {seconds:.2f} s could be read")
    elif notes:  # of no length at all FLAC means, and we take an mp3 to mean, that it is unknown
        assert notes == [f"length: header says 0.00 s, {seconds:.2f} s could be read"]


@pytest.mark.parametrize("subtype", ["MS_ADPCM", "IMA_ADPCM", "GSM610", "ULAW", "PCM_24", "DOUBLE"])
def test_wav_of_any_coding(tmp_path: Path, subtype: str) -> None:
    path = write_soundfile(tmp_path / "a.wav", tone(SECONDS), subtype=subtype)
    whole, notes, _, seconds = read(path)
    assert notes == []  # the bytes per second in the header of ADPCM are an average, and often wrong
    path.write_bytes(patched(path.read_bytes(), {path.read_bytes().index(b"WAVEfmt ") + 20: b"\x10\x27\0\0"}))
    assert read(path)[1] == []
    path.write_bytes(HALVED["WAV"](path.read_bytes(), 0.5))
    half, notes, _, seconds_again = read(path)
    assert seconds_again == seconds
    np.testing.assert_array_equal(half, whole)
    assert len(notes) == 1
    assert notes[0].startswith("length: header says 1.5")


@pytest.mark.parametrize(
    "tail",
    [
        b"LIST\x1a\0\0\0INFOISFT\x0e\0\0\0Lavf60.16.100\0",
        b"id3 \x0b\0\0\0ID3\4\0\0\0\0\0\0\0\0" + b"bext\x04\0\0\0abcd",
        b"ID3\4\0\0\0\0\0\x10" + bytes(range(16)),
        b"TAG" + b"\xe9" * 125,
        bytes(5000),
        b"\n",
    ],
)
def test_data_after_the_sound_is_not_taken_for_sound(tmp_path: Path, tail: bytes) -> None:
    data = (tone(2, rate_hz=8000) * 32767).astype("<i2").tobytes()
    path = tmp_path / "a.wav"
    path.write_bytes(wav_bytes(data) + tail)
    _, notes, _, seconds = read(path)
    assert (seconds, notes) == (2.0, [])


def test_wav_of_a_coding_without_a_known_length_that_is_cut_short(tmp_path: Path) -> None:
    path = write_ffmpeg(tmp_path / "a.wav", tone(SECONDS), container="wav", codec="libmp3lame")
    assert read(path)[1] == []
    path.write_bytes(path.read_bytes()[:30_000])
    _, notes, _, seconds = read(path)
    assert notes == [f"truncated: the file is shorter than its header says, {seconds:.2f} s could be read"]


def test_matroska_with_a_picture_that_is_cut_short(tmp_path: Path) -> None:
    path = write_ffmpeg(tmp_path / "a.mkv", tone(SECONDS), container="matroska", codec="flac", picture=True)
    assert read(path)[1] == []  # the picture is shorter than the sound, and the length that of the longest
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    _, notes, _, seconds = read(path)
    assert seconds < SECONDS - 0.5
    assert notes == [f"truncated: the file is shorter than its header says, {seconds:.2f} s could be read"]


@pytest.mark.parametrize("length", [0, -1])
def test_caf_of_unknown_length(tmp_path: Path, length: int) -> None:
    path = write_soundfile(tmp_path / "a.caf", tone(2), container="CAF")
    whole = decode(path)
    content = path.read_bytes()
    path.write_bytes(patched(content, {content.index(b"data") + 4: struct.pack(">q", length)}))
    found, _, info, _ = read(path)
    np.testing.assert_array_equal(found, whole)
    assert info.decoder.startswith("libsndfile")


def test_asf_whose_data_go_on(tmp_path: Path) -> None:
    path = write_ffmpeg(tmp_path / "a.wma", tone(6), container="asf", codec="wmav2")
    whole, notes, _, _ = read(path)
    assert notes == []
    path.write_bytes(field_after(bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c"), 0, "<Q")(path.read_bytes(), 0.5))
    found, _, _, _ = read(path)
    np.testing.assert_allclose(found[: whole.size - 100], whole[:-100], atol=1e-6)


def test_dsf_whose_data_go_on(tmp_path: Path) -> None:
    bits = np.random.default_rng(0).bytes(2 * 4096 * 20)  # blocks of 4096 bytes, of each channel in turn
    form = struct.pack("<IIIIIIQII", 1, 0, 2, 2, 2_822_400, 1, 8 * 4096 * 20, 4096, 0)
    whole = b"fmt " + struct.pack("<Q", 52) + form + b"data" + struct.pack("<Q", 12 + len(bits)) + bits
    whole = b"DSD " + struct.pack("<QQQ", 28, 28 + len(whole), 0) + whole
    path = tmp_path / "a.dsf"
    path.write_bytes(whole)
    expected, _, _, seconds = read(path)
    assert seconds == pytest.approx(8 * 4096 * 20 / 2_822_400)
    path.write_bytes(field_after(b"data", 0, "<Q")(whole, 0.5))
    found, _, _, _ = read(path)
    np.testing.assert_array_equal(found, expected)


def test_sound_that_an_edit_list_hides_is_named(tmp_path: Path) -> None:
    path = write_ffmpeg(tmp_path / "a.m4a", tone(6), container="ipod", codec="aac")
    assert read(path)[1] == []
    path.write_bytes(field_after(b"elst", 8, ">I")(path.read_bytes(), 0.5))
    _, notes, _, seconds = read(path)
    assert seconds == pytest.approx(3.0, abs=0.05)
    assert len(notes) == 1
    assert re.fullmatch(r"edit list: (2\.9|3\.0)\d s of the sound are not presented, and were not read", notes[0])


def test_frames_beyond_those_of_the_header_are_named(tmp_path: Path) -> None:
    # No decoder reads on: where the table of frames ends, their lengths do.
    rng = np.random.default_rng(0)
    y = (0.3 * rng.standard_normal(8 * 44100)).astype(np.float32)
    path = write_ffmpeg(tmp_path / "a.tta", y, container="tta", codec="tta")
    assert [note for note in read(path)[1] if not note.startswith("clipped")] == []
    content = path.read_bytes()
    (n,) = struct.unpack_from("<I", content, 14)
    frame = 256 * 44100 // 245
    n_frames, n_kept = -(-n // frame), 4
    head = content[:14] + struct.pack("<I", n_kept * frame)
    table = content[22 : 22 + 4 * n_kept]
    frames = content[22 + 4 * n_frames + 4 :]
    path.write_bytes(head + struct.pack("<I", crc32(head)) + table + struct.pack("<I", crc32(table)) + frames)
    _, notes, _, seconds = read(path)
    assert seconds == pytest.approx(n_kept * frame / 44100)
    assert len(notes) >= 1
    assert re.match(r"unread: \d{6,7} bytes at the end are beyond what the header states", notes[0])
    path.write_bytes(
        content
        + b"APETAGEX"
        + struct.pack("<IIII8x", 2000, 90_032, 1, 0)
        + bytes(90_000)
        + b"APETAGEX"
        + struct.pack("<IIII8x", 2000, 90_032, 1, 0)
    )
    assert [note for note in read(path)[1] if not note.startswith("clipped")] == []


@pytest.mark.corpus
def test_flac_of_music_that_states_half_of_it(corpus: Path, tmp_path: Path) -> None:
    y = decode(sorted((corpus / "music").glob("*.ogg"))[0], sample_rate=22050)[: 20 * 22050]
    whole = write_soundfile(tmp_path / "whole.flac", y, rate_hz=22050, container="FLAC")
    (tmp_path / "half.flac").write_bytes(flac(whole.read_bytes(), 0.5))
    found, notes, _, _ = read(tmp_path / "half.flac")
    np.testing.assert_array_equal(found, decode(whole))
    assert [note for note in notes if note.startswith("length")] == [
        "length: header says 10.00 s, 20.00 s could be read"
    ]
