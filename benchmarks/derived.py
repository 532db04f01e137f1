"""A corpus and sounds made from it by name: recordings backwards, at other speeds, as MP3, odd sounds, excerpts.

A `Derived` corpus serves everything that the corpus under it serves, and in addition sounds that exist only as names::

    made:backwards/FILE            the recording running backwards
    made:speed,0.5/FILE            played at half speed, pitch and time together
    made:mp3,64/FILE               after MP3 at 64 kbps
    made:excerpt,12.5,10,gsm/FILE  ten seconds from 12.5 s on, under a condition of `benchmarks.distortion.conditions`
    made:odd,drone,3/45            a sound of `benchmarks.oddities`, 45 s
    made:synthesised,110,2/45      a synthesised piece: seed 110 with the band and kit of album 2

`FILE` may be such a name again. So catalogues can be indexed and queries scanned that no folder holds, and the
change is part of every name in a result. `backwards`, `at_speed`, ... return rows as the lists of a corpus have them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

from benchmarks.data.corpus import Corpus, CorpusError, PairRow, SoundRow, TrackRow, identity
from benchmarks.distortion import codecs
from benchmarks.distortion.conditions import CONDITIONS
from benchmarks.distortion.resources import Resources
from benchmarks.harness import DISTORTION_CODE, SYNTHESIS_CODE, content_key, source_digest
from benchmarks.oddities import KINDS, oddity
from sourceprint.demo import transformations
from sourceprint.demo.synthesis import synthesize

__all__ = ["Derived", "as_mp3", "at_speed", "backwards", "excerpt", "odd_sounds", "original", "synthesised"]

Samples = NDArray[np.float32]

_MADE: Final = "made:"
_RATE_HZ: Final = 22050  # at which sounds are distorted, before resampling to the requested rate
_CODE: Final = ("benchmarks/derived.py", *DISTORTION_CODE, *SYNTHESIS_CODE)


@dataclass(frozen=True, slots=True)
class Derived:
    """A corpus that also serves sounds made from its recordings, by name."""

    base: Corpus

    @property
    def name(self) -> str:
        """Name of the corpus under it, and a key of it and of the code that makes the rest."""
        return f"{self.base.name} and what is made of it ({content_key(identity(self.base), source_digest(*_CODE))})"

    @property
    def music(self) -> tuple[TrackRow, ...]:
        """The catalogue."""
        return self.base.music

    @property
    def generated(self) -> tuple[TrackRow, ...]:
        """Music in which nothing should match."""
        return self.base.generated

    @property
    def noises(self) -> tuple[SoundRow, ...]:
        """Ambiences."""
        return self.base.noises

    @property
    def rooms(self) -> tuple[SoundRow, ...]:
        """Impulse responses."""
        return self.base.rooms

    @property
    def pairs(self) -> tuple[PairRow, ...]:
        """Sources and outputs of AI systems."""
        return self.base.pairs

    def path(self, file: str) -> Path | None:
        """Return where `file` lies, or None when it exists in memory only."""
        return None if file.startswith(_MADE) else self.base.path(file)

    def load(self, file: str, *, sample_rate: int) -> Samples:
        """Return `file` as mono samples [shape=(n,)] at `sample_rate` hertz.

        Raises
        ------
        CorpusError
            For a name that says nothing that can be made.
        """
        if not file.startswith(_MADE):
            return self.base.load(file, sample_rate=sample_rate)
        how, _, what = file.removeprefix(_MADE).partition("/")
        verb, *words = how.split(",")
        try:
            return self._made(verb, words, what, sample_rate)
        except (ValueError, KeyError, IndexError) as error:
            raise CorpusError(f"{file}: no such sound can be made; see benchmarks/derived.py for the names") from error

    def load_stereo(self, file: str, *, sample_rate: int) -> Samples:
        """Return the first two channels [shape=(2, n)] at `sample_rate` hertz; a mono file or made sound [shape=(n,)].

        Raises
        ------
        CorpusError
            For a name that says nothing that can be made.
        """
        load = self.load if file.startswith(_MADE) else self.base.load_stereo
        return load(file, sample_rate=sample_rate)

    def missing(self) -> tuple[str, ...]:
        """Return the files that a list names and that do not exist, in list order."""
        return self.base.missing()

    def _made(self, verb: str, words: list[str], what: str, sr: int) -> Samples:
        if verb == "backwards":
            return np.ascontiguousarray(self.load(what, sample_rate=sr)[::-1])
        if verb == "speed":
            return self._at_speed(what, float(words[0]), sr)
        if verb == "mp3":
            y = self.load(what, sample_rate=_RATE_HZ)
            return _at_rate(codecs.mp3(y, _RATE_HZ, kbps=int(words[0])), sr)
        if verb == "excerpt":
            start, seconds, condition = float(words[0]), float(words[1]), CONDITIONS[words[2]]
            y = self.load(what, sample_rate=_RATE_HZ)[round(start * _RATE_HZ) : round((start + seconds) * _RATE_HZ)]
            rng = np.random.default_rng([*what.encode(), *",".join(words).encode()])
            return _at_rate(condition.apply(y, _RATE_HZ, rng, Resources(_RATE_HZ)).y, sr)
        if verb == "odd":
            return oddity(words[0], int(words[1]), float(what), sample_rate=sr)
        if verb == "synthesised":
            return synthesize(int(words[0]), float(what), sample_rate=sr, album=int(words[1]) if words[1] else None)
        raise KeyError(verb)

    def _at_speed(self, what: str, speed: float, sr: int) -> Samples:
        """Slowed down from a rate high enough that the result has all the treble it can have."""
        rate = max(sr, min(48000, round(sr / speed)))
        return _at_rate(transformations.resample_speed(self.load(what, sample_rate=rate), rate, speed), sr, rate)


def backwards(rows: Iterable[TrackRow]) -> list[TrackRow]:
    """Return the rows of recordings running backwards."""
    return [replace(row, file=f"{_MADE}backwards/{row.file}", title=f"{row.title}, backwards") for row in rows]


def at_speed(rows: Iterable[TrackRow], speed: float) -> list[TrackRow]:
    """Return the rows of recordings played at `speed` times their speed."""
    return [
        replace(
            row,
            file=f"{_MADE}speed,{speed:g}/{row.file}",
            title=f"{row.title}, at {speed:g} times its speed",
            seconds=row.seconds / speed,
        )
        for row in rows
    ]


def as_mp3(rows: Iterable[TrackRow], kbps: int) -> list[TrackRow]:
    """Return the rows of recordings after MP3 at `kbps` kilobits per second."""
    return [
        replace(row, file=f"{_MADE}mp3,{kbps}/{row.file}", title=f"{row.title}, MP3 at {kbps} kbps") for row in rows
    ]


def excerpt(row: TrackRow, start_seconds: float, seconds: float, condition: str) -> TrackRow:
    """Return the row of an excerpt under a condition that needs no resources."""
    return replace(
        row,
        file=f"{_MADE}excerpt,{start_seconds:.2f},{seconds:g},{condition}/{row.file}",
        title=f"{row.title} from {start_seconds:.2f} s, {condition}",
        seconds=seconds,
    )


def odd_sounds(numbers: Iterable[int], seconds: float, kinds: Iterable[str] = KINDS) -> list[TrackRow]:
    """Return rows of odd sounds: each number of each kind, each a source of its own."""
    listed = list(numbers)
    return [
        TrackRow(f"{_MADE}odd,{kind},{number}/{seconds:g}", f"{kind} {number}", seconds, f"{kind} {number}")
        for kind in kinds
        for number in listed
    ]


def synthesised(seed: int, album: int | None, seconds: float) -> TrackRow:
    """Return the row of a synthesised piece, with the band and kit of an album, or with its own."""
    band = "" if album is None else str(album)
    return TrackRow(f"{_MADE}synthesised,{seed},{band}/{seconds:g}", f"piece {seed}", seconds, f"piece {seed}")


def original(file: str) -> str:
    """Return the original recording of a name, through all changes.

    Examples
    --------
    >>> original("made:mp3,64/made:speed,0.5/music/a.ogg")
    'music/a.ogg'
    >>> original("made:odd,drone,3/45")
    'made:odd,drone,3/45'
    """
    while file.startswith(_MADE):
        how, _, what = file.partition("/")
        if how.partition(",")[0] in (f"{_MADE}odd", f"{_MADE}synthesised"):
            break
        file = what
    return file


# --- helpers ----------------------------------------------------------------------------------------------------------


def _at_rate(y: Samples, sr: int, rate: int = _RATE_HZ) -> Samples:
    resampled: Samples = y if rate == sr else soxr.resample(y, rate, sr, quality="HQ")
    return resampled.astype(np.float32, copy=False)
