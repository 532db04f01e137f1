"""Recordings against catalogues that do not hold them, whole and in pieces: false matches and stated probabilities.

`scan_all` takes recordings and the catalogues to look for each in, and returns for every query (the whole recording,
or each piece of it) the best answer, with nothing held back: the limit of false matches is so high
that every passage above the floor is reported. Answers are kept, ten recordings at a time, so a run that was
stopped goes on where it was.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.catalogues import LAYER, Side
from benchmarks.data.corpus import Corpus, identity
from benchmarks.decoys import Answer, backwards
from benchmarks.derived import original
from benchmarks.harness import content_key, in_parallel, json_bytes, one_thread, source_digest, write_atomically
from fingerprint.errors import AudioError
from fingerprint.extract import fingerprint_signal
from fingerprint.landmarks import Fingerprint
from index.folder.index import Index
from index.search.match import STANDARD, match_track
from index.search.matches import Passage
from index.storage.snapshot import Snapshot
from index.vectors.exact import use_threads

__all__ = ["EVERYTHING", "Scan", "scan_all"]

EVERYTHING = 1e12
"""A limit of false matches per 1 000 hours at which every passage above the floor score is reported."""

_RATES_KEPT = 1e5  # false matches per 1 000 hours: passages stated as commoner are not kept
_TOGETHER = 10
_CODE = ("fingerprint", "index", "benchmarks/scans.py", "benchmarks/decoys.py", "benchmarks/derived.py")


@dataclass(frozen=True, slots=True)
class Scan:
    """A recording to look for.

    Attributes
    ----------
    file : str
        Its name in the corpus.
    side : Side
        The projection to describe it with; it was not trained on it.
    indexes : tuple of str
        Folders of the catalogues.
    seconds : tuple of float
        Lengths of the pieces that are queries, each in turn; 0 is the whole recording.
    decoys : bool
        Whether each query is searched a second time running backwards.
    """

    file: str
    side: Side
    indexes: tuple[str, ...]
    seconds: tuple[float, ...] = (0.0,)
    decoys: bool = False


def scan_all(corpus: Corpus, scans: Sequence[Scan], cache: Path, *, jobs: int, what: str) -> list[list[dict[str, Any]]]:
    """Return the queries of each scan, as plain JSON types.

    A query has `length` (as asked, 0 for whole), `start_seconds`, `seconds`, `status` ("" or why it could not be
    searched) and `answers`, one per index. An answer holds the fields of `benchmarks.decoys.Answer`, `best`, the
    recording with the least stated probability ("" where nothing was found), and `rates`, the stated false matches per
    1 000 hours of every passage. A file that cannot be decoded is one query without answers.

    Parameters
    ----------
    corpus : Corpus
        Where the names are looked up.
    scans : sequence of Scan
        Recordings, each with its catalogues.
    cache : Path
        Folder for results.
    jobs : int
        Processes.
    what : str
        Words for the progress bar.
    """
    groups = [scans[at : at + _TOGETHER] for at in range(0, len(scans), _TOGETHER)]
    basis = [source_digest(*_CODE), identity(corpus)]
    files = [cache / "scans" / f"{content_key(*basis, [_key(scan) for scan in group])}.json" for group in groups]
    missing = [i for i, file in enumerate(files) if not file.exists()]
    tasks = [scan for i in missing for scan in groups[i]]
    done = in_parallel(_queries, tasks, jobs=jobs, what=what, prepare=_prepare, given=(corpus,))
    for i in missing:
        write_atomically(files[i], json_bytes([next(done) for _ in groups[i]]))
    for _ in done:  # lets the workers go
        pass
    return [queries for file in files for queries in json.loads(file.read_text(encoding="utf-8"))]


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


def _key(scan: Scan) -> list[object]:
    indexes = [Path(index).name for index in scan.indexes]  # named by all that they depend on, projection included
    return [scan.file, indexes, list(scan.seconds), scan.decoys]


def _queries(scan: Scan) -> list[dict[str, Any]]:
    params, projection = scan.side.load()
    try:
        y = _Worker.corpus.load(scan.file, sample_rate=params.sample_rate)
    except AudioError as error:
        return [{"length": 0.0, "start_seconds": 0.0, "seconds": 0.0, "status": error.status, "answers": []}]
    made = []
    for length in scan.seconds:
        n = round(length * params.sample_rate) or y.size
        for at in range(0, y.size - n + 1, max(n, 1)):
            query: dict[str, Any] = {
                "length": length,
                "start_seconds": at / params.sample_rate,
                "seconds": n / params.sample_rate,
                "status": "",
            }
            try:
                described = fingerprint_signal(
                    y[at : at + n], role="track", scales=STANDARD.scales, params=params, projection=projection
                )
                query["answers"] = [_answer(described, index, scan) for index in scan.indexes]
            except AudioError as error:  # silence, say: nothing is found, and that counts
                query |= {"status": error.status, "answers": [_NOTHING for _ in scan.indexes]}
            made.append(query)
    return made


_NOTHING: dict[str, Any] = {**asdict(Answer()), "best": "", "rates": []}


def _answer(query: Fingerprint, index: str, scan: Scan) -> dict[str, Any]:
    answer = dict(_NOTHING)
    passages = _passages(query, index)
    if passages:
        best, least = min(passages, key=_by_probability)
        highest = max(passages, key=lambda one: one[1].score)
        answer |= {
            "p_false": least.p_false,
            "right": _names(best, least, scan.file),
            "score": highest[1].score,
            "score_right": _names(*highest, scan.file),
            "best": best,
            "rates": sorted(s.false_per_1000h for _, s in passages if s.false_per_1000h <= _RATES_KEPT),
        }
    decoys = _passages(backwards(query), index) if scan.decoys else []
    if decoys:
        answer["decoy_p"] = min(passage.p_false for _, passage in decoys)
        answer["decoy_score"] = max(passage.score for _, passage in decoys)
    return answer


def _by_probability(named: tuple[str, Passage]) -> tuple[float, float]:
    return named[1].p_false, -named[1].score


def _names(recording: str, passage: Passage, file: str) -> bool:
    return original(file) in {original(name) for name in (recording, *passage.also_fits)}


def _passages(query: Fingerprint, index: str) -> list[tuple[str, Passage]]:
    options = replace(STANDARD, layer=LAYER, max_false_per_1000h=EVERYTHING)
    result = match_track(query, _snapshot(index), options=options)
    return [(match.recording.id, segment) for match in result.matches for segment in match.passages]
