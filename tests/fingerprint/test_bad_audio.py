"""Files that are no audio, or damaged, or whose header lies: each its own message or note, never a traceback."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import fingerprint.audio.decoders
import fingerprint.audio.frames
from fingerprint.audio.containers import Container
from fingerprint.audio.decoders import Decoder
from fingerprint.audio.stream import decode, open_audio
from fingerprint.errors import DecodeError
from tests.audio_files import RATE_HZ, frequency_hz, read, tone, wav_bytes, write_ffmpeg, write_soundfile


def test_missing_file() -> None:
    with pytest.raises(DecodeError, match=r"^no/such/song\.mp3: no such file; check the spelling and the folder$"):
        open_audio("no/such/song.mp3")


def test_a_link_that_leads_nowhere_says_so(tmp_path: Path) -> None:
    link = tmp_path / "song.wav"
    link.symlink_to("nowhere.wav")
    with pytest.raises(DecodeError, match=r"song\.wav: this link leads nowhere; mend or remove it$"):
        open_audio(link)


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match="is a folder, not an audio file; give the files in it"):
        open_audio(tmp_path)


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    with pytest.raises(DecodeError, match=r"a\.wav: empty file \(0 bytes\); copy or download it again"):
        open_audio(tmp_path / "a.wav")


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Simulated: permissions do not hold back the superuser, as whom tests may run.
    def refuse(*args: object) -> int:
        raise PermissionError(13, "Permission denied")

    path = write_soundfile(tmp_path / "a.wav", tone(1))
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(DecodeError, match=r"a\.wav: may not be read by this user; change its permissions"):
        open_audio(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(DecodeError, match="is a pipe or device, not a regular file; save the audio to a file first"):
        open_audio(tmp_path / "pipe.wav")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
def test_device_does_not_hang() -> None:
    with pytest.raises(DecodeError, match="/dev/zero: is a pipe or device"):
        open_audio("/dev/zero")


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no local sockets")
def test_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # socket names are short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.wav")
        with pytest.raises(DecodeError, match=r"socket\.wav: cannot be opened"):
            open_audio("socket.wav")


def test_impossible_names() -> None:
    with pytest.raises(DecodeError, match=r"^a\\x00b: cannot be opened \(embedded null byte\)"):
        open_audio("a\0b")
    with pytest.raises(DecodeError, match=r"cannot be opened \(File name too long\)"):
        open_audio("x" * 5000)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"Dear Sir,\nplease find enclosed\n" * 300, "text"),
        ("naïve Ω text".encode() * 300, "text"),
        (b"#EXTM3U\n#EXTINF:5,\nsecret.mp3\n", "a playlist"),
        (b"%PDF-1.7\n\x00\xff" * 100, "a PDF document"),
        (b"PK\x03\x04" + bytes(100), "a zip archive"),
        (b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk", r"a MIDI file \(notes, no sound\)"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(100), "a JPEG picture"),
    ],
)
def test_other_files_called_mp3(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(content)
    with pytest.raises(DecodeError, match=rf"song\.mp3: holds {what}, not audio; give the recording"):
        open_audio(path)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("head", [b"", b"\xff\xfb\x90\x64", b"OggS", b"fLaC", b"RIFF\0\0\0\0WAVE", b"ID3\4\0\0\0\0\0\0",
                                  b"\0\0\0\x20ftypM4A ", b"\x1aE\xdf\xa3", b"FORM\0\0\0\0AIFF"])  # fmt: skip
def test_noise_is_not_audio(tmp_path: Path, head: bytes, seed: int) -> None:
    path = tmp_path / "noise.mp3"
    path.write_bytes(head + np.random.default_rng(seed).bytes(50_000))
    with pytest.raises(DecodeError, match=r"noise\.mp3: .+; (it may be damaged from the start|convert it)"):
        decode(path)


def test_playlists_are_never_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_soundfile(tmp_path / "secret.mp3", tone(2), container="MP3")
    path = tmp_path / "list.m3u8"
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{tmp_path}/secret.mp3\n#EXT-X-ENDLIST\n")
    with pytest.raises(DecodeError, match=r"list\.m3u8: holds a playlist, not audio"):
        open_audio(path)
    # The same again without the check of the content, and with the name shown to FFmpeg: its own limits must hold too.
    monkeypatch.setattr(fingerprint.audio.decoders, "inspect_container", lambda file: Container(""))
    with path.open("rb") as file, pytest.raises(DecodeError, match="no audio could be decoded"):
        list(Decoder(file, "list.m3u8").chunks())


@pytest.mark.parametrize(
    ("container", "least", "most"),
    [("MP3", 7, 9), ("FLAC", 6, 9), ("OGG", 6, 9), ("WAV", 7.9, 8.1), ("AIFF", 7.9, 8.1)],
)
def test_truncated(tmp_path: Path, container: str, least: float, most: float) -> None:
    rng = np.random.default_rng(0)
    noise = (0.1 * rng.standard_normal(44100 * 20)).astype(np.float32)  # so that the bit rate is even
    whole = write_soundfile(tmp_path / "whole", noise, container=container)
    cut = tmp_path / "cut"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.4)])
    y, notes, _, seconds = read(cut)
    assert least <= seconds <= most
    assert notes[0].startswith("truncated: ")
    assert f"{seconds:.2f} s could be read" in notes[0]
    if container != "OGG":  # it has no length in its header, only a mark at its end
        assert "header says 20.0" in notes[0]
    # The part read is the beginning of the whole.
    n = y.size - 1000
    np.testing.assert_allclose(y[:n], read(whole)[0][:n], atol=1e-4)


def test_whole_files_are_not_called_truncated(tmp_path: Path) -> None:
    for container in ("MP3", "FLAC", "OGG", "WAV", "AIFF", "CAF", "W64"):
        assert read(write_soundfile(tmp_path / "a", tone(3), container=container))[1] == []
    # At low rates the padding of an mp3 is long.
    assert read(write_soundfile(tmp_path / "a", tone(3, rate_hz=8000), rate_hz=8000, container="MP3"))[1] == []


def test_ogg_cut_within_its_last_page(tmp_path: Path) -> None:
    path = write_soundfile(tmp_path / "a", tone(3), container="OGG")
    os.truncate(path, path.stat().st_size - 10)
    assert read(path)[1][0].startswith("truncated: the mark at the end is missing")


def test_truncated_before_the_first_sample(tmp_path: Path) -> None:
    whole = write_soundfile(tmp_path / "whole", tone(3), container="FLAC")
    cut = tmp_path / "cut.flac"
    cut.write_bytes(whole.read_bytes()[:100])
    with pytest.raises(DecodeError, match=r"cut\.flac: no audio could be decoded"):
        decode(cut)


def test_m4a_cut_short_cannot_be_read(tmp_path: Path) -> None:
    whole = write_ffmpeg(tmp_path / "whole", tone(3), container="ipod", codec="aac")
    cut = tmp_path / "cut.m4a"
    cut.write_bytes(whole.read_bytes()[:20_000])  # the index of an mp4 stands at its end
    with pytest.raises(DecodeError, match=r"cut\.m4a: no audio could be decoded .*convert it to FLAC"):
        decode(cut)


def overwritten(content: bytes, share: float) -> bytes:
    """Return bytes of which a share behind the first 4096 are others at random, seeded."""
    rng = np.random.default_rng(0)
    data = np.frombuffer(content, np.uint8).copy()
    places = rng.integers(4096, data.size, round(data.size * share))
    data[places] = rng.integers(0, 256, places.size)
    return data.tobytes()


def noisy(seconds: float) -> NDArray[np.float32]:
    return tone(seconds) + (0.1 * np.random.default_rng(1).standard_normal(round(seconds * 44100))).astype(np.float32)


LOSS = re.compile(r"damaged: (\d+\.\d\d) s in all could not be decoded, (\d+)% of the sound")


def loss(path: Path) -> float:
    """Return the seconds that the notes on a file state as lost in all."""
    found = [match for note in read(path)[1] if (match := LOSS.fullmatch(note))]
    return float(found[0][1]) if found else 0.0


def write_mp3(path: Path, *, header: bool) -> Path:
    """Write 24 s of noise at 128 kbit/s, with or without the frame that states how many there are."""
    write_ffmpeg(path, noisy(24), container="mp3", codec="libmp3lame")
    content = path.read_bytes()
    first = content.index(b"Info") - 36
    path.write_bytes(content if header else content[content.index(b"\xff\xfb", first + 4) :])
    return path


@pytest.mark.slow
@pytest.mark.parametrize("header", [True, False])
def test_the_sound_that_damage_costs_is_told_in_all(tmp_path: Path, header: bool) -> None:
    whole = write_mp3(tmp_path / "whole.mp3", header=header).read_bytes()
    path = tmp_path / "a.mp3"
    path.write_bytes(overwritten(whole, 0.05))
    assert 4.0 < loss(path) < 12.0
    quarter = len(whole) // 4
    path.write_bytes(whole[:-quarter] + bytes(quarter))  # a download that stopped, in a file made long enough
    assert loss(path) == pytest.approx(6.0, abs=0.4)
    path.write_bytes(whole[:quarter] + bytes(quarter) + whole[2 * quarter :])
    assert loss(path) == pytest.approx(6.0, abs=0.4)


@pytest.mark.slow
@pytest.mark.parametrize("header", [True, False])
def test_cuts_joints_and_tags_are_no_damage(tmp_path: Path, header: bool) -> None:
    whole = write_mp3(tmp_path / "whole.mp3", header=header).read_bytes()
    junk = np.random.default_rng(2).bytes(90_000)
    tag = b"APETAGEX" + (2000).to_bytes(4, "little") + (len(junk) + 32).to_bytes(4, "little") + bytes(16)
    path = tmp_path / "a.mp3"
    for content in (
        whole,
        whole[-len(whole) // 2 - 100 :],
        whole + whole,
        whole[: len(whole) // 2 + 100] + whole,
        junk[:700] + whole,
        whole + junk[:9000],
        whole + junk + tag,
        whole + b"TAG" + bytes(125),
        b"ID3\4\0\0\0\x02\0\0" + bytes(32_768) + whole,
    ):
        path.write_bytes(content)
        assert loss(path) == 0.0


def test_a_tenth_of_a_short_file_is_a_loss(tmp_path: Path) -> None:
    y = noisy(2)
    y[3000 : 3000 + 15_000] = np.nan
    path = write_soundfile(tmp_path / "a.wav", y, subtype="FLOAT")
    assert loss(path) == pytest.approx(0.34, abs=0.005)


@pytest.mark.slow
def test_an_mp3_is_cut_short_by_any_of_its_headers(tmp_path: Path) -> None:
    whole = write_mp3(tmp_path / "whole.mp3", header=True).read_bytes()
    at = whole.index(b"Info")
    n_frames, n_bytes = whole[at + 8 : at + 12], whole[at + 12 : at + 16]
    headers = {
        "frames and bytes": whole,
        "frames alone": whole[:at] + b"Info\0\0\0\1" + n_frames + bytes(100) + whole[at + 112 :],
        "VBRI": whole[:at] + b"VBRI" + bytes(6) + n_bytes + n_frames + bytes(100) + whole[at + 118 :],
    }
    path = tmp_path / "a.mp3"
    for name, content in headers.items():
        path.write_bytes(content)
        assert read(path)[1] == [], name
        path.write_bytes(content[: len(content) // 2])
        (note,) = read(path)[1]
        assert re.fullmatch(r"truncated: header says 24\.\d\d s, 1[12]\.\d\d s could be read", note), name
        path.write_bytes(content + content[at + 400 :])  # joined to another
        assert not any(note.startswith("truncated") for note in read(path)[1]), name


@pytest.mark.slow
@pytest.mark.parametrize("container", ["FLAC", "MP3"])
def test_ffmpeg_goes_on_where_libsndfile_gives_up(tmp_path: Path, container: str) -> None:
    y = np.concatenate([tone(20), tone(20, frequency_hz=880)])
    y += (0.01 * np.random.default_rng(0).standard_normal(y.size)).astype(np.float32)
    path = write_soundfile(tmp_path / "a", y, container=container)
    whole = decode(path)
    content = bytearray(path.read_bytes())
    hole = len(content) * 3 // 4  # beyond the first chunks, which libsndfile delivers
    content[hole : hole + 3000] = bytes(3000)
    path.write_bytes(content)
    damaged, notes, info, seconds = read(path)
    assert info.decoder.startswith("FFmpeg")
    if container == "FLAC":  # its frames are numbered: the lost span is known, and left silent
        assert seconds == 40.0
        assert len(notes) == 1
        assert re.fullmatch(r"damaged: 0\.\d\d s could not be decoded, at (29|30)\.\d\d-(29|30)\.\d\d s", notes[0])
    else:
        assert 39.0 < seconds < 40.0
        assert notes[0] == f"damaged: header says 40.00 s, {seconds:.2f} s could be read"
        assert re.fullmatch(
            r"damaged: 1 packet could not be decoded and was left out, from (29|30)\.\d\d s on", notes[1]
        )
    np.testing.assert_allclose(damaged[: RATE_HZ * 29], whole[: RATE_HZ * 29], atol=1e-4)
    assert frequency_hz(damaged[-RATE_HZ * 8 :]) == pytest.approx(880, abs=1)


def test_joined_mp3_files_are_read_to_the_end(tmp_path: Path) -> None:
    first = write_soundfile(tmp_path / "1", tone(5), container="MP3").read_bytes()
    second = write_soundfile(tmp_path / "2", tone(5, frequency_hz=880), container="MP3").read_bytes()
    (tmp_path / "joined.mp3").write_bytes(first + second)
    y, _, _, seconds = read(tmp_path / "joined.mp3")
    assert seconds == pytest.approx(10.0, abs=0.15)
    assert frequency_hz(y[: 4 * RATE_HZ]) == pytest.approx(440, abs=1)
    assert frequency_hz(y[-4 * RATE_HZ :]) == pytest.approx(880, abs=1)


def test_joined_mp3_files_of_two_rates(tmp_path: Path) -> None:
    first = write_soundfile(tmp_path / "1", tone(5), container="MP3").read_bytes()
    second = write_soundfile(tmp_path / "2", tone(5, rate_hz=48000), rate_hz=48000, container="MP3").read_bytes()
    (tmp_path / "joined.mp3").write_bytes(first + second)
    y, _, _, seconds = read(tmp_path / "joined.mp3")
    assert seconds == pytest.approx(10.0, abs=0.15)
    assert y.size == pytest.approx(seconds * RATE_HZ, abs=3)
    assert frequency_hz(y[-4 * RATE_HZ :]) == pytest.approx(440, abs=1)  # 479 if the rate were taken from the start


def test_tags_before_and_after_do_no_harm(tmp_path: Path) -> None:
    audio = write_soundfile(tmp_path / "a", tone(3), container="MP3").read_bytes()
    id3 = b"ID3\x04\x00\x00\x00\x01\x00\x00" + b"TIT2" + bytes(16380)  # 2**14 bytes, not UTF-8 nor anything
    (tmp_path / "tagged").write_bytes(id3 + audio + b"TAG" + b"\xe9" * 125)
    y, notes, _, _ = read(tmp_path / "tagged")
    np.testing.assert_array_equal(y, decode(tmp_path / "a"))
    assert notes == []


@pytest.mark.parametrize(
    ("claimed_bytes", "note"),
    [
        (0, "length: header says 0.00 s, 3.00 s could be read"),
        (8_000, "length: header says 0.50 s, 3.00 s could be read"),
        (2**32 - 1, ""),  # written by programs that do not know the length
        (96_000, "truncated: header says 6.00 s, 3.00 s could be read"),
    ],
)
def test_wav_header_that_lies(tmp_path: Path, claimed_bytes: int, note: str) -> None:
    data = (tone(3, rate_hz=8000) * 32767).astype("<i2").tobytes()
    path = tmp_path / "a.wav"
    path.write_bytes(wav_bytes(data, claimed_bytes=claimed_bytes))
    tracemalloc.start()
    y, notes, _, seconds = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds == 3.0
    assert notes == [note] * bool(note)
    assert frequency_hz(y) == pytest.approx(440, abs=1)
    assert peak < 10e6


@pytest.mark.parametrize("claimed_samples", [0, 2**36 - 1])
def test_flac_header_that_lies(tmp_path: Path, claimed_samples: int) -> None:
    path = write_soundfile(tmp_path / "a.flac", tone(5), container="FLAC")
    whole = decode(path)
    content = bytearray(path.read_bytes())
    packed = int.from_bytes(content[18:26], "big") >> 36 << 36 | claimed_samples
    content[18:26] = packed.to_bytes(8, "big")
    path.write_bytes(content)
    y, notes, _, _ = read(path)
    np.testing.assert_allclose(y, whole, atol=1e-6)
    assert notes == (["truncated: header says 1558264.78 s, 5.00 s could be read"] if claimed_samples else [])


@pytest.mark.parametrize(("rate_hz", "message"), [(1000, "1000 Hz is outside 2000-768000 Hz"), (0, r"no audio|0 Hz"),
                                                  (900_000, "900000 Hz is outside")])  # fmt: skip
def test_absurd_rate(tmp_path: Path, rate_hz: int, message: str) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav_bytes(bytes(20_000), rate_hz=rate_hz))
    with pytest.raises(DecodeError, match=message):
        decode(path)


@pytest.mark.parametrize(("channels", "message"), [(65, "65 channels, of 1-64 possible"), (1000, "1000 channels"),
                                                   (0, "no audio|0 channels")])  # fmt: skip
def test_absurd_number_of_channels(tmp_path: Path, channels: int, message: str) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav_bytes(bytes(130_000), channels=channels))
    with pytest.raises(DecodeError, match=message):
        decode(path)


def test_samples_that_are_no_numbers(tmp_path: Path) -> None:
    y = tone(2)
    y[[1000, 20_000, 50_000]] = 0.0
    expected = decode(write_soundfile(tmp_path / "zeros.wav", y, subtype="FLOAT"))
    y[[1000, 20_000, 50_000]] = [np.nan, np.inf, -1e30]
    repaired, notes, _, _ = read(write_soundfile(tmp_path / "odd.wav", y, subtype="FLOAT"))
    np.testing.assert_array_equal(repaired, expected)
    assert notes == ["invalid: 3 samples were no numbers, infinite or beyond 1e9, and were set to zero"]


def test_silence(tmp_path: Path) -> None:
    y, notes, _, seconds = read(write_soundfile(tmp_path / "a.wav", np.zeros((44100, 2), np.float32)))
    assert seconds == 1.0
    assert not y.any()
    assert notes == ["silent: every sample is zero"]


def test_fifty_milliseconds(tmp_path: Path) -> None:
    y, notes, _, seconds = read(write_soundfile(tmp_path / "a.wav", tone(0.05)))
    assert seconds == 0.05
    assert y.size in (551, 552)
    assert notes == []


def test_one_sample(tmp_path: Path) -> None:
    path = write_soundfile(tmp_path / "a.wav", np.full(1, 0.5, np.float32), rate_hz=RATE_HZ, subtype="FLOAT")
    assert decode(path).tolist() == [0.5]


def test_no_sample(tmp_path: Path) -> None:
    path = write_soundfile(tmp_path / "a.wav", np.zeros(0, np.float32))
    with pytest.raises(DecodeError, match=r"a\.wav: no audio could be decoded"):
        decode(path)


def test_clipped(tmp_path: Path) -> None:
    y = np.clip(tone(2, amplitude=4.0), -1, 1)
    decoded, notes, _, _ = read(write_soundfile(tmp_path / "a.wav", y))
    assert notes == ["clipped: more than 1% of the samples are at full scale"]
    assert frequency_hz(decoded) == pytest.approx(440, abs=1)
    assert read(write_soundfile(tmp_path / "b.wav", tone(2, amplitude=0.9)))[1] == []


def test_constant_offset(tmp_path: Path) -> None:
    plain = decode(write_soundfile(tmp_path / "a.wav", tone(2), subtype="FLOAT"))
    offset, notes, _, _ = read(write_soundfile(tmp_path / "b.wav", tone(2) + np.float32(0.3), subtype="FLOAT"))
    assert notes == []
    np.testing.assert_allclose(offset[500:-500] - 0.3, plain[500:-500], atol=1e-3)


@pytest.mark.parametrize("odd", [KeyError("s64"), ZeroDivisionError("division"), RuntimeError("layout"), TypeError()])
def test_any_exception_of_a_library_is_an_error_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, odd: Exception
) -> None:
    def fail(*args: object) -> None:
        raise odd

    path = write_ffmpeg(tmp_path / "a.m4a", tone(1), container="ipod", codec="aac")
    monkeypatch.setattr(fingerprint.audio.frames.FrameQueue, "put", fail)
    reason = re.escape(str(odd)) or "TypeError"
    with pytest.raises(DecodeError, match=rf"a\.m4a: no audio could be decoded \({reason}\); it may be damaged"):
        decode(path)
    monkeypatch.setattr(fingerprint.audio.decoders, "inspect_container", fail)
    with pytest.raises(DecodeError, match=rf"a\.m4a: no audio could be decoded \({reason}\); it may be damaged"):
        open_audio(path)


def test_lack_of_memory_is_no_matter_of_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise MemoryError

    path = write_ffmpeg(tmp_path / "a.m4a", tone(1), container="ipod", codec="aac")
    monkeypatch.setattr(fingerprint.audio.frames.FrameQueue, "put", fail)
    with pytest.raises(MemoryError):
        decode(path)


def test_header_that_sends_a_decoder_beyond_the_file_prints_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # Both libraries print the exceptions of callbacks, as a seek to before the start does.
    path = tmp_path / "a.w64"
    content = write_soundfile(path, tone(1), container="W64").read_bytes()
    lengths = [content.index(name) + 16 for name in (b"riff", b"fmt ", b"data")]
    for offset in lengths:
        for high in (b"\x7f", b"\x80", b"\xff"):
            for low in (bytes(7), b"\xff" * 7):
                path.write_bytes(content[:offset] + low + high + content[offset + 8 :])
                with contextlib.suppress(DecodeError):
                    decode(path)
    assert capfd.readouterr() == ("", "")
