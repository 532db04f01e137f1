"""Decoding: every usual format, every kind of bad input, bounded memory, the same samples every time."""

from __future__ import annotations

import csv
import hashlib
import os
import socket
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import fingerprint.decoders
from fingerprint.audio import AudioInfo, decode, file_digest, open_audio
from fingerprint.containers import Container
from fingerprint.decoders import Decoder
from fingerprint.downmix import Downmixer, piece_length
from fingerprint.errors import AudioError, DecodeError, ParameterError, printable
from tests.audio_files import tone, wav_bytes, write_ffmpeg, write_soundfile

RATE_HZ = 11025


def read(path: Path) -> tuple[NDArray[np.float32], list[str], AudioInfo, float]:
    """Return samples, notes, info and duration of a file."""
    with open_audio(path) as stream:
        y = np.concatenate(list(stream.blocks()))
        return y, stream.notes, stream.info, stream.duration_seconds


def frequency_hz(y: NDArray[np.float32], rate_hz: int = RATE_HZ) -> float:
    """Return the frequency of the strongest bin of the whole signal."""
    spectrum = np.abs(np.fft.rfft(y * np.hanning(y.size)))
    return float(np.argmax(spectrum) * rate_hz / y.size)


def amplitude(y: NDArray[np.float32]) -> float:
    """Return the amplitude of the sine that has the power of the middle half of `y`."""
    middle = y[y.size // 4 : -y.size // 4].astype(np.float64)
    return float(np.sqrt(2 * np.mean((middle - middle.mean()) ** 2)))


# --- formats


@pytest.mark.parametrize(
    ("container", "subtype"),
    [
        ("WAV", "PCM_16"), ("WAV", "PCM_U8"), ("WAV", "PCM_24"), ("WAV", "PCM_32"), ("WAV", "FLOAT"), ("WAV", "DOUBLE"),
        ("WAV", "IMA_ADPCM"), ("WAV", "GSM610"), ("WAVEX", "PCM_16"), ("RF64", "PCM_16"), ("W64", "PCM_16"),
        ("AIFF", "PCM_16"), ("AU", "PCM_16"), ("CAF", "ALAC_16"), ("FLAC", "PCM_24"), ("OGG", "VORBIS"),
        ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"),
    ],
)  # fmt: skip
def test_tone_survives_formats_of_libsndfile(tmp_path: Path, container: str, subtype: str) -> None:
    path = tmp_path / "misleading.txt"
    rate_hz = 48000 if subtype == "OPUS" else 44100
    write_soundfile(
        path, tone(2, rate_hz=rate_hz, onset_seconds=0.5), rate_hz=rate_hz, container=container, subtype=subtype
    )
    y, notes, info, seconds = read(path)
    check_tone(y, seconds)
    assert notes == []
    assert (info.sample_rate, info.channels) == (rate_hz, 1)


@pytest.mark.parametrize(
    ("container", "codec", "rate_hz"),
    [
        ("ipod", "aac", 44100), ("mp4", "aac", 48000), ("mov", "alac", 44100), ("adts", "aac", 44100),
        ("asf", "wmav2", 44100), ("webm", "libopus", 48000), ("matroska", "flac", 44100), ("ogg", "libopus", 48000),
        ("avi", "libmp3lame", 44100), ("mpegts", "aac", 44100), ("ac3", "ac3", 44100), ("flv", "libmp3lame", 44100),
        ("mp2", "mp2", 44100), ("tta", "tta", 44100), ("wv", "wavpack", 44100),
    ],
)  # fmt: skip
def test_tone_survives_formats_of_ffmpeg(tmp_path: Path, container: str, codec: str, rate_hz: int) -> None:
    path = tmp_path / "misleading.wav"
    write_ffmpeg(path, tone(2, rate_hz=rate_hz, onset_seconds=0.5), rate_hz=rate_hz, container=container, codec=codec)
    y, notes, info, seconds = read(path)
    check_tone(y, seconds)
    assert notes == []
    assert info.decoder.startswith("FFmpeg")
    assert (info.sample_rate, info.channels) == (rate_hz, 2)


def test_audio_of_a_video_is_found(tmp_path: Path) -> None:
    path = write_ffmpeg(tmp_path / "clip.mp4", tone(2, onset_seconds=0.5), container="mp4", codec="aac", picture=True)
    y, notes, info, seconds = read(path)
    check_tone(y, seconds)
    assert notes == []
    assert info.codec == "aac"


def check_tone(y: NDArray[np.float32], seconds: float) -> None:
    """Check 440 Hz, amplitude 0.5, from 0.5 s to 2 s."""
    assert y.dtype == np.float32
    assert seconds == pytest.approx(2.0, abs=0.1)
    assert y.size == pytest.approx(seconds * RATE_HZ, abs=2)
    assert frequency_hz(y) == pytest.approx(440.0, abs=1.0)
    assert amplitude(y[RATE_HZ // 2 + 1000 :]) == pytest.approx(0.5, rel=0.06)  # LAME turns down by 5 %
    onset_seconds = int(np.argmax(np.abs(y) > 0.2)) / RATE_HZ
    assert onset_seconds == pytest.approx(0.5, abs=0.06)  # raw AAC carries 48 ms of encoder delay


def test_video_without_sound_is_refused(tmp_path: Path) -> None:
    import av

    path = tmp_path / "silent film.mp4"
    with av.open(str(path), "w", format="mp4") as output:
        video = output.add_stream("mpeg4", rate=25, width=64, height=64, pix_fmt="yuv420p")
        for index in range(5):
            image = av.VideoFrame.from_ndarray(np.zeros((96, 64), np.uint8), format="yuv420p")
            image.pts = index
            output.mux(video.encode(image))
        output.mux(video.encode(None))
    with pytest.raises(DecodeError, match=r"silent film.mp4: no audio could be decoded \(it has no audio stream\)"):
        open_audio(path)


@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 22050, 96000, 192000])
def test_every_rate_comes_out_at_the_rate_asked_for(tmp_path: Path, rate_hz: int) -> None:
    path = write_soundfile(tmp_path / "a.wav", tone(1, rate_hz=rate_hz), rate_hz=rate_hz, subtype="FLOAT")
    y, _, _, seconds = read(path)
    assert seconds == 1.0
    assert y.size == pytest.approx(RATE_HZ, abs=1)
    expected = tone(1, rate_hz=RATE_HZ)
    # Sample by sample, away from the ends where the filter sees silence.
    np.testing.assert_allclose(y[500:10500], expected[500:10500], atol=2e-3)


def test_resampling_keeps_out_what_is_above_the_new_band(tmp_path: Path) -> None:
    path = write_soundfile(tmp_path / "a.wav", tone(1, frequency_hz=9000), subtype="FLOAT")
    assert np.abs(decode(path)[500:-500]).max() < 1e-3


# --- files that are none


def test_missing_file() -> None:
    with pytest.raises(DecodeError, match=r"^no/such/song\.mp3: no such file; check the spelling and the folder$"):
        open_audio("no/such/song.mp3")


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
    with pytest.raises(
        DecodeError, match=rf"song\.mp3: holds {what}, not audio, whatever its name says; give the recording"
    ):
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
    monkeypatch.setattr(fingerprint.decoders, "inspect_container", lambda file: Container(""))
    with path.open("rb") as file, pytest.raises(DecodeError, match="no audio could be decoded"):
        list(Decoder(file, "list.m3u8").chunks())


# --- damage


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
    # What was read is the beginning of the whole.
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
    assert 39.0 < seconds < 40.0
    assert f"truncated: header says 40.00 s, {seconds:.2f} s could be read" in notes
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
        (2**32 - 1, "truncated: header says 268435.46 s, 3.00 s could be read"),
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
    assert notes == [note]
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


# --- odd samples


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


# --- channels


@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_out_of_phase_stereo_does_not_vanish(tmp_path: Path, offset: float) -> None:
    y = tone(3)
    stereo = np.stack([y, -y], axis=1) + np.float32(offset)
    mono, notes, _, _ = read(write_soundfile(tmp_path / "a.wav", stereo, subtype="FLOAT"))
    assert amplitude(mono) == pytest.approx(0.5, rel=0.01)
    assert notes == ["out of phase: the channels cancel, the louder one was used alone for 3.00 s"]


def test_out_of_phase_for_a_while(tmp_path: Path) -> None:
    y = tone(6)
    right = y.copy()
    right[44100 * 2 : 44100 * 4] *= -0.9
    mono, notes, _, _ = read(write_soundfile(tmp_path / "a.wav", np.stack([y, right], axis=1), subtype="FLOAT"))
    assert notes == ["out of phase: the channels cancel, the louder one was used alone for 2.00 s"]
    np.testing.assert_allclose(mono[1000:-1000], tone(6, rate_hz=RATE_HZ)[1000:-1000], atol=0.01)


def test_the_same_side_stands_in_while_it_can(tmp_path: Path) -> None:
    y = tone(8)
    louder_and_softer = np.repeat([1.1, 0.9] * 4, 44100).astype(np.float32)
    stereo = np.stack([y, -y * louder_and_softer], axis=1)
    mono, _, _, _ = read(write_soundfile(tmp_path / "a.wav", stereo, subtype="FLOAT"))
    expected = tone(8, rate_hz=RATE_HZ)  # the left side, though the right one is now louder and now softer
    np.testing.assert_allclose(mono[500:-500], expected[500:-500], atol=2e-3)


@pytest.mark.parametrize("silent", [0, 1])
def test_one_sided_stereo_is_not_out_of_phase(tmp_path: Path, silent: int) -> None:
    stereo = np.stack([tone(2), tone(2)], axis=1)
    stereo[:, silent] = 0.0
    mono, notes, _, _ = read(write_soundfile(tmp_path / "a.wav", stereo, subtype="FLOAT"))
    assert notes == []
    assert amplitude(mono) == pytest.approx(0.25, rel=0.01)


def test_six_channels_at_96_khz(tmp_path: Path) -> None:
    frequencies = [200.0, 300.0, 440.0, 50.0, 600.0, 700.0]
    y = np.stack([tone(3, rate_hz=96000, frequency_hz=f, amplitude=0.3) for f in frequencies], axis=1)
    mono, notes, info, seconds = read(write_soundfile(tmp_path / "a.wav", y, rate_hz=96000, subtype="PCM_24"))
    assert (info.sample_rate, info.channels, seconds, notes) == (96000, 6, 3.0, [])
    spectrum = np.abs(np.fft.rfft(mono[: 2 * RATE_HZ])) / RATE_HZ
    for frequency in frequencies:  # 0.5 Hz per bin
        assert spectrum[round(2 * frequency)] == pytest.approx(0.05, rel=0.02)


def test_six_channels_that_cancel(tmp_path: Path) -> None:
    y = tone(2, rate_hz=96000)
    channels = np.stack([y, -y, 0.5 * y, -0.5 * y, 0 * y, 0 * y], axis=1)
    mono, notes, _, _ = read(write_soundfile(tmp_path / "a.wav", channels, rate_hz=96000, subtype="FLOAT"))
    assert amplitude(mono) == pytest.approx(0.5, rel=0.01)
    assert notes == ["out of phase: the channels cancel, the louder one was used alone for 2.00 s"]


@given(
    st.integers(1, 6),
    st.integers(0, 400),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["unrelated", "inverted", "mixed"]),
)
def test_downmix_does_what_its_rule_says(n_channels: int, n_samples: int, seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    gains = rng.uniform(0, 2, (n_channels, 1))
    channels: NDArray[np.float32] = (rng.standard_normal((n_channels, n_samples)) * gains).astype(np.float32)
    if kind == "inverted":
        channels[1::2] = -channels[: 2 * (n_channels // 2) : 2]
    elif kind == "mixed":
        channels[1:, n_samples // 2 :] = -channels[0, n_samples // 2 :] / max(1, n_channels - 1)
    mixer = Downmixer(99)
    mono = mixer.mix(channels)
    length = piece_length(99)
    n_cancelled = 0
    for start in range(0, n_samples, length):
        piece = channels[:, start : start + length].astype(np.float64)
        mid = piece.mean(axis=0)
        ratio = mid.var() * n_channels**2 / max(piece.var(axis=1).sum(), 1e-30)
        if abs(ratio - 0.2) < 1e-4 or piece.shape[1] == 1:
            return  # on the edge, where rounding decides
        got = mono[start : start + length]
        if ratio > 0.2:
            np.testing.assert_allclose(got, mid, atol=1e-5)
        else:
            n_cancelled += got.size
            chosen = [c for c in piece if np.allclose(c, got, atol=1e-6)]
            assert chosen, "neither the mid nor a channel"
            assert chosen[0].var() >= 0.49 * piece.var(axis=1).max()
    assert mixer.n_cancelled == n_cancelled
    assert mixer.n_samples == n_samples


# --- names


@pytest.mark.parametrize("name", ["Ωμέγα 音楽.wav", "two\nlines.wav", "-rf.wav", "\x1b[31mred.wav", "\udcff.wav"])
def test_unusual_names(tmp_path: Path, name: str) -> None:
    path = write_soundfile(tmp_path / "plain.wav", tone(1))
    try:
        path = path.rename(tmp_path / name)
    except OSError:
        pytest.skip("this file system does not take the name")
    assert decode(path).size == pytest.approx(RATE_HZ, abs=1)
    path.write_bytes(b"")
    with pytest.raises(DecodeError, match="empty file") as caught:
        decode(path)
    assert printable(name) in str(caught.value)
    assert str(caught.value).isprintable()


# --- streaming


def test_same_samples_whatever_the_blocks(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = (0.1 * rng.standard_normal((44100 * 20, 2))).astype(np.float32)
    for container in ("WAV", "MP3", "OGG"):
        path = write_soundfile(tmp_path / "a", y, container=container)
        whole = decode(path)
        for block_seconds in (0.01, 1.0, 7.3, 1000.0):
            with open_audio(path, block_seconds=block_seconds) as stream:
                blocks = list(stream.blocks())
            length = round(block_seconds * RATE_HZ)
            assert all(block.size == length for block in blocks[:-1])
            assert 0 < blocks[-1].size <= length
            np.testing.assert_array_equal(np.concatenate(blocks), whole)


def test_samples_do_not_depend_on_the_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    y = (0.1 * np.random.default_rng(0).standard_normal((44100 * 15, 2))).astype(np.float32)
    path = write_soundfile(tmp_path / "a.wav", y, subtype="PCM_16")
    by_libsndfile, _, info, _ = read(path)
    assert info.decoder.startswith("libsndfile")
    monkeypatch.setattr(fingerprint.decoders, "inspect_container", lambda file: Container("wav"))
    by_ffmpeg, _, info, _ = read(path)
    assert info.decoder.startswith("FFmpeg")
    np.testing.assert_array_equal(by_libsndfile, by_ffmpeg)


@pytest.mark.parametrize("container", ["FLAC", "WAV", "AIFF"])
def test_tag_where_it_does_not_belong(tmp_path: Path, container: str) -> None:
    audio = write_soundfile(tmp_path / "a", tone(3), container=container)
    (tmp_path / "b").write_bytes(b"ID3\x04\x00\x00\x00\x00\x00\x05" + bytes(5) + audio.read_bytes())
    y, notes, _, _ = read(tmp_path / "b")
    n = y.size - 100  # libsndfile takes the tag's 15 bytes off the end
    assert n > 3 * RATE_HZ - 200
    np.testing.assert_allclose(y[:n], decode(audio)[:n], atol=1e-6)
    assert notes == []


def test_ten_hours_need_no_more_memory_than_a_minute(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    n_bytes = 10 * 3600 * 4000
    path.write_bytes(wav_bytes(b"", rate_hz=4000, bits=8, claimed_bytes=n_bytes))
    os.truncate(path, path.stat().st_size + n_bytes)  # a hole: 144 MB that take no room on disk
    n_samples = 0
    tracemalloc.start()
    with open_audio(path) as stream:
        for block in stream.blocks():
            n_samples += block.size
        assert stream.duration_seconds == 36000.0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n_samples == pytest.approx(36000 * RATE_HZ, abs=3)
    assert peak < 20e6


def test_blocks_can_be_read_once(tmp_path: Path) -> None:
    with open_audio(write_soundfile(tmp_path / "a.wav", tone(1))) as stream:
        list(stream.blocks())
        with pytest.raises(ParameterError, match=r"a\.wav: its blocks were read already; open the file again"):
            stream.blocks()


def test_parameters_out_of_range(tmp_path: Path) -> None:
    path = write_soundfile(tmp_path / "a.wav", tone(1))
    with pytest.raises(ParameterError, match="sample_rate=0: must lie within 1-768000 Hz"):
        open_audio(path, sample_rate=0)
    for block_seconds in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ParameterError, match=rf"block_seconds={block_seconds}: must hold at least one sample"):
            open_audio(path, block_seconds=block_seconds)


def test_digest(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert file_digest(path) == hashlib.sha256(b"abc").hexdigest()
    with pytest.raises(AudioError, match="no such file"):
        file_digest(tmp_path / "b")


@pytest.mark.corpus
def test_corpus_has_the_lengths_and_digests_of_its_list(corpus: Path) -> None:
    with (corpus / "music.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))[::6]
    assert len(rows) > 10
    for row in rows:
        path = corpus / row["file"]
        _, _, _, seconds = read(path)
        assert seconds == pytest.approx(float(row["duration_s"]), abs=0.06), path.name
        assert file_digest(path) == row["sha256"], path.name
