"""Calibration: whether false matches come as often as is stated, from one query in ten to one in a million.

    python -m benchmarks.calibration                           everything, on $SOURCEPRINT_CORPUS or synthesised music
    python -m benchmarks.calibration --quick --pictures DIR    a minute, wide intervals

Audio that is not in a catalogue is searched for there with nothing held back (`benchmarks.scans`); the probability
stated for each query is compared with its observed frequency (`benchmarks.calibration_counts`); excerpts and strangers
in one batch tell whether its false discovery rate can be known without the truth (`benchmarks.decoys`). How it looks is
in `benchmarks.calibration_report`.
"""

from __future__ import annotations

import functools
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np

from benchmarks import calibration_report as shown
from benchmarks.calibration_counts import LIMITS, THRESHOLDS, counted, discovery
from benchmarks.catalogues import Side, catalogue, left_out, sides
from benchmarks.data.corpus import Corpus, SyntheticCorpus, TrackRow, folds
from benchmarks.decoys import Answer
from benchmarks.derived import Derived, as_mp3, at_speed, backwards, excerpt, odd_sounds, synthesised
from benchmarks.oddities import KINDS
from benchmarks.part import Job, Part, Report, new_report, run_command
from benchmarks.scans import Scan, scan_all
from benchmarks.trials import spread

__all__ = ["PART", "main", "measure"]

PIECE_SECONDS: Final = 10.0
OTHER_SPEEDS: Final = (0.6, 1.7)
DISTRACTOR_SPEEDS: Final = (0.36, 0.42, 0.5, 1.7, 1.9, 2.2, 2.7, 3.3)
"""Speeds at which the recordings of a catalogue make it about ten times as large; a search covers 0.74 to 1.36."""

ODD_SECONDS: Final = 60.0
EXCERPT_CONDITIONS: Final = ("mp3_64k", "gsm", "eq", "phone", "speed_+4%", "white_noise_0db", "percussive_only")
SYNTHETIC_SECONDS: Final = 45.0
_FIRST_SEED: Final = 60_000  # of synthesised strangers; no other synthesised music has such a seed

ABOUT: Final = """\
Every match states the probability that chance alone would align the query as well somewhere in the catalogue. Here
nothing is in the catalogue, so every match is chance: generated music against all recordings, each recording against
the recordings of other sources, the same running backwards or at speeds outside the searched range. Each query counts
with the least probability that was stated for it, and the share of queries that stated *t* or less should be *t*.
Recordings are searched whole and in pieces of ten seconds.

*Holds* means that the 95 % interval of observed over stated lies within a factor of three either way; *too many* and
*too few* that it lies beyond; *cannot be told* that the data leave both open. Too few false matches is caution: it
costs finds, not money. Intervals follow Clopper and Pearson (Garwood for rates), with the sample size that the scatter
between recordings leaves (Korn and Graubard), since pieces of one recording err together. Below one over the number of
queries nothing can be observed, and the picture ends there.

A query is searched a second time running backwards, and chance is judged by its matches. For a recording that runs
backwards *and is in the catalogue*, that second search finds the recording itself, takes it for chance, and everything
stated goes up: such queries cannot match, and cannot test anything. They are listed once, and recordings backwards are
otherwise searched for among those of other sources.

The false discovery rate of a batch is estimated in ways that need no truth, by decoys that compete with the queries, by
stated probability or by score, and from the stated probabilities alone; it is compared with the truth, known here
because the batch is made of distorted excerpts and strangers.
Excerpts are of recordings that the projection was trained on, strangers are not: nothing is said here of how many are
found. All of this is repeated with a catalogue ten times as large (its own recordings at other speeds), with copies in
it, with loops, drones, test tones, clicks, noise and near-silence as recordings, and with such sounds as queries."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    Attributes
    ----------
    recordings : int
        Recordings of each list; 0 for all.
    synthesised : int
        Synthesised strangers.
    excerpts : int
        Excerpts of the catalogue.
    odd : int
        Sounds of each odd kind, as queries and as recordings.
    """

    recordings: int
    synthesised: int
    excerpts: int
    odd: int


