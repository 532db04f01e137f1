"""Copies in the catalogue: how many recordings of the same audio are named beside the one that is found.

    python -m benchmarks.copies                           18 recordings, on $SOURCEPRINT_CORPUS or synthesised music
    python -m benchmarks.copies --quick                   four recordings

Recordings and their copies are put in small catalogues, excerpts are searched for at the default threshold, and the
reported and named recordings are compared with those that hold the audio.
"""

from __future__ import annotations

import functools
import itertools
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import soxr
from numpy.typing import NDArray

from benchmarks.data.corpus import Corpus, TrackRow
from benchmarks.distortion import codecs, effects
from benchmarks.distortion.conditions import EQUALISER
from benchmarks.harness import in_parallel, one_thread, wilson_interval
from benchmarks.part import Figure, Job, Part, Picture, Report, Table, new_report, run_command
from benchmarks.train_projection import trained_on
from benchmarks.trials import spread
from fingerprint.extract import fingerprint_signal
from fingerprint.landmarks import Fingerprint
from fingerprint.params import Params
from index.folder.index import Index, Recording
from index.search.match import STANDARD, match_track
from index.search.matches import MatchResult
from index.storage.layers import recording_landmarks
from index.storage.manifest import layer_specs
from index.storage.snapshot import Snapshot
from index.vectors.exact import EXACT_LIMIT, use_threads
from sourceprint.demo.transformations import rms

__all__ = ["KINDS", "PART", "main", "measure"]

Samples = NDArray[np.float32]

RATE_HZ: Final = 44_100
RECORDING_SECONDS: Final = 30.0
TRACK_SECONDS: Final = (10.0, 22.0)
SHIFT_SECONDS: Final = 2.0
RECORDINGS, MANY_OF = 18, 6  # recordings in all, and those of which there are twenty copies
QUICK_RECORDINGS, QUICK_MANY_OF = 4, 1

KINDS: Final = ("MP3 at 128 kbps", "shifted by 2 s, MP3 at 64 kbps", "equalised, MP3 at 128 kbps")
MANY: Final = "twenty copies"
LAYOUTS: Final = ("exact, copies added later", "exact, copies added first", "compressed, copies added later")
QUERIES: Final = ("MP3 at 96 kbps", "white noise at 0 dB")

ABOUT: Final = f"""\
Catalogues hold copies, and which of them was used cannot be told from the sound. So whatever holds the same audio as
the recording that is found has to be named beside it, or money goes to one owner by chance. Excerpts of
{RECORDING_SECONDS:g} s are recordings, on held-out sources; each has a copy, in a catalogue of its own for each kind of
copy and each way of adding it. What is searched is {TRACK_SECONDS[1] - TRACK_SECONDS[0]:g} s of the original, as MP3 or
under noise. A copy is *named* where original and copy both stand in the result, one as the match and the other beside
it; *residue* is where both are matches, the second on landmarks that the first left over; *not named* where it is
missing. Of {MANY_OF} recordings there are twenty copies at five bit rates, equalised or not, shifted or not."""

_RATES_KBPS: Final = (64, 96, 128, 192, 256)


@dataclass(frozen=True, slots=True)
class _Task:
    """A recording, and whether twenty copies of it are wanted."""

    row: TrackRow
    number: int
    many: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Family:
    """A recording, its copies by kind, and excerpts of it to search for."""

    number: int
    original: Fingerprint
    copies: dict[str, Fingerprint]
    many: tuple[Fingerprint, ...]
    queries: dict[str, Fingerprint]


def measure(job: Job) -> Report:
    """Return, for each kind of copy, catalogue and query, in how many trials all copies were named.

    Parameters
    ----------
    job : Job
        The corpus and the means.
    """
    known = trained_on()
    gone = set(job.corpus.missing())
    rows = [row for row in job.corpus.music if row.source not in known and row.file not in gone]
    n_recordings = QUICK_RECORDINGS if job.quick else RECORDINGS
    n_many = QUICK_MANY_OF if job.quick else MANY_OF
    drawn = spread(rows, min(n_recordings, len(rows)), np.random.default_rng([job.seed, 80]))
    tasks = [_Task(row, number, number < n_many) for number, row in enumerate(drawn)]
    families = list(
        in_parallel(_family, tasks, jobs=job.jobs, what="recordings", prepare=_prepare, given=(job.corpus,))
    )
    report = new_report("copies", job, recordings=[row.file for row in drawn], seconds=RECORDING_SECONDS)
    _prepare(job.corpus)
    trials: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="sourceprint-copies-") as folder:
        for number, (kind, layout) in enumerate(itertools.product((*KINDS, MANY), LAYOUTS)):
            trials += _trials(kind, layout, families, Path(folder) / str(number))
    report["trials"] = trials
    report["rows"] = list(_summaries(trials))
    return report


