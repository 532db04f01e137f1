"""Robustness: how often a distorted excerpt is found, by condition, by length and by the size of the catalogue.

    python -m benchmarks.robustness                            everything, on $SOURCEPRINT_CORPUS or synthesised music
    python -m benchmarks.robustness --quick                    a few excerpts of a few conditions
    python -m benchmarks.robustness --conditions gsm,phone     these conditions alone, neither lengths nor sizes

The same excerpts go through all conditions (`benchmarks.trials`) and are searched for in all music of the corpus
(`benchmarks.judging`), each source with a projection that was not trained on it (`benchmarks.catalogues`). For lengths,
pieces of the same distorted excerpts are searched for; for sizes, the catalogue is grown by its own recordings at
speeds that no search covers. Answers are kept in the cache folder, condition by condition, under a key of
everything it depends on: a run that was stopped goes on where it was. Counting is in `benchmarks.robustness_counts`,
tables are in `benchmarks.robustness_report`, pictures in `benchmarks.robustness_pictures`.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from benchmarks import robustness_counts as counts
from benchmarks import robustness_report as shown
from benchmarks.catalogues import LAYER, Side, changed, left_out, sides
from benchmarks.derived import Derived, at_speed
from benchmarks.distortion.conditions import CONDITIONS
from benchmarks.harness import (
    DISTORTION_CODE,
    SYNTHESIS_CODE,
    content_key,
    in_parallel,
    json_bytes,
    source_digest,
    write_atomically,
)
from benchmarks.judging import WHOLE, Question, ask
from benchmarks.part import Job, Part, Report, new_report, run_command
from benchmarks.robustness_pictures import pictures
from benchmarks.trials import Excerpt, Trial, cut_excerpt, draw_excerpts, open_worker
from fingerprint.errors import ParameterError
from index.folder.index import Index
from index.search.match import DEFAULT_FALSE_PER_1000H

__all__ = ["PART", "main", "measure"]

T = TypeVar("T")
R = TypeVar("R")

SPLICES: Final = ("splice_hard_cut", "splice_crossfade")
LENGTHS: Final = (1.0, 2.0, 3.0, 5.0)
LENGTH_CONDITIONS: Final = (
    "mp3_128k",
    "gsm",
    "pitch_+2",
    "tempo_1.1",
    "reverb",
    "white_noise_0db",
    "music_0db",
    "mel80_griffin_lim",
)
SIZE_CONDITIONS: Final = ("mp3_128k", "gsm", "reverb", "music_0db", "music_-6db")
GROWTH_SPEEDS: Final = ((0.5,), (0.36,), (0.42, 1.7, 1.9, 2.2, 2.7, 3.3))
"""Speeds at which all recordings are added, step by step: about three, six, ten times the hours of the catalogue.

A search covers 0.74 to 1.36. Pitch and time go together, so these sound like other music, and run forwards, so they
meet no reversed query.
"""

PER_CONDITION, QUICK_PER_CONDITION = 60, 8
QUICK_CONDITIONS: Final = (
    "mp3_128k",
    "gsm",
    "reverb",
    "speed_+4%",
    "tempo_1.1",
    "pitch_+2",
    "white_noise_0db",
    "ambience_0db",
    "music_0db",
    "music_-6db",
    "mel80_griffin_lim",
    "pitch_+6",
    "percussive_only",
    "400hz_to_2khz",
    "accompaniment_0db",
    "two_sources",
    "reordered_2s",
    "loudness_war",
    "opus_6k",
)
QUICK_LENGTH_CONDITIONS, QUICK_SIZE_CONDITIONS = ("mp3_128k", "music_0db"), ("mp3_128k", "music_0db")
_CODE = (
    "fingerprint",
    "index",
    "benchmarks/trials.py",
    "benchmarks/judging.py",
    *DISTORTION_CODE,
    *SYNTHESIS_CODE,
)

ABOUT: Final = """\
Excerpts of ten seconds are cut from recordings of the catalogue, distorted, and searched for among all of it at the
default threshold, one false match in 1 000 hours as stated. *Found* means that the right recording is among the
reported matches. Intervals are Wilson's, at 95 %. The parameters of every condition stand in
`benchmarks/distortion/conditions.py`, and nothing searched was known to the projection that searched for it.

