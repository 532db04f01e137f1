"""Forced replication of sources that come and go: share claimed for a recording that is switched on and off.

    python -m benchmarks.turns                             on $SOURCEPRINT_CORPUS or synthesised music
    python -m benchmarks.turns --quick --pictures DIR      about a minute

The second half of forced replication (`benchmarks.replication`): tracks in which recordings follow each other in
stretches of half a second to six seconds, and tracks in which they sound at once. `draw_turns` decides everything,
`render_turns` makes the samples and returns the spans of each recording. How it looks is in `benchmarks.turns_report`.
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import soxr
from numpy.typing import NDArray

from benchmarks import turns_report as shown
from benchmarks.attribution import found_in, judge
from benchmarks.catalogues import LAYER, Side, catalogue, left_out
from benchmarks.data.corpus import Corpus, TrackRow
from benchmarks.distortion.distortions import within_scale
from benchmarks.harness import in_parallel, one_thread
from benchmarks.part import Job, Part, Report, new_report, run_command
from benchmarks.splicing import LEVEL, RATE_HZ, TRANSFORMATIONS, Cut, Piece, excerpt_of, host_of
from benchmarks.train_projection import trained_on
from fingerprint.errors import AudioError, ParameterError
from fingerprint.extract import fingerprint_signal
from index.folder.index import Index
from index.search.match import STANDARD, match_track
from index.storage.snapshot import Snapshot
from index.vectors.exact import use_threads
from sourceprint.demo.transformations import rms

__all__ = ["PART", "PATTERNS", "TurnsPlan", "draw_turns", "main", "measure", "render_turns"]

Samples = NDArray[np.float32]

PATTERNS: Final = (
    *((0.5, 0.5), (0.5, 1.5), (1.0, 1.0), (1.2, 0.8), (1.2, 2.8), (2.0, 1.0), (2.0, 2.0), (2.0, 4.0)),
    *((3.0, 1.0), (3.0, 3.0), (4.0, 4.0), (4.0, 8.0), (6.0, 2.0), (6.0, 6.0)),
)
"""Seconds on and off."""

GAPS: Final = ("silence", "other music", "another recording")
MIXED: Final = ("both at once, 0 dB", "both at once, -6 dB", "on and off over another, 0 dB")
TRACK_SECONDS: Final = 40.0
QUICK_SECONDS: Final = 24.0
FADE_SECONDS: Final = 0.005
LONG_SECONDS: Final = 2.0
_QUICK_PATTERNS: Final = ((0.5, 0.5), (1.2, 2.8), (2.0, 2.0), (3.0, 1.0), (6.0, 6.0))

ABOUT: Final = f"""\
Payment depends as much on where a source is *not*. So recordings are switched on and off on one timeline, for 0.5 to 8
s each, over tracks of {TRACK_SECONDS:g} s: silence in the gaps, music that is not in the catalogue, or another
recording of the catalogue, which is then on where the first is off. Beside them stand mash-ups: two recordings at once,
at the same level or the second 6 dB below, and one that goes on while another comes and goes over it. All of it as it
is, or transformed as in forced replication. Held-out sources only.

