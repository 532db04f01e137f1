"""The corpus of the benchmarks: recordings in one of four layouts, behind one interface.

`open_corpus` takes a path or the environment variable ``SOURCEPRINT_CORPUS`` and chooses by the files there:

- *lists* (`manifest`): a folder with ``music.tsv``, or such a list itself;
- *FMA* (`fma`): tracks by id in numbered folders, with ``tracks.csv``;
- *a folder of audio* (`plain`): every file is music;
- *nothing named* (`synthetic`): synthesised music.

Lists are tab-separated, with a header line and no quoting; each row names one audio file by its path in the folder:

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

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.data.files import FolderCorpus, audio_files
from benchmarks.data.fma import is_fma, read_fma
from benchmarks.data.lists import CorpusError, PairRow, SoundRow, TrackRow
from benchmarks.data.manifest import ENVIRONMENT_VARIABLE, MANIFEST, no_such_folder, read_corpus
from benchmarks.data.plain import read_plain
from benchmarks.data.synthetic import SyntheticCorpus
from benchmarks.distortion.resources import Clip, Resources
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
Row = TrackRow | SoundRow


class Corpus(Protocol):
    """Lists of recordings, and their samples by the `file` of a row."""

    @property
    def name(self) -> str:
        """Name to show in a table."""

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
        """Sources and outputs of AI systems."""

    def path(self, file: str) -> Path | None:
        """Return where `file` lies, or None when it exists in memory only."""

    def load(self, file: str, *, sample_rate: int) -> Samples:
        """Return `file` as mono samples [shape=(n,)] at `sample_rate` hertz."""

    def load_stereo(self, file: str, *, sample_rate: int) -> Samples:
        """Return the first two channels [shape=(2, n)] at `sample_rate` hertz; a mono file [shape=(n,)]."""

    def missing(self) -> tuple[str, ...]:
        """Return the files that a list names and that do not exist, in list order."""


def open_corpus(path: str | os.PathLike[str] | None = None) -> Corpus:
    """Return the corpus at `path`, else the one that SOURCEPRINT_CORPUS names, else the synthesised one.

    `Corpus.name` says how it was read.

    Parameters
    ----------
    path : path, optional
        A folder in one of the layouts above, or a list of music (``.tsv``) itself.

    Raises
    ------
    CorpusError
        If there is nothing at `path`, or nothing that can be measured on.
    """
    chosen = path or os.environ.get(ENVIRONMENT_VARIABLE)
    if not chosen:
        return SyntheticCorpus()
    root = Path(chosen).absolute()  # a step may run in another folder
    if root.is_file() and root.suffix.lower() != ".tsv":
        raise CorpusError(f"{root}: neither a folder nor a list; give a folder of audio, or a .tsv list of music")
    if root.is_file() or (root / MANIFEST).is_file():
        return read_corpus(root)
    if not root.is_dir():
        raise no_such_folder(root)
    files, unread = audio_files(root)
    if not files:
        raise CorpusError(
            f"{root}: holds no {MANIFEST} and no audio file; give a folder with one of them, or for the FMA dataset "
            "the folder that holds 000, 001, ..."
        )
    return read_fma(root, files, unread) if is_fma(root, files) else read_plain(root, files, unread)


def identity(corpus: Corpus) -> list[object]:
    """Return the identity of a corpus, as plain JSON types: its name, rows of its lists, paths and sizes of files."""
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