_FULL, _SHORT = Size(0, 40, 154, 10), Size(4, 8, 8, 1)


@dataclass(frozen=True, slots=True)
class DataSet:
    """Scans that are counted together.

    Attributes
    ----------
    name : str
        Description of the audio.
    sources : str
        "held out", "development", or "" where the split does not apply.
    scans : tuple of Scan
        Queries, each with its catalogue.
    tests : bool
        Whether the scans can test the stated probabilities.
    """

    name: str
    sources: str
    scans: tuple[Scan, ...]
    tests: bool = True


def measure(job: Job) -> Report:
    """Return the stated and the observed false matches, for every data set and circumstance.

    Parameters
    ----------
    job : Job
        The corpus and the means.
    """
    report = new_report(
        "calibration",
        job,
        thresholds=list(THRESHOLDS),
        limits=list(LIMITS),
        piece_seconds=PIECE_SECONDS,
        other_speeds=list(OTHER_SPEEDS),
        distractor_speeds=list(DISTRACTOR_SPEEDS),
        excerpt_conditions=list(EXCERPT_CONDITIONS),
    )
    made = sides(job.corpus, job.cache, jobs=job.jobs)
    report["sets"] = _measured_sets(job, made)
    report["circumstances"], report["batches"], report["refused"] = _circumstances(job, made[0])
    return report


# --- helpers ----------------------------------------------------------------------------------------------------------


def _size(job: Job) -> Size:
    return _SHORT if job.quick else _FULL


def _rng(job: Job, *what: int) -> np.random.Generator:
    return np.random.default_rng([job.seed, 41, *what])


def _some(job: Job, rows: Sequence[TrackRow]) -> list[TrackRow]:
    """Return all rows, or in the short version a few from all sources in turn; never one that is missing."""
    gone, most = set(job.corpus.missing()), _size(job).recordings
    there = [row for row in rows if row.file not in gone]
    return spread(there, min(most, len(there)), _rng(job, 1)) if most else there


def _measured_sets(job: Job, made: Sequence[Side]) -> list[dict[str, Any]]:
    rows = []
    real, real_sets = _real_sets(job, made)
    for corpus, data_sets in ((real, real_sets), _synthetic_set(job, made[0])):
        heard: dict[tuple[str, str, float], list[tuple[Scan, dict[str, Any]]]] = defaultdict(list)
        for data_set in data_sets:
            queries = scan_all(corpus, data_set.scans, job.cache, jobs=job.jobs, what=data_set.name)
            pairs = [(scan, query) for scan, of_scan in zip(data_set.scans, queries, strict=True) for query in of_scan]
            for length in sorted({length for scan in data_set.scans for length in scan.seconds}):
                ours = [pair for pair in pairs if pair[1]["length"] == length]
                rows.append(counted(data_set.name, data_set.sources, length, ours, tests=data_set.tests))
                if data_set.sources:
                    heard[data_set.name, shown.BOTH, length] += ours
                if data_set.tests and corpus is real:
                    heard[shown.ALL, "", length] += ours
        rows += [counted(name, sources, length, ours) for (name, sources, length), ours in heard.items()]
    return [row for row in rows if row["queries"]]


def _real_sets(job: Job, made: Sequence[Side]) -> tuple[Corpus, list[DataSet]]:
    corpus = job.corpus
    both = (0.0, PIECE_SECONDS)

    def data_set(name: str, sources: str, rows: Iterable[TrackRow], side: Side, index: str, *, whole: bool = True,
                 tests: bool = True) -> DataSet:  # fmt: skip
        seconds = both if whole else (PIECE_SECONDS,)
        return DataSet(name, sources, tuple(Scan(row.file, side, (index,), seconds) for row in rows), tests)

    first = made[0]
    sets = [data_set("generated music", "", _some(job, corpus.generated), first, first.index)]
    for rows, index, side in _halves(job, made):
        sources = "held out" if side is first else "development"
        sets.append(data_set("music", sources, rows, side, index))
        sets.append(data_set("music backwards", sources, backwards(rows), side, index))
        slower_and_faster = [row for speed in OTHER_SPEEDS for row in at_speed(rows, speed)]
        sets.append(data_set("music at other speeds", sources, slower_and_faster, side, index, whole=False))
    ours = [row for row in corpus.music if row.source in first.sources]
    few = spread(_some(job, ours), min(24, len(ours)), _rng(job, 2))
    sets.append(data_set(shown.OWN_DECOY, "", backwards(few), first, first.index, whole=False, tests=False))
    return Derived(corpus), _merged(sets)


