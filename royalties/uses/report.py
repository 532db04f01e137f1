"""What an attribution did, and lists of uses, as people and programs read them.

In come an `AttributionReport` or uses; out come text, plain JSON types, or a file of JSON Lines with one use per line,
in the fields of `royalties.uses.use`.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fingerprint.errors import printable
from index.durable import FileEntry, refusals, sync_folder, write_chunks
from royalties.canonical import canonical_json
from royalties.uses.use import Use, use_to_json

__all__ = ["AttributionReport", "report_text", "report_to_json", "uses_text", "uses_to_jsonl"]

SCHEMA = "sourceprint/attribution/1"
_SHOWN = 10
_TITLES = ("use", "state", "track", "of", "from", "to", "seconds", "licence", "rule")


@dataclass(frozen=True, slots=True)
class AttributionReport:
    """What an attribution did.

    Attributes
    ----------
    attribution_id : int or None
        None where nothing changed.
    licensee, policy_name, policy_digest : str
    rights_revision : int
    results_sha256 : str
        Of the file of results.
    tracks : dict of str to int
        Results by status; all but `matched` and `no_match` could not be searched, and their earlier uses stay.
    repeated : int
        Results that say the same of the same track as an earlier one.
    segments : int
        Matched passages.
    states : dict of str to (int, int)
        Uses, and their attributed microseconds, by the state that the policy gives them.
    outcomes : dict of str to int
        What licences say, counted by use and territory.
    added, unchanged, superseded : int
        Uses.
    carried_over : int
        States given by people that went on to the use in place of a superseded one.
    decisions_without_use : tuple of str
        Ids of superseded uses with such a state, of which there is nothing in place.
    usage_without_result : tuple of str
        Tracks of the usage that are not among the results.
    """

    attribution_id: int | None
    licensee: str
    policy_name: str
    policy_digest: str
    rights_revision: int
    results_sha256: str
    tracks: dict[str, int]
    repeated: int
    segments: int
    states: dict[str, tuple[int, int]]
    outcomes: dict[str, int]
    added: int
    unchanged: int
    superseded: int
    carried_over: int
    decisions_without_use: tuple[str, ...]
    usage_without_result: tuple[str, ...]

    @property
    def n_failed(self) -> int:
        """How many tracks could not be searched."""
        return sum(n for status, n in self.tracks.items() if status not in ("matched", "no_match"))


def report_to_json(report: AttributionReport) -> dict[str, Any]:
    """Return a report as plain JSON types; attributed time in microseconds."""
    fields = asdict(report)
    fields["states"] = {s: {"uses": n, "attributed_us": us} for s, (n, us) in report.states.items()}
    fields["decisions_without_use"] = list(report.decisions_without_use)
    fields["usage_without_result"] = list(report.usage_without_result)
    return {"schema": SCHEMA, **fields}


def report_text(report: AttributionReport) -> str:
    """Return a report for people, one fact per line."""
    tracks = ", ".join(f"{n} {status}" for status, n in report.tracks.items()) or "none"
    lines = [
        f"tracks      {sum(report.tracks.values())} ({tracks}), {report.segments} segments",
        f"policy      {report.policy_name} {report.policy_digest}",
        f"rights      revision {report.rights_revision}",
        *(f"{state:<11} {n} uses, {_seconds(us)} s" for state, (n, us) in report.states.items()),
        "licences    " + (", ".join(f"{n} {outcome}" for outcome, n in report.outcomes.items()) or "nothing to apply"),
        f"ledger      {report.added} added, {report.unchanged} unchanged, {report.superseded} superseded"
        + (f"; attribution {report.attribution_id}" if report.attribution_id is not None else "; nothing changed"),
    ]
    if report.repeated:
        lines.append(f"note        {report.repeated} results repeat an earlier one of the same track")
    if report.n_failed:
        lines.append(f"note        {report.n_failed} tracks could not be searched; their earlier uses stay as they are")
    if report.carried_over:
        lines.append(f"note        {report.carried_over} states given by people went on to the uses in place")
    if report.decisions_without_use:
        lines.append(f"check       states given by people to uses now gone: {_some(report.decisions_without_use)}")
    if report.usage_without_result:
        lines.append(f"check       tracks of the usage without a result: {_some(report.usage_without_result)}")
    return "\n".join(lines)


def uses_text(uses: Iterable[Use]) -> str:
    """Return uses as a table for people, one per line, in the order given."""
    rows = [_TITLES, *(_cells(use) for use in uses)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_TITLES) - 1)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in rows
    )


def uses_to_jsonl(path: Path, uses: Iterable[Use]) -> FileEntry:
    """Write uses as JSON Lines, replacing the file in one step; return its size and checksum.

    Raises
    ------
    StorageFullError
        If the disk is full; the file is as it was.
    CatalogueError
        If the system refuses otherwise.
    """
    temporary = path.with_name(path.name + ".tmp")
    with refusals(temporary):
        temporary.unlink(missing_ok=True)
    entry = write_chunks(temporary, _lines(uses))
    with refusals(path):
        os.replace(temporary, path)
    sync_folder(path.parent)
    return entry


def _lines(uses: Iterable[Use]) -> Iterator[bytes]:
    for use in uses:
        yield (canonical_json(use_to_json(use)) + "\n").encode("utf-8")


def _cells(use: Use) -> tuple[str, ...]:
    licences = sorted({outcome.licence_id or outcome.outcome for outcome in use.outcomes})
    return (
        use.id,
        use.state,
        printable(use.track_name),
        use.recording_id or ", ".join(use.work_ids) or use.asset_id,
        _seconds(1000 * use.spans[0].start_ms) if use.spans else "",
        _seconds(1000 * use.spans[-1].end_ms) if use.spans else "",
        _seconds(use.attributed_us),
        ", ".join(licences),
        printable(use.state_rule),
    )


def _seconds(microseconds: int) -> str:
    """Return seconds with three decimals, rounded down."""
    return f"{microseconds // 1_000_000}.{microseconds // 1000 % 1000:03d}"


def _some(names: tuple[str, ...]) -> str:
    shown = ", ".join(printable(name) for name in names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
