"""Forced replication: how much of a track comes from which recordings, and how exactly a search says so.

    python -m benchmarks.replication                           120 tracks, on $SOURCEPRINT_CORPUS or synthesised music
    python -m benchmarks.replication --quick --pictures DIR    twelve tracks of a minute

Tracks that reuse the catalogue by a known amount are made (`benchmarks.splicing`), searched for at the default
threshold, and the attributed passages are scored against the truth (`benchmarks.attribution`). Tracks and answers are
kept one by one, so a run that was stopped goes on where it was. How it looks is in `benchmarks.replication_report`.
"""

from __future__ import annotations

import functools
import io
import itertools
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile

from benchmarks import replication_report as shown
from benchmarks.attribution import COVERED, Judged, found_in, judge
from benchmarks.catalogues import LAYER, Side, left_out, sides
from benchmarks.data.corpus import Corpus, TrackRow, identity
from benchmarks.harness import (
    DISTORTION_CODE,
    content_key,
    in_parallel,
    json_bytes,
    one_thread,
    source_digest,
    write_atomically,
)
from benchmarks.part import Job, Part, Report, new_report, run_command
from benchmarks.splicing import (
    FADE_SECONDS,
    GAP_SECONDS,
    RATE_HZ,
    SHORTEST_SECONDS,
    TRANSFORMATIONS,
    Piece,
    Plan,
    draw_plan,
    render,
)
from fingerprint.errors import AudioError
from fingerprint.extract import fingerprint_file
from index.folder.index import Index
from index.search.match import STANDARD, match_track
from index.storage.snapshot import Snapshot
from index.vectors.exact import use_threads

__all__ = ["PART", "PERCENTS", "main", "measure", "summary"]

PERCENTS: Final = (5.0, 10.0, 15.0, 25.0, 50.0, 100.0)
MOST_SOURCES: Final = 4
TRACK_SECONDS: Final = (60.0, 120.0)
QUICK_SECONDS: Final = 60.0

ABOUT: Final = f"""\
Labels pay and are paid by shares of a track. So tracks are made of which the share is known: a host of other
music, joined from clips that are not in the catalogue, one to two minutes long, into which 5 to 100 % of catalogue
audio is put. One to four recordings give it, in pieces of at least {SHORTEST_SECONDS:g} s (so short shares have fewer
sources) that follow each other in any order, faded over {1000 * FADE_SECONDS:g} ms and divided by at least
{GAP_SECONDS:g} s of host where there is any; in place of the host or over it at the same level; as they are, as MP3 at
64 kbps, two semitones higher, 8 % faster, or rebuilt from a mel spectrogram of 80 bands as neural vocoders do. Each
track takes its sources from one side of the split, and is searched for with the projection that was not trained on
them, among all recordings.

A piece is *found* if matched passages of its recording cover half of it. The *attributed share* of a recording is the
union of its matched passages over the length of the track; its error is in percentage points, and a recording that is
missed counts with all of its share. *Twice* are the seconds attributed to several recordings where only one is heard;
*strangers* those attributed to recordings that the track does not use, *overhang* those attributed to the right
recording where it is not heard. Where a search names one recording and says that another fits as well, the true one
counts; how often that was needed is noted. Tracks of one set of recordings are not independent, so intervals are
somewhat too narrow."""


@dataclass(frozen=True, slots=True)
class _Task:
    """A track to make and to search for."""

    plan: Plan
    side: Side
    sources: str
    cache: str


def measure(job: Job) -> Report:
    """Return the result for each track, and summaries by share, transformation, number of sources and layering.

    Parameters
    ----------
    job : Job
        The corpus and the means.
    """
    made = sides(job.corpus, job.cache, jobs=job.jobs)
    tasks = _tasks(job, made)
    report = new_report(
        "replication",
        job,
        tracks=len(tasks),
        percents=list(PERCENTS),
        transformations=list(TRANSFORMATIONS),
        shortest_piece_seconds=SHORTEST_SECONDS,
        gap_seconds=GAP_SECONDS,
        fade_seconds=FADE_SECONDS,
        layered_db=0.0,
        hosts="generated" if job.corpus.generated else "synthesised",
        covered=COVERED,
    )
    tracks = list(
        in_parallel(_track, tasks, jobs=job.jobs, what="tracks that reuse", prepare=_prepare, given=(job.corpus,))
    )
    example = max(tracks, key=lambda one: (one["sources"] == shown.HELD_OUT, len(one["shares"]),
                                           one["percent"] == 50.0, not one["layered"], -one["number"]))  # fmt: skip
    report["example"] = {key: example[key] for key in ("number", "percent", "transformation", "layered", "seconds",
                                                       "truth", "found")}  # fmt: skip
    report["tracks"] = [{key: value for key, value in one.items() if key not in ("truth", "found")} for one in tracks]
    report["rows"] = _rows(report["tracks"])
    return report


