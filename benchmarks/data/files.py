"""A corpus of audio files, whichever adapter listed them, and the length of a file from its header.

Mono comes from the decoder of the fingerprint; stereo from libsndfile, or from FFmpeg for formats that libsndfile
cannot read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from benchmarks.data.lists import CorpusError, PairRow, SoundRow, TrackRow
from fingerprint.audio.stream import decode, open_audio
from fingerprint.errors import DecodeError, printable
from sourceprint.inputs import collect

__all__ = ["FolderCorpus", "audio_files", "probe"]

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FolderCorpus:
    """Recordings in a folder.

    Attributes
    ----------
    folder : Path
        Where the files of all rows lie.
    music, generated, noises, rooms, pairs
        The lists, as in `Corpus`.
    adapter : str
        How the folder was read: "music.tsv", "FMA", "folder of audio".
    unusable : tuple of str
        Files, each with the reason, that were found and left out, or are known to be absent.
    """

    folder: Path
    music: tuple[TrackRow, ...]
    generated: tuple[TrackRow, ...] = ()
    noises: tuple[SoundRow, ...] = ()
    rooms: tuple[SoundRow, ...] = ()
    pairs: tuple[PairRow, ...] = ()
    adapter: str = "music.tsv"
    unusable: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name to show in a table: that of the folder, and the adapter in brackets."""
        return f"{self.folder.resolve().name} ({self.adapter})"

    def path(self, file: str) -> Path:
        """Return where `file` lies."""
        return self.folder / file

    def load(self, file: str, *, sample_rate: int) -> Samples:
        """Return `file` as mono samples [shape=(n,)] at `sample_rate` hertz, decoded as the fingerprint decodes it.

        Raises
        ------
        CorpusError
            When the file does not exist.
        DecodeError
            When it cannot be decoded.
        """
        return decode(self._existing(file), sample_rate=sample_rate)

    def load_stereo(self, file: str, *, sample_rate: int) -> Samples:
        """Return the first two channels [shape=(2, n)] at `sample_rate` hertz; a mono file [shape=(n,)].

        Raises
        ------
        CorpusError
            When the file does not exist, or cannot be decoded.
        """
        path = self._existing(file)
        try:
            samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError:
            samples, rate = _by_ffmpeg(path)
        channels: Samples = soxr.resample(samples[:, :2], rate, sample_rate, quality="HQ").T
        return np.ascontiguousarray(channels if len(channels) == 2 else channels[0])

    def missing(self) -> tuple[str, ...]:
        """Return the files that a list names and that do not exist, in list order, and then those left out."""
        rows: tuple[TrackRow | SoundRow, ...] = (*self.music, *self.generated, *self.noises, *self.rooms)
        named = [row.file for row in rows] + [f for pair in self.pairs for f in (pair.source_file, pair.output_file)]
        absent = [file for file in dict.fromkeys(named) if not (self.folder / file).is_file()]
        return (*absent, *self.unusable)

    def _existing(self, file: str) -> Path:
        path = self.folder / file
        if not path.is_file():
            raise CorpusError(f"{path}: named by a list of the corpus but not there; restore it or take its row out")
        return path


def audio_files(root: Path) -> tuple[list[Path], list[str]]:
    """Return the files under `root` that are audio by their names, in order, and the folders that cannot be read."""
    taken = collect([root], lists=False)
    unread = [f"{refusal.name} ({refusal.reason})" for refusal in taken.refusals] if taken.items else []
    return [item.path for item in taken.items], unread


def probe(path: Path) -> tuple[float, str]:
    """Return the length of an audio file in seconds by its header, and ""; or 0 and why it cannot be used.

    A file whose header gives no length is decoded.
    """
    try:
        with open_audio(path) as stream:
            seconds = _claimed_by_libsndfile(path) or _claimed_by_ffmpeg(path)
            if not seconds:
                seconds = sum(block.size for block in stream.blocks()) / stream.sample_rate
    except DecodeError as error:
        return 0.0, str(error).removeprefix(f"{printable(path)}: ")
    return (seconds, "") if seconds > 0.0 else (0.0, "no samples in it")


# --- helpers ----------------------------------------------------------------------------------------------------------


def _claimed_by_libsndfile(path: Path) -> float:
    try:
        known = soundfile.info(path)
    except soundfile.LibsndfileError:
        return 0.0
    return float(known.frames / known.samplerate) if 0 < known.frames < 2**40 else 0.0


def _claimed_by_ffmpeg(path: Path) -> float:
    try:
        with av.open(str(path)) as container:
            return float(container.duration or 0) / av.time_base
    except av.error.FFmpegError:
        return 0.0


def _by_ffmpeg(path: Path) -> tuple[Samples, int]:
    """Return the samples [shape=(n, 1 or 2)] of a file that libsndfile does not know, and their rate."""
    parts: list[Samples] = []
    try:
        with av.open(str(path)) as container:
            stream = container.streams.audio[0]
            rate, layout = stream.rate, "mono" if stream.channels == 1 else "stereo"
            to_float = av.AudioResampler(format="fltp", layout=layout, rate=rate)
            for frame in container.decode(stream):
                parts.extend(piece.to_ndarray().astype(np.float32) for piece in to_float.resample(frame))
            parts.extend(piece.to_ndarray().astype(np.float32) for piece in to_float.resample(None))
        return np.concatenate(parts, axis=1).T, rate
    except (av.error.FFmpegError, IndexError, ValueError) as error:
        raise CorpusError(f"{path}: cannot be decoded ({error}); convert it to wav or flac, or take it out") from error