**Held-out** sources are those that the projection that ships was never trained on; on **development** sources (scored
with a projection trained on the other half) constants may have been tuned. Judge by the held-out ones: with sixty
excerpts per condition, "all found" means at least 94 %. *Wrong* counts other recordings that were reported. Recordings
of one source share material, so these are named, to be listened to. Music that is mixed in, and hosts, are in no
catalogue; of *two sources* both are, and the one that was drawn is counted. Pieces that were cut and *re-ordered* count
as found by the recording alone, since no single line describes where they come from.

Shorter clips are pieces of the same distorted excerpts, all cut at the same place of the source and not from a pause.
The catalogue is grown by its own recordings, slowed down or sped up beyond what the search covers: as dense and as
varied as real music, and never a right answer."""


def measure(job: Job) -> Report:
    """Return excerpts found of excerpts searched: by condition, length, size of the catalogue, and threshold."""
    asked = _asked(job.options.get("conditions"))
    n = job.options.get("per_condition") or (QUICK_PER_CONDITION if job.quick else PER_CONDITION)
    if n < 1:
        raise ParameterError(f"per_condition={n}: must be at least 1")
    names = asked or [*(QUICK_CONDITIONS if job.quick else shown.MEASURED), *SPLICES]
    lengths = () if asked else QUICK_LENGTH_CONDITIONS if job.quick else LENGTH_CONDITIONS
    sizes = () if asked else QUICK_SIZE_CONDITIONS if job.quick else SIZE_CONDITIONS
    limits = [*counts.STATED_LIMITS]
    strictest = _strictest(job.options.get("calibration"))
    if strictest is not None:
        limits.append(strictest["false_per_1000h"])
    made = sides(job.corpus, job.cache, jobs=job.jobs)
    held_out = made[0].sources
    report = new_report(
        "robustness",
        job,
        per_condition=n,
        max_false_per_1000h=DEFAULT_FALSE_PER_1000H,
        projections=[side.load()[1].digest for side in made],
        held_out=sorted(held_out),
        development=sorted({row.source for row in job.corpus.music} - held_out),
        limits=limits,
        strictest=strictest,
    )
    run = _Run(job, made)
    report["left_out"] = [f"{file}: {why}" for file, why in sorted(run.refused.items())]
    excerpts = [*run.cut(n, held_out), *run.cut(-(-n // 2), frozenset(report["settings"]["development"]))]
    whole = run.answers(names, excerpts, (WHOLE,))
    report["conditions"] = [counts.summarise(name, whole[name], held_out) for name in names]
    pieces = run.answers(lengths, excerpts, LENGTHS)
    report["lengths"] = [
        counts.by_length(name, seconds, [*pieces[name], *whole[name]], held_out)
        for name in lengths
        for seconds in (*LENGTHS, WHOLE)
    ]
    report["sizes"] = _sizes(run, sizes, excerpts)
    everything = [answer for name in names for answer in whole[name]]
    report["thresholds"] = counts.by_threshold(everything, held_out, limits)
    report["wrong"] = counts.wrong_recordings(everything)
    return report


# --- helpers ----------------------------------------------------------------------------------------------------------


class _Run:
    """Job, sides and files left out, shared by all questions."""

    def __init__(self, job: Job, made: Sequence[Side]) -> None:
        self.job, self.made = job, tuple(made)
        self.refused = {file: why for side in made for file, why in left_out(side.index).items()}

    def cut(self, n: int, sources: frozenset[str]) -> list[Excerpt]:
        """Return the first `n` excerpts of some sources, none where there are no such recordings."""
        absent = {*self.job.corpus.missing(), *self.refused}
        if not any(row.source in sources and row.file not in absent for row in self.job.corpus.music):
            return []
        drawn: list[Excerpt] = []
        many = n
        while len(drawn) < n:
            many *= 2
            every = draw_excerpts(
                self.job.corpus, many, self.job.seed, self.job.cache / "excerpts", without=self.refused
            )
            drawn = [excerpt for excerpt in every if excerpt.source in sources]
        return list(self._parallel(cut_excerpt, drawn[:n], "excerpts"))

    def answers(
        self,
        names: Sequence[str],
        excerpts: Sequence[Excerpt],
        seconds: tuple[float, ...],
        indexes: tuple[str, ...] = (),
    ) -> dict[str, list[dict[str, Any]]]:
        """Return the answers by condition, from the cache where they are there."""
        searched = [Path(index).name for index in indexes or [side.index for side in self.made]]
        drawn = [[excerpt.file, excerpt.start_seconds, excerpt.number] for excerpt in excerpts]
        basis = [source_digest(*_CODE), searched, drawn, self.job.seed, list(seconds)]
        files = {name: self.job.cache / "trials" / f"{name}-{content_key(*basis, name)}.json" for name in names}
        tasks = [
            Question(Trial(name, excerpt, self.job.seed), seconds, indexes)
            for name in names
            if not files[name].exists()
            for excerpt in excerpts
        ]
        done: dict[str, list[list[dict[str, Any]]]] = defaultdict(list)
        for answers in self._parallel(functools.partial(ask, cache=self.job.cache), tasks, "distorted excerpts"):
            name = answers[0]["condition"]
            done[name].append(answers)
            if len(done[name]) == len(excerpts):
                write_atomically(files[name], json_bytes([answer for some in done[name] for answer in some]))
        return {name: json.loads(files[name].read_text(encoding="utf-8")) for name in names}

    def _parallel(self, work: Callable[[T], R], tasks: Sequence[T], what: str) -> Iterable[R]:
        if not tasks:
            return ()
        given = (self.job.corpus, self.made)
        return in_parallel(work, tasks, jobs=self.job.jobs, what=what, prepare=open_worker, given=given)


def _asked(conditions: str | None) -> list[str]:
    if conditions is None:
        return []
    names = [name.strip() for name in conditions.split(",") if name.strip()]
    unknown = sorted(set(names) - set(CONDITIONS) - set(SPLICES))
    if unknown or not names:
        raise ParameterError(f"no condition {', '.join(unknown) or 'named'}; choose from {', '.join(CONDITIONS)}")
    return names


def _strictest(calibration: str | Path | None) -> dict[str, float] | None:
    """Return the least rate that was stated for a false match in a report of calibration, and the hours of audio."""
    if calibration is None:
        return None
    path = Path(calibration)
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        sets = [one for one in report["sets"] if one["tests"] and one["length"]]
        rates = [best["false_per_1000h"] for one in sets for best in one["strongest"]]
        return {
            "false_per_1000h": min(rate for rate in rates if rate is not None),
            "hours": max(one["hours"] for one in sets),
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ParameterError(f"{path}: no report of benchmarks.calibration ({error}); make one with --out") from error


def _sizes(run: _Run, names: Sequence[str], excerpts: Sequence[Excerpt]) -> list[dict[str, Any]]:
    """Return the rows of recall by size: held-out sources alone, since every size needs an index per projection."""
    if not names:
        return []
    side = run.made[0]
    grown = Derived(run.job.corpus)
    there = [row for row in run.job.corpus.music if row.file not in run.refused]
    indexes = [side.index]
    for speeds in GROWTH_SPEEDS[: 1 if run.job.quick else None]:
        added = [row.file for speed in speeds for row in at_speed(there, speed)]
        index = changed(Path(indexes[-1]), run.job.cache, side, corpus=grown, added=added, jobs=run.job.jobs)
        indexes.append(str(index))
    catalogues = [_known(index) for index in indexes]
    ours = [excerpt for excerpt in excerpts if excerpt.source in side.sources]
    answers = run.answers(names, ours, (WHOLE,), tuple(indexes))
    return [row for name in names for row in counts.by_size(name, catalogues, answers[name])]


def _known(index: str) -> dict[str, Any]:
    info = Index.open(index).info()
    landmarks = info["layers"][LAYER]["landmarks"]
    return {"hours": info["hours"], "recordings": info["recordings"], "landmarks": landmarks}


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--conditions", help="comma-separated names; default: all but the phase-vocoder twins")
    parser.add_argument(
        "--per-condition",
        type=int,
        metavar="N",
        help="excerpts of held-out sources (60; --quick: 8), and half as many of the others",
    )
    parser.add_argument(
        "--calibration",
        metavar="FILE",
        help="its report: recall at the threshold that lets none of the audio match that it scanned",
    )


PART = Part(
    name="robustness",
    title="Robustness",
    question="Is a distorted excerpt found, by condition, length of the clip and size of the catalogue?",
    about=ABOUT,
    measure=measure,
    tables=shown.tables,
    figures=shown.figures,
    pictures=pictures,
    add_options=_add_options,
)

main = functools.partial(run_command, PART)

if __name__ == "__main__":
    sys.exit(main())
