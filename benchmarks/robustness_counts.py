"""From answers to rows: how many were found, by condition, length, size of the catalogue, and threshold.

An answer is one result of `benchmarks.judging.ask`. Rows are plain JSON types, shares as `n`, `found` and the 95 %
interval, for held-out sources, development sources and all of them. Conditions that do not apply to an excerpt are
counted and left out; excerpts that could not be fingerprinted count as searched and not found.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from benchmarks.distortion.conditions import CONDITIONS
from benchmarks.harness import wilson_interval
from index.search.match import DEFAULT_FALSE_PER_1000H

__all__ = ["LENGTH_TARGETS", "STATED_LIMITS", "by_length", "by_size", "by_threshold", "summarise", "wrong_recordings"]

Answer = Mapping[str, Any]

LENGTH_TARGETS: Final[Mapping[float, tuple[float, float]]] = {
    5.0: (0.99, 0.99),
    3.0: (0.97, 0.99),
    2.0: (0.92, 0.92),
    1.0: (0.70, 0.85),
}
"""Of clean excerpts by length in seconds: share of all sources, and of held-out sources, to be found."""

CLEAN: Final = "mp3_128k"
STATED_LIMITS: Final = (1.0, 10.0, 100.0, 1000.0)
"""False matches per 1 000 hours; the first is the default."""

_MISSES_NAMED = 8
_ERRORS = ("cents_error", "ratio_error_percent", "place_error", "start_error", "end_error")


def summarise(name: str, answers: Sequence[Answer], held_out: Collection[str]) -> dict[str, Any]:
    """Return one row of the table from the answers to a condition; those not applicable are counted and left out."""
    counted = [answer for answer in answers if answer["status"] != "not applicable"]
    found = [answer for answer in counted if answer["found"]]
    condition = CONDITIONS.get(name)
    shares = _by_side(counted, held_out)
    target = condition.target if condition is not None else None
    held_out_target = condition.held_out_target if condition is not None else None
    row: dict[str, Any] = {
        "condition": name,
        "group": condition.group if condition is not None else "splice",
        "parameters": dict(condition.parameters) if condition is not None else {},
        **shares,
        "not_applicable": len(answers) - len(counted),
        "target": target,
        "met": _met(shares["all"], target),
        "held_out_target": held_out_target,
        "held_out_met": _met(shares["held_out"], held_out_target),
        "first": sum(answer["first"] for answer in found),
        "only_also_fits": sum(answer.get("only_also_fits", False) for answer in counted),
        "wrong": sum(len(_reported(answer)) for answer in counted),
        "median": {key: _median(found, key) for key in _ERRORS},
        "median_held_out": {key: _median([a for a in found if a["source"] in held_out], key) for key in _ERRORS},
        "seconds_per_query": _mean(counted, "fingerprint_seconds") + _mean(counted, "match_seconds"),
        "missed": [f"{answer['file']} at {answer['start_seconds']:.1f} s" for answer in counted if not answer["found"]][
            :_MISSES_NAMED
        ],
    }
    if condition is not None and condition.partner:
        row["both_found"] = sum(
            answer["found"] and bool(answer["also_found"]) for answer in counted if "first" in answer
        )
    return row


def by_length(name: str, seconds: float, answers: Iterable[Answer], held_out: Collection[str]) -> dict[str, Any]:
    """Return the row of one condition and length; `seconds` is 0 for whole excerpts."""
    counted = [a for a in answers if a["seconds"] == seconds and a["status"] != "not applicable"]
    shares = _by_side(counted, held_out)
    clean = name == CLEAN
    target, held_out_target = LENGTH_TARGETS.get(seconds, (None, None)) if clean else (None, None)
    return {
        "condition": name,
        "seconds": seconds or 10.0,
        **shares,
        "target": target,
        "met": _met(shares["all"], target),
        "held_out_target": held_out_target,
        "held_out_met": _met(shares["held_out"], held_out_target),
        "wrong": sum(len(_reported(answer)) for answer in counted),
        "place_error": _median([a for a in counted if a["found"]], "place_error"),
    }


def by_size(name: str, catalogues: Sequence[Mapping[str, Any]], answers: Iterable[Answer]) -> list[dict[str, Any]]:
    """Return one row per catalogue, given with its `hours`, in the order of the `index` of the answers."""
    searched = [answer for answer in answers if answer["status"] != "not applicable"]
    rows = []
    for number, known in enumerate(catalogues):
        counted = [answer for answer in searched if answer["index"] == number]
        rows.append(
            {
                "condition": name,
                **known,
                "times": known["hours"] / catalogues[0]["hours"],
                "held_out": _share(counted),
                "wrong": sum(len(_reported(answer)) for answer in counted),
                "match_seconds": _mean(counted, "match_seconds"),
            }
        )
    return rows


def by_threshold(
    answers: Sequence[Answer], held_out: Collection[str], limits: Sequence[float] = STATED_LIMITS
) -> list[dict[str, Any]]:
    """Return how many were found by group at each limit, and how many other recordings were reported at each.

    Found are those of held-out sources, `n` in all; other recordings are counted in all answers, `searched`.
    """
    searched = [a for a in answers if a["status"] != "not applicable" and a["condition"] in CONDITIONS]
    rows = []
    for group in dict.fromkeys(CONDITIONS[a["condition"]].group for a in searched):
        ours = [a for a in searched if CONDITIONS[a["condition"]].group == group]
        held = [a for a in ours if a["source"] in held_out]
        rows.append(
            {
                "group": group,
                "n": len(held),
                "found": [sum(_rate(a) <= limit for a in held) for limit in limits],
                "wrong": [sum(len(_reported(a, limit)) for a in ours) for limit in limits],
                "searched": len(ours),
            }
        )
    return rows


def wrong_recordings(answers: Iterable[Answer]) -> list[dict[str, Any]]:
    """Return the other recordings that were reported, most frequent first, with the recording that was played."""
    seen: dict[tuple[str, str], list[str]] = defaultdict(list)
    for answer in answers:
        for other in _reported(answer):
            seen[answer["file"], other["id"]].append(answer["condition"])
    listed = sorted(seen.items(), key=lambda item: (-len(item[1]), item[0]))
    return [
        {"played": played, "reported": reported, "times": len(names), "conditions": list(dict.fromkeys(names))[:4]}
        for (played, reported), names in listed
    ]


# --- helpers ----------------------------------------------------------------------------------------------------------


def _share(answers: Sequence[Answer]) -> dict[str, Any]:
    found = sum(answer["found"] for answer in answers)
    return {"n": len(answers), "found": found, "interval": list(wilson_interval(found, len(answers)))}


def _by_side(answers: Sequence[Answer], held_out: Collection[str]) -> dict[str, dict[str, Any]]:
    return {
        "held_out": _share([answer for answer in answers if answer["source"] in held_out]),
        "development": _share([answer for answer in answers if answer["source"] not in held_out]),
        "all": _share(answers),
    }


def _met(share: Mapping[str, Any], target: float | None) -> bool | None:
    return None if target is None or not share["n"] else share["found"] / share["n"] >= target - 1e-9


def _rate(answer: Answer) -> float:
    rate = answer.get("false_per_1000h")
    return float("inf") if rate is None else float(rate)


def _reported(answer: Answer, limit: float = DEFAULT_FALSE_PER_1000H) -> list[dict[str, Any]]:
    """Return the other recordings that an answer reports at a limit."""
    return [other for other in answer.get("others", ()) if other["false_per_1000h"] <= limit]


def _median(answers: Sequence[Answer], key: str) -> float | None:
    values = [answer[key] for answer in answers if key in answer]
    return statistics.median(values) if values else None


def _mean(answers: Sequence[Answer], key: str) -> float:
    values = [answer[key] for answer in answers if key in answer]
    return statistics.fmean(values) if values else 0.0
