"""Other programs on the same queries, the same catalogue, the same machine, in the same run, if the user has them.

    python -m benchmarks.peers                                  Sourceprint alone, and how to name the others
    python -m benchmarks.peers --fpcalc fpcalc --olaf olaf --panako panako.jar --audfprint audfprint/audfprint.py
    python -m benchmarks.peers --dejavu dejavu --dejavu-config dejavu.json --peer-python venv/bin/python

Every program gets the recordings as files with neutral names, and the same distorted excerpts as wav: of recordings
of the catalogue, and as many of music that is not in it. The answers of each are kept as a table: query, reference,
offset, score, seconds; everything else is computed from these tables (`judge`, `benchmarks.peers_report`).
"""

from __future__ import annotations

import argparse
import csv
import functools
import hashlib
import io
import json
import math
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks import peer_adapters
from benchmarks.data.corpus import Corpus, identity
from benchmarks.harness import content_key, json_bytes, source_digest, write_atomically
from benchmarks.part import MEASURED, Job, Part, Report, new_report, run_command
from benchmarks.peer_adapters import Peer
from benchmarks.peer_run import Answer, PeerError, Runner
from benchmarks.peers_report import figures, pictures, tables
from benchmarks.query_files import Query, write_queries, write_references

__all__ = ["CONDITIONS", "PART", "absent_and_present", "ask", "judge", "main", "measure"]

CONDITIONS = (
    "mp3_64k",
    "white_noise_0db",
    "pitch_+2",
    "tempo_1.1",
    "music_0db",
    "reverb",
    "phone",
    "eq",
    "speed_+4%",
    "mel80_griffin_lim",
)
"""Conditions of the excerpts; the quick version takes the first five."""

SOURCEPRINT = (peer_adapters.sourceprint(), peer_adapters.sourceprint(thorough=True))
EXCERPT_SECONDS = 10.0
AT_A_TIME = 25  # queries per call: they share the cost of starting a program
PATIENCE = 3  # queries in a row that a program may fail on, each alone, before it is given up
TIMEOUT_SECONDS, ALONE_SECONDS = 1800.0, 60.0  # for a call; for one with a single query
_CODE = tuple(
    f"benchmarks/{name}.py"
    for name in ("peers", "peer_adapters", "peer_outputs", "peer_run", "query_files", "chromaprint_matcher")
)

ABOUT = """\
Fingerprinting programs that anybody can get, if they are installed where this runs: audfprint, Olaf, Panako,
Chromaprint and dejavu, each with the settings that it comes with and with dense ones. All search the same catalogue for
the same distorted excerpts of 10 s, from recordings of sources that Sourceprint's projection was not trained on. As
many excerpts of music that is not in the catalogue (of its recordings running backwards, if the corpus lists no other
music) go through the same distortions. Scores of different programs cannot be compared, so each is given the threshold
just above its own highest score for music that is not there: *found, no false match* is what it finds with that. *By
its own decision* is what it reports as it comes, beside how often it is wrong then. Times are processor time with start
and decoding, one thread each. Chromaprint has no index of its own; it is searched with a plain matcher of ours, and
named so.

The last table is not of this run. It repeats the counts of an earlier comparison, in which the programs themselves ran:
100 recordings, 15 conditions with 40 excerpts of 10 s each, and the same threshold of no false match. Its answers were
not kept, and neither was the version of every program; so it shows an order, and no figure to quote.
"""


def measure(job: Job) -> Report:
    """Return the summary of every program's answers, as plain JSON types."""
    present, absent = absent_and_present(job.options)
    n, conditions = (4, CONDITIONS[:5]) if job.quick else (16, CONDITIONS)
    timeout = float(job.options.get("timeout") or TIMEOUT_SECONDS)
    report = new_report("peers", job, excerpts=n, conditions=list(conditions), timeout_seconds=timeout)
    with tempfile.TemporaryDirectory(prefix="sourceprint-peers-") as name:
        folder = Path(name)
        asked = {condition: (condition, EXCERPT_SECONDS) for condition in conditions}
        queries, missing = write_queries(job, asked, folder, n=n, strangers=n)
        references = write_references(job.corpus, folder)
        report["queries"] = {
            "known": sum(query.known for query in queries),
            "strangers": sum(not query.known for query in queries),
            "not_applicable": missing,
        }
        seconds = {row.file: row.seconds for row in job.corpus.music}
        hours = sum(seconds[file] for file in references.values()) / 3600.0
        report["catalogue"] = {"recordings": len(references), "hours": hours}
        basis = [identity(job.corpus), list(references.values()), [asdict(query) for query in queries], job.seed]
        report["tools"] = []
        runners: dict[str, tuple[Runner, dict[str, float]]] = {}
        for peer in tqdm(present, desc="programs", file=sys.stderr, leave=False, disable=None, dynamic_ncols=True):
            run = functools.partial(_run, peer, queries, references, folder, timeout, runners)
            got = _kept(job, peer, basis, run)
            report["tools"].append(judge(peer, got, queries, references, job.corpus, hours))
            if job.options.get("tsv") is not None:
                target = Path(job.options["tsv"]) / f"{_slug(peer.label)}.tsv"
                write_atomically(target, _as_tsv(got["answers"], references))
    report["absent"] = absent
    return report


