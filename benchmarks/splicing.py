"""Tracks that reuse a catalogue by a known amount: forced replication, as in MiRA (Batlle-Roca et al., ISMIR 2024).

A host is other music, joined from clips that are not in the catalogue. Pieces of one to four recordings are put into
it, so that they fill a given share of its length: in place of the host or over it at the same level, as they are or
transformed with a known time map. `draw_plan` draws recordings, lengths and places; `render` makes the samples and
returns the exact place of each piece (`Piece`): the truth that an attribution is scored against.

Rules: a piece lasts at least `SHORTEST_SECONDS`, and is not a pause; the sources of a track are different recordings,
from different sources of the corpus as far as there are; a recording gives one or two pieces that do not overlap in it;
pieces of one recording never follow each other while another is there to stand between, and `GAP_SECONDS` of host
divide pieces where the host is long enough; pieces fade in and out over `FADE_SECONDS` at constant power, and a
piece begins and ends where its power is half.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.data.corpus import Corpus, SyntheticCorpus, TrackRow
from benchmarks.distortion import codecs, timepitch
from benchmarks.distortion.distortions import within_scale
from fingerprint.errors import ParameterError
from sourceprint.demo import transformations
from sourceprint.demo.transformations import rms

__all__ = [
    "RATE_HZ",
    "TRANSFORMATIONS",
    "Cut",
    "Piece",
    "Plan",
    "draw_plan",
    "excerpt_of",
    "host_of",
    "render",
]

Samples = NDArray[np.float32]
Transformation = Callable[[Samples, np.random.Generator], tuple[Samples, float]]

RATE_HZ: Final = 22050
SHORTEST_SECONDS: Final = 3.0
GAP_SECONDS: Final = 2.0
FADE_SECONDS: Final = 0.05
LEVEL: Final = 0.1
_TWO_PIECES_SECONDS: Final = 12.0  # a recording that fills as much is as likely cut in two as not
_MARGIN_SECONDS: Final = 1.0  # at the end of a recording: fades, rounding, the last note
_QUIETEST: Final = 0.25  # a piece this far below the level of its recording is a pause


@dataclass(frozen=True, slots=True)
class Cut:
    """A stretch of a recording and its place in a track.

    Attributes
    ----------
    file : str
        The recording.
    at_seconds, seconds : float
        Where in the track it begins, and how long it lasts there.
    between : tuple of float
        Where in the recording it may be taken from, as shares of its length: two pieces of one recording come from its
        two halves.
    """

    file: str
    at_seconds: float
    seconds: float
    between: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Plan:
    """A track to be made.

    Attributes
    ----------
    number : int
        Which of the run; with `seed`, all that its random choices depend on.
    percent : float
        Share of the track that is reused, in percent.
    transformation : str
        One of `TRANSFORMATIONS`.
    layered : bool
        Whether the host goes on under the pieces.
    seconds : float
        Length of the track.
    cuts : tuple of Cut
        In order of time.
    seed : int
        Seed of the run.
    """

    number: int
    percent: float
    transformation: str
    layered: bool
    seconds: float
    cuts: tuple[Cut, ...]
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """Place of a piece, seconds: `reference = reference_start + ratio * (query - query_start)`."""

    file: str
    query_start: float
    query_end: float
    reference_start: float
    reference_end: float


def draw_plan(
    number: int,
    rows: Sequence[TrackRow],
    *,
    percent: float,
    transformation: str,
    layered: bool,
    n_sources: int,
    seconds: float,
    seed: int = 0,
) -> Plan:
    """Return a track with pieces of `n_sources` of the recordings `rows`, or as near to that as can be.

    Fewer where their share is too short for `n_sources` pieces, more where no recording is long enough.

    Raises
    ------
    ParameterError
        For a share that is not above 0 and at most 100, an unknown transformation, or too little music for the share.
    """
    if not 0 < percent <= 100 or transformation not in TRANSFORMATIONS:
        raise ParameterError(
            f"percent={percent}, transformation={transformation!r}: choose a share above 0 and at most 100 and one of "
            f"{', '.join(TRANSFORMATIONS)}"
        )
    rng = np.random.default_rng([seed, 71, number])
    total = percent / 100.0 * seconds
    drawn = _in_turn(rows, rng)
    ratio = NOMINAL_RATIO.get(transformation, 1.0)
    room = {row.file: (row.seconds - _MARGIN_SECONDS) / ratio for row in drawn}
    n_most = max(1, min(n_sources, int(total / SHORTEST_SECONDS + 1e-9)))
    for n in range(n_most, len(drawn) + 1):
        for _ in range(60):
            shares = _divided(total, n, rng)
            chosen = _that_hold(shares, drawn, room)
            if chosen:
                cuts = _laid_out(_cut(shares, chosen, room, rng), seconds, rng)
                return Plan(number, percent, transformation, layered, seconds, cuts, seed)
    raise ParameterError(
        f"{total:.0f} s of {seconds:.0f} s cannot be filled from {len(drawn)} recordings of at most "
        f"{max(room.values(), default=0.0):.0f} s: make the track shorter"
    )


def render(plan: Plan, corpus: Corpus) -> tuple[Samples, list[Piece]]:
    """Return a track [shape=(n,), at `RATE_HZ`] and its pieces in order of time.

    Parameters
    ----------
    plan : Plan
        The track; the same plan and corpus give the same samples.
    corpus : Corpus
        Where its recordings and the clips of the host are loaded from. Without generated music in it the host is
        synthesised.
    """
    rng = np.random.default_rng([plan.seed, 72, plan.number])
    n, fade = round(plan.seconds * RATE_HZ), round(FADE_SECONDS * RATE_HZ)
    host = host_of(corpus, n, rng)
    over = np.zeros(n, dtype=np.float32)
    power = np.zeros(n, dtype=np.float32)
    rise = np.sin(np.linspace(0.0, np.pi / 2, fade, dtype=np.float32))
    pieces = []
    for cut in plan.cuts:
        start, length = round(cut.at_seconds * RATE_HZ), round(cut.seconds * RATE_HZ) + fade
        y, reference_start, ratio = excerpt_of(corpus, cut, plan.transformation, length, rng)
        gain = np.ones(length, dtype=np.float32)
        gain[:fade], gain[-fade:] = rise, rise[::-1]
        there = slice(start, min(n, start + length))
        kept = there.stop - there.start
        over[there] += (y / np.float32(max(rms(y), 1e-9)) * gain)[:kept]
        power[there] += (gain**2)[:kept]
        half = FADE_SECONDS / 2
        begin, end = start / RATE_HZ + half, min(plan.seconds, (start + length) / RATE_HZ - half)
        pieces.append(
            Piece(cut.file, begin, end, reference_start + ratio * half, reference_start + ratio * (end - begin + half))
        )
    under = host if plan.layered else host * np.sqrt(np.maximum(0.0, 1.0 - power))
    return within_scale(np.float32(LEVEL) * (under + over).astype(np.float32)), pieces


def excerpt_of(
    corpus: Corpus, cut: Cut, transformation: str, length: int, rng: np.random.Generator
) -> tuple[Samples, float, float]:
    """Return `length` samples, where in the recording they begin, and recording seconds per second."""
    y = corpus.load(cut.file, sample_rate=RATE_HZ)
    need = min(len(y), round(NOMINAL_RATIO.get(transformation, 1.0) * length) + round(0.1 * RATE_HZ))
    low, high = (round(share * len(y)) for share in cut.between)
    last = max(0, min(high, len(y)) - need)
    loud = _QUIETEST * rms(y)
    start = 0
    for _ in range(20):
        start = int(rng.integers(min(low, last), last + 1))
        if rms(y[start : start + need]) >= loud:
            break
    made, ratio = TRANSFORMATIONS[transformation](y[start : start + need], rng)
    return transformations.fit_length(made, length), start / RATE_HZ, ratio


def host_of(corpus: Corpus, n: int, rng: np.random.Generator) -> Samples:
    """Return `n` samples of clips that are not in the catalogue, each at the same level, one fading into the next."""
    gone = set(corpus.missing())
    strangers = [row for row in corpus.generated if row.file not in gone]
    where = corpus if strangers else SyntheticCorpus()
    strangers = strangers or list(where.generated)
    fade = round(FADE_SECONDS * RATE_HZ)
    rise = np.sin(np.linspace(0.0, np.pi / 2, fade, dtype=np.float32))
    host = np.zeros(n + fade, dtype=np.float32)
    at = 0
    while at < n:
        before = at
        for i in rng.permutation(len(strangers)):
            clip = where.load(strangers[int(i)].file, sample_rate=RATE_HZ).copy()
            if at >= n or len(clip) <= 2 * fade or not np.any(clip):
                continue
            clip /= np.float32(rms(clip))
            clip[:fade] *= rise if at else 1.0
            clip[-fade:] *= rise[::-1]
            kept = min(len(clip), len(host) - at)
            host[at : at + kept] += clip[:kept]
            at += len(clip) - fade
        if at == before:
            raise ParameterError(
                f"none of {len(strangers)} clips to make a host of is longer than {2 * FADE_SECONDS} s"
            )
    return host[:n]


# --- transformations --------------------------------------------------------------------------------------------------


@functools.cache
def _engine() -> timepitch.Engine:
    return "rubber_band" if importlib.util.find_spec("pedalboard") else "phase_vocoder"


def _higher(y: Samples, rng: np.random.Generator) -> tuple[Samples, float]:
    return timepitch.shift(y, RATE_HZ, pitch_semitones=2.0, engine=_engine())


def _faster(y: Samples, rng: np.random.Generator) -> tuple[Samples, float]:
    return timepitch.shift(y, RATE_HZ, tempo=1.08, engine=_engine())


TRANSFORMATIONS: Final[dict[str, Transformation]] = {
    "clean": lambda y, rng: (y, 1.0),
    "MP3 64 kbps": lambda y, rng: (codecs.mp3(y, RATE_HZ, kbps=64), 1.0),
    "pitch +2": _higher,
    "tempo 1.08": _faster,
    "from mel 80": lambda y, rng: (transformations.griffin_lim_mel(y, RATE_HZ, rng), 1.0),
}
"""Transformations of all pieces of a track; each returns the samples and source seconds per second."""

NOMINAL_RATIO: Final = {"tempo 1.08": 1.09}
"""Source seconds needed per second, rounding of the engines included, where it is not 1."""


# --- helpers ----------------------------------------------------------------------------------------------------------


def _in_turn(rows: Sequence[TrackRow], rng: np.random.Generator) -> list[TrackRow]:
    """Return recordings in random order, one of each source in turn."""
    by_source: dict[str, list[TrackRow]] = {}
    for i in rng.permutation(len(rows)):
        by_source.setdefault(rows[int(i)].source, []).append(rows[int(i)])
    groups = list(by_source.values())
    return [group[k] for k in range(max(map(len, groups), default=0)) for group in groups if k < len(group)]


def _divided(total: float, n: int, rng: np.random.Generator) -> list[float]:
    """Return `total` seconds divided among `n` sources, unequally, none below the shortest piece where possible."""
    least = min(SHORTEST_SECONDS, total / n)
    weights = rng.uniform(0.3, 1.0, n)
    return [least + float(weight) * (total - n * least) for weight in weights / weights.sum()]


def _that_hold(shares: Sequence[float], rows: Sequence[TrackRow], room: dict[str, float]) -> list[str]:
    """Return a recording long enough for each share, of a source not yet taken if there is one; [] if none is."""
    taken: list[TrackRow] = []
    for share in shares:
        fits = [row for row in rows if row not in taken and room[row.file] >= share]
        if not fits:
            return []
        sources = {row.source for row in taken}
        taken.append(next((row for row in fits if row.source not in sources), fits[0]))
    return [row.file for row in taken]


def _cut(
    shares: Sequence[float], files: Sequence[str], room: dict[str, float], rng: np.random.Generator
) -> list[tuple[str, float, tuple[float, float]]]:
    """Return file, seconds and where to take it from, for each piece, in random order."""
    pieces: list[tuple[str, float, tuple[float, float]]] = []
    for share, file in zip(shares, files, strict=True):
        at = float(rng.uniform(0.35, 0.65))
        two = len(files) > 1 and share >= _TWO_PIECES_SECONDS and float(rng.random()) < 0.5
        if two and room[file] >= 2 * max(at, 1 - at) * share + 1.0:
            halves = [(0.0, 0.5), (0.5, 1.0)]
            rng.shuffle(halves)
            pieces += [
                (file, at * share, (halves[0][0], halves[0][1])),
                (file, (1 - at) * share, (halves[1][0], halves[1][1])),
            ]
        else:
            pieces.append((file, share, (0.0, 1.0)))
    return _apart(pieces, rng)


def _apart(
    pieces: list[tuple[str, float, tuple[float, float]]], rng: np.random.Generator
) -> list[tuple[str, float, tuple[float, float]]]:
    """Return pieces in a random order in which those of one recording do not follow each other, if there is one."""
    for _ in range(200):
        order = [pieces[int(i)] for i in rng.permutation(len(pieces))]
        if all(one[0] != other[0] for one, other in itertools.pairwise(order)):
            return order
    return pieces


def _laid_out(
    pieces: Sequence[tuple[str, float, tuple[float, float]]], seconds: float, rng: np.random.Generator
) -> tuple[Cut, ...]:
    """Spread pieces over a track; divide the rest of its length at random into the gaps around them."""
    spare = max(0.0, seconds - sum(length for _, length, _ in pieces))
    least = min(GAP_SECONDS, spare / (len(pieces) + 1))
    weights = rng.dirichlet(np.ones(len(pieces) + 1))
    gaps = least + weights * max(0.0, spare - least * (len(pieces) + 1))
    cuts, at = [], 0.0
    for gap, (file, length, between) in zip(gaps, pieces, strict=False):
        at += float(gap)
        cuts.append(Cut(file, at, length, between))
        at += length
    return tuple(cuts)
