"""A durability report as tables and figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.durability_damage import DAMAGES
from benchmarks.part import Figure, Picture, Report, Table

__all__ = ["figures", "pictures", "tables"]

PHASES: Final = {
    "segment": "writing a segment",
    "lists": "writing the lists of a segment",
    "tree": "writing a tree, in format 2",
    "manifest": "writing the new manifest",
    "switch": "renaming it over the old one",
    "clean": "deleting files it no longer names",
    "between": "computing, between two operations on the disk",
}
WANTED_KILLS: Final = 300.0
_OUTCOMES: Final = ("trials", "detected", "refused", "harmless", "wrong", "other")


def figures(report: Report) -> list[Figure]:
    """Return the figures that are compared between versions."""
    kills, cuts, faults = report["kills"], report["cuts"], report["faults"]
    n_faults = sum(row["trials"] for row in faults)
    n_failed = len(cuts["failures"]) + sum(len(row["failures"]) for row in faults)
    damage = _summed(report["damage"])
    out = [
        Figure(
            "writers killed",
            float(kills["killed"]),
            "",
            detail=f"{kills['commits']} commits acknowledged",
            target=None if report["settings"]["quick"] else WANTED_KILLS,
            headline=True,
        ),
        Figure(
            "killed writers that cost anything acknowledged, or left damage",
            float(len(kills["failures"])),
            "",
            "lower",
            detail=f"n={kills['killed']}",
            target=0.0,
            headline=True,
        ),
        Figure(
            "failing disks and power cuts that did",
            float(n_failed),
            "",
            "lower",
            detail=f"{n_faults} faults, {cuts['states']} states after {cuts['cuts']} power cuts",
            target=0.0,
            headline=True,
        ),
        Figure(
            "damaged files found by verify",
            100.0 * damage["detected"] / damage["trials"] if damage["trials"] else None,
            "%",
            detail=f"n={damage['trials']}",
            target=100.0,
            headline=True,
        ),
    ]
    for large, name in ((False, ""), (True, " of an index as if it were large")):
        counted = _summed(row for row in report["damage"] if row["large"] == large)
        out.append(
            Figure(
                f"wrong answers and unclear errors from damaged files{name}",
                float(counted["wrong"] + counted["other"]),
                "",
                "lower",
                detail=f"n={counted['trials']}",
                target=0.0,
                headline=True,
            )
        )
    out.append(Figure("crashes of the processes that did this", float(len(report["lost"])), "", "lower", target=0.0))
    return out


def tables(report: Report) -> list[Table]:
    """Return the tables."""
    kills, cuts = report["kills"], report["cuts"]
    made = [
        Table(
            "Writers killed",
            ("operation under way", "kills"),
            [(words, str(kills["phases"][phase])) for phase, words in PHASES.items() if phase in kills["phases"]],
            f"{kills['runs']} processes on {kills['chains']} indexes, {kills['killed']} of them killed, "
            f"{kills['commits']} commits acknowledged, {kills['recordings']} recordings compared; "
            f"{len(kills['failures'])} failures.",
        ),
        Table(
            "Operations that the disk refused",
            ("error", "operations refused", "trials", "clear errors", "failures"),
            [
                (
                    row["error"],
                    "one" if row["once"] else "all from one on",
                    str(row["trials"]),
                    str(row["errors"]),
                    str(len(row["failures"])),
                )
                for row in report["faults"]
            ],
            "No error is due where deleting leftovers was refused: the next writer deletes them.",
        ),
        Table(
            "Power cuts",
            ("changes to an index", "operations on the disk", "cuts", "different states checked", "failures"),
            [
                (
                    str(cuts["sequences"]),
                    str(cuts["operations"]),
                    str(cuts["cuts"]),
                    str(cuts["states"]),
                    str(len(cuts["failures"])),
                )
            ],
        ),
        *(_damage_table(report["damage"], large=large) for large in (False, True)),
    ]
    failures = [*kills["failures"], *cuts["failures"], *report["lost"]]
    failures += [failure for row in report["faults"] for failure in row["failures"]]
    examples = [f"{_size(row['large'])}: {text}" for row in report["damage"] for text in row["examples"]]
    if failures or examples:
        made.append(Table("Failures", ("failure",), [(text,) for text in _first([*failures, *examples], 40)]))
    return made


def pictures(report: Report, folder: Path) -> list[Picture]:
    """Return no pictures: counts of nothing need none."""
    return []


def _damage_table(rows: Sequence[dict[str, Any]], *, large: bool) -> Table:
    here = [row for row in rows if row["large"] == large]
    groups = {
        f"`{file}`": [row for row in here if row["file"] == file] for file in sorted({row["file"] for row in here})
    }
    groups |= {damage: [row for row in here if row["damage"] == damage] for damage in DAMAGES}
    groups["all"] = here
    return Table(
        f"Damaged files of {_size(large)}",
        ("file, or kind of damage", "trials", "found by verify", "refused in use", "harmless", "WRONG", "other error"),
        [(name, *_cells(_summed(rows_of))) for name, rows_of in groups.items()],
    )


def _size(large: bool) -> str:
    return "a large index, read as it is used" if large else "an index that is read in full when it is opened"


def _summed(rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    total = dict.fromkeys(_OUTCOMES, 0)
    for row in rows:
        for outcome in _OUTCOMES:
            total[outcome] += row[outcome]
    return total


def _cells(counted: dict[str, int]) -> tuple[str, ...]:
    return tuple(str(counted[outcome]) for outcome in _OUTCOMES)


def _first(texts: Sequence[str], n: int) -> list[str]:
    more = len(texts) - n
    return [*texts[:n], *([f"and {more} more"] if more > 0 else [])]