def absent_and_present(options: dict[str, Any]) -> tuple[list[Peer], list[dict[str, str]]]:
    """Return the programs to run, Sourceprint first, and those that are not there: name, why, and how to name them."""
    python = _program(options.get("peer_python") or sys.executable)
    config = Path(options.get("dejavu_config") or "").absolute()
    both: dict[str, tuple[str, Callable[..., Peer]]] = {
        "audfprint": (
            "--audfprint PATH/audfprint.py",
            lambda path, **how: peer_adapters.audfprint(path, python, **how),
        ),
        "olaf": ("--olaf PATH/olaf", peer_adapters.olaf),
        "panako": ("--panako PATH/panako.jar", peer_adapters.panako),
        "fpcalc": ("--fpcalc PATH/fpcalc", peer_adapters.chromaprint),
        "dejavu": (
            "--dejavu FOLDER --dejavu-config FILE.json",
            lambda path: peer_adapters.dejavu(path, config, python),
        ),
    }
    present = list(SOURCEPRINT)
    absent = []
    for name, (how, construct) in both.items():
        if options.get(name) is None:
            absent.append({"name": name, "why": "not named", "how": how})
            continue
        path = _program(options[name])
        made = [construct(path)] if name in ("dejavu", "panako") else [construct(path), construct(path, dense=True)]
        lost = [file.name or "its configuration" for file in made[0].files if not file.is_file()]
        if lost:
            absent.append({"name": name, "why": f"{', '.join(lost)}: no such file", "how": how})
        else:
            present += made
    return present, absent


def ask(peer: Peer, run: Runner, paths: Sequence[Path]) -> tuple[list[tuple[Answer, float]], dict[str, str]]:
    """Return all answers, each with the seconds that its query took, and why for queries that got none.

    Where a call with several queries fails, each is asked alone, so that one that cannot be dealt with costs no other.

    Raises
    ------
    PeerError
        If `PATIENCE` queries in a row fail.
    """
    answers: list[tuple[Answer, float]] = []
    failed: dict[str, str] = {}
    in_a_row = 0

    def several(some: Sequence[Path]) -> None:
        started = time.perf_counter()
        found = peer.query(run, some)
        each = (time.perf_counter() - started) / len(some)
        answers.extend((answer, each) for answer in found)

    for start in range(0, len(paths), AT_A_TIME):
        some = paths[start : start + AT_A_TIME]
        try:
            several(some)
            continue
        except PeerError:
            pass  # said again below, of the query that it is about
        usual = run.timeout_seconds
        run.timeout_seconds = min(usual, ALONE_SECONDS)
        for path in some:
            try:
                several([path])
                in_a_row = 0
            except PeerError as error:
                failed[path.stem] = str(error)
                in_a_row += 1
                if in_a_row >= PATIENCE:
                    raise PeerError(f"gave no answer to {in_a_row} queries in a row; the last time: {error}") from error
        run.timeout_seconds = usual
    return answers, failed


