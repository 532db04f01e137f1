"""What to measure on: a folder of recordings with its lists, or a synthesised stand-in with the same interface.

A corpus folder (environment variable ``SOURCEPRINT_CORPUS``, or a path) holds tab-separated lists with a header line
and no quoting, each row naming one audio file by its path inside the folder:

========================  ===========================================================================================
``music.tsv``             the catalogue: file, title, duration_s, source
``generated.tsv``         music with no known source, where nothing should match: file, system, duration_s, source
``noise.tsv``             ambiences to mix in: file, what, duration_s, source
``rooms.tsv``             impulse responses: file, what, duration_s, source
``ai_pairs.tsv``          source_file, output_file, kind, system, same_recording, same_work, source_s, output_s, origin
========================  ===========================================================================================

Further columns are ignored; all lists but ``music.tsv`` may be absent. `source` says who a recording comes from:
recordings of one source share loops, motifs and mixes, so every split goes by source, never by track (`folds`).
"""

from __future__ import annotations

import functools
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from benchmarks.data.lists import (
    CorpusError,
    PairRow,
    SoundRow,
    TrackRow,
    pair_row,
    read_list,
    sound_row,
    stranger_row,
    track_row,
)
from benchmarks.distortion.resources import Clip, Resources
from benchmarks.music.synthesis import synthesize
from fingerprint.audio import decode
from fingerprint.errors import ParameterError

__all__ = [
    "Corpus",
    "CorpusError",
    "FolderCorpus",
    "PairRow",
    "SoundRow",
    "SyntheticCorpus",
    "TrackRow",
    "folds",
    "identity",
    "load_resources",
    "open_corpus",
    "read_corpus",
]

Samples = NDArray[np.float32]
ENVIRONMENT_VARIABLE: Final = "SOURCEPRINT_CORPUS"
SYNTHETIC_ALBUMS, TRACKS_PER_ALBUM, SYNTHETIC_STRANGERS = 8, 3, 6


Row = TrackRow | SoundRow


class Corpus(Protocol):
    """Lists of recordings, and their samples by the `file` of a row."""

    @property
    def name(self) -> str:
        """What to call it in a table."""

    @property
    def music(self) -> tuple[TrackRow, ...]:
        """The catalogue."""

    @property
    def generated(self) -> tuple[TrackRow, ...]:
        """Music in which nothing should match."""

    @property
    def noises(self) -> tuple[SoundRow, ...]:
        """Ambiences."""

    @property
    def rooms(self) -> tuple[SoundRow, ...]:
        """Impulse responses."""

    @property
    def pairs(self) -> tuple[PairRow, ...]:
        """Sources and what AI systems made of them."""

    def path(self, file: str) -> Path | None:
        """Return where `file` lies, or None when it exists in memory only."""

    def load(self, file: str, *, sample_rate: int) -> Samples:
        """Return `file` as mono samples [shape=(n,)] at `sample_rate` hertz."""

    def load_stereo(self, file: str, *, sample_rate: int) -> Samples:
        """Return the first two channels [shape=(2, n)] at `sample_rate` hertz; a mono file [shape=(n,)]."""

    def missing(self) -> tuple[str, ...]:
        """Return the files that a list names and that do not exist, in list order."""