def _summaries(trials: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield one row for each kind of copy, catalogue and query."""
    for kind, layout, query in itertools.product((*KINDS, MANY), LAYOUTS, QUERIES):
        ours = [t for t in trials if (t["kind"], t["layout"], t["query"]) == (kind, layout, query)]
        if ours:
            yield {
                "kind": kind,
                "layout": layout,
                "query": query,
                "trials": len(ours),
                "found": sum(t["matches"] > 0 for t in ours),
                "named": sum(t["outcome"] == "named" for t in ours),
                "residue": sum(t["outcome"] == "residue" for t in ours),
                "not_named": sum(t["outcome"] == "not named" for t in ours),
                "copies": sum(t["copies"] for t in ours),
                "copies_named": sum(t["copies_named"] for t in ours),
                "strangers": sum(bool(t["strangers"]) for t in ours),
                "least_landmarks": min((t["least_landmarks"] for t in ours if t["copies_named"]), default=None),
            }


def tables(report: Report) -> list[Table]:
    """Return the table of a report."""
    header = (
        *("copies", "catalogue", "searched for", "trials", "found", "all named", "residue", "not named"),
        *("copies named", "strangers named", "least landmarks"),
    )
    rows = [
        (
            *(row["kind"], row["layout"], row["query"]),
            *(str(row[key]) for key in ("trials", "found", "named", "residue", "not_named")),
            f"{row['copies_named']} of {row['copies']}",
            str(row["strangers"]),
            "" if row["least_landmarks"] is None else f"{100 * row['least_landmarks']:.0f} %",
        )
        for row in report["rows"]
    ]
    note = (
        "Found: original or copy is reported. Strangers: other recordings that are reported or named. Least landmarks: "
        "of a copy that is named, against those of the recording beside which it is named."
    )
    return [Table("Copies named beside what is found", header, rows, note)]


def figures(report: Report) -> list[Figure]:
    """Return the figures that are compared between versions."""
    rows = report["rows"]
    found, named = sum(row["found"] for row in rows), sum(row["named"] for row in rows)
    if not found:
        return []
    low, high = wilson_interval(named, found)
    detail = f"{named} of {found} trials in which something is found, {100 * low:.1f}-{100 * high:.1f} %"
    return [
        Figure("every copy named beside what is found", 100.0 * named / found, "%", "higher", detail, 100.0),
        Figure("copies reported as a match of their own", float(sum(row["residue"] for row in rows)), "", "lower",
               f"of {found} trials", 0.0),
    ]  # fmt: skip


def pictures(report: Report, folder: Path) -> list[Picture]:
    """Draw nothing: the table has all there is."""
    return []


# --- recordings and tracks --------------------------------------------------------------------------------------------


class _Worker:
    """State that a worker process keeps between tasks."""

    corpus: Corpus


def _prepare(corpus: Corpus) -> None:
    one_thread()
    use_threads(1)
    _Worker.corpus = corpus


def _family(task: _Task) -> _Family:
    y = _Worker.corpus.load(task.row.file, sample_rate=RATE_HZ)
    n, lead = round(RECORDING_SECONDS * RATE_HZ), round(SHIFT_SECONDS * RATE_HZ)
    start = max(lead, (y.size - n) // 2)
    before, original = y[start - lead : start], y[start : start + n]
    copies = {
        KINDS[0]: codecs.mp3(original, RATE_HZ, kbps=128),
        KINDS[1]: codecs.mp3(np.concatenate([before, original]), RATE_HZ, kbps=64),
        KINDS[2]: codecs.mp3(effects.equalise(original, RATE_HZ, EQUALISER), RATE_HZ, kbps=128),
    }
    low, high = (round(at * RATE_HZ) for at in TRACK_SECONDS)
    used = original[low:high]
    noise = np.random.default_rng([81, task.number]).standard_normal(used.size).astype(np.float32)
    queries = {
        QUERIES[0]: codecs.mp3(used, RATE_HZ, kbps=96),
        QUERIES[1]: used + noise * (rms(used) / rms(noise)),
    }
    return _Family(
        task.number,
        _described(original),
        {kind: _described(copy) for kind, copy in copies.items()},
        tuple(_described(copy) for copy in _many(before, original)) if task.many else (),
        {name: _described(track, query=True) for name, track in queries.items()},
    )


def _many(before: Samples, original: Samples) -> Iterator[Samples]:
    """Yield twenty copies, all of them different."""
    for kbps, is_equalised, is_shifted in itertools.product(_RATES_KBPS, (False, True), (False, True)):
        copy = np.concatenate([before, original]) if is_shifted else original
        copy = effects.equalise(copy, RATE_HZ, EQUALISER) if is_equalised else copy
        yield codecs.mp3(copy, RATE_HZ, kbps=kbps)


def _described(y: Samples, *, query: bool = False) -> Fingerprint:
    resampled: Samples = soxr.resample(y, RATE_HZ, Params().sample_rate)
    if query:
        return fingerprint_signal(resampled, role="track", scales=STANDARD.scales)
    return fingerprint_signal(resampled)


# --- trials -----------------------------------------------------------------------------------------------------------


def _trials(kind: str, layout: str, families: Sequence[_Family], folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the result of each excerpt in one catalogue: recordings found and named."""
    ours = [family for family in families if kind != MANY or family.many]
    if not ours:
        return
    copies = {family.number: family.many if kind == MANY else (family.copies[kind],) for family in ours}
    originals = [(f"original-{family.number}", family.original) for family in families]
    added = [(f"copy-{number}-{k}", one) for number, several in copies.items() for k, one in enumerate(several)]
    commits = [added, originals] if layout.endswith("first") else [originals, added]
    snapshot = _catalogue(folder, commits, exact_limit=100 if layout.startswith("compressed") else EXACT_LIMIT)
    for family in ours:
        wanted = {
            f"original-{family.number}",
            *(f"copy-{family.number}-{k}" for k in range(len(copies[family.number]))),
        }
        for name, query in family.queries.items():
            judged = _judged(match_track(query, snapshot), wanted)
            yield {"kind": kind, "layout": layout, "query": name, "recording": family.number, **judged}


def _catalogue(folder: Path, commits: Sequence[Sequence[tuple[str, Fingerprint]]], *, exact_limit: int) -> Snapshot:
    index = Index.create(folder, layer_specs())
    for commit in commits:
        with index.writer(exact_limit=exact_limit) as writer:
            for name, described in commit:
                recording = Recording(name, duration_ms=round(1000 * described.duration_seconds))
                writer.add(recording, recording_landmarks(described))
    return index.snapshot()


def _judged(result: MatchResult, wanted: set[str]) -> dict[str, Any]:
    """Return how a search names the recordings that are wanted: all of them hold the audio of the query."""
    matched = {match.recording.id: match for match in result.matches}
    beside = {other for match in result.matches for passage in match.passages for other in passage.also_fits}
    right = sorted(matched.keys() & wanted)
    named = (set(right) | beside) & wanted
    outcome = "named"
    if len(right) > 1:
        outcome = "residue"
    elif not right:
        outcome = "nothing found"
    elif named != wanted:
        outcome = "not named"
    shares = [
        other.aligned_landmarks / passage.aligned_landmarks
        for name in right
        for passage in matched[name].passages
        for other in passage.alternatives
    ]
    return {
        "outcome": outcome,
        "matches": len(right),
        "copies": len(wanted) - 1,
        "copies_named": max(len(named) - 1, 0),
        "strangers": sorted((matched.keys() | beside) - wanted),
        "least_landmarks": min(shares, default=0.0),
    }


PART = Part(
    name="copies",
    title="Forced replication: copies in the catalogue",
    question="Is every copy in the catalogue named beside the recording that is found?",
    about=ABOUT,
    measure=measure,
    tables=tables,
    figures=figures,
    pictures=pictures,
)
main = functools.partial(run_command, PART)

if __name__ == "__main__":
    sys.exit(main())