def judge(
    peer: Peer,
    got: dict[str, Any],
    queries: Sequence[Query],
    references: dict[str, str],
    corpus: Corpus,
    hours: float,
) -> dict[str, Any]:
    """Return the summary of a program's answers: its scores where it was right, and the highest where not.

    Parameters
    ----------
    peer : Peer
        The program.
    got : dict
        `answers`, rows of query, reference, offset, score, seconds; `failed`; times and size; `why` if it gave up.
    queries, references
        The queries; file of the corpus by neutral name.
    corpus : Corpus
        Says which source a recording is from: other recordings of a source may share material, and are no mistakes.
    hours : float
        Length of the catalogue.
    """
    tool = {
        "name": peer.name,
        "label": peer.label,
        "settings": peer.settings,
        "decides": peer.decides,
        "why": got.get("why", ""),
    }
    if tool["why"]:
        return tool
    best: dict[str, dict[str, float]] = {}
    for query, reference, _, score, _ in got["answers"]:
        scores = best.setdefault(query, {})
        scores[reference] = max(score, scores.get(reference, score))
    source = {row.file: row.source for row in corpus.music}
    names = {file: name for name, file in references.items()}
    right: dict[str, list[float | None]] = {}
    false, wrong = [], 0
    for query in queries:
        scores = best.get(query.name, {})
        if query.known:
            right.setdefault(query.condition, []).append(scores.get(names[query.file]))
            wrong += any(
                score >= peer.least_score and source.get(references.get(reference, "")) != query.source
                for reference, score in scores.items()
            )
        elif scores:
            false.append(max(scores.values()))
    return tool | {
        "least_score": None if peer.least_score == -math.inf else peer.least_score,
        "right": right,
        "highest_false": max(false, default=None),
        "false": sum(score >= peer.least_score for score in false),
        "wrong": wrong,
        "failed": len(got["failed"]),
        "failed_why": next(iter(got["failed"].values()), ""),
        "query_seconds": got["query_seconds"] / len(queries),
        "index_seconds_per_hour": got["index_seconds"] / hours,
        "index_bytes_per_hour": got["index_bytes"] / hours,
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the other programs."""
    parser.add_argument("--audfprint", metavar="FILE", help="audfprint.py of audfprint")
    parser.add_argument("--olaf", metavar="FILE", help="the program olaf")
    parser.add_argument("--panako", metavar="FILE", help="panako.jar, or the start script panako")
    parser.add_argument("--fpcalc", metavar="FILE", help="the program fpcalc of Chromaprint")
    parser.add_argument("--dejavu", metavar="DIR", help="folder that holds dejavu.py")
    parser.add_argument("--dejavu-config", metavar="FILE", help="its configuration, which names an empty database")
    parser.add_argument("--peer-python", metavar="FILE", help="Python that audfprint and dejavu run with (this one)")
    parser.add_argument("--timeout", type=float, default=TIMEOUT_SECONDS, help="seconds that one call may take (1800)")
    parser.add_argument("--tsv", metavar="DIR", help="write the answers of each program there")


# --- helpers ----------------------------------------------------------------------------------------------------------


def _run(
    peer: Peer,
    queries: Sequence[Query],
    references: dict[str, str],
    folder: Path,
    timeout: float,
    runners: dict[str, tuple[Runner, dict[str, float]]],
) -> dict[str, Any]:
    """Let one program index and answer; where it cannot, the reason is the result."""
    paths = {path.stem: path for path in (folder / "references").iterdir()}
    try:
        if peer.index_name not in runners:
            place = folder / _slug(peer.index_name)
            place.mkdir()
            run = Runner(place, timeout)
            spent = _stopwatch(run)
            peer.index(run, [paths[name] for name in references])
            runners[peer.index_name] = run, {"index_seconds": spent(), "index_bytes": peer.index_bytes(run)}
        run, known = runners[peer.index_name]
        spent = _stopwatch(run)
        answers, failed = ask(peer, run, [folder / "queries" / f"{query.name}.wav" for query in queries])
        rows = [[a.query, a.reference, a.offset_seconds, a.score, seconds] for a, seconds in answers]
        return {"answers": rows, "failed": failed, "query_seconds": spent(), **known}
    except (PeerError, OSError) as error:
        return {"answers": [], "why": str(error)}


def _stopwatch(run: Runner) -> Callable[[], float]:
    """Return a function that says how much processor time commands, and this process for them, have taken since."""
    before = run.processor_seconds + time.process_time()
    return lambda: run.processor_seconds + time.process_time() - before


def _kept(job: Job, peer: Peer, basis: Sequence[object], run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the answers of a program, from the cache if it, the queries and the catalogue are unchanged."""
    programs = [hashlib.sha256(file.read_bytes()).hexdigest() for file in peer.files]
    ours = source_digest(*MEASURED, "sourceprint") if peer.name == "Sourceprint" else ""
    key = content_key(source_digest(*_CODE), peer.label, peer.settings, programs, ours, list(basis))
    path = job.cache / "peers" / f"{_slug(peer.label)}-{key}.json"
    if path.is_file():
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return kept
    got = run()
    if not got.get("why"):
        write_atomically(path, json_bytes(got))
    return got


def _program(named: str | Path) -> Path:
    """Return where a program is: a path as given, else as the shell would find it."""
    return Path(named if "/" in str(named) else shutil.which(str(named)) or named).absolute()


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _as_tsv(answers: Sequence[Sequence[Any]], references: dict[str, str]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, escapechar="\\")
    writer.writerow(["query", "reference", "offset", "score", "seconds"])
    for query, reference, offset, score, seconds in answers:
        row = [query, references.get(reference, reference), f"{offset:.3f}", f"{score:g}", f"{seconds:.3f}"]
        writer.writerow(row)
    return text.getvalue().encode()


PART = Part(
    name="peers",
    title="Other programs",
    question="How much do other fingerprinting programs find on the same machine?",
    about=ABOUT,
    measure=measure,
    tables=tables,
    figures=figures,
    pictures=pictures,
    add_options=add_options,
    code=(*MEASURED, "sourceprint"),
)

main = functools.partial(run_command, PART)

if __name__ == "__main__":
    sys.exit(main())