@dataclass(frozen=True, slots=True)
class FolderCorpus:
    """A corpus folder as read by `read_corpus`."""

    folder: Path
    music: tuple[TrackRow, ...]
    generated: tuple[TrackRow, ...] = ()
    noises: tuple[SoundRow, ...] = ()
    rooms: tuple[SoundRow, ...] = ()
    pairs: tuple[PairRow, ...] = ()

    @property
    def name(self) -> str:
        """What to call it in a table: the folder's own name."""
        return self.folder.name

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
            When the file does not exist, or libsndfile cannot read it (the mono decoder knows more formats).
        """
        path = self._existing(file)
        try:
            samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise CorpusError(f"{path}: no stereo decoding ({error}); convert it to wav, flac, ogg or mp3") from error
        channels: Samples = soxr.resample(samples[:, :2], rate, sample_rate, quality="HQ").T
        return np.ascontiguousarray(channels if len(channels) == 2 else channels[0])

    def missing(self) -> tuple[str, ...]:
        """Return the files that a list names and that do not exist, in list order."""
        rows: tuple[Row, ...] = (*self.music, *self.generated, *self.noises, *self.rooms)
        named = [row.file for row in rows] + [f for pair in self.pairs for f in (pair.source_file, pair.output_file)]
        return tuple(file for file in dict.fromkeys(named) if not (self.folder / file).is_file())

    def _existing(self, file: str) -> Path:
        path = self.folder / file
        if not path.is_file():
            raise CorpusError(f"{path}: named by a list of the corpus but not there; restore it or take its row out")
        return path


@dataclass(frozen=True, slots=True)
class SyntheticCorpus:
    """Synthesised music in the shape of a corpus: albums of three related tracks, and strangers to the catalogue.

    Tracks of one album (one `source`) share kit and tempo range as recordings of one artist do. No rooms, ambiences or
    pairs: distortions then use artificial ones.
    """

    seed: int = 0
    seconds: float = 45.0
    name: str = "synthesised"
    noises: tuple[SoundRow, ...] = ()
    rooms: tuple[SoundRow, ...] = ()
    pairs: tuple[PairRow, ...] = ()

    @property
    def music(self) -> tuple[TrackRow, ...]:
        """The catalogue: eight albums of three tracks."""
        return tuple(
            TrackRow(
                f"album{album:02d}/track{track}", f"Album {album}, track {track}", self.seconds, f"album{album:02d}"
            )
            for album in range(SYNTHETIC_ALBUMS)
            for track in range(TRACKS_PER_ALBUM)
        )

    @property
    def generated(self) -> tuple[TrackRow, ...]:
        """Music in which nothing should match."""
        return tuple(
            TrackRow(f"stranger{i:02d}/track0", f"Stranger {i}", self.seconds, f"stranger{i:02d}")
            for i in range(SYNTHETIC_STRANGERS)
        )

    def path(self, file: str) -> None:
        """Return None: these recordings exist in memory only."""
        return

    def load(self, file: str, *, sample_rate: int) -> Samples:
        """Return `file` as mono samples [shape=(n,)] at `sample_rate` hertz."""
        stereo = self.load_stereo(file, sample_rate=sample_rate)
        mono: Samples = 0.5 * (stereo[0] + stereo[1])
        return mono

    def load_stereo(self, file: str, *, sample_rate: int) -> Samples:
        """Return both channels [shape=(2, n), read-only] at `sample_rate` hertz.

        Raises
        ------
        CorpusError
            For a name that is in none of the lists.
        """
        files = [row.file for row in (*self.music, *self.generated)]
        if file not in files:
            raise CorpusError(f"{file}: not in the synthesised corpus; choose one of {files[0]} ... {files[-1]}")
        number = files.index(file)
        album = number // TRACKS_PER_ALBUM if number < len(self.music) else None
        return _synthesized(1000 * self.seed + number, album, self.seconds, sample_rate)

    def missing(self) -> tuple[str, ...]:
        """Return nothing: what is synthesised cannot be missing."""
        return ()


@functools.lru_cache(maxsize=16)
def _synthesized(seed: int, album: int | None, seconds: float, sample_rate: int) -> Samples:
    """Keep the last few recordings: a benchmark cuts many excerpts out of one. Shared, so read-only."""
    y = synthesize(seed, seconds, sample_rate=sample_rate, channels=2, album=album)
    y.flags.writeable = False
    return y


def open_corpus(folder: str | os.PathLike[str] | None = None) -> Corpus:
    """Return the corpus in `folder`, else the one that SOURCEPRINT_CORPUS names, else the synthesised one."""
    chosen = folder or os.environ.get(ENVIRONMENT_VARIABLE)
    return read_corpus(chosen) if chosen else SyntheticCorpus()


def read_corpus(folder: str | os.PathLike[str]) -> FolderCorpus:
    """Return the lists of a corpus folder, checked; audio files are looked at only when they are loaded.

    Raises
    ------
    CorpusError
        For a folder or a ``music.tsv`` that does not exist, a list without the columns it needs, a row with a field
        missing or a value that cannot be; the message names file and row.
    """
    root = Path(folder)
    if not root.is_dir():
        raise CorpusError(
            f"{root}: no such folder; set {ENVIRONMENT_VARIABLE} to a corpus, or unset it for synthesised music"
        )
    if not (root / "music.tsv").is_file():
        raise CorpusError(f"{root / 'music.tsv'}: missing; a corpus needs at least this list")
    return FolderCorpus(
        folder=root,
        music=read_list(root / "music.tsv", track_row),
        generated=read_list(root / "generated.tsv", stranger_row),
        noises=read_list(root / "noise.tsv", sound_row),
        rooms=read_list(root / "rooms.tsv", sound_row),
        pairs=read_list(root / "ai_pairs.tsv", pair_row, unique=False),
    )


def identity(corpus: Corpus) -> list[object]:
    """Return what makes a corpus this one, as plain JSON types: where it lies, its lists, the sizes of its files."""
    rows: tuple[Row, ...] = (*corpus.music, *corpus.generated, *corpus.noises, *corpus.rooms)
    listed: list[object] = [repr(corpus) if isinstance(corpus, SyntheticCorpus) else corpus.name]
    for row in rows:
        path = corpus.path(row.file)
        size = path.stat().st_size if path is not None and path.is_file() else 0
        listed.append([row.file, row.seconds, row.source, str(path or ""), size])
    return listed


def folds(rows: Iterable[Row]) -> tuple[frozenset[str], frozenset[str]]:
    """Split the sources of `rows` into two halves of about the same duration; the same rows give the same split.

    Longest source first, each to the half that is shorter so far; ties go by name.

    Raises
    ------
    ParameterError
        For fewer than two sources: nothing can be held out then.

    Examples
    --------
    >>> folds([TrackRow("a", "", 60.0, "x"), TrackRow("b", "", 50.0, "y"), TrackRow("c", "", 20.0, "z")])
    (frozenset({'x'}), frozenset({...}))
    """
    seconds: dict[str, float] = defaultdict(float)
    for row in rows:
        seconds[row.source] += row.seconds
    if len(seconds) < 2:
        raise ParameterError(f"{len(seconds)} source(s) in the list: a split by source needs at least two")
    halves: tuple[set[str], set[str]] = (set(), set())
    totals = [0.0, 0.0]
    for source in sorted(seconds, key=lambda name: (-seconds[name], name)):
        side = 0 if totals[0] <= totals[1] else 1
        halves[side].add(source)
        totals[side] += seconds[source]
    return frozenset(halves[0]), frozenset(halves[1])


def load_resources(
    corpus: Corpus,
    *,
    sample_rate: int,
    music: Iterable[TrackRow] | None = None,
    music_clips: int = 24,
    music_seconds: float = 40.0,
    seed: int = 0,
) -> Resources:
    """Return all ambiences and rooms of `corpus`, and up to `music_clips` passages of `music_seconds` of its music.

    `music` restricts the passages to some rows (of the other fold, say); they are drawn in turn from all sources, so
    that `Resources.without` always leaves some.
    """
    rng = np.random.default_rng(seed)
    by_source: dict[str, list[TrackRow]] = defaultdict(list)
    rows = corpus.music if music is None else tuple(music)
    for row in (rows[int(i)] for i in rng.permutation(len(rows))):
        by_source[row.source].append(row)
    rounds = max((len(group) for group in by_source.values()), default=0)
    in_turn = [group[i] for i in range(rounds) for _, group in sorted(by_source.items()) if i < len(group)]
    clips = []
    for row in in_turn[:music_clips]:
        y = corpus.load(row.file, sample_rate=sample_rate)
        n = round(music_seconds * sample_rate)
        start = int(rng.integers(max(1, len(y) - n + 1)))
        clips.append(Clip(row.file, row.source, y[start : start + n].copy()))
    return Resources(
        sample_rate=sample_rate,
        noises=tuple(_clip(corpus, row, sample_rate) for row in corpus.noises),
        rooms=tuple(_clip(corpus, row, sample_rate) for row in corpus.rooms),
        music=tuple(clip for clip in clips if np.any(clip.y)),
    )


def _clip(corpus: Corpus, row: SoundRow, sample_rate: int) -> Clip:
    return Clip(row.file, row.source, corpus.load(row.file, sample_rate=sample_rate))
