"""Pairs to judge AI systems by: a recording, and a system's output for it; from a list, or an artificial set.

A list is a TSV with one row per pair; `source_file` and `output_file` are relative to the folder of the list, or
absolute:

==================  =================================================================================================
``source_file``     the recording that went in
``output_file``     the output
``kind``            the change in one word: codec, edit, style, ...
``system``          which system did it
``same_recording``  yes, partial or no: whether the recording should survive, by the method
``same_work``       the same of the composition (optional)
``origin``          who published the pair (optional); compared with the training data of the projection
``offset_s``        the second of the source that is heard as the output begins (optional; most systems keep time: 0)
``pitch_cents``     how far the output lies above the source (optional; most systems keep pitch: 0)
==================  =================================================================================================

Where there is no list, `artificial_pairs` makes a few from synthesised music, so that the benchmark can run anywhere.
They say nothing about real systems, and are always called artificial.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.data.corpus import Corpus
from benchmarks.data.lists import CorpusError, Fields, read_list
from benchmarks.distortion.codecs import opus
from benchmarks.distortion.timepitch import shift
from benchmarks.harness import DISTORTION_CODE, SYNTHESIS_CODE, content_key, in_parallel, one_thread, source_digest
from sourceprint.demo.synthesis import synthesize
from sourceprint.demo.transformations import griffin_lim_mel, rms

__all__ = ["ARTIFICIAL_KINDS", "Pair", "PairList", "artificial_pairs", "find_pairs", "read_pairs"]

Samples = NDArray[np.float32]

CORPUS_LIST: Final = "ai_pairs.tsv"
EXPECTATIONS: Final = ("yes", "partial", "no")
ARTIFICIAL_KINDS: Final[dict[str, tuple[str, str, str, float | None]]] = {  # system, recording, work, pitch in cents
    "artificial codec": ("Opus 6 kbps", "yes", "yes", 0.0),
    "artificial vocoder": ("mel 80 + Griffin-Lim", "yes", "yes", 0.0),
    "artificial edit": ("other drums and bass, +2 semitones", "partial", "partial", 200.0),
    "artificial style": ("same band and kit, other piece", "no", "no", None),
}

_RATE_HZ = 22050
_SOURCE_SECONDS, _OUTPUT_SECONDS, _FROM_SECONDS = 24.0, 12.0, 6.0
_KEPT_PARTS, _SWAPPED_PARTS = ("lead", "chords", "colour", "pad"), ("drums", "bass")
_SEEDS, _ALBUMS = 500_000, 5_000  # far from those of the synthesised corpus


@dataclass(frozen=True, slots=True)
class Pair:
    """One pair: names as listed, where the files lie, and its row of the list.

    Attributes
    ----------
    source, output : str
        The names that the list gives.
    source_path, output_path : str
        Where the files should be.
    kind, system, origin : str
        The change, the system, the publisher.
    same_recording, same_work : str
        "yes", "partial", "no"; `same_work` may be "".
    offset_seconds, pitch_cents : float or None
        The known alignment; None where the list has none.
    """

    source: str
    output: str
    source_path: str
    output_path: str
    kind: str
    system: str
    same_recording: str
    same_work: str = ""
    origin: str = ""
    offset_seconds: float | None = None
    pitch_cents: float | None = None

    def missing(self) -> tuple[str, ...]:
        """Return the names of the files of this pair that are not there."""
        named = ((self.source, self.source_path), (self.output, self.output_path))
        return tuple(name for name, path in named if not Path(path).is_file())


@dataclass(frozen=True, slots=True)
class PairList:
    """Pairs, their name, and whether they only stand in for the work of real systems."""

    name: str
    pairs: tuple[Pair, ...]
    artificial: bool = False


def find_pairs(
    corpus: Corpus, listed: str | os.PathLike[str] | None, cache: Path, *, jobs: int, seed: int, sources: int
) -> PairList:
    """Return the pairs of the list asked for, else of the corpus, else an artificial set of so many `sources`."""
    beside = corpus.path(CORPUS_LIST)
    if listed is not None:
        return read_pairs(listed)
    if beside is not None and beside.is_file():
        return read_pairs(beside)
    return artificial_pairs(cache, jobs=jobs, seed=seed, sources=sources)


def read_pairs(path: str | os.PathLike[str]) -> PairList:
    """Return the pairs of a list; audio files are looked at only when they are used.

    Raises
    ------
    CorpusError
        For a list that does not exist or holds no pair, a column that is missing, a value that cannot be; the message
        names file and row.
    """
    tsv = Path(path)
    if not tsv.is_file():
        raise CorpusError(f"{tsv}: no such list of pairs; give a TSV as benchmarks/pairs.py describes")

    def parse(fields: Fields) -> Pair:
        source, output = (_text(fields, column) for column in ("source_file", "output_file"))
        return Pair(
            source=source,
            output=output,
            source_path=str((tsv.parent / source).resolve()),
            output_path=str((tsv.parent / output).resolve()),
            kind=_text(fields, "kind"),
            system=_text(fields, "system"),
            same_recording=_expectation(fields, "same_recording"),
            same_work=_expectation(fields, "same_work") if fields.get("same_work") else "",
            origin=fields.get("origin", ""),
            offset_seconds=_number(fields, "offset_s"),
            pitch_cents=_number(fields, "pitch_cents"),
        )

    pairs = read_list(tsv, parse, unique=False)
    if not pairs:
        raise CorpusError(f"{tsv}: the list holds no pair; take it away, or give it rows")
    return PairList(tsv.name, pairs)


def artificial_pairs(cache: Path, *, jobs: int, seed: int, sources: int) -> PairList:
    """Return one pair of every artificial kind for each of `sources` pieces; their files are made once, in the cache.

    A source is a piece of 24 s that is in no corpus; an output begins 6 s into it and lasts 12 s. The codec and the
    vocoder keep the recording; the edit keeps melody and chords under other drums and another bass, two semitones
    higher; the piece in the same style keeps nothing but the band and its drum kit.
    """
    code = source_digest("benchmarks/pairs.py", *DISTORTION_CODE, *SYNTHESIS_CODE)
    folder = cache / f"artificial-pairs-{content_key(code, seed)}"
    tasks = [(str(folder), seed, number) for number in range(sources)]
    todo = [task for task in tasks if not all(path.exists() for path in _paths(Path(task[0]), task[2]).values())]
    folder.mkdir(parents=True, exist_ok=True)
    for _ in in_parallel(_make_artificial, todo, jobs=jobs, what="artificial pairs", prepare=one_thread):
        pass
    return PairList(
        "an artificial set",
        tuple(
            Pair(
                source=paths["source"].name,
                output=paths[kind].name,
                source_path=str(paths["source"]),
                output_path=str(paths[kind]),
                kind=kind,
                system=system,
                same_recording=recording,
                same_work=work,
                origin="artificial",
                offset_seconds=None if cents is None else _FROM_SECONDS,
                pitch_cents=cents,
            )
            for paths in (_paths(folder, number) for number in range(sources))
            for kind, (system, recording, work, cents) in ARTIFICIAL_KINDS.items()
        ),
        artificial=True,
    )


# --- helpers ----------------------------------------------------------------------------------------------------------


def _paths(folder: Path, number: int) -> dict[str, Path]:
    return {
        name: folder / f"{number:02d}-{name.removeprefix('artificial ')}.flac" for name in ("source", *ARTIFICIAL_KINDS)
    }


def _make_artificial(task: tuple[str, int, int]) -> None:
    folder, seed, number = Path(task[0]), task[1], task[2]
    piece, album = _SEEDS + 10_000 * seed + 10 * number, _ALBUMS + 100 * seed + number
    for (_, path), y in zip(_paths(folder, number).items(), _artificial(piece, album), strict=True):
        handle, name = tempfile.mkstemp(dir=folder, prefix=f".{path.name}.", suffix=".flac")
        os.close(handle)
        soundfile.write(name, 0.9 * y / max(float(np.max(np.abs(y))), 1e-6), _RATE_HZ, subtype="PCM_16")
        os.replace(name, path)


def _artificial(piece: int, album: int) -> Iterator[Samples]:
    """Yield the source, then its outputs, in the order of `ARTIFICIAL_KINDS`."""
    source = synthesize(piece, _SOURCE_SECONDS, sample_rate=_RATE_HZ, album=album)
    excerpt = _excerpt(source)
    yield source
    yield opus(excerpt, _RATE_HZ, kbps=6)
    yield griffin_lim_mel(excerpt, _RATE_HZ, np.random.default_rng(piece))
    kept = _excerpt(synthesize(piece, _SOURCE_SECONDS, sample_rate=_RATE_HZ, album=album, parts=_KEPT_PARTS))
    kept, _ = shift(kept, _RATE_HZ, pitch_semitones=2.0, engine="phase_vocoder")
    other = _excerpt(synthesize(piece + 1, _SOURCE_SECONDS, sample_rate=_RATE_HZ, parts=_SWAPPED_PARTS))
    n = min(len(kept), len(other))
    yield kept[:n] / max(rms(kept), 1e-6) + other[:n] / max(rms(other), 1e-6)
    yield _excerpt(synthesize(piece + 2, _SOURCE_SECONDS, sample_rate=_RATE_HZ, album=album))


def _excerpt(y: Samples) -> Samples:
    return y[round(_FROM_SECONDS * _RATE_HZ) :][: round(_OUTPUT_SECONDS * _RATE_HZ)]


def _text(fields: Fields, column: str) -> str:
    if not fields[column].strip():
        raise ValueError(f"column {column} is empty; every pair needs it")
    return fields[column]


def _expectation(fields: Fields, column: str) -> str:
    if fields[column] not in EXPECTATIONS:
        raise ValueError(f"column {column} is {fields[column]!r}; expected yes, partial or no")
    return fields[column]


def _number(fields: Fields, column: str) -> float | None:
    text = fields.get(column, "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"column {column} is {text!r}; expected a number, or nothing where it is not known")
    return value
