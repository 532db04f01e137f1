"""AI systems: recordings found in the outputs of systems that were given them, by kind of method.

    python -m benchmarks.systems                       the list of pairs in the corpus, else an artificial set
    python -m benchmarks.systems --pairs mine.tsv      your own list, as `benchmarks.pairs` describes it

The sources of the pairs are added to the catalogue, the outputs are searched in both modes, and every answer is kept
with its score, found or not. No source is searched with a projection that was trained on it. Answers are cached one by
one, under a key of code, index and audio.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.catalogues import LAYER, Side, changed, described, left_out, sides
from benchmarks.data.corpus import FolderCorpus
from benchmarks.harness import content_key, in_parallel, json_bytes, one_thread, source_digest, write_atomically
from benchmarks.pairs import EXPECTATIONS, Pair, find_pairs
from benchmarks.part import Job, Part, Report, new_report, run_command
from benchmarks.systems_report import figures, pictures, tables
from benchmarks.train_projection import trained_on
from fingerprint.errors import AudioError
from index.folder.index import Index
from index.search.match import DEFAULT_FALSE_PER_1000H, STANDARD, THOROUGH, match_track
from index.storage.snapshot import Snapshot
from index.vectors.exact import use_threads

__all__ = ["PART", "agreement", "judged", "main", "summary"]

MODES: Final = {"standard": STANDARD, "thorough": THOROUGH}
LOOSE_FALSE_PER_1000H = 1000.0
"""Weaker passages have no score: chance makes one in an hour."""
DIAGONAL_SECONDS, SAME_CENTS = 0.5, 25.0
QUICK_PER_SYSTEM, QUICK_SOURCES, FULL_SOURCES = 2, 5, 20
_CODE = ("fingerprint", "index", "benchmarks/systems.py", "benchmarks/catalogues.py")

ABOUT = """\
Each pair is a recording and the output that a system made from it. The recordings are added to the catalogue. The
outputs are searched, once as `sourceprint match` searches and once with `--thorough`. The column *recording kept* holds
the expectation of the list, from the method, not from listening: **yes** where the recording itself goes through the
system (a neural codec), **partial** where some of it should survive (an edit by text), **no** where only a melody, a
style or the notes go in and the sound is made anew. Of the first two, more found is better. Of the last nothing has to
be found; a match is named all the same, to be listened to: it is evidence that sound survived, or a false match.

Where a list does not give the alignment of source and output, agreement assumes that the method keeps time and pitch,
as nearly all of them do, so that the passage lies on the diagonal, at a tempo ratio of 1 and 0 cents. That is an
expectation from the method, not a truth. No source was known to the projection that searched for it; where one was, it
has rows of its own. Several outputs may come from one source, so the pairs are not independent and the intervals are
somewhat too narrow.
"""


def measure(job: Job) -> Report:
    """Return the report: for every pair, the matches of its source in both modes; counts by kind and system."""
    quick_sources = QUICK_SOURCES if job.quick else FULL_SOURCES
    listed = find_pairs(
        job.corpus, job.options.get("pairs"), job.cache, jobs=job.jobs, seed=job.seed, sources=quick_sources
    )
    pairs = _some_of_each(listed.pairs) if job.quick and not listed.artificial else listed.pairs
    report = new_report(
        "systems",
        job,
        list=listed.name,
        artificial=listed.artificial,
        max_false_per_1000h=DEFAULT_FALSE_PER_1000H,
        loose_false_per_1000h=LOOSE_FALSE_PER_1000H,
        diagonal_seconds=DIAGONAL_SECONDS,
        same_cents=SAME_CENTS,
    )
    missing = {name: None for pair in pairs for name in pair.missing()}
    there = [pair for pair in pairs if not pair.missing()]
    report["listed"] = {"pairs": len(listed.pairs), "taken": len(pairs), "searched": len(there)}
    report["missing"] = {
        "files": list(missing),
        "pairs": [f"{pair.system}: {pair.output}" for pair in pairs if pair.missing()],
    }
    rows, known = _search(job, there)
    report["sources_in_catalogue"] = known
    report["pairs"] = rows
    report["by_kind"] = summary(rows, "kind")
    report["by_system"] = summary(rows, "system")
    return report


def judged(pair: Pair, source_id: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of one search for a pair: reported or not, score, alignment, and other recordings named.

    Parameters
    ----------
    pair : Pair
        The source to be found, with its offset and pitch where the list gives them.
    source_id : str
        The id of its source in the catalogue.
    answer : mapping
        `reported`: ids at the default limit, first match first; `found`: all passages down to
        `LOOSE_FALSE_PER_1000H`, each with `id`, `also_fits`, `reported`, and spans, ratio, cents and scores.
    """
    own = [one for one in answer["found"] if one["id"] == source_id]
    fits = [one for one in answer["found"] if source_id in one["also_fits"]]
    right = {source_id, *(one["id"] for one in fits if one["reported"])}
    order = [name for name in answer["reported"] if name in right]
    only_fits = bool(order) and source_id not in order
    best = max((fits if only_fits else own or fits), key=lambda one: float(one["score"]), default=None)
    out: dict[str, Any] = {
        "found": bool(order),
        "first": bool(order) and answer["reported"][0] == order[0],
        "only_also_fits": only_fits,
        "score": None,
        "false_per_1000h": None,
        "threshold": answer["threshold"],
        "others": [name for name in answer["reported"] if name not in right],
    }
    if best is not None:
        out |= {key: best[key] for key in ("score", "false_per_1000h", "query_span", "reference_span", "ratio")}
        out |= agreement(best, pair.offset_seconds or 0.0, pair.pitch_cents or 0.0)
    return out


