"""Works found again: renditions of songs, versions, outputs of AI systems; and music that plays no work of the index.

    python -m benchmarks.composition                          on $SOURCEPRINT_CORPUS or synthesised music
    python -m benchmarks.composition --quick --pictures DIR   some minutes

The catalogue holds the music of the corpus, one rendition of each generated song, the versions that the corpus lists
(versions.tsv) and the sources of AI outputs. Queries are other renditions of the songs, each version against the
others, AI outputs that follow a melody, fresh loops of common progressions, strangers (strangers.tsv) and music of
generative systems. Each query is searched once; the search without its own work gives the chance results. How it looks
is in `benchmarks.composition_report`.
"""

from __future__ import annotations

import contextlib
import csv
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks import composition_report as shown
from benchmarks.composition_renditions import Change, arrange, sound
from benchmarks.composition_songs import LOOPS, Song, loop_song, random_song
from benchmarks.data.corpus import Corpus, TrackRow
from benchmarks.harness import in_parallel, one_thread
from benchmarks.part import Job, Part, Report, new_report, run_command
from fingerprint.composition import CompositionParams, CompositionWindows, describe, describe_track
from fingerprint.errors import AudioError
from index.composition import RecordedWork
from index.composition.decision import chance_of
from index.composition.search import FollowedWork, decide_works, follow_works

__all__ = ["PART", "Query", "excerpt", "main", "measure", "queries_of", "searched"]

Samples = NDArray[np.float32]
_Score = tuple[str, float]  # a work, and what one of its recordings scores

SONGS, LOOP_QUERIES, QUICK_SONGS, QUICK_LOOPS = 100, 80, 12, 8
SONG_SECONDS, QUERY_SECONDS, PIECE_SECONDS, VERSION_SECONDS = 100.0, 40.0, 60.0, 75.0
MORE_SONGS, QUICK_MORE = (400, 1_200), (8,)  # further recordings in the catalogue, in all
FOLLOWING: Final = ("melody-cond", "cover")  # kinds of AI outputs that follow a melody
RATE: Final = CompositionParams().sample_rate

ABOUT: Final = f"""\
A *rendition* is a generated song played again: other instruments, key, tempo (half of them by up to a quarter), tuning,
arrangement and room; {QUERY_SECONDS:g} s of it are searched. Some have the melody alone, or lack it. *Versions* are
other takes and arrangements of a recording, listed with the corpus, and AI outputs are those that a melody was given
to. *On top* is the share of queries whose own work scores best, the other columns the share that is on top at a stated
probability, or claimed.

The songs come from the generator that the layer was trained with, though from other seeds and played by other
instruments: they measure the way from audio to key, tempo and span, and say little about real music. The versions do.

*By chance* are all searches without the own work: renditions, versions and outputs once that is taken out, loops of
progressions that thousands of songs share, strangers to the catalogue and music of generative systems. The share
observed must not be above the probability stated.

*Size*: the same queries against the same catalogue with further songs in it, each as long as the others. Every
recording is compared, so nothing is lost to a shortlist; what is lost is lost to better rivals."""


@dataclass(frozen=True, slots=True)
class Query:
    """Audio to search for.

    Attributes
    ----------
    kind : str
        Row of the report.
    name : str
        Of the query, for the report.
    windows : tuple of CompositionWindows
        At each time scale.
    work : str
        The work that it plays; empty for none of the catalogue.
    itself : str
        The recording that it was taken from, left out of the search.
    start_seconds, change : float, Change
        Of a rendition: where in the song it starts, and how it differs.
    """

    kind: str
    name: str
    windows: tuple[CompositionWindows, ...]
    work: str = ""
    itself: str = ""
    start_seconds: float = 0.0
    change: Change = field(default_factory=Change)