*Claimed beyond* is by how many points of the track more is claimed than is there; *short* by how many less, of the
recordings that were found at all. Both are means, with the worst of all. Stretches of less than {LONG_SECONDS:g} s lose
more at their ends, and are often not found: their *short* is reported, not promised."""


@dataclass(frozen=True, slots=True)
class TurnsPlan:
    """A track to be made.

    Attributes
    ----------
    number : int
        Which of the run; with `seed`, all that its random choices depend on.
    file, other : str
        The recording that comes and goes, and the other one; "" where there is none.
    kind : str
        One of `GAPS` or of `MIXED`.
    on_seconds, off_seconds : float
        How long it is on and off in turn; off is 0 where it never is.
    transformation : str
        One of `benchmarks.splicing.TRANSFORMATIONS`.
    seconds : float
        Length of the track.
    seed : int
        Seed of the run.
    """

    number: int
    file: str
    other: str
    kind: str
    on_seconds: float
    off_seconds: float
    transformation: str
    seconds: float
    seed: int = 0


@dataclass(frozen=True, slots=True)
class _Task:
    plan: TurnsPlan
    side: Side


def measure(job: Job) -> Report:
    """Return the claimed shares of each recording in each track, and summaries by period, gap, transformation and mix.

    Parameters
    ----------
    job : Job
        The corpus and the means.
    """
    side = Side("", frozenset(row.source for row in job.corpus.music) - trained_on())
    side = replace(side, index=str(catalogue(job.corpus, job.corpus.music, side, job.cache, jobs=job.jobs)))
    unusable = {*job.corpus.missing(), *left_out(side.index)}
    rows = [row for row in job.corpus.music if row.source in side.sources and row.file not in unusable]
    tasks = [_Task(plan, side) for plan in draw_turns(rows, quick=job.quick, seed=job.seed)]
    report = new_report(
        "turns",
        job,
        tracks=len(tasks),
        patterns=[list(pattern) for pattern in (_QUICK_PATTERNS if job.quick else PATTERNS)],
        kinds=[*GAPS, *MIXED],
        transformations=list(TRANSFORMATIONS),
        fade_seconds=FADE_SECONDS,
    )
    made = in_parallel(_track, tasks, jobs=job.jobs, what="tracks in turns", prepare=_prepare, given=(job.corpus,))
    report["recordings"] = list(itertools.chain.from_iterable(made))
    report["rows"] = shown.rows(report["recordings"])
    return report


def draw_turns(rows: Sequence[TrackRow], *, quick: bool = False, seed: int = 0) -> list[TurnsPlan]:
    """Return the tracks: every period with every gap, plain and transformed, and every mash-up as often.

    Parameters
    ----------
    rows : sequence of TrackRow
        The recordings to take from.
    quick : bool
        Fewer periods, shorter tracks, each once.
    seed : int
        Seed of the run.

    Raises
    ------
    ParameterError
        If fewer than two recordings are long enough.
    """
    seconds = QUICK_SECONDS if quick else TRACK_SECONDS
    long = [row for row in rows if row.seconds > 1.2 * seconds + 1.0]
    if len(long) < 2:
        raise ParameterError(
            f"{len(long)} of {len(rows)} recordings last for more than {1.2 * seconds + 1.0:.0f} s: two are needed"
        )
    rng = np.random.default_rng([seed, 81])
    patterns = _QUICK_PATTERNS if quick else PATTERNS
    cells = [(kind, pattern) for kind in GAPS for pattern in patterns]
    cells += [(kind, (seconds, 0.0)) for kind in MIXED[:2] for _ in range(2 if quick else 10)]
    cells += [(MIXED[2], pattern) for pattern in (patterns if quick else patterns[6:]) if pattern[0] >= LONG_SECONDS]
    names = list(TRANSFORMATIONS)
    plans = []
    for number, (cell, plain) in enumerate(
        (cell, plain) for cell in cells for plain in ((True,) if quick else (True, False))
    ):
        kind, (on, off) = cell
        first, second = (long[int(i)] for i in rng.permutation(len(long))[:2])
        changed = number % 2 if quick else not plain
        transformation = names[1 + number // 2 % (len(names) - 1)] if changed else names[0]
        other = "" if kind in GAPS[:2] else second.file
        plans.append(TurnsPlan(number, first.file, other, kind, on, off, transformation, seconds, seed))
    return plans


def render_turns(plan: TurnsPlan, corpus: Corpus) -> tuple[Samples, list[Piece]]:
    """Return a track [shape=(n,), at `RATE_HZ`] and its pieces in order of time.

    Parameters
    ----------
    plan : TurnsPlan
        The track; the same plan and corpus give the same samples.
    corpus : Corpus
        Where its recordings and other music are loaded from.
    """
    rng = np.random.default_rng([plan.seed, 82, plan.number])
    n = round(plan.seconds * RATE_HZ)
    is_on = np.ones(n, dtype=np.bool_)
    if plan.off_seconds:
        period = plan.on_seconds + plan.off_seconds
        is_on = np.mod(np.arange(n) / RATE_HZ + rng.uniform(0.0, period), period) < plan.on_seconds
    width = round(FADE_SECONDS * RATE_HZ)
    gain = np.convolve(is_on, np.full(width, 1 / width), mode="same").astype(np.float32)
    files = [plan.file, plan.other] if plan.other else [plan.file]
    taken = [excerpt_of(corpus, Cut(file, 0.0, plan.seconds), plan.transformation, n, rng) for file in files]
    sources = [y / np.float32(max(rms(y), 1e-9)) for y, _, _ in taken]
    where = [is_on]
    if plan.kind == "silence":
        y = sources[0] * gain
    elif plan.kind == "other music":
        y = sources[0] * gain + host_of(corpus, n, rng) * (1 - gain)
    elif plan.kind == "another recording":
        y = sources[0] * gain + sources[1] * (1 - gain)
        where.append(~is_on)
    else:
        level = 10.0 ** (-6.0 / 20.0) if plan.kind == MIXED[1] else 1.0
        y = np.float32(level) * sources[0] * gain + sources[1]
        where.append(np.ones(n, dtype=np.bool_))
    pieces = [
        Piece(file, low, high, start + ratio * low, start + ratio * high)
        for file, (_, start, ratio), there in zip(files, taken, where, strict=True)
        for low, high in _spans(there)
    ]
    return within_scale(np.float32(LEVEL) * y.astype(np.float32)), sorted(pieces, key=lambda piece: piece.query_start)


# --- helpers ----------------------------------------------------------------------------------------------------------


class _Worker:
    """State that a worker process keeps between tasks."""

    corpus: Corpus


def _prepare(corpus: Corpus) -> None:
    one_thread()
    use_threads(1)
    _Worker.corpus = corpus


@functools.cache
def _snapshot(index: str) -> Snapshot:
    return Index.open(index).snapshot()


def _spans(is_on: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """Return the stretches of samples that are on, in seconds."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], is_on, [False]))))
    return [(float(low) / RATE_HZ, float(high) / RATE_HZ) for low, high in edges.reshape(-1, 2)]