def _halves(job: Job, made: Sequence[Side]) -> Iterator[tuple[list[TrackRow], str, Side]]:
    """Yield recordings, the index of the other half of the sources, and the side that scores them."""
    halves = folds(job.corpus.music)
    for half, other in (halves, halves[::-1]):
        for side in made:
            ours = [row for row in job.corpus.music if row.source in half & side.sources]
            if ours:
                there = [row for row in job.corpus.music if row.source in other]
                yield _some(job, ours), str(catalogue(job.corpus, there, side, job.cache, jobs=job.jobs)), side


def _merged(sets: Iterable[DataSet]) -> list[DataSet]:
    """Put the scans of data sets of one name and kind of sources together."""
    scans: dict[tuple[str, str, bool], tuple[Scan, ...]] = {}
    for one in sets:
        key = (one.name, one.sources, one.tests)
        scans[key] = scans.get(key, ()) + one.scans
    return [DataSet(name, sources, listed, tests) for (name, sources, tests), listed in scans.items()]


def _synthetic_set(job: Job, side: Side) -> tuple[Corpus, list[DataSet]]:
    """Synthesised pieces with the kits, bands and grooves of a synthesised catalogue, none of them in it."""
    corpus = SyntheticCorpus(seconds=SYNTHETIC_SECONDS)
    index = str(catalogue(corpus, corpus.music, side, job.cache, jobs=job.jobs))
    albums = len({row.source for row in corpus.music})
    rows = [synthesised(_FIRST_SEED + i, i % albums, SYNTHETIC_SECONDS) for i in range(_size(job).synthesised)]
    scans = tuple(Scan(row.file, side, (index,), (0.0, PIECE_SECONDS)) for row in rows)
    return Derived(corpus), [DataSet("synthesised strangers", "", scans)]


def _circumstances(job: Job, side: Side) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, str]]:
    """Return rows of strangers and odd queries by catalogue, batches by catalogue, and recordings refused, and why."""
    corpus = Derived(job.corpus)
    halves = folds(job.corpus.music)
    held = _some(job, [row for row in job.corpus.music if row.source in halves[0]])
    strangers = [row for row in job.corpus.music if row.source in halves[1] & side.sources]
    strangers = [*_some(job, strangers), *_some(job, job.corpus.generated)]
    copies = held[::2]
    catalogues = {
        shown.BASE: held,
        "ten times as much music": held + [row for speed in DISTRACTOR_SPEEDS for row in at_speed(held, speed)],
        "the catalogue and copies": held + as_mp3(copies, 64),
        "the catalogue and odd sounds": held + odd_sounds(_numbers(job, 1000), ODD_SECONDS),
    }
    indexes = {
        name: str(catalogue(corpus if name != shown.BASE else job.corpus, rows, side, job.cache, jobs=job.jobs))
        for name, rows in catalogues.items()
    }
    everywhere = tuple(indexes.values())
    scans = [Scan(row.file, side, everywhere, (PIECE_SECONDS,), decoys=True) for row in strangers]
    n = len(scans)
    scans += [Scan(row.file, side, everywhere, decoys=True) for row in _excerpts(job, held)]
    heard = scan_all(corpus, scans, job.cache, jobs=job.jobs, what="strangers and excerpts")
    rows: list[dict[str, Any]] = []
    batches: list[dict[str, Any]] = []
    for i, name in enumerate(indexes):
        chance, reuse = (_of_index(scans[part], heard[part], i) for part in (slice(n), slice(n, None)))
        rows.append(counted(shown.STRANGERS, "", PIECE_SECONDS, chance) | {"catalogue": name})
        excerpts, others = (
            [_as_answer(query["answers"][0]) for _, query in part if query["answers"]] for part in (reuse, chance)
        )
        batches += _batches(job, name, excerpts, others, every_share=name == shown.BASE)
    rows += _odd_queries(job, side, corpus, indexes)
    return rows, batches, {file: why for index in everywhere for file, why in left_out(index).items()}


