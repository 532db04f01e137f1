"""The robustness table: how often a distorted excerpt is found, how exactly, and what is reported where nothing is.

    python -m benchmarks.robustness                            everything, on $SOURCEPRINT_CORPUS or synthesised music
    python -m benchmarks.robustness --quick                    a dozen excerpts per condition
    python -m benchmarks.robustness --only conditions --conditions gsm,phone

Catalogue: all music of the corpus. Every source is scored with a projection that was not trained on it
(`benchmarks.catalogues`), at the default threshold. The same excerpts go through all conditions (`benchmarks.trials`);
whole files that are not in the catalogue tell how many false matches there are (`benchmarks.scans`). What is done is
kept in the cache folder, condition by condition, under a key of everything it depends on: a run that was stopped goes
on where it was.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import scans
from benchmarks.catalogues import Side, sides
from benchmarks.data.corpus import Corpus, open_corpus
from benchmarks.distortion.conditions import CONDITIONS
from benchmarks.harness import (
    content_key,
    default_cache,
    facts,
    facts_line,
    in_parallel,
    json_bytes,
    markdown_table,
    source_digest,
    text_table,
    wilson_interval,
    write_atomically,
)
from benchmarks.trials import Excerpt, Trial, cut_excerpt, draw_excerpts, open_worker, run_trial
from fingerprint.errors import ParameterError, SourceprintError
from fingerprint.params import Params
from index.search import DEFAULT_FALSE_PER_1000H

__all__ = ["main", "summarise"]

SPLICES = ("splice_hard_cut", "splice_crossfade")
SPLICE_TARGET_SECONDS = 0.3
PARTS = ("conditions", "splices", "false_matches", "pairs")
_CODE = ("fingerprint", "index", "benchmarks/trials.py", "benchmarks/catalogues.py", "benchmarks/distortion")
HEADER = ("condition", "n", "found", "95 %", "target", "met", "first", "wrong", "cents", "ratio %", "start s", "end s")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status: 0, or 2 for a request that cannot be met."""
    asked = _parser().parse_args(arguments)
    try:
        corpus = open_corpus(asked.corpus)
        report = measure(
            corpus,
            asked.cache,
            names=_names(asked.conditions, all_of_them=asked.all),
            parts=tuple(asked.only or PARTS),
            per_condition=12 if asked.quick else asked.per_condition,
            seed=asked.seed,
            jobs=asked.jobs,
            most_files=8 if asked.quick else 0,
        )
    except SourceprintError as error:
        print(f"robustness: {error}", file=sys.stderr)
        return 2
    if asked.out is not None:
        write_atomically(asked.out, json_bytes(report))
    print(as_text(report, markdown=asked.markdown))
    return 0


def measure(
    corpus: Corpus,
    cache: Path,
    *,
    names: Sequence[str],
    parts: Sequence[str] = PARTS,
    per_condition: int = 60,
    seed: int = 0,
    jobs: int = 2,
    most_files: int = 0,
) -> dict[str, Any]:
    """Return everything that was measured, as plain JSON types.

    Parameters
    ----------
    corpus : Corpus
        What to measure on.
    cache : Path
        Folder for projections, indexes, excerpts and results.
    names : sequence of str
        Conditions of `benchmarks.distortion.conditions`.
    parts : sequence of str
        Which of `PARTS` to measure.
    per_condition : int
        Excerpts per condition.
    seed : int
        Seed of excerpts and distortions.
    jobs : int
        Processes.
    most_files : int
        Files of each kind scanned for false matches, 0 for all.
    """
    if per_condition < 1:
        raise ParameterError(f"per_condition={per_condition}: must be at least 1")
    made = sides(corpus, cache, jobs=jobs)
    report: dict[str, Any] = {
        "facts": facts(),
        "corpus": {"name": corpus.name, "recordings": len(corpus.music), "hours": _hours(corpus)},
        "max_false_per_1000h": DEFAULT_FALSE_PER_1000H,
        "seed": seed,
        "projections": [{"digest": s.load()[1].digest, "sources": sorted(s.sources)} for s in made],
    }
    wanted = [*(names if "conditions" in parts else ()), *(SPLICES if "splices" in parts else ())]
    trials = _run_trials(corpus, made, cache, wanted, per_condition, seed, jobs)
    report["conditions"] = [summarise(name, trials[name]) for name in wanted]
    if "false_matches" in parts:
        report["false_matches"] = scans.false_matches(corpus, made, cache, jobs=jobs, most=most_files)
    if "pairs" in parts:
        report["pairs"] = scans.pairs(corpus, made[0], cache, jobs=jobs)
    report["trials"] = trials
    return report