def _track(task: _Task) -> list[dict[str, Any]]:
    """Return one row for each recording in a track."""
    plan = task.plan
    y, pieces = render_turns(plan, _Worker.corpus)
    params, projection = task.side.load()
    try:
        heard = soxr.resample(y, RATE_HZ, params.sample_rate)
        query = fingerprint_signal(
            heard, role="track", scales=STANDARD.scales, params=params, projection=projection, name=str(plan.number)
        )
        found = found_in(match_track(query, _snapshot(task.side.index), options=replace(STANDARD, layer=LAYER)))
    except AudioError:  # nothing is found, and that counts
        found = []
    judged = judge(pieces, found, plan.seconds)
    rows = []
    for file, (true, claimed) in judged.shares.items():
        is_first = file == plan.file
        goes_on = plan.off_seconds == 0.0 or (plan.kind in MIXED and not is_first)
        on_off = (plan.on_seconds, plan.off_seconds) if is_first else (plan.off_seconds, plan.on_seconds)
        on, off = (plan.seconds, 0.0) if goes_on else on_off
        rows.append(
            {key: value for key, value in asdict(plan).items() if key in ("number", "kind", "transformation")}
            | {"on": on, "off": off, "true": round(true, 3), "claimed": round(claimed, 3)}
            | {"strangers": len(judged.strangers) if is_first else 0}
        )
    return rows


PART = Part(
    name="turns",
    title="Forced replication: on and off, and at once",
    question=(
        "Are the seconds claimed in which a recording is heard, and no "
        "others, if it is switched on and off or sounds under another?"
    ),
    about=ABOUT,
    measure=measure,
    tables=shown.tables,
    figures=shown.figures,
    pictures=shown.pictures,
)
main = functools.partial(run_command, PART)

if __name__ == "__main__":
    sys.exit(main())
