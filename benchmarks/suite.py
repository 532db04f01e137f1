"""The whole suite, as `sourceprint bench` runs it: part after part, each report written as soon as it is done.

A report names in its `key` everything that it depends on: part, code, corpus, seed, options, machine and versions. A
part whose report is there with the same key is not run again, so that an interrupted run goes on where it was. A part
that fails is named, and the others run. At the end RESULTS.md and its pictures are made from the reports.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from benchmarks.data.corpus import Corpus, SoundRow, SyntheticCorpus, TrackRow, identity, open_corpus
from benchmarks.harness import (
    DISTORTION_CODE,
    SYNTHESIS_CODE,
    content_key,
    default_cache,
    facts,
    json_bytes,
    source_digest,
    write_atomically,
)
from benchmarks.part import MEASURED, Job, Part, Report, as_text
from benchmarks.parts import PARTS, load_part
from benchmarks.results import write_results
from benchmarks.train_projection import trained_on
from fingerprint.errors import ParameterError, SourceprintError

__all__ = ["Request", "described", "list_of_parts", "options_of", "report_key", "run_suite", "split_words"]

Say = Callable[[str], None]

OPTIONAL: Final = {
    "pedalboard": "distortions that need it (Rubber Band stretching above all) are not applicable",
    "matplotlib": "no pictures are drawn",
}
_CODE_FOLDERS = ("benchmarks/data", *DISTORTION_CODE, *SYNTHESIS_CODE)
_NO_PART_OF_THE_KEY = frozenset({"suite.py", "results.py", "comparison.py", "plotting.py"})


@dataclass(frozen=True, slots=True)
class Request:
    """Parts to run, and with which settings.

    Attributes
    ----------
    words : tuple of str
        Names of parts, all without any; then, from the first word with a dash on, options of these parts.
    full : bool
        The full version rather than the short one.
    corpus : str or None
        Corpus folder. None: synthesised music, or $SOURCEPRINT_CORPUS for the full version.
    out : Path
        Folder of the reports.
    jobs, seed : int
        Processes, and seed of every draw.
    cache : Path or None
        Cache folder, kept between runs; None for the user's.
    """

    words: tuple[str, ...]
    full: bool
    corpus: str | None
    out: Path
    jobs: int
    seed: int = 0
    cache: Path | None = None


def run_suite(request: Request, *, say: Say, note: Say, complain: Say) -> int:
    """Run the parts that are asked for, write reports and results, and return how many parts failed.

    Parameters
    ----------
    request : Request
        The parts and settings.
    say, note, complain : callable
        Take data, remarks, and errors, each as one text.

    Raises
    ------
    SourceprintError
        For a request that cannot be met: an unknown part or option, a corpus that is none.
    KeyboardInterrupt
        When interrupted, with the way to continue; finished reports are kept.
    """
    parts, words = split_words(request.words)
    options = {part.name: options_of(part, parts, words) for part in parts}
    if request.out.exists() and not request.out.is_dir():
        raise ParameterError(f"{request.out}: is no folder; name one for the reports with --out")
    corpus = _corpus(request)
    cache = request.cache if request.cache is not None else default_cache()
    data = described(corpus)
    for package, loss in OPTIONAL.items():
        if importlib.util.find_spec(package) is None:
            note(f"without {package}, {loss}; pip install 'sourceprint[bench]'")
    failed = []
    try:
        for number, part in enumerate(parts, 1):
            job = Job(corpus, cache, request.jobs, request.seed, not request.full, options[part.name])
            path, key = request.out / f"{part.name}.json", report_key(part.name, job, part.code)
            report = _kept(path, key)
            if report is not None:
                note(f"{part.title} ({number} of {len(parts)}): measured before, {path}")
            else:
                note(f"{part.title} ({number} of {len(parts)})")
                started, code = time.perf_counter(), _code_digest(part.code)
                try:
                    report = part.measure(job)
                except SourceprintError as error:
                    failed.append(part.name)
                    complain(f"{part.name}: {error}")
                    continue
                elapsed = time.perf_counter() - started
                report |= {"key": key, "code": code, "data": data, "elapsed_seconds": elapsed}
                write_atomically(path, json_bytes(report))
            say(as_text(part, report) + "\n")
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(f"what is done is in {request.out}; the same command goes on") from interrupt
    if len(failed) < len(parts):
        usable = [name for name in PARTS if _of_this_code(request.out / f"{name}.json", load_part(name).code)]
        for name in (name for name in PARTS if name not in usable and (request.out / f"{name}.json").exists()):
            note(f"{name}.json is of other code and left out of RESULTS.md; `sourceprint bench {name}` makes it again")
        write_results(request.out, request.out / "RESULTS.md", only=usable)
        note(f"reports, RESULTS.md and pictures are in {request.out}")
    if failed:
        complain(f"failed: {', '.join(failed)}")
    return len(failed)


def list_of_parts() -> str:
    """Return the names of all parts with their titles, a line each, in the order in which they run."""
    width = max(map(len, PARTS))
    return "\n".join(f"{name:<{width}}  {load_part(name).title}" for name in PARTS)


def split_words(words: Sequence[str]) -> tuple[list[Part], tuple[str, ...]]:
    """Return the parts that are named before the first word with a dash, all if none is, and the words from there on.

    Raises
    ------
    ParameterError
        For a name that is no part.
    """
    cut = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
    named = set(words[:cut])
    for name in words[:cut]:
        if name not in PARTS:
            raise ParameterError(f"part {name!r}: unknown; choose some of {', '.join(PARTS)}")
    return [load_part(name) for name in PARTS if name in named or not named], tuple(words[cut:])


def options_of(part: Part, parts: Iterable[Part], words: Sequence[str]) -> dict[str, Any]:
    """Return the options of one part from words that may hold options of others as well; absent ones at their defaults.

    Raises
    ------
    ParameterError
        For an option that none of the parts has, or a value that it does not take.
    """
    everything = _Parser(prog="sourceprint bench PART... --", conflict_handler="resolve")
    for one in parts:
        one.add_options(everything)
    everything.parse_args(words)
    own = _Parser(prog=f"sourceprint bench {part.name} --", add_help=False)
    part.add_options(own)
    return vars(own.parse_known_args(words)[0])


def report_key(name: str, job: Job, code: tuple[str, ...] = MEASURED) -> str:
    """Return the key of everything that the report of a part depends on, the number of processes apart."""
    known = facts()
    return content_key(
        name,
        _code_digest(code),
        known["machine"],
        known["versions"],
        identity(job.corpus),
        [asdict(pair) for pair in job.corpus.pairs],
        list(job.corpus.missing()),
        [job.seed, job.quick],
        {option: _identified(value) for option, value in job.options.items()},
    )


def described(corpus: Corpus) -> dict[str, Any]:
    """Return how much a corpus holds, list by list, and how its music is split; for the section on data.

    "Held-out" sources are those that the projection that ships was not trained on, "development" the others.
    """
    missing = set(corpus.missing())
    lists: dict[str, Sequence[TrackRow | SoundRow]] = {
        "music": corpus.music,
        "generated": corpus.generated,
        "noises": corpus.noises,
        "rooms": corpus.rooms,
    }
    known = trained_on()
    halves = {
        "held-out": [row for row in corpus.music if row.source not in known],
        "development": [row for row in corpus.music if row.source in known],
    }
    return {
        "lists": [
            {
                "list": name,
                "files": len(rows),
                "hours": sum(row.seconds for row in rows) / 3600.0,
                "sources": len({row.source for row in rows}),
                "missing": sum(row.file in missing for row in rows),
            }
            for name, rows in lists.items()
        ],
        "splits": [
            {
                "split": name,
                "sources": len({row.source for row in half}),
                "recordings": len(half),
                "hours": sum(row.seconds for row in half) / 3600.0,
            }
            for name, half in halves.items()
        ],
    }


# --- helpers ----------------------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are errors of ours."""

    def error(self, message: str) -> NoReturn:
        raise ParameterError(f"{message}; `sourceprint bench PART -- --help` lists what a part takes")