def summarise(name: str, trials: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return one row of the table from the trials of a condition; those not applicable are counted and left out."""
    counted = [trial for trial in trials if trial["status"] != "not applicable"]
    found = [trial for trial in counted if trial["found"]]
    condition = CONDITIONS.get(name)
    target = condition.target if condition is not None else None
    share = len(found) / len(counted) if counted else None
    wrong = [(trial, other) for trial in counted for other in trial.get("others", ())]
    row: dict[str, Any] = {
        "condition": name,
        "group": condition.group if condition is not None else "splice",
        "n": len(counted),
        "not_applicable": len(trials) - len(counted),
        "found": len(found),
        "share": share,
        "interval": list(wilson_interval(len(found), len(counted))),
        "target": target,
        "met": None if target is None or share is None else share >= target - 1e-9,
        "first": sum(trial["first"] for trial in found),
        "only_also_fits": sum(trial.get("only_also_fits", False) for trial in counted),
        "wrong": len(wrong),
        "median": {key: _median(found, key) for key in _MEDIANS},
        "median_threshold": _median(counted, "threshold"),
        "seconds_per_query": _mean(counted, "fingerprint_seconds") + _mean(counted, "match_seconds"),
        "missed": [f"{trial['file']} at {trial['start_seconds']:.1f} s" for trial in counted if not trial["found"]],
    }
    if name in SPLICES:
        worst = max((value for key, value in row["median"].items() if key.endswith("d_error") or key == "start_error"
                     if value is not None), default=None)  # fmt: skip
        row["met"] = None if worst is None else worst <= SPLICE_TARGET_SECONDS
    return row


def as_text(report: dict[str, Any], *, markdown: bool = False) -> str:
    """Return the tables of a report, to be read."""
    table = markdown_table if markdown else text_table
    corpus = report["corpus"]
    parts = [
        f"Catalogue: {corpus['recordings']} recordings, {corpus['hours']:.1f} h ({corpus['name']}); threshold: "
        f"{report['max_false_per_1000h']:g} false match per 1 000 h; "
        f"{len(report['projections'])} projection(s), none trained on what it scores."
    ]
    if report["conditions"]:
        parts.append(table(HEADER, [_cells(row) for row in report["conditions"]]))
        short = [row["condition"] for row in report["conditions"] if row["met"] is False]
        parts.append("Short of the target: " + (", ".join(short) or "none") + ".")
        parts += _wrong_names(report["trials"])
    if "false_matches" in report:
        parts += _false_match_lines(report["false_matches"], table)
    if report.get("pairs"):
        rows = [(kind, str(got["pairs"]), str(got["found"])) for kind, got in report["pairs"]["by_kind"].items()]
        parts += ["What AI systems made of known sources:", table(("kind", "pairs", "source found"), rows)]
    return "\n\n".join([*parts, facts_line(report["facts"])])


# --- helpers ----------------------------------------------------------------------------------------------------------

_MEDIANS = ("cents_error", "ratio_error_percent", "start_error", "end_error", "reference_error", "score")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="robustness", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--corpus", help="corpus folder; default: $SOURCEPRINT_CORPUS, else synthesised music")
    parser.add_argument("--conditions", help="comma-separated names; default: all but the phase-vocoder twins")
    parser.add_argument("--all", action="store_true", help="the phase-vocoder twins too")
    parser.add_argument("--only", action="append", choices=PARTS, help="measure this part only; may be repeated")
    parser.add_argument("--per-condition", type=int, default=60, metavar="N", help="excerpts per condition (60)")
    parser.add_argument("--quick", action="store_true", help="12 excerpts per condition, 8 files of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=default_cache(), help="what is kept between runs")
    parser.add_argument("--out", type=Path, help="write everything there as JSON")
    parser.add_argument("--markdown", action="store_true", help="print Markdown tables")
    return parser


def _names(asked: str | None, *, all_of_them: bool) -> list[str]:
    if asked is None:
        return [name for name, condition in CONDITIONS.items() if all_of_them or condition.group != "vocoder"]
    names = [name.strip() for name in asked.split(",") if name.strip()]
    unknown = sorted(set(names) - set(CONDITIONS))
    if unknown or not names:
        raise ParameterError(f"no condition {', '.join(unknown) or 'named'}; choose from {', '.join(CONDITIONS)}")
    return names


def _hours(corpus: Corpus) -> float:
    return sum(row.seconds for row in corpus.music) / 3600.0


def _run_trials(
    corpus: Corpus, made: tuple[Side, ...], cache: Path, names: Sequence[str], n: int, seed: int, jobs: int
) -> dict[str, list[dict[str, Any]]]:
    """Return the trials of each condition, from the cache where they are there."""
    if not names:
        return {}
    basis = [source_digest(*_CODE), Params().digest, [Path(side.index).name for side in made], n, seed]
    files = {name: cache / "trials" / f"{name}-{content_key(*basis, name)}.json" for name in names}
    missing = [name for name in names if not files[name].exists()]
    if missing:
        prepared: dict[str, Any] = {"jobs": jobs, "prepare": open_worker, "given": (corpus, made)}
        drawn = draw_excerpts(corpus, n, seed, cache / "excerpts")
        excerpts: list[Excerpt] = list(in_parallel(cut_excerpt, drawn, what="excerpts", **prepared))
        tasks = [Trial(name, excerpt, seed) for name in missing for excerpt in excerpts]
        done: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for trial in in_parallel(
            functools.partial(run_trial, cache=cache), tasks, what="distorted excerpts", **prepared
        ):
            name = trial["condition"]
            done[name].append(trial)
            if len(done[name]) == len(excerpts):
                write_atomically(files[name], json_bytes(done[name]))
    return {name: json.loads(files[name].read_text(encoding="utf-8")) for name in names}


def _median(trials: Sequence[dict[str, Any]], key: str) -> float | None:
    values = [trial[key] for trial in trials if key in trial]
    return statistics.median(values) if values else None


def _mean(trials: Sequence[dict[str, Any]], key: str) -> float:
    values = [trial[key] for trial in trials if key in trial]
    return statistics.fmean(values) if values else 0.0


def _cells(row: dict[str, Any]) -> list[str]:
    def number(key: str, digits: int) -> str:
        value = row["median"][key]
        return "-" if value is None else f"{value:.{digits}f}"

    low, high = (round(100 * end) for end in row["interval"])
    target = "" if row["target"] is None else f"{100 * row['target']:.0f}"
    return [
        row["condition"],
        str(row["n"]),
        "-" if row["share"] is None else f"{100 * row['share']:.1f}",
        f"{low}-{high}",
        f"{SPLICE_TARGET_SECONDS} s" if row["group"] == "splice" else target,
        "" if row["met"] is None else ("yes" if row["met"] else "NO"),
        str(row["first"]),
        str(row["wrong"]),
        number("cents_error", 1),
        number("ratio_error_percent", 2),
        number("start_error", 2),
        number("end_error", 2),
    ]


def _wrong_names(trials: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Return the other recordings that were reported, most frequent first, with the recording that was played."""
    seen: dict[tuple[str, str], int] = defaultdict(int)
    for trial in (trial for group in trials.values() for trial in group):
        for other in trial.get("others", ()):
            seen[trial["file"], other["id"]] += 1
    if not seen:
        return ["No other recording was reported in any trial."]
    lines = [f"{count:4d} x  {played}  gave  {other}" for (played, other), count in
             sorted(seen.items(), key=lambda item: (-item[1], item[0]))]  # fmt: skip
    return ["Other recordings that were reported (they may share material; listen):", "\n".join(lines)]


def _false_match_lines(result: dict[str, Any], table: Any) -> list[str]:
    rows = [(f"{one['false_per_1000h']:g}", f"{one['expected']:.2f}", str(one["reported"])) for one in result["limits"]]
    lines = [
        f"{result['hours']:.2f} h of music that is not in the catalogue ({result['files']} files, "
        f"{result['times_real_time']:.0f} x real time on one core):",
        table(("false per 1 000 h allowed", "expected", "reported"), rows),
    ]
    best = [
        f"{one['false_per_1000h']:9.3g} per 1 000 h, score {one['score']:.1f}: {one['file']} at "
        f"{one['query_span'][0]:.1f}-{one['query_span'][1]:.1f} s gave {one['id']} at "
        f"{one['reference_span'][0]:.1f} s, ratio {one['ratio']:.3f}"
        for one in result["reported"][:12]
    ]
    return [*lines, "The strongest of them:\n" + "\n".join(best)] if best else lines


if __name__ == "__main__":
    sys.exit(main())
