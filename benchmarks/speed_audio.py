"""The audio files that are timed: tracks of one length, made of the corpus, in every format that can be written here.

A track is recordings of the corpus joined and cut to length, at 44.1 kHz in stereo, as a service receives it. Files are
kept in the cache under a key of everything that they depend on, each renamed into place when it is complete.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from benchmarks.data.corpus import Corpus, TrackRow
from benchmarks.harness import SYNTHESIS_CODE, content_key, source_digest

__all__ = ["FORMATS", "RATE_HZ", "endless", "in_place", "tracks"]

Samples = NDArray[np.float32]
Encoder = Callable[[Path, Samples], None]

RATE_HZ = 44100
OPUS_RATE_HZ = 48000
_CODE = ("benchmarks/speed_audio.py", "benchmarks/data", *SYNTHESIS_CODE)


def tracks(
    corpus: Corpus,
    rows: Sequence[TrackRow],
    cache: Path,
    *,
    n: int,
    seconds: float,
    seed: int,
    formats: Sequence[str] = (),
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Return `n` tracks of `seconds` in every format, and why where a format cannot be written.

    Parameters
    ----------
    corpus : Corpus
        Where the recordings are.
    rows : sequence of TrackRow
        Recordings to make tracks of; short ones are joined, too few are repeated.
    cache : Path
        Folder for the files.
    n, seconds
        How many tracks, and how long.
    seed : int
        Seed of the order of the recordings.
    formats : sequence of str
        Which of `FORMATS`; all by default.

    Returns
    -------
    files : dict
        Paths by format.
    missing : dict
        Reason by format.
    """
    listed = [(row.file, row.seconds) for row in rows]
    key = content_key(source_digest(*_CODE), corpus.name, str(corpus.path("") or ""), listed, n, seconds, seed)
    folder = cache / f"speed-audio-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    made: list[Samples] = []
    files: dict[str, list[str]] = {}
    missing: dict[str, str] = {}
    for name in formats or FORMATS:
        paths = [folder / f"track{number}.{name}" for number in range(n)]
        if not all(path.exists() for path in paths):
            made = made or [_joined(corpus, group, seconds) for group in _groups(rows, n, seconds, seed)]
            try:
                for path, y in zip(paths, made, strict=True):
                    in_place(path, y, FORMATS[name])
            except (soundfile.LibsndfileError, av.FFmpegError, ValueError) as error:
                missing[name] = f"cannot be written with the libraries here: {error}"
                continue
        files[name] = [str(path) for path in paths]
    return files, missing


def endless(mp3: str, path: Path, *, seconds: float, hours: float) -> str:
    """Write an MP3 file of `hours` by repeating one of `seconds`; MP3 is a stream of frames, which may just follow."""
    path.write_bytes(Path(mp3).read_bytes() * round(hours * 3600.0 / seconds))
    return str(path)


def in_place(path: Path, y: Samples, encoder: Encoder) -> None:
    """Write samples [shape=(n, 2)] under another name and rename: a file that is there is complete, and stays."""
    if path.exists():
        return
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        work = Path(folder) / path.name
        encoder(work, y)
        os.replace(work, path)


# --- helpers ----------------------------------------------------------------------------------------------------------


def _by_libsndfile(**how: Any) -> Encoder:
    def encode(path: Path, y: Samples) -> None:
        with soundfile.SoundFile(path, "w", RATE_HZ, y.shape[1], **how) as file:
            for start in range(0, len(y), RATE_HZ):  # libvorbis overflows its stack on long blocks
                file.write(y[start : start + RATE_HZ])

    return encode


def _by_ffmpeg(codec: str, container: str, rate_hz: int, kbps: int) -> Encoder:
    def encode(path: Path, y: Samples) -> None:
        resampled = y if rate_hz == RATE_HZ else soxr.resample(y, RATE_HZ, rate_hz, quality="HQ")
        with av.open(str(path), "w", format=container) as output:
            # PyAV types a stream chosen by name as any kind of stream; both codecs used here are audio.
            stream = cast("Any", output.add_stream(codec, rate=rate_hz, layout="stereo"))
            stream.bit_rate = 1000 * kbps
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(resampled.T, dtype=np.float32), format="fltp", layout="stereo"
            )
            frame.sample_rate = rate_hz
            frame.pts = 0
            to_format = av.AudioResampler(format=stream.format.name, layout="stereo", rate=rate_hz)
            for piece in [*to_format.resample(frame), *to_format.resample(None)]:
                output.mux(stream.encode(piece))
            output.mux(stream.encode(None))

    return encode


FORMATS: Mapping[str, Encoder] = {
    "wav": _by_libsndfile(format="WAV", subtype="PCM_16"),
    "flac": _by_libsndfile(format="FLAC", subtype="PCM_16"),
    "mp3": _by_libsndfile(
        format="MP3", subtype="MPEG_LAYER_III", bitrate_mode="CONSTANT", compression_level=0.6
    ),  # 128 kbps: libsndfile counts down from 320 to 32
    "ogg": _by_libsndfile(format="OGG", subtype="VORBIS"),
    "m4a": _by_ffmpeg("aac", "ipod", RATE_HZ, 128),
    "opus": _by_ffmpeg("libopus", "ogg", OPUS_RATE_HZ, 96),
}
"""How each format is written, by file name extension."""


def _groups(rows: Sequence[TrackRow], n: int, seconds: float, seed: int) -> list[list[TrackRow]]:
    """Return `n` groups of rows that each last for `seconds`, from all over the list; rows come again if they must."""
    order = np.random.default_rng([seed, 11]).permutation(len(rows)).tolist()
    groups: list[list[TrackRow]] = []
    at = 0
    for _ in range(n):
        group: list[TrackRow] = []
        while sum(row.seconds for row in group) < seconds and len(group) < len(rows):
            group.append(rows[order[at % len(order)]])
            at += 1
        groups.append(group)
    return groups


def _joined(corpus: Corpus, rows: Sequence[TrackRow], seconds: float) -> Samples:
    """Return recordings one after the other [shape=(n, 2)], cut or looped to `seconds`, within full scale."""
    parts = [corpus.load_stereo(row.file, sample_rate=RATE_HZ) for row in rows]
    y = np.concatenate([part.T if part.ndim == 2 else np.stack([part, part], axis=1) for part in parts])
    cut: Samples = np.clip(np.resize(y, (round(seconds * RATE_HZ), 2)), -1.0, 1.0).astype(np.float32, copy=False)
    return cut