def agreement(passage: Mapping[str, Any], offset_seconds: float, pitch_cents: float) -> dict[str, Any]:
    """Return how far a passage lies from the line and the pitch that are known or expected.

    `time_error` is how far its middle lies from where the source should be heard there, in seconds. `pitch` is "as
    expected" within 25 cents, else "whole semitones" within 25 cents of one, else "other".
    """
    middle = sum(passage["query_span"]) / 2.0
    meant = offset_seconds + middle
    off = passage["cents"] - pitch_cents
    from_semitone = abs(off - 100.0 * round(off / 100.0))
    whole = "whole semitones" if from_semitone <= SAME_CENTS else "other"
    return {
        "cents": passage["cents"],
        "ratio_error_percent": 100.0 * abs(passage["ratio"] - 1.0),
        "time_error": sum(passage["reference_span"]) / 2.0 - meant,
        "cents_error": off,
        "pitch": "as expected" if abs(off) <= SAME_CENTS else whole,
    }


def summary(rows: Sequence[Mapping[str, Any]], by: str) -> list[dict[str, Any]]:
    """Return rows of pairs counted by "kind" or "system", apart by expectation, kind and split."""
    groups: dict[tuple[int, str, str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[EXPECTATIONS.index(row["same_recording"]), row["kind"], row[by], row["split"]].append(row)
    out = []
    for (_, kind, name, split), group in sorted(groups.items()):
        readable = [row for row in group if not row["status"]]
        line: dict[str, Any] = {
            by: name,
            "kind": kind,
            "same_recording": group[0]["same_recording"],
            "same_work": _one_of(row["same_work"] for row in group),
            "split": split,
            "pairs": len(group),
            "sources": len({row["source"] for row in group}),
            "unreadable": len(group) - len(readable),
        }
        for mode in MODES:
            line[mode] = _counted([row[mode] for row in readable], len(group))
        out.append(line)
    return out


# --- helpers ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Files(FolderCorpus):
    """Files by the ids that they have in the index."""

    paths: Mapping[str, Path] = field(default_factory=dict)

    def path(self, file: str) -> Path:
        """Return where the file of an id lies."""
        return self.paths[file]


@dataclass(frozen=True, slots=True)
class _Search:
    """One task: a file, searched in one mode in an index."""

    file: str
    sha256: str
    mode: str
    index: str
    side: Side

    def key(self) -> str:
        """Return the key of its answer."""
        limits = (LOOSE_FALSE_PER_1000H, asdict(MODES[self.mode]))
        return content_key("systems", source_digest(*_CODE), Path(self.index).name, self.sha256, self.mode, limits)


def _search(job: Job, pairs: Sequence[Pair]) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Return a row for each pair, and which sources the catalogue has under another name already."""
    if not pairs:
        return [], []
    made = sides(job.corpus, job.cache, jobs=job.jobs)
    listed = {job.corpus.path(row.file): row for row in job.corpus.music}
    digests = {path: _sha256(path) for pair in pairs for path in (pair.source_path, pair.output_path)}
    ids: dict[str, str] = {}
    sources: dict[str, str] = {}
    for path in dict.fromkeys(pair.source_path for pair in pairs):
        track = listed.get(Path(path))
        ids[path] = f"pair-{digests[path][:16]}" if track is None else track.file
        if track is not None:
            sources[path] = track.source
    titles = {ids[pair.source_path]: pair.source for pair in pairs}
    added = {name: Path(path) for path, name in ids.items() if path not in sources}
    files = _Files(folder=Path(), music=(), paths=added)
    placed = [_placed(pair, sources.get(pair.source_path), made) for pair in pairs]
    indexes = {
        side: str(changed(Path(side.index), job.cache, side, corpus=files, added=added))
        for side in dict.fromkeys(side for _, side in placed)
    }
    tasks = {
        (i, mode): _Search(pair.output_path, digests[pair.output_path], mode, indexes[side], side)
        for i, (pair, (_, side)) in enumerate(zip(pairs, placed, strict=True))
        for mode in MODES
    }
    strangers = {
        name: _Search(str(path), digests[str(path)], "standard", made[0].index, made[0]) for name, path in added.items()
    }
    answers = _answers([*tasks.values(), *strangers.values()], job)
    rows = []
    for i, (pair, (split, side)) in enumerate(zip(pairs, placed, strict=True)):
        refused = left_out(indexes[side]).get(ids[pair.source_path])
        row = {key: value for key, value in asdict(pair).items() if not key.endswith("_path")} | {"split": split}
        for mode in MODES:
            answer = answers[tasks[i, mode]]
            row |= {"status": f"source: {refused}" if refused else answer["status"], "seconds": answer["seconds"]}
            row[mode] = judged(pair, ids[pair.source_path], answer)
            row[mode]["others"] = [titles.get(name, name) for name in row[mode]["others"]]
        rows.append(row)
    known = [
        {"source": titles[name], "recording": recording}
        for name, task in strangers.items()
        for recording in answers[task]["reported"]
    ]
    return rows, known


def _placed(pair: Pair, source: str | None, made: Sequence[Side]) -> tuple[str, Side]:
    """Return the split that a pair counts in, and the side that searches it: one that its source did not train."""
    names = {source} if source is not None else {pair.origin}
    if not names & trained_on():
        return "held-out", made[0]
    others = [side for side in made[1:] if names & side.sources]
    return ("development", others[0]) if others else ("trained on", made[0])


def _answers(tasks: Sequence[_Search], job: Job) -> dict[_Search, dict[str, Any]]:
    folder = job.cache / "systems"
    places = {task: folder / f"{task.key()}.json" for task in tasks}
    todo = [task for task, place in places.items() if not place.exists()]
    done = in_parallel(_answer, todo, jobs=job.jobs, what="what systems made", prepare=_prepare)
    for task, answer in zip(todo, done, strict=True):
        write_atomically(places[task], json_bytes(answer))
    return {task: json.loads(place.read_text(encoding="utf-8")) for task, place in places.items()}


def _prepare() -> None:
    one_thread()
    use_threads(1)


@functools.cache
def _snapshot(index: str) -> Snapshot:
    return Index.open(index).snapshot()


def _answer(task: _Search) -> dict[str, Any]:
    options = MODES[task.mode]
    files = _Files(folder=Path(), music=(), paths={task.file: Path(task.file)})
    try:
        query = described(files, task.file, task.side, query=True, options=options)
    except AudioError as error:
        return {"status": error.status, "seconds": 0.0, "threshold": None, "reported": [], "found": []}
    snapshot = _snapshot(task.index)
    options = replace(options, layer=LAYER)
    strict = match_track(query, snapshot, options=options)
    loose = match_track(query, snapshot, options=replace(options, max_false_per_1000h=LOOSE_FALSE_PER_1000H))
    reported = {(match.recording.id, segment) for match in strict.matches for segment in match.passages}
    found = [
        {
            "id": match.recording.id,
            "reported": (match.recording.id, segment) in reported,
            "also_fits": list(segment.also_fits),
            "query_span": [segment.track_start_seconds, segment.track_end_seconds],
            "reference_span": [segment.recording_start_seconds, segment.recording_end_seconds],
            "ratio": segment.ratio,
            "cents": segment.transformation.heard_cents,
            "score": segment.score,
            "false_per_1000h": segment.false_per_1000h,
        }
        for match in loose.matches
        for segment in match.passages
    ]
    return {
        "status": "",
        "seconds": query.duration_seconds,
        "threshold": strict.score_threshold,
        "reported": [match.recording.id for match in strict.matches],
        "found": found,
    }


def _some_of_each(pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    taken: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        taken[pair.system].append(pair)
    return tuple(pair for group in taken.values() for pair in group[:QUICK_PER_SYSTEM])


def _counted(answers: Sequence[Mapping[str, Any]], n: int) -> dict[str, Any]:
    found = [answer for answer in answers if answer["found"]]
    return {
        "n": n,
        "found": len(found),
        "first": sum(answer["first"] for answer in found),
        "others": sum(len(answer["others"]) for answer in answers),
        "median_score": _median(answer["score"] for answer in found),
        "median_ratio_error_percent": _median(answer["ratio_error_percent"] for answer in found),
        "on_diagonal": sum(abs(answer["time_error"]) <= DIAGONAL_SECONDS for answer in found),
        "median_cents_error": _median(abs(answer["cents_error"]) for answer in found),
        "pitch": {
            word: sum(answer["pitch"] == word for answer in found)
            for word in ("as expected", "whole semitones", "other")
        },
    }


def _median(values: Iterable[float]) -> float | None:
    listed = list(values)
    return statistics.median(listed) if listed else None


def _one_of(values: Iterable[str]) -> str:
    return "/".join(sorted(set(values)))


def _sha256(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--pairs", metavar="FILE", help="TSV of pairs (see benchmarks/pairs.py); default: ai_pairs.tsv of the corpus"
    )


PART = Part(
    name="systems",
    title="AI systems",
    question=(
        "Is a recording found in the output of a real AI system, and is nothing named where only the style is alike?"
    ),
    about=ABOUT,
    measure=measure,
    tables=tables,
    figures=figures,
    pictures=pictures,
    add_options=_add_options,
)
main = functools.partial(run_command, PART)

if __name__ == "__main__":
    sys.exit(main())