def _corpus(request: Request) -> Corpus:
    if request.corpus is None and not request.full:
        return SyntheticCorpus()
    return open_corpus(request.corpus)


def _kept(path: Path, key: str) -> Report | None:
    """Return the report at `path` if it has this key."""
    report = _read(path)
    return report if report is not None and report.get("key") == key else None


def _read(path: Path) -> Report | None:
    """Return the JSON object at `path`; None if it cannot be read or is of another kind."""
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return report if isinstance(report, dict) else None


def _of_this_code(path: Path, code: tuple[str, ...]) -> bool:
    report = _read(path)
    return report is not None and report.get("code") == _code_digest(code)


def _code_digest(code: tuple[str, ...]) -> str:
    """Return the digest of all code that measures and is measured; code that only shows results is left out."""
    here = Path(__file__).resolve().parent
    files = [f"benchmarks/{path.name}" for path in sorted(here.glob("*.py")) if path.name not in _NO_PART_OF_THE_KEY]
    return source_digest(*code, *_CODE_FOLDERS, *files)


def _identified(value: Any) -> object:
    """Return the value of an option as JSON; of a path to a file its content too, since that may change."""
    if isinstance(value, list | tuple):
        return [_identified(one) for one in value]
    if isinstance(value, str | os.PathLike) and Path(value).is_file():
        with Path(value).open("rb") as file:
            return [str(value), hashlib.file_digest(file, "sha256").hexdigest()]
    return str(value) if isinstance(value, os.PathLike) else value