def summary(tracks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return one row from the tracks that belong to it.

    Parameters
    ----------
    tracks : sequence of dict
        As in the report: `pieces`, `shares` and the seconds of `Judged`, times in seconds.
    """
    pieces = [piece for track in tracks for piece in track["pieces"]]
    found = [piece for piece in pieces if piece["found"]]
    shares = [pair for track in tracks for pair in track["shares"]]
    boundaries = [abs(piece[key]) for piece in found for key in ("start_error", "end_error")]
    errors = [abs(attributed - true) for true, attributed in shares]
    totals = [abs(track["attributed_percent"] - track["true_percent"]) for track in tracks]
    return {
        "tracks": len(tracks),
        "pieces": len(pieces),
        "pieces_found": len(found),
        "recordings": len(shares),
        "recordings_found": sum(attributed > 0 for _, attributed in shares),
        "boundary_median": _quantile(boundaries, 0.5),
        "boundary_p90": _quantile(boundaries, 0.9),
        "start_bias": _quantile([piece["start_error"] for piece in found], 0.5),
        "end_bias": _quantile([piece["end_error"] for piece in found], 0.5),
        "reference_median": _quantile([piece["reference_error"] for piece in found], 0.5),
        "share_mean": _mean(errors),
        "share_interval": _interval(errors),
        "share_median": _quantile(errors, 0.5),
        "share_p90": _quantile(errors, 0.9),
        "share_bias": _mean([attributed - true for true, attributed in shares]),
        "total_mean": _mean(totals),
        "double_seconds": sum(track["double_seconds"] for track in tracks),
        "stranger_seconds": sum(track["stranger_seconds"] for track in tracks),
        "overhang_seconds": sum(track["overhang_seconds"] for track in tracks),
        "seconds": sum(track["seconds"] for track in tracks),
        "by_also_fits": sum(track["by_also_fits"] for track in tracks),
        "with_strangers": sum(bool(track["strangers"]) for track in tracks),
    }


# --- helpers ----------------------------------------------------------------------------------------------------------


def _tasks(job: Job, made: Sequence[Side]) -> list[_Task]:
    """Return the tracks: every share with every transformation, layered and not, on both sides of the split."""
    gone = set(job.corpus.missing())
    rows: dict[str, list[TrackRow]] = {}
    for side in made:
        unusable = gone | set(left_out(side.index))
        rows[side.index] = [r for r in job.corpus.music if r.source in side.sources and r.file not in unusable]
    with_music = [side for side in made if rows[side.index]]
    rng = np.random.default_rng([job.seed, 70])
    cells = _cells(job.quick)
    if job.quick:
        drawn = [(cell, with_music[i % len(with_music)]) for i, cell in enumerate(cells)]
    else:
        drawn = [(cell, with_music[k % len(with_music)]) for k in range(2) for cell in cells]
    counts = rng.permutation([1 + i % MOST_SOURCES for i in range(len(drawn))])
    tasks = []
    for number, ((percent, transformation, layered), side) in enumerate(drawn):
        seconds = QUICK_SECONDS if job.quick else round(float(rng.uniform(*TRACK_SECONDS)), 1)
        plan = draw_plan(
            number, rows[side.index], percent=percent, transformation=transformation, layered=layered,
            n_sources=int(counts[number]), seconds=seconds, seed=job.seed,
        )  # fmt: skip
        sources = shown.HELD_OUT if side is made[0] else shown.DEVELOPMENT
        tasks.append(_Task(plan, side, sources, str(job.cache / "replication")))
    return tasks


def _cells(quick: bool) -> list[tuple[float, str, bool]]:
    """Return share, transformation, layered: all combinations, or in the short version two of each share."""
    names = list(TRANSFORMATIONS)
    if not quick:
        return list(itertools.product(PERCENTS, names, (False, True)))
    return [
        (percent, names[(2 * i + k) % len(names)], bool((i + k) % 2))
        for i, percent in enumerate(PERCENTS)
        for k in (0, 1)
    ]


class _Worker:
    """State that a worker process keeps between tasks."""

    corpus: Corpus


def _prepare(corpus: Corpus) -> None:
    one_thread()
    use_threads(1)
    _Worker.corpus = corpus
    _made_by.cache_clear()


@functools.cache
def _made_by() -> tuple[str, str, str]:
    """Return digests of the corpus, of the code that makes tracks, and of the code that searches and judges them."""
    return (
        content_key(identity(_Worker.corpus)),
        source_digest("benchmarks/splicing.py", *DISTORTION_CODE),
        source_digest("fingerprint", "index", "benchmarks/attribution.py"),
    )


@functools.cache
def _snapshot(index: str) -> Snapshot:
    return Index.open(index).snapshot()


def _track(task: _Task) -> dict[str, Any]:
    corpus, making, searching = _made_by()
    key = content_key(corpus, making, asdict(task.plan))
    answer = Path(task.cache) / f"{key}-{content_key(searching, Path(task.side.index).name)}.json"
    if not answer.exists():
        pieces, path = _rendered(task.plan, Path(task.cache) / f"{key}.flac")
        write_atomically(answer, json_bytes(_answered(task, pieces, path)))
    known: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    return known | {"sources": task.sources}


def _rendered(plan: Plan, path: Path) -> tuple[list[Piece], Path]:
    """Return the pieces of a track and its file, from the cache or made now."""
    note = path.with_suffix(".json")
    if not note.exists():
        y, pieces = render(plan, _Worker.corpus)
        buffer = io.BytesIO()
        soundfile.write(buffer, y, RATE_HZ, format="FLAC", subtype="PCM_16")
        write_atomically(path, buffer.getvalue())
        write_atomically(note, json_bytes([asdict(piece) for piece in pieces]))
    return [Piece(**piece) for piece in json.loads(note.read_text(encoding="utf-8"))], path


def _answered(task: _Task, pieces: Sequence[Piece], path: Path) -> dict[str, Any]:
    params, projection = task.side.load()
    plan = task.plan
    try:
        query = fingerprint_file(path, role="track", scales=STANDARD.scales, params=params, projection=projection)
        found = found_in(match_track(query, _snapshot(task.side.index), options=replace(STANDARD, layer=LAYER)))
        status = ""
    except AudioError as error:  # nothing is found, and that counts
        found, status = [], error.status
    return {
        "number": plan.number,
        "percent": plan.percent,
        "transformation": plan.transformation,
        "layered": plan.layered,
        "seconds": plan.seconds,
        "status": status,
        "truth": [asdict(piece) for piece in pieces],
        "found": [asdict(one) for one in found],
        **_compact(judge(pieces, found, plan.seconds)),
    }


def _compact(judged: Judged) -> dict[str, Any]:
    """Return the entry of a track in the report, times to a millisecond."""

    def short(value: float | None) -> float | None:
        return None if value is None else round(value, 3)

    return {
        "pieces": [
            {
                "seconds": short(one.seconds),
                "found": one.found,
                "start_error": short(one.start_error),
                "end_error": short(one.end_error),
                "reference_error": short(one.reference_error),
            }
            for one in judged.pieces
        ],
        "shares": [[round(true, 3), round(attributed, 3)] for true, attributed in judged.shares.values()],
        "true_percent": short(judged.true_percent),
        "attributed_percent": short(judged.attributed_percent),
        "double_seconds": short(judged.double_seconds),
        "stranger_seconds": short(judged.stranger_seconds),
        "overhang_seconds": short(judged.overhang_seconds),
        "strangers": list(judged.strangers),
        "by_also_fits": judged.by_also_fits,
    }


def _rows(tracks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return summaries: of all tracks, and by each varied parameter; held-out and development sources apart."""
    ways: dict[str, dict[str, Any]] = {
        "all": {"all tracks": lambda track: True},
        "share": {f"{percent:g} %": _is("percent", percent) for percent in PERCENTS},
        "transformation": {name: _is("transformation", name) for name in TRANSFORMATIONS},
        "sources": {str(n): lambda track, n=n: len(track["shares"]) == n for n in range(1, MOST_SOURCES + 1)},
        "layering": {"in place of the host": _is("layered", False), "over the host, 0 dB": _is("layered", True)},
    }
    ways["sources"][f"{MOST_SOURCES + 1} or more"] = lambda track: len(track["shares"]) > MOST_SOURCES
    rows = []
    for way, levels in ways.items():
        for level, belongs in levels.items():
            for sources in (shown.HELD_OUT, shown.DEVELOPMENT, shown.BOTH):
                ours = [t for t in tracks if belongs(t) and sources in (shown.BOTH, t["sources"])]
                if ours:
                    rows.append({"by": way, "level": level, "sources": sources} | summary(ours))
    return rows


def _is(key: str, value: object) -> Any:
    return lambda track: track[key] == value


def _quantile(values: Sequence[float], q: float) -> float | None:
    return float(np.quantile(values, q)) if values else None


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _interval(values: Sequence[float]) -> list[float] | None:
    """Return the 95 % interval of a mean by resampling (percentiles of 2 000 bootstrap means, seeded)."""
    if not values:
        return None
    rng = np.random.default_rng(0)
    drawn = rng.choice(np.asarray(values), size=(2000, len(values)))
    return [float(end) for end in np.quantile(drawn.mean(axis=1), (0.025, 0.975))]


PART = Part(
    name="replication",
    title="Forced replication: how much comes from where",
    question="Which recordings is a track made of, how much of each, and from where to where?",
    about=ABOUT,
    measure=measure,
    tables=shown.tables,
    figures=shown.figures,
    pictures=shown.pictures,
)
main = functools.partial(run_command, PART)

if __name__ == "__main__":
    sys.exit(main())