def measure(job: Job) -> Report:
    """Return what each query found, and what it found without its own work.

    Parameters
    ----------
    job : Job
        The corpus and the means.
    """
    one_thread()
    n_songs, n_loops = (QUICK_SONGS, QUICK_LOOPS) if job.quick else (SONGS, LOOP_QUERIES)
    report = new_report("composition", job, songs=n_songs, loops=n_loops, query_seconds=QUERY_SECONDS)
    before = time.process_time()
    catalogue, queries = queries_of(job.corpus, n_songs=n_songs, n_loops=n_loops, seed=job.seed, quick=job.quick)
    report["described_seconds"] = time.process_time() - before
    report["catalogue"] = {
        "recordings": len(catalogue),
        "hours": sum(one.windows.duration_seconds for one in catalogue) / 3600.0,
    }
    made = in_parallel(
        _searched, queries, jobs=job.jobs, what="queries for works", prepare=_prepare, given=(catalogue,)
    )
    report["queries"] = list(made)
    known = [query for query in queries if query.work]
    report["sizes"] = list(_sizes(job, catalogue, known, QUICK_MORE if job.quick else MORE_SONGS))
    return report


def _sizes(
    job: Job, catalogue: list[RecordedWork], queries: Sequence[Query], more: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """Yield what queries with a work find as the catalogue grows."""
    hours = sum(one.windows.duration_seconds for one in catalogue) / 3600.0
    found = _all_followed(job, queries, catalogue, cohort=None)
    n = len(catalogue)
    yield {"recordings": n, "hours": hours, "queries": _standings(queries, found)}
    for first, last in pairwise([0, *more]):
        seeds = [(job.seed, 14, number) for number in range(first, last)]
        songs = list(in_parallel(_distractor, seeds, jobs=job.jobs, what="further songs"))
        further = _all_followed(job, queries, songs, cohort=[])
        found = [[*one, *other] for one, other in zip(found, further, strict=True)]
        hours += sum(one.windows.duration_seconds for one in songs) / 3600.0
        n += len(songs)
        yield {"recordings": n, "hours": hours, "queries": _standings(queries, found)}


def _distractor(seed: tuple[int, int, int]) -> RecordedWork:
    rng = np.random.default_rng(seed)
    change = Change(semitones=float(rng.integers(-6, 7)), drums=bool(rng.random() < 0.5))
    song = random_song(rng, seconds=80.0)
    return RecordedWork(f"further {seed[-1]}", describe(excerpt(song, 0.0, SONG_SECONDS, change, rng)))


def _all_followed(
    job: Job, queries: Sequence[Query], catalogue: list[RecordedWork], *, cohort: list[CompositionWindows] | None
) -> list[list[_Score]]:
    """Return scores and works of the best recordings for each query, without the recording that it was taken from."""
    made = in_parallel(
        _followed, queries, jobs=job.jobs, what="queries for works", prepare=_prepare, given=(catalogue, cohort)
    )
    return list(made)


def _standings(queries: Sequence[Query], found: Sequence[Sequence[_Score]]) -> list[dict[str, Any]]:
    """Return for each query whether its own work is on top, and at which probability."""
    out = []
    for query, scores in zip(queries, found, strict=True):
        own = max((score for work, score in scores if work == query.work), default=0.0)
        best: dict[str, float] = {}
        for work, score in scores:
            if work != query.work:
                best[work] = max(score, best.get(work, 0.0))
        top = own > max(best.values(), default=0.0)
        out.append({"kind": query.kind, "top": top, "p": chance_of(own, list(best.values())).p if top else 1.0})
    return out


def queries_of(
    corpus: Corpus, *, n_songs: int, n_loops: int, seed: int = 0, quick: bool = False
) -> tuple[list[RecordedWork], list[Query]]:
    """Return the catalogue and the queries of a run."""
    catalogue: list[RecordedWork] = []
    queries: list[Query] = []
    versions = _listed(corpus, "versions.tsv")
    # Other recordings of a version's source may be the same piece, under no work.
    origins = {row.get("origin", "") for row in versions}
    rows = [row for row in corpus.music if row.source not in origins]
    catalogue += [RecordedWork(row.file, describe(y)) for row, y in _heard(corpus, rows[: 12 if quick else None])]
    for number in range(n_songs):
        song, name = random_song(np.random.default_rng((seed, 11, number)), seconds=80.0), f"song {number}"
        rng = np.random.default_rng((seed, 12, number))
        reference = Change(semitones=float(rng.integers(-6, 7)), drums=bool(rng.random() < 0.5))
        y = excerpt(song, 0.0, SONG_SECONDS, reference, rng)
        catalogue.append(RecordedWork(name, describe(y), name))
        change = _change(rng, reference)
        start = float(rng.uniform(0.0, max(0.0, _seconds(song) - QUERY_SECONDS * change.tempo)))
        y = excerpt(song, start, QUERY_SECONDS * change.tempo, change, rng)
        relative = Change(change.semitones - reference.semitones, change.tempo, change.kept, change.drums)
        kind = "rendition" if len(change.kept) == 3 else f"rendition, {' and '.join(change.kept)} only"
        queries.append(Query(kind, name, describe_track(y), name, start_seconds=start, change=relative))
    for number in range(n_loops):
        rng = np.random.default_rng((seed, 13, number))
        song = loop_song(rng, list(LOOPS)[number % len(LOOPS)], seconds=QUERY_SECONDS + 5.0)
        y = excerpt(song, 0.0, QUERY_SECONDS, Change(drums=bool(rng.random() < 0.5)), rng)
        queries.append(Query("loops", f"loop {number}", describe_track(y)))
    for version in versions:
        y = corpus.load(version["file"], sample_rate=RATE)
        catalogue.append(RecordedWork(version["file"], describe(y), version["group"]))
        windows = describe_track(y[: int(VERSION_SECONDS * RATE)])
        queries.append(Query("version", version["file"], windows, version["group"], itself=version["file"]))
    pairs = [pair for pair in corpus.pairs if pair.kind in FOLLOWING]
    for file in dict.fromkeys(pair.source_file for pair in pairs):
        catalogue.append(RecordedWork(file, describe(corpus.load(file, sample_rate=RATE)), file))
    for pair in pairs:
        windows = describe_track(corpus.load(pair.output_file, sample_rate=RATE))
        queries.append(Query(f"AI, {pair.kind}", pair.output_file, windows, pair.source_file))
    strangers = [(row["file"], "strangers") for row in _listed(corpus, "strangers.tsv")]
    generated = [(row.file, "generated") for row, _ in _heard(corpus, corpus.generated)]
    for file, kind in [*strangers[: 5 if quick else None], *generated[: 5 if quick else None]]:
        pieces = _pieces(corpus.load(file, sample_rate=RATE))
        queries += [Query(kind, f"{file} {number}", describe_track(piece)) for number, piece in enumerate(pieces)]
    return catalogue, queries


def excerpt(song: Song, start: float, seconds: float, change: Change, rng: np.random.Generator) -> Samples:
    """Return samples of a rendition of a stretch of a song, both in seconds at the song's own tempo."""
    beat = song.tempo / 60.0
    notes = song.notes
    first, last = start * beat, min((start + seconds) * beat, song.beats)
    kept = notes[(notes[:, 0] >= first) & (notes[:, 0] < last)].copy()
    kept[:, 0] -= first
    return sound(arrange(Song(kept, last - first, song.tempo), rng, change), rng)


def searched(query: Query, catalogue: Sequence[RecordedWork]) -> dict[str, Any]:
    """Return the results of one query: with its own work where it has one, and by chance without it."""
    before = time.process_time()
    followed = follow_works(query.windows, [one for one in catalogue if one.recording_id != query.itself])
    seconds = time.process_time() - before
    own = [one for one in followed if query.work and one.recording.work_id == query.work]
    others = [one for one in followed if not query.work or one.recording.work_id != query.work]
    out: dict[str, Any] = {"kind": query.kind, "name": query.name, "search_seconds": seconds, "known": bool(query.work)}
    out["chance"] = _best(others)
    if query.work:
        best = max(own, key=lambda one: one.score, default=None)
        rivals = _scores(others)
        out["top"] = best is not None and best.score > max(rivals, default=0.0)
        out["p"] = chance_of(best.score, rivals).p if best is not None and out["top"] else 1.0
        claimed = {match.work_id: match.state for match in decide_works(followed)}
        out["state"] = claimed.get(query.work, "silence")
        if best is not None and out["top"] and query.kind.startswith("rendition"):
            out["place"] = _placed(best, query)
    return out


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    return run_command(PART, arguments)


# --- helpers ----------------------------------------------------------------------------------------------------------


def _scores(followed: Sequence[FollowedWork]) -> list[float]:
    """Return the best score of each work."""
    best: dict[str, float] = {}
    for one in followed:
        work = one.recording.work_id or one.recording.recording_id
        best[work] = max(one.score, best.get(work, 0.0))
    return list(best.values())


def _best(followed: Sequence[FollowedWork]) -> dict[str, Any]:
    """Return the probability that is stated for the best of these recordings, all of them wrong, and its state."""
    scores = sorted(_scores(followed), reverse=True)
    matches = decide_works(followed)
    p = chance_of(scores[0], scores[1:]).p if scores else 1.0
    return {"p": p, "state": matches[0].state if matches else "silence"}


def _placed(found: FollowedWork, query: Query) -> dict[str, Any]:
    best = found.passages[0]
    expected = query.start_seconds + best.track_start * query.change.tempo
    return {
        "start_error": best.recording_start - expected,
        "tempo_error": best.tempo_ratio / query.change.tempo - 1.0,
        "transposition_right": (best.transposition_semitones - round(query.change.semitones)) % 12 == 0,
        "covered": (best.track_end - best.track_start) / query.windows[0].duration_seconds,
    }


def _change(rng: np.random.Generator, reference: Change) -> Change:
    drawn = rng.random()
    kept: tuple[str, ...] = reference.kept
    if drawn < 0.3:
        kept = (("melody",), ("chords", "bass"), ("melody", "bass"))[int(drawn * 10)]
    tempo = float(rng.uniform(0.8, 1.25)) if rng.random() < 0.5 else 1.0
    return Change(float(rng.integers(-6, 7)) + float(rng.uniform(-0.3, 0.3)), tempo, kept, bool(rng.random() < 0.5))


def _seconds(song: Song) -> float:
    return song.beats * 60.0 / song.tempo


def _heard(corpus: Corpus, rows: Sequence[TrackRow]) -> Iterator[tuple[TrackRow, Samples]]:
    """Yield the samples of the rows that are there; the report names the others."""
    missing = set(corpus.missing())
    for row in rows:
        if row.file not in missing:
            with contextlib.suppress(AudioError):
                yield row, corpus.load(row.file, sample_rate=RATE)


def _listed(corpus: Corpus, name: str) -> list[dict[str, str]]:
    """Return the rows of a list that lies in the corpus beside the others; none where it does not."""
    path = corpus.path(name)
    if path is None or not Path(path).is_file():
        return []
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def _pieces(y: Samples) -> Iterator[Samples]:
    size = int(PIECE_SECONDS * RATE)
    for start in range(0, max(1, y.size - size // 2), size):
        yield y[start : start + size]


_catalogue: list[RecordedWork] = []
_cohort: list[list[CompositionWindows] | None] = [None]


def _prepare(catalogue: list[RecordedWork], cohort: list[CompositionWindows] | None = None) -> None:
    _catalogue[:] = catalogue
    _cohort[0] = cohort


def _followed(query: Query) -> list[_Score]:
    others = [one for one in _catalogue if one.recording_id != query.itself]
    followed = follow_works(query.windows, others, cohort=_cohort[0])
    return [(one.recording.work_id or one.recording.recording_id, one.score) for one in followed]


def _searched(query: Query) -> dict[str, Any]:
    return searched(query, _catalogue)


PART: Final = Part(
    name="composition",
    title="Works, not only recordings",
    question="How often is a work found in another performance, and how often by chance?",
    about=ABOUT,
    measure=measure,
    tables=shown.tables,
    figures=shown.figures,
    pictures=shown.pictures,
)


if __name__ == "__main__":
    sys.exit(main())