def _odd_queries(job: Job, side: Side, corpus: Corpus, indexes: dict[str, str]) -> list[dict[str, Any]]:
    names = (shown.BASE, "the catalogue and odd sounds")
    there = tuple(indexes[name] for name in names)
    kinds = {kind: odd_sounds(_numbers(job, 0), ODD_SECONDS, [kind]) for kind in KINDS}
    scans = {kind: [Scan(row.file, side, there, (PIECE_SECONDS,)) for row in rows] for kind, rows in kinds.items()}
    gone = set(job.corpus.missing())
    ambiences = [sound for sound in corpus.noises if sound.file not in gone][: _size(job).recordings or None]
    scans["ambience"] = [Scan(sound.file, side, there, (0.0,)) for sound in ambiences]
    rows = []
    for kind, ours in scans.items():
        heard = scan_all(corpus, ours, job.cache, jobs=job.jobs, what=f"queries: {kind}")
        for i, name in enumerate(names):
            row = counted(kind, "", PIECE_SECONDS, _of_index(ours, heard, i))
            if row["queries"]:
                rows.append(row | {"catalogue": name})
    return rows


def _numbers(job: Job, first: int) -> range:
    return range(first, first + _size(job).odd)


def _excerpts(job: Job, rows: Sequence[TrackRow]) -> list[TrackRow]:
    long_enough = [row for row in rows if row.seconds > PIECE_SECONDS + 1.0]
    rng = _rng(job, 3)
    drawn = spread(long_enough, _size(job).excerpts, rng)
    made = []
    for number, row in enumerate(drawn):
        start = float(rng.uniform(0.0, row.seconds - PIECE_SECONDS - 0.5))
        made.append(excerpt(row, start, PIECE_SECONDS, EXCERPT_CONDITIONS[number % len(EXCERPT_CONDITIONS)]))
    return made


def _of_index(
    scans: Sequence[Scan], heard: Sequence[list[dict[str, Any]]], i: int
) -> list[tuple[Scan, dict[str, Any]]]:
    """Return scans and queries with the answer of the i-th catalogue alone."""
    return [
        (scan, query | {"answers": query["answers"][i : i + 1]})
        for scan, queries in zip(scans, heard, strict=True)
        for query in queries
    ]


def _as_answer(answer: dict[str, Any]) -> Answer:
    return Answer(**{field.name: answer[field.name] for field in fields(Answer)})


def _batches(
    job: Job, name: str, excerpts: Sequence[Answer], strangers: Sequence[Answer], *, every_share: bool
) -> Iterator[dict[str, Any]]:
    """Yield the batch of all strangers and one excerpt to nine of them; if asked for, one of halves too."""
    rng = _rng(job, 4)

    def drawn(answers: Sequence[Answer], n: int) -> list[Answer]:
        return [answers[int(i)] for i in sorted(rng.permutation(len(answers))[:n])]

    yield discovery(name, "one in ten", [*drawn(excerpts, max(1, len(strangers) // 9)), *strangers])
    if every_share:
        n = min(len(excerpts), len(strangers))
        yield discovery(name, "half", [*drawn(excerpts, n), *drawn(strangers, n)])


PART = Part(
    name="calibration",
    title="Calibration: stated against observed false matches",
    question="Do false matches come as often as stated, and can a batch tell its own false discovery rate?",
    about=ABOUT,
    measure=measure,
    tables=shown.tables,
    figures=shown.figures,
    pictures=shown.pictures,
)
main = functools.partial(run_command, PART)

if __name__ == "__main__":
    sys.exit(main())
