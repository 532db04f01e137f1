"""Decoding: every usual format, any rate, any name, bounded memory, the same samples every time."""

from __future__ import annotations

import csv
import hashlib
import os
import tracemalloc
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

import fingerprint.audio.decoders
from fingerprint.audio.containers import Container
from fingerprint.audio.stream import decode, open_audio
from fingerprint.disk import file_digest
from fingerprint.errors import AudioError, DecodeError, ParameterError, printable
from tests.audio_files import RATE_HZ, amplitude, frequency_hz, read, tone, wav_bytes, write_ffmpeg, write_soundfile


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


def test_resampling_removes_frequencies_above_the_new_band(tmp_path: Path) -> None:
    path = write_soundfile(tmp_path / "a.wav", tone(1, frequency_hz=9000), subtype="FLOAT")
    assert np.abs(decode(path)[500:-500]).max() < 1e-3


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


@pytest.mark.slow
def test_samples_do_not_depend_on_blocks(tmp_path: Path) -> None:
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
    monkeypatch.setattr(fingerprint.audio.decoders, "inspect_container", lambda file: Container("wav"))
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


@pytest.mark.slow
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
    with pytest.raises(ParameterError, match="sample_rate=0: must be a whole number within 1-768000"):
        open_audio(path, sample_rate=0)
    for block_seconds in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ParameterError, match=rf"block_seconds={block_seconds}: must be a number above 0"):
            open_audio(path, block_seconds=block_seconds)


def test_digest(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert file_digest(path) == hashlib.sha256(b"abc").hexdigest()
    with pytest.raises(AudioError, match="no such file"):
        file_digest(tmp_path / "b")


@pytest.mark.slow
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
